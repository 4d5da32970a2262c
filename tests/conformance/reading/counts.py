"""Counted tokens of a prompt: Anthropic's form and Gemini's."""

from conformance.reading.told import Told, Used, count


def reply(body: dict) -> Told:
    return Told([], Used(count(body, "input_tokens", "totalTokens")))
