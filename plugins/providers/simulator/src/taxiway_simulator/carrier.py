"""The transport of `sim:`: it plays scripts on the running loop's timers, so that virtual time works."""

import asyncio
import itertools
from collections import deque
from typing import Final
from weakref import WeakValueDictionary

from taxiway.clock import Clock
from taxiway.errors import Reason, TransportError
from taxiway.http import HttpHead, HttpRequest, Phase, Sent
from taxiway_simulator.script import Ending, Part, Script, Seen
from taxiway_simulator.simulation import Simulation

SCHEME: Final = "sim"

_numbers: Final = itertools.count(1)
# Every transport of the scheme reaches every simulation: who routes by scheme alone needs only one of them. Each has a host
# of its own, so two programs in one process never meet.
_hosts: Final[WeakValueDictionary[str, "SimulatorTransport"]] = WeakValueDictionary()


class SimulatorTransport:
    """Carries requests to one simulation. `host` is where: `sim://<host>/v1`."""

    schemes = frozenset({SCHEME})

    def __init__(self, simulation: Simulation, clock: Clock) -> None:
        self.simulation = simulation
        self.host = f"{simulation.options.slug}-{next(_numbers)}"
        self._clock = clock
        _hosts[self.host] = self

    def open(self, request: HttpRequest, connect: float) -> "SimulatorExchange":
        """Ask the simulation and begin to play its script."""
        target = _hosts.get(request.origin.host)
        if target is None:
            return SimulatorExchange(Script(ending="refused"), Seen(0.0), self._clock, len(request.body), connect)
        return target._play(request, connect)  # noqa: SLF001 - another of the same class

    def _play(self, request: HttpRequest, connect: float) -> "SimulatorExchange":
        now = self._clock.now()
        script, seen = self.simulation.answer(request.method, request.target, dict(request.headers), request.body, now)
        return SimulatorExchange(script, seen, self._clock, len(request.body), connect)


class SimulatorExchange:
    """One script being played. Bytes that are due together are read together, as from a socket."""

    __slots__ = (
        "_clock",
        "_due",
        "_ended",
        "_head_due",
        "_loop",
        "_parts",
        "_reason",
        "_received",
        "_script",
        "_seen",
        "_waiter",
        "framed",
        "moved",
        "phase",
        "reused",
        "sent",
    )

    def __init__(self, script: Script, seen: Seen, clock: Clock, size: int, connect: float) -> None:
        connected = script.ending not in {"refused", "unreachable"}
        self.phase: Phase = "head" if connected else "connect"
        self.sent: Sent = "whole" if connected else "none"
        self.moved = size if connected else 0
        self.framed = False
        self.reused = False
        self._script, self._seen, self._clock = script, seen, clock
        self._loop = asyncio.get_running_loop()
        self._head_due = self._loop.time() + (connect if script.ending == "unreachable" else script.wait)
        self._due = self._head_due
        self._parts: deque[Part] = deque(script.parts)
        self._received = 0
        self._reason: Reason | None = None
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> HttpHead:
        """Wait for the head."""
        head = self._script.head
        if head is None:
            await self._end()
            raise AssertionError("a script without a head ends with an error")
        await self._until(self._head_due)
        if self.phase == "head":
            self.phase = "body"
            self.moved += 1
        return head

    async def read(self) -> bytes:
        """Wait for more of the body."""
        if self.phase == "head":
            await self.head()
        if self._ended and self._reason is None:
            return b""
        while self._parts:
            due = self._due + self._parts[0].delay
            await self._until(due)
            data = self._take(self._loop.time())
            if data:
                return data
        await self._end()
        return b""

    def abort(self, reason: Reason = "cancelled") -> None:
        """Stop at once; the simulation sees it."""
        if self._ended:
            return
        self._reason = reason
        self._finish("aborted")
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self, now: float) -> bytes:
        """Take all parts that are due by now."""
        taken: list[bytes] = []
        while self._parts and self._due + self._parts[0].delay <= now + 1e-9:
            part = self._parts.popleft()
            self._due += part.delay
            taken.append(part.data)
        data = b"".join(taken)
        self.moved += len(data)
        self._received += len(data)
        return data

    async def _until(self, due: float) -> None:
        """Wait for a moment, or forever (inf), or until aborted."""
        while self._reason is None and (left := due - self._loop.time()) > 1e-9:
            self._waiter = self._loop.create_future()
            timer = None if left == _FOREVER else self._loop.call_at(due, _wake, self._waiter)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        if self._reason is not None:
            raise self._error(self._reason)

    async def _end(self) -> None:
        """Play the ending: return where the reply is whole, else raise."""
        ending = self._script.ending
        if ending == "silence":
            await self._until(_FOREVER)
        await self._until(self._due)
        if not self._ended:
            self._finish(ending)
        if ending == "whole":
            self.phase, self.framed = "end", True
            return
        self._reason = _REASONS[ending]
        raise self._error(self._reason)

    def _finish(self, ending: str) -> None:
        self._ended = True
        self._seen.ending, self._seen.ended = ending, self._clock.now()

    def _error(self, reason: Reason) -> TransportError:
        return TransportError(self.phase, reason, self.sent, bytes_in=self._received, detail="simulated")


_FOREVER: Final = float("inf")
_REASONS: Final[dict[Ending, Reason]] = {
    "closed": "closed",
    "reset": "reset",
    "refused": "refused",
    "unreachable": "timeout",
}


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
