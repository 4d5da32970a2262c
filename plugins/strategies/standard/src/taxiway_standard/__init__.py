"""Taxiway's standard routing strategies."""

from collections.abc import Iterable
from typing import Any

from taxiway import Context, NoOptions, Registration, Strategy, hookimpl
from taxiway_standard.options import Balanced, Weighted

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_strategies() -> Iterable[Registration[Any, Strategy]]:
    """Offer the strategies of this distribution."""
    return [
        Registration(
            name="balanced",
            summary="a draw that prefers cheap endpoints; those with an outage come last",
            options=Balanced,
            build=_balanced,
        ),
        Registration(name="order", summary="as the configuration lists them", options=NoOptions, build=_order),
        Registration(name="price", summary="the cheapest for this very call first", options=NoOptions, build=_price),
        Registration(name="round-robin", summary="one after the other", options=NoOptions, build=_round_robin),
        Registration(name="weighted", summary="a draw by given weights", options=Weighted, build=_weighted),
    ]


def _balanced(options: Balanced, _: Context) -> Strategy:
    from taxiway_standard.draws import BalancedStrategy

    return BalancedStrategy(options.exponent)


def _order(_: NoOptions, __: Context) -> Strategy:
    from taxiway_standard.fixed import OrderStrategy

    return OrderStrategy()


def _price(_: NoOptions, __: Context) -> Strategy:
    from taxiway_standard.fixed import PriceStrategy

    return PriceStrategy()


def _round_robin(_: NoOptions, __: Context) -> Strategy:
    from taxiway_standard.fixed import RoundRobinStrategy

    return RoundRobinStrategy()


def _weighted(options: Weighted, _: Context) -> Strategy:
    from taxiway_standard.draws import WeightedStrategy

    return WeightedStrategy(options.weights)
