"""A canonical chat body as a request of Converse.

Source: docs.aws.amazon.com/bedrock/latest/APIReference: API_runtime_Converse and the shapes that it names. What Converse has no
field for is the maker's own, and in `families`.
"""

from typing import Any, Final

from attrs import frozen

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.codec import Json, dumps
from taxiway.errors import InvalidRequest, Unsupported
from taxiway_anthropic_messages import Notes, native_schema
from taxiway_bedrock import reasoning
from taxiway_bedrock.content import cache_point
from taxiway_bedrock.families import Family, family_of
from taxiway_bedrock.messages import Conversation

NATIVE: Final = frozenset(
    "guardrailConfig performanceConfig requestMetadata promptVariables additionalModelResponseFieldPaths".split()
)
"""Fields of Converse's own that a canonical body may carry; they are sent as they are."""

_READ: Final = NATIVE | frozenset(
    "messages tools tool_choice response_format max_tokens max_completion_tokens temperature top_p top_k stop reasoning "
    "reasoning_effort include_reasoning service_tier cache_control additionalModelRequestFields n modalities".split()
)
"""Fields that are said; all others that ask for something are named as dropped."""

_ASKS_NOTHING: Final[dict[str, Any]] = {"parallel_tool_calls": True, "logprobs": False, "store": False}
_TIERS: Final = {"priority": "priority", "fast": "priority", "flex": "flex", "reserved": "reserved"}
_DEFAULT_TIERS: Final = (None, "auto", "default")
_CHOICES: Final[dict[str, Json]] = {"auto": {"auto": {}}, "required": {"any": {}}}
_ON: Final = frozenset({"enabled", "adaptive"})
_SURE: Final = 0.95
"""The least `top_p` that Claude's thinking goes with."""
_SYSTEM_TOOL: Final = "nova_"
_NO_SCHEMA: Final[Json] = {"type": "object", "properties": {}}
_JSON_ONLY: Final = "Answer with one JSON object and nothing else: no words around it, no code fence."


@frozen
class State:
    """What the translation of the reply needs to know: the format of reasoning details, whether they are wanted, and the tool
    whose input is the answer, where one stands for a response format.
    """

    format: str = "unknown"
    exclude: bool = False
    answer: str | None = None


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Translate a body. Raises Unsupported where Converse can't say it, InvalidRequest where it makes no sense."""
    try:
        return _translated(body, endpoint)
    except (AttributeError, TypeError, KeyError, IndexError, ValueError) as error:
        # What no check of the client's dialect has looked at: a member of another type than it has everywhere else.
        raise InvalidRequest("", f"a member of another type than expected ({type(error).__name__})") from None


def _translated(body: Json, endpoint: Endpoint) -> Translated:
    notes, family = Notes(), family_of(endpoint.id, endpoint.model)
    body = _allowed(body, endpoint, notes)
    conversation = Conversation(family, notes)
    for index, message in enumerate(body["messages"]):
        conversation.add(index, message)
    conversation.finish()
    made: Json = {"messages": conversation.messages, **{name: body[name] for name in NATIVE.intersection(body)}}
    tools = _tools(body, conversation)
    own = _own_fields(body, conversation, "toolChoice" in tools and "auto" not in tools["toolChoice"], endpoint)
    answer = _response_format(body, endpoint, conversation, tools, own, made)
    inference = _inference(body, family, own, notes)
    if body.get("cache_control"):
        conversation.cache(body["cache_control"])
    made |= {
        name: value
        for name, value in (
            ("system", conversation.system),
            ("inferenceConfig", inference),
            ("toolConfig", tools),
            ("additionalModelRequestFields", own),
            ("serviceTier", _tier(body, notes)),
        )
        if value
    }
    return notes.translated(made, State(family.format, reasoning.excluded(body), answer))


def _allowed(body: Json, endpoint: Endpoint, notes: Notes) -> Json:
    """Leave out what the model is known to refuse and what Converse has no word for, and name it."""
    for name, value in body.items():
        if name not in _READ and value not in (None, _ASKS_NOTHING.get(name), [], {}, ""):
            notes.drop(name)
    if body.get("n") not in {None, 1}:
        raise Unsupported("n", "the API gives one answer a request")
    if not {"text"}.issuperset(body.get("modalities") or ()):
        raise Unsupported("modalities", "the API answers with text")
    refused = endpoint.unsupported.intersection(body)
    for name in refused:
        if body[name] is not None:
            notes.drop(name)
    return {name: value for name, value in body.items() if value is not None and name not in refused}


def _own_fields(body: Json, conversation: Conversation, forced: bool, endpoint: Endpoint) -> Json:
    """Return the maker's own fields: those that the body brings, how to think, and top_k. `forced`: a tool has to be used."""
    notes, family = conversation.notes, conversation.family
    own: Json = dict(body.get("additionalModelRequestFields") or {})
    thinking = reasoning.fields_of(body, family, endpoint.max_output, notes)
    if thinking.get("thinking", {}).get("type") in _ON and (forced or _thoughtless(thinking, conversation)):
        # Claude refuses to think beside these.
        notes.drop("reasoning")
        del thinking["thinking"]
    own |= thinking
    top_k = body.get("top_k")
    if top_k is not None:
        if family.top_k and family.samples and not _thinks(own):
            *above, name = family.top_k
            inner = own
            for step in above:
                inner = inner.setdefault(step, {})
            inner[name] = top_k
        else:
            notes.drop("top_k")
    return own


def _thinks(own: Json) -> bool:
    """Whether Claude is told to think, or Nova to do so at its best: then it samples as it wants."""
    high = own.get("reasoningConfig", {}).get("maxReasoningEffort") == "high"
    return high or own.get("thinking", {}).get("type") in _ON


def _thoughtless(thinking: Json, conversation: Conversation) -> bool:
    """Whether the turn that is to go on has no thinking of Claude's, which it must begin with where it has a budget."""
    return thinking["thinking"]["type"] == "enabled" and not conversation.goes_on_thinking()


def _inference(body: Json, family: Family, own: Json, notes: Notes) -> Json:
    """Return the fields that all models share, less what this one refuses beside others."""
    temperature, top_p, thinks = body.get("temperature"), body.get("top_p"), _thinks(own)
    if temperature is not None and (not family.samples or (thinks and temperature != 1)):
        notes.drop("temperature")
        temperature = None
    if temperature is not None and temperature > 1:
        notes.apply("temperature")
        temperature = 1
    odd = thinks and (family.claude is None or (top_p or 0) < _SURE)
    if top_p is not None and (not family.samples or odd or (temperature is not None and not family.pair)):
        notes.drop("top_p")
        top_p = None
    stop = body.get("stop")
    made = {
        "maxTokens": body.get("max_completion_tokens") or body.get("max_tokens"),
        "temperature": temperature,
        "topP": top_p,
        "stopSequences": [stop] if type(stop) is str else stop,
    }
    return {name: value for name, value in made.items() if value is not None}


def _tools(body: Json, conversation: Conversation) -> Json:
    """Return `toolConfig`: it must be there where the conversation has used tools, and there is no word for not using them."""
    notes, family = conversation.notes, conversation.family
    given, choice = body.get("tools") or (), body.get("tool_choice")
    if choice == "none":
        if conversation.tools:
            raise Unsupported("tool_choice", "the API can't forbid tools once the conversation has used some")
        return {}
    tools: list[Json] = []
    for index, tool in enumerate(given):
        tools.append(_tool(f"tools[{index}]", tool))
        mark = tool.get("cache_control")
        if mark and family.caches_tools:
            tools.append(cache_point(mark))
        elif mark:
            notes.drop("cache_control")
    if not tools and conversation.tools:
        notes.apply("tools")
        tools = [{"toolSpec": {"name": name, "inputSchema": {"json": _NO_SCHEMA}}} for name in conversation.tools]
    if not tools:
        return {}
    made: Json = {"tools": tools}
    if choice is not None and given:
        made["toolChoice"] = _choice(choice)
    return made


def _tool(where: str, tool: Json) -> Json:
    kind = tool.get("type")
    if type(kind) is str and kind.startswith(_SYSTEM_TOOL):
        # One that the provider runs itself.
        return {"systemTool": {"name": kind}}
    if kind != "function":
        raise Unsupported(f"{where}.type", "only functions can be said")
    function = tool["function"]
    made: Json = {"name": function["name"], "inputSchema": {"json": function.get("parameters") or _NO_SCHEMA}}
    if function.get("description"):
        made["description"] = function["description"]
    if function.get("strict"):
        made["strict"] = True
    return {"toolSpec": made}


def _choice(choice: Any) -> Json:
    if type(choice) is str:
        return _CHOICES[choice]
    if choice.get("type") != "function":
        raise Unsupported("tool_choice.type", "only a function can be chosen")
    return {"tool": {"name": choice["function"]["name"]}}


def _response_format(
    body: Json, endpoint: Endpoint, conversation: Conversation, tools: Json, own: Json, made: Json
) -> str | None:
    """Say the form of the answer: natively where the model is known to take it, else by a tool whose input it is, else by words.

    Return the name of such a tool. It takes a choice that is forced, which not every model takes, and none that thinks.
    """
    wanted, notes, family = body.get("response_format") or {}, conversation.notes, conversation.family
    kind = wanted.get("type", "text")
    if kind == "text":
        return None
    if kind == "json_object":
        notes.apply("response_format")
        conversation.system.append({"text": _JSON_ONLY})
        return None
    if kind != "json_schema":
        raise Unsupported("response_format.type", f"{kind} can't be said")
    schema = wanted["json_schema"]
    name, given = schema["name"], schema.get("schema") or {"type": "object"}
    about = {"description": schema["description"]} if schema.get("description") else {}
    native = _native(given, endpoint, family)
    if native is not None:
        form = {"name": name, "schema": dumps(native).decode(), **about}
        made["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}}}
        return None
    notes.apply("response_format")
    if tools or _thinks(own) or not family.chooses:
        conversation.system.append(
            {"text": f"{_JSON_ONLY} It must be valid by this JSON schema: {dumps(given).decode()}"}
        )
        return None
    about = about or {"description": "Gives the answer."}
    tools["tools"] = [{"toolSpec": {"name": name, "inputSchema": {"json": given}, **about}}]
    tools["toolChoice"] = {"tool": {"name": name}}
    return str(name)


def _native(schema: Json, endpoint: Endpoint, family: Family) -> Json | None:
    """Return a schema as the model itself takes it, None where it takes none, or not this one: Claude's have to be closed."""
    if family.claude is not None and family.claude.structured:
        closed: Json | None = native_schema(schema)
        return closed
    return schema if "structured_outputs" in (endpoint.parameters or ()) else None


def _tier(body: Json, notes: Notes) -> Json:
    tier = body.get("service_tier")
    if tier in _DEFAULT_TIERS:
        return {}
    if tier not in _TIERS:
        notes.drop("service_tier")
        return {}
    return {"type": _TIERS[tier]}
