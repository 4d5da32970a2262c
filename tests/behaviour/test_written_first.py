"""What is in the spool's file by when: an attempt before it is sent, a generation before its client has the last of it."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest
from simulated import BODY, FAST, tables

from taxiway import Router
from taxiway.outcome import CallError
from taxiway.records import is_ended, read, unframed
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock


class Looking:
    """A transport that looks into the spool's file when something is sent."""

    def __init__(self, transport, written):
        self._transport, self._written, self.sent = transport, written, []

    def open(self, request, connect):
        (opened, _), number = self._written(), len(self.sent)
        assert len(opened) > number, "an attempt was sent before it was written"
        self.sent.append(opened[number])
        return self._transport.open(request, connect)


class Bench:
    def __init__(self, router, folder):
        self.router, self._folder = router, folder
        transport = router.engine.transports["sim"]
        self.transport = router.engine.transports["sim"] = Looking(transport, self.written)
        self.first, self.second = (router.snapshot.providers[slug].simulation for slug in ("openai", "second"))

    def written(self):
        """Return what is in the file: the attempts by (call, number) in their order, and the states of calls that ended."""
        attempts, ended = [], {}
        for path in sorted(self._folder.rglob("*.log")):
            for _, body in unframed(path.read_bytes()):
                generation = read(body)
                if is_ended(body):
                    ended[generation.id] = generation
                else:
                    attempts.append((generation.id, generation.attempts[-1].number))
        return attempts, ended


@asynccontextmanager
async def bench(folder, *faults, pace=FAST):
    config = {"providers": [{"use": "simulator", **table} for table in tables(list(faults), pace)]}
    config["credentials"] = [
        {"provider": "openai", "label": "key", "settings": {"key": "simulated-key-one"}},
        {"provider": "second", "label": "key", "settings": {"key": "simulated-key"}},
    ]
    async with Router.from_dict(config, clock=VirtualClock(), random=Random(1), data_dir=folder) as router:
        yield Bench(router, folder)


@virtual_time
async def test_every_attempt_is_in_the_file_before_it_is_sent(tmp_path):
    async with bench(tmp_path, {"kind": "server_error", "share": 0.5}) as made:
        replies = await asyncio.gather(*(made.router.chat(**BODY) for _ in range(20)))
        attempts, ended = made.written()
        assert len(made.transport.sent) == len(attempts) > 20
        assert set(ended) == {reply["id"] for reply in replies}


@virtual_time
async def test_a_generation_is_in_the_file_when_its_client_has_the_reply(tmp_path):
    async with bench(tmp_path) as made:

        async def ask():
            reply = await made.router.chat(**BODY)
            assert made.written()[1][reply["id"]].state == "done"

        await asyncio.gather(*(ask() for _ in range(10)))


@virtual_time
async def test_a_generation_is_in_the_file_when_its_client_has_the_last_of_a_stream(tmp_path):
    async with bench(tmp_path) as made:

        async def ask():
            events = made.router.stream(**BODY)
            (state,) = [made.written()[1][event["id"]].state async for event in events if "usage" in event]
            assert state == "done"

        await asyncio.gather(*(ask() for _ in range(10)))


@virtual_time
async def test_a_call_that_failed_is_in_the_file_when_its_client_is_told(tmp_path):
    async with bench(tmp_path, {"kind": "server_error"}) as made:

        async def ask():
            with pytest.raises(CallError) as caught:
                await made.router.chat(**{**BODY, "provider": {"only": ["openai"]}})
            assert made.written()[1][caught.value.generation].state == "failed"

        await asyncio.gather(*(ask() for _ in range(5)))


@virtual_time
async def test_who_is_gone_before_its_attempt_is_written_has_sent_nothing_and_holds_nothing(tmp_path, caplog):
    async with bench(tmp_path) as made:
        engine = made.router.engine
        opened, asked = engine.journal.opened, []

        async def opening(row):
            asked.append(row)
            if len(asked) == 2:
                asyncio.current_task().cancel()
            await opened(row)

        engine.journal.opened = opening
        calls = [asyncio.create_task(made.router.chat(**BODY)) for _ in range(3)]
        await asyncio.wait(calls)
        assert [call.cancelled() for call in calls] == [False, True, False]
        attempts, ended = made.written()
        assert (len(attempts), len(made.transport.sent)) == (3, 2)
        (gone,) = [one for one in ended.values() if one.state == "cancelled"]
        assert [(one.sent, one.usage, one.cost) for one in gone.attempts] == [(False, None, None)]
        assert len(made.first.log) + len(made.second.log) == 2
    assert not list(tmp_path.rglob("*.log"))
    async with bench(tmp_path):
        await asyncio.sleep(1)
    assert "had no end" not in caplog.text


@pytest.mark.parametrize("together", [1, 3], ids=["at once", "with others"])
@virtual_time
async def test_who_is_gone_while_its_generation_is_written_has_one_that_is_done(tmp_path, together):
    async with bench(tmp_path) as made:
        engine = made.router.engine
        ended, gone = engine.journal.ended, []

        def ending(row):
            if not gone:
                gone.append(asyncio.current_task())
                gone[0].cancel()
            return ended(row)

        engine.journal.ended = ending
        calls = [asyncio.create_task(made.router.chat(**BODY)) for _ in range(together)]
        await asyncio.wait(calls)
        assert [call for call in calls if call.cancelled()] == gone
        _, ended = made.written()
        assert [one.state for one in ended.values()] == ["done"] * together
