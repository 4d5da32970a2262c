"""A canonical request as a body of this dialect, for one endpoint.

Wire: platform.claude.com/docs: api/messages; what the models of an endpoint take: `claude`.
"""

from typing import Any, Final

from attrs import frozen

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.errors import Unsupported
from taxiway_anthropic_messages import schema
from taxiway_anthropic_messages.claude import Claude, model_of
from taxiway_anthropic_messages.notes import Notes
from taxiway_anthropic_messages.parts import MARK, is_blank
from taxiway_anthropic_messages.thinking import excludes, nearest, thinking_of
from taxiway_anthropic_messages.turns import Turns

_USUAL: Final = 4096
"""What may come out where neither the call nor the catalog says a limit: the API wants one, and every model takes this."""

_SAMPLING: Final = ("temperature", "top_p", "top_k")
_TIERS: Final = {"auto": "auto", "default": "standard_only", "priority": "auto", "fast": "auto"}
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_FORCED: Final = frozenset({"any", "tool"})
_ON: Final = frozenset({"enabled", "adaptive"})
_SEARCH: Final = "web_search_20250305"
_THOUGHT: Final = frozenset({"thinking", "redacted_thinking"})
_SURE: Final = 0.95
"""The least `top_p` that thinking goes with."""

_NATIVE: Final = frozenset(
    "cache_control container context_management inference_geo mcp_servers speed thinking output_config".split()
)
"""Fields of the API's own that a client may add to a canonical body; they go as they are."""

_READ: Final = frozenset(
    "messages max_tokens max_completion_tokens temperature top_p top_k stop tools tool_choice parallel_tool_calls "
    "response_format reasoning reasoning_effort include_reasoning verbosity user service_tier web_search_options n "
    "modalities".split()
)
"""Canonical fields that are said by other means, here or in the modules that this one calls."""


@frozen
class Asked:
    """What the reply's translation has to know: the tool that stands for a form, and whether reasoning is wanted."""

    form: str | None = None
    excludes: bool = False


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Translate. Raises Unsupported where the request would mean something else, InvalidRequest where a part of it is broken."""
    notes, model = Notes(), model_of(endpoint)
    for name, value in body.items():
        if name not in _READ and name not in _NATIVE and value not in (None, [], {}):
            notes.drop(name)
    _refuse_what_changes_the_meaning(body)
    turns = Turns(model.system_turns, notes)
    turns.take(body["messages"])
    if not model.prefill and turns.turns and turns.turns[-1]["role"] == "assistant":
        raise Unsupported("messages", "this model does not go on where an assistant's message ends")
    most = body.get("max_completion_tokens") or body.get("max_tokens") or endpoint.max_output or _USUAL
    sent: Json = {"max_tokens": most}
    tools, choice = _tools(body, _has_structured(model, endpoint), notes)
    form, system = None, turns.system
    asked = body.get("response_format")
    if asked and asked["type"] != "text":
        form = _shape(asked, sent, tools, _has_structured(model, endpoint), notes)
        if form is not None:
            choice = {"type": "any"} if len(tools) > 1 else {"type": "tool", "name": form}
        elif asked["type"] == "json_object":
            system.append({"type": "text", "text": schema.SENTENCE})
    if system:
        sent["system"] = _plain(system)
    sent["messages"] = turns.turns
    if tools:
        sent["tools"] = tools
        if choice is not None:
            sent["tool_choice"] = choice
    _think(body, sent, model, notes)
    _sample(body, sent, model, endpoint, notes)
    _rest(body, sent, notes)
    return notes.translated(sent, Asked(form, excludes(body)))


def _refuse_what_changes_the_meaning(body: Json) -> None:
    if (body.get("n") or 1) > 1:
        raise Unsupported("n", "there is one answer")
    if set(body.get("modalities") or ()) - {"text"}:
        raise Unsupported("modalities", "Claude answers in text")


def _has_structured(model: Claude, endpoint: Endpoint) -> bool:
    known = endpoint.parameters or ()
    return (model.structured or "structured_outputs" in known) and "structured_outputs" not in endpoint.unsupported


def _plain(blocks: list[Json]) -> str | list[Json]:
    if len(blocks) == 1 and MARK not in blocks[0]:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _tools(body: Json, strict: bool, notes: Notes) -> tuple[list[Json], Json | None]:
    """Return the tools, and which of them is to be called."""
    tools = [_tool(given, strict, notes) for given in body.get("tools") or ()]
    if body.get("web_search_options") is not None:
        notes.apply("web_search_options")
        tools.append(_web_search(body["web_search_options"], notes))
    choice, parallel = body.get("tool_choice"), body.get("parallel_tool_calls")
    if not tools or (choice is None and parallel is None):
        return tools, None
    made: Json = _named_choice(choice, notes) if type(choice) is dict else {"type": _CHOICES[choice or "auto"]}
    if parallel is not None and made["type"] != "none":
        made["disable_parallel_tool_use"] = not parallel
    return tools, made


def _tool(given: Json, strict: bool, notes: Notes) -> Json:
    if given["type"] != "function":
        if given["type"] == "custom" or ":" in given["type"]:
            raise Unsupported("tools", f"Claude has no tools of the type {given['type'][:100]}")
        # One of Anthropic's own (`web_search_20250305`), as it is.
        return given
    function = given["function"]
    parameters = function.get("parameters")
    tool: Json = {"name": function["name"]}
    if function.get("description"):
        tool["description"] = function["description"]
    if type(parameters) is not dict:
        parameters = {"type": "object", "properties": {}}
    tool["input_schema"] = parameters if "type" in parameters else {"type": "object", **parameters}
    if function.get("strict"):
        if strict:
            tool["strict"] = True
        else:
            notes.drop("tools.strict")
    if given.get(MARK):
        tool[MARK] = given[MARK]
    return tool


def _web_search(options: Json, notes: Notes) -> Json:
    tool: Json = {"type": _SEARCH, "name": "web_search"}
    for name, value in options.items():
        near = value.get("approximate") if name == "user_location" and type(value) is dict else None
        if type(near) is dict:
            tool[name] = {"type": "approximate", **near}
        elif value:
            notes.drop(f"web_search_options.{name}")
    return tool


def _named_choice(choice: Json, notes: Notes) -> Json:
    function, allowed = choice.get("function"), choice.get("allowed_tools")
    # Hugging Face's client leaves the type out.
    kind = choice.get("type", "function")
    if kind == "function" and type(function) is dict and type(function.get("name")) is str:
        return {"type": "tool", "name": function["name"]}
    if kind != "allowed_tools" or type(allowed) is not dict:
        raise Unsupported("tool_choice", f"Claude has no choice of the type {str(kind)[:100]}")
    notes.drop("tool_choice.allowed_tools.tools")
    return {"type": _CHOICES.get(str(allowed.get("mode")), "auto")}


def _shape(asked: Json, sent: Json, tools: list[Json], structured: bool, notes: Notes) -> str | None:
    """Ask for a form: natively, or by a tool, whose name is returned."""
    if asked["type"] == "json_object":
        notes.apply("response_format")
        return None
    if asked["type"] != "json_schema":
        raise Unsupported("response_format", f"Claude has no form of the type {asked['type']}")
    form = asked["json_schema"]
    native = schema.native_schema(form.get("schema")) if structured else None
    if native is not None:
        sent["output_config"] = {"format": {"type": "json_schema", "schema": native}}
        return None
    notes.apply("response_format")
    tool = schema.tool(form, frozenset(str(tool.get("name")) for tool in tools))
    tools.append(tool)
    name: str = tool["name"]
    return name


def _think(body: Json, sent: Json, model: Claude, notes: Notes) -> None:
    """Say how much to think, unless something else that is asked for can't be had with it."""
    thinking, effort = thinking_of(body, model, sent["max_tokens"], notes)
    verbosity = body.get("verbosity")
    if verbosity and effort is None:
        effort = nearest(verbosity, model.efforts, notes)
        (notes.drop if effort is None else notes.apply)("verbosity")
    asked = thinking is not None and thinking["type"] in _ON
    choice = sent.get("tool_choice")
    if choice is not None and choice["type"] in _FORCED and (asked or (thinking is None and model.thinks)):
        if asked:
            notes.drop("reasoning")
        thinking = {"type": model.off} if model.thinks and model.off else None
    elif thinking is not None and thinking["type"] == "enabled" and _goes_on_without_thought(sent["messages"]):
        notes.drop("reasoning")
        thinking = None
    if thinking is not None:
        sent["thinking"] = thinking
    if effort is not None:
        sent.setdefault("output_config", {})["effort"] = effort


def _goes_on_without_thought(turns: list[Json]) -> bool:
    """Whether an assistant's turn is to go on that has no thinking of Claude's: with a budget the API refuses that.

    It goes on after tool results, and where it stands last. Another model may have begun it, or a client have lost its reasoning.
    """
    if not turns:
        return False
    last = turns[-1]
    if last["role"] != "assistant":
        content = last["content"]
        if type(content) is str or not content or content[0]["type"] != "tool_result" or len(turns) == 1:
            return False
        last = turns[-2]
    content = last["content"]
    return type(content) is str or content[0]["type"] not in _THOUGHT


def _sample(body: Json, sent: Json, model: Claude, endpoint: Endpoint, notes: Notes) -> None:
    given = {name: body[name] for name in _SAMPLING if body.get(name) is not None}
    if not given:
        return
    thinks = "thinking" in sent and sent["thinking"]["type"] in _ON
    for name, value in given.items():
        both = name == "top_p" and "temperature" in sent and not model.pair
        odd = thinks and not _goes_with_thinking(name, value)
        if both or odd or not model.sampling or name in endpoint.unsupported:
            notes.drop(name)
        elif name == "temperature" and value > 1:
            notes.apply(name)
            sent[name] = 1
        elif name != "top_k" or value > 0:
            sent[name] = value


def _goes_with_thinking(name: str, value: float) -> bool:
    return value == 1 if name == "temperature" else name == "top_p" and value >= _SURE


def _rest(body: Json, sent: Json, notes: Notes) -> None:
    stop = body.get("stop")
    if stop:
        stops = [stop] if type(stop) is str else stop
        kept = [text for text in stops if not is_blank(text)]
        if len(kept) < len(stops):
            notes.drop("stop")
        if kept:
            sent["stop_sequences"] = kept
    if body.get("user"):
        sent["metadata"] = {"user_id": body["user"]}
    tier = body.get("service_tier")
    if tier:
        if tier in _TIERS:
            sent["service_tier"] = _TIERS[tier]
        else:
            notes.drop("service_tier")
    for name in _NATIVE:
        value: Any = body.get(name)
        if value is not None:
            sent[name] = {**sent[name], **value} if type(value) is dict and name in sent else value
