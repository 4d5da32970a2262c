"""Canonical chat's replies and chunks as Gemini's, for clients that speak Gemini."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field

from taxiway.call import Translated
from taxiway.codec import Json, items, text_of
from taxiway_gemini.finishes import FINISHES, NATIVE
from taxiway_gemini.members import index_of
from taxiway_gemini.signatures import FORMAT, text_member
from taxiway_gemini.to_parts import kept_of, model_parts
from taxiway_gemini.usage import metadata_of

_TIERS: Final = {"default": "standard", "flex": "flex", "priority": "priority"}


def reply_from_canonical(reply: Json) -> Translated:
    """Translate a complete reply."""
    lost: list[str] = []
    candidates: list[Json] = []
    for place, choice in enumerate(items(reply.get("choices"))):
        message = choice.get("message")
        parts = model_parts(message, lost, wrap=True) if type(message) is dict else []
        if type(message) is dict:
            parts += _sound(message)
        candidate = _candidate(parts, index_of(choice, place))
        candidate["finishReason"] = reason_of(choice) or "STOP"
        candidate |= _beside(choice, message if type(message) is dict else {})
        candidates.append(candidate)
    told: Json = {"candidates": candidates, "usageMetadata": metadata_of(reply.get("usage"))}
    _serve(told, reply)
    return Translated(told, tuple(lost))


def _candidate(parts: list[Json], index: int) -> Json:
    """A content without a part is none to Google's SDK, which then forgets the whole turn: Gemini's has an empty text."""
    return {"content": {"role": "model", "parts": parts or [{"text": ""}]}, "index": index}


def reason_of(choice: Json) -> str | None:
    """Return Gemini's finish reason for a choice; None where it is not finished."""
    native, finish = choice.get("native_finish_reason"), choice.get("finish_reason")
    if finish is None:
        return None
    return native if type(native) is str and native in FINISHES else NATIVE.get(text_of(finish), "OTHER")


def _serve(told: Json, reply: Json) -> None:
    tier = _TIERS.get(text_of(reply.get("service_tier")))
    if tier is not None and told.get("usageMetadata") is not None:
        told["usageMetadata"]["serviceTier"] = tier


def _sound(message: Json) -> list[Json]:
    audio = message.get("audio")
    if type(audio) is not dict or not audio.get("data"):
        return []
    form = text_of(audio.get("format"))
    return [{"inlineData": {"mimeType": form if "/" in form else f"audio/{form or 'pcm'}", "data": audio["data"]}}]


def _beside(choice: Json, message: Json) -> Json:
    """What a candidate has beside its parts: citations and the probabilities of tokens."""
    told: Json = {}
    content = message.get("content")
    grounding = grounding_of(items(message.get("annotations")), content if type(content) is str else "")
    if grounding:
        told["groundingMetadata"] = grounding
    logprobs = choice.get("logprobs")
    if type(logprobs) is dict and logprobs.get("content"):
        tokens = items(logprobs["content"])
        told["logprobsResult"] = {
            "chosenCandidates": [_token(token) for token in tokens],
            "topCandidates": [{"candidates": [_token(one) for one in items(t.get("top_logprobs"))]} for t in tokens],
        }
    return told


def _token(token: Json) -> Json:
    return {"token": text_of(token.get("token")), "logProbability": token.get("logprob")}


def grounding_of(annotations: list[Json], text: str) -> Json:
    """Say annotations as Gemini's `groundingMetadata`, which counts bytes; empty where there are none."""
    chunks: list[Json] = []
    supports: list[Json] = []
    for annotation in annotations:
        cited = annotation.get("url_citation")
        if type(cited) is not dict:
            continue
        chunk: Json = {"web": {"uri": text_of(cited.get("url")), "title": text_of(cited.get("title"))}}
        if chunk not in chunks:
            chunks.append(chunk)
        start, end = cited.get("start_index"), cited.get("end_index")
        if type(start) is int and type(end) is int and 0 <= start < end <= len(text):
            passage = text[start:end]
            before = len(text[:start].encode("utf-8", "surrogatepass"))
            size = len(passage.encode("utf-8", "surrogatepass"))
            segment = {"startIndex": before, "endIndex": before + size, "text": passage}
            supports.append({"segment": segment, "groundingChunkIndices": [chunks.index(chunk)]})
    return {"groundingChunks": chunks, "groundingSupports": supports} if chunks else {}


@define(eq=False)
class _Choice:
    """What a stream's translator holds of one choice: calls that are not whole yet, what signs them, and the item of
    reasoning that is under way.
    """

    calls: dict[int, Json] = field(factory=dict)
    signing: list[Json] = field(factory=list)
    open: Json | None = None
    annotations: list[Json] = field(factory=list)
    text: list[str] = field(factory=list)


class ChunkWriter:
    """Translates the chunks of one stream. Text and thoughts go on at once; a call when it is whole: Gemini's have no pieces."""

    __slots__ = ("_choices", "_lost", "_usage", "dropped")

    def __init__(self) -> None:
        self._lost: list[str] = []
        self.dropped: Sequence[str] = self._lost
        self._choices: dict[int, _Choice] = {}
        self._usage: Any = None

    def feed(self, event: Json) -> Sequence[Json]:
        """Take a chunk, give what it makes."""
        if event.get("usage") is not None:
            self._usage = event["usage"]
        candidates = [self._read(place, choice) for place, choice in enumerate(items(event.get("choices")))]
        told = [candidate for candidate in candidates if candidate is not None]
        return ({"candidates": told},) if told else ()

    def close(self) -> Sequence[Json]:
        """The stream ended well: give the usage."""
        return ({"usageMetadata": metadata_of(self._usage)},) if self._usage is not None else ()

    def _read(self, place: int, choice: Json) -> Json | None:
        index = index_of(choice, place)
        known = self._choices.get(index)
        if known is None:
            known = self._choices[index] = _Choice()
        delta = choice.get("delta")
        parts = self._parts(known, delta) if type(delta) is dict else []
        reason = reason_of(choice)
        if reason is not None:
            parts += self._rest(known)
        if not parts and reason is None:
            return None
        candidate = _candidate(parts, index)
        if reason is not None:
            candidate["finishReason"] = reason
        message = {"annotations": known.annotations, "content": "".join(known.text)} if reason is not None else {}
        return candidate | _beside(choice, message)

    def _parts(self, known: _Choice, delta: Json) -> list[Json]:
        parts: list[Json] = []
        reasoning, content = delta.get("reasoning"), delta.get("content")
        texts = [_reason(known, detail, parts) for detail in items(delta.get("reasoning_details"))]
        if type(reasoning) is str and reasoning and not any(texts):
            parts.append({"text": reasoning, "thought": True})
        if type(content) is str and content:
            _shut(known, parts)
            known.text.append(content)
            parts.append({"text": content})
        if delta.get("images") or delta.get("refusal"):
            told = {"images": delta.get("images"), "refusal": delta.get("refusal")}
            parts += model_parts(told, self._lost)
        parts += _sound(delta)
        if delta.get("annotations"):
            known.annotations += items(delta["annotations"])
        for call in items(delta.get("tool_calls")):
            _gather(known.calls, call)
        return parts

    def _rest(self, known: _Choice) -> list[Json]:
        parts: list[Json] = []
        _shut(known, parts)
        told = {"reasoning_details": known.signing, "tool_calls": list(known.calls.values())}
        parts += model_parts(told, self._lost)
        known.calls, known.signing = {}, []
        return parts


def _reason(known: _Choice, piece: Json, parts: list[Json]) -> bool:
    """Take a piece of an item of reasoning: its text goes out at once, the rest when the item is whole."""
    was = known.open
    if was is not None and (piece.get("index"), piece.get("type")) != (was.get("index"), was.get("type")):
        _shut(known, parts)
    name = text_member(piece)
    text = "" if name is None else text_of(piece.get(name))
    if text:
        parts.append({"text": text, "thought": True})
    item = known.open or {}
    for key, value in piece.items():
        if key == "data":
            item["data"] = item.get("data", "") + text_of(value)
        elif value is not None and key != name:
            item[key] = value
    known.open = item
    return bool(text)


def _shut(known: _Choice, parts: list[Json]) -> None:
    """The item of reasoning that was under way is whole: what signs it follows its text; what signs a call waits for that."""
    item, known.open = known.open, None
    if item is None:
        return
    if item.get("format") == FORMAT and text_member(item) is None:
        known.signing.append(item)
    else:
        parts += [thought for thought in kept_of([item], wrap=True).thoughts if "thoughtSignature" in thought]


def _gather(calls: dict[int, Json], piece: Json) -> None:
    """Add a piece of a call to the calls that are under way."""
    index = index_of(piece, len(calls))
    call = calls.setdefault(index, {"id": "", "function": {"name": "", "arguments": ""}})
    call["id"] = text_of(piece.get("id")) or call["id"]
    function = piece.get("function")
    if type(function) is dict:
        call["function"]["name"] = text_of(function.get("name")) or call["function"]["name"]
        call["function"]["arguments"] += text_of(function.get("arguments"))
