"""The simulator as a provider: OpenAI's wire, so the code that serves real providers of that shape serves it too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from taxiway.candidate import Account, Credential, Endpoint, Operation, Unit
from taxiway.catalog import Catalog, CatalogModel
from taxiway.clock import Clock
from taxiway.converter import structure
from taxiway.money import Price
from taxiway.secret import Secret
from taxiway_openai_compatible import CompatibleProvider, LimitRow, Settings, Shape
from taxiway_simulator.carrier import SCHEME, SimulatorTransport
from taxiway_simulator.options import Model, SimulatorOptions
from taxiway_simulator.simulation import Simulation

_MILLION: Final = 1_000_000


@frozen(kw_only=True)
class SimulatorSettings(Settings):
    """The `settings` of a credential. `key`: one of the simulated keys, which are no secrets, without a key store."""

    key: str = ""


class SimulatorProvider(CompatibleProvider):
    """A simulated provider, with the transport that leads to it."""

    def __init__(self, options: SimulatorOptions, clock: Clock) -> None:
        self.simulation = Simulation(options, clock.now())
        self.transport = SimulatorTransport(self.simulation, clock)
        self._served = options.all_models()
        super().__init__(
            _shape(options, f"{SCHEME}://{self.transport.host}/v1"),
            [_catalogued(model) for model in options.all_models().values()],
            settings=SimulatorSettings,
        )

    def accounts(self, credential: Credential, secret: Secret | None) -> Sequence[Account]:
        """Make the account of a credential: with its key, or the simulated key of its settings, or none."""
        settings = structure(credential.settings, SimulatorSettings, f"{credential.label}.settings")
        return super().accounts(credential, secret or (Secret(settings.key) if settings.key else None))

    def endpoints(self, catalog: Catalog, accounts: Sequence[Account]) -> Iterable[Endpoint]:
        """Say what is served. A simulated key has one quota for all models, so they are of one quota group."""
        for endpoint in super().endpoints(catalog, accounts):
            model = self._served[endpoint.id]
            dialects: Mapping[Operation, tuple[str, ...]] = {model.operation: (model.operation,)}
            yield evolve(endpoint, dialects=dialects, quota_group=self.slug, prefill=model.prefill)


def _shape(options: SimulatorOptions, base_url: str) -> Shape:
    def limit(unit: Unit) -> LimitRow:
        return LimitRow(
            unit=unit,
            limit=f"x-ratelimit-limit-{unit}",
            remaining=f"x-ratelimit-remaining-{unit}",
            reset=f"x-ratelimit-reset-{unit}",
            window=options.quota.window,
            refills=options.quota.shape == "bucket",
        )

    return Shape(
        slug=options.slug,
        name=options.display_name,
        base_url=base_url,
        limits=(limit("requests"), limit("tokens")),
    )


def _catalogued(model: Model) -> CatalogModel:
    return CatalogModel(
        id=model.id,
        slug=model.slug,
        name=model.name,
        operation=model.operation,
        price=Price(input=model.price.input / _MILLION, output=model.price.output / _MILLION),
        context=model.context,
        max_output=model.max_output if model.operation == "chat" else None,
        inputs=frozenset({"text", "image"} if model.operation == "chat" else {"text"}),
        outputs=frozenset({"text"} if model.operation == "chat" else {"embeddings"}),
        description="Simulated: answers are made up without any AI.",
    )
