"""What a call is expected to cost at an endpoint."""

from typing import Final

from taxiway import Call, Endpoint

TYPICAL_OUTPUT: Final = 500
"""Tokens that a reply is reckoned with where the call sets no limit, or a higher one."""


def expected_price(call: Call, endpoint: Endpoint) -> float | None:
    """Return the expected USD of this very call, None where a price is unknown."""
    facts = call.facts
    output = 0 if call.operation == "embeddings" else min(facts.max_output or TYPICAL_OUTPUT, TYPICAL_OUTPUT)
    price = endpoint.price
    if price.output is None and not output and price.input is not None:
        return facts.tokens * price.input + price.request
    return price.expected(facts.tokens, output)
