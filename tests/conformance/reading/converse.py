"""Bedrock's Converse and ConverseStream: each event of a stream under its name."""

from conformance.reading.told import Answer, Told, Used, arguments, count

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
SERVER = "server_tool_use"


def reply(body: dict) -> Told:
    answer = Answer(finish=FINISHES[body["stopReason"]])
    for block in body["output"]["message"]["content"]:
        cited = block.get("citationsContent", {}).get("content", ())
        answer.text += block.get("text", "") + "".join(piece["text"] for piece in cited)
        answer.reasoning += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
        call = block.get("toolUse")
        if call and call.get("type") != SERVER:
            answer.calls.append((call["name"], call["input"]))
    return Told([answer], used(body.get("usage")))


def stream(events: list[dict]) -> Told:
    answer, usage = Answer(), None
    calls: dict[int, list[str]] = {}
    for event in events:
        ((kind, value),) = event.items()
        if kind == "contentBlockStart":
            call = value["start"].get("toolUse")
            if call and call.get("type") != SERVER:
                calls[value["contentBlockIndex"]] = [call["name"], ""]
        elif kind == "contentBlockDelta":
            delta = value["delta"]
            answer.text += delta.get("text", "")
            answer.reasoning += delta.get("reasoningContent", {}).get("text", "")
            if value["contentBlockIndex"] in calls:
                calls[value["contentBlockIndex"]][1] += delta.get("toolUse", {}).get("input", "")
        elif kind == "messageStop":
            answer.finish = FINISHES[value["stopReason"]]
        elif kind == "metadata":
            usage = value["usage"]
    answer.calls = [(name, arguments(text)) for name, text in calls.values()]
    return Told([answer], used(usage))


def used(usage: dict | None) -> Used | None:
    if not usage:
        return None
    cached = count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    return Used(count(usage, "inputTokens") + cached + written, count(usage, "outputTokens"), cached, written)
