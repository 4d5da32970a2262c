"""The JSON Schema: what an editor accepts and what Taxiway accepts agree."""

import tomllib
from pathlib import Path

import jsonschema
import pytest
from attrs import field, frozen
from importlib_metadata import EntryPoint

from taxiway import ConfigError, NoOptions, Registration, hookimpl
from taxiway.clock import Duration
from taxiway.config import read
from taxiway.plugins import Plugins
from taxiway_cli.schema import schema

EXAMPLE = """
data_dir = "~/.taxiway"

[gateway]
listen = "127.0.0.1:8787"

[store]
url = "sqlite:///~/.taxiway/taxiway.db"

[[credentials]]
provider = "one"
key = "env:ONE_API_KEY"
label = "main"

[[credentials]]
provider = "one"
key = "vault:secret/data/ai#two"
limits = { requests_per_minute = 500 }

[[credentials]]
provider = "two"
settings = { profile = "prod", region = "eu-central-1" }
fallback = true

[routing]
strategy = ["fake", "price"]
cycle = "headroom"
wait = "2s"
on_interrupted = "error"
timeouts = { first_token = "30s" }

[strategies.fake]
window = "30s"
weights = { a = 1 }

[models."team/fast"]
try = ["meta/llama", "one/mini"]

[models."one/mini"]
price = { input = 0.15, output = 0.6 }

[[providers]]
use = "fake"
slug = "local"
base_url = "http://127.0.0.1:8000/v1"
models = ["meta/llama", { id = "mini" }]

[fake]
base_url = "http://127.0.0.1:8001/v1"

[plugins]
disabled = ["strategy-x"]
"""


@frozen
class Served:
    id: str


@frozen(kw_only=True)
class ServerOptions:
    """A server of one's own."""

    base_url: str
    models: tuple[str | Served, ...] = ()


@frozen
class RankOptions:
    """How to rank."""

    window: Duration = 30.0
    weights: dict[str, int] = field(factory=dict)


class House:
    """Plugins as any object with hooks offers them."""

    TAXIWAY_API = (1, 0)

    @hookimpl
    def taxiway_providers(self):
        return [Registration(name="fake", summary="a fake", options=ServerOptions, build=print)]

    @hookimpl
    def taxiway_strategies(self):
        return [Registration(name="fake", summary="a fake", options=RankOptions, build=print)]

    @hookimpl
    def taxiway_catalogs(self):
        return [Registration(name="fake", summary="a fake", options=NoOptions, build=print)]


HOUSE = House()


@pytest.fixture(scope="module")
def validator():
    names = ("provider-fake", "strategy-fake", "catalog-fake", "sink-broken")
    made = schema(Plugins([EntryPoint(name, f"{__name__}:HOUSE", "taxiway") for name in names]))
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def test_the_designs_example_is_valid(validator):
    raw = tomllib.loads(EXAMPLE)
    validator.validate(raw)
    read(raw).checked()


def test_the_example_of_the_documentation_is_valid():
    page = next(
        (parent / "docs" / "configuration.md" for parent in Path(__file__).parents if (parent / "docs").is_dir()), None
    )
    if page is None or not page.exists():
        pytest.skip("there is no docs/configuration.md beside this checkout")
    raw = tomllib.loads(page.read_text().split("```toml\n")[1].split("```")[0])
    read(raw).checked()
    jsonschema.Draft202012Validator(schema(Plugins.discover())).validate(raw)


def test_what_any_provider_may_be_said_to_do_is_valid(validator):
    said = {"base_url": "x", "zdr": True, "data_collection": "deny", "quantization": "fp8", "distillable_text": False}
    validator.validate({"providers": [{"use": "fake", **said}], "fake": said})


def test_nothing_is_valid(validator):
    validator.validate({})


def test_plugins_and_classes_describe_themselves(validator):
    properties = validator.schema["properties"]
    assert "`[gateway]` table" in properties["gateway"]["description"]
    assert properties["strategies"]["properties"]["fake"]["description"] == "How to rank."
    assert properties["strategies"]["properties"]["fake"]["properties"]["window"]["default"] == 30.0
    (form,) = properties["providers"]["items"]["anyOf"]
    assert form["properties"]["use"] == {"const": "fake", "description": "a fake"}
    assert set(form["required"]) == {"base_url", "use"}


@pytest.mark.parametrize(
    "raw",
    [
        {"gatway": {}},
        {"gateway": {"listen": 3}},
        {"gateway": {"bodylimit": 3}},
        {"credentials": [{"key": "env:A"}]},
        {"credentials": [{"provider": "one", "key": "sk-not-a-reference"}]},
        {"credentials": {"provider": "one"}},
        {"routing": {"wait": "2 s"}},
        {"routing": {"cycle": "headrom"}},
        {"models": {"a/b": {"price": {"output": 1.0}}}},
        {"models": {"a/b": {"try": "c/d"}}},
        {"models": {"a/b": {"tiers": {"slow": {}}}}},
        {"data_dir": 3},
    ],
)
def test_what_taxiway_refuses_is_not_valid(validator, raw):
    assert not validator.is_valid(raw)
    if "gatway" not in raw:
        with pytest.raises(ConfigError):
            read(raw).checked()


@pytest.mark.parametrize(
    "raw",
    [
        {"strategies": {"fake": {"windw": "3s"}}},
        {"strategies": {"other": {}}},
        {"providers": [{"use": "fake"}]},
        {"providers": [{"use": "other", "base_url": "x"}]},
        {"providers": [{"base_url": "x"}]},
        {"catalog": {"use": "fake", "x": 1}},
        {"fake": {"base_url": 3}},
        {"fake": {"base_url": "x", "zdr": "yes"}},
        {"providers": [{"use": "fake", "base_url": "x", "quantization": "fp9"}]},
        {"providers": [{"use": "fake", "base_url": "x", "data_collection": True}]},
    ],
)
def test_options_of_plugins_are_held_to_their_classes(validator, raw):
    assert not validator.is_valid(raw)
