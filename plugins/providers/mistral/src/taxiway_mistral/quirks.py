"""What Mistral says otherwise in a reply than OpenAI: content as a list with thinking in it, tool calls, usage, errors in a stream."""

from collections.abc import Iterable
from typing import Any, Final

from taxiway.call import Outgoing
from taxiway.codec import Json, dumps
from taxiway.provider import Event, InBandError
from taxiway_mistral.requests import prefix_of, tool_id

_PADDING: Final = "p"
_NO_ID: Final = frozenset({None, "", "null"})


class Reading:
    """Makes one reply, or the chunks of one stream, mean what OpenAI's mean. What it does not know, it leaves.

    Reasoning becomes `reasoning` and `reasoning_details`; an answer that went on from the client's last message is told without
    it: Mistral says it again.
    """

    __slots__ = ("_choices", "_prefix")

    def __init__(self, outgoing: Outgoing) -> None:
        self._prefix = prefix_of(outgoing.body)
        self._choices: dict[Any, _Choice] = {}

    def __call__(self, event: Json) -> Iterable[Event]:
        """Take the reply or a chunk, and change it."""
        if event.get("object") == "error":
            return (InBandError(event),)
        event.pop(_PADDING, None)
        usage, choices = event.get("usage"), event.get("choices")
        if type(usage) is dict:
            _count(usage)
        for choice in choices if type(choices) is list else ():
            # What is no choice is refused after this.
            content = (choice.get("delta") or choice.get("message")) if type(choice) is dict else None
            if type(content) is dict:
                index = choice.get("index", 0)
                index = index if type(index) is int else 0
                known = self._choices.get(index)
                if known is None:
                    known = self._choices[index] = _Choice(self._prefix)
                known.read(content, event.get("id"), whole="message" in choice)
        return (event,)


class _Choice:
    """What came before in one choice: the part of the prefix that may still come, the blocks of reasoning, the tool calls."""

    __slots__ = ("_block", "_held", "_ids", "_prefix", "_thinking")

    def __init__(self, prefix: str) -> None:
        self._prefix, self._held = prefix, ""
        self._block, self._thinking = -1, False
        self._ids: list[Any] = []

    def read(self, content: Json, reply: Any, *, whole: bool) -> None:
        """Change a message (`whole`) or a delta."""
        parts, calls = content.get("content"), content.get("tool_calls")
        if type(parts) is list:
            self._split(content, parts)
        elif type(parts) is str and parts:
            self._thinking = False
        if self._prefix and type(content.get("content")) is str:
            content["content"] = self._after_prefix(content["content"])
        if type(calls) is list:
            for call in calls:
                if type(call) is dict:
                    self._call(call, reply)
                    _arguments(call, whole=whole)

    def _split(self, content: Json, parts: list[Any]) -> None:
        """Take a list apart: texts are the content, thinking is reasoning, the rest stays as `content_chunks`."""
        texts: list[str] = []
        details: list[Json] = []
        rest: list[Any] = []
        for part in parts:
            kind = part.get("type") if type(part) is dict else None
            if kind == "thinking":
                self._think(part, details)
            elif kind == "text" and type(part.get("text")) is str:
                texts.append(part["text"])
                self._thinking = self._thinking and not part["text"]
            else:
                rest.append(part)
        content["content"] = "".join(texts) if texts or not details else None
        if details:
            content["reasoning"] = "".join(detail.get("text", "") for detail in details)
            content["reasoning_details"] = details
        if rest:
            content["content_chunks"] = rest

    def _think(self, part: Json, details: list[Json]) -> None:
        """Add a thinking chunk to the reasoning: to the block that is open, else as a new one."""
        pieces = part.get("thinking")
        pieces = pieces if type(pieces) is list else [{"type": "text", "text": pieces or ""}]
        texts = [text for piece in pieces if (text := _text(piece)) is not None]
        others = [piece for piece in pieces if _text(piece) is None]
        if not self._thinking:
            self._block += 1
            self._thinking = True
        detail = details[-1] if details and details[-1]["index"] == self._block else None
        if detail is None:
            detail = {"type": "reasoning.text", "text": "", "format": "unknown", "index": self._block}
            details.append(detail)
        detail["text"] += "".join(texts)
        if others:
            detail["chunks"] = [*detail.get("chunks", ()), *others]
        if part.get("signature"):
            detail["signature"] = part["signature"]
        if part.get("closed") or part.get("signature"):
            self._thinking = False

    def _after_prefix(self, text: str) -> str:
        """Return a piece of text without what of the prefix it says again; all of it where it says something else."""
        left = self._prefix
        if text.startswith(left):
            self._prefix = ""
            return text[len(left) :]
        if left.startswith(text):
            self._held, self._prefix = self._held + text, left[len(text) :]
            return ""
        self._prefix = ""
        return self._held + text

    def _call(self, call: Json, reply: Any) -> None:
        """Give a tool call its index, and an id where it begins and nowhere else. One index with two ids is two calls."""
        ids, id_, index = self._ids, call.get("id"), call.get("index")
        if id_ in _NO_ID:
            id_ = None
        if type(index) is not int or not 0 <= index < len(ids) or (id_ is not None and id_ != ids[index]):
            # Without an index or an id it goes on with the last one, if there is any.
            index = len(ids) if id_ is not None or type(index) is int or not ids else len(ids) - 1
        call["index"] = index
        if index == len(ids):
            call["id"] = id_ or tool_id(f"{reply}/{index}")
            ids.append(call["id"])
        else:
            call.pop("id", None)


def _arguments(call: Json, *, whole: bool) -> None:
    """Make arguments text, and leave out a name that says nothing: pieces that go on have an empty one."""
    function = call.get("function")
    if type(function) is not dict:
        return
    if not function.get("name"):
        function.pop("name", None)
    given = function.get("arguments")
    if type(given) is dict:
        function["arguments"] = dumps(given).decode()
    elif whole and not given:
        function["arguments"] = "{}"


def _text(piece: Any) -> str | None:
    text = piece.get("text") if type(piece) is dict and piece.get("type", "text") == "text" else None
    return text if type(text) is str else None


def _count(usage: Json) -> None:
    """Bring usage to OpenAI's: cached tokens in the details, audio tokens in the prompt."""
    cached = usage.get("num_cached_tokens")
    details = usage.get("prompt_tokens_details")
    if type(cached) is int and not details:
        details = usage["prompt_tokens_details"] = {"cached_tokens": cached}
    audio = details.get("audio_tokens") if type(details) is dict else None
    prompt, completion, total = (usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    if audio and type(audio) is type(prompt) is type(completion) is int and total == prompt + completion + audio:
        # Seen with Voxtral: `prompt_tokens` are of the text only, and `total_tokens` are all.
        usage["prompt_tokens"] = prompt + audio
