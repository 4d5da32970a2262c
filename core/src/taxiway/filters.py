"""Which endpoints may serve a call: the `provider` object of OpenRouter, limits and parameters. Pure."""

from collections.abc import Sequence

from taxiway.call import Call
from taxiway.candidate import Endpoint
from taxiway.outcome import CallError, Failure
from taxiway.snapshot import SOFT, ModelOffers, Offer


def passes(call: Call, model: ModelOffers) -> bool:
    """Whether all offers of a model pass, so that none has to be looked at."""
    facts, preferences = call.facts, call.preferences
    return (
        call.operation in model.operations
        and not preferences.only
        and not preferences.ignore
        and (facts.max_output is None or model.max_output is None or facts.max_output <= model.max_output)
        and not facts.parameters & model.unsupported
        and facts.inputs <= model.inputs
    )


def kept_of(call: Call, offers: Sequence[Offer], excluded: list[tuple[Offer, str]]) -> Sequence[Offer]:
    """Return the offers that pass; `excluded` takes the others, and why."""
    facts = call.facts
    kept: list[Offer] = []
    for offer in offers:
        reason = _excluded(call, offer.endpoint)
        if reason is None:
            kept.append(offer)
        else:
            excluded.append((offer, reason))
    wanted = facts.parameters & SOFT
    able = [o for o in kept if not wanted & o.endpoint.unsupported and facts.inputs <= o.endpoint.inputs]
    if not able:
        return kept
    excluded += [(offer, "lacks a parameter or input in use") for offer in kept if offer not in able]
    return able


def _excluded(call: Call, endpoint: Endpoint) -> str | None:
    preferences = call.preferences
    if call.operation not in endpoint.dialects:
        return f"does not serve {call.operation}"
    if preferences.only and not any(matches(slug, endpoint) for slug in preferences.only):
        return "not in provider.only"
    if any(matches(slug, endpoint) for slug in preferences.ignore):
        return "in provider.ignore"
    limit, wanted = endpoint.max_output, call.facts.max_output
    if limit is not None and wanted is not None and wanted > limit:
        return f"gives at most {limit} tokens, {wanted} were asked for"
    return None


def matches(slug: str, endpoint: Endpoint) -> bool:
    """Whether a provider's slug, as `order`, `only` and `ignore` name it, means this endpoint.

    A base slug matches every region and variant (`a` matches `a/us-east5`).
    """
    return endpoint.tag == slug or endpoint.tag.startswith(f"{slug}/")


def nothing_left(call: Call, excluded: Sequence[tuple[Offer, str]]) -> CallError:
    """Say that the filters left nothing, and which ones."""
    models, operation = call.facts.models, call.operation
    reasons = {reason for _, reason in excluded}
    if all(operation not in offer.endpoint.dialects for offer, _ in excluded):
        message = f"{models[0]} does not serve {operation}"
        failure = Failure(kind="invalid_request", message=message, field="model", status=400)
        return CallError(failure, availability="wrong_endpoint", generation=call.id, models=models)
    message = f"No allowed providers are available for the selected model: {'; '.join(sorted(reasons))}"
    failure = Failure(kind="not_found", message=message, status=404)
    return CallError(failure, availability="no_endpoints", generation=call.id, models=models)
