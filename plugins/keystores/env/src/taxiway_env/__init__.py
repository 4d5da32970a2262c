"""Keys from the environment and from files for Taxiway."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from taxiway.hookspecs import hookimpl
from taxiway.keystore import KeyStore
from taxiway.registration import Context, NoOptions, Registration

TAXIWAY_API = (1, 0)


@frozen(kw_only=True)
class EnvOptions:
    """The `[keystores.env]` table. `file`: variables that the environment itself has not; it need not exist."""

    file: Path = Path(".env")


@hookimpl
def taxiway_key_stores() -> Iterable[Registration[Any, KeyStore]]:
    """Offer `env:` and `file:`."""

    def env(options: EnvOptions, context: Context) -> KeyStore:
        from taxiway_env.variables import Variables

        return Variables(context.environment, options.file, context.log)

    def file(_: NoOptions, __: Context) -> KeyStore:
        from taxiway_env.files import Files

        return Files()

    return [
        Registration(
            name="env", summary="keys from environment variables, then from .env", options=EnvOptions, build=env
        ),
        Registration(name="file", summary="keys from files, one each", options=NoOptions, build=file),
    ]
