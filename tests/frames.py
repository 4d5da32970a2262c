"""Frames of AWS's event stream, as Bedrock sends them, written by hand."""

import json
import struct
from binascii import crc32

TEXT = 7


def header(name, kind, value):
    """One header. Types: docs.aws.amazon.com, "Event stream encoding"; 7 is a text, 6 bytes, both with a length before them."""
    size = struct.pack(">H", len(value)) if kind in {6, TEXT} else b""
    return struct.pack(">B", len(name)) + name.encode() + bytes([kind]) + size + value


def raw_frame(headers, payload):
    """One frame of headers that are bytes already."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return body + struct.pack(">I", crc32(body))


def frame(headers, payload):
    """One frame whose headers are texts."""
    return raw_frame(b"".join(header(name, TEXT, value.encode()) for name, value in headers.items()), payload)


def event(kind, value):
    """One event."""
    told = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(told, json.dumps(value).encode())


def exception(kind, value):
    """One exception (`throttlingException`)."""
    told = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(told, json.dumps(value).encode())
