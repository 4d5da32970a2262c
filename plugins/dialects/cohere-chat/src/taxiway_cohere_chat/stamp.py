"""What Taxiway says in replies to clients of Cohere's dialect, how streams are written for them, and how errors are told."""

from collections.abc import Callable, Iterable
from typing import Any

from taxiway.call import Call
from taxiway.chat_errors import error_value
from taxiway.codec import Json, dumps
from taxiway.outcome import Bill, CallError
from taxiway_cohere_chat.wire import object_of


class CohereStamp:
    """Writes id, model, provider, usage and cost into replies of chat and their events.

    `message-end` has the usage, which is only known when the stream is whole: it is held back until then.
    """

    __slots__ = ("_bill", "_call", "_end")

    def __init__(self, call: Call, bill: Callable[[], Bill]) -> None:
        self._call, self._bill = call, bill
        self._end: Json = {}

    def event(self, event: Json) -> Json | None:
        """Stamp an event; None for the last one."""
        kind = event.get("type")
        if kind == "message-start":
            signed(event, self._call, self._bill())
        elif kind == "message-end":
            self._end = event
            return None
        return event

    def last(self) -> Iterable[Json]:
        """Give the event that ends the message, with usage and cost."""
        end = self._end or {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}
        delta = object_of(end.get("delta"))
        usage = charged(delta.get("usage"), self._bill())
        if usage is not None:
            end["delta"] = {**delta, "usage": usage}
        yield {**end, "id": self._call.id}

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        bill = self._bill()
        usage = charged(reply.get("usage"), bill)
        if usage is not None:
            reply["usage"] = usage
        return signed(reply, self._call, bill)

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the event that says in the stream why it ends. No `[DONE]` may follow it."""
        value = error_value(error)
        delta = {"finish_reason": "ERROR", "error": value["message"], **_told(value)}
        yield {"type": "message-end", "id": self._call.id, "delta": delta}


def signed(told: Json, call: Call, bill: Bill) -> Json:
    """Write who answered, into a reply or an event. Cohere itself names no model."""
    endpoint = bill.candidate.endpoint
    told["id"] = call.id
    told["model"] = endpoint.model
    told["provider"] = endpoint.provider_name
    return told


def charged(raw: Any, bill: Bill) -> Json | None:
    """Write into Cohere's `usage` what was used, where its provider did not say so, and what it costs. None: nothing is known."""
    told: Json | None = raw if type(raw) is dict else None
    usage = bill.usage
    if usage is None:
        return told
    told = {} if told is None else told
    if not told.get("tokens"):
        counts = {"input_tokens": usage.prompt, "output_tokens": usage.completion}
        told = {**told, "tokens": counts, "billed_units": told.get("billed_units") or counts}
    return {**told, **costs(bill)}


def costs(bill: Bill) -> Json:
    """Return what a call costs, as OpenRouter tells it. `cost` is absent where it is unknown."""
    told: Json = {} if bill.cost is None else {"cost": bill.cost.total}
    told["is_byok"] = bill.is_byok
    if bill.usage is not None and bill.usage.estimated:
        told["estimated"] = True
    return told


class CohereWriter:
    """Writes events as server-sent events with their names, ended by `[DONE]`."""

    content_type = "text/event-stream"

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        return b"".join([b"event: %b\ndata: %b\n\n" % (event["type"].encode(), dumps(event)) for event in events])

    def ping(self) -> bytes:
        """Return a comment: parsers skip it."""
        return b": TAXIWAY PROCESSING\n\n"

    def end(self, whole: bool) -> bytes:
        """Return the mark of success, and nothing after a failure."""
        return b"data: [DONE]\n\n" if whole else b""


WRITER = CohereWriter()


def error_reply(error: CallError) -> tuple[int, Json]:
    """Return status and body of a call that failed before anything was sent."""
    value = error_value(error)
    body = {"id": error.generation, "message": value["message"]}
    return value["code"], {**body, **_told(value)}


def _told(value: Json) -> Json:
    """Say what failed: OpenRouter's name for it, in capitals as Cohere has its own, and why nothing could serve."""
    told = {"error_type": value["metadata"]["error_type"].upper(), "availability": value.get("availability")}
    return {name: said for name, said in told.items() if said is not None}


def refusal(status: int, error_type: str, message: str) -> Json:
    """Return the body of what a front end refuses before there is a call."""
    return {"message": message, "error_type": error_type.upper()}
