"""Bodies of the legacy completions: what planning may know of one, and chat's form of it, both ways.

Fields: OpenAI's API reference (legacy completions), OpenRouter's additions. Unknown fields pass; null is as absent.
"""

from typing import Any, Final

from taxiway.call import Facts, Translated
from taxiway.candidate import Endpoint
from taxiway.chat_facts import FIELDS, models_of, tokens_of
from taxiway.checks import Check, integer, of_type
from taxiway.codec import Json
from taxiway.conversations import conversation_of, tier_of
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.http import Headers

_PARAMETERS: Final = (
    "temperature top_p top_k min_p top_a frequency_penalty presence_penalty repetition_penalty seed stop logit_bias reasoning "
    "reasoning_effort"
).split()
_ALIKE: Final = "n stream user service_tier session_id prompt_cache_key plugins preset stream_options metadata".split()

_FIELDS: Final[dict[str, Check]] = {
    **{name: FIELDS[name] for name in (*_PARAMETERS, *_ALIKE)},
    # Nothing is to be added to what is echoed: so 0 is a number of tokens here.
    "max_tokens": integer(0, 2**53),
    "logprobs": integer(0, 20),
    "best_of": integer(1, 128),
    "echo": of_type(bool),
    "suffix": of_type(str),
}

_SAME: Final = frozenset((*_PARAMETERS, "n", "user", "service_tier", "prompt_cache_key", "metadata", "max_tokens"))
"""Fields that mean the same in both."""

_HERE_ONLY: Final = {"suffix": "", "echo": False, "best_of": 1}
"""Fields that mean nothing to a model that chats, with the values that ask for nothing."""

_CHAT_ONLY: Final = ("tools", "functions", "response_format", "audio")
"""Fields of chat without which the answer would be another."""

_READ: Final = frozenset({"messages", "logprobs", "top_logprobs", "max_completion_tokens"})


def facts(body: Json, headers: Headers) -> Facts:
    """Check a body and read what planning may know of it. Raises InvalidRequest, naming the field."""
    given = [name for name, value in body.items() if name in _FIELDS and value is not None]
    for name in given:
        _FIELDS[name](name, body[name])
    used = set(given).intersection(_PARAMETERS)
    used.update(name for name in ("logprobs", "max_tokens") if name in given)
    return Facts(
        models_of(body),
        frozenset(used),
        tokens=_tokens(body.get("prompt")),
        max_output=body.get("max_tokens"),
        stream=body.get("stream") is True,
        conversation=conversation_of(body, headers),
        service_tier=tier_of(body.get("service_tier")),
    )


def _tokens(prompt: Any) -> int:
    """Reckon a prompt: a text, tokens, or a list of either; none at all is the beginning of a text."""
    if prompt is None:
        return 0
    if type(prompt) is str:
        return tokens_of(len(prompt))
    if type(prompt) is list:
        if all(type(token) is int for token in prompt):
            return len(prompt)
        if all(type(one) is str or (type(one) is list and all(type(token) is int for token in one)) for one in prompt):
            return sum(map(_tokens, prompt))
    raise InvalidRequest("prompt", "must be a text, a list of tokens, or a list of either")


def to_canonical(body: Json) -> Translated:
    """Translate a body that was checked. Raises Unsupported where it means nothing to a model that chats."""
    for name, neutral in _HERE_ONLY.items():
        if body.get(name) not in (None, neutral):
            raise Unsupported(name, "means nothing to a model that chats")
    prompt = body.get("prompt")
    if type(prompt) is list and len(prompt) == 1:
        prompt = prompt[0]
    if type(prompt) is not str or not prompt:
        raise Unsupported("prompt", "must be one text for a model that chats")
    made: Json = {"messages": [{"role": "user", "content": prompt}]}
    dropped: list[str] = []
    for name, value in body.items():
        if value is None or name in {"prompt", *_HERE_ONLY}:
            continue
        if name in _SAME:
            made[name] = value
        elif name == "logprobs":
            made["logprobs"] = True
            if value:
                made["top_logprobs"] = value
        else:
            dropped.append(name)
    return Translated(made, tuple(dropped))


def from_canonical(body: Json, endpoint: Endpoint) -> Translated:
    """Translate a chat body that is one thing said to a model. Raises Unsupported for a conversation, and what only chat has."""
    for name in _CHAT_ONLY:
        if body.get(name):
            raise Unsupported(name, "this model goes on with a text, no more")
    made: Json = {"prompt": _prompt(body.get("messages"))}
    dropped: list[str] = []
    for name, value in body.items():
        if value is None or name in _READ:
            continue
        if name in _SAME and name not in endpoint.unsupported:
            made[name] = value
        else:
            dropped.append(name)
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if most is not None:
        made["max_tokens"] = most
    if body.get("logprobs"):
        made["logprobs"] = body.get("top_logprobs") or 0
    return Translated(made, tuple(dropped))


def _prompt(messages: Any) -> str:
    first = messages[0] if type(messages) is list and len(messages) == 1 else None
    if type(first) is not dict or first.get("role") != "user":
        raise Unsupported("messages", "this model goes on with one text, and knows no conversation")
    content = first.get("content")
    parts = content if type(content) is list else [{"type": "text", "text": content}]
    return "".join(map(_text, parts))


def _text(part: Any) -> str:
    text = part.get("text") if type(part) is dict and part.get("type") == "text" else None
    if type(text) is not str:
        raise Unsupported("messages[0].content", "this model goes on with text, no more")
    return text
