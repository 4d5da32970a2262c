"""JSON behaves alike with msgspec and without it."""

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway import codec
from taxiway.errors import Malformed
from taxiway.testing.dialect import JSON


def without_msgspec():
    kept = sys.modules.get("msgspec")
    sys.modules["msgspec"] = None
    try:
        spec = importlib.util.spec_from_file_location("codec_without_msgspec", codec.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        if kept is None:
            del sys.modules["msgspec"]
        else:
            sys.modules["msgspec"] = kept
    return module


PLAIN = without_msgspec()
both = pytest.mark.parametrize("json", [codec, PLAIN], ids=["msgspec", "standard library"])


@both
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nope",
        b"NaN",
        b"[Infinity]",
        b'"\xff"',
        b'"\\ud800"',
        b'{"a":"\\udc00\\ud800"}',
        '{"a":1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a":1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_malformed(json, data):
    with pytest.raises(Malformed):
        json.loads(data)


@both
def test_depth_is_bounded_for_clients(json):
    deepest = b"[" * 128 + b"]" * 128
    assert json.loads_bounded(deepest)
    with pytest.raises(Malformed, match="deeper"):
        json.loads_bounded(b"[" + deepest + b"]")
    wide = b"[" + b",".join([b"[]"] * 1000) + b"]"
    assert len(json.loads_bounded(wide)) == 1000


@both
def test_a_message_says_where_and_quotes_no_document(json):
    with pytest.raises(Malformed) as raised:
        json.loads(b'{"key": sk-secret-123}')
    assert "sk-secret" not in str(raised.value)


@both
def test_what_json_cannot_hold_is_malformed(json):
    for value in ("\ud800", {"a": object()}):
        with pytest.raises(Malformed):
            json.dumps(value)


@given(JSON)
def test_both_write_and_read_the_same(value):
    for writer in (codec, PLAIN):
        written = writer.dumps(value)
        assert codec.loads(written) == PLAIN.loads(written) == value


@given(st.binary(max_size=40))
def test_both_refuse_the_same(data):
    def outcome(json):
        try:
            return json.loads(data)
        except Malformed:
            return Malformed

    assert outcome(codec) == outcome(PLAIN)
