"""Every hook is described, used by a plugin of ours, and tested by a kit; none is called while a request is served."""

import inspect
from collections import Counter
from random import Random
from typing import Any

import pluggy
import pytest
from tree import CORE, ROOT, imports

from taxiway import Router, hookspecs
from taxiway.plugins import KINDS, Plugins
from taxiway.testing.virtual import virtual_time
from taxiway.virtual import VirtualClock


def signature(hook: str) -> str:
    return hook + str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_is_documented_with_its_signature_and_tested_by_a_kit(kind: str) -> None:
    page = (ROOT / "docs/plugins.md").read_text()
    heading = f"### {signature(KINDS[kind])}\n"
    assert heading in page
    assert f"`taxiway.testing.{kind}`" in page.split(heading)[1].split("\n#")[0]
    assert (CORE / f"testing/{kind}.py").exists()
    tests = [*ROOT.glob("plugins/*/*/tests/*.py"), *ROOT.glob("core/tests/*.py")]
    assert [path for path in tests if f"taxiway.testing.{kind}" in imports(path)]


def test_every_hook_has_an_implementation_of_ours() -> None:
    assert {name for name in vars(hookspecs) if name.startswith("taxiway_")} == set(KINDS.values())
    plugins = Plugins.discover()
    for plugin in plugins.entries:
        assert plugins.load(plugin).summary, plugin
    for hook in KINDS.values():
        assert getattr(plugins.pm.hook, hook).get_hookimpls(), hook


@virtual_time
async def test_no_hook_is_called_while_requests_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()
    call = pluggy.HookCaller.__call__

    def counted(self: Any, **arguments: Any) -> Any:
        calls[self.name] += 1
        return call(self, **arguments)

    monkeypatch.setattr(pluggy.HookCaller, "__call__", counted)
    built = Router.from_dict({"providers": [{"use": "simulator"}]}, clock=VirtualClock(), random=Random(1))
    async with built as router:
        assert calls["taxiway_providers"], "they are counted"
        calls.clear()
        body = {"model": "simulator/echo", "messages": [{"role": "user", "content": "Hello"}]}
        assert (await router.chat(**body))["choices"]
        assert [event async for event in router.stream(**body)]
        assert (await router.embed(model="simulator/embed", input="Hello"))["data"]
        assert (await router.explain(**body)).rows
    assert not [name for name in calls if name.startswith("taxiway_")]
