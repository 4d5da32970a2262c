"""A client's body of this dialect as a canonical one.

Wire: platform.claude.com/docs: api/messages, agents-and-tools/tool-use. What only Anthropic's servers can do is named as dropped.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from taxiway.call import Translated
from taxiway.codec import Json
from taxiway.errors import Unsupported
from taxiway_anthropic_messages.assistant import message_of
from taxiway_anthropic_messages.notes import Notes
from taxiway_anthropic_messages.parts import MARK, is_blank, parts_of, plain
from taxiway_anthropic_messages.schema import is_strict
from taxiway_anthropic_messages.thinking import reasoning_of

_SAME: Final = ("max_tokens", "temperature", "top_p", "top_k", MARK)
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
_READ: Final = frozenset(
    (*_SAME, *"system messages tools tool_choice thinking output_config output_format stop_sequences".split())
)
_ALSO: Final = frozenset({"metadata", "service_tier", "anthropic_version"})
_TOOL: Final = frozenset({"type", "name", "description", "input_schema", "strict", MARK})
_LONGEST_USER: Final = 64
"""Characters of a user's name that every provider takes."""


def to_canonical(body: Json) -> Translated:
    """Translate. Raises Unsupported where a tool has to be called that only Anthropic's servers have."""
    notes = Notes()
    for name, value in body.items():
        if name not in _READ and name not in _ALSO and value not in (None, [], {}):
            notes.drop(name)
    made: Json = {"messages": [*_system(body.get("system"), notes), *_messages(body["messages"], notes)]}
    for name in _SAME:
        if body.get(name) is not None:
            made[name] = body[name]
    _tools(body, made, notes)
    _output(body, made, notes)
    stops, user, tier = (
        body.get("stop_sequences"),
        (body.get("metadata") or {}).get("user_id"),
        body.get("service_tier"),
    )
    if stops:
        made["stop"] = stops
    if type(user) is str and user:
        made["user"] = user
        if len(user) > _LONGEST_USER:
            # Claude Code's is longer than some providers take; a digest still tells users apart.
            notes.apply("user")
            made["user"] = hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()
    if tier is not None:
        if tier in _TIERS:
            made["service_tier"] = _TIERS[tier]
        else:
            notes.drop("service_tier")
    return notes.translated(made)


def _system(system: Any, notes: Notes) -> list[Json]:
    if not system:
        return []
    content = system if type(system) is str else plain(parts_of(system, notes))
    return [{"role": "system", "content": content}] if content else []


def _messages(turns: Iterable[Json], notes: Notes) -> list[Json]:
    messages: list[Json] = []
    for turn in turns:
        role, content = turn["role"], turn["content"]
        if type(content) is str:
            messages.append({"role": role, "content": content})
        elif role == "assistant":
            messages.append(_assistant(content, notes))
        elif role == "user":
            messages += _user(content, notes)
        else:
            parts = parts_of(content, notes)
            if parts:
                messages.append({"role": role, "content": plain(parts)})
    return messages


def _user(blocks: Iterable[Json], notes: Notes) -> list[Json]:
    """Part a user's blocks: tool results are messages of their own."""
    messages: list[Json] = []
    said: list[Json] = []
    for block in blocks:
        if block["type"] == "tool_result":
            if said:
                messages.append({"role": "user", "content": plain(said)})
                said = []
            messages.append(_result(block, notes))
        else:
            said += parts_of((block,), notes)
    if said or not messages:
        messages.append({"role": "user", "content": plain(said) if said else ""})
    return messages


def _result(block: Json, notes: Notes) -> Json:
    content: Any = block.get("content") or ""
    parts = [{"type": "text", "text": content}] if type(content) is str else parts_of(content, notes)
    if block.get(MARK) and parts:
        parts[-1] = {**parts[-1], MARK: block[MARK]}
    message = {"role": "tool", "tool_call_id": block["tool_use_id"], "content": plain(parts) if parts else ""}
    return {**message, "is_error": True} if block.get("is_error") else message


def _assistant(blocks: Iterable[Json], notes: Notes) -> Json:
    message, texts = message_of(blocks)
    parts = [part for part in parts_of(texts, notes) if not is_blank(part["text"])]
    if parts:
        message["content"] = plain(parts)
    elif len(message) == len({"role", "content"}):
        message["content"] = ""
    return message


def _tools(body: Json, made: Json, notes: Notes) -> None:
    tools, choice = body.get("tools"), body.get("tool_choice")
    kept = [] if not tools else [tool for given in tools if (tool := _tool(given, notes)) is not None]
    if kept:
        made["tools"] = kept
    if not choice:
        return
    if choice["type"] == "tool":
        name = choice["name"]
        if all(tool["function"]["name"] != name for tool in kept):
            raise Unsupported("tool_choice", f"the tool {name[:100]} is one of Anthropic's own")
        made["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kept:
        made["tool_choice"] = _CHOICES[choice["type"]]
    else:
        notes.drop("tool_choice")
    parallel = choice.get("disable_parallel_tool_use")
    if kept and parallel is not None:
        made["parallel_tool_calls"] = not parallel


def _tool(given: Json, notes: Notes) -> Json | None:
    kind = given.get("type") or "custom"
    if kind != "custom":
        notes.drop(f"tools.{kind}")
        return None
    for name in given.keys() - _TOOL:
        if given[name]:
            notes.drop(f"tools.{name}")
    function: Json = {"name": given["name"]}
    if given.get("description"):
        function["description"] = given["description"]
    function["parameters"] = given["input_schema"]
    if given.get("strict"):
        function["strict"] = True
    tool = {"type": "function", "function": function}
    return {**tool, MARK: given[MARK]} if given.get(MARK) else tool


def _output(body: Json, made: Json, notes: Notes) -> None:
    """Say the form of the output, and how much to think for it."""
    config = body.get("output_config") or {}
    for name, value in config.items():
        if value and name not in {"format", "effort"}:
            notes.drop(f"output_config.{name}")
    form = config.get("format") or body.get("output_format")
    if form:
        schema = form["schema"]
        title = schema.get("title")
        named = title if type(title) is str and title.isidentifier() and title.isascii() else "answer"
        made["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": named[:_LONGEST_USER], "schema": schema, "strict": is_strict(schema)},
        }
    thinking, effort = body.get("thinking"), config.get("effort")
    reasoning = reasoning_of(thinking, effort, notes)
    if reasoning is not None:
        made["reasoning"] = reasoning
    if effort and "effort" not in (reasoning or ()):
        # Effort without thinking is how much is said.
        made["verbosity"] = effort
