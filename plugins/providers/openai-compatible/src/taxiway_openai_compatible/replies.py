"""Decoders of good replies that several providers share: server-sent events, and one JSON body.

A provider's own oddities go into a quirk: a function from one event (or the one reply) to the events that it stands for.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

from taxiway.codec import Json, loads
from taxiway.errors import Malformed
from taxiway.provider import Event, InBandError
from taxiway.sse import SseEvent, SseParser

T = TypeVar("T")

Quirk: TypeAlias = Callable[[Json], Iterable[Event]]
"""Makes events mean what they mean in their dialect; it may change what it is given, and raise Malformed. An event that is an error
in its dialect becomes InBandError."""

MAX_REPLY: Final = 64 * 1024 * 1024
"""Bytes of one complete reply: several images as base64 fit."""

_MARK: Final = b"[DONE]"


class StreamReplies:
    """What decoders of streams have in common: what came before something malformed is given first, however the bytes are split.

    Malformed is raised by the next call then.
    """

    __slots__ = ("_broken", "mark")

    def __init__(self) -> None:
        self.mark = False
        # What it says alone: an error that is kept would keep, by its traceback, the whole call that it was raised in.
        self._broken: str | None = None

    def decoded(self, read: Callable[[T, list[Event]], None], given: T) -> list[Event]:
        """Return the events that `read` finds in what is given. Raises Malformed."""
        if self._broken is not None:
            raise Malformed(self._broken)
        events: list[Event] = []
        try:
            read(given, events)
        except Malformed as error:
            # By no function of its own, which would hold the error in a variable, and so be a circle with its traceback.
            if not events:
                raise
            self._broken = str(error)
        return events


class SseReplies(StreamReplies):
    """Decodes a stream of server-sent events, each a JSON object, that may end with `[DONE]`.

    An object with a top-level `error`, and any event named `error`, is an in-band error.
    """

    __slots__ = ("_between", "_parser", "_quirk")

    def __init__(self, quirk: Quirk | None = None) -> None:
        super().__init__()
        self._parser = SseParser()
        self._quirk = quirk or _as_it_is
        self._between = True  # the stream goes on, and nothing is held of it

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take bytes, give the events that they complete. Raises Malformed."""
        if self._between and data[:7] == b"data: {":
            lines = data.splitlines()
            if not lines[-1] and (len(lines) == 2 or len(lines) == 2 * data.count(b"\n\ndata: {") + 2):
                # Whole events of one line each, as nearly always, and no mark. The parser would find the same.
                found: list[Event] = []
                try:
                    for line in filter(None, lines):
                        value = loads(line[6:])
                        found += (InBandError(value),) if value.get("error") else self._quirk(value)
                except Malformed as error:
                    self._between = False
                    if not found:
                        raise
                    self._broken = str(error)
                return found
        self._between = False
        events = self.decoded(self._read, self._parser.feed(data))
        self._between = self._parser.between and not self.mark and self._broken is None
        return events

    def close(self, framed: bool) -> Sequence[Event]:
        """The body ended: give a last event that came without its blank line. Raises Malformed where it was cut."""
        return self.decoded(self._read, self._parser.close())

    def _read(self, parsed: Iterable[SseEvent], events: list[Event]) -> None:
        for data, name in parsed:
            if self.mark:
                return
            if data == _MARK or data.strip() == _MARK:
                self.mark = True
            elif data:
                value = loads(data)
                if type(value) is not dict:
                    raise Malformed("an event that is not a JSON object")
                events += (InBandError(value),) if value.get("error") or name == "error" else self._quirk(value)


class JsonReplies:
    """Decodes a body that is one JSON object; one with a top-level `error` is an in-band error."""

    __slots__ = ("_pieces", "_quirk", "_size", "mark")

    def __init__(self, quirk: Quirk | None = None) -> None:
        self.mark = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._quirk = quirk or _as_it_is

    def feed(self, data: bytes) -> Sequence[Event]:
        """Take bytes; nothing comes out before the end. Raises Malformed where the body is larger than `MAX_REPLY`."""
        self._size += len(data)
        if self._size > MAX_REPLY:
            raise Malformed(f"a reply of more than {MAX_REPLY} bytes")
        self._pieces.append(data)
        return ()

    def close(self, framed: bool) -> Sequence[Event]:
        """The body ended: give the one reply. Raises Malformed."""
        value = loads(b"".join(self._pieces))
        if type(value) is not dict:
            raise Malformed("a reply that is not a JSON object")
        if value.get("error"):
            return (InBandError(value),)
        return tuple(self._quirk(value))


def _as_it_is(event: Json) -> Iterable[Event]:
    return (event,)


def no_stream(reply: Json) -> Iterable[Json]:
    """Refuse a complete reply where a stream was asked for: a quirk for what a server answered in JSON instead."""
    raise Malformed(f"a complete reply where a stream was asked for (fields: {', '.join(sorted(reply))[:200]})")
