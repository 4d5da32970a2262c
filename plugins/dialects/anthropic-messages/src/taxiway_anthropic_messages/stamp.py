"""The client's half of this dialect: the stamp of its replies, and the writer of its streams."""

from collections.abc import Callable, Iterable
from typing import Final

from taxiway.call import Call
from taxiway.chat_stamp import SseWriter
from taxiway.chat_usage import costs
from taxiway.codec import Json, dumps
from taxiway.outcome import Bill, CallError
from taxiway_anthropic_messages.errors import error_body
from taxiway_anthropic_messages.usage import merged, told, written

_ASIDE: Final = frozenset({"content_block_delta", "content_block_start", "content_block_stop", "ping"})
"""Events that have nothing of ours."""

_REQUIRED: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
_USAGE: Final = ("cache_creation", "inference_geo", "server_tool_use", "service_tier")
"""Members that a message, and its usage, have even when null."""


class MessagesStamp:
    """Writes id, model, provider, usage and cost into messages and events. Every other field stays."""

    __slots__ = ("_bill", "_call", "_delta", "_stop")

    def __init__(self, call: Call, bill: Callable[[], Bill]) -> None:
        self._call, self._bill = call, bill
        self._delta: Json | None = None
        self._stop: Json = {"type": "message_stop"}

    def event(self, event: Json) -> Json | None:
        """Stamp an event; None for the last two, which tell what was used: that is known when the stream is whole."""
        kind = event["type"]
        if kind in _ASIDE:
            return event
        if kind == "message_start":
            self._sign(event["message"])
        elif kind == "message_delta":
            self._delta = event if self._delta is None else _joined(self._delta, event)
            return None
        elif kind == "message_stop":
            self._stop = event
            return None
        return event

    def last(self) -> Iterable[Json]:
        """Give the events that end a message, with usage and cost."""
        delta = self._delta
        if delta is not None:
            bill = self._bill()
            usage = delta.get("usage")
            delta["usage"] = _billed(usage if type(usage) is dict else {}, bill)
            yield delta
        yield self._stop

    def reply(self, reply: Json) -> Json:
        """Stamp a complete message."""
        self._sign(reply)
        for name in _REQUIRED:
            reply.setdefault(name, None)
        bill, usage = self._bill(), reply.get("usage")
        usage = _billed(usage if type(usage) is dict else {}, bill)
        if bill.usage is not None and usage.get("cache_creation") is None:
            usage["cache_creation"] = written(bill.usage)
        for name in _USAGE:
            usage.setdefault(name, None)
        reply["usage"] = usage
        return reply

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the event that says in the stream why it ends."""
        yield error_body(error)[1]

    def _sign(self, message: Json) -> None:
        endpoint = self._bill().candidate.endpoint
        message["id"] = self._call.id
        message["model"] = endpoint.model
        message["provider"] = endpoint.provider_name


def _joined(delta: Json, more: Json) -> Json:
    """Return two of a message's deltas as one: the last word counts."""
    return {
        **delta,
        **more,
        "delta": {**delta["delta"], **more["delta"]},
        "usage": merged(delta.get("usage"), more.get("usage")),
    }


def _billed(usage: Json, bill: Bill) -> Json:
    """Write into a message's `usage` what the bill says; the provider's other numbers stay."""
    if bill.usage is not None:
        usage |= told(bill.usage)
        if bill.usage.estimated:
            usage["estimated"] = True
    usage.pop("cost", None)
    usage.pop("cost_details", None)
    return {**usage, **costs(bill)}


class EventWriter(SseWriter):
    """Writes events as server-sent events, each with its name; their end is an event of its own."""

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        return b"".join([b"event: %b\ndata: %b\n\n" % (event["type"].encode(), dumps(event)) for event in events])

    def end(self, whole: bool) -> bytes:
        """Return nothing: `message_stop` was the mark."""
        return b""


WRITER: Final = EventWriter()
"""It keeps nothing, so one serves all."""
