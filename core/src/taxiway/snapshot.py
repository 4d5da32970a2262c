"""What calls can be served from: every model's offers, prepared for planning and replaced whole on a change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, groupby
from math import inf
from operator import attrgetter
from typing import Final, NamedTuple, Self, TypeAlias

from attrs import Factory, evolve, field, frozen

from taxiway.candidate import Candidate, Credential, Endpoint, Operation, Section, Subject
from taxiway.codec import Json
from taxiway.preferences import SortBy
from taxiway.provider import Provider, Refreshes
from taxiway.routing import ModelRouting, OnInterrupted, Routing, Timeouts
from taxiway.strategy import Observes, Scores, Strategy
from taxiway.variants import base_of

Strategies: TypeAlias = tuple[tuple[str, Strategy], ...]
"""Strategies by name, the first one's score first."""

SOFT: Final = frozenset({"tools", "tool_choice", "response_format", "structured_outputs", "verbosity"})
"""Where some endpoints of a model take these and others don't, only the former are used; where none does, it is no filter."""


@frozen(eq=False)
class Offer:
    """One endpoint with the accounts that may serve it in one section, by `sort_order` and then rank.

    `closed_by`: in the pool, the `required` credentials that keep it from the calls that they serve. `even`: none of its accounts
    waits until another one is full. `subjects`: all that may be shut of it.
    """

    endpoint: Endpoint
    section: Section
    candidates: tuple[Candidate, ...]
    closed_by: tuple[Credential, ...] = ()
    even: bool = field(init=False)
    subjects: frozenset[Subject] = field(init=False)

    @even.default
    def _even(self) -> bool:
        accounts = [candidate.account for candidate in self.candidates]
        return len({one.credential.sort_order for one in accounts}) < 2 and not any(one.rank for one in accounts)

    @subjects.default
    def _subjects(self) -> frozenset[Subject]:
        return frozenset(chain.from_iterable(candidate.subjects for candidate in self.candidates))


class Reason(NamedTuple):
    """Why something is left out. `code` is OpenRouter's (`excluded_by`), `field` the request's that asks for it, `text` for people.

    `field` empty: it is not the request's doing.
    """

    code: str
    field: str
    text: str


class Excluded(NamedTuple):
    """What was left out: an offer, or those of its accounts that can't be used."""

    offer: Offer
    reason: Reason


_REQUIRED: Final = Reason("credentials", "", "a required key of your own is used instead")
_FOR_OTHERS: Final = Reason("credentials", "", "not for this caller")


@frozen(eq=False)
class SectionOffers:
    """The offers of a model in one section, with what ranking reads of them."""

    offers: Sequence[Offer]
    endpoints: Sequence[Endpoint]
    by_endpoint: Mapping[Endpoint, Offer]


@frozen(eq=False)
class ModelOffers:
    """A model's offers, and what they have in common, so that most calls pass all filters at once.

    `standard`: the same without service tiers, where there are any. `guarded`: the credentials that serve only some callers.
    """

    offers: tuple[Offer, ...]
    sections: Sequence[SectionOffers]
    operations: frozenset[Operation]
    context: float
    max_output: float
    unsupported: frozenset[str]
    inputs: frozenset[str]
    tiers: bool
    standard: "ModelOffers | None"
    guarded: Sequence[Credential]
    _without: dict[frozenset[str], "tuple[ModelOffers | None, Sequence[Excluded]]"] = field(factory=dict, init=False)

    def without(self, barred: frozenset[str]) -> "tuple[ModelOffers | None, Sequence[Excluded]]":
        """Return it without those credentials (None: nothing is left), and what is out, and why."""
        found = self._without.get(barred)
        if found is None:
            left: list[Offer] = []
            out: list[Excluded] = []
            for offer in self.offers:
                closed = any(one.id not in barred for one in offer.closed_by)
                lost = tuple(one for one in offer.candidates if closed or one.account.credential.id in barred)
                kept = tuple(one for one in offer.candidates if one not in lost)
                if kept:
                    left.append(evolve(offer, candidates=kept) if lost else offer)
                if lost:
                    out.append(Excluded(evolve(offer, candidates=lost), _REQUIRED if closed else _FOR_OTHERS))
            found = self._without[barred] = ModelOffers.of(tuple(left)) if left else None, out
        return found

    @classmethod
    def of(cls, offers: tuple[Offer, ...]) -> Self:
        """Read what they have in common."""
        endpoints = [offer.endpoint for offer in offers]
        plain = tuple(offer for offer in offers if not offer.endpoint.tier)
        return cls(
            offers,
            in_sections(offers),
            frozenset.intersection(*(frozenset(endpoint.dialects) for endpoint in endpoints)),
            min((one.context for one in endpoints if one.context is not None), default=inf),
            min((one.max_output for one in endpoints if one.max_output is not None), default=inf),
            frozenset().union(*(endpoint.unsupported for endpoint in endpoints)) & SOFT,
            frozenset.intersection(*(endpoint.inputs for endpoint in endpoints)),
            len(plain) < len(offers),
            cls.of(plain) if plain and len(plain) < len(offers) else None,
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
class Asked:
    """A model of a call, as its name asks for it; made once for each name. `model` is its slug, or how it was named.

    `sort` and `tier` (of service): what the name asks for where the call says nothing else. `adds`: fields of the canonical body,
    for whoever serves. `mixed`: the offers are of several models, to be ranked together. `excluded`: what the name leaves out.
    `router`: the call may say which of its models it allows. `usual`: what is offered where no service tier is asked for. `plain`:
    sections and strategies alone order it where the call says nothing of endpoints. `scores`: of the only strategy, if it gives them.
    """

    model: str
    offers: ModelOffers
    sort: SortBy | None = None
    tier: str = ""
    adds: Mapping[str, Json] = field(factory=dict)
    strategies: Strategies = ()
    mixed: bool = False
    router: bool = False
    excluded: tuple[Excluded, ...] = ()
    usual: ModelOffers = field(init=False)
    plain: bool = field(init=False)
    scores: Callable[..., Sequence[float]] | None = field(init=False)

    @usual.default
    def _usual(self) -> ModelOffers:
        return self.offers.standard or self.offers

    @plain.default
    def _plain(self) -> bool:
        named = self.sort or self.tier or self.adds or self.mixed
        return bool(self.strategies) and not (named or self.usual.guarded or self.usual.tiers)

    @scores.default
    def _scores(self) -> Callable[..., Sequence[float]] | None:
        scores = [strategy.scores for _, strategy in self.strategies if isinstance(strategy, Scores)]
        return scores[0] if len(scores) == len(self.strategies) == 1 else None


@frozen(kw_only=True, eq=False)
class Snapshot:
    """Everything a plan is made from that is not the call. Immutable; replaced whole on a change.

    `offers`: by workspace and model slug, in the order of sections. `ids`: the same by `<provider>/<id>`; a slug
    goes first. `names`: the `[models]` tables, `named_strategies` what they say of strategies. `asked` is filled as names
    come. `hash` identifies it in records. `refreshes`: the providers that derive secrets,
    `observers`: the strategies that learn.
    """

    offers: Mapping[str, Mapping[str, tuple[Offer, ...]]]
    ids: Mapping[str, Mapping[str, tuple[Offer, ...]]] = Factory(dict)
    names: Mapping[str, ModelRouting] = Factory(dict)
    providers: Mapping[str, Provider] = Factory(dict)
    strategies: Strategies = ()
    named_strategies: Mapping[str, Strategies] = Factory(dict)
    routing: Routing = Factory(Routing)
    hash: str = ""
    refreshes: Mapping[str, Refreshes] = field(init=False)
    observers: Sequence[tuple[str, Observes]] = field(init=False)
    asked: dict[tuple[str, tuple[str, ...]], tuple[Asked, ...]] = field(factory=dict, init=False)

    @refreshes.default
    def _refreshes(self) -> Mapping[str, Refreshes]:
        return {slug: one for slug, one in self.providers.items() if isinstance(one, Refreshes)}

    @observers.default
    def _observers(self) -> Sequence[tuple[str, Observes]]:
        every = dict(chain(self.strategies, *self.named_strategies.values()))
        return [(name, strategy) for name, strategy in every.items() if isinstance(strategy, Observes)]

    def models(self, workspace: str) -> Mapping[str, tuple[Offer, ...]]:
        """Return what a workspace can be served."""
        return self.offers.get(workspace, {})

    def named(self, workspace: str, name: str) -> tuple[Offer, ...] | None:
        """Return what may serve a slug or a `<provider>/<id>`; None where nothing is called so."""
        return self.offers.get(workspace, {}).get(name) or self.ids.get(workspace, {}).get(name)

    def slug_of(self, workspace: str, id_: str) -> str | None:
        """Return the model that providers call so, as clients of their own do; None where it is none, or more than one."""
        endpoints = (offer.endpoint for some in self.models(workspace).values() for offer in some)
        slugs = {endpoint.model for endpoint in endpoints if endpoint.id == id_}
        return slugs.pop() if len(slugs) == 1 else None

    def on_interrupted(self, *names: str) -> OnInterrupted:
        """Return what follows when a stream breaks: the first of a call's names that has a word of its own says it."""
        for name in names if self.names else ():
            own = self._own(name)
            if own is not None and own.on_interrupted is not None:
                return own.on_interrupted
        return self.routing.on_interrupted

    def _own(self, name: str) -> ModelRouting | None:
        """Return the table of a name, or of what stands before its variants."""
        return self.names.get(name) or self.names.get(base_of(name))

    def timeouts(self, *names: str) -> Timeouts:
        """Return the limits that hold: the first of a call's names that has some of its own says them."""
        for name in names if self.names else ():
            own = self._own(name)
            if own is not None and own.timeouts is not None:
                return own.timeouts
        return self.routing.timeouts
