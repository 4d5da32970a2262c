"""How Gemini's streams are framed, both ways."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxiway.codec import dumps
from taxiway.errors import Malformed
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.testing.dialect import JSON, make_call
from taxiway_gemini import GEMINI, ArrayReplies, replies_of

OBJECTS = st.lists(st.dictionaries(st.text().filter(lambda name: name != "error"), JSON, max_size=4), max_size=5)


def decode(pieces, framed=True):
    replies = ArrayReplies()
    events = [event for piece in pieces for event in replies.feed(piece)]
    return [*events, *replies.close(framed)], replies.mark


@settings(deadline=None)
@given(objects=OBJECTS, space=st.sampled_from(["", " ", "\r\n"]), indent=st.sampled_from([None, 2]), data=st.data())
def test_an_array_is_its_elements_however_it_is_cut(objects, space, indent, data):
    text = (
        space + "[" + f"{space},{space}".join(json.dumps(one, indent=indent) for one in objects) + space + "]" + space
    )
    body = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decode(pieces) == (objects, True)
    assert decode([body[place : place + 1] for place in range(len(body))]) == (objects, True)


def test_an_element_is_given_as_soon_as_it_is_whole():
    replies = ArrayReplies()
    assert replies.feed(b'[{"a":"]}\\"') == []
    assert replies.feed(b'"}') == [{"a": ']}"'}]
    assert not replies.mark
    assert replies.feed(b',{"b":2}]') == [{"b": 2}]
    assert replies.mark


@pytest.mark.parametrize("body", [b"{}", b"x[", b"[1]", b'["a"]', b"[[1]]", b'[{"a":1}x,', b"[}", b"[{]]"])
def test_what_is_no_array_of_objects_is_malformed(body):
    with pytest.raises(Malformed):
        decode([body])


def test_a_cut_array_has_no_mark():
    events, mark = decode([b'[{"a":1},'])
    assert (events, mark) == ([{"a": 1}], False)
    with pytest.raises(Malformed):
        decode([b'[{"a":1},{"b":'])


def test_what_came_before_something_malformed_is_given_first():
    replies = ArrayReplies()
    assert replies.feed(b'[{"a":1},x{') == [{"a": 1}]
    with pytest.raises(Malformed):
        replies.feed(b"}")


def test_an_error_inside_is_found():
    events, _ = decode([b'[{"a":1},{"error":{"code":503}}]'])
    assert events == [{"a": 1}, InBandError({"error": {"code": 503}})]


def test_the_framing_is_what_the_server_says_it_is():
    assert isinstance(
        replies_of(HttpHead(200, {"content-type": "application/json; charset=UTF-8"}), stream=True), ArrayReplies
    )
    replies = replies_of(HttpHead(200, {"content-type": "text/event-stream"}), stream=True)
    assert replies.feed(b'data: {"candidates":[]}\r\n\r\n') == [{"candidates": []}]


def writer(alt):
    call = make_call(GEMINI, {"contents": [{"parts": []}], "model": "m"})
    call.path = {"alt": alt} if alt else {}
    return GEMINI.client.writer(call)


EVENTS = [{"a": 1}, {"b": "ü"}]


def test_a_client_that_asked_for_events_gets_events():
    sse = writer("sse")
    assert sse.content_type == "text/event-stream"
    assert sse.write(EVENTS) == b"".join(b"data: %b\r\n\r\n" % dumps(event) for event in EVENTS)
    assert sse.end(whole=True) == b""


def test_any_other_client_gets_one_array():
    array = writer(None)
    assert array.content_type.startswith("application/json")
    text = array.ping() + array.write(EVENTS[:1]) + array.ping() + array.write(EVENTS[1:]) + array.end(whole=True)
    assert json.loads(text) == EVENTS
    assert json.loads(writer(None).end(whole=True)) == []
    failed = writer("json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(failed.write(EVENTS) + failed.end(whole=False))
