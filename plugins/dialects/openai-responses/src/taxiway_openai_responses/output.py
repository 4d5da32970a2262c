"""What a Response says, read by one hand for progress, for complete replies and for streams: its end, its parts."""

from typing import Any, Final

from taxiway.codec import Json

SHAPELESS: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading raises where something is not of the form that the API describes: to be told as Malformed."""

ENDS: Final = frozenset({"response.completed", "response.incomplete"})
"""The events that end a whole stream. `response.failed` ends one as well, but is an error."""

CALLS: Final = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}
"""Items that call a tool of the client's: the member of chat's call, and what holds the text that the tool gets."""

QUIET: Final = frozenset({"message", "reasoning"})
"""Items whose beginning is no token yet."""

TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""What OpenAI's official types know as `service_tier`, of both APIs; others have names of their own, which no client reads."""

_FINISHES: Final[dict[object, str]] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def finish_of(response: Json, *, called: bool) -> tuple[str | None, str | None]:
    """Return canonical and own finish reason; None for a Response that has not ended."""
    status = response.get("status")
    if status == "completed":
        return ("tool_calls" if called else "stop"), status
    if status == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason") or status
        return _FINISHES.get(reason, "length"), reason
    return ("error", status) if status in {"failed", "cancelled"} else (None, None)


def calls(output: list[Json]) -> bool:
    """Whether output calls a tool of the client's."""
    return any(item.get("type") in CALLS for item in output)


def texts(output: list[Json]) -> list[str]:
    """Return the texts of output, in order."""
    return [
        part["text"]
        for item in output
        if item.get("type") == "message"
        for part in item.get("content") or ()
        if part.get("type") == "output_text"
    ]


def image_to_chat(item: Json) -> Json | None:
    """Return chat's form of a drawn image; None where it has none."""
    data: Any = item.get("result")
    if type(data) is not str or not data:
        return None
    url = data if data.startswith("data:") else f"data:image/{item.get('output_format') or 'png'};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}
