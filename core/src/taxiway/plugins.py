"""Discovery and loading of plugins. Our own, since pluggy's loader imports everything and dies at the first broken one.

Entry points (group `taxiway`, names `<kind>-<name>`) are listed from metadata, which imports nothing; what is asked for is
imported, one by one. Every failure is a PluginError of its own that names the distribution, and hides no other.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import pluggy

from taxiway import hookspecs
from taxiway.errors import PluginError
from taxiway.registration import AnyRegistration, Registration
from taxiway.secret import scrub

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

GROUP: Final = "taxiway"

KINDS: Final = {
    "provider": "taxiway_providers",
    "dialect": "taxiway_dialects",
    "strategy": "taxiway_strategies",
    "keystore": "taxiway_key_stores",
    "sink": "taxiway_telemetry_sinks",
    "store": "taxiway_stores",
    "transport": "taxiway_transports",
    "catalog": "taxiway_catalogs",
    "transform": "taxiway_transforms",
    "command": "taxiway_commands",
}
"""What a plugin can be, and the hook by which it says so."""


class Plugins:
    """What is installed, and what of it was loaded. `pm` is pluggy's manager; after the start nobody calls it.

    `entries` by full name (`strategy-x`), disabled or not: more than one where distributions claim the same. `used` are the full
    names of what was built from.
    """

    def __init__(self, entries: Iterable["EntryPoint"], disabled: Iterable[str] = ()) -> None:
        self.pm: Final = pluggy.PluginManager(hookspecs.PROJECT)
        self.pm.add_hookspecs(hookspecs)
        self.disabled: Final = frozenset(disabled)
        self.used: Final[set[str]] = set()
        self.entries: Final[dict[str, list[EntryPoint]]] = {}
        # What became of importing a module, by the entry points' value: registrations by full name, or why there are none.
        self._modules: dict[str, Mapping[str, AnyRegistration] | str] = {}
        for entry in entries:
            self.entries.setdefault(entry.name, []).append(entry)

    @classmethod
    def discover(cls, disabled: Iterable[str] = ()) -> "Plugins":
        """List what is installed, from metadata alone. `disabled`: full names (`strategy-x`) that are not to be used."""
        # 30 ms, which `import taxiway` need not pay.
        from importlib_metadata import entry_points

        return cls(entry_points(group=GROUP), disabled)

    def names(self, kind: str) -> list[str]:
        """Return the installed plugins of a kind that are not disabled, sorted."""
        start = f"{kind}-"
        names = (name for name in self.entries if name.startswith(start) and name not in self.disabled)
        return sorted(name.removeprefix(start) for name in names)

    def has(self, plugin: str) -> bool:
        """Whether `plugin` (`strategy-balanced`) is installed and not disabled."""
        return plugin in self.entries and plugin not in self.disabled

    def load(self, plugin: str) -> AnyRegistration:
        """Import a plugin by its full name (`strategy-balanced`) and return what it registered. Raises PluginError."""
        found = self._find(plugin)
        if isinstance(found, str):
            owners = " and ".join(sorted(" ".join(origin_of(entry)).strip() for entry in self.entries.get(plugin, ())))
            raise PluginError(plugin, owners or "nothing installed", found)
        return found

    def tried(self, plugin: str) -> bool:
        """Whether `load` imports nothing more for it: it did already, or can't tell which of several is meant."""
        entries = self.entries[plugin]
        return len(entries) > 1 or entries[0].value in self._modules

    def _find(self, plugin: str) -> AnyRegistration | str:
        """Return what a plugin registered, or the reason why it can't be used."""
        entries = self.entries.get(plugin, [])
        if not entries:
            kind, _, name = plugin.partition("-")
            return unknown(name, self.names(kind), f"{kind} plugin")
        if plugin in self.disabled:
            return f'is disabled; take "{plugin}" out of [plugins] disabled'
        if len(entries) > 1:
            return "more than one distribution offers it; uninstall all but one"
        (entry,) = entries
        if entry.value not in self._modules:
            self._modules[entry.value] = self._import(entry)
        offered = self._modules[entry.value]
        if isinstance(offered, str):
            return offered
        there_is = ", ".join(sorted(offered)) or "nothing"
        return offered.get(plugin, f"does not register what its entry point says; it registers {there_is}")

    def _import(self, entry: "EntryPoint") -> Mapping[str, AnyRegistration] | str:
        """Import a module and ask its hooks: its registrations by full name, or the reason why there are none."""
        try:
            module = entry.load()
        except ModuleNotFoundError as error:
            return f"needs the module {error.name!r}, which is not installed"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin's import does, the others go on
            return f"can't be imported: {_said(error)}"
        if reason := _mismatch(getattr(module, "TAXIWAY_API", None)):
            return reason
        try:
            # Two entry points may reach one module by different values; it is registered once.
            if not self.pm.is_registered(module):
                self.pm.register(module)
                self.pm.check_pending()
            return self._collect(module)
        except pluggy.PluginValidationError as error:
            reason = f"its hooks don't fit: {error}{_nearest_hook(module)}"
        except Exception as error:  # noqa: BLE001 - as above
            reason = f"fails to register: {_said(error)}"
        if self.pm.is_registered(module):
            self.pm.unregister(module)
        return reason

    def _collect(self, module: Any) -> Mapping[str, AnyRegistration]:
        """Ask one module's hooks, once. The registrations by full name."""
        others = [plugin for plugin in self.pm.get_plugins() if plugin is not module]
        offered: dict[str, AnyRegistration] = {}
        for kind, hook in KINDS.items():
            for registrations in self.pm.subset_hook_caller(hook, remove_plugins=others)():
                for registration in registrations:
                    if not isinstance(registration, Registration):
                        raise TypeError(f"{hook} gave a {type(registration).__name__}, not a Registration")
                    name = f"{kind}-{registration.name}"
                    if name in offered:
                        raise ValueError(f"it registers {name} twice")
                    offered[name] = registration
        return offered


def unknown(name: str, valid: Iterable[str], what: str) -> str:
    """Say that there is no such thing, and what there is: the nearest valid name, else all of them."""
    valid = sorted(set(valid))
    there_is = f"there is {', '.join(valid)}" if valid else "none is installed"
    near = get_close_matches(name, valid, n=1)
    hint = f'did you mean "{near[0]}"?' if near else there_is
    return f'no {what} is called "{scrub(name)}"; {hint}'


def origin_of(entry: "EntryPoint") -> tuple[str, str]:
    """Return the distribution that an entry point is of, and its version."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown distribution", "")


def _mismatch(api: object) -> str:
    """Say why a plugin for that version of the hooks can't be used; nothing where it can."""
    own = hookspecs.API
    if api is None:
        return f"has no TAXIWAY_API = {own}; it is no plugin of Taxiway's, or one that was never finished"
    if not (isinstance(api, tuple) and len(api) == len(own) and all(type(part) is int for part in api)):
        return f"its TAXIWAY_API is not a pair of numbers such as {own}"
    if api[0] == own[0] and api[1] <= own[1]:
        return ""
    advice = "upgrade taxiway, or install an older version of it" if api > own else "install a newer version of it"
    theirs, ours = (".".join(map(str, version)) for version in (api, own))
    return f"is made for version {theirs} of the plugin API, and this Taxiway has {ours}: {advice}"


def _nearest_hook(module: Any) -> str:
    hooks = KINDS.values()
    for name in dir(module):
        if hasattr(getattr(module, name), f"{hookspecs.PROJECT}_impl") and name not in hooks:
            near = get_close_matches(name, hooks, n=1)
            return f" ({name}: did you mean {near[0]}?)" if near else f" ({name} is no hook)"
    return ""


def _said(error: BaseException) -> str:
    return scrub(f"{type(error).__name__}: {error}")
