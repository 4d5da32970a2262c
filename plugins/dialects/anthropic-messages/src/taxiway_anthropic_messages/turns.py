"""A canonical conversation as turns of this dialect: system prompt apart, tool results where the API wants them.

Wire: platform.claude.com/docs: api/messages, agents-and-tools/tool-use (parallel results go into one user message, before all else),
build-with-claude/mid-conversation-system-messages (where they may stand).
"""

from collections.abc import Iterable
from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Unsupported
from taxiway_anthropic_messages.assistant import content_of, tool_id
from taxiway_anthropic_messages.notes import Notes
from taxiway_anthropic_messages.parts import MARK, blocks_of, is_blank

_SYSTEM: Final = frozenset({"system", "developer"})


class Turns:
    """Takes canonical messages one by one. `system`: the prompt's blocks, or its text; `turns`: the messages.

    `system_turns`: the model takes instructions among the turns; else they are said in a user's turn, between tags.
    """

    __slots__ = ("_notes", "_results", "_system_turns", "_waiting", "system", "turns")

    def __init__(self, system_turns: bool, notes: Notes) -> None:
        self._system_turns, self._notes = system_turns, notes
        self.system: list[Json] = []
        self.turns: list[Json] = []
        # The content of the last turn, where that has only tool results so far.
        self._results: list[Json] | None = None
        # Instructions that must not come between a tool call and its result.
        self._waiting: list[Json] = []

    def take(self, messages: Iterable[Json]) -> None:
        """Take all messages of a conversation."""
        for message in messages:
            role = message["role"]
            if role == "tool":
                self._result(message)
            elif role in _SYSTEM:
                blocks = _system_blocks(message, self._notes)
                if self.turns:
                    self._waiting += blocks
                else:
                    self.system += blocks
            elif role == "function" or message.get("function_call"):
                raise Unsupported("messages.function_call", "tool calls took its place")
            else:
                if self._waiting:
                    self._instruct(role)
                if role == "user":
                    self._user(message)
                else:
                    self._assistant(message)
        if self._waiting:
            self._instruct("assistant")
        if not self.turns and self.system:
            # A conversation has to begin with the user.
            self._notes.apply("messages.system")
            self.turns.append({"role": "user", "content": [self.system.pop()]})
        elif self.turns and self.turns[-1]["role"] == "assistant":
            self.turns[-1] = self._begun(self.turns[-1])

    def _user(self, message: Json) -> None:
        content, name = message["content"], message.get("name")
        if type(content) is list:
            content = blocks_of(content, self._notes)
        if name:
            self._notes.apply("messages.name")
            content = _named(str(name), content)
        if self._results is None:
            self.turns.append({"role": "user", "content": content})
        elif content:
            self._results += [_text(content)] if type(content) is str else content
            self._results = None

    def _assistant(self, message: Json) -> None:
        self._results = None
        content = content_of(message, self._notes)
        # An empty turn says nothing, and is refused.
        if content:
            self.turns.append({"role": "assistant", "content": content})

    def _begun(self, turn: Json) -> Json:
        """Return the turn that is to go on, without spaces at its end: the API refuses them."""
        content = turn["content"]
        made: Any
        if type(content) is str:
            text = made = content.rstrip()
        elif content[-1]["type"] == "text":
            text = content[-1]["text"].rstrip()
            made = [*content[:-1], {**content[-1], "text": text}]
        else:
            return turn
        if not text or made == content:
            return turn
        self._notes.apply("messages.content")
        return {**turn, "content": made}

    def _result(self, message: Json) -> None:
        block = _tool_result(message, self._notes)
        if self._results is None:
            self._results = []
            self.turns.append({"role": "user", "content": self._results})
        self._results.append(block)

    def _instruct(self, following: str) -> None:
        """Say what waits: as a turn of the system's own where it may stand, else within the user's."""
        blocks, self._waiting, self._results = self._waiting, [], None
        if self._system_turns and following == "assistant" and self.turns[-1]["role"] == "user":
            self.turns.append({"role": "system", "content": blocks})
            return
        self._notes.apply("messages.system")
        tagged = [{**block, "text": f"<system>\n{block['text']}\n</system>"} for block in blocks]
        self.turns.append({"role": "user", "content": tagged})


def _system_blocks(message: Json, notes: Notes) -> list[Json]:
    content = message["content"]
    if type(content) is str:
        return [] if is_blank(content) else [_text(content)]
    blocks = blocks_of(content, notes)
    if any(block["type"] != "text" for block in blocks):
        raise Unsupported("messages.system", "Claude takes only texts as instructions")
    return blocks


def _tool_result(message: Json, notes: Notes) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": tool_id(message["tool_call_id"])}
    content: Any = message["content"]
    if type(content) is list:
        content = blocks_of(content, notes)
        for index, inner in enumerate(content):
            if MARK in inner:
                # A mark belongs to the whole result.
                block[MARK] = inner[MARK]
                content[index] = {name: value for name, value in inner.items() if name != MARK}
    block["content"] = content
    if message.get("is_error"):
        block["is_error"] = True
    return block


def _named(name: str, content: Any) -> Any:
    """Say who speaks: there is no field for it."""
    if type(content) is str:
        return f"{name}: {content}"
    first = content[0] if content else None
    if first is not None and first["type"] == "text":
        return [{**first, "text": f"{name}: {first['text']}"}, *content[1:]]
    return [_text(f"{name}:"), *content]


def _text(text: str) -> Json:
    return {"type": "text", "text": text}
