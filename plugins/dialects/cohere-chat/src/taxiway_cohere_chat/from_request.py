"""A request of Cohere's chat as a canonical chat body, checked on the way.

Source: docs.cohere.com/reference/chat. What Cohere's API has and canonical chat has not is kept under its own name where it is
for the model to know (`safety_mode`, `citation_options`: who does not know them leaves them out, and says so); documents become texts
that say which document they are.
"""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.checks import member, objects
from taxiway.codec import Json, dumps
from taxiway.errors import InvalidRequest
from taxiway_cohere_chat.wire import FORMAT, arguments_of, object_of

NAMES: Final = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
"""Parameters that canonical chat knows by another name."""

_ROLES: Final = ("user", "assistant", "system", "tool", "developer")
_LOST: Final = frozenset({"priority", "raw_prompting"})
_READ: Final = frozenset("messages documents tools tool_choice strict_tools response_format thinking".split())


def to_canonical(body: Json) -> Translated:
    """Translate a body. Raises InvalidRequest, naming the field."""
    lost: list[str] = []
    messages = [_message(where, one, lost) for where, one in objects("messages", body.get("messages"))]
    made: Json = {"messages": messages}
    if body.get("documents"):
        _show(messages, body["documents"])
    for name, value in body.items():
        if name in _READ or value is None:
            continue
        if name in _LOST:
            lost.append(name)
        else:
            made[NAMES.get(name, name)] = value
    if body.get("tools") is not None:
        made["tools"] = [_tool(tool, bool(body.get("strict_tools"))) for _, tool in objects("tools", body["tools"])]
    choice = body.get("tool_choice")
    if choice is not None:
        if choice not in ("REQUIRED", "NONE", "AUTO"):
            raise InvalidRequest("tool_choice", "must be REQUIRED or NONE")
        made["tool_choice"] = choice.lower()
    if body.get("response_format") is not None:
        made["response_format"] = _format(body["response_format"])
    if body.get("thinking") is not None:
        made["reasoning"] = _thinking(body["thinking"])
    return Translated(made, tuple(dict.fromkeys(lost)))


def _message(where: str, message: Json, lost: list[str]) -> Json:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise InvalidRequest(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
    made: Json = {"role": role, "content": content}
    if content is not None and type(content) is not str:
        parts = list(objects(f"{where}.content", content))
        made["content"] = [_part(place, part) for place, part in parts if part.get("type") != "thinking"]
        if role == "assistant":
            _think(made, [member(place, part, "thinking") for place, part in parts if part.get("type") == "thinking"])
    if role == "tool":
        made["tool_call_id"] = member(where, message, "tool_call_id")
    if role != "assistant":
        return made
    if message.get("citations"):
        lost.append("messages.citations")
    if message.get("tool_calls") is not None:
        calls = objects(f"{where}.tool_calls", message["tool_calls"])
        made["tool_calls"] = [_call(place, call) for place, call in calls]
    plan = message.get("tool_plan")
    if plan:
        _plan(f"{where}.tool_plan", made, plan)
    elif made.get("tool_calls") and type(content) is str:
        # A text before tool calls would be a plan on the way back.
        made["content"] = [{"type": "text", "text": content}]
    return made


def _plan(where: str, made: Json, plan: Any) -> None:
    """Put what is planned before tools are called in front of the content: that is where others say it."""
    if type(plan) is not str:
        raise InvalidRequest(where, "must be a text")
    content = made["content"]
    if not content:
        made["content"] = plan
        return
    rest = [{"type": "text", "text": content}] if type(content) is str else content
    made["content"] = [{"type": "text", "text": plan}, *rest]


def _think(made: Json, texts: list[str]) -> None:
    if texts:
        made["content"] = made["content"] or None
        made["reasoning"] = "".join(texts)
        made["reasoning_details"] = [
            {"type": "reasoning.text", "text": text, "format": FORMAT, "index": index}
            for index, text in enumerate(texts)
        ]


def _part(where: str, part: Json) -> Json:
    if part.get("type") != "document":
        return part
    document = member(where, part, "document", dict)
    return {"type": "text", "text": _text(document), "document": document}


def _call(where: str, call: Json) -> Json:
    function = member(where, call, "function", dict)
    arguments = function.get("arguments")
    if arguments is not None and type(arguments) is not str:
        raise InvalidRequest(f"{where}.function.arguments", "must be a text")
    return {**call, "type": "function", "function": {**function, "arguments": arguments_of(arguments)}}


def _show(messages: list[Json], documents: Any) -> None:
    """Put documents in front of the last message of the user."""
    if type(documents) is not list or not all(type(one) in {str, dict} for one in documents):
        raise InvalidRequest("documents", "must be a list of texts and objects")
    place = next((at for at in reversed(range(len(messages))) if messages[at]["role"] == "user"), None)
    if place is None:
        raise InvalidRequest("documents", "need a message of the user")
    parts = [{"type": "text", "text": _text(one), "document": one} for one in documents]
    content = messages[place]["content"]
    rest = [{"type": "text", "text": content}] if type(content) is str else content or []
    messages[place] = {**messages[place], "content": [*parts, *rest]}


def _text(document: Any) -> str:
    """Return a document as those read it that know no documents."""
    if type(document) is str:
        return document
    return dumps(document.get("data", document)).decode()


def _tool(tool: Json, strict: bool) -> Json:
    function = object_of(tool.get("function"))
    return {
        **tool,
        "type": tool.get("type", "function"),
        "function": {**function, "strict": True} if strict else function,
    }


def _format(form: Any) -> Json:
    if type(form) is not dict or form.get("type") not in ("text", "json_object"):
        raise InvalidRequest("response_format.type", "must be text or json_object")
    schema = form.get("json_schema") or form.get("schema")
    if schema is None:
        return {"type": form["type"]}
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema, "strict": True}}


def _thinking(thinking: Any) -> Json:
    if type(thinking) is not dict or thinking.get("type") not in ("enabled", "disabled"):
        raise InvalidRequest("thinking.type", "must be enabled or disabled")
    if thinking["type"] == "disabled":
        return {"enabled": False}
    budget = thinking.get("token_budget")
    return {"enabled": True} if budget is None else {"enabled": True, "max_tokens": budget}
