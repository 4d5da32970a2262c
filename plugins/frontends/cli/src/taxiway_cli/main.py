"""The `taxiway` program: where it begins, and what holds for all its commands."""

import click

from taxiway_cli.group import DEFAULT_CONFIG, Commands

EPILOG = f"""\b
--config and --data-dir may stand before or after the command's name, or come from
TAXIWAY_CONFIG and TAXIWAY_DATA_DIR. Without them, ./{DEFAULT_CONFIG} is used where there is one,
and ~/.taxiway for data."""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--config", envvar="TAXIWAY_CONFIG", type=click.Path(), help="The configuration.")
@click.option("--data-dir", envvar="TAXIWAY_DATA_DIR", type=click.Path(), help="Where data is kept.")
@click.version_option(package_name="taxiway", message="taxiway %(version)s")
def main(config: str | None, data_dir: str | None) -> None:
    """Route calls to AI models over many providers and many keys, with your own keys."""
    # Both reach the command as its defaults (`Commands.get_command`); there is nothing else to do before it.
    del config, data_dir


if __name__ == "__main__":
    main(prog_name="taxiway")
