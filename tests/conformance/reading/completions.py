"""OpenAI's legacy completions: text, and no messages."""

from conformance.reading.chat import FINISHES, used
from conformance.reading.told import Answer, Told


def reply(body: dict) -> Told:
    answers = [Answer(choice["text"], finish=FINISHES[choice["finish_reason"]]) for choice in body["choices"]]
    return Told(answers, used(body.get("usage")))


def stream(events: list[dict]) -> Told:
    answers: dict[int, Answer] = {}
    usage = None
    for event in events:
        usage = event.get("usage") or usage
        for choice in event["choices"]:
            answer = answers.setdefault(choice["index"], Answer())
            answer.text += choice.get("text") or ""
            if choice.get("finish_reason"):
                answer.finish = FINISHES[choice["finish_reason"]]
    return Told([answers[index] for index in sorted(answers)], used(usage))
