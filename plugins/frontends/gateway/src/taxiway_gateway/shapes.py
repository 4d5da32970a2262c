"""What management routes answer with, in OpenRouter's shapes (openrouter.ai/docs/api-reference).

Its official SDK is strict: keys that it calls required are there even where nothing is known, as null.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from attrs import frozen

from taxiway.call import Caller
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.history import BAD, GOOD, LATENCY, THROUGHPUT, Figures
from taxiway.money import Price
from taxiway.outcome import AttemptRecord, Generation
from taxiway.presets import Preset
from taxiway.store import Spend

UNKNOWN_PRICE: Final = "-1"
"""OpenRouter's own mark of a price that can't be told."""

_PRICES: Final = {
    "prompt": "input",
    "completion": "output",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write_5m",
    "input_cache_write_1h": "cache_write_1h",
    "internal_reasoning": "reasoning",
    "audio": "audio_in",
    "audio_output": "audio_out",
    "image_token": "image_in",
    "image_output": "image_out",
}
_NEVER: Final = "1970-01-01T00:00:00Z"
_API_TYPES: Final = {"chat": "completions"}
_UNLIMITED: Final = {"limit": -1, "used": 0, "remaining": -1}


_ENOUGH: Final = 5
"""Uptime and percentiles of fewer attempts say nothing."""

Known: TypeAlias = Callable[[Endpoint, float], Figures | None]
"""What was counted of an endpoint in so many seconds (`Router.figures`)."""


@frozen
class Offered:
    """What a key can ask for: a model, or a name of the owner's own, which tries several (`tries`) one after the other.

    `endpoints` are those of all its models, in that order; `able` those of the first one, which say what it is able to do.
    """

    slug: str
    endpoints: Sequence[Endpoint]
    tries: tuple[str, ...] = ()

    @property
    def able(self) -> Sequence[Endpoint]:
        """The endpoints of the first model, at no other service tier than the usual one."""
        first = [endpoint for endpoint in self.endpoints if endpoint.model == self.endpoints[0].model]
        return [endpoint for endpoint in first if not endpoint.tier] or first

    def told(self, endpoint: Endpoint) -> Json:
        """Return how it is called and described; a model as the endpoint has it."""
        if self.tries:
            return {"id": self.slug, "name": self.slug, "description": f"Tries {', then '.join(self.tries)}."}
        return {"id": self.slug, "name": endpoint.name or self.slug, "description": endpoint.description}


def model(offered: Offered, link: str) -> Json:
    """Return a row of `GET /models`: a model as its cheapest endpoint has it. `link` is the path of its endpoints."""
    slug, endpoints = offered.slug, offered.able
    best = min(endpoints, key=_cheapness)
    return {
        **offered.told(best),
        "canonical_slug": slug,
        "object": "model",
        "owned_by": slug.partition("/")[0],
        "created": best.created,
        "context_length": best.context,
        "architecture": architecture(endpoints),
        "pricing": pricing(best.price),
        "top_provider": {
            "is_moderated": False,
            "context_length": best.context,
            "max_completion_tokens": best.max_output,
        },
        "per_request_limits": None,
        "supported_parameters": sorted({name for endpoint in endpoints for name in endpoint.parameters or ()}),
        "default_parameters": None,
        "supported_voices": None,
        "links": {"details": link},
    }


def model_endpoints(offered: Offered, figures: Known) -> Json:
    """Return the answer of `GET /models/{author}/{slug}/endpoints`."""
    first = offered.endpoints[0]
    return {
        **offered.told(first),
        "created": first.created,
        "architecture": {**architecture(offered.able), "tokenizer": None, "instruct_type": None},
        "endpoints": [_endpoint(endpoint, figures) for endpoint in offered.endpoints],
    }


def architecture(endpoints: Sequence[Endpoint]) -> Json:
    """Return what a model takes and gives."""
    inputs = sorted({kind for endpoint in endpoints for kind in endpoint.inputs}, key=_MODALITIES.index)
    outputs = outputs_of(endpoints)
    return {
        "modality": f"{'+'.join(inputs)}->{'+'.join(outputs)}",
        "input_modalities": inputs,
        "output_modalities": outputs,
    }


def outputs_of(endpoints: Sequence[Endpoint]) -> list[str]:
    """Return the modalities that come out, `embeddings` for what makes no text."""
    kinds = {
        kind
        for endpoint in endpoints
        for kind in (endpoint.outputs if "chat" in endpoint.dialects else endpoint.dialects)
    }
    return sorted(kinds)


def pricing(price: Price) -> Json:
    """Return a price in USD per token, as decimal strings; only what is known."""
    told = {name: _decimal(getattr(price, part)) for name, part in _PRICES.items() if getattr(price, part) is not None}
    if price.request:
        told["request"] = _decimal(price.request)
    return {"prompt": UNKNOWN_PRICE, "completion": UNKNOWN_PRICE, **told}


def key(caller: Caller, spent: Sequence[Spend]) -> Json:
    """Return the answer of `GET /key`. `spent`: in all, today, this week, this month.

    `usage` is the sum of what replies said in `usage.cost`; `byok_usage` is how much of it providers bill the owner for.
    """
    names = ("", "_daily", "_weekly", "_monthly")
    costs = {
        f"{kind}{name}": spend.cost
        for kind in ("usage", "byok_usage")
        for name, spend in zip(names, spent, strict=True)
    }
    return {
        "label": caller.label,
        **costs,
        "limit": None,
        "limit_remaining": None,
        "limit_reset": None,
        "include_byok_in_limit": True,
        "is_free_tier": False,
        "is_management_key": False,
        "is_provisioning_key": False,
        "creator_user_id": None,
        "organization_id": None,
        "workspace_id": caller.workspace,
        "expires_at": None,
        "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
        "allowed_data_regions": ["global"],
        "budgets": [],
        "effective_budget": None,
        "free_model_daily_requests": _UNLIMITED,
    }


def generation(record: Generation, names: Mapping[str, str]) -> Json:
    """Return the answer of `GET /generation`. `names`: display names of providers by slug."""
    usage = record.usage
    cost = record.cost or 0.0
    return {
        "id": record.id,
        "upstream_id": record.upstream_id,
        "request_id": None,
        "created_at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "model": record.model or record.requested,
        "provider_name": names.get(record.provider, record.provider) or None,
        "api_type": _API_TYPES.get(record.operation, record.operation),
        "router": None,
        "streamed": record.streamed,
        "cancelled": record.state == "cancelled",
        "finish_reason": record.finish_reason,
        "native_finish_reason": record.native_finish_reason,
        # A reply in one piece has its first token when it has its last.
        "latency": _milliseconds(record.latency if record.streamed else record.duration),
        "generation_time": _milliseconds(record.duration),
        "moderation_latency": None,
        "tokens_prompt": usage and usage.prompt,
        "tokens_completion": usage and usage.completion,
        "native_tokens_prompt": usage and usage.prompt,
        "native_tokens_completion": usage and usage.completion,
        "native_tokens_reasoning": usage and usage.reasoning,
        "native_tokens_cached": usage and usage.cache_read,
        "native_tokens_completion_images": usage and usage.image_out,
        "num_media_prompt": None,
        "num_media_completion": None,
        "num_input_audio_prompt": None,
        "num_search_results": None,
        "num_fetches": None,
        "web_search_engine": None,
        "usage": cost,
        "total_cost": cost,
        "cache_discount": None,
        "upstream_inference_cost": record.cost if record.is_byok else None,
        "is_byok": record.is_byok,
        "origin": record.origin,
        "http_referer": record.origin or None,
        "user_agent": None,
        "app_id": None,
        "external_user": None,
        "session_id": None,
        "preset_id": None,
        "workspace_id": record.workspace,
        "service_tier": None,
        "data_region": "global",
        "response_cache_source_id": None,
        "provider_responses": [_attempt(attempt, names, record) for attempt in record.attempts],
    }


def _served(record: Generation) -> AttemptRecord | None:
    """Return the attempt whose reply the provider's own id is of: a hedge that lost may follow it, or who did not go on with it."""
    whole = [attempt for attempt in record.attempts if attempt.kind is None]
    broken = [attempt for attempt in record.attempts if attempt.endpoint == record.endpoint]
    return next(iter(reversed(whole or broken)), None)


def _attempt(attempt: AttemptRecord, names: Mapping[str, str], record: Generation) -> Json:
    own = {"id": record.upstream_id} if record.upstream_id and attempt is _served(record) else {}
    return {
        **own,
        "endpoint_id": attempt.endpoint,
        "provider_name": names.get(attempt.provider, attempt.provider),
        "model_permaslug": attempt.model,
        "status": attempt.status,
        "latency": _milliseconds(attempt.latency if record.streamed else attempt.duration),
        "is_byok": record.is_byok,
        "routed_service_tier": None,
    }


def preset(one: Preset, workspace: str) -> Json:
    """Return a preset as its one version: it is changed in the configuration, where nobody notes when."""
    version = {
        "id": one.slug,
        "preset_id": one.slug,
        "version": 1,
        "config": {**one.routed, **one.fields},
        "system_prompt": one.system_prompt or None,
        "creator_id": "",
        "created_at": _NEVER,
        "updated_at": _NEVER,
    }
    return {
        "id": one.slug,
        "slug": one.slug,
        "name": one.name,
        "description": one.description or None,
        "status": "active",
        "status_updated_at": None,
        "designated_version_id": one.slug,
        "designated_version": version,
        "workspace_id": workspace,
        "creator_user_id": "",
        "created_at": _NEVER,
        "updated_at": _NEVER,
    }


def _endpoint(endpoint: Endpoint, figures: Known) -> Json:
    parameters = endpoint.parameters or frozenset()
    choice = "tool_choice" in parameters or "tools" in parameters
    return {
        "name": f"{endpoint.provider_name} | {endpoint.model}",
        "model_id": endpoint.model,
        "model_name": endpoint.name or endpoint.model,
        "provider_name": endpoint.provider_name,
        "tag": endpoint.tag,
        # Not null here, as the SDK has it: 0 says that it is not known.
        "context_length": endpoint.context or 0,
        "max_completion_tokens": endpoint.max_output,
        "max_prompt_tokens": None,
        "pricing": pricing(endpoint.price),
        "quantization": endpoint.quantization,
        "service_tier": endpoint.tier or None,
        "status": 0,
        "supported_parameters": sorted(parameters),
        "supports_implicit_caching": endpoint.price.cache_read is not None,
        "supports_diarization": False,
        "supports_tool_choice": dict.fromkeys(("auto", "none", "required", "function"), choice),
        "native_tools": {},
        "uptime_last_5m": _uptime(figures(endpoint, 300.0)),
        "uptime_last_30m": _uptime(half_hour := figures(endpoint, 1800.0)),
        "uptime_last_1d": _uptime(figures(endpoint, 86_400.0)),
        "latency_last_30m": _percentiles(half_hour, LATENCY, 1000),
        "throughput_last_30m": _percentiles(half_hour, THROUGHPUT, 1),
    }


def _uptime(figures: Figures | None) -> float | None:
    """Return the percentage of attempts that were served: rate limits and what was the caller's fault are left out."""
    good, bad = (0, 0) if figures is None else (figures.total(GOOD), figures.total(BAD))
    return round(100 * good / (good + bad), 2) if good + bad >= _ENOUGH else None


def _percentiles(figures: Figures | None, measure: int, unit: int) -> Json | None:
    if figures is None:
        return None
    found = {f"p{n}": figures.quantile(measure, n / 100, _ENOUGH) for n in (50, 75, 90, 99)}
    return {name: round(number * unit, 1) for name, number in found.items() if number is not None} or None


_MODALITIES: Final = ("text", "image", "file", "audio", "video", "pdf")


def _cheapness(endpoint: Endpoint) -> tuple[bool, float]:
    price = endpoint.price
    return not price.known, (price.input or 0.0) + (price.output or 0.0)


def _decimal(value: float) -> str:
    # Twelve digits of a USD-per-token price are a millionth of a dollar per million tokens; no exponent may show.
    return format(Decimal(repr(round(value, 12))).normalize(), "f")


def _milliseconds(seconds: float | None) -> Any:
    return None if seconds is None else round(seconds * 1000)
