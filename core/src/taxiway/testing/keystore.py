"""The contract of key stores, as tests: subclass it in a plugin's tests."""

import logging
import pickle
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from taxiway.clock import SystemClock
from taxiway.converter import structure
from taxiway.errors import KeyStoreError
from taxiway.keystore import KeyStore
from taxiway.registration import AnyRegistration, Closes, Context, Starts
from taxiway.secret import Secret


class KeyStoreContract:
    """What every key store holds to. Set `registration`, and override the fixtures that say what it knows.

    `known` is a reference (without the scheme) that resolves to `VALUE`, `unknown` one that resolves to nothing.
    """

    VALUE = "planted-key-5d1f0c"
    registration: AnyRegistration
    unknown: str = "TAXIWAY_NO_SUCH_KEY"

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """The `[keystores.<scheme>]` table."""
        return {}

    @pytest.fixture
    def environment(self) -> Mapping[str, str]:
        """The program's variables."""
        return {}

    @pytest.fixture
    def known(self) -> str:
        """A reference to `VALUE`."""
        raise NotImplementedError("override `known`: a reference that resolves to VALUE")

    @pytest.fixture
    async def store(self, options: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
        """The built and started key store."""
        log, random = logging.getLogger("taxiway.test"), Random(1)  # noqa: S311 - no secrets
        context = Context(clock=SystemClock(), random=random, log=log, environment=environment)
        built = self.registration.build(structure(options, self.registration.options), context)
        if isinstance(built, Starts):
            await built.start()
        yield built
        if isinstance(built, Closes):
            await built.aclose()

    async def test_a_reference_gives_its_secret(self, store: KeyStore, known: str) -> None:
        assert await store.get(known) == Secret(self.VALUE)

    async def test_a_secret_that_was_got_does_not_show(self, store: KeyStore, known: str) -> None:
        secret = await store.get(known)
        assert self.VALUE not in f"{secret} {secret!r} {store!r} {vars(store) if hasattr(store, '__dict__') else ''!r}"
        with pytest.raises(TypeError):
            pickle.dumps(secret)

    async def test_asking_again_gives_the_same(self, store: KeyStore, known: str) -> None:
        assert await store.get(known) == await store.get(known)

    async def test_an_unknown_reference_is_a_key_store_error(self, store: KeyStore, known: str) -> None:
        with pytest.raises(KeyStoreError) as raised:
            await store.get(self.unknown)
        assert raised.value.reason
        assert self.VALUE not in str(raised.value)

    @pytest.mark.parametrize(
        "reference", ["", " ", "\0", "no\nsuch", "~nobody-of-this-name/key", "x" * 10_000, "\ud800"]
    )
    async def test_an_odd_reference_is_a_key_store_error(self, store: KeyStore, reference: str) -> None:
        with pytest.raises(KeyStoreError) as raised:
            await store.get(reference)
        assert raised.value.reason

    def test_a_misspelt_option_is_refused(self) -> None:
        from taxiway.errors import ConfigError

        with pytest.raises(ConfigError):
            structure({"no_such_option": 1}, self.registration.options)
