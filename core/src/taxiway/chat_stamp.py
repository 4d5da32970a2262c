"""The client's half of the chat dialect: the stamp of its replies, and the writer of its streams."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from taxiway.call import NOTHING, Call
from taxiway.chat_errors import error_value
from taxiway.chat_usage import FINISHES, billed
from taxiway.codec import Json, dumps
from taxiway.outcome import Bill, CallError

# What every chunk has; a chunk of these alone, without a choice, has told all with its usage.
_PLAIN = frozenset("id object created model provider choices usage service_tier system_fingerprint obfuscation".split())


class ChatStamp:
    """Writes id, model, provider, finish reasons, usage and cost into chat replies and chunks. Every other field stays."""

    _signs: Mapping[str, Any] = NOTHING
    _tier: Any = None
    _usage: Json | None = None

    def __init__(self, call: Call, bill: Callable[[], Bill]) -> None:
        self._call, self._bill = call, bill
        self._created: Any = int(call.created)

    def event(self, event: Json) -> Json | None:
        """Stamp a chunk and take its usage off; None for one that had nothing else."""
        if not self._signs:
            endpoint = self._bill().candidate.endpoint
            self._signs = self._signed_by(endpoint.model, endpoint.provider_name)
            self._created = event.get("created") or self._created
        event |= self._signs
        if "created" not in event:
            # A translator has no clock, and not every provider tells the time.
            event["created"] = self._created
        if "usage" in event:
            self._usage = event.pop("usage") or self._usage
        if "system_fingerprint" in event and event["system_fingerprint"] is None:
            del event["system_fingerprint"]
        choices = event.get("choices")
        if choices:
            for choice in choices:
                # As `_finish` does where there is no reason yet, which is nearly always.
                if choice.setdefault("finish_reason", None) is None:
                    choice.setdefault("native_finish_reason", None)
                else:
                    _finish(choice)
        elif _PLAIN.issuperset(event):
            self._tier = event.get("service_tier")
            return None
        else:
            event["choices"] = []
        return event

    def last(self) -> Iterable[Json]:
        """Give the chunk with usage and cost, the only one that has them."""
        usage = billed(self._usage, self._bill())
        if usage is not None:
            tier = {} if self._tier is None else {"service_tier": self._tier}
            yield {**self._chunk(), "choices": [], "usage": usage, **tier}

    def reply(self, reply: Json) -> Json:
        """Stamp a complete reply."""
        for index, choice in enumerate(reply.get("choices") or ()):
            choice.setdefault("index", index)
            _finish(choice)
        reply.setdefault("object", "chat.completion")
        reply.setdefault("created", self._created)
        # Official clients insist on the key, and take null.
        reply.setdefault("system_fingerprint", None)
        return self._signed(reply, billed)

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give the chunk that says in the stream why it ends. No [DONE] may follow it."""
        if not self._signs:
            # Nobody has served yet: whoever was asked for, and whoever failed.
            self._signs = self._signed_by(self._call.facts.models[0], error.provider)
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": None}
        yield {**self._chunk(), "error": error_value(error), "choices": [choice]}

    def _signed(self, reply: Json, told: Callable[[Any, Bill], Json | None]) -> Json:
        """Write who served a complete reply, and what it cost."""
        bill = self._bill()
        endpoint = bill.candidate.endpoint
        reply["id"], reply["model"], reply["provider"] = self._call.id, endpoint.model, endpoint.provider_name
        usage = told(reply.get("usage"), bill)
        if usage is not None:
            reply["usage"] = usage
        return reply

    def _chunk(self) -> Json:
        return {"id": self._call.id, "object": "chat.completion.chunk", "created": self._created, **self._signs}

    def _signed_by(self, model: str, provider: str) -> Json:
        return {"id": self._call.id, "model": model, "provider": provider}


def _finish(choice: Json) -> None:
    # The keys must be there even when null.
    native = choice.setdefault("finish_reason", None)
    if native is not None:
        choice["finish_reason"] = FINISHES.get(native, native)
    choice.setdefault("native_finish_reason", native)


class SseWriter:
    """Writes events as server-sent events without names, ended by `[DONE]`."""

    content_type = "text/event-stream"

    def write(self, events: Iterable[Json]) -> bytes:
        """Encode events, in one piece."""
        data = b"\n\ndata: ".join(map(dumps, events))
        return b"data: %b\n\n" % data if data else data

    def ping(self) -> bytes:
        """Return a comment: parsers skip it."""
        return b": TAXIWAY PROCESSING\n\n"

    def end(self, whole: bool) -> bytes:
        """Return the mark of success, and nothing after a failure."""
        return b"data: [DONE]\n\n" if whole else b""
