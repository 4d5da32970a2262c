"""Recorded traffic of providers: one exchange a file, and what it says, read by means of its own.

It lies beside the checkout, in shared/cassettes, or where TAXIWAY_CASSETTES says; each folder there is one provider. Nothing here
leans on Taxiway: what it decodes is compared with what this reads.
"""

import base64
import json
import os
import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from attrs import define

MISSING = "recorded traffic (shared/cassettes beside the checkout) is not here"


@define(repr=False, slots=False, eq=False)
class Cassette:
    """One recorded exchange: see the README beside the recordings."""

    folder: str
    name: str
    kind: str
    endpoint: str
    request: dict
    response: dict
    tags: frozenset

    def __repr__(self):
        return f"{self.folder}/{self.name}"

    @property
    def status(self):
        return self.response["status"]

    @property
    def headers(self):
        return self.response["headers"]

    @property
    def url(self):
        """Host and path, with the query."""
        return self.request["host"] + self.request["path"]

    @property
    def has_request(self):
        """Whether the request was recorded; of some only the reply was."""
        return not self.request.get("not_recorded")

    @cached_property
    def bytes(self):
        """The reply's body, as it came or as it would come."""
        if "body_text" in self.response:
            return self.response["body_text"].encode()
        if "body_base64" in self.response:
            return base64.b64decode(self.response["body_base64"])
        return json.dumps(self.response["body"]).encode()

    @property
    def streamed(self):
        """Whether the reply is a stream: server-sent events, a JSON array of chunks, or binary frames."""
        return "body" not in self.response or isinstance(self.response["body"], list)

    @cached_property
    def events(self):
        """The reply's JSON objects, in order; of a complete reply, the one."""
        if "body_base64" in self.response:
            return list(_framed(self.bytes))
        if "body_text" in self.response:
            return list(_sent(self.response["body_text"]))
        body = self.response["body"]
        return body if isinstance(body, list) else [body]

    @property
    def answers(self):
        """Whether it is an answer, and no error: neither by its status nor inside of it."""
        return self.status < 300 and self.in_stream_error is None

    @cached_property
    def in_stream_error(self):
        """The event that says in a reply which began well that it failed; None where none does."""
        for event in self.events:
            delta = event.get("delta")
            if event.get("error") or (isinstance(delta, dict) and delta.get("error")):
                return event
            if event.get("type") == "response.failed":
                return event["response"]
        return None


def recorded():
    """Every exchange that was recorded, in order; nothing where the folder is missing."""
    folder = _folder()
    if folder is None:
        return
    for path in sorted(folder.glob("*/*.json")):
        raw = json.loads(path.read_text("utf-8"))
        yield Cassette(
            path.parent.name,
            path.stem,
            raw["kind"],
            raw["endpoint"],
            raw["request"],
            raw["response"],
            frozenset(raw.get("tags") or ()),
        )


def _folder() -> Path | None:
    if named := os.environ.get("TAXIWAY_CASSETTES"):
        return Path(named)
    for folder in Path(__file__).resolve().parents:
        if (found := folder.parent / "shared" / "cassettes").is_dir():
            return found
        if (folder / ".git").exists():
            break
    return None


def _sent(text: str) -> Iterator[dict]:
    """Read server-sent events (HTML standard, 9.2) of one `data` line each, and leave `[DONE]` out."""
    for line in text.split("\n"):  # not splitlines(): JSON may hold other line separators as they are
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data not in {"", "[DONE]"}:
            yield json.loads(data)


def _framed(data: bytes) -> Iterator[dict]:
    """Read AWS event-stream messages: lengths and their checksum, headers, payload, checksum. All big-endian.

    A `chunk` wraps the event of another format in base64.
    """
    while data:
        total, headers, _ = struct.unpack_from(">III", data)
        names, rest = {}, data[12 : 12 + headers]
        while rest:
            length = rest[0]
            name = rest[1 : 1 + length].decode()
            (size,) = struct.unpack_from(">H", rest, length + 2)
            names[name] = rest[length + 4 : length + 4 + size].decode()
            rest = rest[length + 4 + size :]
        payload = json.loads(data[12 + headers : total - 4])
        kind = names[":event-type"]
        yield json.loads(base64.b64decode(payload["bytes"])) if kind == "chunk" else {kind: payload}
        data = data[total:]
