"""Whether replies are of the types that official SDKs have for them, checked strictly: no text where a number is due."""

from functools import cache

from anthropic.types import Message, RawMessageStreamEvent
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
}
"""By dialect, complete and streamed; where there are several, one of them will do."""


@cache
def _adapters(dialect, streamed):
    return [TypeAdapter(kind) for kind in TYPES[dialect, streamed]]


def faults(dialect, events, *, streamed):
    """What official types find wrong: places and reasons."""
    found = {}
    for event in events:
        problems = [_problems(adapter, event) for adapter in _adapters(dialect, streamed)]
        for line in min(problems, key=len):
            found.setdefault(f"{event.get('type', '')} {line}".strip(), None)
    return list(found)


def _problems(adapter, event):
    try:
        adapter.validate_python(event, strict=True)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
    return []
