"""What is changed in a request for one endpoint, before its dialect translates it: transforms, and media fetched for it."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import define, evolve

from taxiway.call import Call, Translated
from taxiway.candidate import Endpoint
from taxiway.dialect import Dialect
from taxiway.media import Media
from taxiway.transform import Transform
from taxiway.translation import canonical

Wanted: TypeAlias = tuple[frozenset[str], tuple[str, ...]]
"""What applies to an endpoint: the modalities to fetch, and transforms by name."""


@define(eq=False)
class Shaper:
    """Shapes requests. `transforms` by name, in the order in which they run."""

    dialects: Mapping[str, Dialect]
    transforms: Sequence[tuple[str, Transform]]
    media: Media

    def wanted(self, call: Call, endpoint: Endpoint) -> Wanted | None:
        """Say what applies; None, as nearly always, where nothing does."""
        fetched = endpoint.fetches & call.facts.inputs
        names = [name for name, one in self.transforms if one.applies(call, endpoint)]
        return (fetched, tuple(names)) if fetched or names else None

    async def shape(self, call: Call, endpoint: Endpoint, wanted: Wanted, fetched: dict[str, str]) -> Translated:
        """Return the canonical body as this endpoint gets it. `fetched`: what the call has fetched so far, by URL.

        Raises Unsupported and InvalidRequest.
        """
        given = canonical(self.dialects, call)
        modalities, names = wanted
        transforms = [transform for name, transform in self.transforms if name in names]
        modalities = modalities.union(*(transform.fetches for transform in transforms))
        body = await self.media.inlined(given.body, modalities, fetched)
        for transform in transforms:
            body = await transform.request(call, endpoint, body)
        return evolve(given, body=body, applied=(*given.applied, *names))
