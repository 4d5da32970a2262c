"""The strategy `auto`: registration only, since listing plugins imports this."""

from collections.abc import Iterable

from taxiway import Context, Registration, Strategy, hookimpl
from taxiway_auto.options import Auto

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_strategies() -> Iterable[Registration[Auto, Strategy]]:
    """Offer it."""
    summary = "chooses among models by rules and by how hard a call seems"
    return [Registration(name="auto", summary=summary, options=Auto, build=_build)]


def _build(options: Auto, _: Context) -> Strategy:
    from taxiway_auto.ranking import AutoStrategy

    return AutoStrategy(options)
