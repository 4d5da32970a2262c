"""One question in the dialects of several clients, and what their streams say: text, whether they failed, whether they ended well."""

import asyncio
from functools import cache
from typing import Any, Final

from attrs import Factory, define
from simulated import EXACT, MODEL

from taxiway.codec import Json
from taxiway.dialect import Dialect
from taxiway.outcome import Generation
from taxiway.plugins import Plugins
from taxiway.pools import Reservation
from taxiway.records import generation_of
from taxiway.router import Router

ASK: Final = f"reply exactly: {EXACT}"
BREAKS: Final = ("cut", "truncated", "stall", "malformed", "error_in_stream")
"""The faults of the middle of a stream."""


def say(text: str) -> Json:
    """Make a chat of one sentence."""
    return {"messages": [{"role": "user", "content": text}]}


def _of_chat(event: Json) -> tuple[str, bool, bool]:
    choice = (event.get("choices") or [{}])[0]
    return choice.get("delta", {}).get("content") or "", "error" in event, bool(event.get("usage"))


def _of_messages(event: Json) -> tuple[str, bool, bool]:
    text = event["delta"].get("text", "") if event["type"] == "content_block_delta" else ""
    return text, event["type"] == "error", event["type"] == "message_delta"


def _of_responses(event: Json) -> tuple[str, bool, bool]:
    text = event["delta"] if event["type"] == "response.output_text.delta" else ""
    return text, event["type"] == "response.failed", event["type"] == "response.completed"


def _of_gemini(event: Json) -> tuple[str, bool, bool]:
    parts = [p for c in event.get("candidates", ()) for p in c.get("content", {}).get("parts", ())]
    return "".join(p.get("text", "") for p in parts), "error" in event, bool(event.get("usageMetadata"))


CLIENTS: Final = {
    "chat": ({**say(ASK), "stream": True}, {}, _of_chat),
    "messages": ({**say(ASK), "max_tokens": 100, "stream": True}, {}, _of_messages),
    "responses": ({"input": ASK, "stream": True}, {}, _of_responses),
    "gemini": (
        {"contents": [{"role": "user", "parts": [{"text": ASK}]}]},
        {"action": "streamGenerateContent", "alt": "sse"},
        _of_gemini,
    ),
}
"""By dialect: a body without its model, what its route says besides, and a reader of its events."""


@cache
def dialect_of(name: str) -> Dialect:
    """Return an installed dialect: a library has only those that its providers speak."""
    registration = Plugins.discover().load(f"dialect-{name}")
    dialect: Dialect = registration.build(registration.options(), None)
    return dialect


def tasks_of_calls() -> set[Any]:
    """Return the tasks that are not the test's own, nor the upkeep of what is shut."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return {task for task in others if not getattr(task.get_coro(), "__qualname__", "").startswith("Upkeep._watch")}


@define
class Watched:
    """A router of simulated providers, with all that its calls reserved and recorded since it is watched."""

    router: Router
    reservations: list[Reservation] = Factory(list)
    generations: list[Generation] = Factory(list)

    def __attrs_post_init__(self) -> None:
        engine = self.router.engine
        reserve = engine.quotas.reserve

        def reserving(*given: Any) -> Reservation:
            self.reservations.append(reservation := reserve(*given))
            return reservation

        engine.quotas.reserve = reserving  # type: ignore[method-assign]
        engine.journal.ended = lambda row: self.generations.append(generation_of(row))  # type: ignore[method-assign]

    def log(self, slug: str) -> Any:
        """Return what a provider was asked."""
        return self.router.snapshot.providers[slug].simulation.log  # type: ignore[attr-defined]

    def assert_healthy(self) -> None:
        """Nothing is left of any call."""
        assert not tasks_of_calls()
        assert not [one for one in self.reservations if one._open]
        engine = self.router.engine
        view = engine.health.view(engine.clock.monotonic())
        endpoints = {offer.endpoint for offer in engine.snapshot.models("default")[MODEL]}
        assert not any(map(view.in_flight, endpoints))
        assert all(seen.ending for slug in engine.snapshot.providers for seen in self.log(slug))
