"""What a catalog plugin implements: which models providers have, and what they cost."""

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import asdict, frozen

from taxiway.candidate import Endpoint, Operation
from taxiway.money import Price


@frozen(kw_only=True)
class CatalogModel:
    """One model as a provider offers it. `id` is the provider's, `slug` the canonical name (`author/name`).

    `unsupported` names parameters (OpenRouter's names) that are known to be refused; `parameters` those known to work.
    `created`: seconds since the epoch, 0 where unknown. Tokens in `context` and `max_output`.
    """

    id: str
    slug: str
    name: str
    operation: Operation = "chat"
    price: Price = Price()
    context: int | None = None
    max_output: int | None = None
    inputs: frozenset[str] = frozenset({"text"})
    outputs: frozenset[str] = frozenset({"text"})
    parameters: frozenset[str] = frozenset()
    unsupported: frozenset[str] = frozenset()
    reasoning: bool = False
    created: int = 0
    description: str = ""

    def endpoint(self, **own: Any) -> Endpoint:
        """Make the endpoint that offers this model. `own`: the provider's fields of it, and those that it knows better."""
        told = asdict(self, recurse=False)
        del told["operation"]
        # With none listed, nothing is known of them.
        told |= {"model": told.pop("slug"), "parameters": self.parameters or None}
        return Endpoint(**{**told, **own})


class Catalog(Protocol):
    """Prices and limits by provider."""

    def provider(self, name: str) -> Mapping[str, CatalogModel]:
        """Return a provider's models by the provider's own ids; empty where the catalog does not know the provider."""
        ...
