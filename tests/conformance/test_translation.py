"""A recorded reply, translated for clients of other dialects, is what their official SDKs read, and says the same."""

import pytest
from attrs import asdict
from conformance.compare import differences, settle
from conformance.meaning import unordered
from conformance.reading import read
from conformance.validity import faults

CLIENTS = ("chat", "messages", "responses")
NO_CHATS = {"embeddings": "embeddings", "count": "count-tokens"}
"""By recorded endpoint, the client that a reply is translated for."""


def chats(cassette):
    return cassette.answers and cassette.endpoint not in {"models", *NO_CHATS}


@pytest.mark.recorded(which=chats)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_reply_translated_is_valid_and_says_the_same(replay, client, record_property):
    _installed(replay, client)
    settle(f"to {client}", replay, _translated(replay, client), record_property)


@pytest.mark.recorded(which=lambda cassette: cassette.answers and cassette.endpoint in NO_CHATS)
def test_a_reply_of_another_operation_is_valid_and_says_the_same(replay, record_property):
    client = NO_CHATS[replay.cassette.endpoint]
    settle(f"to {client}", replay, _translated(replay, client), record_property)


def _translated(replay, client):
    if client in {"messages", "responses"} and replay.told().answers[0].finish == "error":
        return  # Their forms of a failure are no replies.
    served = replay.serve(replay.foreign(client))
    streamed = replay.stream
    native = replay.dialect.name == client
    # What passes untouched is no better than the provider's own.
    excused = faults(client, replay.cassette.events, streamed=streamed) if native else ()
    yield from (fault for fault in faults(client, served.events, streamed=streamed) if fault not in excused)
    expected, said = _expected(replay.told(), client), _said(served.events, client, streamed)
    if expected["used"] is None:
        said["used"] = None  # An estimate.
    yield from differences(expected, said, "reply")
    if client == "responses" and streamed:
        last = served.events[-1]
        yield from differences(
            _said(served.events, client, True), _said([last["response"]], client, False), "last event"
        )


def _said(events, client, streamed):
    return _plain(read(client, events, streamed=streamed))


def _expected(told, client):
    """What a client of a dialect can be told: chat has many choices, and the others one."""
    if client in {"messages", "responses"}:
        told.answers = told.answers[:1]
        for answer in told.answers:
            if client == "messages":
                # A refusal is told as text there.
                answer.text, answer.refusal = answer.text + answer.refusal, ""
            # Those clients know by the calls that tools are to be used, and not by what the provider calls its end.
            if answer.calls and answer.finish == "stop":
                answer.finish = "tool_calls"
    return _plain(told)


def _plain(told):
    """As JSON, but for the white space between pieces of reasoning: some dialects have it in parts."""
    value = asdict(told)
    for answer in value["answers"]:
        if not isinstance(answer, dict):
            continue  # A vector.
        answer["reasoning"] = "".join(answer["reasoning"].split())
    return value


@pytest.mark.recorded(which=lambda cassette: chats(cassette) and cassette.streamed)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_translated_stream_folds_into_the_translated_reply(replay, client, record_property):
    _installed(replay, client)
    call = replay.foreign(client)
    if not call.facts.stream:
        return
    fold = replay.dialects[client].upstream.fold()
    for event in replay.serve(call).events:
        fold.feed(event)
    complete = replay.folded(replay.foreign(client, stream=False))
    found = differences(unordered(client, complete), unordered(client, fold.reply()), "reply")
    settle(f"fold to {client}", replay, found, record_property)


def _installed(replay, client):
    if client not in replay.dialects:
        pytest.skip(f"dialect {client} is not installed")
