"""`taxiway simulator replay`: strategies compared on recorded traffic, or on a made-up load, before they see production."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from attrs import evolve, frozen

from taxiway.codec import Json, dumps
from taxiway.config import Config, load
from taxiway.converter import structure
from taxiway.errors import ConfigError, InvalidRequest, Problem
from taxiway.outcome import Generation
from taxiway.plugins import Plugins, unknown
from taxiway.virtual import START
from taxiway_simulator.configured import PLUGIN, simulated
from taxiway_simulator.replay import scenario as scenarios
from taxiway_simulator.replay.asks import REPLAYED, Ask, Load, recorded
from taxiway_simulator.replay.fitting import observe
from taxiway_simulator.replay.traffic import read
from taxiway_simulator.replay.world import Run, World, make

_PATH = click.Path(path_type=Path)
_OPTIONS = {"models": "model"}
"""What an option is called, where its value has another name."""


@click.command()
@click.argument("traffic", nargs=-1, type=_PATH)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME",
    help="What to compare; again for each. A list is composed: uptime,price.",
)
@click.option(
    "--scenario", metavar="NAME|FILE", help="What goes wrong meanwhile: see `--scenarios`, or a file of your own."
)
@click.option("--scenarios", "listed", is_flag=True, help="List the scenarios that come along, and end.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same report, byte for byte.")
@click.option(
    "--json", "json_file", metavar="FILE|-", help="Write the report as JSON; - prints it instead of the tables."
)
@click.option("--html", "html_file", type=_PATH, metavar="FILE", help="Write the report as one page with plots.")
@click.option("--rate", type=float, help="Without traffic: calls a minute  [default: 60].")
@click.option("--duration", help="Without traffic: for how long, as in 5m or 1h  [default: 10m].")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME[=SHARE]",
    help="Without traffic: a model that is asked for; again for a mix.",
)
@click.option("--prompt", type=int, help="Without traffic: the median prompt, in tokens  [default: 400].")
@click.option("--output", type=int, help="Without traffic: the median reply, in tokens  [default: 150].")
@click.option("--tail", type=float, help="Without traffic: how uneven those sizes are, 0 to 3  [default: 0.5].")
@click.option("--streams", type=float, help="Without traffic: the share of streamed calls  [default: 1].")
@click.option("--lenient", is_flag=True, help="Leave out lines of the traffic that can't be read.")
@click.option(
    "--config",
    type=_PATH,
    help="Providers, keys, models, options of strategies  [default: ./taxiway.toml where there is one].",
)
@click.option("--data-dir", type=_PATH, help="Taken as by every command; nothing is kept.")
def replay(
    traffic: tuple[Path, ...],
    strategies: tuple[str, ...],
    scenario: str | None,
    listed: bool,
    seed: int,
    json_file: str | None,
    html_file: Path | None,
    models: tuple[str, ...],
    lenient: bool,
    config: Path | None,
    data_dir: Path | None,
    **load_options: Any,
) -> None:
    """Compare routing strategies on TRAFFIC: the files that the telemetry sink `jsonl` wrote.

    Every call is made again, at its time, through the real planner and executor; the providers are simulated and time is virtual, so
    an hour takes seconds. No key is read, and nothing is sent anywhere. Prices and providers are the configuration's where it
    names any, else the traffic's; speed, failures and limits are fitted to what was recorded. Without TRAFFIC the load is made up.
    """
    if listed:
        for name, about in scenarios.shipped().items():
            click.echo(f"{name}: {about}")
        return
    given = {name: value for name, value in load_options.items() if value is not None}
    if models:
        given["models"] = _mix(models)
    if traffic and given:
        name = next(iter(given))
        raise click.UsageError(f"--{_OPTIONS.get(name, name)} describes a made-up load, and there is a traffic file.")
    prepared = _prepare(traffic, strategies, scenario, seed, config, given, lenient=lenient)
    told = prepared.told(seed)
    if json_file and json_file != "-":
        _write(Path(json_file), dumps(told) + b"\n")
    if html_file:
        from taxiway_simulator.replay.page import page

        _write(html_file, page(told).encode())
    if json_file == "-":
        click.echo(dumps(told))
        return
    from taxiway_simulator.replay.table import show

    show(told)


@frozen(kw_only=True)
class _Prepared:
    """All that is to be played."""

    world: World
    runs: Sequence[Run]
    asks: Sequence[Ask]
    start: float
    source: str
    notes: Mapping[str, int]

    def told(self, seed: int) -> Json:
        """Play it, and say what came of it. Raises ConfigError and ClickException."""
        from taxiway_simulator.replay.figures import report
        from taxiway_simulator.replay.play import play

        played = []
        for run in self.runs:
            if sys.stderr.isatty():
                click.echo(f"{run.name}: {len(self.asks):,} calls ...", err=True)
            try:
                played.append(play(self.world, run, self.asks, seed=seed, start=self.start))
            except InvalidRequest as error:
                raise click.ClickException(f"a call can't be made again: {error}") from None
        return report(self.asks, played, seed=seed, source=self.source, notes=self.notes)


def _prepare(
    traffic: Sequence[Path],
    strategies: Sequence[str],
    scenario_name: str | None,
    seed: int,
    config_file: Path | None,
    given: Mapping[str, Any],
    *,
    lenient: bool,
) -> _Prepared:
    """Read all that was named. Raises ConfigError."""
    scenario, own = scenarios.load(scenario_name) if scenario_name else (scenarios.NOTHING, None)
    config = load(config_file).checked()
    if own is not None:  # its strategies may have the options that they have here
        config = evolve(own, strategies={**config.strategies, **own.strategies})
    generations, notes = _read(traffic, lenient=lenient) if traffic else ([], {})
    world = make(config, generations, observe(generations), scenario)
    if traffic:
        asks = recorded(generations, [name for name, table in world.config.models.items() if table.try_])
        start, source = generations[0].created, ", ".join(path.name for path in traffic)
        notes["endpoints of unknown price, taken for free"] = world.unpriced
    else:
        made_up = structure({**scenario.load, **given}, Load, "load")
        asks = list(made_up.asks(made_up.models or _models(world.config), seed))
        start, source = START, "made up"
    if scenario_name:
        source = "; ".join((source, ": ".join(filter(None, (Path(scenario_name).stem, scenario.about)))))
    return _Prepared(
        world=world,
        runs=_runs(strategies, scenario, config),
        asks=asks,
        start=start,
        source=source,
        notes={what: count for what, count in notes.items() if count},
    )


def _read(traffic: Sequence[Path], *, lenient: bool) -> tuple[list[Generation], dict[str, int]]:
    """Read the traffic; and say what of it is left out. Raises ConfigError."""
    found = read(traffic, lenient=lenient)
    generations = [one for one in found.generations if one.operation in REPLAYED]
    if not generations:
        raise ConfigError([Problem("has no call that can be replayed")], ", ".join(map(str, traffic)))
    return generations, {
        "lines that can't be read, left out": found.left_out,
        "calls of other operations, left out": len(found.generations) - len(generations),
    }


def _runs(strategies: Sequence[str], scenario: scenarios.Scenario, config: Config) -> list[Run]:
    """Say what is compared: the scenario's variants where no strategy is named, else the configuration's own. Raises BadParameter."""
    if not strategies and scenario.variants:
        return [Run(name=name, routing=routing) for name, routing in scenario.variants.items()]
    if not strategies:
        return [Run(name=",".join(config.routing.strategies), routing={})]
    installed = Plugins.discover(config.plugins.disabled).names("strategy")
    runs = {}
    for given in strategies:
        names = [name.strip() for name in given.split(",")]
        for name in names:
            if name not in installed:
                raise click.BadParameter(f"{unknown(name, installed, 'strategy')}.", param_hint="--strategy")
        runs[given] = Run(name=",".join(names), routing={"strategy": names if names[1:] else names[0]})
    return list(runs.values())


def _mix(models: Sequence[str]) -> dict[str, float]:
    """Read `NAME=SHARE`; a name without a share has as much as any other."""
    mix = {}
    for given in models:
        name, _, share = given.rpartition("=") if "=" in given else (given, "", "1")
        try:
            mix[name] = float(share)
        except ValueError:
            raise click.BadParameter(f"{given}: the share must be a number.", param_hint="--model") from None
    return mix


def _models(config: Config) -> dict[str, float]:
    """Say what is asked for where nobody says: the configuration's own names, else what its simulated providers have. Raises UsageError."""
    names = [name for name, table in config.models.items() if table.try_]
    if not names and (PLUGIN in config.others or any(raw.get("use") == PLUGIN for raw in config.providers.values())):
        every = [model for one in simulated(config) for model in one.all_models().values()]
        names = [model.slug for model in every if model.operation == "chat"]
    if not names:
        raise click.UsageError(
            "--model: say what is asked for, since the configuration has no names of its own under [models]."
        )
    return dict.fromkeys(names, 1.0)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}") from None
