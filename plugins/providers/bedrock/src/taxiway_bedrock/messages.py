"""Canonical messages as Converse's: turns of user and assistant that alternate, with all instructions before them.

Source: docs.aws.amazon.com/bedrock/latest/APIReference: Message, ToolUseBlock, ToolResultBlock, ReasoningContentBlock.
"""

import hashlib
import re
from typing import Any, Final

from attrs import Factory, define

from taxiway.codec import Json, loads
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway_anthropic_messages import Notes
from taxiway_bedrock.content import Blocks, cache_point
from taxiway_bedrock.families import CLAUDE, Family

_GOOD_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_SPEAKERS: Final = frozenset({"user", "assistant"})
_INSTRUCTIONS: Final = frozenset({"system", "developer"})
_UNSIGNED: Final = (None, "", "unknown")
_REASONED: Final = frozenset({"reasoning", "reasoning_content", "reasoning_details"})
_LOST: Final = ("images", "audio")


@define(eq=False)
class Conversation:
    """Makes `system` and `messages` of one request. `tools` collects the names of tools that it has used, in order."""

    family: Family
    notes: Notes
    system: list[Json] = Factory(list)
    messages: list[Json] = Factory(list)
    tools: dict[str, None] = Factory(dict)
    _waiting: list[Json] = Factory(list)
    _blocks: Blocks = Factory(lambda self: Blocks(self.family, self.notes), takes_self=True)

    def add(self, index: int, message: Json) -> None:
        """Take the next message. Raises Unsupported and InvalidRequest."""
        role = message["role"]
        if role == "tool":
            self._turn("user", self._result(index, message))
        elif role in _SPEAKERS:
            if self._waiting:
                self._instruct()
            self._turn(role, self._user(index, message) if role == "user" else self._assistant(index, message))
        elif role in _INSTRUCTIONS:
            blocks = self._blocks.of(index, message.get("content"))
            if self.messages:
                self._waiting += blocks
            else:
                self.system += blocks
        else:
            raise InvalidRequest(f"messages[{index}].role", "functions have been replaced by tools")

    def cache(self, mark: Json) -> None:
        """Mark the whole conversation as one to be cached: a point behind its last turn."""
        if not self.family.caches:
            self.notes.drop("cache_control")
        elif self.messages and "cachePoint" not in self.messages[-1]["content"][-1]:
            self.messages[-1]["content"].append(cache_point(mark))

    def goes_on_thinking(self) -> bool:
        """Whether an assistant's turn that is to go on, as the last or behind tool results, begins with its thinking."""
        last = self.messages[-1] if self.messages else None
        if last is not None and last["role"] == "user" and "toolResult" in last["content"][0]:
            last = self.messages[-2] if len(self.messages) > 1 else None
        return last is None or last["role"] == "user" or "reasoningContent" in last["content"][0]

    def finish(self) -> None:
        """Say what still waits, and what the API wants of the turns as they stand. Raises Unsupported."""
        if self._waiting:
            self._instruct()
        if self.messages and self.messages[-1]["role"] == "assistant":
            self._begun(self.messages[-1]["content"])
        if self._blocks.documents:
            self._accompany()

    def _accompany(self) -> None:
        """Put a text beside documents: the API wants one in the same turn."""
        for message in self.messages:
            content = message["content"]
            places = [index for index, block in enumerate(content) if "document" in block]
            if places and not any("text" in block for block in content):
                names = ", ".join(content[place]["document"]["name"] for place in places)
                content.insert(places[0], {"text": names})
                self.notes.apply("messages.content")

    def _turn(self, role: str, blocks: list[Json]) -> None:
        messages = self.messages
        if not blocks:
            return
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})

    def _name(self, name: Any, blocks: list[Json]) -> None:
        """Say who speaks, as OpenRouter does for every API that has no place for it."""
        self.notes.apply("messages.name")
        first = next((block for block in blocks if "text" in block), None)
        if first is not None:
            first["text"] = f"{name}: {first['text']}"

    def _instruct(self) -> None:
        """Say instructions from amid the conversation, for which the API has no place: within the user's turn."""
        self.notes.apply("messages.system")
        for block in self._waiting:
            if "text" in block:
                block["text"] = f"<system>\n{block['text']}\n</system>"
        self._turn("user", self._waiting)
        self._waiting = []

    def _begun(self, content: list[Json]) -> None:
        """Prepare the assistant's turn that is to go on: Claude refuses spaces at its end, or to go on at all."""
        if self.family.claude is None:
            return
        if not self.family.prefill:
            raise Unsupported("messages", "this model does not go on where an assistant's message ends")
        text = content[-1].get("text", "")
        if text.rstrip() != text and text.strip():
            content[-1]["text"] = text.rstrip()
            self.notes.apply("messages.content")

    def _user(self, index: int, message: Json) -> list[Json]:
        content, name = message.get("content"), message.get("name")
        blocks = [{"text": content}] if type(content) is str and content else self._blocks.of(index, content)
        if name:
            self._name(name, blocks)
        return blocks

    def _assistant(self, index: int, message: Json) -> list[Json]:
        blocks = self._user(index, message)
        if not _REASONED.isdisjoint(message):
            blocks = self._reasoning(message) + blocks
        if not blocks and message.get("refusal"):
            blocks.append({"text": message["refusal"]})
        for place, call in enumerate(message.get("tool_calls") or ()):
            blocks.append(self._call(index, place, call))
        for name in _LOST:
            if message.get(name):
                self.notes.drop(f"messages.{name}")
        return blocks

    def _call(self, index: int, place: int, call: Json) -> Json:
        function = call.get("function")
        if function is None:
            raise InvalidRequest(f"messages[{index}].tool_calls[{place}].type", "must be function")
        name, id_ = function["name"], call["id"]
        self.tools[name] = None
        given = _arguments(function["arguments"])
        if type(given) is not dict:
            where = f"messages[{index}].tool_calls[{place}].function.arguments"
            raise InvalidRequest(where, "must be a JSON object, as text")
        return {"toolUse": {"toolUseId": tool_id(id_), "name": name, "input": given}}

    def _result(self, index: int, message: Json) -> list[Json]:
        content = message.get("content")
        result: Json = {"toolUseId": tool_id(message["tool_call_id"])}
        if message.get("is_error"):
            result["status"] = "error"
        if type(content) is str:
            result["content"] = [{"text": content}] if content else []
            return [{"toolResult": result}]
        blocks = self._blocks.of(index, content)
        result["content"] = [block for block in blocks if "cachePoint" not in block]
        # A cache point belongs behind the result, not into it.
        return [{"toolResult": result}, *(block for block in blocks if "cachePoint" in block)]

    def _reasoning(self, message: Json) -> list[Json]:
        """Give back what the model thought, where it takes that; what another one signed would be refused."""
        details = message.get("reasoning_details") or ()
        blocks = [block for detail in details if (block := self._thought(detail)) is not None]
        text = message.get("reasoning") or message.get("reasoning_content")
        if text and not details:
            if self.family.echoes == "plain":
                return [{"reasoningContent": {"reasoningText": {"text": text}}}]
            self.notes.drop("messages.reasoning")
        return blocks

    def _thought(self, detail: Json) -> Json | None:
        kind, format_, echoes = detail.get("type"), detail.get("format"), self.family.echoes
        signature, text = detail.get("signature"), detail.get("text")
        ours = (format_ or CLAUDE) == self.family.format
        if kind == "reasoning.encrypted" and ours and echoes == "signed":
            return {"reasoningContent": {"redactedContent": detail["data"]}}
        if kind == "reasoning.text" and ours and echoes == "signed" and signature:
            return {"reasoningContent": {"reasoningText": {"text": text or "", "signature": signature}}}
        if kind == "reasoning.text" and echoes == "plain" and text and format_ in _UNSIGNED:
            return {"reasoningContent": {"reasoningText": {"text": text}}}
        self.notes.drop("messages.reasoning_details")
        return None


def tool_id(id_: str) -> str:
    """Return a tool call's id as the API takes it. One that it would refuse becomes another, always the same."""
    return id_ if _GOOD_ID.fullmatch(id_) else f"tooluse_{hashlib.sha256(id_.encode()).hexdigest()[:24]}"


def _arguments(text: str) -> Any:
    """Read a call's arguments; None where they are no JSON."""
    if not text.strip():
        return {}
    try:
        return loads(text.encode())
    except (Malformed, UnicodeEncodeError):
        return None
