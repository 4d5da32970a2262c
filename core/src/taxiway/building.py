"""One plugin at a time: loaded, its options structured, built. Mistakes are collected, so that one hides no other."""

import re
from collections.abc import Iterable
from typing import Any, Final

from attrs import define, evolve, field, fields_dict

from taxiway.config import Raw
from taxiway.converter import below, join, structure
from taxiway.dialect import Dialect
from taxiway.errors import ConfigError, PluginError, Problem, TaxiwayError
from taxiway.plugins import Plugins, unknown
from taxiway.registration import AnyRegistration, Context
from taxiway.secret import scrub

DEFAULT_STORE: Final = "sqlite://"
"""The store of a gateway that names none: a database in the data folder."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*:")
_WORDS: Final = {"keystore": "key store", "sink": "telemetry sink"}
"""What a kind is called in messages, where it is not its own name."""


@define(kw_only=True)
class Builder:
    """Builds plugins. `context`: what every build leans on; `dialects`: those that a plugin required so far, by name."""

    plugins: Plugins
    context: Context
    problems: list[Problem] = field(factory=list)
    dialects: dict[str, Dialect] = field(factory=dict)
    loading: list[str] = field(factory=list, init=False)

    def problem(self, message: str, path: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(message, path))

    def make(
        self, kind: str, raw: Raw, path: str, use: str | None = None, named: str = "", valid: Iterable[str] = ()
    ) -> Any:
        """Load and build the plugin that a table names; None where that fails.

        `use`: its name, where that is not in the table, and `named`: where it is written. `valid`: names that would be right
        although no plugin is called so.
        """
        options, named = dict(raw), named or join(path, "use")
        name = options.pop("use", None) if use is None else use
        if not isinstance(name, str):
            self.problem("is missing: it names the plugin" if name is None else "must be a plugin's name", named)
            return None
        plugin = f"{kind}-{name}"
        if plugin not in self.plugins.entries:
            self.problem(unknown(name, [*valid, *self.plugins.names(kind)], _WORDS.get(kind, kind)), named)
            return None
        try:
            registration = self._load(plugin)
        except PluginError as error:
            if all(str(error) != problem.message for problem in self.problems):
                self.problem(str(error), named)
            return None
        self.plugins.used.add(plugin)
        if kind == "provider" and "slug" not in fields_dict(registration.options):
            # The table is called so; whether the plugin can be is checked where it was built.
            options.pop("slug", None)
        return self._build(registration, options, path)

    def build_store(self, raw: Raw) -> Any:
        """Build the store of a `[store]` table, by the scheme of its URL; None where that fails."""
        url = raw.get("url", DEFAULT_STORE)
        if isinstance(url, str) and _SCHEME.match(url):
            return self.make("store", {"url": url, **raw}, "store", url.partition(":")[0], "store.url")
        self.problem('must be a URL, such as "sqlite:///~/.taxiway/taxiway.db"', "store.url")
        return None

    def require(self, plugin: str) -> None:
        """Load what a plugin needs. Dialects are built, so that a build can lean on them. Raises PluginError."""
        registration = self._load(plugin)
        kind, _, name = plugin.partition("-")
        if kind != "dialect" or name in self.dialects:
            return
        if (dialect := self._build(registration, {}, plugin)) is not None:
            self.plugins.used.add(plugin)
            self.dialects[name] = dialect

    def _load(self, plugin: str) -> AnyRegistration:
        registration = self.plugins.load(plugin)
        if plugin in self.loading:
            raise PluginError(plugin, "", f"it requires itself: {' -> '.join((*self.loading, plugin))}")
        self.loading.append(plugin)
        try:
            for needed in registration.requires:
                self.require(needed)
        finally:
            self.loading.pop()
        return registration

    def _build(self, registration: AnyRegistration, raw: Raw, path: str) -> Any:
        names = [plugin.removeprefix("dialect-") for plugin in registration.requires]
        dialects = {name: self.dialects[name] for name in names if name in self.dialects}
        try:
            options = structure(raw, registration.options, path)
            return registration.build(options, evolve(self.context, dialects=dialects))
        except ConfigError as error:
            self.problems += [Problem(problem.message, below(path, problem.path)) for problem in error.problems]
        except TaxiwayError as error:
            self.problem(scrub(str(error)), path)
        except Exception as error:  # noqa: BLE001 - one plugin's mistake hides no other problem
            self.problem(scrub(f"can't be built: {type(error).__name__}: {error}"), path)
        return None
