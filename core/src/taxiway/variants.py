"""What stands behind a model's name: OpenRouter's variants, and what each asks for."""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.preferences import SortBy

WEB: Final[Mapping[str, Json]] = {"web_search_options": {}}


@frozen(kw_only=True, eq=False)
class Variant:
    """What one says. `fits`: the endpoints that it is for, `lacks` why another is not; `preferred`: all, where it is for none."""

    sort: SortBy | None = None
    tier: str = ""
    adds: Mapping[str, Json] | None = None
    fits: Callable[[Endpoint], bool] | None = None
    lacks: str = ""
    preferred: bool = False


def is_free(endpoint: Endpoint) -> bool:
    """Whether it is known to cost nothing."""
    price = endpoint.price
    return price.input == price.output == price.request == 0


def searches(endpoint: Endpoint) -> bool:
    """Whether it is known to search the web itself where it is asked to."""
    return "web_search_options" in (endpoint.parameters or ()) and "web_search_options" not in endpoint.unsupported


ONLINE: Final = Variant(adds=WEB, fits=searches, lacks="is not known to search the web (web_search_options)")

VARIANTS: Final[Mapping[str, Variant]] = {
    "nitro": Variant(sort="throughput", tier="priority"),
    "floor": Variant(sort="price", tier="flex"),
    "exacto": Variant(sort="exacto"),
    "free": Variant(fits=is_free, lacks="is not free"),
    "online": ONLINE,
    "thinking": Variant(
        adds={"reasoning": {"enabled": True}}, fits=lambda one: one.reasoning, lacks="does not reason", preferred=True
    ),
    # Models with a longer context are called so; of any other it says nothing.
    "extended": Variant(),
}


def base_of(name: str) -> str:
    """Return a name without the variants that it ends with."""
    base, _, variant = name.rpartition(":")
    return base_of(base) if variant in VARIANTS and base else name
