"""Opening, writing and checkpointing an SQLite file so that several processes may.

SQLite up to 3.51.2 can corrupt a database where one connection resets the write-ahead log while another commits ("WAL-reset
bug", sqlite.org/wal.html). So each transaction, with the checkpoint that SQLite adds where the log has grown, and each checkpoint
that is asked for holds one file lock, of whatever process it is. The log is not truncated but written over: blocks of a file that
are there cost a third less.
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
_LOG_PAGES: Final = 2_000
"""The write-ahead log is checkpointed above this size (8 MB); what can't be then, since it is being read, is at the next commit."""


class Database:
    """An SQLite database: a file and its lock, or one in memory (which has neither)."""

    def __init__(self, path: str) -> None:
        """Name it; nothing is opened."""
        self.path = path
        self.in_memory = path == MEMORY
        self._file: tuple[int, int] | None = None

    def create(self) -> None:
        """Make file and folder where they are not there, for their owner only. Raises StoreUnavailable."""
        if self.in_memory:
            return
        try:
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A file that SQLite has open is left alone: whoever closes a descriptor of it lets go of all locks that this process has.
            if not os.access(self.path, os.R_OK | os.W_OK):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._file = self._there()
        except OSError as error:
            raise StoreUnavailable(f"{self.path} can't be opened: {error.strerror}") from None

    def connect(self) -> sqlite3.Connection:
        """Open a connection of the calling thread."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=_LOCK_SECONDS)
        for pragma in (f"wal_autocheckpoint={_LOG_PAGES}", "synchronous=NORMAL", "foreign_keys=ON"):
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
        """Make durable, and part of the file, what was committed. Raises StoreUnavailable."""
        if self.in_memory:
            return
        with self._locked():
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        if busy:
            raise StoreUnavailable(f"{self.path} is being read, so its log can't be brought into it now")

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

    def _there(self) -> tuple[int, int] | None:
        with suppress(FileNotFoundError):
            found = Path(self.path).stat()
            return found.st_dev, found.st_ino
        return None

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
            # SQLite would go on in what nobody finds again.
            if self._there() != self._file:
                raise StoreUnavailable(f"{self.path} was moved, replaced or deleted since it was opened: start again")
            yield
        finally:
            os.close(lock)
