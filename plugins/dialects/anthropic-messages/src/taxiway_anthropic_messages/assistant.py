"""What an assistant says: a canonical message to content blocks, and back, in their order.

A canonical message has its text, its reasoning and its tool calls in members of their own; blocks stand in one row. A reasoning detail's
`index` is its block's place in that row, so the row can be made again. What Anthropic's servers did (searches, code, compaction) has no
canonical member: such a block rides whole in an encrypted reasoning detail, which clients send back as it is, with how much text came
before it.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed
from taxiway_anthropic_messages import foreign
from taxiway_anthropic_messages.foreign import CLAUDE
from taxiway_anthropic_messages.notes import Notes
from taxiway_anthropic_messages.parts import MARK, blocks_of, is_blank

Placed: TypeAlias = tuple[int | None, Json]
"""A block, and its place where that is known."""

_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_ENCRYPTED: Final = "reasoning.encrypted"
_SAYS: Final = ("text", "refusal")
_PLAIN: Final = 2
"""Members of a message that has but a role and a content."""


def tool_id(identifier: str) -> str:
    """Return a tool call's id as the API takes it: the same where it does, else one that only this id is turned into."""
    if _ID.fullmatch(identifier):
        return identifier
    return f"{_NOT_ID.sub('_', identifier)}_{zlib.crc32(identifier.encode('utf-8', 'replace')):08x}"


def content_of(message: Json, notes: Notes) -> str | list[Json]:
    """Make an assistant's content of a canonical message: its text alone, or blocks."""
    content = message.get("content")
    if type(content) is str and len(message) == _PLAIN:
        return content
    details, calls = message.get("reasoning_details"), message.get("tool_calls")
    if message.get("reasoning") and not details:
        notes.drop("messages.reasoning")
    if message.get("annotations"):
        notes.drop("messages.annotations")
    if not details and not calls and type(content) is str:
        return content
    placed, cuts = _own(details, notes) if details else ([], [])
    row = _said(content, message.get("refusal"), cuts, notes)
    if calls:
        row += [_tool_use(call, notes) for call in calls]
    return woven(placed, row)


def woven(placed: Iterable[Placed], row: Sequence[Json]) -> list[Json]:
    """Put blocks of a known place among the others, which keep their order."""
    blocks: list[Json] = []
    taken = 0
    for index, block in placed:
        while index is not None and len(blocks) < index and taken < len(row):
            blocks.append(row[taken])
            taken += 1
        blocks.append(block)
    return blocks + list(row[taken:])


def _said(content: Any, refusal: Any, cuts: list[int], notes: Notes) -> list[Json]:
    if type(content) is list:
        parts = [part for part in content if part["type"] in _SAYS]
        if len(parts) < len(content):
            notes.drop("messages.images")
        return blocks_of(parts, notes)
    text = content or refusal
    if type(text) is not str:
        return []
    pieces = [text[start:end] for start, end in pairwise([0, *sorted(set(cuts)), len(text)])] if cuts else [text]
    return [{"type": "text", "text": piece} for piece in pieces if not is_blank(piece)]


def _tool_use(call: Json, notes: Notes) -> Json:
    function = call.get("function")
    if function is None:
        custom = call.get("custom") or {}
        name, arguments = str(custom.get("name")), str(custom.get("input"))
    else:
        name, arguments = function["name"], function["arguments"]
    block: Json = {"type": "tool_use", "id": tool_id(call["id"]), "name": name, "input": input_of(arguments, notes)}
    if call.get(MARK):
        block[MARK] = call[MARK]
    return block


def input_of(arguments: Any, notes: Notes) -> Json:
    """Decode arguments. What a model wrote wrongly is shown as a text: the conversation has to go on."""
    if type(arguments) is str:
        if is_blank(arguments):
            return {}
        try:
            value = loads(arguments.encode())
        except (Malformed, UnicodeEncodeError):
            value = arguments
    else:
        value = arguments
    if value is None:
        return {}
    if type(value) is dict:
        return value
    notes.apply("tool_calls.function.arguments")
    return {"arguments": value}


def _own(details: Any, notes: Notes) -> tuple[list[Placed], list[int]]:
    """Make blocks of Claude's own reasoning, and say where they part the text. That of others is named as dropped.

    A streamed detail may come back in its pieces.
    """
    placed: list[Placed] = []
    cuts: list[int] = []
    thinking: Json | None = None
    at: int | None = None
    for detail in details if type(details) is list else ():
        if type(detail) is not dict or not foreign.is_claudes(detail):
            notes.drop("messages.reasoning_details")
            continue
        index = detail.get("index")
        index = index if type(index) is int else None
        signature = detail.get("signature")
        if detail.get("type") == "reasoning.text":
            if thinking is None or index != at or thinking["signature"]:
                thinking, at = {"type": "thinking", "thinking": "", "signature": ""}, index
                placed.append((index, thinking))
            thinking["thinking"] += foreign.visible(detail)
            if type(signature) is str:
                thinking["signature"] = signature
        elif detail.get("type") == _ENCRYPTED and type(detail.get("data")) is str:
            block, cut = _opaque(detail["data"])
            placed.append((index, block))
            cuts += cut
        else:
            notes.drop("messages.reasoning_details")
    kept = [one for one in placed if one[1].get("signature") != ""]
    if len(kept) < len(placed):
        # The API takes no thinking that it has not signed.
        notes.drop("messages.reasoning_details")
    return kept, cuts


def _opaque(data: str) -> tuple[Json, list[int]]:
    """Return the block that encrypted reasoning stands for, and where it parts the text, if it does."""
    if data[:1] == "{":
        try:
            kept = loads(data.encode())
        except (Malformed, UnicodeEncodeError):
            kept = None
        block, cut = (kept.get("block"), kept.get("at")) if type(kept) is dict else (None, None)
        if type(block) is dict and type(block.get("type")) is str:
            return block, [cut] if type(cut) is int and cut > 0 else []
    return {"type": "redacted_thinking", "data": data}, []


def block_of(detail: Json) -> tuple[Json, list[int]]:
    """Make the block of one whole reasoning detail, for a client, and say where it parts the text. What is not Claude's rides in it."""
    data, signature = detail.get("data"), detail.get("signature")
    if not foreign.is_claudes(detail):
        return foreign.block_of(detail), []
    if type(data) is str:
        return _opaque(data)
    if type(signature) is str:
        return {"type": "thinking", "thinking": foreign.visible(detail), "signature": signature}, []
    return foreign.block_of({**detail, "format": None}), []


def detail_of(index: int, block: Json, at: int) -> Json:
    """Make the canonical detail of a block that is no text and no tool call. `at`: characters of text before it."""
    kind = block["type"]
    if kind == "thinking":
        text, signature = block["thinking"], block.get("signature") or ""
        carried = foreign.unpacked(signature, text)
        if carried is not None:
            return carried
        # Of thinking that is not shown there is only the signature.
        said = {"type": "reasoning.text", "text": text} if text else {"type": "reasoning.text"}
        if not signature:
            return {**said, "format": "unknown", "index": index}
        return {**said, "signature": signature, "format": CLAUDE, "index": index}
    if kind == "redacted_thinking":
        data = block["data"]
        return foreign.unpacked(data) or {"type": _ENCRYPTED, "data": data, "format": CLAUDE, "index": index}
    named = block.get("id") or block.get("tool_use_id")
    told = {"type": _ENCRYPTED, "data": dumps({"at": at, "block": block}).decode(), "format": CLAUDE, "index": index}
    return {**told, "id": named} if type(named) is str else told


def tool_call_of(block: Json) -> Json:
    """Make the canonical tool call of a block."""
    function = {"name": block["name"], "arguments": dumps(block["input"]).decode()}
    call = {"id": block["id"], "type": "function", "function": function}
    return {**call, MARK: block[MARK]} if block.get(MARK) else call


def message_of(blocks: Iterable[Json]) -> tuple[Json, list[Json]]:
    """Make the canonical message of blocks, but for its text, and the blocks of that."""
    message: Json = {"role": "assistant", "content": None}
    texts: list[Json] = []
    details: list[Json] = []
    calls: list[Json] = []
    at = 0
    for index, block in enumerate(blocks):
        kind = block["type"]
        if kind == "text":
            texts.append(block)
            at += len(block["text"])
        elif kind == "tool_use":
            calls.append(tool_call_of(block))
        else:
            details.append(detail_of(index, block, at))
    if details:
        thought = "".join(map(foreign.visible, details))
        if thought:
            message["reasoning"] = thought
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = calls
    return message, texts
