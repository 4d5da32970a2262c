"""Which endpoints may serve a call: the `provider` object of OpenRouter, limits, parameters, service tiers. Pure.

What is not known of an endpoint satisfies no filter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import evolve

from taxiway.call import Call
from taxiway.candidate import Candidate, Endpoint
from taxiway.chat_facts import IMAGE_TOKENS
from taxiway.codec import Json
from taxiway.outcome import Availability, AvailabilityCode, CallError, Failure
from taxiway.preferences import MaxPrice
from taxiway.snapshot import SOFT, Excluded, ModelOffers, Offer, Reason

_ALWAYS: Final = frozenset("max_tokens max_completion_tokens temperature top_p stop".split())
"""Parameters that every endpoint of chat takes which is not known to refuse them: no catalog lists them all."""

_TWINS: Final = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
    "reasoning": "reasoning_effort",
    "response_format": "structured_outputs",
}
"""What an endpoint must know at the least, where it does not know a parameter by its own name."""

_THINKING: Final = frozenset({"reasoning", "reasoning_effort"})
_TIERS: Final = frozenset({"priority", "flex"})
_PLANNED: Final = frozenset({"model", "models", "stream"})
_MODALITIES: Final = frozenset({"image", "audio"})
_CHARGES: Final = (
    ("prompt", "input", 1e6, "a million prompt tokens"),
    ("completion", "output", 1e6, "a million completion tokens"),
    ("request", "request", 1.0, "a request"),
    ("image", "image_in", 1.0, "an image"),
    ("audio", "audio_in", 1.0, "a token of audio"),
)
"""The bounds of `max_price`, the part of a price that each is of, and of how much it is told."""

_MOST_REASONS: Final = 8
"""Reasons that an error tells."""
_AVAILABILITY: Final[Mapping[AvailabilityCode, frozenset[str]]] = {
    "no_endpoints": frozenset({"allowed_providers", "credentials", "strategy", "variant"}),
    "privacy_restricted": frozenset({"data_policy:zdr", "data_policy:training"}),
}
"""OpenRouter's codes for why nothing could serve, where all that was left out was left out for one of these reasons."""

_SLIGHTLY: Final = 1 + 1e-9
"""Prices are quotients of floats, not always made in the same way."""


_NOT_IN_ONLY: Final = Reason("allowed_providers", "provider.only", "not in provider.only")
_NOT_CONFIGURED: Final = Reason("allowed_providers", "provider.only", "not in `only` of the configuration")
_IGNORED: Final = Reason("allowed_providers", "provider.ignore", "in provider.ignore")
_NOT_DISTILLABLE: Final = Reason(
    "distillable_text", "provider.enforce_distillable_text", "not known to allow that its answers train other models"
)
_ZDR: Final = Reason("data_policy:zdr", "provider.zdr", "it is not known to keep nothing (zdr)")
_TRAINING: Final = Reason(
    "data_policy:training", "provider.data_collection", "it is not known that no prompt is kept for training"
)


def fits(call: Call, model: ModelOffers) -> bool:
    """Whether all offers of a model can do what a call asks for, whatever it prefers."""
    facts = call.facts
    most = facts.max_output or 0
    return (
        call.operation in model.operations
        and most <= model.max_output
        and facts.tokens + most <= model.context
        and facts.parameters.isdisjoint(model.unsupported)
        and facts.inputs <= model.inputs
    )


def kept_of(call: Call, model: ModelOffers, excluded: list[Excluded], tier: str = "") -> Sequence[Offer]:
    """Return the offers that pass; `excluded` takes the others. `tier`: the one that the model's name asks for."""
    wants = call.preferences
    offers: Sequence[Offer] = model.offers
    if wants.filters:
        offers = _without(offers, partial(_unwanted, call), excluded)
        if wants.zdr or not wants.data_collection:
            offers = [one for offer in offers for one in _of_accounts(call, offer, excluded)]
    if model.tiers:
        offers = _of_tiers(call, offers, excluded, tier_of(call, tier))
    if fits(call, model):
        return offers
    offers = _without(offers, partial(_unfit, call), excluded)
    for name in sorted(call.facts.parameters & SOFT):
        offers = _preferred(offers, {one for one in offers if name in one.endpoint.unsupported}, name, excluded)
    for modality in sorted(call.facts.inputs):
        offers = _preferred(offers, {one for one in offers if modality not in one.endpoint.inputs}, modality, excluded)
    return offers


def _without(
    offers: Sequence[Offer], lacks: Callable[[Endpoint], Reason | None], excluded: list[Excluded]
) -> Sequence[Offer]:
    """Leave out those that lack something."""
    kept: list[Offer] = []
    for offer in offers:
        reason = lacks(offer.endpoint)
        if reason is None:
            kept.append(offer)
        else:
            excluded.append(Excluded(offer, reason))
    return kept


def _preferred(offers: Sequence[Offer], lacking: set[Offer], what: str, excluded: list[Excluded]) -> Sequence[Offer]:
    """Leave out those that lack something which others have; where nobody has it, it is no filter."""
    if not lacking or len(lacking) == len(offers):
        return offers
    reason = Reason("require_parameters", what, f"does not take {what}, others do")
    excluded += [Excluded(offer, reason) for offer in offers if offer in lacking]
    return [offer for offer in offers if offer not in lacking]


def _unfit(call: Call, endpoint: Endpoint) -> Reason | None:
    """Say what an endpoint can't do for a call."""
    context, limit, most = endpoint.context, endpoint.max_output, call.facts.max_output or 0
    needed = call.facts.tokens + most
    if call.operation not in endpoint.dialects:
        return Reason("operation", "model", f"does not serve {call.operation}")
    if context is not None and needed > context and call.operation == "chat":
        said = f"its context is {context:,} tokens, about {needed:,} are asked for"
        return Reason("context_length", "messages", said)
    if limit is not None and most > limit:
        return Reason("max_tokens", "max_tokens", f"gives at most {limit:,} tokens, {most:,} are asked for")
    return None


def _unwanted(call: Call, endpoint: Endpoint) -> Reason | None:
    """Say what the call's preferences have against an endpoint."""
    wants = call.preferences
    if wants.only and not _named(wants.only, endpoint):
        return _NOT_IN_ONLY
    if wants.ceiling and not _named(wants.ceiling, endpoint):
        return _NOT_CONFIGURED
    if wants.ignore and _named(wants.ignore, endpoint):
        return _IGNORED
    if wants.distillable and endpoint.distillable is not True:
        return _NOT_DISTILLABLE
    if wants.quantizations and (endpoint.quantization or "unknown") not in wants.quantizations:
        said = f"its quantization is {endpoint.quantization or 'not known'}"
        return Reason("quantization", "provider.quantizations", said)
    dear = None if wants.max_price is None else _too_dear(call, endpoint, wants.max_price)
    if dear is None and wants.require_parameters and (lacks := _lacks(call, endpoint)):
        said = f"not known to take {', '.join(lacks)}"
        return Reason("require_parameters", "provider.require_parameters", said)
    return dear


def _named(slugs: Iterable[str], endpoint: Endpoint) -> bool:
    for slug in slugs:  # noqa: SIM110 - a third of the time of `any` with a generator
        if matches(slug, endpoint):
            return True
    return False


def _too_dear(call: Call, endpoint: Endpoint, bounds: MaxPrice) -> Reason | None:
    """Say which bound of a price an endpoint exceeds for this call, or may exceed."""
    price = endpoint.price.at(call.facts.tokens)
    for name, part, scale, per in _CHARGES:
        bound = getattr(bounds, name)
        if bound is None or (name in _MODALITIES and name not in call.facts.inputs):
            continue
        asked = getattr(price, part)
        if asked is None and name in _MODALITIES:
            asked = price.input
        if asked is not None and name == "image":
            asked *= IMAGE_TOKENS
        if asked is None:
            return Reason("max_price", f"provider.max_price.{name}", f"its price of {per} is not known")
        if asked > bound * _SLIGHTLY:
            said = f"costs ${asked * scale:g} for {per}, at most ${bound * scale:g} is wanted"
            return Reason("max_price", f"provider.max_price.{name}", said)
    return None


def _lacks(call: Call, endpoint: Endpoint) -> list[str]:
    """Return the parameters in use that an endpoint is not known to take."""
    used, refused = call.facts.parameters, endpoint.unsupported
    if used & _THINKING:
        refused |= endpoint.thinking_refuses
    takes = _ALWAYS.union(endpoint.parameters or ()) - refused
    return sorted(name for name in used if name not in takes and _TWINS.get(name) not in takes)


def _of_accounts(call: Call, offer: Offer, excluded: list[Excluded]) -> Iterator[Offer]:
    """Give an offer with those of its accounts whose data policy will do."""
    able = tuple(one for one in offer.candidates if _private(call, one))
    if len(able) == len(offer.candidates):
        yield offer
        return
    others = tuple(one for one in offer.candidates if one not in able)
    excluded.append(Excluded(evolve(offer, candidates=others), _ZDR if call.preferences.zdr else _TRAINING))
    if able:
        yield evolve(offer, candidates=able)


def _private(call: Call, candidate: Candidate) -> bool:
    """Whether an account keeps as little as is asked for. A credential's own `zdr` is about its contract, so it decides."""
    endpoint, own = candidate.endpoint, candidate.account.credential.zdr
    keeps_nothing = endpoint.zdr is True if own is None else own
    return keeps_nothing or (not call.preferences.zdr and endpoint.collects is False)


def tier_of(call: Call, by_name: str = "") -> str:
    """Return the service tier that a call asks for: itself, or else by its model's name, if it names no providers in order."""
    asked = call.facts.service_tier
    if asked is None:
        return "" if call.preferences.order else by_name
    return asked if asked in _TIERS else ""


def asks_for_tiers(call: Call, by_name: str) -> bool:
    """Whether endpoints of a service tier may serve a call at all."""
    preferences = call.preferences
    return bool(tier_of(call, by_name) or preferences.order or preferences.only)


def _of_tiers(call: Call, offers: Sequence[Offer], excluded: list[Excluded], tier: str) -> Sequence[Offer]:
    """Leave out tiers that were not asked for. Where the call itself asks for flex, and there is any, it is that alone."""
    named = [*call.preferences.order, *call.preferences.only]
    flex = call.facts.service_tier == "flex" and any(offer.endpoint.tier == "flex" for offer in offers)

    def another(endpoint: Endpoint) -> Reason | None:
        own = endpoint.tier
        asked = own == tier or any(slug.endswith(f"/{own}") and matches(slug, endpoint) for slug in named if own)
        if asked or not (own or flex):
            return None
        said = f"its service tier ({own or 'default'}) is not the one that is asked for"
        return Reason("service_tier", "service_tier", said)

    return _without(offers, another, excluded)


def matches(slug: str, endpoint: Endpoint) -> bool:
    """Whether a provider's slug, as `order`, `only` and `ignore` name it, means this endpoint.

    A base slug matches every region and variant (`a` matches `a/us-east5`), a tier's slug those of its tier (`a/flex`).
    """
    tag, tier = endpoint.tag, endpoint.tier
    if tag == slug or tag.startswith(f"{slug}/"):
        return True
    base, _, last = slug.rpartition("/")
    return tier != "" and tier == last and tag.startswith(f"{base}/")


def options_of(call: Call, endpoint: Endpoint) -> Json:
    """Return what `provider.options` has for an endpoint: what names it more closely wins. Which model is asked stays planned."""
    options = call.preferences.options
    given = [options[slug] for slug in sorted(options, key=len) if matches(slug, endpoint)]
    return {name: value for one in given for name, value in one.items() if name not in _PLANNED}


def nothing_left(call: Call, excluded: Sequence[Excluded]) -> CallError:
    """Say that the filters left nothing, and which ones."""
    # A tier that nobody asked for is why it is out, and not why nothing is left.
    excluded = [one for one in excluded if one.reason.code != "service_tier"] or excluded
    codes = {one.reason.code for one in excluded}
    fields = {one.reason.field for one in excluded}
    by_reason: dict[str, dict[str, None]] = {}
    for one in excluded:
        by_reason.setdefault(one.reason.text, {})[one.offer.endpoint.tag] = None
    reasons = [f"{', '.join(tags)}: {why}" for why, tags in by_reason.items()]
    detail = "; ".join(reasons[:_MOST_REASONS]) + ("; ..." if len(reasons) > _MOST_REASONS else "")
    model = call.facts.models[0]
    message = f"No allowed providers are available for the selected model: {detail}"
    code: AvailabilityCode = next(
        (code for code, some in _AVAILABILITY.items() if codes <= some), "constraint_filtered"
    )
    failure = Failure(kind="not_found", message=message, status=404)
    if not any(call.operation in one.offer.endpoint.dialects for one in excluded):
        code = "wrong_endpoint"
        message = f"{model} does not serve {call.operation}"
        failure = Failure(kind="invalid_request", message=message, field="model", status=400)
    elif codes == {"context_length"}:
        # As a provider would have said it: clients look for it, and shorten the conversation.
        failure = Failure(kind="context_length", message=f"This does not fit into {model}: {detail}", status=400)
    availability = Availability(
        code=code,
        models=call.facts.models,
        providers=tuple(dict.fromkeys(one.offer.endpoint.provider for one in excluded)),
        excluded_by=tuple(sorted(codes)),
        constraint=(fields.pop(), detail) if len(fields) == 1 and fields != {""} else None,
    )
    return CallError(failure, availability=availability, generation=call.id)
