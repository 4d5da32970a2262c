"""What Taxiway writes into replies of clients that speak Gemini, and how their streams are framed."""

from collections.abc import Callable, Iterable
from typing import Any

from taxiway.call import Call
from taxiway.codec import Json, dumps, items
from taxiway.outcome import Bill, CallError
from taxiway_gemini.errors import error_of
from taxiway_gemini.usage import billed, counted


class GeminiStamp:
    """Writes `responseId`, `modelVersion`, provider, usage and cost. Every other member stays.

    Google tells the usage so far in every chunk. Here it is told once, in the last one, which is held back until the bill is
    known: from the first that has a finish reason on, each chunk waits for the next.
    """

    __slots__ = ("_bill", "_call", "_held", "_metadata", "_model", "_provider")

    def __init__(self, call: Call, bill: Callable[[], Bill]) -> None:
        self._call, self._bill = call, bill
        self._model = self._provider = ""
        self._held: Json | None = None
        self._metadata: Json = {}

    def event(self, event: Json) -> Json | None:
        """Stamp a chunk and take its usage off; None for one that is held back, or had nothing else."""
        if not self._model:
            endpoint = self._bill().candidate.endpoint
            self._model, self._provider = endpoint.model, endpoint.provider_name
        metadata = event.pop("usageMetadata", None)
        if type(metadata) is dict:
            self._metadata = metadata if counted(metadata) else self._metadata | metadata
        if not event:
            return None
        self._sign(event)
        held = self._held
        if held is None and "promptFeedback" not in event:
            for candidate in items(event.get("candidates")):
                if candidate.get("finishReason"):
                    break
            else:
                return event
        self._held = event
        return held

    def last(self) -> Iterable[Json]:
        """Give the last chunk, the only one that has the usage."""
        last = self._sign({}) if self._held is None else self._held
        self._held = None
        last["usageMetadata"] = billed(self._metadata, self._bill())
        yield last

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        bill = self._bill()
        endpoint = bill.candidate.endpoint
        self._model, self._provider = endpoint.model, endpoint.provider_name
        metadata = reply.get("usageMetadata")
        reply["usageMetadata"] = billed(metadata if type(metadata) is dict else {}, bill)
        return self._sign(reply)

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the error that ends the stream, after what was held back of it: that was no good end."""
        held, self._held = self._held, None
        if held is not None:
            for candidate in items(held.get("candidates")):
                candidate.pop("finishReason", None)
            yield held
        yield error_of(error)

    def _sign(self, event: Json) -> Json:
        event["responseId"] = self._call.id
        event["modelVersion"] = self._model
        event["provider"] = self._provider
        return event


class SseWriter:
    """Writes events as Google does where the address says `alt=sse`: lines end with CRLF, and nothing marks the end."""

    content_type = "text/event-stream"

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        return b"".join([b"data: %b\r\n\r\n" % dumps(event) for event in events])

    def ping(self) -> bytes:
        """Return an empty line: Google's own SDK takes a comment for the beginning of an error."""
        return b"\r\n"

    def end(self, whole: bool) -> bytes:
        """Return nothing."""
        return b""


class ArrayWriter:
    """Writes events as one JSON array, as Google does without `alt=sse`. One for each stream: it knows where it is."""

    content_type = "application/json; charset=UTF-8"

    def __init__(self) -> None:
        self._between = b"["

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        pieces: list[bytes] = []
        for event in events:
            pieces += (self._between, dumps(event))
            self._between = b",\r\n"
        return b"".join(pieces)

    def ping(self) -> bytes:
        """Return space, which may stand between elements."""
        return b"\r\n"

    def end(self, whole: bool) -> bytes:
        """Return the closing bracket; without it no parser takes the stream for whole."""
        if not whole:
            return b""
        return b"[]\r\n" if self._between == b"[" else b"]\r\n"


def writer_of(path: Any) -> SseWriter | ArrayWriter:
    """Return the writer of the framing that a call's path asks for."""
    return _SSE if path.get("alt") == "sse" else ArrayWriter()


_SSE = SseWriter()
