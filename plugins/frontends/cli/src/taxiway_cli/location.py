"""The two options that every command takes, and what they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = click.Path(path_type=Path)


def located(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config` and `--data-dir` (arguments `config` and `data_dir`, None where not given)."""
    data_dir = click.option("--data-dir", type=_PATH, help="Where database and spool are kept  [default: ~/.taxiway].")
    config = click.option(
        "--config", type=_PATH, help="The configuration  [default: ./taxiway.toml where there is one]."
    )
    return config(data_dir(command))
