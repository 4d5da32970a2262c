"""A canonical chat body as a request of Cohere's chat.

Source: docs.cohere.com/reference/chat (fields, ranges), docs.cohere.com/docs/structured-outputs (tools, formats).
"""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.chat_canonical import SHARES
from taxiway.codec import Json, items, text_of
from taxiway.errors import Unsupported
from taxiway_cohere_chat.to_messages import Messages
from taxiway_cohere_chat.wire import object_of

_SAME: Final = frozenset(
    {"temperature", "seed", "logprobs", "safety_mode", "citation_options", "strict_tools", "model", "stream"}
)
"""Fields that are Cohere's too. Three are only Cohere's, and clients of other dialects may give them as they are."""

_CHOICES: Final = {"auto": None, "required": "REQUIRED", "none": "NONE"}
_EVERYTHING: Final[Json] = {"type": "object", "properties": {}}

_RANGES: Final = {
    "top_p": ("p", 0.01, 0.99),
    "top_k": ("k", 0, 500),
    "frequency_penalty": ("frequency_penalty", 0.0, 1.0),
    "presence_penalty": ("presence_penalty", 0.0, 1.0),
}
"""Fields with their names at Cohere, and what it takes: what is beyond is brought to the nearest."""

_THOUGHT: Final = frozenset({"effort", "max_tokens", "enabled"})
"""What Cohere's `thinking` says of canonical `reasoning`."""

_MOST_STOPS: Final = 5
_READ: Final = frozenset(
    "messages tools tool_choice max_tokens max_completion_tokens stop response_format reasoning "
    "reasoning_effort n".split()
)


class Request:
    """A request in the making. `lost` names what can't be said, `applied` what is said another way."""

    __slots__ = ("_endpoint", "applied", "body", "lost")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.body: Json = {}
        self.lost: list[str] = []
        self.applied: list[str] = []

    def make(self, asked: Json) -> Translated:
        """Translate a body. Raises Unsupported."""
        messages = Messages("reasoning" not in self._endpoint.unsupported, self.lost)
        self.body["messages"] = [messages.message(index, one) for index, one in enumerate(items(asked.get("messages")))]
        if messages.documents:
            self.body["documents"] = messages.documents
        for name, value in asked.items():
            if value is None or name in _READ:
                continue
            if name in _SAME:
                self.body[name] = value
            elif name in _RANGES:
                self._ranged(name, value)
            else:
                self.lost.append(name)
        # In this order: the choice of a tool is one of the tools.
        for name, make in (
            ("tools", self._tools),
            ("tool_choice", self._tool_choice),
            ("stop", self._stop),
            ("response_format", self._format),
            ("n", self._n),
        ):
            if asked.get(name) is not None:
                make(asked[name])
        self._most(asked)
        self._reasoning(asked)
        return Translated(self.body, tuple(dict.fromkeys(self.lost)), tuple(dict.fromkeys(self.applied)))

    def _ranged(self, name: str, value: Any) -> None:
        theirs, low, high = _RANGES[name]
        if type(value) not in {int, float}:
            self.lost.append(name)
            return
        within = min(max(value, low), high)
        if within != value:
            self.applied.append(name)
        self.body[theirs] = within

    def _tools(self, tools: Any) -> None:
        made: list[Json] = []
        for index, tool in enumerate(items(tools)):
            function = tool.get("function")
            if type(function) is not dict:
                raise Unsupported(f"tools[{index}]", "Cohere knows functions only")
            told = {name: function[name] for name in ("name", "description") if function.get(name) is not None}
            told["parameters"] = function.get("parameters") or _EVERYTHING
            if function.get("strict"):
                # Cohere has one switch for all of them.
                self.body["strict_tools"] = True
            if tool.get("cache_control"):
                self.lost.append("cache_control")
            made.append({"type": "function", "function": told})
        if made:
            self.body["tools"] = made

    def _tool_choice(self, choice: Any) -> None:
        if type(choice) is str:
            known = _CHOICES.get(choice)
            if known is not None and "tools" in self.body:
                self.body["tool_choice"] = known
            elif known is not None:
                self.lost.append("tool_choice")
            return
        name = object_of(object_of(choice).get("function")).get("name")
        chosen = [tool for tool in self.body.get("tools", ()) if tool["function"].get("name") == name]
        if not chosen:
            raise Unsupported("tool_choice", "it names no function of the call's tools")
        # Cohere can be told to call a tool, not which: it is shown no other.
        self.body |= {"tools": chosen, "tool_choice": "REQUIRED"}
        self.applied.append("tool_choice")

    def _stop(self, stop: Any) -> None:
        stops = stop if type(stop) is list else [stop]
        if len(stops) > _MOST_STOPS or not all(type(text) is str for text in stops):
            raise Unsupported("stop", f"Cohere takes at most {_MOST_STOPS} texts")
        self.body["stop_sequences"] = stops

    def _format(self, form: Any) -> None:
        kind = text_of(object_of(form).get("type"))
        if kind == "json_schema":
            schema = object_of(form.get("json_schema")).get("schema")
            self.body["response_format"] = {"type": "json_object"}
            if schema is not None:
                self.body["response_format"]["json_schema"] = schema
        elif kind in {"json_object", "text"}:
            self.body["response_format"] = {"type": kind}
        else:
            raise Unsupported("response_format", "Cohere knows text and JSON")

    def _n(self, number: Any) -> None:
        if number != 1:
            raise Unsupported("n", "Cohere gives one answer")

    def _most(self, asked: Json) -> None:
        most = asked.get("max_completion_tokens") or asked.get("max_tokens")
        if most is not None:
            self.body["max_tokens"] = most

    def _reasoning(self, asked: Json) -> None:
        """Say how much is to be thought: Cohere has a switch and a budget."""
        reasoning = object_of(asked.get("reasoning"))
        effort = text_of(asked.get("reasoning_effort") or reasoning.get("effort"))
        budget, enabled = reasoning.get("max_tokens"), reasoning.get("enabled")
        self.lost += [f"reasoning.{name}" for name, value in reasoning.items() if value and name not in _THOUGHT]
        if not effort and budget is None and enabled is None:
            return
        if "reasoning" in self._endpoint.unsupported:
            self.lost.append("reasoning")
            return
        if effort == "none" or enabled is False or budget == 0:
            self.body["thinking"] = {"type": "disabled"}
            return
        thinking: Json = {"type": "enabled"}
        self.body["thinking"] = thinking
        most = self.body.get("max_tokens") or self._endpoint.max_output
        if budget is not None:
            thinking["token_budget"] = budget
        elif effort in SHARES:
            self.applied.append("reasoning.effort")
            if type(most) is int:
                thinking["token_budget"] = max(1, int(most * SHARES[effort]))
