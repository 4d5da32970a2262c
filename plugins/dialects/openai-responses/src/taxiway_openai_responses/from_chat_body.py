"""From canonical chat to a Responses body: messages become items, and what the API lacks is named as dropped.

Nothing is asked to be stored, so reasoning is asked for as encrypted content, which comes back with the next call.
"""

from typing import Any, Final

from taxiway.call import Translated
from taxiway.candidate import Endpoint
from taxiway.chat_canonical import effort_of, refused_of
from taxiway.codec import Json
from taxiway.errors import Malformed, Unsupported
from taxiway_openai_responses import parts, reasoning, tools
from taxiway_openai_responses.output import SHAPELESS

_SAME: Final = frozenset(
    "temperature top_p parallel_tool_calls user safety_identifier metadata service_tier prompt_cache_key prompt_cache_options "
    "prompt_cache_retention cache_control moderation".split()
)
"""Fields that mean the same in both, where the endpoint takes them."""

_READ: Final = frozenset(
    "messages tools tool_choice web_search_options max_tokens max_completion_tokens response_format verbosity reasoning "
    "reasoning_effort logprobs top_logprobs include_reasoning".split()
)
_ELSE: Final = frozenset("functions function_call audio".split())
"""Fields without which the answer would be another."""

_LEAST: Final = 16
"""The least `max_output_tokens` that the API takes."""

_ASKED: Final = ("effort", "summary", "context", "mode")
_CALLS: Final = {"function": ("function_call", "arguments"), "custom": ("custom_tool_call", "input")}
_ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
_SAID: Final = frozenset(
    "role content tool_calls tool_call_id refusal reasoning reasoning_content reasoning_details".split()
)
"""Members of messages that items have; of any other it is said that it was dropped."""

_PARTS: Final = frozenset(
    "type text image_url file input_audio video_url refusal cache_control prompt_cache_breakpoint".split()
)
"""The same of content parts."""


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Translate a body; the state is the format of the endpoint's reasoning. Raises Unsupported, and Malformed for what is no chat."""
    try:
        return _translated(body, endpoint)
    except SHAPELESS:
        raise Malformed("is of another form than chat's") from None


def _translated(body: Json, endpoint: Endpoint) -> Translated:
    refused, dropped, applied = refused_of(body, endpoint), list[str](), list[str]()
    for name in _ELSE:
        if body.get(name) is not None:
            raise Unsupported(name, "has no counterpart in the Responses API")
    if (body.get("n") or 1) > 1:
        raise Unsupported("n", "the Responses API makes one answer")
    if "text" not in (body.get("modalities") or ["text"]) or len(body.get("modalities") or ()) > 1:
        raise Unsupported("modalities", "the Responses API answers in text")
    made: Json = {"store": False}
    for name, value in body.items():
        if value is None or name in _READ:
            continue
        if name in _SAME and name not in refused:
            made[name] = value
        elif name not in {"n", "modalities"}:
            dropped.append(name)
    own = reasoning.format_of(endpoint.provider)
    _messages(body["messages"], made, _Items(own, bool(endpoint.echoes), refused, dropped))
    _limits(body, made, applied)
    _tools(body, made, refused)
    _text(body, made, refused, dropped)
    _reasoning(body, made, endpoint, dropped, applied)
    return Translated(made, tuple(dict.fromkeys(dropped)), tuple(applied), own)


def _messages(messages: list[Json], made: Json, items: "_Items") -> None:
    first, start = messages[0], 0
    # Something must be left to be answered.
    if first["role"] == "system" and type(first["content"]) is str and len(messages) > 1:
        made["instructions"], start = first["content"], 1
    for index, message in enumerate(messages[start:], start):
        items.add(index, message)
    made["input"] = items.made


class _Items:
    """Gathers the items of messages. `own`: the format of reasoning that the endpoint can read; `echoes`: it wants its text back."""

    def __init__(self, own: str, echoes: bool, refused: frozenset[str], dropped: list[str]) -> None:
        self._own, self._echoes, self._refused, self._dropped = own, echoes, refused, dropped
        self._custom: set[str] = set()  # ids of calls of tools that take a text
        self.made: list[Json] = []

    def add(self, place: int, message: Json) -> None:
        """Add what a message says; `place` is its own among the messages."""
        role, content = message["role"], message.get("content")
        if not _SAID.issuperset(message):
            self._dropped += [f"messages.{name}" for name in message if name not in _SAID and message[name]]
        if role == "tool":
            kind = "custom_tool_call_output" if message["tool_call_id"] in self._custom else "function_call_output"
            output = self._content(place, content, "input_text")
            self.made.append({"type": kind, "call_id": message["tool_call_id"], "output": output})
        elif role == "assistant":
            self._assistant(place, message)
        elif role == "function":
            raise Unsupported(f"messages[{place}].role", "calls without an id have no counterpart in the Responses API")
        else:
            self.made.append({"role": role, "content": self._content(place, content, "input_text")})

    def _assistant(self, place: int, message: Json) -> None:
        self._think(message)
        content = self._content(place, message.get("content"), "output_text")
        if message.get("refusal"):
            said = [{"type": "output_text", "text": content}] if type(content) is str and content else content or []
            content = [*said, {"type": "refusal", "refusal": message["refusal"]}]
        if content:
            self.made.append({"role": "assistant", "content": content})
        for call in message.get("tool_calls") or ():
            kind = call.get("type") or "function"
            if kind not in _CALLS:
                raise Unsupported(f"messages[{place}].tool_calls", f"{kind} has no counterpart in the Responses API")
            named, text = _CALLS[kind]
            inner = call[kind]
            if kind == "custom":
                self._custom.add(call["id"])
            self.made.append({"type": named, "call_id": call["id"], "name": inner["name"], text: inner[text]})

    def _think(self, message: Json) -> None:
        details, text = message.get("reasoning_details"), message.get("reasoning") or message.get("reasoning_content")
        before = len(self.made)
        for group in reasoning.items_of(details) if details else ():
            # Without the encrypted content there is nothing to take up again: what it says may be read, no more.
            if group[0].get("format") == self._own and any(detail.get("data") for detail in group):
                self.made.append(reasoning.item(group))
            elif not (self._echoes and text):
                self._dropped.append("messages.reasoning_details")
        if not text or len(self.made) > before:
            return
        if self._echoes:
            self.made.append(reasoning.item([{"type": "reasoning.text", "text": text}]))
        elif not details:
            self._dropped.append("messages.reasoning")

    def _content(self, place: int, content: Any, text: str) -> Any:
        if type(content) is not list:
            return content or ""
        made = [
            parts.from_chat(f"messages[{place}].content[{index}]", part, text) for index, part in enumerate(content)
        ]
        for part in content:
            if not _PARTS.issuperset(part):
                self._dropped += [f"messages.content.{name}" for name in part if name not in _PARTS]
        for part in made:
            for name in self._refused.intersection(part):
                del part[name]
                self._dropped.append(name)
        return made


def _limits(body: Json, made: Json, applied: list[str]) -> None:
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if most is None:
        return
    if most < _LEAST:
        applied.append("max_tokens")
    made["max_output_tokens"] = max(most, _LEAST)


def _tools(body: Json, made: Json, refused: frozenset[str]) -> None:
    given, search = body.get("tools"), body.get("web_search_options")
    if given or search is not None:
        made["tools"] = tools.from_chat(given or [], search, refused)
    elif given is not None:
        made["tools"] = []
    if body.get("tool_choice") is not None:
        made["tool_choice"] = tools.choice_from_chat(body["tool_choice"])


def _text(body: Json, made: Json, refused: frozenset[str], dropped: list[str]) -> None:
    form, verbosity = body.get("response_format"), body.get("verbosity")
    text: Json = {}
    if form is not None and form["type"] == "json_schema":
        text["format"] = {"type": "json_schema", **form["json_schema"]}
    elif form is not None and form["type"] == "json_object":
        text["format"] = form
    elif form is not None and form["type"] != "text":
        raise Unsupported("response_format", f"{form['type']} has no counterpart in the Responses API")
    if verbosity is not None and "verbosity" in refused:
        dropped.append("verbosity")
    elif verbosity is not None:
        text["verbosity"] = verbosity
    if text:
        made["text"] = text
    # What a reasoning model refuses of chat's names is said of its samples too.
    if (body.get("logprobs") or body.get("top_logprobs")) and not refused.isdisjoint({"logprobs", "top_logprobs"}):
        dropped.append("logprobs")
        return
    if body.get("logprobs"):
        made["include"] = [_LOGPROBS]
    if body.get("top_logprobs"):
        made["top_logprobs"] = body["top_logprobs"]


def _reasoning(body: Json, made: Json, endpoint: Endpoint, dropped: list[str], applied: list[str]) -> None:
    asked, effort = body.get("reasoning") or {}, body.get("reasoning_effort")
    if not endpoint.reasoning and "reasoning_effort" in endpoint.unsupported:
        if asked or effort:
            dropped.append("reasoning")
        return
    wanted = {name: asked[name] for name in _ASKED if asked.get(name) is not None}
    effort = effort or effort_of(asked, made.get("max_output_tokens") or endpoint.max_output)
    if effort is not None:
        wanted["effort"] = effort
    if asked.get("max_tokens"):
        applied.append("reasoning.max_tokens")
    if asked.get("exclude"):
        wanted.pop("summary", None)
    if wanted:
        made["reasoning"] = wanted
    if endpoint.reasoning:
        made["include"] = [*made.get("include", ()), _ENCRYPTED]
