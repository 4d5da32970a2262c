"""Azure, declared: its errors, its limits, what is known of the models there, and what the environment offers.

Sources: learn.microsoft.com: Azure OpenAI REST API reference, quotas and limits, content filtering, reasoning models, Responses API,
Foundry Models endpoints; errors and headers as recorded, and as users reported them.
"""

from collections.abc import Iterable, Mapping

from taxiway.candidate import Credential, Unit
from taxiway_azure.addresses import is_azures
from taxiway_openai_compatible import ErrorRow, LimitRow, ModelRow, Shape, from_environment, paths_of


def _limit(unit: Unit) -> LimitRow:
    return LimitRow(
        unit=unit,
        limit=f"x-ratelimit-limit-{unit}",
        remaining=f"x-ratelimit-remaining-{unit}",
        # Whole seconds; -1 where it is not known, which makes no sense and is left out.
        reset=f"x-ratelimit-reset-{unit}",
        form="seconds",
        # The minute's limit is enforced over one or ten seconds.
        refills=True,
    )


AZURE = Shape(
    slug="azure",
    name="Azure",
    base_url="https://openai.azure.com",
    auth_header="api-key",
    auth_scheme="",
    catalog="azure",
    paths=paths_of("chat", "responses", "completions", "embeddings"),
    refuses=frozenset(
        "reasoning include_reasoning reasoning_content reasoning_details cache_control top_k min_p top_a "
        "repetition_penalty image_config".split()
    ),
    plain_refuses=frozenset({"reasoning_effort"}),
    models=(
        ModelRow(ids=("*",), dialects=("chat", "responses", "embeddings")),
        ModelRow(ids=("gpt-3.5-turbo-instruct*",), dialects=("completions",)),
        # "Unsupported parameter": they take max_completion_tokens.
        ModelRow(ids=("gpt-5*", "o1*", "o3*", "o4*"), refuses=frozenset({"max_tokens"})),
        ModelRow(ids=("codex-mini*", "*-codex*", "gpt-5*-pro*", "o1-pro*", "o3-pro*"), dialects=("responses",)),
        # Of other makers: the inference API's names of parameters, and no responses.
        ModelRow(
            ids=tuple(
                f"{name}*"
                for name in "codestral cohere deepseek grok kimi llama mai- meta- ministral mistral model-router phi".split()
            ),
            dialects=("chat", "embeddings"),
            refuses=frozenset({"max_completion_tokens"}),
        ),
        # Claude is behind an API of Anthropic's shape there.
        ModelRow(ids=("claude*",), dialects=()),
    ),
    charges="admission",
    errors=(
        ErrorRow(kind="not_found", codes=("DeploymentNotFound", "unknown_model"), scope="candidate"),
        # The account's version does not know what is asked for.
        ErrorRow(
            kind="not_found",
            codes=("BadRequest", "404"),
            message="api version not supported|resource not found",
            scope="candidate",
        ),
        ErrorRow(kind="unsupported_here", codes=("OperationNotSupported",)),
        # An identity without a role is a 401 too.
        ErrorRow(kind="permission_denied", codes=("PermissionDenied",), scope="account"),
        ErrorRow(
            kind="permission_denied", statuses=(403,), message="virtual network|firewall|public access", scope="account"
        ),
        ErrorRow(kind="overloaded", codes=("NoCapacity",)),
        ErrorRow(kind="overloaded", statuses=(429,), message="high demand|at capacity"),
        ErrorRow(kind="content_policy", codes=("ResponsibleAIPolicyViolation", "content_filter", "moderation_blocked")),
        # Grok's own words.
        ErrorRow(kind="context_length", message="maximum prompt length is"),
        ErrorRow(kind="unsupported_here", message="argument not supported on this model|does not support parameter"),
    ),
    limits=(_limit("requests"), _limit("tokens")),
)

TOKENS = ErrorRow(kind="token_expired", statuses=(401,), message="access token is missing, invalid")
"""What a token that is too old is answered with; a key of the wrong form is, too."""

_OFFERED = {
    "AZURE_RESOURCE_NAME": from_environment("azure", ("AZURE_API_KEY",), {"resource": "AZURE_RESOURCE_NAME"}),
    "AZURE_OPENAI_ENDPOINT": from_environment(
        "azure", ("AZURE_OPENAI_API_KEY",), {"endpoint": "AZURE_OPENAI_ENDPOINT"}
    ),
}
"""By the variable that says where: which key belongs to it."""


def offered(environment: Mapping[str, str]) -> Iterable[Credential]:
    """Offer the first key that the environment has a place for. An endpoint counts only at a host of Azure's."""
    for place, offer in _OFFERED.items():
        value = environment.get(place, "")
        if value and (place == "AZURE_RESOURCE_NAME" or is_azures(value)) and (found := list(offer(environment))):
            return found
    return ()
