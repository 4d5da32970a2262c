"""xAI, declared.

Sources: docs.x.ai: REST API reference, debugging errors, rate limits, cost tracking, reasoning; errors and headers as recorded,
and as users reported them.
"""

from taxiway_openai_compatible import BEYOND, ErrorRow, LimitRow, ModelRow, Shape, from_environment, paths_of

XAI = Shape(
    slug="xai",
    name="xAI",
    base_url="https://api.x.ai/v1",
    catalog="xai",
    paths=paths_of("chat", "responses"),
    # Tells of the key itself, also where it may use no model.
    probe="/api-key",
    # `reasoning_content` is xAI's own: a turn's thoughts may be sent back with it.
    refuses=BEYOND.union(
        "reasoning include_reasoning reasoning_details cache_control top_k min_p top_a repetition_penalty "
        "image_config".split()
    ),
    # "Argument not supported on this model". `stop` is refused too, but what was asked for with it can't be left out.
    reasoning_refuses=frozenset({"presence_penalty", "frequency_penalty"}),
    plain_refuses=frozenset({"reasoning_effort"}),
    models=(
        # They reason as much as they see fit.
        ModelRow(
            ids=("grok-4", "grok-4-*", "grok-4.20*", "grok-build*", "grok-code*"),
            refuses=frozenset({"reasoning_effort"}),
        ),
        ModelRow(ids=("*multi-agent*",), dialects=("responses",), takes=frozenset({"reasoning_effort"})),
    ),
    # All tokens count, also those of the answer and of reasoning.
    charges="usage",
    errors=(
        # A wrong key is a 400, a leaked one a 403.
        ErrorRow(
            kind="credential_invalid", message=r"incorrect api key|api key is (?:currently )?(?:blocked|disabled)"
        ),
        ErrorRow(
            kind="quota_exhausted",
            message="doesn't have any credits|used all available credits|reached its monthly spending limit",
        ),
        ErrorRow(kind="content_policy", message="violates usage guidelines|safety_check_type"),
        ErrorRow(kind="context_length", message="maximum prompt length is"),
        ErrorRow(kind="unsupported_here", message="argument not supported on this model|does not support parameter"),
        ErrorRow(kind="not_found", statuses=(400, 404), message="model not found|does not exist or your team"),
    ),
    limits=(
        # The limit is of a minute, but it is enforced by the second.
        LimitRow(
            unit="requests",
            limit="x-ratelimit-limit-requests",
            remaining="x-ratelimit-remaining-requests",
            refills=True,
        ),
        LimitRow(unit="tokens", limit="x-ratelimit-limit-tokens", remaining="x-ratelimit-remaining-tokens"),
    ),
)

ENVIRONMENT = from_environment("xai", ("XAI_API_KEY",))
