"""Usage of the Responses API: chat's under other names, both ways, and what a bill writes into it."""

from typing import Any, Final

from taxiway.chat_usage import billed as chat_billed
from taxiway.chat_usage import usage_of as chat_usage_of
from taxiway.codec import Json
from taxiway.outcome import Bill
from taxiway.usage import Usage

_TO_CHAT: Final = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
_FROM_CHAT: Final = {theirs: ours for ours, theirs in _TO_CHAT.items()}
_COSTS: Final = {
    "upstream_inference_prompt_cost": "upstream_inference_input_cost",
    "upstream_inference_completions_cost": "upstream_inference_output_cost",
}
_NUMBERS: Final = {
    "input_tokens_details": ("cached_tokens", "cache_write_tokens"),
    "output_tokens_details": ("reasoning_tokens",),
}
"""What official clients insist on."""


def to_chat(raw: Json) -> Json:
    """Return chat's `usage`; members that are not about tokens stay."""
    return {_TO_CHAT.get(name, name): value for name, value in raw.items()}


def from_chat(raw: Json) -> Json:
    """Return a Responses `usage`, with every number that clients insist on."""
    made = {_FROM_CHAT.get(name, name): value for name, value in raw.items()}
    if type(costs := made.get("cost_details")) is dict:
        made["cost_details"] = {_COSTS.get(name, name): value for name, value in costs.items()}
    for group, names in _NUMBERS.items():
        told = made.get(group)
        details = dict(told) if type(told) is dict else {}
        for name in names:
            if type(details.get(name)) is not int:
                details[name] = 0
        made[group] = details
    return made


def usage_of(raw: Json) -> Usage:
    """Make disjoint parts of it."""
    return chat_usage_of(to_chat(raw))


def billed(raw: Any, bill: Bill) -> Json | None:
    """Write what a call used and costs into a provider's `usage`; None where nothing is known."""
    told = chat_billed(to_chat(raw) if type(raw) is dict else None, bill)
    return None if told is None else from_chat(told)
