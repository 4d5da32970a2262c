"""Gemini's generateContent, of AI Studio and Vertex. Every chunk of a stream is a reply of its own."""

from conformance.reading.told import Answer, Told, Used, count

FINISHES = {"STOP": "stop", 1: "stop", "MAX_TOKENS": "length", 2: "length"}
FILTERED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", 3, 4, 7, 8, 9, 11}


def reply(body: dict) -> Told:
    return stream([body])


def stream(events: list[dict]) -> Told:
    answers: dict[int, Answer] = {}
    usage: dict = {}
    for event in events:
        usage |= event.get("usageMetadata") or {}
        if (event.get("promptFeedback") or {}).get("blockReason"):
            answers[0] = Answer(finish="content_filter")
        for candidate in event.get("candidates") or ():
            answer = answers.setdefault(candidate.get("index", 0), Answer())
            for part in (candidate.get("content") or {}).get("parts") or ():
                if part.get("thought"):
                    answer.reasoning += part.get("text", "")
                else:
                    answer.text += part.get("text", "")
                if call := part.get("functionCall"):
                    answer.calls.append((call["name"], call.get("args") or {}))
            reason = candidate.get("finishReason")
            if reason:
                answer.finish = "content_filter" if reason in FILTERED else FINISHES.get(reason, "error")
    for answer in answers.values():
        if answer.calls and answer.finish == "stop":
            answer.finish = "tool_calls"
    return Told([answers[index] for index in sorted(answers)], used(usage))


def used(usage: dict) -> Used | None:
    if not usage:
        return None
    thoughts = count(usage, "thoughtsTokenCount")
    return Used(
        count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount"),
        count(usage, "candidatesTokenCount") + thoughts,
        count(usage, "cachedContentTokenCount"),
        0,
        thoughts,
    )
