"""The executor's one timer for each attempt: transports have none, so that nothing hangs whatever they do."""

import asyncio
from collections.abc import Callable

from taxiway.transport import Exchange


class Watch:
    """Aborts an exchange that breaks a limit; re-armed lazily, since arming a timer for every read would cost more than reading.

    `first_token` and `idle` in seconds. Silence ends a call while the request is being sent, and within the body of a stream. Not
    before the head, which is for `first_token`; and not without a `first_token`: the call is not streamed then, and a model may
    think for minutes. Set `started` once a token was decoded. `waiting`: somebody is waiting for bytes; while nobody is, silence
    is ours. `learnt`: what the endpoint hardly ever takes to its first token; it ends an attempt only where `others` says that
    another endpoint could serve.
    """

    __slots__ = tuple(
        "_deadline _exchange _first _handle _idle _learnt _loop _moved _others _since started waiting".split()
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        exchange: Exchange,
        now: float,
        deadline: float,
        first_token: float | None,
        idle: float,
        learnt: float | None = None,
        others: Callable[[], bool] | None = None,
    ) -> None:
        self._loop, self._exchange, self._deadline = loop, exchange, deadline
        self._moved, self._since = 0, now
        self.started = False
        self.waiting = True
        self._first = None if first_token is None else now + first_token
        self._learnt = None if learnt is None or others is None else now + learnt
        self._idle, self._others = idle, others
        self._handle = loop.call_at(self._next(now), self._check)

    def cancel(self) -> None:
        """Stop watching."""
        self._handle.cancel()

    def _next(self, now: float) -> float:
        """When to look next: silence is looked for four times in its limit, so it is found within 1.25 times of it."""
        at = self._deadline
        if self._first is not None and not self.started:
            at = min(at, self._first if self._learnt is None else min(self._first, self._learnt))
        return min(at, now + self._idle / 4)

    def _check(self) -> None:
        now, moved = self._loop.time(), self._exchange.moved
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
            self._handle = self._loop.call_at(self._next(now), self._check)
