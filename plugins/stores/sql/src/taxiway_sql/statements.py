"""The SQL that the files beside this module hold: statements by concern, and migrations by number."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from attrs import frozen


@frozen
class Migration:
    """One step of the schema. Its file never changes once it was released; `checksum` (SHA-256) holds that."""

    number: int
    name: str
    statements: tuple[str, ...]
    checksum: str


@cache
def statements(concern: str) -> Mapping[str, str]:
    """Read the statements of `sql/<concern>.sql`: each follows a line `-- name: <its name>`."""
    text = files("taxiway_sql").joinpath("sql", f"{concern}.sql").read_text("utf-8")
    parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
    return {name.strip(): statement.strip().rstrip(";") for name, _, statement in parts}


@cache
def migrations() -> tuple[Migration, ...]:
    """Read `migrations/<number>_<name>.sql`, in order. Statements are separated by a semicolon and an empty line."""
    found = []
    for file in files("taxiway_sql").joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        number, _, name = file.name.removesuffix(".sql").partition("_")
        text = file.read_text("utf-8")
        parts = tuple(part.strip().rstrip(";") for part in text.split(";\n\n") if part.strip())
        found.append(Migration(int(number), name, parts, hashlib.sha256(text.encode()).hexdigest()))
    return tuple(sorted(found, key=lambda migration: migration.number))
