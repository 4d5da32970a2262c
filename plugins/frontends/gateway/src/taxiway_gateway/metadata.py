"""What a call's routing looked like, for clients that ask for it: OpenRouter's `openrouter_metadata`.

Asked for by the field `X-OpenRouter-Metadata: enabled` (or its older name). It is part of a complete reply, of a stream's last event,
and stands beside `error` where a call fails. Source: OpenRouter's guide on router metadata.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from taxiway.codec import Json
from taxiway.failures import POLICIES
from taxiway.names import AUTO, FREE
from taxiway.variants import base_of

if TYPE_CHECKING:
    from taxiway.attempt import Attempt
    from taxiway.candidate import Candidate, Endpoint
    from taxiway.run import Run

_MEMBER: Final = "openrouter_metadata"
_ASKED_BY: Final = frozenset({"x-openrouter-metadata", "x-openrouter-experimental-metadata"})
"""Header fields by which a client asks for it."""

_ROUTERS: Final = {**dict.fromkeys(AUTO, "auto"), FREE: "free"}


def wanted(fields: Mapping[str, str]) -> bool:
    """Whether a client asks for it; any word but `enabled` says no."""
    asked = not _ASKED_BY.isdisjoint(fields)
    return asked and any(fields.get(name, "").lower() == "enabled" for name in _ASKED_BY)


def tell(run: "Run", served: "Attempt | None", told: Json) -> None:
    """Put it into a reply or into a stream's last event (where that holds a whole response, as OpenAI's Responses do, in there), or
    into what goes beside an error; see `Call`.
    """
    response = told.get("response")
    (response if isinstance(response, dict) else told)[_MEMBER] = _of(run, served)


def _of(run: "Run", served: "Attempt | None") -> Json:
    """Say how a call went; `served` is the attempt that served it, None where none did."""
    call, requested = run.call, run.call.facts.models[0]
    models = [] if run.plan is None else run.plan.models
    chosen = None if served is None else served.candidate
    attempts = [
        {**_who(candidate.endpoint), "status": failure.status or POLICIES[failure.kind].status}
        for candidate, failure in run.failures
    ]
    if chosen is not None:
        attempts.append({**_who(chosen.endpoint), "status": 200})
    available = [
        {**_who(offer.endpoint), "selected": chosen is not None and offer.endpoint is chosen.endpoint}
        for _, offers in models
        for offer in offers
    ]
    return {
        "requested": requested,
        "strategy": _strategy(
            requested, [name for name, _ in models], None if chosen is None else chosen.endpoint.model
        ),
        "region": None,
        "summary": _summary(run, served),
        "attempt": 0 if served is None else served.number,
        "is_byok": chosen is not None and chosen.section != "pool",
        "endpoints": {"total": len(available), "available": available},
        "attempts": attempts,
        "generation_time": round(1000 * (run.engine.clock.monotonic() - call.started)),
    }


def _who(endpoint: "Endpoint") -> Json:
    return {"provider": endpoint.provider_name, "model": endpoint.model}


def _strategy(requested: str, names: list[str], served: str | None) -> str:
    """Name the way from the model that was asked for to those that were planned, in OpenRouter's words."""
    base = base_of(requested)
    if base in _ROUTERS or base.startswith("~"):
        return _ROUTERS.get(base, "latest")
    if served is not None and len(set(names)) > 1 and served != names[0]:
        return "fallback"
    return "alias" if names and base not in names else "direct"


def _summary(run: "Run", served: "Attempt | None") -> str:
    """Say in a sentence who was tried and what came of it."""
    said = [f"{_named(candidate)}: {failure.kind}" for candidate, failure in run.failures]
    if served is not None:
        said.append(f"{_named(served.candidate)}: served")
    return "; ".join(said) or "nothing was sent"


def _named(candidate: "Candidate") -> str:
    """Name a candidate to a client: labels of the operator's own keys are not for everybody."""
    label = "pool" if candidate.section == "pool" else candidate.account.label
    return f"{candidate.endpoint.provider_name} ({label})"
