"""One plugin at a time: loaded, its options structured, built. Mistakes are collected, so that one hides no other."""

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, evolve, field, fields_dict

from taxiway.config import Raw, Table
from taxiway.converter import below, collect, join
from taxiway.dialect import Dialect
from taxiway.errors import ConfigError, PluginError, Problem, TaxiwayError
from taxiway.plugins import Plugins, unknown
from taxiway.registration import AnyRegistration, Context
from taxiway.secret import scrub

WORDS: Final = {"keystore": "key store", "sink": "telemetry sink"}
"""What a kind is called in messages, where it is not its own name."""


@define
class Builder:
    """Builds plugins. `dialects`: those that a plugin required so far, by name."""

    plugins: Plugins
    context: Context
    problems: list[Problem]
    dialects: dict[str, Dialect] = field(factory=dict)
    _broken: set[str] = field(factory=set)

    def problem(self, message: str, path: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(message, path))

    def load(self, kind: str, name: str, path: str, valid: Iterable[str] = ()) -> AnyRegistration | None:
        """Load a plugin and what it requires; where that can't be, note it once and return None.

        `valid`: names that would have been right although no plugin is called so.
        """
        plugin = f"{kind}-{name}"
        if plugin not in self.plugins.all():
            self.problem(unknown(name, [*valid, *self.plugins.names(kind)], WORDS.get(kind, kind)), path)
            return None
        try:
            registration = self.plugins.load(plugin)
            for needed in registration.requires:
                self.require(needed)
        except PluginError as error:
            if str(error) not in self._broken:
                self._broken.add(str(error))
                self.problem(str(error), path)
            return None
        return registration

    def require(self, plugin: str) -> None:
        """Load what a plugin needs. Dialects are built, so that a build can lean on them. Raises PluginError."""
        kind, _, name = plugin.partition("-")
        registration = self.plugins.load(plugin)
        if kind != "dialect" or name in self.dialects:
            return
        for needed in registration.requires:
            self.require(needed)
        if (dialect := self.build(registration, {}, plugin)) is not None:
            self.plugins.used.add(plugin)
            self.dialects[name] = dialect

    def build(self, registration: AnyRegistration, raw: Raw, path: str) -> Any:
        """Structure a plugin's options and build it; None where either fails."""
        options = collect(self.problems, raw, registration.options, path)
        if options is None:
            return None
        names = [plugin.removeprefix("dialect-") for plugin in registration.requires]
        dialects = {name: self.dialects[name] for name in names if name in self.dialects}
        try:
            return registration.build(options, evolve(self.context, dialects=dialects))
        except ConfigError as error:
            self.problems += [Problem(problem.message, below(path, problem.path)) for problem in error.problems]
        except TaxiwayError as error:
            self.problem(scrub(str(error)), path)
        except Exception as error:  # noqa: BLE001 - one plugin's mistake hides no other problem
            self.problem(scrub(f"can't be built: {type(error).__name__}: {error}"), path)
        return None

    def make(self, kind: str, table: Table, named: str, valid: Iterable[str] = ()) -> Any:
        """Load and build what a table names; None where that fails. `named`: where its name is written."""
        registration = self.load(kind, table.use, named, valid)
        if registration is None:
            return None
        self.plugins.used.add(f"{kind}-{table.use}")
        options = dict(table.options)
        if kind == "provider" and table.slug is not None and "slug" not in fields_dict(registration.options):
            # The table is called so; whether the plugin can be is checked where it was built.
            del options["slug"]
        return self.build(registration, options, table.path)

    def table(self, kind: str, table: Table) -> Any:
        """As `make`, for a table that names its plugin by `use`."""
        return self.make(kind, table, join(table.path, "use"))
