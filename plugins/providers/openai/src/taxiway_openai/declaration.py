"""OpenAI, declared.

Sources: platform.openai.com/docs: guides/error-codes, guides/rate-limits (headers), guides/reasoning, models (which API each has),
api-reference/authentication (organization and project headers), api-reference/responses (codes of failed ones); errors and headers as
recorded.
"""

from attrs import field, frozen

from taxiway.candidate import Unit
from taxiway.catalog import CatalogModel
from taxiway.money import Price
from taxiway_openai_compatible import (
    BEYOND,
    ErrorRow,
    LimitRow,
    ModelRow,
    Settings,
    Shape,
    TierRow,
    from_environment,
    paths_of,
)


@frozen(kw_only=True)
class OpenAISettings(Settings):
    """The `settings` of a credential: another address, and what the key is billed to where it may use several."""

    organization: str | None = field(default=None, metadata={"header": "openai-organization"})
    project: str | None = field(default=None, metadata={"header": "openai-project"})


def _limit(unit: Unit, name: str) -> LimitRow:
    return LimitRow(
        unit=unit,
        limit=f"x-ratelimit-limit-{name}",
        remaining=f"x-ratelimit-remaining-{name}",
        reset=f"x-ratelimit-reset-{name}",
        # A minute's and a day's limit come under the same name.
        window=None,
        refills=True,
    )


SAMPLING = frozenset("temperature top_p presence_penalty frequency_penalty logprobs top_logprobs logit_bias".split())

THOUGHTLESS = frozenset({"temperature", "top_p", "logprobs", "top_logprobs"})

TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})

PICTURES = tuple(
    (
        "invalid_image invalid_image_format invalid_base64_image invalid_image_url invalid_image_mode image_too_large image_too_small "
        "image_parse_error image_file_too_large image_file_not_found empty_image_file unsupported_image_media_type "
        "failed_to_download_image"
    ).split()
)
"""Codes of what is wrong with a picture."""

OLD = tuple(
    CatalogModel(
        id=name, slug=f"openai/{name}", name=name, price=Price(input=into / 1e6, output=out / 1e6), context=context
    )
    for name, into, out, context in (
        ("gpt-3.5-turbo-instruct", 1.5, 2.0, 4096),
        ("davinci-002", 2.0, 2.0, 16_384),
        ("babbage-002", 0.4, 0.4, 16_384),
    )
)
"""Models of the legacy completions, which the catalog does not know; USD per million tokens."""

MODELS = (
    ModelRow(ids=("*",), dialects=("chat", "responses", "embeddings")),
    # These go on with a text, no more.
    ModelRow(ids=("*-instruct*", "davinci-*", "babbage-*"), dialects=("completions",)),
    # Pictures are made by another API.
    ModelRow(ids=("*image*",), dialects=()),
    # What they thought is told, and kept from one turn to the next, in the Responses API only.
    ModelRow(
        ids=("o1*", "o3*", "o4*", "gpt-5*", "gpt-6*"),
        dialects=("responses", "chat"),
        elsewhere=frozenset({"reasoning", "web_search_options"}),
    ),
    # The catalog says that it has none; recorded, it calls them (guides/function-calling).
    ModelRow(ids=("gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106"), takes=TOOLS),
    # They always reason (guides/reasoning): who asks for none, as Claude Code does, gets the least that there is.
    ModelRow(ids=("o1*", "o3*", "o4*"), efforts={"none": "low", "minimal": "low", "xhigh": "high"}),
    ModelRow(ids=("gpt-5", "gpt-5-20*", "gpt-5-mini*", "gpt-5-nano*"), efforts={"none": "minimal", "xhigh": "high"}),
    # "Function tools with reasoning_effort are not supported in /v1/chat/completions", and most reason unless they are told not to.
    ModelRow(ids=("gpt-5.[2-9]*", "gpt-6*"), elsewhere=frozenset({"tools"})),
    # They don't reason unless they are told to, and take these as long as they don't.
    ModelRow(ids=("gpt-5.1*", "gpt-5.2*", "gpt-5.4*"), takes=THOUGHTLESS, thinking_refuses=THOUGHTLESS),
    ModelRow(ids=("gpt-5.*-pro*", "gpt-5.*-codex*", "gpt-5.*-chat-*"), refuses=THOUGHTLESS),
    # "This model is only supported in v1/responses": the models' own pages.
    ModelRow(ids=("o1-pro*", "o3-pro*", "gpt-5*-pro*", "*codex*", "*deep-research*"), dialects=("responses",)),
    # Sound, and the search of chat completions, are not in the Responses API.
    ModelRow(ids=("gpt-audio*", "*-audio-preview*", "*-search-preview*"), dialects=("chat",)),
    # guides/tools-web-search: the first search in chat completions, the others by a tool of the Responses API.
    ModelRow(
        ids=("*-search-preview*", "*-search-api*", "o3", "o3-20*", "o3-pro*", "o4-mini*", "gpt-5*", "gpt-6*"),
        takes=frozenset({"web_search_options"}),
    ),
    # Recorded of gpt-5-mini; o1 and o3-mini take it.
    ModelRow(ids=("o3", "o3-20*", "o3-pro*", "o3-deep*", "o4-*", "gpt-5*"), refuses=frozenset({"stop"})),
    # It does not reason, whatever the catalog says.
    ModelRow(
        ids=("gpt-5-chat-latest",),
        refuses=frozenset({"reasoning_effort", "verbosity"}),
        takes=SAMPLING | {"max_tokens", "stop"},
    ),
)

PRIORITY = (
    (("gpt-5.5",), 12.5, 1.25, 75.0),
    (("gpt-5.4",), 5.0, 0.5, 30.0),
    (("gpt-5.4-mini",), 1.5, 0.15, 9.0),
    (("gpt-5.2",), 3.5, 0.35, 28.0),
    (("gpt-5", "gpt-5.1", "gpt-5-codex", "gpt-5.1-codex"), 2.5, 0.25, 20.0),
    (("gpt-5-mini",), 0.45, 0.045, 3.6),
    (("gpt-4.1",), 3.5, 0.875, 14.0),
    (("gpt-4.1-mini",), 0.7, 0.175, 2.8),
    (("gpt-4.1-nano",), 0.2, 0.05, 0.8),
    (("gpt-4o",), 4.25, 2.125, 17.0),
    (("gpt-4o-mini",), 0.25, 0.125, 1.0),
)
"""USD per million tokens at the tier `priority` (openai.com/api-priority-processing): input, cached input, output."""

FLEX = (
    "o3 o3-20* o4-mini o4-mini-20* gpt-5 gpt-5-20* gpt-5-mini gpt-5-mini-20* gpt-5-nano gpt-5-nano-20* gpt-5.[1-9] gpt-5.[1-9]-20* "
    "gpt-5.[1-9]-mini* gpt-5.[1-9]-nano*"
).split()
"""Models that run at the tier `flex`, for the half (guides/flex-processing: at the prices of batches)."""

TIERS = (
    *(
        TierRow(
            tier="priority",
            ids=(*names, *(f"{name}-20*" for name in names)),
            price=Price(input=into / 1e6, cache_read=cached / 1e6, output=out / 1e6),
        )
        for names, into, cached, out in PRIORITY
    ),
    TierRow(tier="flex", ids=tuple(FLEX), share=0.5),
)

OPENAI = Shape(
    slug="openai",
    name="OpenAI",
    base_url="https://api.openai.com/v1",
    catalog="openai",
    paths=paths_of("chat", "responses", "completions", "embeddings"),
    adds=OLD,
    models=MODELS,
    tiers=TIERS,
    # "Unrecognized request argument supplied" is the answer to each of these.
    refuses=BEYOND.union(
        "reasoning include_reasoning reasoning_content reasoning_details cache_control top_k min_p top_a "
        "repetition_penalty image_config".split()
    ),
    # "Unsupported parameter" or "unsupported value": guides/reasoning, limitations.
    reasoning_refuses=SAMPLING | {"max_tokens"},
    plain_refuses=frozenset({"reasoning_effort", "verbosity"}),
    # What all servers of this shape say in the same words is not repeated here.
    errors=(
        ErrorRow(
            kind="quota_exhausted",
            codes=(
                "billing_hard_limit_reached",
                "organization_spend_limit_exceeded",
                "organization_usage_limit_exceeded",
                "project_spend_limit_exceeded",
            ),
        ),
        ErrorRow(kind="credential_invalid", codes=("account_deactivated", "invalid_organization")),
        # A restricted key: it is good, but not for this.
        ErrorRow(kind="permission_denied", statuses=(401, 403), message="insufficient permissions|missing scopes"),
        ErrorRow(kind="permission_denied", codes=("unsupported_country_region_territory",), scope="account"),
        # One request that alone is more than the account's limit: no waiting helps, and other requests fit.
        ErrorRow(kind="rate_limited", statuses=(429,), message="request too large", scope="none"),
        ErrorRow(kind="overloaded", codes=("service_unavailable_error",)),
        ErrorRow(kind="overloaded", statuses=(429,), message="engine is currently overloaded"),
        ErrorRow(kind="context_length", codes=("string_above_max_length",)),
        ErrorRow(
            kind="content_policy",
            codes=(
                "moderation_blocked",
                "invalid_prompt",
                "image_content_policy_violation",
                "bio_policy",
                "misalignment_policy_violation",
            ),
        ),
        # What is encrypted can only be read by who wrote it: another organization's, or another provider's.
        ErrorRow(kind="unsupported_here", codes=("unsupported_model", "unsupported_file", "invalid_encrypted_content")),
        ErrorRow(
            kind="unsupported_here",
            message=r"not supported (?:with this model|in the v1/)|only supported in v1/|not supported for \S+ in /v1/",
        ),
        ErrorRow(kind="permission_denied", codes=("data_residency_mismatch",)),
        ErrorRow(kind="permission_denied", message="organization must be verified"),
        # Inside a stream there is no status that says whose fault it is.
        ErrorRow(kind="invalid_request", codes=PICTURES),
        ErrorRow(kind="unavailable", codes=("server_error", "internal_server_error")),
    ),
    limits=(_limit("requests", "requests"), _limit("tokens", "tokens"), _limit("images", "input-images")),
)

ENVIRONMENT = from_environment(
    "openai", ("OPENAI_API_KEY",), {"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
)
