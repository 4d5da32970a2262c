import asyncio
import fcntl
import os
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from taxiway.clock import SystemClock
from taxiway.errors import ConfigError, StoreUnavailable
from taxiway.records import ended_body
from taxiway.testing.sink import generation
from taxiway.testing.store import api_key
from taxiway_sql import StoreOptions
from taxiway_sql.address import database_of
from taxiway_sql.sqlite import Database
from taxiway_sql.statements import migrations, statements
from taxiway_sql.store import _LOOK_UP as LOOK_UP
from taxiway_sql.store import SqliteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "taxiway.db"


@pytest.fixture
async def store(path):
    store = SqliteStore(str(path), SystemClock())
    await store.start()
    yield store
    await store.aclose()


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///taxiway.db", "taxiway.db"),
        ("sqlite:////var/lib/taxiway.db", "/var/lib/taxiway.db"),
        ("sqlite:///~/.taxiway/taxiway.db", "/home/somebody/.taxiway/taxiway.db"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite:////odd/100%25 #1?.db", "/odd/100%25 #1?.db"),
        (StoreOptions().url, "/data/taxiway.db"),
    ],
)
def test_a_url_names_a_file(url, file):
    assert database_of(url, Path("/data"), Path("/home/somebody")) == file


@pytest.mark.parametrize("url", ["postgresql://host/db", "taxiway.db", "sqlite:taxiway.db", "sqlite://taxiway.db", ""])
def test_another_url_is_a_problem_that_says_how(url):
    with pytest.raises(ConfigError, match=r"store\.url: .*sqlite:///"):
        database_of(url, Path("/data"))


def test_without_a_data_folder_a_file_must_be_named():
    with pytest.raises(ConfigError, match="no data folder"):
        database_of("sqlite://", None)


async def test_only_its_owner_reads_it(store, path):
    await store.deliver([generation(1)])
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "taxiway.db": 0o600,
        "taxiway.db-shm": 0o600,
        "taxiway.db-wal": 0o600,
        "taxiway.db.lock": 0o600,
    }


async def test_a_folder_that_is_not_ours_is_named():
    store = SqliteStore("/proc/nowhere/taxiway.db", SystemClock())
    with pytest.raises(StoreUnavailable, match=r"/proc/nowhere/taxiway\.db"):
        await store.start()
    await store.aclose()


async def test_a_file_that_is_no_database_is_said(tmp_path):
    file = tmp_path / "taxiway.db"
    file.write_text("not a database, however long this text may be" * 100)
    store = SqliteStore(str(file), SystemClock())
    with pytest.raises(StoreUnavailable, match=r"taxiway\.db failed: file is not a database"):
        await store.start()
    await store.aclose()


async def test_after_a_checkpoint_all_is_in_the_file_itself(store, path, tmp_path):
    await store.deliver([generation(1)])
    await store.checkpoint()
    alone = tmp_path / "alone.db"
    alone.write_bytes(path.read_bytes())
    with sqlite3.connect(alone) as connection:
        assert connection.execute("SELECT id FROM generations").fetchall() == [(generation(1).id,)]
    connection.close()


async def test_a_large_log_is_checkpointed_by_itself(store, path):
    big = {"figures": {"text": "x" * 100_000}}
    for number in range(12):
        await store.deliver([generation(number * 10 + index, **big) for index in range(10)])
    assert path.with_name("taxiway.db-wal").stat().st_size < 10_000_000
    assert path.stat().st_size > 5_000_000


async def test_a_batch_is_there_whole_or_not_at_all(store):
    with pytest.raises(StoreUnavailable, match="workspace"):
        await store.deliver([generation(1), generation(2, workspace=None)])
    assert await store.generation(generation(1).id, "default") is None
    await store.deliver([generation(1)])
    assert await store.generation(generation(1).id, "default") is not None


async def test_a_commit_that_fails_leaves_no_transaction_open(store):
    def write(connection):
        with store._database.writing(connection):
            connection.execute("PRAGMA defer_foreign_keys=ON")
            connection.execute(statements("api_keys")["add"], ("id", "hash", "name", "label", 1.0, "nowhere", 0))

    with pytest.raises(StoreUnavailable, match="FOREIGN KEY"):
        await store._writer.run(write, 5.0)
    await store.deliver([generation(1)])
    assert await store.api_keys() == []


async def test_what_was_written_is_no_failure_where_the_log_can_not_be_brought_in(path, monkeypatch):
    monkeypatch.setattr("taxiway_sql.sqlite._LOG_PAGES", 1)
    store = SqliteStore(str(path), SystemClock())
    await store.start()
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM generations").fetchall()
    await store.add_api_key(api_key("one"))
    assert len(await store.api_keys()) == 1
    reader.close()
    await store.aclose()


@pytest.mark.parametrize("count", [1, 2, 3, 511, 512, 513, 1_100])
async def test_a_batch_of_any_size_is_there_once_each(store, count):
    batch = [generation(number) for number in range(count)]
    await store.deliver(batch)
    await store.deliver([*batch, generation(count)])
    assert (await store.spend("key-1", [0.0]))[0].calls == count + 1
    assert await store.generation(batch[-1].id, "default") == batch[-1]


async def test_a_lock_that_can_not_be_opened_is_said(store, path):
    lock = path.with_name("taxiway.db.lock")
    lock.unlink()
    lock.mkdir()
    with pytest.raises(StoreUnavailable, match=r"taxiway\.db\.lock can't be opened"):
        await store.deliver([generation(1)])


@pytest.mark.real_time
async def test_a_look_up_does_not_wait_for_a_writer(store, path):
    key = api_key("one")
    await store.add_api_key(key)
    lock = os.open(f"{path}.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    delivered = asyncio.create_task(store.deliver([generation(1)]))
    await asyncio.sleep(0.02)
    assert await store.api_key(key.hash) == key
    assert not delivered.done()
    os.close(lock)
    await delivered


async def test_an_answer_that_is_there_is_taken_by_a_loop_that_comes_late(store, monkeypatch):
    loop, told = asyncio.get_running_loop(), threading.Event()
    now, tell = loop.time(), loop.call_soon_threadsafe

    def telling(*what):
        tell(*what)
        told.set()

    with monkeypatch.context() as late:
        late.setattr(loop, "call_soon_threadsafe", telling)
        asked = asyncio.create_task(store._reader.run(lambda connection: "an answer", 5.0))
        await asyncio.sleep(0)
        told.wait()
        late.setattr(loop, "time", lambda: now + 60.0)
        assert await asked == "an answer"


async def test_the_first_look_up_waits_for_no_connection(path, monkeypatch):
    connect, connected = Database.connect_to_read, []

    def connecting(database):
        connected.append(connect(database))
        return connected[-1]

    monkeypatch.setattr(Database, "connect_to_read", connecting)
    store = SqliteStore(str(path), SystemClock())
    await store.start()
    assert len(connected) == 1
    assert await store.api_key("0" * 64) is None
    await store.aclose()
    assert len(connected) == 1


@pytest.mark.real_time
async def test_a_look_up_that_takes_too_long_is_unavailable(store, monkeypatch):
    release = threading.Event()
    stuck = asyncio.create_task(store._reader.run(lambda connection: release.wait(), 50.0))
    await asyncio.sleep(0)
    with monkeypatch.context() as hurried:
        hurried.setattr("taxiway_sql.store._LOOK_UP", LOOK_UP)
        with pytest.raises(StoreUnavailable, match=r"within 0\.05 s"):
            await store.api_key("0" * 64)
    assert not stuck.done()
    release.set()
    await stuck
    assert await store.api_key("0" * 64) is None


@pytest.mark.real_time
async def test_a_checkpoint_says_when_a_reader_is_in_the_way(store, path, monkeypatch):
    monkeypatch.setattr("taxiway_sql.sqlite._LOCK_SECONDS", 0.05)
    other = SqliteStore(str(path), SystemClock())
    await other.start()
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM generations").fetchall()
    await other.deliver([generation(1)])
    with pytest.raises(StoreUnavailable, match="being read"):
        await other.checkpoint()
    reader.close()
    await other.checkpoint()
    await other.aclose()


async def test_a_newer_database_is_refused(store, path):
    await store.aclose()
    with sqlite3.connect(path) as connection:
        connection.execute(statements("migrations")["add"], (9999, "later", "x", 1.0))
    connection.close()
    again = SqliteStore(str(path), SystemClock())
    with pytest.raises(ConfigError, match="newer version"):
        await again.start()
    await again.aclose()


async def test_a_migration_that_was_changed_is_refused(store, path):
    await store.aclose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE migrations SET checksum = 'another'")
    connection.close()
    again = SqliteStore(str(path), SystemClock())
    with pytest.raises(ConfigError, match="migration 1"):
        await again.start()
    await again.aclose()


async def test_generations_of_an_earlier_version_are_kept(path):
    path.parent.mkdir()
    first, made = migrations()[0], generation(1)
    connection = sqlite3.connect(path)
    for statement in (statements("migrations")["create"], *first.statements):
        connection.execute(statement)
    connection.execute(statements("migrations")["add"], (first.number, first.name, first.checksum, 1.0))
    row = (made.id, made.workspace, made.api_key, made.created, made.cost, ended_body(made).decode())
    connection.execute(
        "INSERT INTO generations (id, workspace, api_key, created, cost, detail) VALUES (?, ?, ?, ?, ?, ?)", row
    )
    connection.commit()
    store = SqliteStore(str(path), SystemClock())
    await store.start()
    await store.deliver([made, generation(2)])
    assert await store.generation(made.id, "default") == made
    assert (await store.spend("key-1", [0.0]))[0].calls == 2
    rows = connection.execute("SELECT id, state, provider, latency, estimated FROM generations").fetchall()
    assert rows == [(generation(number).id, "done", "somebody", 0.3, 0) for number in (1, 2)]
    connection.close()
    await store.aclose()


def test_migrations_are_numbered_without_a_gap():
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


OPENS_AND_CLOSES = """
import asyncio, sys
from taxiway.clock import SystemClock
from taxiway_sql.store import SqliteStore
async def main():
    store = SqliteStore(sys.argv[1], SystemClock())
    await store.start()
    await store.aclose()
asyncio.run(main())
"""


@pytest.mark.real_time
async def test_another_store_of_the_process_takes_no_locks_away(store, path):
    """Else another process, which thinks that it closes the file as the last, deletes the log of those that go on."""
    second = SqliteStore(str(path), SystemClock())
    await second.start()
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", OPENS_AND_CLOSES, str(path))
    assert await other.wait() == 0
    for number, one in enumerate((store, second)):
        await one.deliver([generation(number)])
    await second.aclose()
    with sqlite3.connect(path) as connection:
        assert len(connection.execute("SELECT id FROM generations").fetchall()) == 2
    connection.close()


@pytest.mark.parametrize("replaced", [False, True])
async def test_nothing_is_written_into_a_file_that_nobody_finds_again(store, path, replaced):
    await store.deliver([generation(1)])
    for file in path.parent.glob("taxiway.db*"):
        file.rename(path.parent.with_name(file.name))
    if replaced:
        path.touch()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"taxiway\.db was moved, replaced or deleted"):
            await store.deliver([generation(2)])
    with pytest.raises(StoreUnavailable, match="was moved"):
        await store.checkpoint()


@pytest.mark.real_time
async def test_two_processes_write_and_checkpoint_at_once(store, path):
    script = (
        "import asyncio, sys\n"
        "from taxiway.clock import SystemClock\n"
        "from taxiway_sql.store import SqliteStore\n"
        "from taxiway.testing.store import api_key\n"
        "async def main():\n"
        "    for number in range(20):\n"
        "        store = SqliteStore(sys.argv[1], SystemClock())\n"
        "        await store.start()\n"
        "        await store.add_api_key(api_key(f'{number}'))\n"
        "        await store.checkpoint()\n"
        "        await store.aclose()\n"
        "asyncio.run(main())\n"
    )
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(path))
    number = 0
    while other.returncode is None:
        number += 1
        await store.deliver([generation(number)])
        await store.checkpoint()
    assert other.returncode == 0
    assert len(await store.api_keys()) == 20
    assert (await store.spend("key-1", [0.0]))[0].calls == number
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
