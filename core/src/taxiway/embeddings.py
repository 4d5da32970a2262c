"""The dialect `embeddings`: OpenAI's, and the canonical form of the operation. Vectors are lists of floats in it.

Wire: OpenAI's API reference (create embeddings); OpenRouter's additions (`input_type`, parts as input, cost in `usage`).
"""

import base64
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from taxiway.call import Call, Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.chat import CanonicalClient, CanonicalUpstream, offer
from taxiway.chat_facts import choice, integer, models_of, of_type
from taxiway.chat_progress import ChatProgress
from taxiway.chat_usage import charge, usage_of
from taxiway.codec import Json
from taxiway.dialect import Dialect, Fold, Progress, Stamp
from taxiway.errors import InvalidRequest, Malformed
from taxiway.hookspecs import hookimpl
from taxiway.http import Headers
from taxiway.outcome import Bill, CallError
from taxiway.registration import NoOptions, Registration

TAXIWAY_API = (1, 0)

OWN: Final = frozenset("model models provider stream usage session_id trace".split())

_FIELDS: Final = {
    "dimensions": integer(1, 2**31),
    "encoding_format": choice("float", "base64"),
    "user": of_type(str, "a text"),
    "input_type": of_type(str, "a text"),
}
_MODALITIES: Final = {"image_url": "image", "input_audio": "audio", "video_url": "video"}
_TEXT: Final = frozenset({"text"})


def facts(body: Json) -> Facts:
    """Check an embeddings body and read what planning may know of it. Raises InvalidRequest, naming the field."""
    for name, check in _FIELDS.items():
        if body.get(name) is not None:
            check(name, body[name])
    if body.get("stream"):
        raise InvalidRequest("stream", "embeddings are not streamed")
    given = body.get("input")
    inputs: set[str] = set()
    if type(given) is str:
        tokens = _tokens("input", given)
    elif type(given) is list and given:
        # A list of numbers is one text as tokens; a list of lists several.
        tokens = _all_tokens("input", given) if type(given[0]) is int else _each(given, inputs)
    else:
        raise InvalidRequest("input", "must be a text or a list, and not empty")
    used = frozenset(name for name in ("dimensions", "encoding_format") if body.get(name) is not None)
    return Facts(models_of(body), used, frozenset(inputs) or _TEXT, tokens)


def _each(given: list[Any], inputs: set[str]) -> int:
    tokens = 0
    for index, item in enumerate(given):
        where = f"input[{index}]"
        if type(item) is str:
            tokens += _tokens(where, item)
        elif type(item) is list:
            tokens += _all_tokens(where, item)
        elif type(item) is dict and type(item.get("content")) is list:
            for number, part in enumerate(item["content"]):
                if type(part) is not dict or type(part.get("type")) is not str:
                    raise InvalidRequest(f"{where}.content[{number}].type", "must be a text")
                kind: str = part["type"]
                inputs.add(_MODALITIES.get(kind, kind))
                text = part.get("text")
                tokens += -(-len(text) // 4) if type(text) is str else 0
        else:
            raise InvalidRequest(where, "must be a text, a list of tokens or an object with content")
    return tokens


def _tokens(where: str, text: str) -> int:
    if not text:
        raise InvalidRequest(where, "must not be empty")
    return -(-len(text) // 4)


def _all_tokens(where: str, tokens: list[Any]) -> int:
    if not tokens or not all(type(token) is int for token in tokens):
        raise InvalidRequest(where, "must be a list of tokens, and not empty")
    return len(tokens)


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


class EmbeddingsUpstream(CanonicalUpstream):
    """How a provider that speaks embeddings is talked to."""

    def from_canonical(self, body: Json, endpoint: Endpoint) -> Translated:
        """Leave out what the endpoint is known to refuse; the same object where nothing applies."""
        dropped = tuple(name for name in body if name in endpoint.unsupported)
        if not dropped:
            return Translated(body)
        return Translated({name: value for name, value in body.items() if name not in dropped}, dropped)

    def progress(self, stream: bool) -> Progress:
        """Return the reader of one reply."""
        return EmbeddingsProgress(stream=False)

    def fold(self) -> Fold:
        """There is no stream to fold."""
        raise NotImplementedError("embeddings are not streamed")


class EmbeddingsStamp:
    """Writes id, model, usage and cost into the reply, and vectors in the encoding that the call asked for."""

    __slots__ = ("_bill", "_call")

    def __init__(self, call: Call, bill: Callable[[], Bill]) -> None:
        self._call, self._bill = call, bill

    def event(self, event: Json) -> Json | None:
        """Stamp the reply: there are no other events."""
        return self.reply(event)

    def last(self) -> Iterable[Json]:
        """Give nothing."""
        return ()

    def reply(self, reply: Json) -> Json:
        """Stamp the reply."""
        bill = self._bill()
        endpoint = bill.candidate.endpoint
        reply["id"] = self._call.id
        reply.setdefault("object", "list")
        reply["model"] = endpoint.model
        reply["provider"] = endpoint.provider_name
        recode = encode if self._call.body.get("encoding_format") == "base64" else decode
        for index, item in enumerate(reply["data"]):
            item.setdefault("object", "embedding")
            item.setdefault("index", index)
            item["embedding"] = recode(item["embedding"])
        self._charge(reply, bill)
        return reply

    def failed(self, error: CallError) -> Iterable[Json]:
        """Give nothing: no reply is under way."""
        return ()

    def _charge(self, reply: Json, bill: Bill) -> None:
        told = reply.get("usage")
        usage = bill.usage or (usage_of(told) if type(told) is dict else None)
        if usage is None:
            return
        if type(told) is not dict:
            told = reply["usage"] = {}
        told["prompt_tokens"] = usage.prompt
        told["total_tokens"] = usage.total
        charge(told, usage, bill)


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


class EmbeddingsClient(CanonicalClient):
    """How a client that speaks embeddings is served."""

    own = OWN

    def facts(self, body: Json, path: Mapping[str, str], headers: Headers) -> Facts:
        """Check the body and read what planning may know of it. Raises InvalidRequest, naming the field."""
        return facts(body)

    def stamp(self, call: Call, bill: Callable[[], Bill]) -> Stamp:
        """Return the stamp of one call."""
        return EmbeddingsStamp(call, bill)


EMBEDDINGS: Final = Dialect(
    name="embeddings", operation="embeddings", upstream=EmbeddingsUpstream(), client=EmbeddingsClient()
)


@hookimpl
def taxiway_dialects() -> Iterable[Registration[NoOptions, Dialect]]:
    """Offer the dialect embeddings."""
    return offer(EMBEDDINGS, "OpenAI's embeddings, canonical for embeddings")
