"""What a call used, as one vector of disjoint parts."""

from attrs import define, fields


@define
class Usage:
    """Tokens by kind. The parts are disjoint: a cached token is not in `input`, a reasoning token not in `output`.

    `reported_cost` is what the provider itself says the call cost, in USD, where it does. A new field is the last, not beside its
    kin: see `taxiway.records`.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0
    image_in: int = 0
    image_out: int = 0
    requests: int = 1
    reported_cost: float | None = None
    estimated: bool = False

    @property
    def prompt(self) -> int:
        """All tokens that went in."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h + self.audio_in + self.image_in

    @property
    def completion(self) -> int:
        """All tokens that came out."""
        return self.output + self.reasoning + self.audio_out + self.image_out

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.completion

    def __add__(self, other: "Usage") -> "Usage":
        """Add part by part; an estimate stays an estimate, and reported costs add where both are known."""
        costs = [u.reported_cost for u in (self, other) if u.reported_cost is not None]
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return Usage(**counts, reported_cost=sum(costs) if costs else None, estimated=self.estimated or other.estimated)


_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in {"reported_cost", "estimated"})
