"""The simulated providers of a configuration."""

from typing import Final

from taxiway.config import Config
from taxiway.converter import structure
from taxiway.errors import ConfigError, Problem
from taxiway_simulator.options import SimulatorOptions

PLUGIN: Final = "simulator"


def simulated(config: Config) -> list[SimulatorOptions]:
    """Return the simulated providers of a configuration: `[simulator]` and `[[providers]] use = "simulator"`.

    Where there are none, the one that is used without any configuration. Raises ConfigError.
    """
    tables = {PLUGIN: config.others[PLUGIN]} if PLUGIN in config.others else {}
    for path, raw in config.providers.items():
        if raw.get("use") == PLUGIN:
            tables[path] = {name: value for name, value in raw.items() if name != "use"}
    options: list[SimulatorOptions] = []
    problems: list[Problem] = []
    for path, raw in tables.items():
        try:
            options.append(structure(raw, SimulatorOptions, path))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems, config.source)
    return options or [SimulatorOptions()]
