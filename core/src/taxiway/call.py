"""A call: what a client asked for, decoded once."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, evolve, frozen

from taxiway.candidate import DEFAULT_WORKSPACE, Candidate, Endpoint, Operation
from taxiway.codec import Json
from taxiway.errors import InvalidRequest
from taxiway.secret import Secret

TYPICAL_OUTPUT: Final = 500
"""Tokens of a reply whose call sets no limit, or a higher one."""


@define
class Facts:
    """All that planning may know of a body; read once, by the client's dialect, and not changed after.

    `models` are `model` and then `models`, in order. `parameters` are those in use, by OpenRouter's names. `tokens` is an
    estimate of what goes in, `max_output` the most that may come out (tokens).
    """

    models: tuple[str, ...]
    parameters: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset({"text"})
    tokens: int = 0
    max_output: int | None = None
    stream: bool = False


@frozen(kw_only=True)
class Preferences:
    """The `provider` object of a request (OpenRouter's provider routing): slugs or tags of providers."""

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True


NO_PREFERENCES = Preferences()

NOTHING: Final[Mapping[str, Any]] = {}

_NAMES = ("order", "only", "ignore")
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "require_parameters": (False,),
    "data_collection": ("allow",),
    "zdr": (False,),
    "enforce_distillable_text": (False,),
    "quantizations": ([],),
    "sort": (),
    "max_price": ({},),
    "preferred_min_throughput": (),
    "preferred_max_latency": (),
    "options": ({},),
}
"""Fields of OpenRouter's that are not built yet, with the values that ask for nothing. To ignore one that asks for something
(a price limit, no retention) would break what the client was promised."""


def preferences_of(raw: object, defaults: Preferences = NO_PREFERENCES) -> Preferences:
    """Structure the `provider` object of a request. Raises InvalidRequest, naming the field."""
    if raw is None:
        return defaults
    if not isinstance(raw, dict):
        raise InvalidRequest("provider", "must be an object")
    given: dict[str, Any] = {}
    for name, value in raw.items():
        where = f"provider.{name}"
        if value is None:
            continue
        if name in _NAMES:
            if not isinstance(value, list) or not all(isinstance(slug, str) for slug in value):
                raise InvalidRequest(where, "must be a list of provider slugs")
            given[name] = tuple(value)
        elif name == "allow_fallbacks":
            if not isinstance(value, bool):
                raise InvalidRequest(where, "must be true or false")
            given[name] = value
        elif name not in _NEUTRAL:
            raise InvalidRequest(where, "is not a known field")
        elif value not in _NEUTRAL[name]:
            raise InvalidRequest(where, "is not supported yet")
    return evolve(defaults, **given) if given else defaults


@frozen
class Caller:
    """Who calls: a workspace, and the API key it used (its id and label; never the key)."""

    workspace: str = DEFAULT_WORKSPACE
    api_key: str = ""
    label: str = ""


LIBRARY = Caller(label="library")
"""Who calls where there is no API key: the program itself."""


@define(eq=False)
class Call:
    """What a client asked for. `body` is in `dialect`, without the fields that are Taxiway's own (model, provider, ...).

    `id` is the generation's. `created` is in seconds since the epoch, `deadline` in seconds of the monotonic clock.
    `seed` begins the draws of its plan, so that a decision can be replayed. `path` is what the route said besides the body,
    `plugins` are the transforms that the call asks for, each with what it says of them.
    """

    id: str
    seed: int
    operation: Operation
    dialect: str
    body: Json
    facts: Facts
    preferences: Preferences
    caller: Caller
    created: float
    started: float
    deadline: float
    headers: Mapping[str, str]
    path: Mapping[str, str] = NOTHING
    plugins: Mapping[str, Json] = NOTHING

    @property
    def expected_output(self) -> int:
        """Tokens that the reply is reckoned with before it is there: the call's own limit, if that is less than is usual."""
        return 0 if self.operation != "chat" else min(self.facts.max_output or TYPICAL_OUTPUT, TYPICAL_OUTPUT)

    def expected_price(self, endpoint: Endpoint) -> float | None:
        """Return the USD that this very call is expected to cost at an endpoint; None where a price is unknown."""
        return endpoint.price.expected(self.facts.tokens, self.expected_output)


@define(eq=False)
class Outgoing:
    """What one candidate gets: the body in a dialect that it speaks, and its secret (or what was derived from it)."""

    call: Call
    dialect: str
    body: Json
    candidate: Candidate
    secret: Secret | None
    stream: bool


@define(eq=False)
class Translated:
    """A body in another form. `dropped`: what the form can't express; `applied`: what was emulated; `state`: for the reply."""

    body: Json
    dropped: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    state: Any = None
