"""What can be simulated: the options of a `[[providers]]` table with `use = "simulator"`."""

from typing import Final, Literal, TypeAlias

from attrs import evolve, field, frozen, validators

from taxiway.clock import Duration
from taxiway.converter import nearest
from taxiway.errors import ConfigError, Problem

Shape: TypeAlias = Literal["fixed", "sliding", "bucket"]
"""How a quota counts: a window that begins with its first request; the last `window` seconds at any moment; a bucket that
holds `window` seconds' worth and refills evenly (what OpenAI does)."""

Tells: TypeAlias = Literal["all", "refusals", "nothing"]
"""What callers are told of a quota: what is left, by every reply; only when to come again, by a refusal; nothing."""

FaultKind: TypeAlias = Literal[
    "refused",
    "unreachable",
    "reset",
    "hang",
    "server_error",
    "overloaded",
    "capacity",
    "revoked",
    "insufficient_quota",
    "slow",
    "malformed",
    "empty",
    "cut",
    "truncated",
    "stall",
    "error_in_stream",
]
"""What can go wrong; the README says of each how it looks on the wire."""

_positive = validators.gt(0.0)
_not_negative = validators.ge(0.0)
_optional_positive = validators.optional(_positive)


@frozen(kw_only=True)
class Quota:
    """What one key may do: requests and prompt tokens in a window (seconds). None: no limit."""

    requests: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    tokens: int | None = field(default=None, validator=validators.optional(validators.gt(0)))
    window: Duration = field(default=60.0, validator=_positive)
    shape: Shape = "fixed"
    tells: Tells = "all"


@frozen(kw_only=True)
class Key:
    """A key that the provider accepts. `name` is what faults and reports call it (default: `key-1`, ...).

    `quota` None: one like the provider's, for this key alone. Keys that name one `account` share the quota of the first of them.
    """

    key: str
    name: str = ""
    quota: Quota | None = None
    account: str = ""


@frozen(kw_only=True)
class Cost:
    """USD per million tokens."""

    input: float = field(default=0.0, validator=_not_negative)
    output: float = field(default=0.0, validator=_not_negative)


@frozen(kw_only=True)
class Pace:
    """How fast answers come. `first_token`: median seconds to the first token, `spread` the sigma of its lognormal distribution.

    0 means always the median. `tail`: the exponent of a Pareto distribution about the same median instead, whose tail is heavy: at
    1.0, one request in 20 takes 10 times as long, one in 100 takes 50 times. The tokens of a stream come one by one, or with `flush`
    together every so many seconds: an hour of traffic is simulated in a tenth of the events.
    """

    first_token: Duration = field(default=0.3, validator=_not_negative)
    spread: float = field(default=0.0, validator=_not_negative)
    tail: float | None = field(default=None, validator=_optional_positive)
    tokens_per_second: float = field(default=80.0, validator=_positive)
    flush: Duration = field(default=0.0, validator=_not_negative)

    @property
    def burst(self) -> int:
        """How many tokens come together."""
        return max(1, int(self.flush * self.tokens_per_second))


@frozen(kw_only=True)
class Model:
    """A simulated model. `id` is what the provider calls it, `slug` its canonical name (default: the id, or `<provider>/<id>`).

    `tokens` is the usual length of its answers, `context` the most tokens that fit in, `dimensions` an embedding's length.
    `answer`: made-up words, or the prompt said back. `prefill`: it goes on where a last message of the assistant ends. `pace` None:
    the provider's.
    """

    id: str
    slug: str = ""
    name: str = ""
    operation: Literal["chat", "embeddings"] = "chat"
    answer: Literal["words", "echo"] = "words"
    prefill: bool = False
    price: Cost = Cost()
    pace: Pace | None = None
    tokens: int = field(default=40, validator=validators.gt(0))
    context: int = field(default=128_000, validator=validators.gt(0))
    max_output: int = field(default=16_384, validator=validators.gt(0))
    dimensions: int = field(default=256, validator=validators.gt(0))


UNCONNECTED: Final[tuple[FaultKind, ...]] = ("refused", "unreachable")
"""Faults that come before a request."""


@frozen(kw_only=True)
class Fault:
    """Something that goes wrong: from `at` seconds after the start, for `lasts` seconds (None: for good).

    It hits that share of the requests, drawn by the seed; only those of `key` (a key's name) or `model` (a model's id) where
    given. `after` tokens are sent before a fault of the middle of a stream. `factor`: how much slower `slow` is.
    `retry_after`: seconds that a fault which answers with an error tells the caller.
    """

    kind: FaultKind
    at: Duration = field(default=0.0, validator=_not_negative)
    lasts: Duration | None = field(default=None, validator=_optional_positive)
    share: float = field(default=1.0, validator=[validators.gt(0.0), validators.le(1.0)])
    key: str = ""
    model: str = ""
    after: int = field(default=3, validator=validators.ge(0))
    factor: float = field(default=5.0, validator=_positive)
    retry_after: Duration | None = field(default=None, validator=_optional_positive)

    def active(self, seconds: float, key: str, model: str) -> bool:
        """Whether it may hit a request, that many seconds after the start."""
        return (
            self.at <= seconds
            and (self.lasts is None or seconds < self.at + self.lasts)
            and self.key in {"", key}
            and self.model in {"", model}
        )


DEFAULT_MODELS = (
    Model(id="echo", name="Simulator: Echo", answer="echo", price=Cost(input=0.1, output=0.2)),
    Model(id="words", name="Simulator: Words", price=Cost(input=0.5, output=1.5)),
    Model(
        id="slow",
        name="Simulator: Slow",
        price=Cost(input=0.05, output=0.1),
        pace=Pace(first_token=2.0, spread=0.5, tokens_per_second=15.0),
        tokens=120,
    ),
    Model(id="embed", name="Simulator: Embed", operation="embeddings", price=Cost(input=0.02)),
)


@frozen(kw_only=True)
class SimulatorOptions:
    """One simulated provider. Without `keys` it takes any key, or none, and all callers share its `quota`.

    A text in `keys` or `models` is a key, or a model's id, with everything else as usual.
    """

    slug: str = "simulator"
    name: str = ""
    seed: int = 0
    pace: Pace = Pace()
    quota: Quota = Quota()
    keys: tuple[str | Key, ...] = ()
    models: tuple[str | Model, ...] = field(default=DEFAULT_MODELS, validator=validators.min_len(1))
    faults: tuple[Fault, ...] = ()

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        names = {
            "keys": [key.name for key in self.named_keys()],
            "models": [model.id for model in self.named_models()],
        }
        for table, given in names.items():
            problems += [
                Problem("is there twice", f"{table}[{index}]")
                for index, name in enumerate(given)
                if name in given[:index]
            ]
        for index, fault in enumerate(self.faults):
            for field_, name, known in (("key", fault.key, names["keys"]), ("model", fault.model, names["models"])):
                if name and fault.kind in UNCONNECTED:
                    problems.append(
                        Problem(f"{fault.kind} comes before any {field_} is known", f"faults[{index}].{field_}")
                    )
                elif name and name not in known:
                    problems.append(
                        Problem(f"there is no such {field_}{nearest(name, known)}", f"faults[{index}].{field_}")
                    )
        if problems:
            raise ConfigError(problems)

    @property
    def display_name(self) -> str:
        """What people read."""
        return self.name or self.slug.replace("-", " ").title()

    def all_models(self) -> dict[str, Model]:
        """Return the models by id, with slugs and paces filled in."""
        return {
            model.id: evolve(
                model,
                slug=model.slug or (model.id if "/" in model.id else f"{self.slug}/{model.id}"),
                name=model.name or model.slug or model.id,
                pace=model.pace or self.pace,
            )
            for model in self.named_models()
        }

    def all_keys(self) -> dict[str, Key]:
        """Return the keys by their value, with names and quotas filled in."""
        return {key.key: evolve(key, quota=key.quota or self.quota) for key in self.named_keys()}

    def named_models(self) -> list[Model]:
        """Return the models as they were given, texts as models."""
        return [Model(id=model) if isinstance(model, str) else model for model in self.models]

    def named_keys(self) -> list[Key]:
        """Return the keys with their names, and with no other quota than was given."""
        keys = (Key(key=key) if isinstance(key, str) else key for key in self.keys)
        return [evolve(key, name=key.name or f"key-{number}") for number, key in enumerate(keys, 1)]
