"""One connection on a thread of its own, which works off its jobs one after the other."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from taxiway.errors import StoreUnavailable

T = TypeVar("T")

_MOST_WAITING: Final = 1_000
"""Jobs that may wait. More means that the disk stands still, and that another would come too late anyway."""


class Worker:
    """Runs functions of a connection, in order, on one thread."""

    def __init__(self, name: str, path: str, connect: Callable[[], sqlite3.Connection]) -> None:
        """Connect on the first job, and again on the next where that failed; `name` is the thread's, `path` the database's."""
        self._connect, self._path = connect, path
        self._connection: sqlite3.Connection | None = None
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T], within: float) -> T:
        """Return what `job` returns. Raises StoreUnavailable where that takes more than `within` seconds, or SQLite fails.

        A job that nobody waits for any more, and that has not begun, is left out.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(how: Callable[[Any], None], what: Any) -> None:
            if not done.done():
                how(what)

        def work() -> None:
            if done.cancelled():
                return
            how: Callable[[Any], None] = done.set_result
            what: Any
            try:
                if self._connection is None:
                    self._connection = self._connect()
                what = job(self._connection)
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                how, what = done.set_exception, error
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, how, what)

        try:
            self._jobs.put_nowait(work)
            # A loop that had no time finds the answer and its limit at once, and `timeout` would throw away an answer that is there.
            await asyncio.wait((done,), timeout=within)
            if not done.done():
                raise StoreUnavailable(f"the database did not answer within {within:g} s")
            return done.result()
        except queue.Full:
            raise StoreUnavailable("the database does not keep up") from None
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the database {self._path} failed: {error}") from error
        finally:
            done.cancel()

    def close(self) -> None:
        """Finish what waits, and close the connection."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._connection is not None:
            self._connection.close()
