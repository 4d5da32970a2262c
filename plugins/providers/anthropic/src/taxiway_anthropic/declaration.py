"""Anthropic, declared.

Sources: platform.claude.com/docs: api/overview (authentication, versions), api/errors, api/rate-limits, api/models; errors and headers as
recorded.
"""

from taxiway.candidate import Unit
from taxiway_anthropic_messages import ERRORS, VERSION
from taxiway_openai_compatible import LimitRow, Shape, from_environment


def _limit(unit: Unit) -> LimitRow:
    return LimitRow(
        unit=unit,
        limit=f"anthropic-ratelimit-{unit}-limit",
        remaining=f"anthropic-ratelimit-{unit}-remaining",
        reset=f"anthropic-ratelimit-{unit}-reset",
        form="rfc3339",
        # A bucket: it refills all the time, and `reset` says when it is full.
        refills=True,
    )


ANTHROPIC = Shape(
    slug="anthropic",
    name="Anthropic",
    base_url="https://api.anthropic.com/v1",
    auth_header="x-api-key",
    auth_scheme="",
    paths={"messages": "/messages", "count-tokens": "/messages/count_tokens"},
    headers={"anthropic-version": VERSION},
    catalog="anthropic",
    # What the API has no place for, its dialect says.
    refuses=frozenset(),
    # Output as it comes, not max_tokens; what a cache was read for does not count.
    charges="usage",
    errors=ERRORS,
    limits=(_limit("requests"), _limit("input-tokens"), _limit("output-tokens"), _limit("tokens")),
)

ENVIRONMENT = from_environment("anthropic", ("ANTHROPIC_API_KEY",))
