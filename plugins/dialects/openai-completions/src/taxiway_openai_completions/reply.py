"""Replies and chunks of the legacy completions: chat's form of them, both ways. Every other member stays where it is."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Malformed

OBJECT: Final = "text_completion"
_THOUGHT: Final = ("reasoning", "reasoning_details")
_LOST: Final = ("tool_calls", "annotations", "images", "audio")
_INNER: Final = {"chat.completion": "message", "chat.completion.chunk": "delta"}


def to_chat(event: Json, kind: str) -> Json:
    """Make chat's reply or chunk, which `kind` says, of a completion's. Raises Malformed."""
    inner = _INNER[kind]
    choices = [_to_chat(choice, inner) for choice in _objects(event.get("choices"))]
    return {**event, "object": kind, "choices": choices}


def from_chat(event: Json) -> Json:
    """Make a completion's reply or chunk of chat's. Raises Malformed."""
    choices = [_from_chat(choice) for choice in _objects(event.get("choices"))]
    return {**event, "object": OBJECT, "choices": choices}


def lost(reply: Json) -> tuple[str, ...]:
    """Return what a chat completion has that a text has not."""
    messages = [choice.get("message") or {} for choice in reply["choices"]]
    return tuple(f"message.{name}" for name in _LOST if any(message.get(name) for message in messages))


class Each:
    """Translates each event by itself."""

    dropped: Sequence[str] = ()

    def __init__(self, translate: Callable[[Json], Json]) -> None:
        self._translate = translate

    def feed(self, event: Json) -> Sequence[Json]:
        """Take an event, give what it makes. Raises Malformed."""
        return (self._translate(event),)

    def close(self) -> Sequence[Json]:
        """Give nothing."""
        return ()


def _to_chat(choice: Json, inner: str) -> Json:
    made = {name: value for name, value in choice.items() if name not in {"text", *_THOUGHT}}
    told: Json = {"content": choice.get("text")}
    if inner == "message":
        told["role"] = "assistant"
    for name in _THOUGHT:
        if choice.get(name) is not None:
            told[name] = choice[name]
    made[inner] = told
    if type(logprobs := choice.get("logprobs")) is dict:
        made["logprobs"] = {"content": _content_of(logprobs), "refusal": None}
    return made


def _from_chat(choice: Json) -> Json:
    told = choice.get("message") or choice.get("delta") or {}
    if type(told) is not dict:
        raise Malformed("a choice without a message")
    made = {name: value for name, value in choice.items() if name not in {"message", "delta", "logprobs"}}
    made["text"] = told.get("content") or told.get("refusal") or ""
    for name in _THOUGHT:
        if told.get(name) is not None:
            made[name] = told[name]
    logprobs = choice.get("logprobs")
    made["logprobs"] = _tokens_of(logprobs.get("content")) if type(logprobs) is dict else None
    return made


def _content_of(logprobs: Json) -> list[Json]:
    """Say log probabilities as chat does: a list of tokens, each with its alternatives."""
    tokens, own, top = (_list(logprobs.get(name)) for name in ("tokens", "token_logprobs", "top_logprobs"))
    return [
        {
            "token": token,
            "logprob": own[place] if place < len(own) else None,
            "bytes": None,
            "top_logprobs": _alternatives(top[place] if place < len(top) else None),
        }
        for place, token in enumerate(tokens)
    ]


def _alternatives(top: Any) -> list[Json]:
    if type(top) is not dict:
        return []
    return [{"token": token, "logprob": value, "bytes": None} for token, value in top.items()]


def _tokens_of(content: Any) -> Json:
    """Say log probabilities as completions do: lists beside each other. Offsets begin anew with each piece of a stream."""
    made: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    offset = 0
    for one in _objects(content or []):
        token = one.get("token")
        if type(token) is not str:
            raise Malformed("a token that is no text")
        made["tokens"].append(token)
        made["token_logprobs"].append(one.get("logprob"))
        top = {other.get("token"): other.get("logprob") for other in _objects(one.get("top_logprobs") or [])}
        made["top_logprobs"].append({name: value for name, value in top.items() if type(name) is str})
        made["text_offset"].append(offset)
        offset += len(token)
    return made


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _objects(value: Any) -> list[Json]:
    if type(value) is not list or any(type(one) is not dict for one in value):
        raise Malformed("a completion of another form than the API's")
    return value
