"""Complete replies: Cohere's as canonical chat's, and canonical chat's as Cohere's.

Source: docs.cohere.com/reference/chat (response).
"""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.codec import Json, items, text_of
from taxiway_cohere_chat.citations import annotations_of, citation_of
from taxiway_cohere_chat.wire import FINISHES, FORMAT, NATIVE, arguments_of, chat_usage, cohere_usage, inside, object_of

_UNTOLD: Final = ("images", "audio")
"""Members of a canonical message that Cohere has no place for."""


def reply_to_canonical(reply: Json) -> Translated:
    """Translate Cohere's reply. Raises Malformed."""
    told = inside(reply, "message")
    message: Json = {"role": "assistant", "content": None}
    texts, thoughts = [text_of(told.get("tool_plan"))], []
    offsets: dict[int, int] = {}
    parts = items(told.get("content"))
    for index, part in enumerate(parts):
        offsets[index] = sum(map(len, texts))
        if part.get("type") == "thinking":
            thoughts.append(text_of(part.get("thinking")))
        else:
            texts.append(text_of(part.get("text")))
    if any(texts) or (parts and not thoughts):
        message["content"] = "".join(texts)
    if thoughts:
        message["reasoning"] = "".join(thoughts)
        message["reasoning_details"] = [detail(text, index) for index, text in enumerate(thoughts)]
    calls = [_call(call) for call in items(told.get("tool_calls"))]
    if calls:
        message["tool_calls"] = calls
    annotations, lost = _annotations(told, offsets, len(texts[0]))
    if annotations:
        message["annotations"] = annotations
    choice: Json = {"index": 0, "message": message, **finish_of(reply)}
    logprobs = items(reply.get("logprobs"))
    if logprobs:
        choice["logprobs"] = {"content": [token_of(one) for one in logprobs]}
    made: Json = {"id": text_of(reply.get("id")), "object": "chat.completion", "choices": [choice]}
    usage = chat_usage(reply.get("usage"))
    if usage is not None:
        made["usage"] = usage
    return Translated(made, lost)


def _annotations(told: Json, offsets: dict[int, int], first: int) -> tuple[list[Json], tuple[str, ...]]:
    """Return a message's citations as annotations, and what is lost. `offsets`: how much text is before each part of the content;
    `first` before the first one, which is what is cited where no part is named.
    """
    annotations: list[Json] = []
    lost: tuple[str, ...] = ()
    for citation in items(told.get("citations")):
        index = citation.get("content_index")
        made = annotations_of(citation, offsets.get(index, first) if type(index) is int else first)
        annotations += made
        if not made:
            lost = ("message.citations",)
    return annotations, lost


def detail(text: str, index: int) -> Json:
    """Return a piece of what was thought as one of `reasoning_details`."""
    return {"type": "reasoning.text", "text": text, "format": FORMAT, "index": index}


def finish_of(told: Json) -> Json:
    """Return the canonical finish reason, and Cohere's own."""
    native = text_of(told.get("finish_reason")) or None
    return {"finish_reason": FINISHES.get(native or "", native), "native_finish_reason": native}


def token_of(item: Json) -> Json:
    """Return one of Cohere's `logprobs` as OpenAI has a token's: it may be of several tokens, whose probabilities are multiplied."""
    logprobs = [value for value in item.get("logprobs") or () if type(value) in {int, float}]
    told = {"token": text_of(item.get("text")), "logprob": sum(logprobs), "bytes": None, "top_logprobs": []}
    return {**told, "token_ids": item.get("token_ids") or []}


def _call(call: Json) -> Json:
    function = object_of(call.get("function"))
    told = {"name": text_of(function.get("name")), "arguments": arguments_of(function.get("arguments"))}
    return {"id": text_of(call.get("id")), "type": "function", "function": told}


def reply_from_canonical(reply: Json) -> Translated:
    """Translate a canonical reply for a client of Cohere's dialect: its first choice, of which Cohere's has no more."""
    choices = items(reply.get("choices"))
    choice = choices[0] if choices else {}
    message = object_of(choice.get("message"))
    lost = [f"message.{name}" for name in _UNTOLD if message.get(name)]
    if len(choices) > 1:
        lost.append("choices")
    thoughts = thoughts_of(message, lost)
    content = [{"type": "thinking", "thinking": text} for text in thoughts]
    text = text_of(message.get("content")) or text_of(message.get("refusal"))
    if text:
        content.append({"type": "text", "text": text})
    told: Json = {"role": "assistant"}
    if content:
        told["content"] = content
    calls = [_call(call) for call in items(message.get("tool_calls"))]
    if calls:
        told["tool_calls"] = calls
    citations = [
        citation
        for annotation in items(message.get("annotations"))
        if (citation := citation_of(annotation, text, 0, len(thoughts))) is not None
    ]
    if citations:
        told["citations"] = citations
    made: Json = {"id": text_of(reply.get("id")), "finish_reason": native_of(choice), "message": told}
    usage = cohere_usage(reply.get("usage"))
    if usage is not None:
        made["usage"] = usage
    logprobs = items(object_of(choice.get("logprobs")).get("content"))
    if logprobs:
        made["logprobs"] = [logprob_of(token) for token in logprobs]
    return Translated(made, tuple(lost))


def thoughts_of(message: Json, lost: list[str]) -> list[str]:
    """Return what was thought, block by block. What only its maker can read is named in `lost`, signatures too."""
    details = items(message.get("reasoning_details"))
    if not details:
        text = text_of(message.get("reasoning"))
        return [text] if text else []
    texts = [text_of(one.get("text")) or text_of(one.get("summary")) for one in details]
    if (not all(texts) or any(one.get("signature") for one in details)) and "message.reasoning_details" not in lost:
        lost.append("message.reasoning_details")
    return [text for text in texts if text]


def native_of(choice: Json) -> str:
    """Return Cohere's finish reason of a choice."""
    finish, native = text_of(choice.get("finish_reason")), text_of(choice.get("native_finish_reason"))
    if native in FINISHES:
        return native
    if finish == "stop" and (choice.get("stop_sequence") or native == "stop_sequence"):
        return "STOP_SEQUENCE"
    return NATIVE.get(finish, finish.upper() or "COMPLETE")


def logprob_of(token: Json) -> Any:
    """Return a token's probability as Cohere has it. Other models' tokens have no numbers."""
    ids = token.get("token_ids")
    return {
        "text": text_of(token.get("token")),
        "token_ids": ids if type(ids) is list else [],
        "logprobs": [token.get("logprob")],
    }
