"""Decoders that providers share, and how long a provider asks to wait."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.errors import Malformed
from taxiway.provider import InBandError
from taxiway.sse import SseParser
from taxiway.testing.garbage import left_to_the_collector
from taxiway_openai_compatible import JsonReplies, SseReplies, retry_after
from taxiway_openai_compatible.replies import MAX_REPLY

NOW = 1_760_000_000.0
DATE = "Thu, 09 Oct 2025 08:53:20 GMT"
LATER = "Thu, 09 Oct 2025 08:53:50 GMT"


def test_a_stream_ends_at_its_mark_and_nothing_after_it_counts():
    replies = SseReplies()
    assert replies.feed(b'data: {"a":1}\n\ndata:[DONE]\n\ndata: {no json\n\n') == [{"a": 1}]
    assert replies.mark
    assert replies.close(framed=True) == []


def test_a_last_event_without_its_blank_line_counts_and_half_of_one_is_malformed():
    replies = SseReplies()
    assert not replies.feed(b'data: {"a":1}')
    assert replies.close(framed=True) == [{"a": 1}]
    replies = SseReplies()
    assert not replies.feed(b'data: {"a"')
    with pytest.raises(Malformed):
        replies.close(framed=True)


def test_what_came_before_something_malformed_is_given_first_however_the_bytes_are_split():
    data = b'data: {"a":1}\n\ndata: {no json\n\ndata: {"b":1}\n\n'
    for cut in range(len(data) + 1):
        events: list[object] = []
        with pytest.raises(Malformed):
            _feed(SseReplies(), (data[:cut], data[cut:], b""), events)
        assert events == [{"a": 1}]


def _feed(replies, pieces, events):
    for piece in pieces:
        events += replies.feed(piece)


_LINES = ["data: {}", "data: [1]", "data:", "data", "data: a", ": ping", "event: error", "id: 1", "", "", "", "\r", "x"]


@given(st.lists(st.sampled_from(_LINES)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_bytes_give_the_same_events_at_once_and_one_by_one(lines, end):
    data = "".join(line + end for line in lines).encode()
    whole, single = SseParser(), SseParser()
    events = [event for byte in data for event in single.feed(bytes([byte]))]
    assert whole.feed(data) + whole.close() == events + single.close()


_PIECES = [
    'data: {"a":1}\n\n', 'data: {"a":1}\r\n\r\n', 'data: {"a":1}\n', 'data: {"a":1}\r', 'data: {"error":1}\n\n',
    'data: {"a":1}\n\ndata: {"b":1}\n\n', 'data: {"a":\n', 'data: {"a":\n\n', "data: 1}\n\n", 'data: {"a":\r1}\n\n',
    'data: {"a":1}\nid: 1\n', 'data: {"a":1}\n\r', 'data: {"a"', "data: [DONE]\n\n", ": {}\n\n", "event: error\n", "\n",
    'data: {"a":1}\n\ndata: {no\n\n', 'data: {"a":1}\n\ndata: {"error":1}\n\n', 'data: {"a":1}\n\ndata: [DONE]\n\n',
    'data: {"a":1}\nid: 1\n\ndata: {"b":1}\n', 'data: {"a":1}\n\ndata: {"b":\n1}\n\n', 'data: {"a":1}\n\n\n\ndata: {"b":1}\n\n',
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=8))
def test_pieces_give_the_same_events_as_their_bytes_one_by_one(pieces):
    told = []
    for split in (pieces, [chr(byte) for byte in "".join(pieces).encode()]):
        replies, events = SseReplies(), []
        try:
            _feed(replies, [piece.encode() for piece in split], events)
            events += replies.close(framed=True)
        except Malformed:
            events.append(Malformed)
        told.append((events, replies.mark))
    assert told[0] == told[1]


def test_errors_in_a_stream_are_told_apart_and_empty_ones_are_none():
    replies = SseReplies()
    events = replies.feed(
        b'data: {"error":null,"a":1}\n\ndata: {"error":{"message":"x"}}\n\nevent: error\ndata: {"code":1}\n\ndata:\n\n'
    )
    assert events == [{"error": None, "a": 1}, InBandError({"error": {"message": "x"}}), InBandError({"code": 1})]


@pytest.mark.parametrize("data", [b"data: {no\n\n", b"data: [no\n\n"], ids=["whole", "parsed"])
def test_what_is_malformed_leaves_nothing_to_the_collector(data):
    """Its traceback holds the call that it was raised in, with all that this holds."""

    def feed():
        with suppress(Malformed):
            SseReplies().feed(data)

    feed()
    with left_to_the_collector() as left:
        feed()
    assert not left


def test_a_quirk_makes_any_number_of_events():
    replies = SseReplies(lambda event: [event] * event["n"])
    assert replies.feed(b'data: {"n":2}\n\ndata: {"n":0}\n\n') == [{"n": 2}, {"n": 2}]
    whole = JsonReplies(lambda event: [event] * event["n"])
    whole.feed(b'{"n":2}')
    assert whole.close(framed=True) == ({"n": 2}, {"n": 2})


@pytest.mark.parametrize("data", [b"[1]", b"1", b"null", b'"x"', b"\xff"])
def test_what_is_no_object_is_malformed(data):
    with pytest.raises(Malformed):
        SseReplies().feed(b"data: " + data + b"\n\n")
    replies = JsonReplies()
    replies.feed(data)
    with pytest.raises(Malformed):
        replies.close(framed=True)


def test_a_reply_comes_whole_and_is_bounded():
    replies = JsonReplies()
    assert replies.feed(b'{"a"') == ()
    assert replies.feed(b":1}") == ()
    assert replies.close(framed=False) == ({"a": 1},)
    replies = JsonReplies()
    replies.feed(b" " * (MAX_REPLY - 1))
    with pytest.raises(Malformed, match="more than"):
        replies.feed(b"  ")


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7"}, 7),
        (503, {"retry-after": "0.5"}, 0.5),
        (529, {"retry-after-ms": "1500"}, 1.5),
        (429, {"retry-after": "1", "retry-after-ms": "0"}, 1),
        (429, {"retry-after": "1", "retry-after-ms": "2500"}, 2.5),
        (429, {"retry-after": LATER, "date": DATE}, 31),
        (429, {"retry-after": LATER}, 31),
        (429, {"retry-after": DATE, "date": LATER}, None),
        (429, {"retry-after": "0"}, None),
        (429, {"retry-after": "-5"}, None),
        (429, {"retry-after": "inf"}, None),
        (429, {"retry-after": "nan"}, None),
        (429, {"retry-after": "soon"}, None),
        (429, {}, None),
        (200, {"retry-after": "7"}, None),
        (400, {"retry-after": "7"}, None),
        (None, {"retry-after": "7"}, None),
    ],
)
def test_how_long_to_wait(status, headers, seconds):
    assert retry_after(status, headers, NOW) == seconds


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text() | st.floats().map(str)))
def test_any_header_is_a_wait_or_none(headers):
    wait = retry_after(429, headers, NOW)
    assert wait is None or 0 < wait < 10**9


def test_a_long_line_in_many_pieces_is_not_looked_through_for_each():
    parser, piece = SseParser(), b"x" * 1000
    parser.feed(b"data: ")
    held = parser._rest
    for _ in range(1000):
        assert not parser.feed(piece)
    assert parser._rest is held
    (event,) = parser.feed(b"\n\n")
    assert event.data == piece * 1000


def test_lines_without_data_count_too(monkeypatch):
    monkeypatch.setattr("taxiway.sse.MAX_EVENT", 2**12)  # the real limit takes 16 million lines
    parser, lines = SseParser(), b"data:\n" * 2**8
    for _ in range(2**12 // 2**8):
        parser.feed(lines)
    with pytest.raises(Malformed):
        parser.feed(lines)
