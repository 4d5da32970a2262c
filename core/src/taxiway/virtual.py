"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing is ready.

`asyncio.sleep`, `timeout`, `call_later`, task groups and queues work unchanged; a simulated day takes seconds, and the same
seed gives the same run. What virtual time can't foresee is refused: threads, sockets, subprocesses.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

T = TypeVar("T")

START: Final = 1_760_000_000.0
"""Where virtual time begins unless told otherwise: seconds since the epoch (October 2025)."""


class Deadlock(RuntimeError):
    """Nothing is ready and no timer is set, so nothing can ever happen again. Names every task and where it waits."""


def _refuse(what: str) -> NoReturn:
    raise RuntimeError(f"{what} can't be used in virtual time: it would answer at a moment that no timer knows")


def _refusing(what: str) -> Any:
    """Make a method that refuses: what is outside answers when it likes."""

    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        _refuse(what)

    return refuse


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which begins at 0. `start`: what its 0 is in seconds since the epoch.

    Raises Deadlock out of `run_until_complete` instead of hanging, and RuntimeError for threads, sockets and subprocesses.
    """

    def __init__(self, start: float = START) -> None:
        self.start = start
        self._jumper = _Jumper(lambda: asyncio.all_tasks(self))
        super().__init__(self._jumper)
        # The loop's own wake-up pipe is registered by now, and never read: nobody may write to it from elsewhere.
        self._jumper.sealed = True
        # asyncio fires a timer that is due within this; a nanosecond vanishes in the float after a few simulated months.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return the virtual time, in seconds since the loop was made."""
        return self._jumper.now

    run_in_executor = _refusing("a thread")
    create_connection = create_unix_connection = _refusing("a connection")
    create_server = create_unix_server = _refusing("a server")
    create_datagram_endpoint = _refusing("a socket")
    subprocess_exec = subprocess_shell = _refusing("a subprocess")


class VirtualClock:
    """The `Clock` of a loop in virtual time: the running one unless given. `now()` is its start plus its time."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, start: float | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._start: float = getattr(self._loop, "start", START) if start is None else start

    def now(self) -> float:
        """Return the virtual time in seconds since the epoch."""
        return self._start + self._loop.time()

    def monotonic(self) -> float:
        """Return the loop's virtual time."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(seconds)


def run(coro: Coroutine[Any, Any, T], *, start: float = START) -> T:
    """Run a coroutine in virtual time, as `asyncio.run` does in real time. `start`: seconds since the epoch.

    Raises Deadlock where it waits for something that can't come.
    """
    with asyncio.Runner(loop_factory=partial(VirtualLoop, start)) as runner:
        return runner.run(coro)


class _Jumper(selectors.BaseSelector):
    """A selector for which nothing outside ever happens: asked to wait, it moves its clock on and returns at once."""

    def __init__(self, tasks: Callable[[], set[asyncio.Task[Any]]]) -> None:
        self.now = 0.0
        self.sealed = False
        self._tasks = tasks
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock(
                f"deadlock at {self.now:.6f} s of virtual time: nothing is ready and no timer is set; waiting: "
                + ("; ".join(sorted(map(_where, self._tasks()))) or "no task")
            )
        if timeout > 0:
            self.now += timeout
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.sealed:
            _refuse("a file descriptor")
        key = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(), events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


def _where(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    place = f" at {frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else ""
    return f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')}{place})"
