"""From a Responses body to canonical chat: items become messages, and what has another name gets chat's.

It takes bodies that `facts` has checked.
"""

from collections.abc import Callable
from typing import Any, Final

from taxiway.call import Translated
from taxiway.codec import Json
from taxiway.errors import Malformed, Unsupported
from taxiway_openai_responses import parts, reasoning, tools
from taxiway_openai_responses.output import SHAPELESS

SAME: Final = frozenset(
    (
        "temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty seed stop logit_bias "
        "parallel_tool_calls reasoning user safety_identifier metadata service_tier prompt_cache_key prompt_cache_options "
        "prompt_cache_retention cache_control modalities image_config moderation"
    ).split()
)
"""Fields that mean the same in both."""

_SILENT: Final = frozenset(
    "store background include stream_options previous_response_id conversation truncation".split()
)
"""Fields that are read otherwise, or that say what is so anyway."""

_CALLS: Final = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}
_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_LOGPROBS: Final = "message.output_text.logprobs"
_RECORDS: Final = frozenset(
    "web_search_call file_search_call code_interpreter_call image_generation_call mcp_call mcp_list_tools tool_search_call "
    "tool_search_output".split()
)
"""Items that tell what OpenAI itself did: the answer that follows them has what came of it."""


def to_canonical(body: Json) -> Translated:
    """Translate a body. Raises Unsupported where something in it means nothing outside the Responses API, and Malformed where it is of
    another form than that API's.
    """
    try:
        return _translated(body)
    except SHAPELESS:
        raise Malformed("is of another form than the Responses API's") from None


def _translated(body: Json) -> Translated:
    made: Json = {}
    dropped: list[str] = []
    for name, value in body.items():
        if value is None:
            continue
        if name in SAME:
            made[name] = value
        elif name in _FIELDS:
            _FIELDS[name](made, value)
        elif name not in _SILENT and name not in {"input", "instructions"}:
            dropped.append(name)
    if body.get("prompt") is not None:
        raise Unsupported("prompt", "a prompt that is stored at OpenAI is known there only")
    if _LOGPROBS in (body.get("include") or ()):
        made["logprobs"] = True
    made["messages"] = _Messages(dropped).read(body)
    return Translated(made, tuple(dict.fromkeys(dropped)))


class _Messages:
    """Gathers items into messages: what an assistant said, thought and called between two others is one message."""

    def __init__(self, dropped: list[str]) -> None:
        self._dropped = dropped
        self._made: list[Json] = []
        self._open: Json | None = None  # the assistant's message that goes on
        self._late: list[Json] = []  # reasoning that came after what was said: of this message, or of the next

    def read(self, body: Json) -> list[Json]:
        """Return the messages."""
        if body.get("instructions"):
            self._made.append({"role": "system", "content": body["instructions"]})
        given = body.get("input")
        if type(given) is str:
            self._made.append({"role": "user", "content": given})
            return self._made
        for index, item in enumerate(given or ()):
            self._item(f"input[{index}]", item)
        self._close()
        return self._made

    def _item(self, place: str, item: Json) -> None:
        kind = item.get("type", "message")
        if kind == "message":
            self._message(place, item)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in _CALLS:
            self._call(kind, item)
        elif kind in _OUTPUTS:
            self._close()
            output = item["output"]
            content = output if type(output) is str else _contents(f"{place}.output", output)
            self._made.append({"role": "tool", "tool_call_id": item["call_id"], "content": content})
        elif kind in _RECORDS:
            self._dropped.append(f"input.{kind}")
        else:
            raise Unsupported(f"{place}.type", f"{kind} has no counterpart at this endpoint")

    def _message(self, place: str, item: Json) -> None:
        content, role = item["content"], item["role"]
        if type(content) is not str:
            content = _contents(f"{place}.content", content)
        if role != "assistant":
            self._close()
            self._made.append({"role": role, "content": content})
            return
        if item.get("phase") is not None:
            self._dropped.append("input.phase")
        message = self._assistant(goes_on=False)
        _say(message, content)
        annotations = [
            note
            for part in (item["content"] if type(item["content"]) is list else ())
            for note in map(annotation_to_chat, part.get("annotations") or ())
            if note is not None
        ]
        if annotations:
            message["annotations"] = [*message.get("annotations", ()), *annotations]

    def _call(self, kind: str, item: Json) -> None:
        message = self._assistant(goes_on=True)
        inner, text = _CALLS[kind]
        call = {"id": item["call_id"], "type": inner, inner: {"name": item["name"], text: item[text]}}
        message.setdefault("tool_calls", []).append(call)

    def _reasoning(self, item: Json) -> None:
        message = self._open
        if message is not None and message.get("content") is not None and "tool_calls" not in message:
            self._late.append(item)
        else:
            _think(self._assistant(goes_on=True), [item])

    def _assistant(self, *, goes_on: bool) -> Json:
        """Return the message that an assistant's item belongs to. What was said is only gone on with where calls wait for answers."""
        message = self._open
        said = message is not None and message.get("content") is not None and "tool_calls" not in message
        if message is None or self._late or (said and not goes_on):
            late, self._late = self._late, []
            self._close()
            message = self._open = {"role": "assistant", "content": None}
            _think(message, late)
        return message

    def _close(self) -> None:
        if self._open is not None:
            _think(self._open, self._late)
            self._made.append(self._open)
        self._open, self._late = None, []


def annotation_to_chat(note: Json, start: int = 0) -> Json | None:
    """Return chat's form of a citation whose text begins at `start` of the whole; None for what is none of a page."""
    if note.get("type") != "url_citation":
        return None
    inner = {name: value for name, value in note.items() if name != "type"}
    for name in ("start_index", "end_index"):
        if type(inner.get(name)) is int:
            inner[name] += start
    return {"type": "url_citation", "url_citation": inner}


def _say(message: Json, content: Any) -> None:
    """Put content into an assistant's message: a refusal beside it, and one plain text as a text."""
    if type(content) is list:
        refusals = [part["refusal"] for part in content if part["type"] == "refusal"]
        if refusals:
            message["refusal"] = "".join(refusals)
            content = [part for part in content if part["type"] != "refusal"]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
        elif not content:
            content = None
    known = message["content"]
    if known is None or content is None:
        message["content"] = known if content is None else content
    else:
        message["content"] = [*_as_parts(known), *_as_parts(content)]


def _as_parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if type(content) is str else content


def _think(message: Json, items: list[Json]) -> None:
    """Add reasoning to an assistant's message: all that may be read, and details of what somebody can take up again."""
    for item in items:
        details = reasoning.details_of(item, reasoning.FORMAT)
        # Where there is the text itself, its summary says nothing more.
        text = reasoning.shown([detail for detail in details if detail.get("text")] or details)
        if text:
            known = message.get("reasoning")
            message["reasoning"] = f"{known}\n\n{text}" if known else text
        if item.get("encrypted_content") or item.get("format"):
            known_details = message.setdefault("reasoning_details", [])
            known_details += reasoning.indexed(details, len(known_details))


def _contents(place: str, content: list[Json]) -> list[Json]:
    return [parts.to_chat(f"{place}[{index}]", part) for index, part in enumerate(content)]


def _tools(made: Json, value: list[Json]) -> None:
    given, search = tools.to_chat(value)
    if given or not value:
        made["tools"] = given
    if search is not None:
        made["web_search_options"] = search


def _text(made: Json, value: Json) -> None:
    form = value.get("format")
    if form is not None and form.get("type") == "json_schema":
        inner = {name: member for name, member in form.items() if name != "type" and member is not None}
        made["response_format"] = {"type": "json_schema", "json_schema": inner}
    elif form is not None and form.get("type") != "text":
        made["response_format"] = form
    if value.get("verbosity") is not None:
        made["verbosity"] = value["verbosity"]


def _tool_choice(made: Json, value: Any) -> None:
    made["tool_choice"] = tools.choice_to_chat(value)


def _max_output_tokens(made: Json, value: int) -> None:
    made["max_tokens"] = value


def _top_logprobs(made: Json, value: int) -> None:
    if value:
        made["logprobs"], made["top_logprobs"] = True, value


_FIELDS: Final[dict[str, Callable[[Json, Any], None]]] = {
    "tools": _tools,
    "text": _text,
    "tool_choice": _tool_choice,
    "max_output_tokens": _max_output_tokens,
    "top_logprobs": _top_logprobs,
}
