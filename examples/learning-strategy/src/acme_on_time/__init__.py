"""Acme promises its users whole answers within a time: the strategy `on-time`."""

from attrs import field, frozen, validators

from taxiway import Context, Duration, Registration, Strategy, hookimpl

TAXIWAY_API = (1, 0)

_share = [validators.ge(0.0), validators.le(1.0)]


@frozen(kw_only=True)
class Options:
    """The table `[strategies.on-time]`."""

    within: Duration = field(default=10.0, validator=validators.gt(0.0))
    late: float = field(default=0.05, validator=_share)
    second_chances: float = field(default=0.02, validator=_share)


@hookimpl
def taxiway_strategies() -> list[Registration[Options, Strategy]]:
    """Offer it."""
    summary = "the cheapest whose answers come on time"
    return [Registration(name="on-time", summary=summary, options=Options, build=build)]


def build(options: Options, _: Context) -> Strategy:
    """Build it for one table of options."""
    from acme_on_time.ranking import OnTime

    return OnTime(options)
