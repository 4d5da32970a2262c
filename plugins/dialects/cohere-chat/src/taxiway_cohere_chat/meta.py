"""`meta`, where Cohere's embed and rerank say what was used: read, made, and stamped with what it costs."""

from collections.abc import Iterable
from typing import Any

from taxiway.codec import Json
from taxiway_cohere_chat.stamp import CohereStamp, costs, signed
from taxiway_cohere_chat.wire import count_of, object_of

_VERSION = {"version": "2"}


def tokens_of(reply: Json) -> int | None:
    """Return the tokens that went in; None where none were counted (rerank counts searches)."""
    meta = object_of(reply.get("meta"))
    for name in ("tokens", "billed_units"):
        told = object_of(meta.get(name))
        if "input_tokens" in told or "image_tokens" in told:
            return count_of(told.get("input_tokens")) + count_of(told.get("image_tokens"))
    return None


def meta_of(usage: Any) -> Json:
    """Return canonical usage as `meta`. Who bills by no units of Cohere's bills what was used."""
    told = object_of(usage)
    billed = object_of(told.get("billed_units"))
    if not billed and told.get("search_units") is not None:
        billed = {"search_units": told["search_units"]}
    if not billed and told:
        billed = {"input_tokens": count_of(told.get("prompt_tokens", told.get("total_tokens")))}
    return {"api_version": dict(_VERSION), "billed_units": billed}


class MetaStamp(CohereStamp):
    """Writes id, model, provider and cost into replies that are never streamed."""

    __slots__ = ()

    def last(self) -> Iterable[Json]:
        """Give nothing: there is no stream."""
        return ()

    def reply(self, reply: Json) -> Json:
        """Stamp the reply."""
        bill = self._bill()
        reply["meta"] = {**object_of(reply.get("meta")), **costs(bill)}
        return signed(reply, self._call, bill)
