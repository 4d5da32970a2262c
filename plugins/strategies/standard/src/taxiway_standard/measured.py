"""Strategies by what was measured: time to the first token, tokens per second, success, calls under way."""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from taxiway import Call, Endpoint, HealthView, Ranked
from taxiway_standard.options import Speed, Uptime
from taxiway_standard.scores import OUTAGE, UNKNOWN, steps


class LatencyStrategy:
    """The shortest time to the first token first."""

    def __init__(self, options: Speed) -> None:
        self._options = options

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by the time, in steps."""
        latency, quantile = view.latency, self._options.quantile
        seconds = [latency(endpoint, quantile) for endpoint in endpoints]
        return _by_speed(endpoints, seconds, view, random, self._options, "{:.2f} s to the first token".format)


class ThroughputStrategy:
    """The most tokens per second first."""

    def __init__(self, options: Speed) -> None:
        self._options = options

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by the seconds that a token takes, in steps."""
        # What nine of ten calls reach is what one of ten does not exceed.
        throughput, share = view.throughput, 1.0 - self._options.quantile
        rates = [throughput(endpoint, share) for endpoint in endpoints]
        return _by_speed(
            endpoints, [1.0 / rate if rate else None for rate in rates], view, random, self._options, _rate
        )


class UptimeStrategy:
    """The most reliable first, in steps. One that nobody called lately counts as up."""

    def __init__(self, options: Uptime) -> None:
        self._step = options.step

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by the share that failed."""
        width, success, out = self._step, view.success, view.in_outage(endpoints)
        ranked = []
        for endpoint in endpoints:
            share = success(endpoint)
            # The last digits of a float decide nothing.
            score = 0.0 if share is None else float(int((1.0 - share) / width + 1e-9))
            if endpoint in out:
                ranked.append(Ranked(endpoint, score + OUTAGE, "outage"))
            elif share is None:
                ranked.append(Ranked(endpoint, score, "no calls lately"))
            else:
                ranked.append(Ranked(endpoint, score, partial("{:.1%} succeeded".format, share)))
        return ranked


class LeastBusyStrategy:
    """The fewest calls under way first."""

    def rank(self, call: Call, endpoints: Sequence[Endpoint], view: HealthView, random: Random) -> Sequence[Ranked]:
        """Sort by their number."""
        in_flight, out = view.in_flight, view.in_outage(endpoints)
        ranked = []
        for endpoint in endpoints:
            count = in_flight(endpoint)
            if endpoint in out:
                ranked.append(Ranked(endpoint, count + OUTAGE, "outage"))
            else:
                ranked.append(Ranked(endpoint, float(count), partial("{} under way".format, count)))
        return ranked


def _by_speed(
    endpoints: Sequence[Endpoint],
    seconds: Sequence[float | None],
    view: HealthView,
    random: Random,
    options: Speed,
    say: Callable[[float], str],
) -> Sequence[Ranked]:
    """Sort by seconds, in steps. What was not measured yet comes first in a share of the calls, else after what was."""
    known = [one for one in seconds if one is not None]
    scores, down = iter(steps(known, options.tolerance)), view.in_outage(endpoints)
    unknown, why = 0.0, "not measured yet"
    if known and len(known) < len(endpoints):
        unknown = UNKNOWN
        if random.random() < options.explore:
            unknown, why = -1.0, "not measured yet, and this call explores"
    ranked = []
    for endpoint, figure in zip(endpoints, seconds, strict=True):
        out = OUTAGE if endpoint in down else 0.0
        if figure is None:
            ranked.append(Ranked(endpoint, out + unknown, why))
        else:
            ranked.append(Ranked(endpoint, out + next(scores), partial(_say, say, figure, out)))
    return ranked


def _rate(seconds: float) -> str:
    return f"{1.0 / seconds:.0f} tokens per second"


def _say(say: Callable[[float], str], figure: float, out: float) -> str:
    return f"{say(figure)}; outage" if out else say(figure)
