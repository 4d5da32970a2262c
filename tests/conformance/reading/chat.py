"""Chat completions, as OpenAI and its look-alikes send them."""

from typing import Any

from conformance.reading.told import Answer, Told, Used, arguments, count

FINISHES = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "insufficient_system_resource": "error",
    "error": "error",
}


def reply(body: dict) -> Told:
    answers = []
    for choice in body["choices"]:
        answer, message = Answer(), choice["message"]
        _say(answer, message)
        calls = [call["function"] for call in message.get("tool_calls") or () if "function" in call]
        calls += [message["function_call"]] if message.get("function_call") else []
        answer.calls = [(call["name"], arguments(call["arguments"])) for call in calls]
        answer.finish = _finish(choice["finish_reason"])
        answers.append(answer)
    return Told(answers, used(body.get("usage")))


def stream(events: list[dict]) -> Told:
    answers: dict[int, Answer] = {}
    calls: dict[tuple[int, Any], list[str]] = {}
    usage = None
    for event in events:
        usage = event.get("usage") or (event.get("x_groq") or {}).get("usage") or usage
        for choice in event.get("choices") or ():
            index, delta = choice["index"], choice.get("delta") or {}
            answer = answers.setdefault(index, Answer())
            _say(answer, delta)
            pieces = [(call["index"], call["function"]) for call in delta.get("tool_calls") or ()]
            pieces += [(None, delta["function_call"])] if delta.get("function_call") else []
            for number, piece in pieces:
                call = calls.setdefault((index, number), ["", ""])
                call[0] += piece.get("name") or ""
                call[1] += piece.get("arguments") or ""
            answer.finish = _finish(choice.get("finish_reason")) or answer.finish
    for (index, _), (name, text) in calls.items():
        answers[index].calls.append((name, arguments(text)))
    return Told([answers[index] for index in sorted(answers)], used(usage))


def used(usage: dict | None) -> Used | None:
    if not usage:
        return None
    prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    reasoning = count(usage, "completion_tokens_details.reasoning_tokens", "reasoning_tokens")
    if reasoning > completion or (reasoning and usage.get("total_tokens") == prompt + completion + reasoning):
        # xAI counts reasoning beside the completion, and who sells it may sum up without it; everybody else as a part of it.
        completion += reasoning
    elif usage.get("prompt_audio_seconds"):
        # Mistral counts only text as the prompt, and all in the total.
        prompt = usage["total_tokens"] - completion
    cached = count(
        usage,
        "prompt_tokens_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "num_cached_tokens",
    )
    return Used(prompt, completion, cached, count(usage, "prompt_tokens_details.cache_write_tokens"), reasoning)


def _say(answer: Answer, said: dict) -> None:
    content = said.get("content")
    for part in content if isinstance(content, list) else ({"type": "text", "text": content or ""},):
        if part["type"] == "thinking":
            answer.reasoning += "".join(piece.get("text", "") for piece in part["thinking"])
        else:
            answer.text += part.get("text", "")
    answer.reasoning += said.get("reasoning") or said.get("reasoning_content") or ""
    answer.refusal += said.get("refusal") or ""


def _finish(reason: str | None) -> str | None:
    return FINISHES[reason] if reason else None


def thinking_apart(told: Told) -> Told:
    """Take apart a text that begins with what was thought, in a tag."""
    for answer in told.answers:
        begin, tag, rest = answer.text.partition("</think>")
        if tag:
            answer.reasoning, answer.text = begin.strip().removeprefix("<think>"), rest.lstrip("\n")
    return told
