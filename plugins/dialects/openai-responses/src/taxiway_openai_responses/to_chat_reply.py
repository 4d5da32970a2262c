"""From a complete Response to a chat completion."""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_openai_responses import reasoning
from taxiway_openai_responses.output import CALLS, SHAPELESS, TIERS, calls, finish_of, image_to_chat
from taxiway_openai_responses.to_chat_body import annotation_to_chat
from taxiway_openai_responses.usage import to_chat as usage_to_chat

_IMAGE: Final = "image_generation_call"


def reply_to_canonical(reply: Json, own: str) -> Translated:
    """Translate a reply; `own` is the format of its reasoning. Raises Malformed."""
    try:
        return _translated(reply, own)
    except SHAPELESS:
        raise Malformed("a Response of another form than the API's") from None


def message_of(output: list[Json], own: str, dropped: list[str]) -> tuple[Json, list[Json]]:
    """Return chat's message of what was put out, and the log probabilities of its text."""
    message: Json = {"role": "assistant", "content": None}
    thoughts: list[Json] = []
    logprobs: list[Json] = []
    for item in output:
        kind = item["type"]
        if kind == "message":
            for part in item.get("content") or ():
                _say(message, part, logprobs, dropped)
        elif kind == "reasoning":
            thoughts += reasoning.details_of(item, own)
        elif kind in CALLS:
            message.setdefault("tool_calls", []).append(call_to_chat(kind, item))
        elif kind == _IMAGE and (image := image_to_chat(item)) is not None:
            message.setdefault("images", []).append(image)
        else:
            dropped.append(f"output.{kind}")
    if text := reasoning.shown(thoughts):
        message["reasoning"] = text
    if thoughts:
        message["reasoning_details"] = reasoning.indexed(thoughts)
    return message, logprobs


def call_to_chat(kind: str, item: Json) -> Json:
    """Return chat's form of a call."""
    inner, text = CALLS[kind]
    # A function without arguments gets an empty object.
    given = item[text] or ("{}" if inner == "function" else "")
    return {"id": item["call_id"], "type": inner, inner: {"name": item["name"], text: given}}


def _translated(reply: Json, own: str) -> Translated:
    dropped: list[str] = []
    output = reply.get("output") or []
    message, logprobs = message_of(output, own, dropped)
    finish, native = finish_of(reply, called=calls(output))
    choice = {"index": 0, "message": message, "finish_reason": finish, "native_finish_reason": native}
    if logprobs:
        choice["logprobs"] = {"content": logprobs, "refusal": None}
    made: Json = {
        "id": reply.get("id"),
        "object": "chat.completion",
        "created": reply.get("created_at"),
        "model": reply.get("model"),
        "choices": [choice],
    }
    if reply.get("service_tier") in TIERS:
        made["service_tier"] = reply["service_tier"]
    if reply.get("usage"):
        made["usage"] = usage_to_chat(reply["usage"])
    return Translated(made, tuple(dict.fromkeys(dropped)))


def _say(message: Json, part: Json, logprobs: list[Any], dropped: list[str]) -> None:
    kind = part["type"]
    if kind == "refusal":
        message["refusal"] = (message.get("refusal") or "") + part["refusal"]
        return
    if kind != "output_text":
        dropped.append(f"output.message.{kind}")
        return
    known = message["content"] or ""
    for note in part.get("annotations") or ():
        made = annotation_to_chat(note, len(known))
        if made is None:
            dropped.append(f"output.message.{note.get('type')}")
        else:
            message.setdefault("annotations", []).append(made)
    logprobs += part.get("logprobs") or []
    message["content"] = known + part["text"]
