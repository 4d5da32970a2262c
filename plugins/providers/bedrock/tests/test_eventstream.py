"""Frames are those that AWS's own library reads, however they come, and a spoilt one is never read."""

import struct
from binascii import crc32
from collections.abc import Iterable

import pytest
from botocore.eventstream import EventStreamBuffer
from frames import frame, header, raw_frame
from hypothesis import given
from hypothesis import strategies as st

from taxiway.errors import Malformed
from taxiway_bedrock.eventstream import MAX_FRAME, Frame, FrameParser

NAME = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
FRAMES = st.lists(
    st.tuples(st.dictionaries(NAME, st.text(max_size=20), max_size=4), st.binary(max_size=60)), max_size=5
)


@given(frames=FRAMES, data=st.data())
def test_any_split_gives_the_frames_that_botocore_reads(frames, data) -> None:
    raw = b"".join(frame(headers, payload) for headers, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))
    parser = FrameParser()
    found = [
        one for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True) for one in parser.feed(raw[start:end])
    ]
    parser.close()
    oracle = EventStreamBuffer()
    oracle.add_data(raw)
    assert found == [Frame(event.headers, event.payload) for event in oracle]


@given(frames=FRAMES.filter(bool), data=st.data())
def test_a_spoilt_byte_is_found_and_what_came_before_is_given(frames, data) -> None:
    pieces = [frame(headers, payload) for headers, payload in frames]
    raw = bytearray(b"".join(pieces))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    whole, before = 0, 0
    for piece in pieces:
        if whole + len(piece) > place:
            break
        whole, before = whole + len(piece), before + 1
    found: list[Frame] = []
    with pytest.raises(Malformed):
        _read((raw[index : index + 1] for index in range(len(raw))), found)
    assert len(found) == before
    at_once: list[Frame] = []
    with pytest.raises(Malformed):
        _read([raw], at_once)
    assert at_once == found


def _read(pieces: Iterable[bytes], found: list[Frame]) -> None:
    parser = FrameParser()
    for piece in pieces:
        found += parser.feed(bytes(piece))
    parser.close()


def test_a_cut_frame_is_malformed_and_a_whole_one_is_not() -> None:
    raw = frame({":event-type": "messageStop"}, b"{}")
    for length in range(1, len(raw)):
        parser = FrameParser()
        assert not list(parser.feed(raw[:length]))
        with pytest.raises(Malformed):
            parser.close()
    parser = FrameParser()
    assert list(parser.feed(raw)) == [Frame({":event-type": "messageStop"}, b"{}")]
    parser.close()


def test_headers_of_every_type_are_skipped_or_read() -> None:
    headers = b"".join(
        [
            header("yes", 0, b""),
            header("no", 1, b""),
            header("byte", 2, b"1"),
            header("short", 3, b"22"),
            header("int", 4, b"4444"),
            header("long", 5, b"8" * 8),
            header("bytes", 6, b"any"),
            header("time", 8, b"8" * 8),
            header("uuid", 9, b"6" * 16),
            header("text", 7, b"read"),
        ]
    )
    assert list(FrameParser().feed(raw_frame(headers, b"x"))) == [Frame({"text": "read"}, b"x")]


@pytest.mark.parametrize(
    "headers", [b"\x05name", header("x", 7, b"abc")[:-1], header("x", 10, b""), header("x", 7, b"\xff")]
)
def test_headers_that_can_not_be_read_are_malformed(headers: bytes) -> None:
    with pytest.raises(Malformed):
        list(FrameParser().feed(raw_frame(headers, b"")))


@pytest.mark.parametrize("lengths", [(MAX_FRAME + 1, 0), (15, 0), (20, 5)])
def test_a_frame_of_an_impossible_length_is_malformed_at_once(lengths: tuple[int, int]) -> None:
    prelude = struct.pack(">II", *lengths)
    with pytest.raises(Malformed):
        list(FrameParser().feed(prelude + struct.pack(">I", crc32(prelude))))
