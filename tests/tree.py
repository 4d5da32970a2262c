"""Where things are in this repository, for tests that read it."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core/src/taxiway"


@frozen
class Plugin:
    """The folder of one distribution."""

    folder: Path

    @property
    def kind(self) -> str:
        return self.folder.parent.name

    @property
    def project(self) -> dict[str, Any]:
        return toml(self.folder / "pyproject.toml")["project"]

    @property
    def package(self) -> Path:
        return self.folder / "src" / f"taxiway_{self.folder.name.replace('-', '_')}"

    @property
    def modules(self) -> list[Path]:
        return sorted(self.package.rglob("*.py"))

    def __str__(self) -> str:
        return self.folder.name


PLUGINS = [Plugin(path.parent) for path in sorted(ROOT.glob("plugins/*/*/pyproject.toml"))]


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def core_modules(*, testing: bool = False) -> list[Path]:
    return sorted(CORE.rglob("*.py") if testing else CORE.glob("*.py"))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(), str(path)))


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports anywhere: `a.b` for `from a.b import c`."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            assert not node.level, f"{path}: a relative import"
            yield node.module


def name(path: Path) -> str:
    """Its path in the repository: how a failure calls it."""
    return str(path.relative_to(ROOT))
