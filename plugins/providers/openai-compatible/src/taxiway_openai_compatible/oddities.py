"""What single providers do otherwise than OpenAI, each by a name that a row of providers.toml may have.

An oddity is what is done to one reply's events (made for each reply, where it has to remember), or to a request. What is not known
stays.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from taxiway.call import Outgoing
from taxiway.codec import Json
from taxiway.errors import Malformed
from taxiway_openai_compatible.provider import Request
from taxiway_openai_compatible.thinking import Change, choices_of, thinking


@frozen(kw_only=True)
class Oddity:
    """One of them: how replies are read, what requests become, of one dialect."""

    reading: Callable[[Outgoing], Change] | None = None
    request: Request | None = None
    dialect: str = "chat"


def _always(change: Change) -> Callable[[Outgoing], Change]:
    """For what has nothing to remember."""
    return lambda _: change


def _groq_usage(event: Json) -> None:
    """Older streams of Groq have their usage in `x_groq` only."""
    own = event.get("x_groq")
    if type(own) is dict and type(own.get("usage")) is dict and not event.get("usage"):
        event["usage"] = dict(own["usage"])


def _vercel_thoughts(event: Json) -> None:
    """What Google's models reason is beside the completion; of others it is a part of it."""
    model, usage = event.get("model"), event.get("usage")
    if type(usage) is not dict or type(model) is not str or not model.startswith("google/"):
        return
    details = usage.get("completion_tokens_details")
    thoughts = details.get("reasoning_tokens") if type(details) is dict else None
    if type(thoughts) is int:
        for name in ("completion_tokens", "total_tokens"):
            if type(usage.get(name)) is int:
                usage[name] += thoughts


def _router_provider(event: Json) -> None:
    """Who served behind OpenRouter: `provider` is Taxiway's own."""
    if event.get("provider"):
        event["upstream_provider"] = event["provider"]


def _perplexity(outgoing: Outgoing) -> Change:
    """Perplexity has the whole message and a delta in every choice, and what was searched beside the choices, again and again.

    One of the two is kept; searched pages become `annotations`, once; a cost in parts becomes its sum.
    """
    unwanted, wanted = ("message", "delta") if outgoing.stream else ("delta", "message")

    def read(event: Json) -> None:
        _summed(event.get("usage"))
        for choice in choices_of(event):
            if wanted in choice:
                choice.pop(unwanted, None)
            content = choice.get(wanted)
            if type(content) is dict and choice.get("finish_reason") is not None and "annotations" not in content:
                content["annotations"] = _annotations(event)
                if not content["annotations"]:
                    del content["annotations"]

    return read


def _annotations(event: Json) -> list[Json]:
    """Say which pages an answer cites: in the order of its [1], [2], ..."""
    results, cited = event.get("search_results"), event.get("citations")
    pages: dict[str, Json] = {}
    for page in results if type(results) is list else ():
        if type(page) is dict and page.get("url") and type(page["url"]) is str:
            pages.setdefault(page["url"], page)
    urls = [url for url in cited if type(url) is str and url] if type(cited) is list else list(pages)
    return [{"type": "url_citation", "url_citation": _citation(url, pages.get(url, {}))} for url in urls]


def _citation(url: str, page: Json) -> Json:
    said = {"url": url, "title": page.get("title"), "content": page.get("snippet")}
    # Where it is cited is not told; official clients insist on a title and on places.
    nowhere = {"title": "", "start_index": 0, "end_index": 0}
    return {**nowhere, **{name: value for name, value in said.items() if type(value) is str}}


def _summed(usage: Any) -> None:
    cost = usage.get("cost") if type(usage) is dict else None
    if type(cost) is dict:
        usage["cost"], usage["cost_parts"] = cost.get("total_cost"), cost


def _perplexity_vectors(reply: Json) -> None:
    """Perplexity's embeddings are signed bytes, in base64. Raises Malformed."""
    _summed(reply.get("usage"))
    data = reply.get("data")
    for item in data if type(data) is list else ():
        if type(item) is dict and type(item.get("embedding")) is str:
            try:
                vector = base64.b64decode(item["embedding"], validate=True)
            except ValueError:
                raise Malformed("an embedding that is no base64") from None
            item["embedding"] = [float(byte - 256 if byte > 127 else byte) for byte in vector]


def _thinking_switch(body: Json, _: Outgoing) -> Json:
    """No reasoning is asked for by a switch beside the effort (DeepSeek, Z.AI, Moonshot)."""
    if body.get("reasoning_effort") == "none":
        del body["reasoning_effort"]
        body.setdefault("thinking", {"type": "disabled"})
    return body


def _system_role(body: Json, _: Outgoing) -> Json:
    """OpenAI's newer name for the role of instructions is not known to all."""
    messages = body.get("messages")
    if type(messages) is list and any(_is_developer(message) for message in messages):
        body["messages"] = [
            {**message, "role": "system"} if _is_developer(message) else message for message in messages
        ]
    return body


def _is_developer(message: Any) -> bool:
    return type(message) is dict and message.get("role") == "developer"


def _partial(body: Json, _: Outgoing) -> Json:
    """A last message of the assistant is gone on with where it says so itself (Moonshot, which takes no form beside it)."""
    if _ends_open(body) and not body.get("response_format"):
        *before, last = body["messages"]
        body["messages"] = [*before, {"partial": True, **last}]
    return body


def _final_message(body: Json, _: Outgoing) -> Json:
    """A last message of the assistant is gone on with where the request says so (vLLM)."""
    if _ends_open(body):
        body.setdefault("continue_final_message", True)
        body.setdefault("add_generation_prompt", not body["continue_final_message"])
    return body


def _ends_open(body: Json) -> bool:
    messages = body.get("messages")
    last = messages[-1] if type(messages) is list and messages else None
    return type(last) is dict and last.get("role") == "assistant" and not last.get("tool_calls")


def _strict_bytes(body: Json, _: Outgoing) -> Json:
    """Perplexity knows encodings of its own: what a client asks for is made of them afterwards."""
    body.pop("encoding_format", None)
    return body


ODDITIES: Final[Mapping[str, Oddity]] = {
    "final-message": Oddity(request=_final_message),
    "groq-usage": Oddity(reading=_always(_groq_usage)),
    "partial-message": Oddity(request=_partial),
    "perplexity-search": Oddity(reading=_perplexity),
    "perplexity-vectors": Oddity(reading=_always(_perplexity_vectors), request=_strict_bytes, dialect="embeddings"),
    "router-provider": Oddity(reading=_always(_router_provider)),
    "system-role": Oddity(request=_system_role),
    "think-tags": Oddity(reading=thinking),
    "thinking-switch": Oddity(request=_thinking_switch),
    "vercel-thoughts": Oddity(reading=_always(_vercel_thoughts)),
}
"""By the name that a row of providers.toml gives."""


def thought(event: Json) -> None:
    """Say reasoning as details too, where it must come back: clients of OpenRouter send those."""
    for choice in choices_of(event):
        content = choice.get("delta") or choice.get("message")
        if type(content) is dict and "reasoning_details" not in content:
            text = content.get("reasoning") or content.get("reasoning_content")
            if text and type(text) is str:
                content["reasoning_details"] = [
                    {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
                ]


def finishes(names: Mapping[str, str]) -> Change:
    """Make what calls reasons to finish by OpenAI's names; the provider's own stays as the native one."""

    def named(event: Json) -> None:
        for choice in choices_of(event):
            reason = choice.get("finish_reason")
            if type(reason) is str and reason in names:
                choice.setdefault("native_finish_reason", reason)
                choice["finish_reason"] = names[reason]

    return named
