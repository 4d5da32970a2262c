"""What translating costs: a call from chat to another dialect and back from it, and an event of a stream, in CPU microseconds.

The call has 20 messages and 5 tools; the stream's events carry a token each. Batches; the least disturbed one, and the median.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from load import MODEL, WORDS

from taxiway.call import Facts
from taxiway.dialect import Dialect
from taxiway.plugins import Plugins
from taxiway.testing.dialect import context, make_call, make_endpoint

DIALECTS = ("messages", "responses", "gemini", "cohere-chat", "converse")
TOOL_AT = 3
"""Every so many messages one calls a tool, and the next is its result."""


def call_body() -> dict[str, Any]:
    """Twenty messages, five tools: what an agent sends."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": WORDS}]
    while len(messages) < 20:
        number = len(messages)
        if number % TOOL_AT == 0:
            function = {"name": "tool_1", "arguments": '{"city": "Berlin", "days": 3}'}
            call = {"id": f"call_{number}", "type": "function", "function": function}
            messages.append({"role": "assistant", "content": "Let me look.", "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": WORDS})
        else:
            messages.append({"role": "assistant" if number % 2 == 0 else "user", "content": WORDS})
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    tools = [
        {"type": "function", "function": {"name": f"tool_{n}", "description": WORDS[:80], "parameters": schema}}
        for n in range(5)
    ]
    messages[-1] = {"role": "user", "content": WORDS}
    return {"model": MODEL, "messages": messages, "tools": tools, "max_tokens": 1000, "temperature": 0.5}


def chunks(count: int) -> list[dict[str, Any]]:
    """A stream of chat of so many tokens."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    usage = {"prompt_tokens": 20, "completion_tokens": count, "total_tokens": 20 + count}
    words = [chunk({"content": f" word{n}"}) for n in range(count)]
    return [
        chunk({"role": "assistant", "content": ""}),
        *words,
        chunk({}, "stop"),
        {**chunk({}), "choices": [], "usage": usage},
    ]


def batches(work: Callable[[], Any], count: int, each: int) -> tuple[float, float]:
    """Microseconds of one `work`: of the least disturbed batch, and of the median one."""
    costs = []
    for _ in range(count):
        before = time.thread_time()
        for _ in range(each):
            work()
        costs.append((time.thread_time() - before) / each * 1e6)
    return min(costs), statistics.median(costs)


def dialects() -> list[Dialect]:
    """Those that are installed."""
    plugins = Plugins.discover()
    found = []
    for name in DIALECTS:
        if plugins.has(f"dialect-{name}"):
            registration = plugins.load(f"dialect-{name}")
            found.append(registration.build(registration.options(), context()))
    return found


def measure(count: int) -> list[tuple[str, str, float, float]]:
    """Rows: dialect, what was done, microseconds at best and in the median."""
    return [(dialect.name, *row) for dialect in dialects() for row in of_dialect(dialect, count)]


def of_dialect(dialect: Dialect, count: int) -> Iterator[tuple[str, float, float]]:
    """Rows of one dialect. Each stream gets a fresh translator, as a call's does: its making is part of what is paid."""
    body, stream, endpoint = call_body(), chunks(200), make_endpoint("chat", dialect.name, max_output=4096)
    del body["model"]
    upstream, client = dialect.upstream, dialect.client
    assert upstream is not None
    yield "call from chat", *batches(lambda: upstream.from_canonical(body, endpoint), count, 20)
    if client is None:
        return
    theirs = upstream.from_canonical(body, endpoint).body
    yield "call to chat", *batches(lambda: client.to_canonical(theirs), count, 20)
    call = make_call(dialect, theirs, Facts((MODEL,), stream=True))
    events = _events(client, call, stream)
    few = max(5, count // 10)
    for what, make, given in (
        ("event from chat", lambda: client.events_from_canonical(call), stream),
        ("event to chat", lambda: upstream.events_to_canonical(None), events),
    ):
        least, median = batches(partial(_feed, make, given), few, 1)
        yield what, least / len(given), median / len(given)


def _events(client: Any, call: Any, stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    translator = client.events_from_canonical(call)
    return [event for chunk in stream for event in translator.feed(chunk)] + list(translator.close())


def _feed(make: Callable[[], Any], events: list[dict[str, Any]]) -> None:
    translator = make()
    for event in events:
        translator.feed(event)
    translator.close()


def table(rows: list[tuple[str, str, float, float]]) -> list[str]:
    """Lines for people."""
    head = ["| dialect | what | us at best | us median |", "|---|---|--:|--:|"]
    return head + [f"| {name} | {what} | {least:.1f} | {median:.1f} |" for name, what, least, median in rows]


if __name__ == "__main__":
    print("\n".join(table(measure(200))))
