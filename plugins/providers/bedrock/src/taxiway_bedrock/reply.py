"""A reply of Converse as a canonical chat reply, block by block. Streams have the same blocks in pieces: `events`."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from taxiway import data_url
from taxiway.call import Translated
from taxiway.codec import Json, dumps
from taxiway.errors import Malformed
from taxiway_anthropic_messages import Notes
from taxiway_bedrock.request import State
from taxiway_bedrock.usage import FINISHES, canonical

SERVER_TOOL: Final = "server_tool_use"

# `metrics` says how long it took, which is measured anyway.
_KNOWN: Final = frozenset("output stopReason usage metrics serviceTier additionalModelResponseFields".split())


def reply_to_canonical(reply: Json, state: State | None) -> Translated:
    """Translate a complete reply. Raises Malformed where it is none."""
    notes, message = Notes(), Message(state or State())
    try:
        for block in reply["output"]["message"]["content"]:
            message.add(block, notes)
        native = reply.get("stopReason")
        choice = {
            "index": 0,
            "message": message.told(),
            "finish_reason": message.finish(native),
            "native_finish_reason": native,
            "logprobs": None,
        }
        for name in reply.keys() - _KNOWN:
            notes.drop(name)
        ended(choice, reply)
        told: Json = {"object": "chat.completion", "choices": [choice], "usage": canonical(reply.get("usage"))}
        tier = tier_of(reply)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise Malformed(f"a reply that is not Converse's ({type(error).__name__})") from None
    if tier is not None:
        told["service_tier"] = tier
    return notes.translated(told)


def ended(choice: Json, holder: Json) -> None:
    """Write the stop sequence that was met, where the model's own fields say it, into a choice."""
    sequence = (holder.get("additionalModelResponseFields") or {}).get("stop_sequence")
    if sequence:
        choice["stop_sequence"] = sequence


def tier_of(holder: Json) -> str | None:
    """Return the service tier that was used, where it is said."""
    tier = (holder.get("serviceTier") or {}).get("type")
    return tier if type(tier) is str else None


class Message:
    """Collects the content of one canonical message."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._texts: list[str] = []
        self._length = 0
        self._details: list[Json] = []
        self._calls: list[Json] = []
        self._annotations: list[Json] = []
        self._images: list[Json] = []
        self._answered = False

    def add(self, block: Json, notes: Notes) -> None:
        """Take the next content block; what has no place is noted."""
        for kind, value in block.items():
            take = self._takes.get(kind)
            if take is None:
                notes.drop(kind)
            else:
                take(self, value, notes)

    def finish(self, native: Any) -> Any:
        """Return the canonical finish reason. A tool that stood for the answer's form was no tool call."""
        reason = FINISHES.get(native, native)
        return "stop" if reason == "tool_calls" and self._answered and not self._calls else reason

    def told(self) -> Json:
        """Return the message."""
        message: Json = {"role": "assistant", "content": "".join(self._texts) if self._texts else None, "refusal": None}
        if self._details and not self._state.exclude:
            text = "".join(detail.get("text", "") for detail in self._details)
            message["reasoning"] = text or None
            message["reasoning_details"] = self._details
        for name, values in (
            ("tool_calls", self._calls),
            ("annotations", self._annotations),
            ("images", self._images),
        ):
            if values:
                message[name] = values
        return message

    def _text(self, text: str, notes: Notes) -> None:
        self._texts.append(text)
        self._length += len(text)

    def _reasoning(self, block: Json, notes: Notes) -> None:
        index, text = len(self._details), block.get("reasoningText")
        if text is not None:
            detail = thought(index, self._state.format, text=text["text"], signature=text.get("signature"))
        else:
            detail = thought(index, self._state.format, data=block["redactedContent"])
        self._details.append(detail)

    def _tool(self, block: Json, notes: Notes) -> None:
        if block.get("type") == SERVER_TOOL:
            notes.drop("toolUse")
            return
        given = block["input"]
        arguments = given if type(given) is str else dumps(given).decode()
        if block["name"] == self._state.answer:
            self._answered = True
            self._text(arguments, notes)
            return
        function = {"name": block["name"], "arguments": arguments or "{}"}
        self._calls.append({"id": block["toolUseId"], "type": "function", "function": function})

    def _citations(self, block: Json, notes: Notes) -> None:
        start = self._length
        for piece in block.get("content") or ():
            self._text(piece["text"], notes)
        for citation in block.get("citations") or ():
            self._annotations.append(annotation(citation, start, self._length))
            if citation.get("location"):
                notes.drop("citations.location")

    def _image(self, block: Json, notes: Notes) -> None:
        url = data_url.join(f"image/{block['format']}", block["source"]["bytes"])
        self._images.append({"type": "image_url", "image_url": {"url": url}})

    _takes: ClassVar[Mapping[str, Callable[..., None]]] = {
        "text": _text,
        "reasoningContent": _reasoning,
        "toolUse": _tool,
        "citationsContent": _citations,
        "image": _image,
    }


def thought(
    index: int, format_: str, *, text: str | None = None, signature: str | None = None, data: str | None = None
) -> Json:
    """Make one reasoning detail: a text, its signature, or what is encrypted."""
    if data is not None:
        return {"type": "reasoning.encrypted", "data": data, "format": format_, "index": index}
    detail: Json = {"type": "reasoning.text", "format": format_, "index": index}
    if text is not None:
        detail["text"] = text
    if signature is not None:
        detail["signature"] = signature
    return detail


def annotation(citation: Json, start: int, end: int) -> Json:
    """Make a citation's annotation. What is cited of a document that was sent along has no address: its title is what names it."""
    web = (citation.get("location") or {}).get("web") or {}
    quoted = "".join(piece.get("text", "") for piece in citation.get("sourceContent") or ())
    cited = {
        "url": web.get("url") or citation.get("source") or "",
        "title": citation.get("title") or "",
        "content": quoted,
        "start_index": start,
        "end_index": end,
    }
    return {"type": "url_citation", "url_citation": cited}
