"""What a plan was made of, as its generation keeps it; and the same plan made of that again, bit for bit.

Kept are the figures that were read and are not the usual, and of the call what its generation does not say anyway. No prompt is in it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from attrs import Factory, asdict, define, evolve, field, fields

from taxiway.call import Call, Caller, Conversation, Facts
from taxiway.candidate import Endpoint
from taxiway.codec import Json
from taxiway.draws import Draws
from taxiway.outcome import Generation
from taxiway.picks import Plan, PlanView
from taxiway.planner import plan
from taxiway.preferences import NO_PREFERENCES, MaxPrice, Preferences, Sort
from taxiway.snapshot import Offer, Snapshot
from taxiway.sticky import Stuck
from taxiway.view import named

T = TypeVar("T")

_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sort": lambda value: Sort(**value),
    "max_price": lambda value: MaxPrice(**value),
    **dict.fromkeys(("preferred_min_throughput", "preferred_max_latency"), dict),
    **dict.fromkeys(("parameters", "inputs"), frozenset),
}
"""How a fact or a preference is read back from JSON, where it is neither a plain value nor a tuple."""
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
    said = dict(generation.figures["call"])
    plugins: Json = said.pop("plugins", {})
    given, models = said.pop("preferences", None), tuple(said.pop("models", (generation.requested,)))
    facts = Facts(models, **{name: _read(name, value) for name, value in said.items()}, stream=generation.streamed)
    if "sticky" in generation.figures:
        # Which one it was is not known; who served it last is.
        facts.conversation = Conversation("messages", "")
    preferences = snapshot.routing.preferences
    if given is not None:
        preferences = evolve(NO_PREFERENCES, **{name: _read(name, value) for name, value in given.items()})
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
    """Return what a call prefers, as JSON; what it sends on to a provider has no part in the order."""
    names = [one.name for one in fields(Preferences) if one.init and one.name != "options"]
    values = [(name, getattr(preferences, name)) for name in names]
    return {name: _json(value) for name, value in values if value != getattr(NO_PREFERENCES, name)}


def _json(value: Any) -> Any:
    if isinstance(value, Sort | MaxPrice):
        return asdict(value)
    if isinstance(value, Mapping):
        return list(map(list, value.items()))
    return sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value


def _read(name: str, value: Any) -> Any:
    if name in _READERS:
        return _READERS[name](value)
    return tuple(value) if isinstance(value, list) else value


@define(eq=False)
class Recalled(PlanView):
    """The view as a generation's plan had it: what was not read then is unknown."""

    figures: Mapping[str, Any]
    offered: Mapping[Endpoint, Offer] = field(factory=dict, init=False)
    now: float = field(default=Factory(lambda self: float(self.figures["now"]), takes_self=True), init=False)

    def latency(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return what was read."""
        return self._of(named("latency", share), endpoint.key, None)

    def throughput(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return what was read."""
        return self._of(named("throughput", share), endpoint.key, None)

    def duration(self, endpoint: Endpoint, share: float = 0.5) -> float | None:
        """Return what was read."""
        return self._of(named("duration", share), endpoint.key, None)

    def success(self, endpoint: Endpoint) -> float | None:
        """Return what was read."""
        return self._of("success", endpoint.key, None)

    def limited(self, endpoint: Endpoint) -> float | None:
        """Return what was read."""
        return self._of("limited", endpoint.key, None)

    def outage(self, endpoint: Endpoint) -> bool:
        """Return what was read."""
        return self._of("outage", endpoint.key, False)

    def in_flight(self, endpoint: Endpoint) -> int:
        """Return what was read."""
        return self._of("in_flight", endpoint.key, 0)

    def room(self, endpoint: Endpoint) -> bool:
        """Return what was read."""
        return self._of(f"room {self.offered[endpoint].section}", endpoint.key, True)

    def recorded(self, endpoint: Endpoint, name: str) -> float | None:
        """Return what was read."""
        return self._of(f"recorded {name}", endpoint.key, None)

    def turn(self, model: str) -> int:
        """Return what was read."""
        return self._of("turn", model, 0)

    def derived(self, name: str, read: Callable[[], T]) -> T:
        """Return what was worked out then."""
        known: Mapping[str, T] = self.figures.get("derived", {})
        return known[name] if name in known else read()

    def sticky(self, call: Call) -> Stuck | None:
        """Return what was read."""
        return next((Stuck(*pair) for pair in self.figures.get("sticky", {}).items()), None)

    def _of(self, name: str, key: str, usual: T) -> T:
        read: Mapping[str, T] = self.figures.get(name, {})
        return read.get(key, usual)
