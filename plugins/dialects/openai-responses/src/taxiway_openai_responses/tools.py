"""Tools and the choice among them, both ways: what chat puts into `function` or `custom` lies beside `type` in the Responses API.

A tool that OpenAI runs itself has no counterpart in chat, but for the web search: that is chat's `web_search_options`.
"""

from typing import Any, Final

from taxiway.codec import Json
from taxiway.errors import Unsupported

_OWN: Final = frozenset({"function", "custom"})
_SEARCH: Final = "web_search"
_INNER: Final = ("name", "description", "parameters", "strict", "format")
_MODES: Final = frozenset({"none", "auto", "required"})


def to_chat(tools: list[Json]) -> tuple[list[Json], Json | None]:
    """Return chat's tools and its `web_search_options`, None without such a tool. Raises Unsupported for what OpenAI runs itself."""
    made: list[Json] = []
    search: Json | None = None
    for index, tool in enumerate(tools):
        kind = tool["type"]
        if kind in _OWN:
            made.append(_tool_to_chat(kind, tool))
        elif kind.startswith(_SEARCH):
            search = _search_to_chat(tool)
        else:
            raise Unsupported(f"tools[{index}].type", f"{kind} is run by OpenAI itself, and by no other provider")
    return made, search


def from_chat(tools: list[Json], search: Json | None, refused: frozenset[str]) -> list[Json]:
    """Return the tools of a Responses body. `refused` are members that the endpoint does not take. Raises Unsupported."""
    made: list[Json] = []
    for index, tool in enumerate(tools):
        kind = tool.get("type", "function")
        if kind in _OWN:
            made.append(_tool_from_chat(kind, tool, refused))
        elif kind == _SEARCH:
            made.append(tool)
        else:
            raise Unsupported(f"tools[{index}].type", f"{kind} has no counterpart in the Responses API")
    if search is not None:
        made.append(_search_from_chat(search))
    return made


def choice_to_chat(choice: Any) -> Any:
    """Return chat's `tool_choice`. Raises Unsupported where it names a tool that OpenAI runs itself."""
    if type(choice) is str:
        return choice
    kind = choice.get("type")
    if kind in _OWN:
        return {"type": kind, kind: {"name": choice.get("name")}}
    if kind == "allowed_tools":
        tools = [choice_to_chat(tool) for tool in choice.get("tools") or ()]
        return {"type": kind, kind: {"mode": choice.get("mode", "auto"), "tools": tools}}
    raise Unsupported("tool_choice", f"{kind} is run by OpenAI itself, and by no other provider")


def choice_from_chat(choice: Any) -> Any:
    """Return the `tool_choice` of a Responses body. Raises Unsupported for one that it does not have."""
    if type(choice) is str:
        return choice
    kind = choice.get("type")
    if kind in _OWN:
        return {"type": kind, "name": choice[kind]["name"]}
    if kind == "allowed_tools":
        inner = choice[kind]
        return {"type": kind, "mode": inner["mode"], "tools": [choice_from_chat(tool) for tool in inner["tools"]]}
    raise Unsupported("tool_choice", f"{kind} has no counterpart in the Responses API")


def _tool_to_chat(kind: str, tool: Json) -> Json:
    # Here a function is strict unless it says otherwise, in chat it is not: false is what chat leaves out.
    inner = {name: tool[name] for name in _INNER if tool.get(name) not in (None, False)}
    form = inner.get("format")
    if form is not None and form.get("type") == "grammar":
        inner["format"] = {"type": "grammar", "grammar": {n: v for n, v in form.items() if n != "type"}}
    made = {"type": kind, kind: inner}
    if tool.get("cache_control") is not None:
        made["cache_control"] = tool["cache_control"]
    return made


def _tool_from_chat(kind: str, tool: Json, refused: frozenset[str]) -> Json:
    inner = tool[kind]
    made = {"type": kind, **{name: inner[name] for name in _INNER if inner.get(name) is not None}}
    if kind == "function":
        made.setdefault("parameters", None)
        made.setdefault("strict", False)
    form = made.get("format")
    if form is not None and form.get("type") == "grammar":
        made["format"] = {"type": "grammar", **form["grammar"]}
    if tool.get("cache_control") is not None and "cache_control" not in refused:
        made["cache_control"] = tool["cache_control"]
    return made


def _search_to_chat(tool: Json) -> Json:
    made: Json = {}
    if tool.get("search_context_size") is not None:
        made["search_context_size"] = tool["search_context_size"]
    where = tool.get("user_location")
    if where is not None:
        made["user_location"] = {
            "type": "approximate",
            "approximate": {name: value for name, value in where.items() if name != "type"},
        }
    return made


def _search_from_chat(search: Json) -> Json:
    made: Json = {"type": _SEARCH}
    if search.get("search_context_size") is not None:
        made["search_context_size"] = search["search_context_size"]
    where = search.get("user_location")
    if where is not None:
        made["user_location"] = {"type": "approximate", **(where.get("approximate") or {})}
    return made
