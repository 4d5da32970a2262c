"""One plugin at a time: loaded, its options structured, built. Mistakes are collected, so that one hides no other."""

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, evolve, field, fields_dict

from taxiway.config import Raw, Table
from taxiway.converter import below, join, structure
from taxiway.dialect import Dialect
from taxiway.errors import ConfigError, PluginError, Problem, TaxiwayError
from taxiway.plugins import Plugins, unknown
from taxiway.registration import AnyRegistration, Context
from taxiway.secret import scrub

_WORDS: Final = {"keystore": "key store", "sink": "telemetry sink"}
"""What a kind is called in messages, where it is not its own name."""


@define(kw_only=True)
class Builder:
    """Builds plugins. `context`: what every build leans on; `dialects`: those that a plugin required so far, by name."""

    plugins: Plugins
    context: Context
    problems: list[Problem] = field(factory=list)
    dialects: dict[str, Dialect] = field(factory=dict)

    def problem(self, message: str, path: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(message, path))

    def make(self, kind: str, table: Table, named: str = "", valid: Iterable[str] = ()) -> Any:
        """Load and build what a table names; None where that fails.

        `named`: where its name is written, if not in `use`. `valid`: names that would be right although no plugin is called so.
        """
        plugin, path = f"{kind}-{table.use}", named or join(table.path, "use")
        if plugin not in self.plugins.all():
            self.problem(unknown(table.use, [*valid, *self.plugins.names(kind)], _WORDS.get(kind, kind)), path)
            return None
        try:
            registration = self._load(plugin)
        except PluginError as error:
            if all(str(error) != problem.message for problem in self.problems):
                self.problem(str(error), path)
            return None
        self.plugins.used.add(plugin)
        options = dict(table.options)
        if kind == "provider" and table.slug and "slug" not in fields_dict(registration.options):
            # The table is called so; whether the plugin can be is checked where it was built.
            del options["slug"]
        return self._build(registration, options, table.path)

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
        for needed in registration.requires:
            self.require(needed)
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
