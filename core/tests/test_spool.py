"""The spool in one process: what is written, and how sinks get it."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway import spool as spooling
from taxiway import spool_files
from taxiway.codec import dumps, loads
from taxiway.errors import SpoolUnavailable
from taxiway.records import (
    ATTEMPT,
    GENERATION,
    USAGE,
    encoded,
    ended_body,
    framed,
    read,
    row_of,
    unframed,
)
from taxiway.spool import Spool
from taxiway.testing.sink import generation
from taxiway.testing.spool import Down, Keeps, attempt, call, done, opened_record, opened_row
from taxiway.testing.virtual import virtual_time
from taxiway.usage import Usage
from taxiway.virtual import VirtualClock


def files(folder):
    return sorted(path.name for path in folder.rglob("*.log"))


@virtual_time
async def test_what_ended_reaches_every_sink_within_a_moment(tmp_path):
    one, two = Keeps(), Keeps()
    spool = Spool(tmp_path, {"one": one, "two": two}, VirtualClock())
    await spool.start()
    await spool.settled()
    await spool.opened(opened_row(call(1), attempt(1)))
    await spool.ended(row_of(done(1, attempt(1))))
    await asyncio.sleep(0.15)
    assert one.taken == two.taken == [done(1, attempt(1))]
    await spool.aclose()


@virtual_time
async def test_what_comes_together_is_a_few_batches(tmp_path):
    sink = Keeps()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.settled()
    for number in range(1_200):
        await spool.ended(row_of(done(number)))
    await spool.settled()
    assert len(sink.batches) < 5
    assert sink.ids == [f"gen-{number}" for number in range(1_200)]
    await spool.aclose()


@virtual_time
async def test_nothing_stays_after_all_was_taken(tmp_path):
    sink = Keeps()
    spool = Spool(tmp_path / "spool", {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.opened(opened_row(call(1), attempt(1)))
    await spool.ended(row_of(done(1)))
    await spool.aclose()
    assert sink.ids == ["gen-1"]
    assert list((tmp_path / "spool").iterdir()) == []


@virtual_time
async def test_only_its_owner_reads_it_and_no_prompt_is_in_it(tmp_path):
    root = tmp_path / "spool"
    spool = Spool(root, {"sink": Keeps()}, VirtualClock())
    await spool.start()
    await spool.opened(opened_row(call(1), attempt(1)))
    await spool.ended(row_of(done(2)))
    await spool.settled()
    modes = {path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (root, *root.iterdir())} == {0o700}
    assert not any(b"xyzzy" in path.read_bytes() for path in root.rglob("*.log"))
    await spool.aclose()


@virtual_time
async def test_a_sink_that_fails_gets_everything_later_and_holds_nobody_up(tmp_path, caplog):
    down, well = Down("no route, key sk-abcdefghijklmnop"), Keeps()
    spool = Spool(tmp_path, {"down": down, "well": well}, VirtualClock())
    await spool.start()
    await spool.settled()
    for number in range(3):
        await spool.ended(row_of(done(number)))
        await asyncio.sleep(20)
    assert len(well.ids) == 3
    assert down.ids == []
    assert list(spool.failing) == ["down"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "once, not at every try"
    assert "sk-abc" not in caplog.text
    down.down = False
    await spool.settled()
    assert down.ids == ["gen-0", "gen-1", "gen-2"]
    assert spool.failing == {}
    assert caplog.records[-1].levelno == logging.WARNING
    await spool.aclose()


@virtual_time
async def test_a_sink_that_hangs_is_tried_again(tmp_path):
    class Hangs(Keeps):
        tries = 0

        async def before(self):
            self.tries += 1
            if self.tries == 1:
                await asyncio.sleep(1e9)

    sink = Hangs()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.ended(row_of(done(1)))
    await spool.settled()
    assert sink.ids == ["gen-1"]
    assert asyncio.get_running_loop().time() < 60
    await spool.aclose()


@virtual_time
async def test_what_a_sink_gives_back_is_no_failure(tmp_path):
    class Counts(Keeps):
        async def deliver(self, generations):
            await super().deliver(generations)
            return len(generations)

    sink = Counts()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.ended(row_of(done(1)))
    await spool.settled()
    assert (sink.ids, spool.failing) == (["gen-1"], {})
    await spool.aclose()


@virtual_time
async def test_a_sink_that_is_cancelled_from_within_ends_nothing_but_that_try(tmp_path, monkeypatch):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 1_000)

    class Cancels(Keeps):
        tries = checkpoints = 0

        async def before(self):
            self.tries += 1
            if self.tries == 1:
                raise asyncio.CancelledError

        async def checkpoint(self):
            self.checkpoints += 1
            if self.checkpoints == 1:
                raise asyncio.CancelledError

    sink = Cancels()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    for number in range(10):
        await spool.ended(row_of(done(number)))
    await spool.settled()
    await asyncio.sleep(2)
    assert sink.ids == [f"gen-{number}" for number in range(10)]
    assert len(files(tmp_path)) == 1, "housekeeping goes on"
    await spool.aclose()


@virtual_time
async def test_what_is_damaged_after_it_was_written_is_passed_over_and_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 2_000)
    monkeypatch.setattr(spool_files, "BATCH_BYTES", 500)

    sink = Down()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    for number in range(30):
        await spool.ended(row_of(done(number)))
    first = min(tmp_path.rglob("*.log"))
    data = bytearray(first.read_bytes())
    data[1_000] ^= 1
    first.write_bytes(data)
    sink.down = False
    await spool.settled()
    whole = [read(body).id for _, body in unframed(bytes(data))]
    lost = 30 - len(sink.ids)
    assert 0 < lost < 9
    assert sink.ids == [*whole, *(f"gen-{number}" for number in range(len(whole) + lost, 30))]
    assert "is not accounted from byte" in caplog.text
    await spool.aclose()
    (kept,) = tmp_path.iterdir()
    assert (kept.suffix, kept.read_bytes()) == (".broken", bytes(data))


@virtual_time
async def test_a_sink_that_never_takes_anything_does_not_stop_the_end(tmp_path):
    spool = Spool(tmp_path, {"sink": Down()}, VirtualClock())
    await spool.start()
    await spool.ended(row_of(done(1)))
    await spool.aclose()
    assert asyncio.get_running_loop().time() < 15
    later = Keeps()
    spool = Spool(tmp_path, {"sink": later}, VirtualClock())
    await spool.start()
    await spool.aclose()
    assert later.ids == ["gen-1"]
    assert list(tmp_path.iterdir()) == []


@virtual_time
async def test_a_sink_that_is_far_behind_reads_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_files, "BATCH_BYTES", 2_000)
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 4_000)

    class Slow(Keeps):
        async def before(self):
            await asyncio.sleep(1)

    slow = Slow()
    spool = Spool(tmp_path, {"sink": slow}, VirtualClock())
    await spool.start()
    for number in range(200):
        await spool.opened(opened_row(call(number), attempt(1)))
        await spool.ended(row_of(done(number, attempt(1))))
        await asyncio.sleep(0.01)
    await spool.settled()
    assert slow.ids == [f"gen-{number}" for number in range(200)]
    await spool.aclose()
    assert list(tmp_path.iterdir()) == []


@virtual_time
async def test_what_was_just_written_is_not_read_back(tmp_path):
    sink = Keeps()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    for number in range(10):
        await spool.opened(opened_row(call(number), attempt(1)))
        await spool.ended(row_of(done(number)))
        for path in tmp_path.rglob("*.log"):
            path.write_bytes(b"")
    await spool.settled()
    assert sink.ids == [f"gen-{number}" for number in range(10)]
    await spool.aclose()


@virtual_time
async def test_segments_follow_each_other_by_size_and_age_and_go_when_done(tmp_path, monkeypatch):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 20_000)
    sink = Keeps()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    for number in range(200):
        await spool.ended(row_of(done(number)))
    assert len(files(tmp_path)) > 2
    await spool.settled()
    await spool.ended(row_of(done(200)))
    await spool.settled()
    await asyncio.sleep(1)
    assert len(files(tmp_path)) == 1
    before = files(tmp_path)
    await asyncio.sleep(301)
    await spool.ended(row_of(done(201)))
    await spool.settled()
    await asyncio.sleep(1)
    assert len(files(tmp_path)) == 1
    assert files(tmp_path) != before
    await spool.aclose()
    assert sink.ids == [f"gen-{number}" for number in range(202)]


@virtual_time
async def test_a_segment_with_an_open_attempt_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 4_000)
    spool = Spool(tmp_path, {"sink": Keeps()}, VirtualClock())
    await spool.start()
    await spool.opened(opened_row(call(0), attempt(1)))
    first = files(tmp_path)
    for number in range(1, 100):
        await spool.ended(row_of(done(number)))
    await spool.settled()
    await asyncio.sleep(1)
    assert files(tmp_path)[:1] == first
    await spool.ended(row_of(done(0)))
    for number in range(100, 130):
        await spool.ended(row_of(done(number)))
    await spool.settled()
    await asyncio.sleep(1)
    assert first[0] not in files(tmp_path)
    await spool.aclose()


@virtual_time
async def test_segments_stay_until_sinks_have_made_durable_what_they_took(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 4_000)

    class Checkpointed(Keeps):
        broken = True
        made = 0

        async def checkpoint(self):
            if self.broken:
                raise OSError("busy")
            self.made += 1

    sink = Checkpointed()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    for number in range(60):
        await spool.ended(row_of(done(number)))
    await spool.settled()
    await asyncio.sleep(10)
    kept = files(tmp_path)
    assert len(kept) > 2
    assert caplog.text.count("segments are kept") == 1
    sink.broken = False
    for number in range(60, 120):
        await spool.ended(row_of(done(number)))
    await spool.settled()
    await asyncio.sleep(1)
    assert sink.made > 0
    assert not set(kept[:-1]) & set(files(tmp_path))
    await spool.aclose()


async def taken_at_the_next_start(folder):
    sink = Keeps()
    spool = Spool(folder, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.aclose()
    assert list(folder.iterdir()) == []
    return [(one.id, one.state) for one in sink.taken]


@virtual_time
async def test_an_attempt_that_is_opened_while_the_spool_closes_is_not_lost(tmp_path):
    class Slow(Keeps):
        async def checkpoint(self):
            await asyncio.sleep(1)

    spool = Spool(tmp_path, {"sink": Slow()}, VirtualClock())
    await spool.start()
    await spool.settled()
    closing = asyncio.create_task(spool.aclose())
    await asyncio.sleep(0.5)
    await spool.opened(opened_row(call(1), attempt(1)))
    await closing
    assert await taken_at_the_next_start(tmp_path) == [("gen-1", "lost")]


@virtual_time
async def test_an_end_that_comes_after_the_spool_s_own_is_not_lost(tmp_path):
    spool = Spool(tmp_path, {"sink": Keeps()}, VirtualClock())
    await spool.start()
    await spool.opened(opened_row(call(1), attempt(1)))
    await asyncio.sleep(301)
    assert len(files(tmp_path)) == 2, "the second has nothing in it yet"
    await asyncio.wait_for(spool.aclose(), 1)
    await spool.ended(row_of(done(1, attempt(1))))
    assert await taken_at_the_next_start(tmp_path) == [("gen-1", "done")]


@virtual_time
async def test_above_the_cap_the_slowest_sink_loses_the_oldest(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 4_000)
    monkeypatch.setattr(spooling, "MAX_BYTES", 40_000)

    down, well = Down(), Keeps()
    spool = Spool(tmp_path, {"down": down, "well": well}, VirtualClock())
    await spool.start()
    for number in range(500):
        await spool.opened(opened_row(call(number), attempt(1)))
        await spool.ended(row_of(done(number, attempt(1))))
        await asyncio.sleep(0.1)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.log")) < 50_000
    assert spool.counts["given_up"] > 0
    assert "too far behind: sinks down;" in caplog.text
    down.down = False
    await spool.settled()
    assert well.ids == [f"gen-{number}" for number in range(500)]
    assert down.ids == [f"gen-{number}" for number in range(500 - len(down.ids), 500)]
    assert len(down.ids) > 20
    await spool.aclose()


@virtual_time
async def test_without_sinks_nothing_piles_up(tmp_path, monkeypatch):
    monkeypatch.setattr(spooling, "SEGMENT_BYTES", 4_000)
    spool = Spool(tmp_path, {}, VirtualClock())
    await spool.start()
    for number in range(100):
        await spool.ended(row_of(done(number)))
    await asyncio.sleep(1)
    assert len(files(tmp_path)) == 1
    await spool.aclose()


@virtual_time
async def test_a_folder_that_can_not_be_made_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool", {}, VirtualClock())
    with pytest.raises(SpoolUnavailable, match="file/spool"):
        await spool.start()
    await spool.aclose()


@virtual_time
async def test_a_sink_may_take_records_as_they_are(tmp_path):
    class Raw(Keeps):
        async def deliver_records(self, batch):
            self.taken += map(read, batch)

    sink = Raw()
    spool = Spool(tmp_path, {"sink": sink}, VirtualClock())
    await spool.start()
    await spool.ended(row_of(done(1, attempt(1))))
    await spool.aclose()
    assert sink.taken == [done(1, attempt(1))]


def test_records_read_back_as_they_were():
    made = generation(7)
    assert read(ended_body(made)) == made
    before = attempt(1, kind="timeout", usage=Usage(input=3, estimated=True), cost=0.5)
    found = read(next(unframed(opened_record(call(4), attempt(2), before)))[1])
    assert found == done(4, before, attempt(2), state="lost", model="", provider="", seed=0)


def test_columns_stay_where_they_are():
    """Files and databases of earlier versions have them so: a new field is a class's last, and at the end of its text here."""
    generation = (
        "id state workspace api_key operation dialect requested created streamed model provider endpoint cost is_byok "
        "estimated latency duration finish_reason native_finish_reason upstream_id error seed snapshot figures dropped origin applied"
    )
    attempt = (
        "number endpoint provider account credential model opened tokens max_output price_in price_out headroom kind status code sent "
        "latency duration cost role passed"
    )
    usage = (
        "input cache_read cache_write_5m cache_write_1h output reasoning audio_in audio_out image_in image_out requests "
        "reported_cost estimated"
    )
    assert [" ".join(columns) for columns in (GENERATION, ATTEMPT, USAGE)] == [generation, attempt, usage]


def test_another_versions_columns_are_left_out_or_have_their_defaults():
    body = loads(ended_body(generation(1)))
    body[1].append("of a later version")
    assert read(dumps(body)) == generation(1)
    del body[1][-4:]
    earlier = read(dumps(body))
    assert (earlier.id, earlier.figures, earlier.dropped) == (generation(1).id, generation(1).figures, [])


@given(st.text(st.characters(exclude_categories=[])), st.floats())
def test_whatever_peers_send_can_be_written(text, number):
    odd = generation(1, requested=text, error=text, cost=number, figures={text: [number, text]})
    found = read(ended_body(odd))
    assert found.id == odd.id
    assert loads(encoded(odd))["id"] == odd.id
    assert loads(encoded(generation(1, requested="\ud800", figures={"of a plugin": {1}})))["figures"] == {
        "of a plugin": "{1}"
    }
    first = attempt(1)
    first.code = text
    assert read(next(unframed(opened_record(call(1, models=(text,)), first, first)))[1])


def test_a_flipped_bit_of_a_length_is_not_made_up_for_by_the_body():
    damaged = bytearray(framed(b"") + framed(b"\x00"))
    damaged[0] ^= 1
    assert not list(unframed(bytes(damaged)))


# No zeros in a body, as there are none in JSON, and no newlines: else the zeros after a cut could be what was cut off.
BODY = st.binary(max_size=50).map(lambda body: body.replace(b"\0", b"0").replace(b"\n", b"n"))


@given(st.lists(st.lists(BODY, min_size=1, max_size=3)), st.data())
def test_of_a_damaged_file_the_records_before_the_damage_are_read(records, data):
    framed_records = [framed(b"\n".join(bodies)) for bodies in records]
    whole = b"".join(framed_records)
    assert [body for _, body in unframed(whole)] == [body for bodies in records for body in bodies]
    if not whole:
        return
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    intact, end = [], 0
    for bodies, record in zip(records, framed_records, strict=True):
        end += len(record)
        if end > at:
            break
        intact += [(end, body) for body in bodies]
    assert list(unframed(bytes(damaged))) == intact
    assert list(unframed(whole[:at])) == intact
    assert list(unframed(whole[:at] + bytes(len(whole)))) == intact
