"""Opening, writing and checkpointing an SQLite file so that several processes may.

SQLite up to 3.51.2 can corrupt a database where one connection resets the write-ahead log while another commits ("WAL-reset
bug", sqlite.org/wal.html). So nobody checkpoints on its own (`wal_autocheckpoint=0`), and each transaction and each checkpoint
of whatever process holds one file lock.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from taxiway.errors import ConfigError, Problem, StoreUnavailable
from taxiway_sql.address import MEMORY
from taxiway_sql.statements import Migration, migrations, statements

_LOCK_SECONDS: Final = 5.0
_LOCK_PAUSE: Final = 0.002
_LOG_BYTES: Final = 8 * 1024 * 1024
"""The write-ahead log is checkpointed above this size."""


class Database:
    """An SQLite database: a file and its lock, or one in memory (which has neither)."""

    def __init__(self, path: str) -> None:
        """Name it; nothing is opened."""
        self.path = path
        self.in_memory = path == MEMORY

    def create(self) -> None:
        """Make file and folder where they are not there, for their owner only. Raises StoreUnavailable."""
        if self.in_memory:
            return
        try:
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreUnavailable(f"{self.path} can't be opened: {error.strerror}") from None

    def connect(self) -> sqlite3.Connection:
        """Open a connection of the calling thread."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=_LOCK_SECONDS)
        for pragma in ("wal_autocheckpoint=0", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def connect_to_read(self) -> sqlite3.Connection:
        """Open a connection that can't write."""
        connection = self.connect()
        connection.execute("PRAGMA query_only=ON")
        return connection

    @contextmanager
    def writing(self, connection: sqlite3.Connection) -> Iterator[None]:
        """A transaction: all of it or, where anything is raised, nothing. Raises StoreUnavailable."""
        with self._locked():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def checkpoint(self, connection: sqlite3.Connection) -> None:
        """Make durable what was committed, and empty the write-ahead log. Raises StoreUnavailable."""
        if self.in_memory:
            return
        with self._locked():
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreUnavailable(f"{self.path} is being read, so its log can't be emptied now")

    def checkpoint_if_large(self, connection: sqlite3.Connection) -> None:
        """Checkpoint where the log has grown; another time where that can't be now."""
        with suppress(StoreUnavailable, sqlite3.Error, OSError):
            if not self.in_memory and Path(f"{self.path}-wal").stat().st_size > _LOG_BYTES:
                self.checkpoint(connection)

    def prepare(self, connection: sqlite3.Connection, now: float) -> None:
        """Bring the schema to what this version needs. Raises ConfigError where the database is of another version."""
        if not self.in_memory:
            with self._locked():
                connection.execute("PRAGMA journal_mode=WAL")
        sql = statements("migrations")
        with self.writing(connection):
            connection.execute(sql["create"])
            done = connection.execute(sql["list"]).fetchall()
            for migration in self._missing(done):
                for statement in migration.statements:
                    connection.execute(statement)
                row = (migration.number, migration.name, migration.checksum, now)
                connection.execute(sql["add"], row)

    def _missing(self, done: Sequence[tuple[int, str, str]]) -> list[Migration]:
        known = {migration.number: migration for migration in migrations()}
        for number, name, checksum in done:
            if number not in known:
                self._refuse(
                    f"has migration {number} ({name}) of a newer version; use that version, or another database"
                )
            if known[number].checksum != checksum:
                self._refuse(
                    f"had another migration {number} ({name}) than this version has; it was made by a changed copy"
                )
        applied = {number for number, _, _ in done}
        return [migration for number, migration in known.items() if number not in applied]

    def _refuse(self, message: str) -> None:
        raise ConfigError([Problem(f"{self.path} {message}", "store.url")])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self.in_memory:
            yield
            return
        import fcntl

        try:
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"{self.path}.lock can't be opened: {error.strerror}") from None
        try:
            until = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise StoreUnavailable(f"{self.path} is locked by another process") from None
                    time.sleep(_LOCK_PAUSE)
            yield
        finally:
            os.close(lock)
