"""The store: workspaces, API keys and generations."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from taxiway.candidate import DEFAULT_WORKSPACE
from taxiway.clock import Clock
from taxiway.outcome import Generation
from taxiway.records import ended_body, read
from taxiway.store import ApiKey, Spend, Workspace
from taxiway_sql.sqlite import Database
from taxiway_sql.statements import statements
from taxiway_sql.worker import Worker

T = TypeVar("T")

_LOOK_UP: Final = 0.05
"""Seconds for an API key: a request waits for it."""
_READ: Final = 5.0
_WRITE: Final = 10.0
_DELIVER: Final = 25.0

_AT_ONCE: Final = 512
"""Generations in one statement, a power of two."""
_ROW: Final = "(CAST(? AS TEXT))"


class SqliteStore:
    """A store in one SQLite file. Writes happen one after the other on one thread, reads on another.

    Delivering is idempotent: a generation that is there already stays as it is. How far the spool was read is the spool's to
    know: a cursor in the same transaction would save nothing but a repetition after a crash.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        """Keep everything in `path`, or in memory for `:memory:`; `start` opens it."""
        self._database, self._clock = Database(path), clock
        self._writer: Worker | None = None
        self._reader: Worker | None = None

    async def start(self) -> None:
        """Open the database and bring it up to date. Raises StoreUnavailable, and ConfigError for a newer one's."""
        self._database.create()
        database = self._database
        self._writer = self._reader = Worker("taxiway-sql writer", database.path, database.connect)
        # One in memory exists only for its connection.
        if not database.in_memory:
            self._reader = Worker("taxiway-sql reader", database.path, database.connect_to_read)
        now = self._clock.now()
        await self._writer.run(lambda connection: self._database.prepare(connection, now), _WRITE)
        await self._write(
            lambda connection: connection.execute(
                statements("workspaces")["add"], (DEFAULT_WORKSPACE, DEFAULT_WORKSPACE.title(), now)
            )
        )
        # So that the reader has connected, and the statements are read: a look-up has no time for it.
        await self._read("api_keys", "find", ("",))

    async def aclose(self) -> None:
        """Finish what was begun, and close the database."""
        for worker in (self._reader, self._writer):
            if worker is not None:
                worker.close()

    async def workspaces(self) -> Sequence[Workspace]:
        """List workspaces."""
        rows = await self._read("workspaces", "list", ())
        return [Workspace(id=id_, name=name, created=created) for id_, name, created in rows]

    async def api_key(self, hash: str) -> ApiKey | None:  # noqa: A002 - the field's own name
        """Find an API key by its hash, in 50 ms."""
        rows = await self._read("api_keys", "find", (hash,), within=_LOOK_UP)
        return _api_key(rows[0]) if rows else None

    async def api_keys(self, workspace: str | None = None) -> Sequence[ApiKey]:
        """List API keys, oldest first."""
        if workspace is None:
            rows = await self._read("api_keys", "list", ())
        else:
            rows = await self._read("api_keys", "list_of_workspace", (workspace,))
        return [_api_key(row) for row in rows]

    async def add_api_key(self, key: ApiKey) -> None:
        """Keep a new API key. Raises StoreUnavailable also where its id or hash is there already."""
        row = (key.id, key.hash, key.name, key.label, key.created, key.workspace, key.disabled)
        await self._write(lambda connection: connection.execute(statements("api_keys")["add"], row))

    async def disable_api_key(self, id: str) -> bool:  # noqa: A002 - the field's own name
        """Disable an API key; False where there is none."""
        sql = statements("api_keys")["disable"]
        return await self._write(lambda connection: connection.execute(sql, (id,)).rowcount > 0)

    async def generation(self, id: str, workspace: str) -> Generation | None:  # noqa: A002 - the field's own name
        """Find a generation."""
        rows = await self._read("generations", "find", (id, workspace))
        return read(rows[0][0].encode()) if rows else None

    async def spend(self, api_key: str, since: Sequence[float]) -> Sequence[Spend]:
        """Sum what an API key spent."""
        rows = [await self._read("generations", "spend", (api_key, moment)) for moment in since]
        return [Spend(cost=row[0][0], calls=row[0][1]) for row in rows]

    async def deliver(self, batch: Sequence[Generation]) -> None:
        """Take generations; those that are there already stay as they are."""
        await self.deliver_records([ended_body(generation) for generation in batch])

    async def deliver_records(self, batch: Sequence[bytes]) -> None:
        """Take generations as the spool wrote them."""
        await self._write(lambda connection: _add(connection, batch), _DELIVER)

    async def checkpoint(self) -> None:
        """Make durable against power loss what was delivered."""
        assert self._writer is not None
        await self._writer.run(self._database.checkpoint, _DELIVER)

    async def _write(self, job: Callable[[sqlite3.Connection], T], within: float = _WRITE) -> T:
        def work(connection: sqlite3.Connection) -> T:
            with self._database.writing(connection):
                return job(connection)

        assert self._writer is not None
        return await self._writer.run(work, within)

    async def _read(self, concern: str, name: str, values: tuple[Any, ...], within: float = _READ) -> list[Any]:
        sql = statements(concern)[name]
        assert self._reader is not None
        return await self._reader.run(lambda connection: connection.execute(sql, values).fetchall(), within)


def _api_key(row: tuple[Any, ...]) -> ApiKey:
    id_, hash_, name, label, created, workspace, disabled = row
    return ApiKey(
        id=id_, hash=hash_, name=name, label=label, created=created, workspace=workspace, disabled=bool(disabled)
    )


def _add(connection: sqlite3.Connection, batch: Sequence[bytes]) -> None:
    # One statement with SQLite taking the columns out of the JSON: a row costs Python a parameter, and while the statement
    # runs, the event loop has the interpreter for itself. What a part lacks to a power of two is null and left out, so that
    # there are ten statements, which the connection keeps compiled.
    for start in range(0, len(batch), _AT_ONCE):
        part = batch[start : start + _AT_ONCE]
        size = 1 << (len(part) - 1).bit_length()
        connection.execute(_adding(size), [*part, *[None] * (size - len(part))])


@cache
def _adding(rows: int) -> str:
    return statements("generations")["add"].replace(_ROW, ", ".join([_ROW] * rows))
