"""`taxiway init`: write a commented configuration."""

from pathlib import Path
from typing import Final

import click

from taxiway_cli.location import located

TEMPLATE: Final = (Path(__file__).parent / "taxiway.toml").read_text("utf-8")


@click.command("init", help="Write a commented taxiway.toml to PATH [default: ./taxiway.toml].")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@located
def command(path: Path | None, force: bool, config: Path | None, data_dir: Path | None) -> None:
    """Write the file; one that exists stays as it is, unless told otherwise."""
    target = path or config or Path("taxiway.toml")
    try:
        if target.is_dir():
            target /= "taxiway.toml"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except OSError as error:
        if isinstance(error, FileExistsError) and target.exists():
            raise click.UsageError(f"{target} exists; `--force` replaces it.") from None
        raise click.ClickException(f"{target} can't be written: {error.strerror}") from None
    click.echo(
        f"Wrote {target}. Everything in it is optional; `taxiway check --config {target}` looks it over.", err=True
    )
