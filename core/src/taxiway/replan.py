"""What a plan was made of, as its generation keeps it; and the same plan made of that again, bit for bit.

Kept are the figures that were read and are not the usual, and of the call what its generation does not say anyway. No prompt is in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeVar

from attrs import asdict, fields

from taxiway.call import Call, Caller, Conversation, Facts
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.converter import structure
from taxiway.draws import Draws
from taxiway.health import Health
from taxiway.outcome import Generation
from taxiway.picks import Plan
from taxiway.planner import plan
from taxiway.preferences import MaxPrice, Preferences, Sort
from taxiway.snapshot import Snapshot
from taxiway.sticky import Stuck
from taxiway.view import View, named

T = TypeVar("T")

_USUAL: Final = [(one.name, one.default) for one in fields(Preferences) if one.init and one.name != "options"]
"""What a call prefers that says nothing. What it sends on to a provider is left out, which has no part in the order."""
_CUTOFFS: Final = ("preferred_min_throughput", "preferred_max_latency")
"""Preferences whose keys are numbers, which JSON's are not: they are kept as pairs."""
_PLUGIN_WORDS: Final = ("enabled", "allowed_models", "excluded_models")
"""What a plugin may say of the models of a call."""
_TEXT: Final = frozenset({"text"})


def figures_of(call: Call, planned: Plan, preferences: Preferences) -> Json:
    """Return what a plan was made of, as JSON. `preferences`: those of the snapshot, which a call has that says nothing else."""
    facts = call.facts
    said: Json = {"tokens": facts.tokens}
    if len(facts.models) > 1:
        said["models"] = list(facts.models)
    if facts.max_output is not None:
        said["max_output"] = facts.max_output
    if facts.parameters:
        said["parameters"] = sorted(facts.parameters)
    if facts.inputs != _TEXT:
        said["inputs"] = sorted(facts.inputs)
    if facts.service_tier is not None:
        said["service_tier"] = facts.service_tier
    if call.plugins:
        said["plugins"] = {
            name: {word: plugin[word] for word in _PLUGIN_WORDS if word in plugin}
            for name, plugin in call.plugins.items()
        }
    if call.preferences is not preferences:
        said["preferences"] = _plain(call.preferences)
    return {"call": said, "now": planned.view.now, **planned.view.figures}


def call_of(generation: Generation, snapshot: Snapshot) -> Call:
    """Return the call of a generation as far as planning knows it: it has no body."""
    said = {"models": [generation.requested], "stream": generation.streamed, **generation.figures["call"]}
    plugins, given = said.pop("plugins", {}), said.pop("preferences", None)
    facts, preferences = structure(said, Facts), snapshot.routing.preferences
    if "sticky" in generation.figures:
        # Which one it was is not known; who served it last is.
        facts.conversation = Conversation("messages", "")
    if given is not None:
        cutoffs = {name: dict(given[name]) for name in _CUTOFFS if name in given}
        preferences = structure({**given, **cutoffs}, Preferences)
    return Call(
        generation.id,
        generation.seed,
        generation.operation,
        generation.dialect,
        {},
        facts,
        preferences,
        Caller(generation.workspace, generation.api_key),
        generation.created,
        0.0,
        0.0,
        {},
        plugins=plugins,
    )


def replan(generation: Generation, snapshot: Snapshot) -> Plan:
    """Plan a generation's call again, on the snapshot that it had (see its `snapshot`): the same order.

    Raises as `plan` does, KeyError for a generation without figures.
    """
    return plan(call_of(generation, snapshot), snapshot, Recalled(generation.figures), Draws())


def _plain(preferences: Preferences) -> Json:
    told = ((name, getattr(preferences, name), usual) for name, usual in _USUAL)
    return {name: _json(value) for name, value, usual in told if value != usual}


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return list(value.items())
    return asdict(value) if isinstance(value, Sort | MaxPrice) else value


class Recalled(View):
    """The view as a generation's plan had it: what was not read then is unknown."""

    def __init__(self, figures: Json) -> None:
        super().__init__(Health(Random()), figures["now"])  # noqa: S311 - nothing is drawn: it has learnt nothing
        self.figures = figures

    def outage(self, endpoint: Endpoint) -> bool:
        """Return what was read."""
        return self._read("outage", endpoint, False)

    def in_outage(self, endpoints: Iterable[Endpoint]) -> Sequence[Endpoint]:
        """Return what was read."""
        return [one for one in endpoints if self.outage(one)]

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return what was read."""
        return self._read("in_flight", endpoint, 0)

    def room(self, endpoint: Endpoint) -> bool:
        """Return what was read."""
        return self._read(f"room {self.offered[endpoint].section}", endpoint, True)

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        """Return what was read."""
        return self._read(f"recorded {name}", endpoint, None)

    def turn(self, model: str) -> int:
        """Return what was read."""
        turns: Mapping[str, int] = self.figures.get("turn", {})
        return turns.get(model, 0)

    def sticky(self, call: Call) -> Stuck | None:
        """Return what was read."""
        return next((Stuck(*pair) for pair in self.figures.get("sticky", {}).items()), None)

    def _share(self, name: str, endpoint: Endpoint, *counted: int) -> float | None:
        return self._read(name, endpoint, None)

    def _quantile(self, name: str, endpoint: Endpoint, measure: int, share: float) -> float | None:
        return self._read(named(name, share), endpoint, None)

    def _note(self, name: str, key: str, value: T) -> T:
        return value

    def _read(self, name: str, endpoint: Endpoint, usual: T) -> T:
        read: Mapping[str, T] = self.figures.get(name, {})
        return read.get(endpoint.key, usual)
