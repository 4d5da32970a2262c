"""Canonical chat's messages as Cohere's.

Source: docs.cohere.com/reference/chat (messages, tool results, documents), docs.cohere.com/docs/reasoning (thinking).
"""

from typing import Any, Final

from taxiway.codec import Json, items, text_of
from taxiway.errors import Unsupported
from taxiway_cohere_chat.wire import arguments_of, object_of

_ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_LOST: Final = frozenset({"annotations", "audio", "images", "refusal"})
"""Members of an assistant's message that say again what its content says, or that Cohere can't be shown."""

_THOUGHTS: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})
_RARE: Final = frozenset({"function_call", "cache_control", "name"})


class Messages:
    """Messages in the making. `thinks`: the model may be shown what was thought. `lost` names what can't be said.

    `documents` are those that a client of Cohere's dialect gave beside its messages.
    """

    __slots__ = ("_lost", "_thinks", "documents")

    def __init__(self, thinks: bool, lost: list[str]) -> None:
        self._thinks, self._lost = thinks, lost
        self.documents: list[Any] = []

    def message(self, index: int, message: Json) -> Json:
        """Return a message. Raises Unsupported."""
        role, content = _ROLES.get(text_of(message.get("role"))), message.get("content")
        rare = not _RARE.isdisjoint(message)
        if role is None or (rare and message.get("function_call") is not None):
            raise Unsupported(f"messages[{index}].role", "Cohere knows tools, not functions as they were before")
        if rare and message.get("cache_control"):
            self._lost.append("cache_control")
        if role == "assistant":
            return self._assistant(index, message, content)
        made: Json = {"role": role}
        if role == "tool":
            made["tool_call_id"] = text_of(message.get("tool_call_id"))
            made["content"] = self._parts(index, content, "document", images=False)
            return made
        user = role == "user"
        made["content"] = self._parts(index, content, "lift" if user else "", images=user)
        if rare and (name := text_of(message.get("name"))):
            made["content"] = _named(name, made["content"])
        return made

    def _assistant(self, index: int, message: Json, content: Any) -> Json:
        made: Json = {"role": "assistant"}
        calls = [_call(call) for call in items(message.get("tool_calls"))]
        if not _LOST.isdisjoint(message):
            self._lost += [f"messages.{name}" for name in sorted(_LOST) if message.get(name)]
        blocks = [] if _THOUGHTS.isdisjoint(message) else self._thoughts(message)
        if calls:
            made["tool_calls"] = calls
        if calls and type(content) is str:
            # What is said before tools are called is a plan to Cohere.
            if content:
                made["tool_plan"] = content
            content = None
        said = self._parts(index, content, "", images=False) if content is not None else None
        if blocks:
            texts = [{"type": "text", "text": said}] if type(said) is str and said else said or []
            made["content"] = [*blocks, *texts]
        elif said is not None:
            made["content"] = said
        return made

    def _thoughts(self, message: Json) -> list[Json]:
        """Return what was thought as blocks, each of the details as one."""
        details = items(message.get("reasoning_details"))
        texts = [text_of(detail.get("text")) or text_of(detail.get("summary")) for detail in details]
        if not details:
            texts = [text_of(message.get("reasoning")) or text_of(message.get("reasoning_content"))]
        told = [text for text in texts if text]
        if (told and not self._thinks) or len(told) < len(details):
            self._lost.append("messages.reasoning_details" if details else "messages.reasoning")
        return [{"type": "thinking", "thinking": text} for text in told] if self._thinks else []

    def _parts(self, place: int, content: Any, documents: str, *, images: bool) -> Any:
        """Return content. `documents`: those among its texts stay there, or are lifted out of the message, or are plain texts."""
        if type(content) is str:
            return content
        if type(content) is not list:
            return ""
        made: list[Json] = []
        for index, part in enumerate(items(content)):
            if part.get("cache_control"):
                self._lost.append("cache_control")
            kind, document = text_of(part.get("type")), part.get("document")
            if documents == "lift" and document is not None:
                self.documents.append(document)
            elif documents == "document" and type(document) is dict:
                made.append({"type": "document", "document": document})
            elif kind in {"text", "refusal"}:
                made.append({"type": "text", "text": text_of(part.get(kind))})
            elif kind == "image_url" and images:
                made.append({"type": "image_url", "image_url": part.get("image_url")})
            else:
                raise Unsupported(f"messages[{place}].content[{index}]", f"Cohere takes no {kind or 'such part'} here")
        return made


def _named(name: str, content: Any) -> Any:
    """Tell a speaker's name in the text, as OpenRouter does."""
    if type(content) is list:
        return [{"type": "text", "text": f"{name}: "}, *content]
    return f"{name}: {content}"


def _call(call: Json) -> Json:
    function = object_of(call.get("function"))
    told = {"name": text_of(function.get("name")), "arguments": arguments_of(function.get("arguments"))}
    return {"id": text_of(call.get("id")), "type": "function", "function": told}
