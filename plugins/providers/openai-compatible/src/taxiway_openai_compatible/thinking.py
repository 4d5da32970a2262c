"""Reasoning that a model writes into its answer, between `<think>` and `</think>`: taken out, and said as reasoning.

Only where the answer begins with it: elsewhere the marks are part of the answer. However the text is split, the pieces add up to
the same.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from taxiway.call import Outgoing
from taxiway.codec import Json

Change: TypeAlias = Callable[[Json], None]
"""Changes an event, or the one reply, in place. May raise Malformed."""

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"
_BLANK: Final = 64
"""Characters of white space that are held back at most, in case that reasoning begins after them."""


class Thinking:
    """One answer, in pieces: `feed` and `close` give what is reasoning and what is content so far."""

    __slots__ = ("_held", "_place")

    def __init__(self) -> None:
        self._held, self._place = "", "start"

    def feed(self, text: str) -> tuple[str, str]:
        """Take a piece. Returns reasoning and content; what may be the beginning of a mark is held back."""
        if self._place == "content":
            return "", text
        text, self._held, reasoning = self._held + text, "", ""
        if self._place == "start":
            begun = text.lstrip()
            if not begun.startswith(_OPEN):
                if _OPEN.startswith(begun) and len(text) < _BLANK:
                    self._held = text
                    return "", ""
                self._place = "content"
                return "", text
            self._place, text = "opened", begun[len(_OPEN) :]
        if self._place == "opened":
            # Marks stand on lines of their own.
            text = text.lstrip()
            self._place = "thinking" if text else "opened"
        if self._place == "thinking":
            reasoning, mark, text = text.partition(_CLOSE)
            if not mark:
                self._held = _beginning(reasoning)
                return reasoning[: len(reasoning) - len(self._held)], ""
            self._place = "closed"
        if self._place == "closed":
            text = text.lstrip()
            self._place = "content" if text else "closed"
        return reasoning, text

    def close(self) -> tuple[str, str]:
        """The answer ended: give what was held back."""
        held, self._held = self._held, ""
        return (held, "") if self._place == "thinking" else ("", held)


def _beginning(text: str) -> str:
    """Return what of a text's end may be the beginning of the closing mark."""
    start = text.rfind("<", -len(_CLOSE) + 1)
    return text[start:] if start >= 0 and _CLOSE.startswith(text[start:]) else ""


def thinking(outgoing: Outgoing) -> Change:
    """Make what is done to the events of one reply."""
    answers: dict[int, Thinking] = {}

    def chunk(event: Json) -> None:
        for choice in choices_of(event):
            delta, index = choice.get("delta"), choice.get("index")
            if type(delta) is dict:
                answer = answers.setdefault(index if type(index) is int else 0, Thinking())
                _take_out(delta, answer, choice.get("finish_reason") is not None)

    return chunk if outgoing.stream else complete


def complete(reply: Json) -> None:
    """Take reasoning out of a complete reply."""
    for choice in choices_of(reply):
        message = choice.get("message")
        if type(message) is dict:
            _take_out(message, Thinking(), last=True)


def choices_of(event: Json) -> list[Json]:
    """Return the choices of a chunk or reply that are objects: what else is wrong with them is found later."""
    choices = event.get("choices")
    return [choice for choice in choices if type(choice) is dict] if type(choices) is list else []


def _take_out(content: Json, answer: Thinking, last: bool) -> None:
    text = content.get("content")
    reasoning, rest = answer.feed(text) if type(text) is str else ("", "")
    if last:
        thought, held = answer.close()
        reasoning, rest = reasoning + thought, rest + held
    if rest or type(text) is str:
        content["content"] = rest
    if reasoning:
        before = content.get("reasoning")
        content["reasoning"] = before + reasoning if type(before) is str else reasoning
