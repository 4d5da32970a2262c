"""What a client's body says besides its text: which conversation it goes on with, and at which service tier.

Facts: OpenRouter's sticky routing (`session_id`, `x-session-id`, `prompt_cache_key`, the messages that begin it) and service tiers;
Anthropic's names of tiers.
"""

from collections.abc import Callable
from typing import Any, Final

from taxiway.call import Conversation
from taxiway.checks import check
from taxiway.codec import Json, text_of
from taxiway.http import Headers

HEADER: Final = "x-session-id"
_LONGEST: Final = 256
check_session: Final = check(
    lambda value: type(value) is str and len(value) <= _LONGEST, f"a text of at most {_LONGEST} characters"
)
"""The check of what names a session."""
_TIERS: Final = {"fast": "priority", "standard_only": "default", "standard": "default", "auto": None}


def conversation_of(body: Json, headers: Headers, begins: Callable[[Json], str] | None = None) -> Conversation | None:
    """Return the conversation that a body belongs to. `begins` reads the texts that begin it; it is called when they are asked for.

    Raises InvalidRequest for a session that is no text of at most 256 characters.
    """
    where, named = "session_id", body.get("session_id")
    if not named:
        where, named = f"headers.{HEADER}", headers.get(HEADER)
    if named:
        check_session(where, named)
        return Conversation("session", named)
    key = body.get("prompt_cache_key")
    if type(key) is str and key:
        return Conversation("cache_key", key)
    return None if begins is None else Conversation("messages", body, begins)


def beginning(system: Any, first: Any) -> str:
    """Return what tells a conversation by its first messages: the contents of its system prompt and of its first message."""
    return f"{_text(system)}\0{_text(first)}"


def _text(content: Any) -> str:
    if type(content) is list:
        return "\n".join(text_of(part.get("text")) for part in content if type(part) is dict)
    return text_of(content)


def tier_of(value: Any) -> str | None:
    """Return the service tier that a body asks for, by OpenRouter's names; None where it leaves that open."""
    return _TIERS.get(value, value) if type(value) is str else None
