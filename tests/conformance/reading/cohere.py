"""Cohere's chat, v2. What a model plans to do with its tools is text that comes before the calls."""

from conformance.reading.told import Answer, Told, Used, arguments, count

FINISHES = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR": "error",
}


def reply(body: dict) -> Told:
    answer, message = Answer(finish=FINISHES[body["finish_reason"]]), body["message"]
    answer.text = message.get("tool_plan") or ""
    for part in message.get("content") or ():
        answer.text += part.get("text", "")
        answer.reasoning += part.get("thinking", "")
    for call in message.get("tool_calls") or ():
        answer.calls.append((call["function"]["name"], arguments(call["function"]["arguments"])))
    return Told([answer], used(body.get("usage")))


def stream(events: list[dict]) -> Told:
    answer, usage = Answer(), None
    calls: dict[int, list[str]] = {}
    for event in events:
        delta = event.get("delta") or {}
        message = delta.get("message") or {}
        if event["type"] in {"content-start", "content-delta"}:
            answer.text += message["content"].get("text", "")
            answer.reasoning += message["content"].get("thinking", "")
        elif event["type"] == "tool-plan-delta":
            answer.text += message["tool_plan"]
        elif event["type"] == "tool-call-start":
            function = message["tool_calls"]["function"]
            calls[event["index"]] = [function["name"], function.get("arguments") or ""]
        elif event["type"] == "tool-call-delta":
            calls[event["index"]][1] += message["tool_calls"]["function"]["arguments"]
        elif event["type"] == "message-end":
            answer.finish, usage = FINISHES[delta["finish_reason"]], delta.get("usage")
    answer.calls = [(name, arguments(text)) for name, text in calls.values()]
    return Told([answer], used(usage))


def used(usage: dict | None) -> Used | None:
    if not usage or not usage.get("tokens"):
        return None
    cached = count(usage, "cached_tokens", "tokens.cached_tokens")
    # An image's tokens are beside those of the text: there have been more of them than of all the input.
    prompt = count(usage, "tokens.input_tokens") + count(usage, "tokens.image_tokens")
    reasoning = count(usage, "tokens.reasoning_tokens")
    return Used(prompt, count(usage, "tokens.output_tokens"), cached, reasoning=reasoning)
