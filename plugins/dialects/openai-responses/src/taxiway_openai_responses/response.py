"""The Response object that a client gets: what its request said, echoed as the API does, and what was answered."""

from typing import Final

from taxiway.call import Call
from taxiway.codec import Json
from taxiway_openai_responses.output import TIERS

_ECHOED: Final[Json] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": None,
    "frequency_penalty": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Fields that say what the request said, and what they say where it said nothing."""

REQUIRED: Final = tuple(
    "completed_at error incomplete_details instructions metadata presence_penalty frequency_penalty temperature top_p".split()
)
"""Members that official clients insist on, though they may be null."""

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


def begun(call: Call) -> Json:
    """Return the Response of a call that has no answer yet."""
    body = call.body
    echoed = {name: default if body.get(name) is None else body[name] for name, default in _ECHOED.items()}
    if echoed["service_tier"] not in TIERS:
        echoed["service_tier"] = None
    return {
        "id": call.id,
        "object": "response",
        "created_at": int(call.created),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": call.facts.models[0],
        "output": [],
        "previous_response_id": None,
        "store": False,
        "usage": None,
        **echoed,
    }


def ended(response: Json, output: list[Json], finish: str | None, usage: Json | None) -> Json:
    """Return a Response with its answer; `finish` is chat's finish reason."""
    made = {**response, "status": "completed", "output": output, "usage": usage}
    if finish in _INCOMPLETE:
        made["status"] = "incomplete"
        made["incomplete_details"] = {"reason": _INCOMPLETE[finish]}
    elif finish == "error":
        made["status"] = "failed"
        made["error"] = {"code": "server_error", "message": "The provider stopped with an error."}
    return made


def text_part(text: str, annotations: list[Json], logprobs: list[Json]) -> Json:
    """Return the part of a text."""
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs}


def refusal_part(text: str) -> Json:
    """Return the part of a refusal."""
    return {"type": "refusal", "refusal": text}


def message(parts: list[Json], status: str = "completed") -> Json:
    """Return the item of what an assistant says, less its id."""
    return {"type": "message", "status": status, "role": "assistant", "content": parts}


def citation(note: Json) -> Json | None:
    """Return a citation as the API has it, with every member that clients insist on; None for chat's other annotations."""
    if note.get("type") != "url_citation":
        return None
    return {"type": "url_citation", "start_index": 0, "end_index": 0, "title": "", "url": "", **note["url_citation"]}


def call(told: Json, id: str) -> tuple[Json, str]:  # noqa: A002 - the member's name
    """Return the item of a call, less its id and what the tool gets, and the member that this is. `id`: the call's, where it has none."""
    custom = "custom" in told
    inner = (told.get("custom") if custom else told.get("function")) or {}
    kind, text = ("custom_tool_call", "input") if custom else ("function_call", "arguments")
    return {"type": kind, "status": "completed", "call_id": told.get("id") or id, "name": inner.get("name") or ""}, text


def given(told: Json) -> str:
    """Return what a call's tool gets, or the piece of it that is told."""
    inner = told.get("custom") or told.get("function") or {}
    return inner.get("arguments") or inner.get("input") or ""


def image(picture: Json) -> Json:
    """Return the item of a drawn image, less its id."""
    url: str = picture["image_url"]["url"]
    return {"type": "image_generation_call", "status": "completed", "result": url.partition("base64,")[2] or url}
