"""How Acme wants its calls routed: the strategy `fast-enough`."""

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen, validators

from taxiway import Context, Duration, Registration, Strategy, hookimpl

TAXIWAY_API = (1, 0)


@frozen(kw_only=True)
class FastEnough:
    """`within`: an endpoint whose median time to the first token is below this is fast enough."""

    within: Duration = field(default=1.5, validator=validators.gt(0.0))


@hookimpl
def taxiway_strategies() -> Iterable[Registration[Any, Strategy]]:
    """Offer it."""
    summary = "the cheapest that is fast enough, else the fastest"
    return [Registration(name="fast-enough", summary=summary, options=FastEnough, build=_build)]


def _build(options: FastEnough, _: Context) -> Strategy:
    from acme_taxiway.ranking import FastEnoughStrategy

    return FastEnoughStrategy(options.within)
