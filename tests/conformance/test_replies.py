"""A recorded reply, decoded and stamped for a client of the same dialect, loses nothing; and is whole, however it is cut."""

import copy
from random import Random

import pytest
from attrs import asdict
from conformance.compare import differences, lost, settle
from conformance.reading import read
from conformance.reading.told import Used

CUTS = 200
"""Cuts of one recording that is long; one of fewer than `LONG` bytes is cut at every byte."""
LONG = 1000

MOVED = {"chat": {"choices[].finish_reason": "choices[].native_finish_reason"}}
"""By dialect: where a value is to be found that another stands for."""


def answers(cassette):
    return cassette.answers and cassette.endpoint != "models"


@pytest.mark.recorded(which=answers)
def test_decoding_loses_nothing(replay, record_property):
    _, outgoing = replay.sending(replay.native())
    _, events = replay.decode(outgoing, [replay.cassette.bytes])
    settle("decoding", replay, lost(replay.cassette.events, events), record_property)


@pytest.mark.recorded(which=lambda cassette: answers(cassette) and cassette.folder == "openai")
def test_decoding_changes_nothing_of_what_openai_sends(replay):
    """Not the order, not what is null or empty, nothing added: its wire is the canonical one."""
    _, outgoing = replay.sending(replay.native())
    _, events = replay.decode(outgoing, [replay.cassette.bytes])
    assert events == replay.cassette.events


@pytest.mark.recorded(which=answers)
def test_a_client_of_the_same_dialect_loses_nothing(replay, record_property):
    if replay.client is not replay.dialect:
        return
    served = replay.serve(replay.native())
    recorded = _last_usage_only(replay.cassette.events)
    found = lost(recorded, served.events, MOVED.get(replay.dialect.name, ()))
    settle("stamp", replay, found, record_property)


def _last_usage_only(events):
    """Events without the usage that a later one tells anew: it is sent on once."""
    kept, known = [], set()
    for event in reversed(events):
        kept.append({name: value for name, value in event.items() if name not in known})
        known |= {name for name in ("usage", "usageMetadata") if event.get(name)}
    return kept[::-1]


@pytest.mark.recorded(which=answers)
def test_a_recorded_reply_is_whole_and_its_usage_is_known(replay, record_property):
    progress = replay.serve(replay.native()).progress
    settle("progress", replay, _seen(replay, progress), record_property)


def _seen(replay, progress):
    if not progress.done:
        yield "it is not done"
    if not progress.started and not progress.finish:
        yield "it has neither begun nor ended"
    told = replay.told()
    if told.used is not None and progress.usage is None:
        yield "usage: none"
    elif told.used is not None:
        usage = progress.usage
        written = usage.cache_write_5m + usage.cache_write_1h
        seen = Used(usage.prompt, usage.completion, usage.cache_read, written, usage.reasoning)
        yield from differences(asdict(told.used), asdict(seen), "usage")
    if replay.dialect.operation == "chat":
        yield from differences(told.answers[0].text, progress.text, "text")
        yield from differences(told.answers[0].finish, progress.finish, "finish")


@pytest.mark.recorded(which=lambda cassette: cassette.status < 300 and cassette.endpoint != "models")
def test_any_cut_gives_the_same_events(replay):
    call = replay.native()
    _, outgoing = replay.sending(call)
    body = replay.cassette.bytes
    replies, whole = replay.decode(outgoing, [body])
    random, size = Random(repr(replay.cassette)), len(body)
    places = range(1, size) if size < LONG else random.sample(range(1, size), CUTS)
    for place in places:
        again, events = replay.decode(outgoing, [body[:place], body[place:]])
        assert events == whole, place
        assert again.mark == replies.mark
    many = sorted(random.choices(range(size + 1), k=50))
    _, events = replay.decode(outgoing, [body[a:b] for a, b in zip([0, *many], [*many, size], strict=True)])
    assert events == whole
    if size <= 20_000:
        _, events = replay.decode(outgoing, [body[place : place + 1] for place in range(size)])
        assert events == whole


@pytest.mark.recorded(which=lambda cassette: answers(cassette) and cassette.streamed)
def test_a_folded_stream_is_the_reply_that_was_streamed(replay, record_property):
    _, outgoing = replay.sending(replay.native())
    _, events = replay.decode(outgoing, [replay.cassette.bytes])
    before, fold = copy.deepcopy(events), replay.dialect.upstream.fold()
    for event in events:
        fold.feed(event)
    assert events == before
    folded = read(replay.dialect.name, [fold.reply()], streamed=False)
    settle("fold", replay, list(differences(asdict(replay.told()), asdict(folded), "reply")), record_property)
