"""What a catalog plugin implements: which models providers have, and what they cost."""

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import asdict, frozen

from taxiway.candidate import Described, Endpoint, Operation


@frozen(kw_only=True)
class CatalogModel(Described):
    """One model as a provider offers it. `slug` is the canonical name (`author/name`)."""

    slug: str
    name: str
    operation: Operation = "chat"
    parameters: frozenset[str] = frozenset()

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
