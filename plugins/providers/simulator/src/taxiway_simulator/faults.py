"""What each fault does to a reply: rows for those that answer with an error, functions for those that spoil a good one."""

from collections.abc import Callable
from typing import Final

from attrs import evolve

from taxiway.codec import dumps
from taxiway.http import HttpHead
from taxiway_simulator.errors import Row
from taxiway_simulator.options import Fault, FaultKind
from taxiway_simulator.script import Ending, Part, Script
from taxiway_simulator.wires import OPENAI, Wire

_IN_STREAM: Final = Row(500, "The server had an error while processing your request. Sorry about that!", "server_error")
_MALFORMED: Final = b"<html><body>502 Bad Gateway (simulated)</body></html>"


ANSWERS: Final[dict[FaultKind, Row]] = {
    "server_error": Row(500, "The server had an error while processing your request.", "server_error"),
    "overloaded": Row(503, "The engine is currently overloaded, please try again later.", "server_error"),
    "capacity": Row(
        429, "That model is currently overloaded with other requests.", "server_error", "engine_overloaded"
    ),
    "revoked": Row(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "insufficient_quota": Row(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
}
"""Faults that answer with an error; texts and codes are OpenAI's."""

INSTEAD: Final[dict[FaultKind, Ending]] = {
    "refused": "refused",
    "unreachable": "unreachable",
    "reset": "reset",
    "hang": "silence",
}
"""Faults that end an exchange without any answer."""


def spoil(script: Script, fault: Fault, wire: Wire = OPENAI) -> Script:
    """Apply a fault to what would have been a good reply of a wire."""
    if fault.kind == "slow":
        script.wait *= fault.factor
        script.parts = [evolve(part, delay=part.delay * fault.factor) for part in script.parts]
        return script
    return _SPOILERS[fault.kind](script, fault, wire)


def _malformed(script: Script, fault: Fault, _: Wire) -> Script:
    if script.stream:
        script.parts = [*_first(script, fault.after), Part(0.0, b'data: {"choices": [{\n\n')]
    else:
        script.parts = [Part(0.0, _MALFORMED)]
    return script


def _empty(script: Script, _: Fault, wire: Wire) -> Script:
    script.parts = [Part(0.0, wire.done)] if script.stream else [Part(0.0, b'{"choices": []}')]
    return script


def _cut(ending: Ending) -> Callable[[Script, Fault, Wire], Script]:
    def cut(script: Script, fault: Fault, _: Wire) -> Script:
        script.parts = _first(script, fault.after)
        script.ending = ending
        return script

    return cut


def _error_in_stream(script: Script, fault: Fault, wire: Wire) -> Script:
    if not script.stream:
        assert script.head is not None
        status, fields, body = wire.errors(_IN_STREAM)
        head = HttpHead(status, {**script.head.headers, **fields})
        return Script(wait=script.wait, head=head, parts=[Part(0.0, dumps(body))])
    script.parts = [*_first(script, fault.after), Part(0.0, wire.broken(_IN_STREAM))]
    return script


def _first(script: Script, tokens: int) -> list[Part]:
    """Return the parts up to that many tokens; of a complete reply, half of the body."""
    if not script.stream:
        body = b"".join(part.data for part in script.parts)
        return [Part(0.0, body[: len(body) // 2])]
    kept: list[Part] = []
    for part in script.parts:
        if part.tokens and tokens <= 0:
            break
        tokens -= part.tokens
        kept.append(part)
        if part.tokens and tokens <= 0:
            break
    # What is short of that many tokens lacks its end at least.
    return kept[: len(script.parts) - 1]


_SPOILERS: Final[dict[FaultKind, Callable[[Script, Fault, Wire], Script]]] = {
    "malformed": _malformed,
    "empty": _empty,
    "cut": _cut("closed"),
    "truncated": _cut("whole"),
    "stall": _cut("silence"),
    "error_in_stream": _error_in_stream,
}
