"""Discovery and loading, with real distributions on the path: each broken in its own way."""

import subprocess
import sys
import textwrap

import pytest

from taxiway import PluginError
from taxiway.plugins import KINDS, Plugins, origin_of

GOOD = """
from taxiway import Registration, NoOptions, hookimpl

TAXIWAY_API = (1, 0)
calls = 0

@hookimpl
def taxiway_strategies():
    global calls
    calls += 1
    return [
        Registration(name=name, summary="ranks", options=NoOptions, build=lambda options, context: object())
        for name in NAMES
    ]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution: its entry points, and the source of its one module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def installed(name, entry_points, source="", version="1.2"):
        module = name.replace("-", "_")
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "".join(f"{point} = {module}\n" for point in entry_points)
        (info / "entry_points.txt").write_text(f"[taxiway]\n{lines}")
        return module

    yield installed
    for module in modules:
        sys.modules.pop(module, None)


def strategies(*names):
    return f"NAMES = {names!r}\n{GOOD}"


def failure(plugins, name):
    with pytest.raises(PluginError) as raised:
        plugins.load(name)
    return str(raised.value)


def test_listing_imports_nothing(install):
    module = install("acme-lucky", ["strategy-lucky"], "raise RuntimeError('imported')")
    plugins = Plugins.discover()
    assert [origin_of(entry) for entry in plugins.entries["strategy-lucky"]] == [("acme-lucky", "1.2")]
    assert not plugins.tried("strategy-lucky")
    assert "lucky" in plugins.names("strategy")
    assert plugins.has("strategy-lucky")
    assert module not in sys.modules


def test_a_plugin_is_loaded_by_its_name(install):
    install("acme-lucky", ["strategy-lucky"], strategies("lucky"))
    plugins = Plugins.discover()
    registration = plugins.load("strategy-lucky")
    assert registration.name == "lucky"
    assert plugins.load("strategy-lucky") is registration
    assert plugins.tried("strategy-lucky")
    assert not plugins.used


def test_a_module_of_several_plugins_is_registered_and_asked_once(install):
    module = install("acme-lucky", ["strategy-lucky", "strategy-luckier"], strategies("lucky", "luckier"))
    plugins = Plugins.discover()
    assert {plugins.load("strategy-lucky").name, plugins.load("strategy-luckier").name} == {"lucky", "luckier"}
    assert sys.modules[module].calls == 1
    assert len(plugins.pm.get_plugins()) == 1


BROKEN = {
    "a missing dependency": ("import no_such_module_of_ours", "needs the module 'no_such_module_of_ours'"),
    "an import that fails": ("raise RuntimeError('boom')", "can't be imported: RuntimeError: boom"),
    "an import that exits": ("raise SystemExit(3)", "can't be imported: SystemExit"),
    "a syntax error": ("def", "can't be imported: SyntaxError"),
    "no API marker": ("", "has no TAXIWAY_API"),
    "an odd API marker": ("TAXIWAY_API = '1.0'", "not a pair of numbers"),
    "a newer API": (
        "TAXIWAY_API = (1, 7)",
        "made for version 1.7 of the plugin API, and this Taxiway has 1.0: upgrade",
    ),
    "a next API": ("TAXIWAY_API = (2, 0)", "made for version 2.0"),
    "an old API": ("TAXIWAY_API = (0, 9)", "install a newer version of it"),
    "a misspelt hook": (
        "from taxiway import hookimpl\nTAXIWAY_API = (1, 0)\n@hookimpl\ndef taxiway_strategys(): return []",
        "did you mean taxiway_strategies",
    ),
    "a hook with arguments": (
        "from taxiway import hookimpl\nTAXIWAY_API = (1, 0)\n@hookimpl\ndef taxiway_strategies(config): return []",
        "its hooks don't fit",
    ),
    "a hook that fails": (
        "from taxiway import hookimpl\nTAXIWAY_API = (1, 0)\n@hookimpl\ndef taxiway_strategies(): return 1 / 0",
        "fails to register: ZeroDivisionError",
    ),
    "a hook that gives something else": (
        "from taxiway import hookimpl\nTAXIWAY_API = (1, 0)\n@hookimpl\ndef taxiway_strategies(): return ['lucky']",
        "gave a str, not a Registration",
    ),
    "no marked hook": ("TAXIWAY_API = (1, 0)\ndef taxiway_strategies(): return []", "it registers nothing"),
    "another name": (strategies("lukcy"), "it registers strategy-lukcy"),
    "one name twice": (strategies("lucky", "lucky"), "registers strategy-lucky twice"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_one_clear_error_and_hides_no_other(install, case):
    source, said = BROKEN[case]
    install("acme-broken", ["strategy-lucky"], source)
    install("acme-good", ["strategy-good"], strategies("good"))
    plugins = Plugins.discover()
    message = failure(plugins, "strategy-lucky")
    assert message.startswith("plugin strategy-lucky (from acme-broken 1.2): ")
    assert said in message
    assert failure(plugins, "strategy-lucky") == message
    assert plugins.load("strategy-good").name == "good"
    assert plugins.tried("strategy-lucky")


def test_a_name_that_two_distributions_claim_is_neithers(install):
    install("acme-lucky", ["strategy-lucky"], strategies("lucky"))
    install("copy-of-lucky", ["strategy-lucky"], strategies("lucky"))
    message = failure(Plugins.discover(), "strategy-lucky")
    assert "acme-lucky 1.2 and copy-of-lucky 1.2" in message
    assert "uninstall all but one" in message


def test_an_unknown_name_is_answered_with_the_nearest(install):
    install("acme-lucky", ["strategy-lucky"], strategies("lucky"))
    assert 'no strategy plugin is called "lucki"; did you mean "lucky"?' in failure(
        Plugins.discover(), "strategy-lucki"
    )
    message = failure(Plugins([]), "strategy-x")
    assert message.endswith("none is installed")


def test_a_disabled_plugin_is_neither_listed_for_use_nor_loaded(install):
    module = install("acme-lucky", ["strategy-lucky"], strategies("lucky"))
    plugins = Plugins.discover(["strategy-lucky"])
    assert "lucky" not in plugins.names("strategy")
    assert not plugins.has("strategy-lucky")
    assert "[plugins] disabled" in failure(plugins, "strategy-lucky")
    assert module not in sys.modules
    assert not plugins.tried("strategy-lucky")


def test_secrets_in_an_import_error_are_hidden(install):
    install("acme-broken", ["strategy-lucky"], "raise RuntimeError('bad key sk-planted0123456789')")
    assert "planted" not in failure(Plugins.discover(), "strategy-lucky")


def test_every_hook_has_its_kind():
    from taxiway import hookspecs

    assert set(KINDS.values()) == {name for name in dir(hookspecs) if name.startswith("taxiway_")}


def test_importing_taxiway_imports_no_plugin_and_little_else():
    code = "import sys, taxiway; print([m for m in ('asyncio', 'httpx', 'attrs', 'pluggy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
