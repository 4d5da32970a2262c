"""What Mistral wants otherwise in a request than OpenAI: tool ids, parts, reasoning that is sent back, a last message to go on from.

Every change is of form. What can't be said raises Unsupported; fields that it refuses are gone before (the declaration's `refuses`).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from taxiway.call import Outgoing
from taxiway.codec import Json
from taxiway.errors import Unsupported

_LENGTH: Final = 9
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ANY_OBJECT: Final[Json] = {"type": "object", "properties": {}}
_THOUGHTS: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})
_OTHERS: Final = _THOUGHTS | {"name"}
"""Members that a message has at Mistral in another place, or only a tool's has."""


def request(body: Json, outgoing: Outgoing) -> Json:
    """Say a chat request as Mistral wants it. Raises Unsupported."""
    messages = body["messages"] = [_message(index, message) for index, message in enumerate(body["messages"])]
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not last.get("tool_calls"):
        # Only so marked may an assistant's message be the last: the answer goes on from it.
        messages[-1] = {"prefix": True, **last}
    if body.get("tool_choice") == "required":
        body["tool_choice"] = "any"
    if body.get("tools"):
        body["tools"] = [_tool(tool) for tool in body["tools"]]
    return body


def tool_id(id_: str) -> str:
    """Return the id that Mistral knows a tool call by: nine letters and digits. Its own stay; any other's is always the same.

    The way back needs nothing: ids that Mistral makes are good for every client, and a conversation has no other's in its reply.
    """
    return id_ if len(id_) == _LENGTH and id_.isascii() and id_.isalnum() else _made(id_)


@lru_cache(maxsize=4096)
def _made(id_: str) -> str:
    """Make an id. They are kept for a while: a conversation sends the same ones with every turn."""
    number = int.from_bytes(blake2b(id_.encode("utf-8", "replace"), digest_size=8).digest())
    letters = ""
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_LETTERS))
        letters += _LETTERS[place]
    return letters


def prefix_of(body: Json) -> str:
    """Return the text that the answer is to go on from: Mistral says it again at its beginning."""
    messages = body.get("messages") or ()
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or last.get("tool_calls"):
        return ""
    content = last.get("content")
    if type(content) is list:
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    return content or ""


def _tool(tool: Json) -> Json:
    function = tool.get("function")
    if type(function) is dict and function.get("parameters") is None:
        return {**tool, "function": {**function, "parameters": _ANY_OBJECT}}
    return tool


def _message(index: int, message: Json) -> Json:
    """Return a message as Mistral has it: the same object where nothing is otherwise."""
    role, content = message["role"], message.get("content")
    if role == "function" or message.get("function_call") is not None:
        raise Unsupported(f"messages[{index}]", "Mistral knows tools, not functions as they were before")
    changes: Json = {}
    if type(content) is list:
        changes["content"] = content = [_part(f"messages[{index}].content", part) for part in content]
    if role == "tool":
        if (id_ := tool_id(message["tool_call_id"])) != message["tool_call_id"]:
            changes["tool_call_id"] = id_
        return {**message, **changes} if changes else message
    if role == "developer":
        changes["role"] = "system"
    if message.get("name"):
        # Only a tool's message may have a name. OpenRouter tells it in the text.
        changes["content"] = content = _named(message["name"], content)
    if role == "assistant":
        _assistant(message, content, changes)
    if not changes and _OTHERS.isdisjoint(message):
        return message
    return {**{name: value for name, value in message.items() if name not in _OTHERS}, **changes}


def _named(name: str, content: Any) -> Any:
    if type(content) is list:
        return [{"type": "text", "text": f"{name}: "}, *content]
    return f"{name}: {content}" if content else content


def _assistant(message: Json, content: Any, changes: Json) -> None:
    """Put what was reasoned where Mistral has it, in the content, and give tool calls ids that it knows."""
    if not _THOUGHTS.isdisjoint(message):
        details = message.get("reasoning_details")
        details = details if type(details) is list else ()
        thoughts = [thought for detail in details if (thought := _thought(detail)) is not None]
        text = message.get("reasoning") or message.get("reasoning_content")
        if not thoughts and text:
            thoughts = [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]
        if thoughts:
            texts = [{"type": "text", "text": content}] if type(content) is str and content else content or []
            changes["content"] = [*thoughts, *texts]
    calls = message.get("tool_calls")
    if calls and any(tool_id(call["id"]) != call["id"] for call in calls):
        changes["tool_calls"] = [{**call, "id": tool_id(call["id"])} for call in calls]


def _thought(detail: Any) -> Json | None:
    """Return the thinking chunk of one of `reasoning_details`; None for what only who made it can read."""
    if type(detail) is not dict:
        return None
    text, chunks = detail.get("text") or detail.get("summary"), detail.get("chunks")
    pieces = [{"type": "text", "text": text}] if text else []
    pieces += chunks if type(chunks) is list else ()
    if not pieces:
        return None
    thought: Json = {"type": "thinking", "thinking": pieces}
    if detail.get("signature") and detail.get("format", "unknown") == "unknown":
        # Another's signature means nothing to Mistral.
        thought["signature"] = detail["signature"]
    return thought


def _part(where: str, part: Json) -> Json:
    make = _PARTS.get(part.get("type", ""))
    return part if make is None else make(where, part)


def _audio(where: str, part: Json) -> Json:
    return {"type": "input_audio", "input_audio": part["audio_url"]["url"]}


def _file(where: str, part: Json) -> Json:
    file = part["file"]
    if file.get("file_id"):
        return {"type": "file", "file_id": file["file_id"]}
    data = file.get("file_data")
    if type(data) is not str or not data:
        raise Unsupported(f"{where}.file", "it has neither data nor an id")
    if data.startswith("data:image/"):
        return {"type": "image_url", "image_url": {"url": data}}
    document = {"type": "document_url", "document_url": data}
    return {**document, "document_name": file["filename"]} if file.get("filename") else document


def _refusal(where: str, part: Json) -> Json:
    return {"type": "text", "text": part["refusal"]}


def _video(where: str, part: Json) -> Json:
    raise Unsupported(where, "Mistral takes no video")


_PARTS: Final[Mapping[str, Callable[[str, Json], Json]]] = {
    "audio_url": _audio,
    "file": _file,
    "refusal": _refusal,
    "video_url": _video,
    "input_video": _video,
}
"""Parts that Mistral has in another form. Text, images and `input_audio` are as OpenAI's."""
