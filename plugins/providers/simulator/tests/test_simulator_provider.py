"""The simulator as a provider: the contract of its kind, and what it adds to an OpenAI-shaped provider."""

import json
from random import Random

import pytest

import taxiway_simulator
from taxiway import Router
from taxiway.candidate import Credential
from taxiway.converter import structure
from taxiway.errors import ConfigError
from taxiway.secret import Secret
from taxiway.testing.dialect import context
from taxiway.testing.provider import NOW, KnownModels, ProviderContract, Sample
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock
from taxiway_simulator import taxiway_providers
from taxiway_simulator.options import DEFAULT_MODELS, Fault, Key, Quota, SimulatorOptions
from taxiway_simulator.simulation import Simulation

REGISTRATION = next(iter(taxiway_providers()))
HELLO = [{"role": "user", "content": "hello"}]


def answered(path, **body):
    """What the simulation itself says: bytes of a good reply."""
    simulation = Simulation(SimulatorOptions(), NOW)
    script, _ = simulation.answer("POST", path, {}, json.dumps(body).encode(), NOW)
    return b"".join(part.data for part in script.parts)


def chat(stream):
    options = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return Sample(
        body={"model": "echo", "messages": HELLO},
        reply=answered("/v1/chat/completions", model="echo", messages=HELLO, **options),
        stream=stream,
        content_type="text/event-stream" if stream else "application/json",
    )


class TestSimulator(ProviderContract):
    module = taxiway_simulator
    registration = REGISTRATION
    samples = (
        chat(stream=False),
        chat(stream=True),
        Sample(
            body={"model": "embed", "input": "hello"},
            reply=answered("/v1/embeddings", model="embed", input="hello"),
            dialect="embeddings",
        ),
    )
    limit_headers = tuple(
        f"x-ratelimit-{what}-{unit}" for what in ("limit", "remaining", "reset") for unit in ("requests", "tokens")
    )


def build(**options):
    return REGISTRATION.build(SimulatorOptions(**options), context())


def credential(**settings):
    return Credential(id="x", provider="simulator", label="x", settings=settings)


def test_it_serves_without_any_key_or_option():
    provider = build()
    assert REGISTRATION.last_resort
    (account,) = provider.accounts(credential(), None)
    endpoints = {endpoint.model: endpoint for endpoint in provider.endpoints(KnownModels(()), [account])}
    assert list(endpoints) == [f"simulator/{model.id}" for model in DEFAULT_MODELS]
    assert endpoints["simulator/echo"].price.output == pytest.approx(0.2e-6)
    assert endpoints["simulator/echo"].dialects == {"chat": ("chat",)}
    assert endpoints["simulator/embed"].dialects == {"embeddings": ("embeddings",)}
    assert len({endpoint.quota_group for endpoint in endpoints.values()}) == 1
    assert account.secret is None


def test_a_simulated_key_may_stand_in_the_settings():
    (account,) = build().accounts(credential(key="key-of-settings"), None)
    assert account.secret == Secret("key-of-settings")
    (account,) = build().accounts(credential(key="key-of-settings"), Secret("key-of-a-store"))
    assert account.secret == Secret("key-of-a-store")


@virtual_time
async def test_a_bucket_is_refilled_evenly_for_taxiway_too():
    """With its 60 requests gone one waits a second for the next, and not until the bucket is full."""
    clock = VirtualClock()
    table = {"use": "simulator", "pace": {"first_token": 0.0}, "quota": {"requests": 60, "shape": "bucket"}}
    config = {"providers": [table], "routing": {"wait": "1m"}}
    async with Router.from_dict(config, clock=clock, random=Random(1), environment={}) as router:
        for _ in range(63):
            await router.chat(model="simulator/echo", messages=[{"role": "user", "content": "reply exactly: a"}])
    assert clock.monotonic() < 10


def test_each_provider_has_its_own_address():
    one, two = build(), build()
    assert one.transport.host != two.transport.host
    assert one.transport.schemes == {"sim"}


def test_options_are_read_from_a_table():
    options = structure(
        {
            "slug": "acme",
            "pace": {"first_token": "250ms", "tokens_per_second": 50},
            "quota": {"requests": 60, "window": "1m", "shape": "bucket"},
            "keys": ["one", {"key": "two", "name": "second", "quota": {"requests": 5}}],
            "models": ["meta/llama", {"id": "gpt", "slug": "openai/gpt", "price": {"input": 1, "output": 2}}],
            "faults": [{"kind": "overloaded", "at": "10s", "lasts": "1m", "share": 0.5, "retry_after": 3}],
        },
        SimulatorOptions,
    )
    assert options.faults == (Fault(kind="overloaded", at=10.0, lasts=60.0, share=0.5, retry_after=3.0),)
    assert options.all_keys() == {
        "one": Key(key="one", name="key-1", quota=options.quota),
        "two": Key(key="two", name="second", quota=Quota(requests=5)),
    }
    assert [(model.id, model.slug) for model in options.all_models().values()] == [
        ("meta/llama", "meta/llama"),
        ("gpt", "openai/gpt"),
    ]
    assert {model.pace for model in options.all_models().values()} == {options.pace}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"models": []}, "models"),
        ({"faults": [{"kind": "overlaoded"}]}, 'faults.0..kind: .*did you mean "overloaded"'),
        ({"faults": [{"kind": "cut", "share": 0}]}, "faults.0..share"),
        ({"pace": {"first_token": "fast"}}, "pace.first_token: must be a duration"),
        ({"quota": {"requests": 0}}, "quota.requests"),
        ({"models": ["a", "b", "a"]}, "models.2.: is there twice"),
        ({"keys": ["a"], "faults": [{"kind": "revoked", "key": "key-2"}]}, 'faults.0..key: .* did you mean "key-1"'),
        ({"models": ["a"], "faults": [{"kind": "refused", "model": "a"}]}, "faults.0..model: refused comes before"),
    ],
)
def test_a_wrong_option_is_named(table, message):
    with pytest.raises(ConfigError, match=message):
        structure(table, SimulatorOptions)
