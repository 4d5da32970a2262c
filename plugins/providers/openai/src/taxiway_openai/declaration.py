"""OpenAI, declared.

Sources: platform.openai.com/docs: guides/error-codes, guides/rate-limits (headers), guides/reasoning,
api-reference/authentication (organization and project headers); errors and headers as recorded.
"""

from attrs import field, frozen

from taxiway.candidate import Unit
from taxiway_openai_compatible import BEYOND, ErrorRow, LimitRow, Settings, Shape, from_environment


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


OPENAI = Shape(
    slug="openai",
    name="OpenAI",
    base_url="https://api.openai.com/v1",
    catalog="openai",
    # "Unrecognized request argument supplied" is the answer to each of these.
    refuses=BEYOND.union(
        "reasoning include_reasoning reasoning_content reasoning_details cache_control top_k min_p top_a "
        "repetition_penalty image_config".split()
    ),
    reasoning_refuses=frozenset({"max_tokens"}),
    plain_refuses=frozenset({"reasoning_effort"}),
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
        ErrorRow(kind="content_policy", codes=("moderation_blocked", "invalid_prompt")),
        ErrorRow(kind="unsupported_here", codes=("unsupported_model",)),
        ErrorRow(kind="unavailable", codes=("server_error", "internal_server_error")),
    ),
    limits=(_limit("requests", "requests"), _limit("tokens", "tokens"), _limit("images", "input-images")),
)

ENVIRONMENT = from_environment(
    "openai", ("OPENAI_API_KEY",), {"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
)
