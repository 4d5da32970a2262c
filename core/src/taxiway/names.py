"""What the name of a model may say: variants, the newest of a family, names that stand for several models.

Each name is resolved once for a workspace, and kept in the snapshot. Names and variants are OpenRouter's (model slugs and variants,
the auto router, the free router).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from heapq import nlargest
from itertools import chain
from operator import eq
from random import Random
from typing import Final

from attrs import evolve

from taxiway.call import Call
from taxiway.candidate import SECTIONS, Endpoint
from taxiway.checks import Check, are_texts, check, integer, of_type
from taxiway.codec import Json
from taxiway.converter import nearest
from taxiway.errors import InvalidRequest, UnknownModel
from taxiway.filters import nothing_left
from taxiway.outcome import Availability, CallError, Failure
from taxiway.snapshot import Asked, Excluded, ModelOffers, Reason, Snapshot, Strategies
from taxiway.strategy import HealthView, Ranked
from taxiway.variants import ONLINE, VARIANTS, Variant, is_free

AUTO: Final = ("taxiway/auto", "openrouter/auto")
"""Names of the list that the owner writes for them, the first one's where the other has none."""

FREE: Final = "openrouter/free"

_NOT_ALLOWED: Final = Reason("variant", "plugins", "the plugin auto-router does not allow its model")
_NOT_SERVED: Final = "no provider that is configured here serves it"
_NOTHING_SERVED: Final = (
    "nothing is served here: give a provider's key in the environment or in .env, or name one in the configuration"
)
_MOST_VARIANTS: Final = 2
_MOST_PATTERNS: Final = 1024
"""Variants of a name; patterns of models that a call allows, or bars."""
_MOST_LIKELY: Final = 32
"""Names that an unknown one is compared with: each takes some thirty microseconds of everybody's time."""

_MOST_NAMES: Final = 10_000
"""Names that are kept: clients make them up."""

_LATEST: Final = re.compile(r"~(?P<author>[^/]+)/(?P<family>.+)-latest")
_VERSION: Final = re.compile(r"[a-z]?\d[\d.]*[a-z]?|preview|latest|exp")
"""What of a slug tells one model of a family from the next: `4.5`, `k2`, `4o`, `20250514`."""


class AtRandom:
    """Ranks nothing, so that a draw decides."""

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Return all with one score."""
        return [Ranked(endpoint, 0.0, "drawn at random") for endpoint in endpoints]


_AT_RANDOM: Final[Strategies] = (("random", AtRandom()),)


def asked(snapshot: Snapshot, workspace: str, names: tuple[str, ...]) -> tuple[Asked, ...]:
    """Return the models that a call's names ask for, in order, each once. Raises InvalidRequest for a name that means none."""
    # A single name, which is usual, was nearly always asked for before.
    return snapshot.asked.get((workspace, names)) or tuple(
        dict.fromkeys(chain.from_iterable(_asked(snapshot, workspace, name) for name in names))
    )


def _asked(snapshot: Snapshot, workspace: str, name: str, within: tuple[str, ...] = ()) -> tuple[Asked, ...]:
    """Return what one name asks for. `within`: the lists that it stands in."""
    found = snapshot.asked.get((workspace, (name,)))
    if found is None:
        found = _resolve(snapshot, workspace, name, within)
        if len(snapshot.asked) >= _MOST_NAMES:
            snapshot.asked.clear()
        snapshot.asked[workspace, (name,)] = found
    return found


def _resolve(snapshot: Snapshot, workspace: str, name: str, within: tuple[str, ...]) -> tuple[Asked, ...]:
    base, said = name, list[str]()
    while (found := _named(snapshot, workspace, base, within)) is None:
        base, colon, variant = base.rpartition(":")
        if not colon:
            why = _NOT_SERVED if snapshot.models(workspace) else _NOTHING_SERVED
            raise UnknownModel(name, why, _near(snapshot, workspace, name))
        said.append(variant)
    if unknown := [variant for variant in said if variant not in VARIANTS]:
        hint = nearest(unknown[0], VARIANTS) or f"; there is {', '.join(VARIANTS)}"
        raise UnknownModel(name, f'"{unknown[0]}" is no variant{hint}')
    if len(said) > _MOST_VARIANTS or len(set(said)) < len(said):
        raise UnknownModel(name, f"a name has at most {_MOST_VARIANTS} variants, each once")
    for variant in reversed(said):
        kept, out = _narrowed(found, VARIANTS[variant])
        if not kept:
            raise UnknownModel(name, f"every endpoint of it {VARIANTS[variant].lacks}")
        found = (evolve(kept[0], excluded=kept[0].excluded + out), *kept[1:]) if out else tuple(kept)
    return found


def _near(snapshot: Snapshot, workspace: str, name: str) -> Sequence[str]:
    """Return models with a like name: of the same author, or of another where it is the same."""
    author, _, rest = name.partition("/")
    served = [*snapshot.names, *snapshot.models(workspace)]
    likely = [one for one in served if one.startswith(f"{author}/") or one.partition("/")[2] == (rest or author)]
    if len(likely) > _MOST_LIKELY:
        # Those with the most letters in the same place.
        likely = nlargest(_MOST_LIKELY, likely, lambda one: sum(map(eq, one, name)) - abs(len(one) - len(name)))
    return get_close_matches(name, likely)


def _named(snapshot: Snapshot, workspace: str, name: str, within: tuple[str, ...]) -> tuple[Asked, ...] | None:
    """Return what a name without variants asks for: the owner's own names first, then slugs and ids, then families and routers."""
    own = snapshot.names.get(name)
    if own is not None and own.try_:
        return _own(snapshot, workspace, name, within)
    if (offers := snapshot.named(workspace, name)) is not None:
        strategies = snapshot.named_strategies.get(name, snapshot.strategies)
        return (Asked(model=name, offers=ModelOffers.of(offers), strategies=strategies),)
    if "/" not in name and (slug := snapshot.slug_of(workspace, name)) is not None:
        return _asked(snapshot, workspace, slug, within)
    if (family := _LATEST.fullmatch(name)) is not None:
        newest = _newest(snapshot, workspace, name, family["author"], family["family"])
        return _asked(snapshot, workspace, newest, within)
    if name == FREE:
        return _free(snapshot, workspace)
    if name in AUTO:
        for other in AUTO:
            if other in snapshot.names and snapshot.names[other].try_:
                return _own(snapshot, workspace, other, within)
        raise UnknownModel(
            name, f'it stands for models of your choice: write [models."{AUTO[0]}"] with try = ["author/name"]'
        )
    return None


class _Circle(UnknownModel):
    """A list that leads to itself."""


def _own(snapshot: Snapshot, workspace: str, name: str, within: tuple[str, ...]) -> tuple[Asked, ...]:
    """Return the models of an owner's list that are served; ranked together where the list has strategies of its own."""
    if name in within:
        raise _Circle(
            name, f'[models."{name}"] leads to itself ({" > ".join((*within, name))}): name models in its try'
        )
    found: list[Asked] = []
    refused: InvalidRequest | None = None
    for model in snapshot.names[name].try_:
        try:
            found += _asked(snapshot, workspace, model, (*within, name))
        except _Circle:
            raise
        except InvalidRequest as error:
            refused = error
    if not found:
        raise refused or UnknownModel(name, "it names no model")
    router, strategies = name in AUTO, snapshot.named_strategies.get(name)
    if strategies is not None:
        return (_together(name, found, strategies, router=router),)
    return tuple(evolve(one, router=True) for one in dict.fromkeys(found)) if router else tuple(dict.fromkeys(found))


def _free(snapshot: Snapshot, workspace: str) -> tuple[Asked, ...]:
    offers = [offer for some in snapshot.models(workspace).values() for offer in some if is_free(offer.endpoint)]
    if not offers:
        raise UnknownModel(FREE, "no model that is served here is known to be free")
    every = Asked(model=FREE, offers=ModelOffers.of(tuple(offers)))
    return (_together(FREE, [every], _AT_RANDOM, router=True),)


def _together(name: str, some: Sequence[Asked], strategies: Strategies, *, router: bool) -> Asked:
    """Make one of several, whose endpoints are ranked together. Raises InvalidRequest where their names ask for different things."""
    if any(one.adds or one.sort for one in some):
        raise UnknownModel(
            name, "models that are ranked together have no variants of their own: write them behind the list's name"
        )
    offers = dict.fromkeys(offer for one in some for offer in one.offers.offers)
    excluded = tuple(dict.fromkeys(out for one in some for out in one.excluded if out.offer not in offers))
    return Asked(
        model=name,
        offers=ModelOffers.of(tuple(sorted(offers, key=lambda offer: SECTIONS.index(offer.section)))),
        strategies=strategies,
        mixed=True,
        router=router,
        excluded=excluded,
    )


def _newest(snapshot: Snapshot, workspace: str, name: str, author: str, family: str) -> str:
    """Return the model that was created last of those whose slug is the family's, but for versions."""
    created = {
        slug: max(offer.endpoint.created for offer in offers)
        for slug, offers in snapshot.models(workspace).items()
        if slug.startswith(f"{author}/") and _family(slug.partition("/")[2]) == family
    }
    if not created:
        raise UnknownModel(name, f"no model of {author}'s {family} is served here")
    return max(created, key=lambda slug: (created[slug], slug))


def _family(name: str) -> str:
    return "-".join(part for part in name.split("-") if not _VERSION.fullmatch(part))


def _narrowed(some: Iterable[Asked], variant: Variant, said: str = "model") -> tuple[list[Asked], tuple[Excluded, ...]]:
    """Apply a variant to what is asked for: what it leaves, and what is out with the models that it leaves nothing of.

    `said`: the field of the request that asks for the variant.
    """
    left: list[Asked] = []
    out: tuple[Excluded, ...] = ()
    why = Reason("variant", said, variant.lacks)
    for one in some:
        offers, excluded = one.offers, one.excluded
        if (fits := variant.fits) is not None:
            kept = tuple(offer for offer in offers.offers if fits(offer.endpoint))
            if not kept and not variant.preferred:
                out += one.excluded + tuple(Excluded(offer, why) for offer in offers.offers)
                continue
            if kept and len(kept) < len(offers.offers):
                excluded += tuple(Excluded(offer, why) for offer in offers.offers if offer not in kept)
                offers = ModelOffers.of(kept)
        adds = {**one.adds, **(variant.adds or {})}
        sort, tier = variant.sort or one.sort, variant.tier or one.tier
        left.append(evolve(one, offers=offers, excluded=excluded, sort=sort, tier=tier, adds=adds))
    return left, out


def check_plugin(where: str, plugin: Json) -> bool:
    """Whether a plugin is one that speaks of a call's models. Raises InvalidRequest for what it asks that is not built."""
    known = PLUGINS.get(plugin["id"])
    if known is None:
        return False
    for name, value in plugin.items():
        if value is not None and name not in {"id", "enabled"}:
            if name not in known:
                raise InvalidRequest(f"{where}.{name}", "is not supported here")
            known[name](f"{where}.{name}", value)
    return True


_MODELS: Final = check(
    lambda value: are_texts(value) and len(value) <= _MOST_PATTERNS,
    f"a list of at most {_MOST_PATTERNS} slugs, with * for any part of one",
)

PLUGINS: Final[Mapping[str, Mapping[str, Check]]] = {
    "web": {
        "engine": check(
            lambda value: value == "native", "native: only models search the web here, each in its own way"
        ),
        # How many, each decides itself.
        "max_results": integer(1, 100),
        "user_location": of_type(dict),
    },
    "auto-router": {"allowed_models": _MODELS, "excluded_models": _MODELS},
}
"""What a call's plugins may say of its models: their fields."""


def restricted(call: Call, some: Sequence[Asked], excluded: list[Excluded]) -> Sequence[Asked]:
    """Apply what a call's plugins say of its models: `web` of all, `auto-router` of those that a router names.

    `excluded` takes what is out with a whole model. Raises CallError where they leave nothing.
    """
    if (web := _switched_on(call, "web")) is not None:
        location = web.get("user_location")
        options = {} if location is None else {"user_location": location}
        some, out = _narrowed(some, evolve(ONLINE, adds={"web_search_options": options}), "plugins")
        excluded += out
        if not some:
            raise nothing_left(call, excluded)
    if (router := _switched_on(call, "auto-router")) is not None:
        some = [left for one in some if (left := _allowed(one, router, excluded) if one.router else one) is not None]
        if not some:
            message = "No models match your request and model restrictions"
            failure = Failure(kind="not_found", message=message, status=404)
            availability = Availability(code="no_endpoints", models=call.facts.models)
            raise CallError(failure, availability=availability, generation=call.id)
    return some


def _switched_on(call: Call, name: str) -> Json | None:
    plugin = call.plugins.get(name)
    return None if plugin is None or plugin.get("enabled") is False else plugin


def _allowed(one: Asked, router: Json, excluded: list[Excluded]) -> Asked | None:
    """Leave of a router's models those that the call allows."""
    allowed, barred = router.get("allowed_models"), router.get("excluded_models")
    kept = tuple(
        offer
        for offer in one.offers.offers
        if (not allowed or _matches(offer.endpoint.model, allowed)) and not _matches(offer.endpoint.model, barred or ())
    )
    if len(kept) == len(one.offers.offers):
        return one
    out = one.excluded + tuple(Excluded(offer, _NOT_ALLOWED) for offer in one.offers.offers if offer not in kept)
    if kept:
        return evolve(one, offers=ModelOffers.of(kept), excluded=out)
    excluded += out
    return None


def _matches(model: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)
