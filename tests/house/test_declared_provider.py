"""A new provider of OpenAI's shape takes declarations: a table in TOML, or modules without any code. What a provider says otherwise
than OpenAI, and no table can hold, is in a module of its own."""

import ast
import tomllib

import pytest
from tree import PLUGINS, Plugin, nodes
from upstream import Upstream

from taxiway import Router

TABLES = """
[[providers]]
use = "openai-compatible"
slug = "acme"
name = "Acme"
base_url = "{url}"
models = [{{ id = "gpt-4o", slug = "acme/large" }}]

[[credentials]]
provider = "acme"
key = "env:ACME_KEY"
"""

QUIRKS = {"quirks.py", "requests.py"}
"""The modules that may hold code: what replies mean, and how requests are said, where no table can hold it."""

CODED = {"taxiway-simulator", "taxiway-bedrock", "taxiway-azure"}
"""They lean on taxiway-openai-compatible and are more than declarations: the simulator answers by itself, Bedrock speaks another API as
well, and Azure's addresses and tokens are those of the credential."""

SHAPED = [
    plugin
    for plugin in PLUGINS
    if plugin.kind == "providers"
    and plugin.project["name"] not in CODED
    and any(text.startswith("taxiway-openai-compatible") for text in plugin.project["dependencies"])
    # Providers of other wires lean on it for rows of errors and the like.
    and not (plugin.package / "provider.py").exists()
]


async def test_a_table_is_a_provider(upstream: Upstream) -> None:
    config = tomllib.loads(TABLES.format(url=upstream.url))
    async with Router.from_dict(config, environment={"ACME_KEY": "sk-upstream-test"}) as router:
        reply = await router.chat(model="acme/large", messages=[{"role": "user", "content": "Hello"}])
    assert reply["provider"] == "Acme"
    assert reply["model"] == "acme/large"
    assert upstream.requests[0].body["model"] == "gpt-4o"


@pytest.mark.parametrize("plugin", SHAPED, ids=str)
def test_a_plugin_of_that_shape_only_declares(plugin: Plugin) -> None:
    assert {path.name for path in plugin.modules} - QUIRKS == {"__init__.py", "declaration.py"}
    code = ast.If | ast.For | ast.While | ast.Try | ast.With | ast.AsyncFunctionDef | ast.Lambda
    for path in plugin.modules:
        if path.name in QUIRKS:
            continue
        # An import that is for the type checker alone is no branch.
        found = [node for node in nodes(path) if isinstance(node, code)]
        assert all(isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" for node in found), path
