"""A server of one's own that says itself which models it has: it is asked at start and every hour."""

from collections.abc import Iterable, Iterator, Sequence

from taxiway.candidate import Account, Endpoint
from taxiway.catalog import Catalog, CatalogModel
from taxiway.codec import loads
from taxiway.errors import Malformed
from taxiway.http import HttpRequest
from taxiway.secret import Secret
from taxiway_openai_compatible.declaration import operation_of
from taxiway_openai_compatible.provider import Address, CompatibleProvider

MODALITIES = frozenset({"text", "image", "file", "audio", "video"})
"""What a model may take of which nothing is known: the server has the last word."""


class ListingProvider(CompatibleProvider):
    """Serves what its accounts list, each account its own; or what was declared, which then nobody is asked for."""

    def discovery(self, account: Account, derived: Secret | None, now: float) -> HttpRequest | None:
        """Return the request that lists models; None where they are declared."""
        address: Address = account.settings
        if self._models or address.probe is None:
            return None
        secret = derived or account.secret
        headers = address.probe_headers if secret is None else (*address.probe_headers, address.key(secret))
        return HttpRequest("GET", address.prober or address.origin, address.probe, headers)

    def discovered(self, body: bytes) -> Iterable[str]:
        """Return the ids of an answer in OpenAI's form. Raises Malformed."""
        listed = loads(body)
        data = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(data, list):
            raise Malformed("no list of models")
        return [item["id"] for item in data if isinstance(item, dict) and item.get("id") and type(item["id"]) is str]

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what can be served: the models that were declared, else those that accounts list."""
        if self._models:
            yield from super().endpoints(catalog, accounts)
            return
        every = tuple(dict.fromkeys(map(operation_of, self._shape.paths)))
        known = catalog.provider(self._shape.catalog) if self._shape.catalog else {}
        for id_, slug in dict(_listed(accounts)).items():
            model = known.get(id_) or CatalogModel(id=id_, slug=slug, name=id_, inputs=MODALITIES)
            yield self.endpoint(model, self._shape.dialects(id_, every))

    def serves(self, endpoint: Endpoint, account: Account) -> bool:
        """An account serves what it lists."""
        return bool(self._models) or endpoint.id in (account.models or {}).values()


def _listed(accounts: Sequence[Account]) -> Iterator[tuple[str, str]]:
    for account in accounts:
        for slug, id_ in (account.models or {}).items():
            yield id_, slug
