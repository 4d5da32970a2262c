"""What calls can be served from: every model's offers, prepared for planning and replaced whole on a change."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, Self

from attrs import Factory, evolve, field, frozen

from taxiway.candidate import Candidate, Credential, Endpoint, Operation, Section
from taxiway.errors import InvalidRequest
from taxiway.provider import Provider, Refreshes
from taxiway.routing import ModelRouting, OnInterrupted, Routing, Timeouts
from taxiway.strategy import Observes, Strategy

SOFT: Final = frozenset({"tools", "tool_choice", "response_format", "structured_outputs", "verbosity"})
"""Where some endpoints of a model take these and others don't, only the former are used; where none does, it is no filter."""


@frozen(eq=False)
class Offer:
    """One endpoint with the accounts that may serve it in one section, by `sort_order` and then rank.

    `closed_by`: in the pool, the `required` credentials that keep it from the calls that they serve.
    """

    endpoint: Endpoint
    section: Section
    candidates: tuple[Candidate, ...]
    closed_by: tuple[Credential, ...] = ()


@frozen(eq=False)
class SectionOffers:
    """The offers of a model in one section, with what ranking reads of them."""

    offers: Sequence[Offer]
    endpoints: Sequence[Endpoint]
    by_endpoint: Mapping[Endpoint, Offer]


@frozen(eq=False)
class ModelOffers:
    """A model's offers, and what they have in common, so that most calls pass all filters at once.

    `guarded`: the credentials that serve only some callers.
    """

    offers: tuple[Offer, ...]
    sections: Sequence[SectionOffers]
    operations: frozenset[Operation]
    max_output: int | None
    unsupported: frozenset[str]
    inputs: frozenset[str]
    guarded: Sequence[Credential]
    _without: dict[frozenset[str], "tuple[ModelOffers | None, Sequence[tuple[Offer, str]]]"] = field(
        factory=dict, init=False
    )

    def without(self, barred: frozenset[str]) -> "tuple[ModelOffers | None, Sequence[tuple[Offer, str]]]":
        """Return it without those credentials (None: nothing is left), and what is out, and why."""
        found = self._without.get(barred)
        if found is None:
            left: list[Offer] = []
            out: list[tuple[Offer, str]] = []
            for offer in self.offers:
                closed = any(one.id not in barred for one in offer.closed_by)
                lost = tuple(one for one in offer.candidates if closed or one.account.credential.id in barred)
                kept = tuple(one for one in offer.candidates if one not in lost)
                if kept:
                    left.append(evolve(offer, candidates=kept) if lost else offer)
                if lost:
                    reason = "a required key of your own is used instead" if closed else "not for this caller"
                    out.append((evolve(offer, candidates=lost), reason))
            found = self._without[barred] = ModelOffers.of(tuple(left)) if left else None, out
        return found

    @classmethod
    def of(cls, offers: tuple[Offer, ...]) -> Self:
        """Read what they have in common."""
        endpoints = [offer.endpoint for offer in offers]
        limits = [endpoint.max_output for endpoint in endpoints if endpoint.max_output is not None]
        return cls(
            offers,
            in_sections(offers),
            frozenset.intersection(*(frozenset(endpoint.dialects) for endpoint in endpoints)),
            min(limits, default=None),
            frozenset().union(*(endpoint.unsupported for endpoint in endpoints)) & SOFT,
            frozenset.intersection(*(endpoint.inputs for endpoint in endpoints)),
            [one for one in {one.id: one for offer in offers for one in _credentials(offer)}.values() if one.guarded],
        )


def _credentials(offer: Offer) -> Iterable[Credential]:
    return *(candidate.account.credential for candidate in offer.candidates), *offer.closed_by


def in_sections(offers: Iterable[Offer]) -> list[SectionOffers]:
    """Group offers, which come in the order of sections."""
    groups = [tuple(group) for _, group in groupby(offers, attrgetter("section"))]
    return [
        SectionOffers(group, [offer.endpoint for offer in group], {offer.endpoint: offer for offer in group})
        for group in groups
    ]


@frozen(kw_only=True, eq=False)
class Snapshot:
    """Everything a plan is made from that is not the call. Immutable; replaced whole on a change.

    `offers`: by workspace and model slug, in the order of sections. `ids`: the same by `<provider>/<id>`; a slug
    goes first. `names`: the `[models]` tables. `hash` identifies it in records. `refreshes`: the providers that derive secrets,
    `observers`: the strategies that learn.
    """

    offers: Mapping[str, Mapping[str, tuple[Offer, ...]]]
    ids: Mapping[str, Mapping[str, tuple[Offer, ...]]] = Factory(dict)
    names: Mapping[str, ModelRouting] = Factory(dict)
    providers: Mapping[str, Provider] = Factory(dict)
    strategies: tuple[tuple[str, Strategy], ...] = ()
    routing: Routing = Factory(Routing)
    hash: str = ""
    refreshes: Mapping[str, Refreshes] = field(init=False)
    observers: Sequence[tuple[str, Observes]] = field(init=False)
    _models: dict[tuple[str, str], ModelOffers] = field(factory=dict, init=False)

    @refreshes.default
    def _refreshes(self) -> Mapping[str, Refreshes]:
        return {slug: one for slug, one in self.providers.items() if isinstance(one, Refreshes)}

    @observers.default
    def _observers(self) -> Sequence[tuple[str, Observes]]:
        return [(name, strategy) for name, strategy in self.strategies if isinstance(strategy, Observes)]

    def models(self, workspace: str) -> Mapping[str, tuple[Offer, ...]]:
        """Return what a workspace can be served."""
        return self.offers.get(workspace, {})

    def find(self, workspace: str, name: str) -> ModelOffers:
        """Return a model's offers, as planning wants them. Raises InvalidRequest where there are none."""
        model = self._models.get((workspace, name))
        if model is None:
            offers = self.offers.get(workspace, {}).get(name) or self.ids.get(workspace, {}).get(name)
            if offers is None:
                raise InvalidRequest(
                    "model", f"{name} is not a valid model ID: no provider that is configured here serves it"
                )
            model = self._models[workspace, name] = ModelOffers.of(offers)
        return model

    def stands_for(self, workspace: str, name: str) -> Sequence[str]:
        """Return the models that a name means: itself, or of those that its owner lists for it the ones that are served.

        All of them where none is, so that the error names one.
        """
        own = self.names.get(name)
        if own is None or not own.try_:
            return (name,)
        served, ids = self.offers.get(workspace, {}), self.ids.get(workspace, {})
        return [model for model in own.try_ if model in served or model in ids] or own.try_

    def on_interrupted(self, *names: str) -> OnInterrupted:
        """Return what follows when a stream breaks: the first of a call's names that has a word of its own says it."""
        for name in names:
            own = self.names.get(name)
            if own is not None and own.on_interrupted is not None:
                return own.on_interrupted
        return self.routing.on_interrupted

    def timeouts(self, model: str) -> Timeouts:
        """Return the limits that hold for a model."""
        own = self.names.get(model)
        return self.routing.timeouts if own is None or own.timeouts is None else own.timeouts
