"""What recorded attempts tell of those who served them: prices, pace, limits, and when what went wrong.

An endpoint is taken to be as it was last seen: a minute in which a third of its attempts failed goes on until the next in
which it was tried, and for `_STAYS` seconds at most. So an outage that was recorded is there for a strategy that did not see it.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import StatisticsError, fmean, linear_regression, median, pstdev
from typing import Any, Final

from attrs import define, field, frozen

from taxiway.candidate import Operation
from taxiway.outcome import AttemptRecord, Generation
from taxiway_simulator.options import Fault, FaultKind, Pace, Quota

FLUSH: Final = 1.0
"""Seconds of a stream's tokens that come as one event in a replay."""

_FAULTS: Final[Mapping[str, FaultKind]] = {
    "unavailable": "server_error",
    "overloaded": "overloaded",
    "timeout": "hang",
    "credential_invalid": "revoked",
    "quota_exhausted": "insufficient_quota",
}
"""Failures that are the provider's, and how they are simulated. Those of a request are the client's own; limits are fitted apart."""

_OF_A_KEY: Final = frozenset({"revoked", "insufficient_quota"})
_BUCKET: Final = 60.0
_STAYS: Final = 300.0
_MANY: Final = 100
"""First tokens, at least, to tell a heavy tail from a few that were late."""
_STEPS: Final = 5
"""Attempts between which headroom shrank, at least, to tell a limit from."""
_MILLION: Final = 1_000_000
_SLOWEST, _FASTEST = 1.0, 10_000.0


@define
class Seen:
    """One model at one provider. `price_in` and `price_out` in USD per million tokens, None where unknown."""

    provider: str
    id: str
    model: str
    operation: Operation
    price_in: float | None = None
    price_out: float | None = None
    attempts: list[AttemptRecord] = field(factory=list)

    def pace(self) -> Pace:
        """Fit how fast it is, to the attempts that served: the median and the spread of the time to the first token, tokens a second."""
        served = [one for one in self.attempts if one.kind is None and one.duration is not None]
        firsts = [one.latency for one in served if one.latency]
        speeds = [
            one.usage.completion / (one.duration - one.latency)
            for one in served
            if one.usage is not None and one.latency and one.duration is not None and one.duration > one.latency
        ]
        if not firsts:
            return _by_length(served)
        speed = median(speeds) if speeds else Pace().tokens_per_second
        return Pace(
            first_token=round(median(firsts), 6),
            **_shape([math.log(first) for first in firsts]),
            tokens_per_second=round(_within(speed), 3),
            flush=FLUSH,
        )


@frozen
class Observed:
    """All that was seen: endpoints by provider and id, what each account may do (by provider and label), faults by provider."""

    endpoints: Mapping[tuple[str, str], Seen]
    limits: Mapping[tuple[str, str], Quota]
    faults: Mapping[str, tuple[Fault, ...]]

    @property
    def providers(self) -> list[str]:
        """The providers, sorted."""
        return sorted({provider for provider, _ in self.endpoints})


def observe(generations: Sequence[Generation]) -> Observed:
    """Read all attempts of calls that can be replayed."""
    endpoints: dict[tuple[str, str], Seen] = {}
    accounts: dict[tuple[str, str], list[AttemptRecord]] = {}
    for generation in generations:
        for one in generation.attempts:
            id_ = one.endpoint.partition(":")[2] or one.model
            seen = endpoints.setdefault((one.provider, id_), Seen(one.provider, id_, one.model, generation.operation))
            seen.attempts.append(one)
            if one.price_in is not None:
                seen.price_in = one.price_in * _MILLION
            if one.price_out is not None:
                seen.price_out = one.price_out * _MILLION
            accounts.setdefault((one.provider, one.account), []).append(one)
    begin = min((generation.created for generation in generations), default=0.0)
    faults: dict[str, list[Fault]] = {}
    for (provider, id_), seen in sorted(endpoints.items()):
        faults.setdefault(provider, []).extend(_faults(seen.attempts, begin, of_key=False, model=id_))
    for (provider, account), attempts in sorted(accounts.items()):
        faults.setdefault(provider, []).extend(_faults(attempts, begin, of_key=True, key=account))
    return Observed(
        dict(sorted(endpoints.items())),
        {name: _limit(attempts) for name, attempts in sorted(accounts.items())},
        {provider: tuple(some) for provider, some in faults.items()},
    )


def _shape(logs: Sequence[float]) -> dict[str, float]:
    """Say how uneven times are, by their logarithms: a heavy tail where those lean far to one side, else a lognormal spread.

    Of a Pareto distribution the logarithms are exponentially distributed: their deviation is the inverse of its exponent, and their
    skewness 2; of a lognormal one it is 0.
    """
    deviation = pstdev(logs)
    if len(logs) < _MANY or deviation == 0.0:
        return {"spread": round(deviation, 6)}
    middle = fmean(logs)
    skewness = fmean(((log - middle) / deviation) ** 3 for log in logs)
    return {"tail": round(1.0 / deviation, 6)} if skewness > 1.0 else {"spread": round(deviation, 6)}


def _by_length(served: Iterable[AttemptRecord]) -> Pace:
    """Where nothing was streamed: what a reply of no length would take, and what each token adds to it."""
    pairs = [(float(one.usage.completion), one.duration) for one in served if one.usage is not None and one.duration]
    if not pairs:
        return Pace(flush=FLUSH)
    lengths, durations = zip(*pairs, strict=True)
    try:
        each, first = linear_regression(lengths, durations)
    except StatisticsError:
        each, first = 0.0, 0.0
    if each <= 0.0 or first <= 0.0:  # all of one length, or of none: half the time is the first token's
        first = median(durations) / 2
        each = first / max(1.0, fmean(lengths))
    return Pace(first_token=round(first, 6), tokens_per_second=round(_within(1.0 / each), 3), flush=FLUSH)


def _within(speed: float) -> float:
    return min(_FASTEST, max(_SLOWEST, speed))


def _limit(attempts: Sequence[AttemptRecord]) -> Quota:
    """What an account may do in a minute: by how its headroom shrank from attempt to attempt, else by what it was refused.

    Where it never was, and no provider told how much is left, there is no limit.
    """
    known = sorted(attempts, key=lambda one: one.opened)
    steps = [
        (one.headroom - after.headroom, one.tokens)
        for one, after in pairwise(known)
        if one.headroom > after.headroom > 0.0 and after.opened - one.opened < _BUCKET
    ]
    if len(steps) >= _STEPS:
        by_request, uneven = _usual([step for step, _ in steps])
        by_token, less_even = _usual([step / max(1, tokens) for step, tokens in steps])
        return Quota(tokens=round(1 / by_token)) if less_even < uneven else Quota(requests=round(1 / by_request))
    through = [one.opened for one in known if one.sent and one.kind != "rate_limited"]
    if len(through) == len(known) or not through:
        return Quota()
    return Quota(requests=max(n + 1 - bisect_left(through, at - _BUCKET) for n, at in enumerate(through)))


def _usual(values: Sequence[float]) -> tuple[float, float]:
    """Return the median, and by how much of it values usually differ from it."""
    middle = median(values)
    return middle, median(abs(value - middle) for value in values) / middle


def _faults(attempts: Sequence[AttemptRecord], begin: float, *, of_key: bool, **whom: Any) -> Iterable[Fault]:
    """Give the faults of an endpoint, or those of a key: in each minute the share of attempts that failed so."""
    buckets: dict[int, dict[FaultKind | None, int]] = {}
    for one in attempts:
        kind = _FAULTS.get(one.kind or "")
        counted = kind if kind is not None and (kind in _OF_A_KEY) == of_key else None
        counts = buckets.setdefault(int((one.opened - begin) // _BUCKET), {})
        counts[counted] = counts.get(counted, 0) + 1
    for number, following in pairwise([*sorted(buckets), None]):
        assert number is not None
        counts = buckets[number]
        lasts = _STAYS if following is None else min(_STAYS, (following - number) * _BUCKET)
        left = sum(counts.values())
        for kind in sorted(name for name in counts if name is not None):
            # One after the other is asked whether it hits: each has its share of those that the ones before it let through.
            yield Fault(kind=kind, at=max(0.0, number * _BUCKET), lasts=lasts, share=counts[kind] / left, **whom)
            left -= counts[kind]
