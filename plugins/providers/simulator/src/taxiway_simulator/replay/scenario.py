"""A scenario: what goes wrong in a replay, what keys may do, which load; and, where it names providers, a configuration of its own."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from taxiway.config import Config, read
from taxiway.converter import nearest, structure
from taxiway.errors import ConfigError, Problem
from taxiway_simulator.options import Fault, Pace, Quota

_OWN: Final = ("about", "load", "faults", "limits", "pace", "variants")


@frozen(kw_only=True)
class Scenario:
    """What a file says besides a configuration's tables.

    `faults` and `limits` by provider: a simulated provider's own, and the quota of each key (by label; "": of every one).
    `pace` by provider. `load` is the load, as far as the command line says nothing of it. `routing` is laid over the configuration's;
    `variants` are runs, each of which changes it further.
    """

    about: str = ""
    load: Mapping[str, Any] = field(factory=dict)
    faults: Mapping[str, tuple[Fault, ...]] = field(factory=dict)
    limits: Mapping[str, Mapping[str, Quota]] = field(factory=dict)
    pace: Mapping[str, Pace] = field(factory=dict)
    routing: Mapping[str, Any] = field(factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(factory=dict)


NOTHING: Final = Scenario()


def shipped() -> dict[str, str]:
    """Return the scenarios that come with the simulator: what each is about, by name."""
    found = {}
    for file in files(__package__).joinpath("scenarios").iterdir():
        if file.name.endswith(".toml"):
            found[file.name.removesuffix(".toml")] = str(tomllib.loads(file.read_text("utf-8")).get("about", ""))
    return dict(sorted(found.items()))


def load(name: str) -> tuple[Scenario, Config | None]:
    """Read a scenario, by the name of a shipped one or by its file; and its configuration, where it has one. Raises ConfigError."""
    try:
        if name in shipped():
            text = files(__package__).joinpath("scenarios", f"{name}.toml").read_text("utf-8")
        else:
            text = Path(name).read_text("utf-8")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        known = list(shipped())
        hint = nearest(name, known) or f"; there is {', '.join(known)}, or give a file"
        raise ConfigError([Problem(f"no scenario is called so{hint}")], name) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(f"can't be read: {error}")], name) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(f"is not TOML: {error}")], name) from None
    rest = {key: value for key, value in raw.items() if key not in _OWN}
    try:
        own: dict[str, Any] = {key: _grouped(key, raw[key]) for key in _OWN if key in raw}
        if "providers" not in rest:
            own["routing"] = rest.pop("routing", {})
            _check_lone(rest)
        return structure(own, Scenario), read(rest, name).checked() if rest else None
    except ConfigError as error:
        raise ConfigError(error.problems, name) from None


def _check_lone(rest: Mapping[str, Any]) -> None:
    for name in rest:
        problem = "means something only beside [[providers]]: a scenario without any is laid over another configuration"
        raise ConfigError([Problem(problem, name)])


def _grouped(key: str, value: Any) -> Any:
    """Turn `[[faults]]` and `[[limits]]` into tables by provider. Raises ConfigError."""
    if key not in {"faults", "limits"}:
        return value
    grouped: dict[str, Any] = {}
    for index, (provider, item) in enumerate(_of_providers(key, value)):
        if key == "faults":
            grouped.setdefault(provider, []).append(item)
        elif item.get("key", "") in grouped.setdefault(provider, {}):
            raise ConfigError([Problem("this key has a limit already", f"limits[{index}].key")])
        else:
            grouped[provider][item.pop("key", "")] = item
    return grouped


def _of_providers(key: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(value, list):
        raise ConfigError([Problem(f"must be a list of tables: write [[{key}]]", key)])
    for index, item in enumerate(value):
        if not isinstance(item, dict) or not isinstance(item.get("provider"), str):
            raise ConfigError([Problem("is missing: it names a provider", f"{key}[{index}].provider")])
        yield item["provider"], {name: what for name, what in item.items() if name != "provider"}
