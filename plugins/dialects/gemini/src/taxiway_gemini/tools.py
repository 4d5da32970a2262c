"""Functions and tools: canonical chat's `tools` and `tool_choice`, and Gemini's `tools` and `toolConfig`.

Sources: ai.google.dev/api/caching (Tool, ToolConfig), ai.google.dev/gemini-api/docs: function-calling, google-search.
"""

from typing import Any, Final

from taxiway.codec import Json, items, text_of
from taxiway.errors import Unsupported
from taxiway_gemini.members import member
from taxiway_gemini.schemas import json_schema

_SERVER_TOOLS: Final = {
    "openrouter:web_search": "googleSearch",
    "web_search": "googleSearch",
    "web_search_preview": "googleSearch",
    "google_search": "googleSearch",
    "code_interpreter": "codeExecution",
    "code_execution": "codeExecution",
    "url_context": "urlContext",
}
"""Tools that run on the provider's side, by the types that clients know them by."""

_CHOICES: Final = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
_MODES: Final = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
_MODE_NUMBERS: Final = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE")


def tools_of(body: Json, lost: list[str]) -> list[Json]:
    """Return Gemini's tools for a canonical body. Raises Unsupported for a tool that can't be expressed."""
    functions: list[Json] = []
    others: dict[str, Json] = {}
    for number, tool in enumerate(items(body.get("tools"))):
        if tool.get("cache_control") and "cache_control" not in lost:
            lost.append("cache_control")
        function = tool.get("function")
        if type(function) is dict:
            functions.append(_declared(function, lost))
            continue
        name = _SERVER_TOOLS.get(text_of(tool.get("type")))
        if name is None:
            raise Unsupported(f"tools[{number}].type", "can't be expressed here")
        others[name] = {}
    search = body.get("web_search_options")
    if type(search) is dict:
        lost += [f"web_search_options.{name}" for name, value in search.items() if value is not None]
        others["googleSearch"] = {}
    tools: list[Json] = [{name: options} for name, options in others.items()]
    return [*tools, {"functionDeclarations": functions}] if functions else tools


def _declared(function: Json, lost: list[str]) -> Json:
    if function.get("strict") and "tools.function.strict" not in lost:
        lost.append("tools.function.strict")
    told: Json = {"name": text_of(function.get("name"))}
    if type(function.get("description")) is str:
        told["description"] = function["description"]
    if function.get("parameters"):
        told["parametersJsonSchema"] = function["parameters"]
    return told


def tool_config_of(choice: Any) -> Json:
    """Return the `toolConfig` that a canonical `tool_choice` means; empty for none. Raises Unsupported."""
    if choice is None:
        return {}
    if type(choice) is str and choice in _CHOICES:
        return {"functionCallingConfig": {"mode": _CHOICES[choice]}}
    function = choice.get("function") if type(choice) is dict else None
    if type(function) is not dict:
        raise Unsupported("tool_choice", "can't be expressed here")
    return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [text_of(function.get("name"))]}}


def chat_tools(tools: Any, lost: list[str]) -> tuple[list[Json], Json]:
    """Return canonical tools, and what else they add to a canonical body. `lost` takes what can't be said."""
    functions: list[Json] = []
    others: Json = {}
    for tool in items(tools):
        for name, value in tool.items():
            if value is None:
                continue
            if name in {"functionDeclarations", "function_declarations"}:
                functions += [_function(declaration, lost) for declaration in items(value)]
            elif name in {"googleSearch", "google_search"}:
                others["web_search_options"] = {}
            elif f"tools.{name}" not in lost:
                lost.append(f"tools.{name}")
    return functions, others


def _function(declaration: Json, lost: list[str]) -> Json:
    told: Json = {"name": text_of(declaration.get("name"))}
    if type(declaration.get("description")) is str:
        told["description"] = declaration["description"]
    schema = member(declaration, "parametersJsonSchema")
    if schema is not None:
        told["parameters"] = schema
    elif declaration.get("parameters") is not None:
        told["parameters"] = json_schema(declaration["parameters"])
    for name in ("response", "responseJsonSchema", "behavior"):
        if member(declaration, name) is not None and f"tools.functionDeclarations.{name}" not in lost:
            lost.append(f"tools.functionDeclarations.{name}")
    return {"type": "function", "function": told}


def chat_choice(config: Any, functions: list[Json], lost: list[str]) -> Any:
    """Return the canonical `tool_choice` of a `toolConfig`; None where it says nothing."""
    if type(config) is not dict:
        return None
    lost += [
        f"toolConfig.{name}" for name in ("retrievalConfig", "includeServerSideToolInvocations") if member(config, name)
    ]
    calling = member(config, "functionCallingConfig")
    mode = calling.get("mode") if type(calling) is dict else None
    if type(mode) is int and 0 <= mode < len(_MODE_NUMBERS):
        mode = _MODE_NUMBERS[mode]
    choice = _MODES.get(text_of(mode).upper())
    if choice is None or not functions:
        return None
    if text_of(mode).upper() == "VALIDATED":
        lost.append("toolConfig.functionCallingConfig.mode")
    allowed = member(calling, "allowedFunctionNames")
    names = [name for name in allowed if type(name) is str] if type(allowed) is list else []
    if choice == "required" and len(names) == 1:
        return {"type": "function", "function": {"name": names[0]}}
    if names and {function["function"]["name"] for function in functions} != set(names):
        lost.append("toolConfig.functionCallingConfig.allowedFunctionNames")
    return choice
