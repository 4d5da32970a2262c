"""The executor's timers: transports have none, so that nothing hangs whatever they do."""

import asyncio
from collections.abc import Callable
from typing import Final

from taxiway.transport import Exchange

TICK: Final = 1.0
"""Seconds within which most exchanges are over: only those that are not, and those with a limit as short, get a timer each."""


class Watches:
    """The watches of all exchanges: one timer for those that have just begun."""

    __slots__ = ("_ticking", "loop", "young")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.young: dict[Watch, None] = {}
        self._ticking = False

    def take(self, watch: "Watch", now: float) -> None:
        """Take a watch that has nothing to look for within `TICK` from now."""
        self.young[watch] = None
        if not self._ticking:
            self._ticking = True
            self.loop.call_at(now + TICK, self._tick)

    def _tick(self) -> None:
        """Those that are still there look after themselves."""
        self._ticking = False
        grown, self.young = self.young, {}
        for watch in grown:
            watch.arm()


class Watch:
    """Aborts an exchange that breaks a limit; re-armed lazily, since arming a timer for every read would cost more than reading.

    `first_token` and `idle` in seconds. Silence ends a call while the request is being sent, and within the body of a stream. Not
    before the head, which is for `first_token`; and not without a `first_token`: the call is not streamed then, and a model may
    think for minutes. Set `started` once a token was decoded. `waiting`: somebody is waiting for bytes; while nobody is, silence
    is ours. `learnt`: what the endpoint hardly ever takes to its first token; it ends an attempt only where `others` says that
    another endpoint could serve.
    """

    __slots__ = tuple(
        "_deadline _exchange _first _handle _idle _learnt _moved _next _others _since _watches started waiting".split()
    )

    def __init__(
        self,
        watches: Watches,
        exchange: Exchange,
        now: float,
        deadline: float,
        first_token: float | None,
        idle: float,
        learnt: float | None = None,
        others: Callable[[], bool] | None = None,
    ) -> None:
        self._watches, self._exchange, self._deadline, self._idle = watches, exchange, deadline, idle
        self._moved, self._since, self.started, self.waiting, self._others = 0, now, False, True, others
        self._first = None if first_token is None else now + first_token
        self._learnt = None if learnt is None or others is None else now + learnt
        self._handle: asyncio.TimerHandle | None = None
        self._next = at = self._after(now)
        if at >= now + TICK:
            watches.take(self, now)
        else:
            self.arm()

    def arm(self) -> None:
        """Look when it is time to."""
        self._handle = self._watches.loop.call_at(self._next, self._check)

    def cancel(self) -> None:
        """Stop watching, and let go of who could tell of others: it knows whoever has this."""
        self._others = None
        if self._handle is None:
            del self._watches.young[self]
        else:
            self._handle.cancel()

    def _after(self, now: float) -> float:
        """When to look next: silence is looked for four times in its limit, so it is found within 1.25 times of it."""
        at = self._deadline
        if self._first is not None and not self.started:
            at = min(at, self._first if self._learnt is None else min(self._first, self._learnt))
        return min(at, now + self._idle / 4)

    def _check(self) -> None:
        now, moved = self._watches.loop.time(), self._exchange.moved
        phase = self._exchange.phase
        silent = phase == "send" or (phase == "body" and self._first is not None)
        if moved != self._moved or not self.waiting or not silent:
            self._moved, self._since = moved, now
        late = now >= self._deadline
        late = late or (self._first is not None and not self.started and now >= self._first)
        late = late or now - self._since >= self._idle
        if self._learnt is not None and now >= self._learnt:
            late = late or (not self.started and self._others is not None and self._others())
            self._learnt = None
        if late:
            self._exchange.abort("timeout")
        else:
            self._next = self._after(now)
            self.arm()
