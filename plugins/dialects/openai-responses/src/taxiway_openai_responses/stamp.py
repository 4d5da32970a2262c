"""The client's half of the dialect: the stamp of its replies, and the writer of its streams."""

from collections.abc import Callable, Iterable
from typing import Final

from taxiway.call import Call
from taxiway.chat_errors import error_value
from taxiway.chat_stamp import SseWriter
from taxiway.codec import Json, dumps
from taxiway.outcome import Bill, CallError
from taxiway_openai_responses import response
from taxiway_openai_responses.output import ENDS
from taxiway_openai_responses.usage import billed

_CODES: Final = {
    "rate_limit_exceeded": "rate_limit_exceeded",
    "context_length_exceeded": "invalid_prompt",
    "invalid_request": "invalid_prompt",
    "content_policy_violation": "image_content_policy_violation",
}
"""OpenAI's codes of a failed Response by OpenRouter's types of errors; every other is a `server_error`."""


class ResponsesStamp:
    """Writes id, model, usage and cost into Responses and their events, and numbers events that have no number.

    The last event waits for the bill. Every other field stays.
    """

    __slots__ = ("_bill", "_call", "_last", "_model", "_number", "_response")

    def __init__(self, call: Call, bill: Callable[[], Bill]) -> None:
        self._call, self._bill = call, bill
        self._model = ""
        self._number = 0
        self._response: Json | None = None
        self._last: Json | None = None

    def event(self, event: Json) -> Json | None:
        """Stamp an event; None for the last, which `last` gives."""
        number = event.get("sequence_number")
        if type(number) is int:
            self._number = number + 1
        else:
            event["sequence_number"] = self._number
            self._number += 1
        told = event.get("response")
        if type(told) is dict:
            self._response = self._signed(told)
            if event.get("type") in ENDS:
                self._last = event
                return None
        return event

    def last(self) -> Iterable[Json]:
        """Give the last event, with usage and cost."""
        event, self._last = self._last, None
        if event is not None:
            told = event["response"]
            told["usage"] = billed(told.get("usage"), self._bill())
            yield event

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        reply = self._signed(reply)
        reply["usage"] = billed(reply.get("usage"), self._bill())
        return reply

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the events that say why the stream ends: clients look at either. What does not fit any more is an end like a limit's."""
        value = error_value(error)
        kind = value["metadata"]["error_type"]
        begun = response.begun(self._call) if self._response is None else self._response
        usage = billed(None, self._bill()) if self._model else None
        if kind == "context_length_exceeded":
            yield self._numbered("response.incomplete", response=response.ended(begun, [], "length", usage))
            return
        told = {"code": _CODES.get(kind, "server_error"), "message": value["message"]}
        yield self._numbered("error", **told, param=value.get("param"))
        failed = {**response.ended(begun, [], "error", usage), "error": told, "error_type": kind}
        if "availability" in value:
            failed["availability"] = value["availability"]
        yield self._numbered("response.failed", response=failed)

    def _signed(self, told: Json) -> Json:
        if not self._model:
            self._model = self._bill().candidate.endpoint.model
        told["id"] = self._call.id
        told["model"] = self._model
        for name in response.REQUIRED:
            told.setdefault(name, None)
        return told

    def _numbered(self, kind: str, **members: object) -> Json:
        self._number += 1
        return {"type": kind, "sequence_number": self._number - 1, **members}


class NamedSseWriter(SseWriter):
    """Writes events as server-sent events under their own names. The last event is the end: nothing comes after it."""

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        return b"".join([b"event: %b\ndata: %b\n\n" % (dumps(event["type"])[1:-1], dumps(event)) for event in events])

    def end(self, whole: bool) -> bytes:
        """Return nothing."""
        return b""
