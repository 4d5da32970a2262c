"""What is changed in a request for one endpoint, before its dialect translates it: transforms, and media fetched for it."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import define, evolve

from taxiway.call import NOTHING, Call, Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.dialect import Dialect
from taxiway.media import Media
from taxiway.transform import Transform

Wanted: TypeAlias = tuple[frozenset[str], tuple[str, ...], tuple[str, ...], str]
"""What applies to an endpoint: the modalities to fetch, transforms by name, fields that the model's name adds, its service tier."""


@define(eq=False)
class Shaper:
    """Shapes requests. `transforms` by name, in the order in which they run."""

    dialects: Mapping[str, Dialect]
    transforms: Sequence[tuple[str, Transform]]
    media: Media

    def wanted(self, call: Call, endpoint: Endpoint, adds: Mapping[str, Json] = NOTHING) -> Wanted | None:
        """Say what applies; None, as nearly always, where nothing does. `adds`: as in `shape`."""
        names: tuple[str, ...] = ()
        for name, transform in self.transforms:
            if transform.applies(call, endpoint):
                names += (name,)
        fetched = endpoint.fetches and endpoint.fetches & call.facts.inputs
        tier = _tier(call.facts.service_tier, endpoint) if endpoint.tier or endpoint.tiers else ""
        if fetched or names or adds or tier or call.fill is not None:
            return fetched, names, tuple(adds), tier
        return None

    async def shape(
        self,
        call: Call,
        endpoint: Endpoint,
        wanted: Wanted,
        fetched: dict[str, str],
        adds: Mapping[str, Json] = NOTHING,
    ) -> Translated:
        """Return the canonical body as this endpoint gets it. `fetched`: what the call has fetched so far, by URL.

        `adds`: fields for which the body gets a value where it has none. Raises Unsupported and InvalidRequest.
        """
        client = self.dialects[call.dialect].client
        assert client is not None
        given = client.to_canonical(call.body)
        if call.fill is not None:
            given = evolve(given, body=call.fill(given.body), applied=(*given.applied, "preset"))
        if adds:
            added = {name: value for name, value in adds.items() if not _says(given.body, name)}
            given = evolve(given, body={**given.body, **added}, applied=(*given.applied, *added))
        modalities, names, _, tier = wanted
        if tier:
            given = evolve(given, body={**given.body, "service_tier": tier}, applied=(*given.applied, "service_tier"))
        transforms = [transform for name, transform in self.transforms if name in names]
        modalities = modalities.union(*(transform.fetches for transform in transforms))
        body = await self.media.inlined(given.body, modalities, fetched)
        for transform in transforms:
            body = await transform.request(call, endpoint, body)
        return evolve(given, body=body, applied=(*given.applied, *names))


def _tier(asked: str | None, endpoint: Endpoint) -> str:
    """Return the service tier that has to be written for an endpoint; empty where what was asked for is right."""
    if endpoint.tier:
        return "" if asked == endpoint.tier else endpoint.tier
    # Its provider would run the call at the tier that was asked for, and at that price.
    return "default" if asked in endpoint.tiers else ""


def _says(body: Json, name: str) -> bool:
    """Whether a body has a value for a field, or for its short form."""
    return body.get(name) is not None or (name == "reasoning" and body.get("reasoning_effort") is not None)
