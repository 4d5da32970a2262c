"""OpenAI's wire: complete replies, stream chunks, embeddings, models, errors (platform.openai.com/docs/api-reference)."""

from collections.abc import Iterator
from typing import Any, Final

from attrs import frozen

from taxiway.codec import Json, dumps
from taxiway_simulator.answers import Choice, pieces

DONE: Final = b"data: [DONE]\n\n"


@frozen
class Reply:
    """What every form of one chat reply says alike. `burst`: the tokens of each event of a stream, after the first."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    prompt: int
    burst: int = 1

    @property
    def usage(self) -> Json:
        """The tokens, honestly counted."""
        completion = sum(choice.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": completion,
            "total_tokens": self.prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


def completion(reply: Reply) -> Json:
    """Write a complete reply."""
    return {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [
            {"index": index, "message": _message(choice), "logprobs": None, "finish_reason": choice.finish}
            for index, choice in enumerate(reply.choices)
        ],
        "usage": reply.usage,
        "system_fingerprint": "fp_simulator",
    }


def _message(choice: Choice) -> Json:
    message: Json = {"role": "assistant", "content": choice.text or None, "refusal": None}
    if choice.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    elif message["content"] is None:
        message["content"] = ""
    return message


def chunks(reply: Reply, *, with_usage: bool) -> Iterator[tuple[int, bytes]]:
    """Write the events of a streamed reply, [DONE] included; with each, how many tokens it carries (each of which takes time)."""
    for tokens, value in chunk_values(reply, with_usage=with_usage):
        yield tokens, sse(value)
    yield 0, DONE


def chunk_values(reply: Reply, *, with_usage: bool) -> Iterator[tuple[int, Json]]:
    """Make the chunks of a streamed reply; with each, how many tokens it carries."""
    base: Json = {
        "id": reply.id,
        "object": "chat.completion.chunk",
        "created": reply.created,
        "model": reply.model,
        "system_fingerprint": "fp_simulator",
    }
    if with_usage:
        base["usage"] = None

    def chunk(index: int, delta: Json, finish: str | None = None) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**base, "choices": [choice]}

    for index, choice in enumerate(reply.choices):
        yield 0, chunk(index, {"role": "assistant", "content": None if choice.calls else "", "refusal": None})
        for tokens, delta in _deltas(choice, reply.burst):
            yield tokens, chunk(index, delta)
        yield 0, chunk(index, {}, choice.finish)
    if with_usage:
        yield 0, {**base, "choices": [], "usage": reply.usage}


def _deltas(choice: Choice, burst: int) -> Iterator[tuple[int, Json]]:
    """The first token comes alone: the time to it is what is measured."""
    said = pieces(choice.text)
    for start in (0, *range(1, len(said), burst)) if said else ():
        together = said[start : start + burst] if start else said[:1]
        yield len(together), {"content": "".join(together)}
    for number, call in enumerate(choice.calls):
        function: Json = {"name": call.name, "arguments": ""}
        yield 1, {"tool_calls": [{"index": number, "id": call.id, "type": "function", "function": function}]}
        for piece in pieces(call.arguments):
            yield 1, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}


def sse(event: Json) -> bytes:
    """Frame one event."""
    return b"data: " + dumps(event) + b"\n\n"


def embeddings(vectors: list[Any], model: str, tokens: int) -> Json:
    """Write an embeddings reply."""
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def model(id_: str, created: int, owner: str) -> Json:
    """Write one model."""
    return {"id": id_, "object": "model", "created": created, "owned_by": owner}


def error(message: str, type_: str, code: str | None = None, param: str | None = None) -> Json:
    """Write an error."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}
