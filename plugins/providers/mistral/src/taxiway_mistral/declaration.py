"""Mistral, declared.

Sources: docs.mistral.ai (API reference of chat completions and embeddings; reasoning; rate limits); what its Python SDK takes;
errors and headers as recorded, and as users reported them.
"""

from typing import Final

from taxiway.candidate import Unit
from taxiway_openai_compatible import BEYOND, INSIDE, ErrorRow, LimitRow, ModelRow, Shape, from_environment, paths_of

_MONTH: Final = 30 * 86_400.0


def _limit(unit: Unit, name: str, window: float, form: str = "x-ratelimit-{}-{}") -> LimitRow:
    """A limit whose reset is not told: its window is in the header's name."""
    return LimitRow(
        unit=unit, limit=form.format("limit", name), remaining=form.format("remaining", name), window=window
    )


MISTRAL = Shape(
    slug="mistral",
    name="Mistral",
    base_url="https://api.mistral.ai/v1",
    catalog="mistral",
    paths=paths_of("chat", "embeddings"),
    renames={"seed": "random_seed", "dimensions": "output_dimension"},
    # A field that is not known is a 422 ("Extra inputs are not permitted"), whatever it asks for.
    refuses=BEYOND.union(
        "reasoning include_reasoning cache_control max_completion_tokens min_p top_a logit_bias verbosity "
        "web_search_options modalities image_config audio user input_type safety_identifier prompt_cache_options store "
        "prompt_cache_retention refusal annotations images".split()
    ),
    plain_refuses=INSIDE | {"reasoning_effort"},
    # The nearest that there is.
    efforts={"minimal": "low", "xhigh": "high", "max": "high"},
    models=(
        ModelRow(
            ids=("mistral-small-*", "mistral-medium-*"),
            efforts={"minimal": "none", **dict.fromkeys(("low", "medium", "xhigh", "max"), "high")},
        ),
        # They reason always.
        ModelRow(ids=("magistral-*",), refuses=frozenset({"reasoning_effort"})),
    ),
    prefill=True,
    # Usage comes unasked, in the chunk with the finish reason.
    stream_options=False,
    charges="usage",
    errors=(
        ErrorRow(kind="not_found", codes=("invalid_model", "1500")),
        # "Logprobs are not enabled for this model" and its like.
        ErrorRow(
            kind="unsupported_here",
            statuses=(400, 422),
            message=r"(?:enabled|supported|available) (?:for|by) this model",
        ),
        ErrorRow(
            kind="quota_exhausted", statuses=(401, 402, 403, 429), message="usage limit reached|inactive subscription"
        ),
        ErrorRow(kind="context_length", message="too large for model with"),
        ErrorRow(kind="rate_limited", codes=("rate_limited", "service_tier_capacity_exceeded", "1300", "3505")),
        ErrorRow(kind="overloaded", codes=("service_unavailable", "3700")),
    ),
    limits=(
        _limit("requests", "req-minute", 60.0),
        _limit("tokens", "tokens-minute", 60.0),
        _limit("tokens", "tokens-month", _MONTH),
        _limit("audio-seconds", "audio-seconds-minute", 60.0),
        # As it was until 2025; it told when a minute's tokens are fresh again.
        _limit("tokens", "month", _MONTH, "x-ratelimitbysize-{}-{}"),
        LimitRow(
            unit="tokens",
            limit="ratelimitbysize-limit",
            remaining="ratelimitbysize-remaining",
            reset="ratelimitbysize-reset",
            form="seconds",
        ),
    ),
)

ENVIRONMENT = from_environment("mistral", ("MISTRAL_API_KEY",))
