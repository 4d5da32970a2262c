"""Complete replies: a message as chat's reply, and chat's reply as a message."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from taxiway.call import Translated
from taxiway.chat_usage import FINISHES as CHAT_FINISHES
from taxiway.chat_usage import usage_of as chat_usage_of
from taxiway.codec import Json, dumps
from taxiway.errors import Malformed
from taxiway_anthropic_messages import foreign
from taxiway_anthropic_messages.assistant import Placed, block_of, input_of, message_of, woven
from taxiway_anthropic_messages.notes import Notes
from taxiway_anthropic_messages.progress import FINISHES
from taxiway_anthropic_messages.request import Asked
from taxiway_anthropic_messages.usage import TIERS, chat_usage, tier_of, told, written

UNASKED: Final = Asked()

_READ: Final = frozenset("id type role model content stop_reason stop_sequence stop_details usage".split())
_STOPS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_BEDROCKS: Final = "guardrail_intervened"
"""A reason that Bedrock adds to Anthropic's: their clients know none of it."""
_LOST: Final = ("images", "audio")
_SERVED: Final = ("web_search_requests", "web_fetch_requests")
"""What clients insist on knowing of Anthropic's own tools, where they know anything."""


def to_chat(reply: Json, asked: Asked) -> Translated:
    """Translate a complete message. Raises Malformed where it is something else."""
    if reply.get("type") != "message":
        raise Malformed("a reply that is no message")
    notes = Notes()
    for name, value in reply.items():
        if name not in _READ and value:
            notes.drop(name)
    blocks, form = reply["content"], asked.form
    formed = [block for block in blocks if form is not None and is_form(block, form)]
    message, texts = message_of([block for block in blocks if block not in formed] if formed else blocks)
    if asked.excludes:
        message.pop("reasoning", None)
        message.pop("reasoning_details", None)
    told_texts = [block["text"] for block in texts] + [dumps(block["input"]).decode() for block in formed]
    if told_texts:
        message["content"] = "".join(told_texts)
    annotations = list(_annotations(texts))
    if annotations:
        message["annotations"] = annotations
    refusal = refusal_of(reply.get("stop_details"))
    if refusal is not None:
        message["refusal"] = refusal
    stop = reply.get("stop_reason")
    finish = FINISHES.get(stop, stop) if type(stop) is str else None
    if formed and finish == "tool_calls" and "tool_calls" not in message:
        finish = "stop"
    choice: Json = {"index": 0, "message": message, "finish_reason": finish, "native_finish_reason": stop}
    if reply.get("stop_sequence") is not None:
        choice["stop_sequence"] = reply["stop_sequence"]
    made: Json = {"object": "chat.completion", "choices": [choice]}
    for name in ("id", "model"):
        if name in reply:
            made[name] = reply[name]
    usage = reply.get("usage")
    if type(usage) is dict:
        made["usage"] = chat_usage(usage)
        tier = usage.get("service_tier")
        if type(tier) is str:
            made["service_tier"] = TIERS.get(tier, tier)
    return notes.translated(made)


def is_form(block: Json, form: str) -> bool:
    """Whether a block is the answer that was asked for as a tool's input."""
    return bool(block["type"] == "tool_use" and block["name"] == form)


def refusal_of(details: Any) -> str | None:
    """Return why the model refused, where it says so."""
    explanation = details.get("explanation") if type(details) is dict else None
    return explanation if type(explanation) is str else None


def annotation_of(location: Json, start: int, end: int) -> Json:
    """Make chat's annotation of a citation. `start`, `end`: where the cited text block stands in the whole text, in characters."""
    url = location.get("url") or location.get("source") or f"document:{location.get('document_index', 0)}"
    title = location.get("title") or location.get("document_title") or ""
    cited = {"url": url, "title": title, "content": location.get("cited_text") or ""}
    return {"type": "url_citation", "url_citation": {**cited, "start_index": start, "end_index": end}}


def _annotations(texts: Iterable[Json]) -> Iterable[Json]:
    start = 0
    for block in texts:
        end = start + len(block["text"])
        for location in block.get("citations") or ():
            yield annotation_of(location, start, end)
        start = end


def from_chat(reply: Json) -> Translated:
    """Translate a complete chat reply. Raises Malformed where it has no choice, or ended in an error."""
    notes = Notes()
    choices = reply.get("choices")
    choice = choices[0] if type(choices) is list and choices else None
    message = choice.get("message") if type(choice) is dict else None
    if type(choice) is not dict or type(message) is not dict:
        raise Malformed("a chat reply without a message")
    for name in _LOST:
        if message.get(name):
            notes.drop(name)
    if choice.get("logprobs"):
        notes.drop("logprobs")
    blocks, cuts = placed(message)
    content = woven(blocks, [*_texts(message, cuts), *_tool_uses(message, notes)])
    usage = reply.get("usage")
    made: Json = {
        "id": reply.get("id"),
        "type": "message",
        "role": "assistant",
        "model": reply.get("model"),
        "content": content,
        **ending(choice, any(block["type"] == "tool_use" for block in content), message.get("refusal")),
        "usage": usage_from(usage if type(usage) is dict else {}, reply.get("service_tier")),
    }
    return notes.translated(made)


def ending(choice: Json, called: bool, refusal: Any) -> Json:
    """Return how a message ends, by chat's choice. `called`: it has tool calls. Raises Malformed where it ended in an error."""
    finish, native, sequence = (choice.get(name) for name in ("finish_reason", "native_finish_reason", "stop_sequence"))
    finish = CHAT_FINISHES.get(finish, finish) if type(finish) is str else "stop"
    if finish == "error":
        raise Malformed("a reply that ended in an error")
    if type(native) is str and native != _BEDROCKS and FINISHES.get(native) == finish:
        stop: str | None = native
    elif sequence is not None:
        stop = "stop_sequence"
    else:
        # Some servers stop at a tool call and do not say why.
        stop = "tool_use" if called and finish == "stop" else _STOPS.get(finish, "end_turn")
    details = None
    if stop == "refusal":
        told_why = refusal if type(refusal) is str and refusal else None
        details = {"type": "refusal", "category": None, "explanation": told_why}
    return {"stop_reason": stop, "stop_sequence": sequence, "stop_details": details}


def usage_from(usage: Json, tier: Any) -> Json:
    """Return chat's usage as a message's."""
    vector = chat_usage_of(usage)
    tools = usage.get("server_tool_use_details")
    if type(tools) is dict:
        tools = {**dict.fromkeys(_SERVED, 0), **tools}
    return {
        **told(vector),
        "cache_creation": written(vector),
        "server_tool_use": tools if type(tools) is dict else None,
        "service_tier": tier_of(tier),
    }


def placed(message: Json) -> tuple[list[Placed], list[int]]:
    """Make blocks of a chat message's reasoning, and say where they part its text."""
    details = message.get("reasoning_details")
    listed = [one for one in details if type(one) is dict] if type(details) is list else []
    blocks: list[Placed] = []
    cuts: list[int] = []
    thought = message.get("reasoning")
    if type(thought) is str and thought and not any(map(foreign.visible, listed)):
        blocks.append((None, {"type": "thinking", "thinking": thought, "signature": ""}))
    for detail in listed:
        index = detail.get("index") if foreign.is_claudes(detail) else None
        block, cut = block_of(detail)
        blocks.append((index if type(index) is int else None, block))
        cuts += cut
    return blocks, cuts


def _texts(message: Json, cuts: Iterable[int]) -> Iterable[Json]:
    """Part the text where other blocks stood in it, and by its citations: one is of a block, and so of all that is in it."""
    text = message.get("content") or message.get("refusal")
    if type(text) is not str or not text:
        return
    annotations = message.get("annotations")
    spans: dict[tuple[int, int], list[Json]] = {}
    for annotation in annotations if type(annotations) is list else ():
        citation = citation_of(annotation)
        if citation is not None:
            spans.setdefault(_span(annotation["url_citation"], len(text)), []).append(citation)
    edges = sorted({0, len(text), *cuts, *(edge for span in spans for edge in span)})
    for start, end in pairwise(edge for edge in edges if edge <= len(text)):
        cited = [citation for span, found in spans.items() if span[0] <= start and end <= span[1] for citation in found]
        block: Json = {"type": "text", "text": text[start:end]}
        yield {**block, "citations": cited} if cited else block


def _span(cited: Json, length: int) -> tuple[int, int]:
    """Return what of a text is cited: all of it, where that is not said."""
    start, end = cited.get("start_index"), cited.get("end_index")
    if type(start) is int and type(end) is int and 0 <= start < end <= length:
        return start, end
    return 0, length


def citation_of(annotation: Any) -> Json | None:
    """Make a citation of chat's annotation, None where it is of another kind."""
    cited = annotation.get("url_citation") if type(annotation) is dict else None
    if type(cited) is not dict:
        return None
    return foreign.citation(*(str(cited.get(name) or "") for name in ("url", "title", "content")))


def _tool_uses(message: Json, notes: Notes) -> Iterable[Json]:
    calls = message.get("tool_calls")
    for call in calls if type(calls) is list else ():
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict:
            raise Malformed("a tool call without a function")
        yield tool_use(call.get("id"), function.get("name"), input_of(function.get("arguments"), notes))


def tool_use(identifier: Any, name: Any, given: Json) -> Json:
    """Make a block of a tool call. Raises Malformed where it has no id or name."""
    if type(identifier) is not str or type(name) is not str:
        raise Malformed("a tool call without an id or a name")
    return {"type": "tool_use", "id": identifier, "name": name, "input": given}
