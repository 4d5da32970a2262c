"""Prices and costs, in USD."""

from typing import Any, Final, NamedTuple

from attrs import asdict, frozen

from taxiway.usage import Usage

# Costs are sums of products of tiny floats; a tenth of a nano-dollar is below every provider's own rounding.
_UNITS: Final = 1e10
_WHOLE: Final = 1.5 * 2**52
"""Added to a float and taken off it again, this leaves a whole number; `round` to digits takes ten times as long."""


class Cost(NamedTuple):
    """What a call costs, in USD: in all, for what went in (the price of the request itself too), and for what came out."""

    total: float
    prompt: float
    completion: float


FREE: Final = Cost(0.0, 0.0, 0.0)


@frozen(kw_only=True)
class Rates:
    """What a token of each kind costs, and a `request`.

    None means unknown for `input` and `output`; for the other parts it means "as its plain kind" (a cache read as input,
    reasoning as output, ...).
    """

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    reasoning: float | None = None
    audio_in: float | None = None
    audio_out: float | None = None
    image_in: float | None = None
    image_out: float | None = None
    request: float = 0.0


@frozen(kw_only=True)
class Price(Rates):
    """What an endpoint charges, in USD per token (`request`: USD per request).

    `above` holds dearer prices for long prompts: `(tokens, price)`, of which the one with the highest threshold that the prompt
    exceeds replaces this one.
    """

    above: tuple[tuple[int, "Price"], ...] = ()

    def at(self, prompt: int) -> "Price":
        """Return the price that holds for a prompt of that many tokens."""
        best, threshold = self, -1
        for tokens, price in self.above:
            if threshold < tokens < prompt:
                best, threshold = price, tokens
        return best

    def times(self, share: float) -> "Price":
        """Return a share of it, for long prompts too."""
        parts: dict[str, Any] = asdict(self, filter=lambda _, value: isinstance(value, (int, float)))
        parts = {name: value * share for name, value in parts.items()}
        return Price(**parts, above=tuple((tokens, price.times(share)) for tokens, price in self.above))

    @property
    def known(self) -> bool:
        """Whether a cost can be computed at all."""
        return self.input is not None and self.output is not None

    def cost(self, usage: Usage) -> float | None:
        """Return the cost of `usage` in USD, or None where a price that it needs is unknown: never a silent 0."""
        cost = self.parts(usage)
        return None if cost is None else cost.total

    def parts(self, usage: Usage) -> Cost | None:
        """Return the cost of `usage` with its two parts; None as in `cost`."""
        price = self.at(usage.prompt) if self.above else self
        into, out = price.input, price.output
        if into is None or (out is None and usage.completion):
            return None
        out = out or 0.0
        prompt = usage.input * into + usage.requests * price.request
        if usage.cache_read or usage.cache_write_5m or usage.cache_write_1h or usage.audio_in or usage.image_in:
            prompt += usage.cache_read * _either(price.cache_read, into)
            prompt += usage.cache_write_5m * _either(price.cache_write_5m, into)
            prompt += usage.cache_write_1h * _either(price.cache_write_1h, _either(price.cache_write_5m, into))
            prompt += usage.audio_in * _either(price.audio_in, into)
            prompt += usage.image_in * _either(price.image_in, into)
        completion = usage.output * out
        if usage.reasoning or usage.audio_out or usage.image_out:
            completion += usage.reasoning * _either(price.reasoning, out)
            completion += usage.audio_out * _either(price.audio_out, out)
            completion += usage.image_out * _either(price.image_out, out)
        into, out = prompt * _UNITS, completion * _UNITS
        total = (into + out + _WHOLE - _WHOLE) / _UNITS
        return Cost(total, (into + _WHOLE - _WHOLE) / _UNITS, (out + _WHOLE - _WHOLE) / _UNITS)


def _either(price: float | None, plain: float) -> float:
    return plain if price is None else price
