"""From a chat completion to a complete Response."""

from typing import Any, Final

from taxiway.call import Call, Translated
from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_openai_responses import reasoning, response
from taxiway_openai_responses.output import SHAPELESS, TIERS
from taxiway_openai_responses.usage import from_chat as usage_from_chat

NO_ARGUMENTS: Final = {"arguments": "{}", "input": ""}
"""What a tool without arguments gets, by the member that holds it."""


def reply_from_canonical(reply: Json, call: Call) -> Translated:
    """Translate a reply for the client of a call. Raises Malformed."""
    try:
        return _translated(reply, call)
    except SHAPELESS:
        raise Malformed("a chat completion of another form than the API's") from None


def thoughts_of(told: Json) -> list[Json]:
    """Return the details of a message or delta; where they have no text and it has, that is one more, the first."""
    details = told.get("reasoning_details") or []
    text = told.get("reasoning") or told.get("reasoning_content")
    if text and not any(detail.get("text") or detail.get("summary") for detail in details):
        return [{"type": "reasoning.text", "text": text}, *details]
    return list(details)


def calls_of(told: Json) -> list[Json]:
    """Return the calls of a message or delta; the one of chat's older `function_call` has no id."""
    legacy = told.get("function_call")
    return [{"index": 0, "function": legacy}] if legacy else told.get("tool_calls") or []


def _translated(reply: Json, call: Call) -> Translated:
    choice = reply["choices"][0]
    told = choice["message"]
    output: list[Json] = []

    def add(kind: str, item: Json) -> None:
        output.append({"id": f"{kind}_{call.id}_{len(output)}", **item})

    for group in reasoning.items_of(thoughts_of(told)):
        add("rs", reasoning.item_for_client(group))
    if parts := _parts(told, choice.get("logprobs")):
        add("msg", response.message(parts))
    for one in calls_of(told):
        item, text = response.call(one, f"call_{call.id}_{len(output)}")
        add("fc", {**item, text: response.given(one) or NO_ARGUMENTS[text]})
    for picture in told.get("images") or ():
        add("ig", response.image(picture))
    usage = reply.get("usage")
    begun = response.begun(call)
    begun["created_at"] = reply.get("created") or begun["created_at"]
    if reply.get("service_tier") in TIERS:
        begun["service_tier"] = reply["service_tier"]
    made = response.ended(begun, output, choice.get("finish_reason"), usage_from_chat(usage) if usage else None)
    return Translated(made, ("message.audio",) if told.get("audio") else ())


def _parts(told: Json, logprobs: Any) -> list[Json]:
    parts: list[Json] = []
    text, notes = told.get("content"), told.get("annotations") or ()
    if text or notes:
        citations = [made for made in map(response.citation, notes) if made is not None]
        parts.append(response.text_part(text or "", citations, (logprobs or {}).get("content") or []))
    if told.get("refusal"):
        parts.append(response.refusal_part(told["refusal"]))
    return parts
