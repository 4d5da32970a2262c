"""Gemini's replies and chunks as canonical chat's.

Sources: ai.google.dev/api/generate-content (GenerateContentResponse).
"""

from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field

from taxiway.call import Translated
from taxiway.codec import Json, items, text_of
from taxiway_gemini.citations import annotations_of
from taxiway_gemini.finishes import finish_of, reason_of
from taxiway_gemini.from_parts import ModelReader, message_of
from taxiway_gemini.members import index_of
from taxiway_gemini.usage import chat_usage, counted, tier_of

_TOLD: Final = frozenset(
    "content finishReason index groundingMetadata citationMetadata logprobsResult role avgLogprobs tokenCount".split()
)
"""Members of a candidate that canonical chat has a word for, and figures that others say better."""

_GROUNDS: Final = frozenset({"groundingChunks", "groundingSupports"})


def reply_to_canonical(reply: Json) -> Translated:
    """Translate a complete reply."""
    lost: list[str] = []
    choices: list[Json] = []
    upstream_id = text_of(reply.get("responseId"))
    for place, candidate in enumerate(items(reply.get("candidates"))):
        reader = ModelReader(prefix_of(upstream_id, place))
        content = candidate.get("content")
        message = message_of(reader.take(content.get("parts")) if type(content) is dict else {})
        annotations = annotations_of(candidate, message["content"] or "")
        if annotations:
            message["annotations"] = annotations
        _lose(candidate, lost)
        choices.append(_choice(place, "message", message, candidate, called=reader.calls > 0))
    if not choices and (blocked := blocked_of(reply)) is not None:
        choices.append(_blocked(blocked, "message", {"role": "assistant", "content": None}))
    told: Json = {"id": upstream_id, "object": "chat.completion", "model": text_of(reply.get("modelVersion"))}
    told["choices"] = choices
    metadata = reply.get("usageMetadata")
    if type(metadata) is dict:
        _use(told, metadata)
    return Translated(told, tuple(lost))


def prefix_of(upstream_id: str, place: int) -> str:
    """Return what the ids of a candidate's calls begin with, where Gemini gave them none."""
    prefix = f"call_{upstream_id}" if upstream_id else "call"
    return f"{prefix}_{place}" if place else prefix


def blocked_of(reply: Json) -> tuple[str, str] | None:
    """Return why a prompt was blocked, and Google's words for it; None where it was not."""
    feedback = reply.get("promptFeedback")
    if type(feedback) is not dict or not feedback.get("blockReason"):
        return None
    return str(feedback["blockReason"]), text_of(feedback.get("blockReasonMessage"))


def _blocked(blocked: tuple[str, str], member: str, message: Json) -> Json:
    reason, words = blocked
    if words:
        message["refusal"] = words
    return {"index": 0, member: message, "finish_reason": "content_filter", "native_finish_reason": reason}


def _choice(place: int, member: str, message: Json, candidate: Json, *, called: bool) -> Json:
    reason = reason_of(candidate.get("finishReason"))
    choice: Json = {
        "index": index_of(candidate, place),
        member: message,
        "finish_reason": None if reason is None else finish_of(reason, called=called),
        "native_finish_reason": reason,
    }
    logprobs = logprobs_of(candidate.get("logprobsResult"))
    if logprobs is not None:
        choice["logprobs"] = logprobs
    return choice


def logprobs_of(result: Any) -> Json | None:
    """Say a `logprobsResult` as canonical chat does; None where there is none."""
    if type(result) is not dict:
        return None
    alternatives = items(result.get("topCandidates"))
    content: list[Json] = []
    for number, chosen in enumerate(items(result.get("chosenCandidates"))):
        top = alternatives[number].get("candidates") if number < len(alternatives) else ()
        content.append({**_token(chosen), "top_logprobs": [_token(one) for one in items(top)]})
    return {"content": content, "refusal": None}


def _token(candidate: Json) -> Json:
    token = text_of(candidate.get("token"))
    data = list(token.encode("utf-8", "surrogatepass"))
    return {"token": token, "logprob": candidate.get("logProbability", 0.0), "bytes": data}


def _use(told: Json, metadata: Json) -> None:
    if counted(metadata):
        told["usage"] = chat_usage(metadata)
    tier = tier_of(metadata)
    if tier is not None:
        told["service_tier"] = tier


def _lose(candidate: Json, lost: list[str]) -> None:
    names = [name for name in candidate if name not in _TOLD and candidate[name]]
    grounding = candidate.get("groundingMetadata")
    if type(grounding) is dict:
        names += [f"groundingMetadata.{name}" for name in grounding if name not in _GROUNDS and grounding[name]]
    lost += [f"candidates.{name}" for name in names if f"candidates.{name}" not in lost]


@define(eq=False)
class _Candidate:
    """What a stream's translator knows of one candidate. `last`: members that count once it is whole."""

    reader: ModelReader
    texts: list[str] = field(factory=list)
    last: Json = field(factory=dict)


_LATE: Final = ("groundingMetadata", "citationMetadata")


class ChunkReader:
    """Translates the chunks of one stream. Finish reasons, citations and usage are told when it has ended well: a later
    chunk may have another, and what a finish reason means depends on what was said.
    """

    __slots__ = ("_base", "_blocked", "_candidates", "_lost", "_metadata", "dropped")

    def __init__(self) -> None:
        self._lost: list[str] = []
        self.dropped: Sequence[str] = self._lost
        self._candidates: dict[int, _Candidate] = {}
        self._base: Json | None = None
        self._metadata: Json = {}
        self._blocked: tuple[str, str] | None = None

    def feed(self, event: Json) -> Sequence[Json]:
        """Take a chunk, give what it makes."""
        base = self._base
        if base is None:
            base = self._base = {
                "id": text_of(event.get("responseId")),
                "object": "chat.completion.chunk",
                "model": text_of(event.get("modelVersion")),
            }
        metadata = event.get("usageMetadata")
        if type(metadata) is dict:
            if not self._metadata and (tier := tier_of(metadata)) is not None:
                base["service_tier"] = tier
            self._metadata = metadata if counted(metadata) or not self._metadata else self._metadata | metadata
        if "promptFeedback" in event:
            self._blocked = blocked_of(event) or self._blocked
        choices: list[Json] = []
        for place, candidate in enumerate(items(event.get("candidates"))):
            choice = self._read(place, candidate)
            if choice is not None:
                choices.append(choice)
        return ({**base, "choices": choices},) if choices else ()

    def close(self) -> Sequence[Json]:
        """The stream ended well: give citations, finish reasons and usage."""
        choices: list[Json] = []
        for index, known in self._candidates.items():
            known.last["index"] = index
            _lose(known.last, self._lost)
            annotations = annotations_of(known.last, "".join(known.texts))
            delta: Json = {"annotations": annotations} if annotations else {}
            choices.append(_choice(index, "delta", delta, known.last, called=known.reader.calls > 0))
        if not choices and self._blocked is not None:
            choices.append(_blocked(self._blocked, "delta", {"content": ""}))
        told: Json = {**(self._base or {}), "choices": choices}
        _use(told, self._metadata)
        return (told,)

    def _read(self, place: int, candidate: Json) -> Json | None:
        index = index_of(candidate, place)
        known = self._candidates.get(index)
        first = known is None
        if known is None:
            base = self._base
            known = self._candidates[index] = _Candidate(ModelReader(prefix_of(base["id"] if base else "", index)))
        content = candidate.get("content")
        delta = known.reader.take(content.get("parts")) if type(content) is dict else {}
        text = delta.get("content")
        if text is not None:
            known.texts.append(text)
        for name, value in candidate.items():
            if name not in {"content", "index", "logprobsResult"} and value not in (None, {}, []):
                known.last[name] = value
        if first:
            delta["role"] = "assistant"
        logprobs = logprobs_of(candidate.get("logprobsResult"))
        if not delta and logprobs is None:
            return None
        choice: Json = {"index": index, "delta": delta, "finish_reason": None}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        return choice
