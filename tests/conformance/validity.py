"""Whether replies are of the types that official SDKs have for them, checked strictly: no text where a number is due."""

from functools import cache
from typing import Annotated, get_args, get_origin

from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

TYPES = {
    ("chat", False): [ChatCompletion],
    ("chat", True): [ChatCompletionChunk],
    ("messages", False): [Message, BetaMessage],
    ("messages", True): [RawMessageStreamEvent, BetaRawMessageStreamEvent],
    ("responses", False): [Response],
    ("responses", True): [ResponseStreamEvent],
    ("embeddings", False): [CreateEmbeddingResponse],
    ("count-tokens", False): [MessageTokensCount],
}
"""By dialect, complete and streamed; where there are several, one of them will do."""


@cache
def _adapters(dialect, streamed):
    """By an event's type, the types that it may be of; under None, those that are told apart by nothing."""
    found = {}
    for given in TYPES[dialect, streamed]:
        for kind in _members(given):
            adapter = TypeAdapter(kind)
            field = kind.model_fields.get("type")
            for name in get_args(field.annotation) if field and streamed else (None,):
                found.setdefault(name, []).append(adapter)
    return found


def _members(given):
    """The classes of a union, however it is written."""
    if hasattr(given, "model_fields"):
        return [given]
    parts = get_args(given)
    # Annotated[Union[...], discriminator]
    return _members(parts[0]) if get_origin(given) is Annotated else [one for part in parts for one in _members(part)]


def faults(dialect, events, *, streamed):
    """What official types find wrong: places and reasons."""
    adapters, found = _adapters(dialect, streamed), {}
    for event in events:
        kind = event.get("type") if None not in adapters else None
        problems = [_problems(adapter, event) for adapter in adapters.get(kind, ())]
        for line in min(problems, key=len, default=["is no event of this dialect"]):
            found.setdefault(f"{kind or ''} {line}".strip(), None)
    return list(found)


def _problems(adapter, event):
    try:
        adapter.validate_python(event, strict=True)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
    return []
