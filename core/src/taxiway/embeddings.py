"""The dialect `embeddings`: OpenAI's, and the canonical form of the operation. Vectors are lists of floats in it.

Wire: OpenAI's API reference (create embeddings); OpenRouter's additions (`input_type`, parts as input, cost in `usage`).
What is said of streams in chat's halves is never asked of these: a body that asks for a stream is refused.
"""

import base64
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from taxiway.call import Facts
from taxiway.chat import ChatClient, ChatUpstream, offer
from taxiway.chat_facts import models_of, read_parts, tokens_of
from taxiway.chat_progress import ChatProgress
from taxiway.chat_stamp import ChatStamp
from taxiway.chat_usage import billed, usage_of
from taxiway.checks import check, choice, integer, of_type
from taxiway.codec import Json
from taxiway.conversations import conversation_of
from taxiway.dialect import Dialect, Progress, under_bases
from taxiway.errors import InvalidRequest, Malformed
from taxiway.hookspecs import hookimpl
from taxiway.http import Headers
from taxiway.registration import NoOptions, Registration

TAXIWAY_API = (1, 0)

_FIELDS: Final = {
    "dimensions": integer(1, 2**31),
    "encoding_format": choice("float", "base64"),
    "user": of_type(str),
    "input_type": of_type(str),
    "stream": check(lambda value: value is False, "false: embeddings are not streamed"),
}
_PARAMETERS: Final = frozenset({"dimensions", "encoding_format"})


def facts(body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
    """Check an embeddings body and read what planning may know of it; its path says nothing. Raises InvalidRequest, naming the field."""
    used = [name for name in body if name in _FIELDS and body[name] is not None]
    for name in used:
        _FIELDS[name](name, body[name])
    given, inputs = body.get("input"), ["text"]
    if type(given) is list and given and type(given[0]) is not int:
        tokens = sum(_tokens(f"input[{index}]", item, inputs) for index, item in enumerate(given))
    else:
        # A list of numbers is one text as tokens.
        tokens = _tokens("input", given, inputs)
    return Facts(
        models_of(body),
        _PARAMETERS.intersection(used),
        frozenset(inputs),
        tokens,
        conversation=conversation_of(body, headers),
    )


def _tokens(where: str, item: Any, inputs: list[str]) -> int:
    if type(item) is str and item:
        return tokens_of(len(item))
    if type(item) is list and item and all(type(token) is int for token in item):
        return len(item)
    if type(item) is dict and "content" in item:
        return tokens_of(read_parts(f"{where}.content", item["content"], inputs))
    raise InvalidRequest(where, "must be a text, a list of tokens or an object with content, and not empty")


class EmbeddingsProgress(ChatProgress):
    """Reads the one reply: it is done when it has vectors."""

    __slots__ = ()

    def see(self, event: Json) -> None:
        """Take the reply. Raises Malformed where it is none."""
        data = event.get("data")
        if type(data) is not list or not all(type(item) is dict and "embedding" in item for item in data):
            raise Malformed("an embeddings reply without vectors")
        self.started = self.done = bool(data)
        self.upstream_id = event.get("id")
        usage = event.get("usage")
        if type(usage) is dict:
            self.usage = usage_of(usage)


class EmbeddingsStamp(ChatStamp):
    """Writes id, model, provider, usage and cost into the reply, and vectors in the encoding that the call asked for."""

    __slots__ = ()

    def reply(self, reply: Json) -> Json:
        """Stamp the reply. Raises Malformed where a vector is none."""
        recode = encode if self._call.body.get("encoding_format") == "base64" else decode
        for index, item in enumerate(reply["data"]):
            item.setdefault("object", "embedding")
            item.setdefault("index", index)
            item["embedding"] = recode(item["embedding"])
        reply.setdefault("object", "list")
        return self._signed(reply, lambda raw, bill: billed(raw, bill, generated=False))


def encode(vector: Any) -> Any:
    """Make base64 of a vector's little-endian 32-bit floats; what is text already stays. Raises Malformed."""
    if type(vector) is not list:
        return vector
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (struct.error, OverflowError):
        raise Malformed("an embedding that is no list of floats") from None


def decode(vector: Any) -> Any:
    """Make floats of base64: for servers that send it unasked. What is a list already stays. Raises Malformed."""
    if type(vector) is not str:
        return vector
    try:
        data = base64.b64decode(vector, validate=True)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    except (ValueError, struct.error):
        raise Malformed("an embedding that is no list and no base64 of floats") from None


class EmbeddingsUpstream(ChatUpstream):
    """How a provider that speaks embeddings is talked to."""

    progress: Callable[[bool], Progress] = EmbeddingsProgress


class EmbeddingsClient(ChatClient):
    """How a client that speaks embeddings is served."""

    own = frozenset("model models provider stream usage session_id trace".split())
    facts = staticmethod(facts)
    stamp = EmbeddingsStamp


EMBEDDINGS: Final = Dialect(
    "embeddings", "embeddings", EmbeddingsUpstream(), EmbeddingsClient(), routes=under_bases("/embeddings")
)


@hookimpl
def taxiway_dialects() -> Iterable[Registration[NoOptions, Dialect]]:
    """Offer the dialect embeddings."""
    return offer(EMBEDDINGS, "OpenAI's embeddings, canonical for embeddings")
