"""Taxiway's standard routing strategies."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from taxiway import Context, NoOptions, Registration, Strategy, hookimpl
from taxiway_standard.options import Adjusted, Balanced, Bandit, Canary, Pareto, Speed, Uptime, Weighted

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_strategies() -> Iterable[Registration[Any, Strategy]]:
    """Offer the strategies of this distribution."""
    return [
        Registration(name=name, summary=said, options=options, build=build) for name, said, options, build in _OFFERED
    ]


def _build(module: str, strategy: str) -> Callable[[Any, Context], Strategy]:
    """Return what builds a strategy from its options; its module is imported then, not when plugins are listed."""

    def build(options: Any, _: Context) -> Strategy:
        made = getattr(import_module(f"taxiway_standard.{module}"), strategy)
        built: Strategy = made() if isinstance(options, NoOptions) else made(options)
        return built

    return build


_OFFERED: tuple[tuple[str, str, type[Any], Callable[[Any, Context], Strategy]], ...] = (
    (
        "balanced",
        "a draw that prefers cheap endpoints; those with an outage come last",
        Balanced,
        _build("draws", "BalancedStrategy"),
    ),
    (
        "adjusted",
        "cheapest once caches, failures and time are counted",
        Adjusted,
        _build("adjusted", "AdjustedStrategy"),
    ),
    (
        "bandit",
        "what went best lately; a small share of the calls explores",
        Bandit,
        _build("bandit", "BanditStrategy"),
    ),
    ("canary", "a share of the conversations goes to something new first", Canary, _build("canary", "CanaryStrategy")),
    ("latency", "the shortest time to the first token first", Speed, _build("measured", "LatencyStrategy")),
    ("least-busy", "the fewest calls under way first", NoOptions, _build("measured", "LeastBusyStrategy")),
    ("order", "as the configuration lists them", NoOptions, _build("fixed", "OrderStrategy")),
    (
        "pareto",
        "cheapest among those that no other beats in price, speed and quality",
        Pareto,
        _build("pareto", "ParetoStrategy"),
    ),
    ("price", "the cheapest for this very call first", NoOptions, _build("fixed", "PriceStrategy")),
    ("round-robin", "one after the other", NoOptions, _build("fixed", "RoundRobinStrategy")),
    ("throughput", "the most tokens per second first", Speed, _build("measured", "ThroughputStrategy")),
    ("uptime", "the most reliable first", Uptime, _build("measured", "UptimeStrategy")),
    ("weighted", "a draw by given weights", Weighted, _build("draws", "WeightedStrategy")),
)
