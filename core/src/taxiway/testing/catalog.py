"""The contract of catalogs, as tests: subclass it in a plugin's tests."""

import logging
from collections.abc import Mapping
from random import Random
from typing import Any, get_args

import pytest

from taxiway.candidate import Operation
from taxiway.catalog import Catalog
from taxiway.clock import SystemClock
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.money import Price
from taxiway.registration import AnyRegistration, Context

_DEAREST = 0.01
"""USD per token, 10,000 per million: above it, a price was surely not converted."""


class CatalogContract:
    """What every catalog holds to. Set `registration`, and `known`: names of providers that it has models of."""

    registration: AnyRegistration
    known: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}

    @pytest.fixture
    def catalog(self) -> Catalog:
        """The built catalog."""
        log, random = logging.getLogger("taxiway.test"), Random(1)  # noqa: S311 - no secrets
        context = Context(clock=SystemClock(), random=random, log=log)
        built: Catalog = self.registration.build(structure(self.options, self.registration.options), context)
        return built

    def test_an_unknown_provider_has_no_models(self, catalog: Catalog) -> None:
        assert catalog.provider("no-such-provider") == {}

    def test_models_are_found_by_the_providers_own_ids(self, catalog: Catalog) -> None:
        assert self.known
        for name in self.known:
            models = catalog.provider(name)
            assert models
            assert all(id_ == model.id for id_, model in models.items())

    def test_slugs_have_an_author(self, catalog: Catalog) -> None:
        for name in self.known:
            slugs = [model.slug for model in catalog.provider(name).values()]
            assert all("/" in slug and not slug.startswith("/") for slug in slugs)

    def test_values_are_in_their_units(self, catalog: Catalog) -> None:
        for name in self.known:
            for model in catalog.provider(name).values():
                assert model.operation in get_args(Operation)
                assert model.name
                assert model.context is None or model.context > 0
                assert model.max_output is None or model.max_output > 0
                assert not model.parameters & model.unsupported
                for price in (model.price, *(price for _, price in model.price.above)):
                    assert all(0 <= part < _DEAREST for part in _parts(price)), f"{model.slug}: {price}"

    def test_asking_again_gives_the_same(self, catalog: Catalog) -> None:
        for name in self.known:
            assert catalog.provider(name) == catalog.provider(name)

    def test_a_misspelt_option_is_refused(self) -> None:
        with pytest.raises(ConfigError):
            structure({"no_such_option": 1}, self.registration.options)


def _parts(price: Price) -> list[float]:
    parts = (price.input, price.output, price.cache_read, price.cache_write_5m, price.cache_write_1h, price.reasoning)
    return [part for part in (*parts, price.audio_in, price.audio_out) if part is not None]
