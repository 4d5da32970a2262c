"""The providers that are rows: each passes the contract, and the table is right and is read strictly."""

import tomllib
from pathlib import Path

import pytest

import taxiway_openai_compatible
from taxiway.errors import ConfigError
from taxiway.testing.provider import ProviderContract, Sample
from taxiway_openai_compatible import RowOptions, rows
from taxiway_openai_compatible.table import raw

REGISTRATIONS = {one.name: one for one in taxiway_openai_compatible.taxiway_providers()}
ROWS = rows.read(raw())
USER = {"role": "user", "content": "hi"}
STREAM = (
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n'
    b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)
REPLY = (
    b'{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
)
CHATS = (
    Sample(body={"model": "m", "messages": [USER]}, reply=STREAM, stream=True, content_type="text/event-stream"),
    Sample(body={"model": "m", "messages": [USER]}, reply=REPLY),
)
VECTORS = Sample(
    body={"model": "m", "input": "a"}, reply=b'{"data":[{"embedding":[0.1],"index":0}]}', dialect="embeddings"
)
ODD = ("groq", "huggingface", "openrouter", "perplexity", "ollama")
PROPERTIES = (
    "test_any_split_of_the_bytes_gives_the_same_events",
    "test_classifying_never_raises",
    "test_reading_limits_never_raises_and_gives_only_sense",
)
# Slugs, and what the environment offers them by: one variable with a key, or with an address.
PLACES = {
    "groq": ("groq", ["GROQ_API_KEY"]),
    "cerebras": ("cerebras", ["CEREBRAS_API_KEY"]),
    "fireworks": ("fireworks", ["FIREWORKS_API_KEY"]),
    "sambanova": ("sambanova", ["SAMBANOVA_API_KEY"]),
    "deepinfra": ("deepinfra", ["DEEPINFRA_API_KEY"]),
    "novita": ("novita", ["NOVITA_API_KEY"]),
    "nebius": ("nebius", ["NEBIUS_API_KEY"]),
    "hyperbolic": ("hyperbolic", ["HYPERBOLIC_API_KEY"]),
    "nvidia": ("nvidia", ["NVIDIA_API_KEY"]),
    "deepseek": ("deepseek", ["DEEPSEEK_API_KEY"]),
    "zai": ("z-ai", ["ZAI_API_KEY", "ZHIPU_API_KEY"]),
    "moonshot": ("moonshotai", ["MOONSHOT_API_KEY"]),
    "perplexity": ("perplexity", ["PERPLEXITY_API_KEY"]),
    "openrouter": ("openrouter", ["OPENROUTER_API_KEY"]),
    "vercel": ("vercel", ["AI_GATEWAY_API_KEY"]),
    "huggingface": ("huggingface", ["HF_TOKEN"]),
    "ollama": ("ollama", ["OLLAMA_HOST"]),
    "vllm": ("vllm", ["VLLM_BASE_URL"]),
    "lmstudio": ("lmstudio", ["LMSTUDIO_BASE_URL"]),
}


def contract(name, row):
    """The contract kit of one row. What no row changes is tried on random input with those only that do most otherwise."""
    members = {
        **({} if name in ODD else dict.fromkeys(PROPERTIES)),
        "module": taxiway_openai_compatible,
        "registration": REGISTRATIONS[name],
        "options": {"models": ["acme/model-1"]} if row.lists else {},
        "samples": (*CHATS, VECTORS) if "embeddings" in row.speaks else CHATS,
        "limit_headers": tuple(
            header for limit in row.limits for header in (limit.limit, limit.remaining, limit.reset) if header
        ),
    }
    return type(f"Test{name.title()}", (ProviderContract,), members)


globals().update({f"Test{name.title()}": contract(name, row) for name, row in ROWS.items()})


def test_names_slugs_and_variables_are_those_of_the_documentation():
    assert {name: (row.slug, [*row.keys, *filter(None, [row.address])]) for name, row in ROWS.items()} == PLACES


def test_every_row_is_an_entry_point_by_name_and_slug_and_an_extra():
    root = Path(__file__).resolve().parents[4]
    names = {name for name, row in ROWS.items()} | {row.slug for row in ROWS.values()}
    points = tomllib.loads((root / "plugins/providers/openai-compatible/pyproject.toml").read_text())
    offered = set(points["project"]["entry-points"]["taxiway"]) - {"dialect-rerank"}
    assert (
        offered
        == {f"provider-{name}" for name in (*names, "openai-compatible")}
        == {f"provider-{name}" for name in REGISTRATIONS}
    )
    extras = tomllib.loads((root / "core/pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert all(extras[name] == ["taxiway[openai-compatible]"] for name in ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_where_its_facts_come_from(name):
    row = ROWS[name]
    assert row.sources
    assert all(source.startswith("https://") for source in row.sources)
    assert row.base_url.startswith("http://127.0.0.1:" if row.address else "https://")


@pytest.mark.parametrize("name", ROWS)
def test_the_environment_offers_references_and_addresses(name):
    slug, variables = PLACES[name]
    find = REGISTRATIONS[name].environment
    assert find is REGISTRATIONS[slug].environment
    assert list(find({})) == []
    for variable in variables:
        (found,) = find({variable: "http://gpu.example:9/v1"})
        assert (found.provider, found.label) == (slug, variable)
        if ROWS[name].address:
            assert (found.key, found.settings) == (None, {"base_url": "http://gpu.example:9/v1"})
        else:
            assert (found.key, found.settings) == (f"env:{variable}", {})


def test_mistakes_in_the_table_come_at_once_with_file_row_and_key():
    table = {
        "one": {"name": "One", "summary": "s", "base_url": "https://one.example", "quirks": ["think-tag"], "limts": []},
        "two": {"name": 2, "summary": "s", "base_url": "https://two.example", "speaks": ["chats"]},
        "three": {"summary": "s", "base_url": "https://x.example", "errors": [{"kind": "rate-limited"}]},
    }
    with pytest.raises(ConfigError) as raised:
        rows.read(table)
    assert raised.value.source == "providers.toml"
    found = {problem.path: problem.message for problem in raised.value.problems}
    assert set(found) == {"one.quirks", "one.limts", "two.name", "two.speaks", "three.name", "three.errors[0].kind"}
    assert '"think-tags"' in found["one.quirks"]
    assert '"limits"' in found["one.limts"]
    assert '"rate_limited"' in found["three.errors[0].kind"]


def test_models_that_the_catalog_lacks_can_be_added():
    provider = rows.provider("groq", RowOptions(models=("acme/new",)))
    contract = globals()["TestGroq"]()
    endpoints = {one.id for one in provider.endpoints(KNOWN, contract._accounts(provider))}
    assert endpoints == {"model-1", "acme/new"}


def test_another_address_is_used_and_one_that_is_none_refused():
    provider = rows.provider("groq", RowOptions(base_url="https://proxy.example/groq"))
    (account,) = globals()["TestGroq"]()._accounts(provider)
    assert account.origin == "https://proxy.example"
    with pytest.raises(ConfigError, match="base_url"):
        rows.provider("groq", RowOptions(base_url="proxy"))


class Known:
    def provider(self, name):
        return {model.id: model for model in ProviderContract.models} if name == "groq" else {}


KNOWN = Known()


@pytest.mark.parametrize(
    ("name", "host", "target"),
    [
        ("openrouter", "openrouter.ai", "/api/v1/key"),
        ("vercel", "ai-gateway.vercel.sh", "/v1/credits"),
        ("huggingface", "huggingface.co", "/api/whoami-v2"),
        ("deepinfra", "api.deepinfra.com", "/v1/me"),
        ("groq", "api.groq.com", "/openai/v1/models"),
        ("zai", "api.z.ai", "/api/paas/v4/models"),
    ],
)
def test_a_key_is_proved_where_that_needs_one(name, host, target):
    kit = globals()[f"Test{name.title()}"]()
    provider = kit._build()
    (account,) = kit._accounts(provider)
    request = provider.probe(account, account.secret, 0.0)
    assert (request.method, request.origin.host, request.target) == ("GET", host, target)


def test_a_key_for_another_address_goes_nowhere_else():
    provider = rows.provider("huggingface", RowOptions(base_url="https://proxy.example/v1"))
    (account,) = globals()["TestHuggingface"]()._accounts(provider)
    assert provider.probe(account, account.secret, 0.0) is None
    provider = rows.provider("nvidia", RowOptions())
    (account,) = globals()["TestNvidia"]()._accounts(provider)
    assert provider.probe(account, account.secret, 0.0) is None
