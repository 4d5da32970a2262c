"""How a simulated provider treats one request: a script, which a transport or a server plays."""

from typing import Literal, TypeAlias

from attrs import define, field, frozen

from taxiway.codec import Json, dumps
from taxiway.http import HttpHead

Ending: TypeAlias = Literal["whole", "closed", "reset", "silence", "refused", "unreachable"]
"""How it ends. `whole`: HTTP says that the body is complete; `closed` and `reset`: the connection ends before that; `silence`:
nothing more comes; `refused` and `unreachable`: there never was a connection."""


@frozen
class Part:
    """Bytes of the body, that many seconds after what came before; how many tokens they carry."""

    delay: float
    data: bytes
    tokens: int = 0


@define(eq=False)
class Script:
    """`head` comes `wait` seconds after the request, then the parts, then the ending. `head` None: the ending comes instead."""

    ending: Ending = "whole"
    wait: float = 0.0
    head: HttpHead | None = None
    parts: list[Part] = field(factory=list)
    stream: bool = False


@define(eq=False)
class Seen:
    """One request as the provider saw it: when (its clock), by which key's name, for which model, and what it answered.

    `status` None: no head was sent. `ending` "" while it is under way; "aborted" where the caller went away. `prompt` and
    `completion` are the tokens of what was served, if it is read to its end.
    """

    at: float
    key: str = ""
    model: str = ""
    status: int | None = None
    error: str = ""
    ending: str = ""
    ended: float = 0.0
    prompt: int = 0
    completion: int = 0


def whole(status: int, headers: dict[str, str], body: Json, wait: float = 0.0) -> Script:
    """Make the script of a complete JSON reply."""
    return Script(
        wait=wait,
        head=HttpHead(status, {"content-type": "application/json", **headers}),
        parts=[Part(0.0, dumps(body))],
    )
