"""OpenAI's responses, from whoever sends them."""

from conformance.reading.told import Answer, Told, Used, arguments, count

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


def reply(body: dict) -> Told:
    answer = Answer()
    for item in body["output"]:
        if item["type"] == "message":
            for part in item["content"]:
                answer.text += part.get("text") or ""
                answer.refusal += part.get("refusal") or ""
        elif item["type"] == "reasoning":
            for part in (*(item.get("summary") or ()), *(item.get("content") or ())):
                answer.reasoning += part["text"]
        elif item["type"] == "function_call":
            answer.calls.append((item["name"], arguments(item["arguments"])))
    answer.finish = _finish(body, answer)
    return Told([answer], used(body.get("usage")))


def stream(events: list[dict]) -> Told:
    """Read what came in pieces; of the last event only how it ended, and what was used."""
    answer, told, last = Answer(), {}, None
    for event in events:
        kind = event["type"].removeprefix("response.")
        if kind == "output_text.delta":
            answer.text += event["delta"]
        elif kind == "refusal.delta":
            answer.refusal += event["delta"]
        elif kind in {"reasoning_text.delta", "reasoning_summary_text.delta"}:
            answer.reasoning += event["delta"]
        elif kind == "output_item.added" and event["item"]["type"] == "function_call":
            told[event["output_index"]] = [event["item"]["name"], event["item"]["arguments"] or ""]
        elif kind == "function_call_arguments.delta":
            told[event["output_index"]][1] += event["delta"]
        elif kind in {"completed", "incomplete", "failed"}:
            last = event["response"]
    answer.calls = [(name, arguments(text)) for _, (name, text) in sorted(told.items())]
    answer.finish = _finish(last, answer) if last else None
    return Told([answer], used(last.get("usage")) if last else None)


def used(usage: dict | None) -> Used | None:
    if not usage:
        return None
    return Used(
        count(usage, "input_tokens"),
        count(usage, "output_tokens"),
        count(usage, "input_tokens_details.cached_tokens"),
        count(usage, "input_tokens_details.cache_write_tokens"),
        count(usage, "output_tokens_details.reasoning_tokens"),
    )


def _finish(body: dict, answer: Answer) -> str:
    if body["status"] == "incomplete":
        return INCOMPLETE[body["incomplete_details"]["reason"]]
    if body["status"] == "completed":
        return "tool_calls" if answer.calls else "stop"
    return "error"
