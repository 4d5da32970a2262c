"""A call: what a client asked for, decoded once."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, Literal

from attrs import define, field, frozen

from taxiway.candidate import DEFAULT_WORKSPACE, Candidate, Endpoint, Operation
from taxiway.codec import Json
from taxiway.preferences import Preferences
from taxiway.secret import Secret
from taxiway.usage import Usage

TYPICAL_OUTPUT: Final = 500
"""Tokens of a reply whose call sets no limit, or a higher one."""


@define
class Facts:
    """All that planning may know of a body; read once, by the client's dialect, and not changed after.

    `models` are `model` and then `models`, in order. `parameters` are those in use, by OpenRouter's names. `tokens` is an
    estimate of what goes in, `max_output` the most that may come out (tokens). `service_tier` as asked for, None: not said.
    """

    models: tuple[str, ...]
    parameters: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset({"text"})
    tokens: int = 0
    max_output: int | None = None
    stream: bool = False
    conversation: "Conversation | None" = None
    service_tier: str | None = None


@define
class Conversation:
    """What tells one conversation from another, so that its calls find the prompt caches of those before.

    `source`: a session that the client named, a key for prompt caches, or the messages that begin it. `text` is the client's; it is
    read of what was `given` when it is asked for, since that is rare.
    """

    source: Literal["session", "cache_key", "messages"]
    _given: Any = field(repr=False)
    _read: Callable[[Any], str] = str
    _mark: str = ""

    @property
    def text(self) -> str:
        """What the client said of it."""
        return self._read(self._given)

    @property
    def mark(self) -> str:
        """What stands for the text where that must not be kept: a hash of it."""
        if not self._mark:
            self._mark = blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        return self._mark


NOTHING: Final[Mapping[str, Any]] = {}


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
    `plugins` are the transforms that the call asks for, each with what it says of them. `fill` puts into the canonical body what its
    preset says; None: there is none, or it is in the body already. `tell` is a front end's, which wants more said than the reply does:
    called with the run, who served it (None: nobody) and the reply, the last event or what goes beside an error, it writes into that.
    """

    id: str
    seed: int
    operation: Operation
    dialect: str
    body: Json = field(repr=False)
    facts: Facts
    preferences: Preferences
    caller: Caller
    created: float
    started: float
    deadline: float
    headers: Mapping[str, str] = field(repr=False)
    path: Mapping[str, str] = NOTHING
    plugins: Mapping[str, Json] = NOTHING
    fill: Callable[[Json], Json] | None = None
    tell: Callable[..., None] | None = None

    @property
    def user(self) -> str | None:
        """Whom the client serves, as its body says: `user`, in Anthropic's form `metadata.user_id`."""
        metadata = self.body.get("metadata")
        named = self.body.get("user") or (metadata.get("user_id") if isinstance(metadata, dict) else None)
        return named if isinstance(named, str) else None

    @property
    def expected_output(self) -> int:
        """Tokens that the reply is reckoned with before it is there: the call's own limit, if that is less than is usual."""
        return 0 if self.operation != "chat" else min(self.facts.max_output or TYPICAL_OUTPUT, TYPICAL_OUTPUT)

    def expected_price(self, endpoint: Endpoint) -> float | None:
        """Return the USD that this very call is expected to cost at an endpoint; None where a price is unknown."""
        return self.expected_prices((endpoint,))[0]

    def expected_prices(self, endpoints: Iterable[Endpoint]) -> list[float | None]:
        """Return the same of several endpoints."""
        tokens, output = self.facts.tokens, self.expected_output
        return [
            tokens * price.input + output * (price.output or 0.0) + price.request
            if not price.above and price.input is not None and (price.output is not None or not output)
            else price.cost(Usage(input=tokens, output=output))
            for endpoint in endpoints
            for price in [endpoint.price]
        ]


@define(eq=False)
class Outgoing:
    """What one candidate gets: the body in a dialect that it speaks, and its secret (or what was derived from it)."""

    call: Call
    dialect: str
    body: Json = field(repr=False)
    candidate: Candidate
    secret: Secret | None
    stream: bool


@define(eq=False)
class Translated:
    """A body in another form. `dropped`: what the form can't express; `applied`: what was emulated; `state`: for the reply."""

    body: Json = field(repr=False)
    dropped: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    state: Any = field(default=None, repr=False)
