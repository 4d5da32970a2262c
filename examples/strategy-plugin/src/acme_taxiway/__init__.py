"""How Acme wants its calls routed: the strategy `fast-enough`."""

from attrs import field, frozen, validators

from taxiway import Context, Duration, Registration, Strategy, hookimpl

TAXIWAY_API = (1, 0)


@frozen(kw_only=True)
class Options:
    """The table `[strategies.fast-enough]`."""

    within: Duration = field(default=1.5, validator=validators.gt(0.0))


@hookimpl
def taxiway_strategies() -> list[Registration[Options, Strategy]]:
    """Offer it. This runs whenever plugins are loaded, so it does nothing else."""
    summary = "the cheapest that is fast enough, else the fastest"
    return [Registration(name="fast-enough", summary=summary, options=Options, build=build)]


def build(options: Options, _: Context) -> Strategy:
    """Build it for one table of options; what may be heavy is imported here."""
    from acme_taxiway.ranking import FastEnough

    return FastEnough(options.within)
