"""`taxiway catalog`: which models have no canonical slug, and newer data than the installed distribution has."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

import click

from taxiway_models_dev.update import SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from taxiway.catalog import CatalogModel
    from taxiway.provider import Provider
    from taxiway_models_dev.catalog import ModelsDev

_PATH: Final = click.Path(path_type=Path)


def _located(command: Callable[..., Any]) -> Callable[..., Any]:
    config = click.option(
        "--config", type=_PATH, help="The configuration  [default: ./taxiway.toml where there is one]."
    )
    return config(
        click.option("--data-dir", type=_PATH, help="Where fetched data is kept  [default: ~/.taxiway].")(command)
    )


@click.group("catalog")
def catalog() -> None:
    """Check and update models and prices (models.dev)."""


@catalog.command()
@click.argument("names", nargs=-1, metavar="[PROVIDER]...")
@click.option("--all", "everything", is_flag=True, help="Every provider that models.dev knows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_located
def check(names: tuple[str, ...], everything: bool, as_json: bool, config: Path | None, data_dir: Path | None) -> None:
    """List the models that have no canonical slug.

    They are called `<provider>/<id>`; pair one with a slug by `[models."<provider>/<id>"] slug = "author/name"`. PROVIDER is
    models.dev's name or a slug of Taxiway's; without any, those that the installed providers ask for.
    """
    from taxiway_models_dev.catalog import ModelsDev

    models = ModelsDev(_folder(config, data_dir))
    used, known = _asked_for(models), list(models.providers())
    wanted = [name for given in names for name in used.get(given, (given,))]
    wanted = wanted or (known if everything else sorted({name for some in used.values() for name in some}))
    if unknown := [name for name in wanted if name not in known]:
        raise click.UsageError(f"models.dev knows no {', '.join(unknown)}.")
    told = {name: {"models": len(models.provider(name)), "unpaired": models.unpaired(name)} for name in wanted}
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    for name, row in told.items():
        unpaired = models.unpaired(name)
        click.echo(f"{name}: {len(unpaired)} of {row['models']} without a canonical slug")
        for id_ in unpaired:
            click.echo(f"  {id_}")


@catalog.command()
@click.option(
    "--from", "source", default=SOURCE, show_default=True, help="A file or an address of models.dev's api.json."
)
@_located
def update(source: str, config: Path | None, data_dir: Path | None) -> None:
    """Fetch newer models and prices, and use them instead of the installed ones from the next start on.

    What is fetched is looked over before it replaces anything. Delete the file to use the installed data again.
    """
    from taxiway_models_dev.update import update

    file, providers, models = update(source, _folder(config, data_dir))
    click.echo(f"{file}: {models} models of {providers} providers.")


def _folder(config: Path | None, data_dir: Path | None) -> Path:
    from taxiway.composition import DEFAULT_FOLDER
    from taxiway.config import load
    from taxiway.converter import structure

    return structure(data_dir or load(config).checked().data_dir or DEFAULT_FOLDER, Path, "data_dir")


class _Asked:
    """A catalog that notes what it is asked for."""

    def __init__(self, models: ModelsDev) -> None:
        self._models = models
        self.names: set[str] = set()

    def provider(self, name: str) -> Mapping[str, CatalogModel]:
        self.names.add(name)
        return self._models.provider(name)


def _asked_for(models: ModelsDev) -> Mapping[str, Iterable[str]]:
    """Return, by slug, the names under which the installed providers look for their models.

    One that needs options, or an account, to say what it serves is left out: it can be named.
    """
    from taxiway.building import Builder
    from taxiway.clock import SystemClock
    from taxiway.plugins import Plugins
    from taxiway.registration import Context

    random = Random()  # noqa: S311 - no secrets
    context = Context(clock=SystemClock(), random=random, log=logging.getLogger("taxiway"), environment=os.environ)
    builder = Builder(plugins=Plugins.discover(), context=context)
    found: dict[str, set[str]] = {}
    for name in builder.plugins.names("provider"):
        provider: Provider | None = builder.make("provider", {}, name, name)
        if provider is not None:
            asked = _Asked(models)
            list(provider.endpoints(asked, ()))
            found.setdefault(provider.slug, set()).update(asked.names.intersection(models.providers()))
    return found
