"""Anthropic's messages, wherever Claude is served."""

from conformance.reading.told import Answer, Told, Used, arguments, count

FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def reply(body: dict) -> Told:
    answer = Answer(finish=FINISHES[body["stop_reason"]])
    for block in body["content"]:
        if block["type"] == "text":
            answer.text += block["text"]
        elif block["type"] == "thinking":
            answer.reasoning += block["thinking"]
        elif block["type"] == "tool_use":
            answer.calls.append((block["name"], block["input"]))
    return Told([answer], used(body.get("usage")))


def stream(events: list[dict]) -> Told:
    answer, usage = Answer(), {}
    blocks: dict[int, dict] = {}
    pieces: dict[int, str] = {}
    for event in events:
        if event["type"] == "message_start":
            usage |= event["message"].get("usage") or {}
        elif event["type"] == "content_block_start":
            block = blocks[event["index"]] = event["content_block"]
            pieces[event["index"]] = ""
            answer.text += block.get("text", "") if block["type"] == "text" else ""
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            answer.text += delta.get("text", "")
            answer.reasoning += delta.get("thinking", "")
            pieces[event["index"]] += delta.get("partial_json", "")
        elif event["type"] == "message_delta":
            answer.finish = FINISHES[event["delta"]["stop_reason"]]
            usage |= {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
    for index, block in blocks.items():
        if block["type"] == "tool_use":
            answer.calls.append((block["name"], arguments(pieces[index]) or block["input"]))
    return Told([answer], used(usage))


def used(usage: dict | None) -> Used | None:
    if not usage:
        return None
    cached, written = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    prompt = count(usage, "input_tokens") + cached + written
    thinking = count(usage, "output_tokens_details.thinking_tokens")
    return Used(prompt, count(usage, "output_tokens"), cached, written, thinking)
