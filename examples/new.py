"""Makes a new plugin of Taxiway's own from a skeleton: `make new kind=strategy name=fastest-first`."""

import argparse
import re
import sys
from pathlib import Path
from string import Template

SKELETONS = Path(__file__).parent / "skeletons"
FOLDERS = {"strategy": "strategies"}
NEXT = """\
Made {folder}: it works as it stands.

  1. Change {folder}/src/{module}/ranking.py, its tests, and the README.
  2. make test PYTEST_ARGS={folder}      (installs it first)
  3. In taxiway.toml:

         [routing]
         strategy = "{name}"

  4. .venv/bin/taxiway plugins; .venv/bin/taxiway explain --model <a model>
  5. make lint
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", required=True, choices=sorted(FOLDERS))
    parser.add_argument("--name", required=True, help="lower case, words joined by hyphens")
    parser.add_argument("--root", type=Path, default=SKELETONS.parents[1], help="the checkout")
    given = parser.parse_args()
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", given.name):
        parser.error(f"the name {given.name!r} must be lower case letters and digits, words joined by hyphens")
    entry = f"{given.kind}-{given.name} ="
    for project in given.root.glob("plugins/*/*/pyproject.toml"):
        if f"\n{entry}" in project.read_text():
            parser.error(f"{project.parent.relative_to(given.root)} already offers the {given.kind} {given.name!r}")
    folder = Path("plugins", FOLDERS[given.kind], given.name)
    if (given.root / folder).exists():
        parser.error(f"{folder} is already there")
    module = f"taxiway_{given.name.replace('-', '_')}"
    copy(SKELETONS / given.kind, given.root / folder, {"name": given.name, "module": module})
    sys.stdout.write(NEXT.format(folder=folder, module=module, name=given.name))


def copy(skeleton: Path, target: Path, names: dict[str, str]) -> None:
    """Copy a skeleton with its names filled in: `$name` in texts, MODULE in paths."""
    for source in sorted(path for path in skeleton.rglob("*") if path.is_file()):
        place = str(source.relative_to(skeleton)).replace("MODULE", names["module"]).removesuffix(".in")
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        (target / place).write_text(Template(source.read_text()).substitute(names))


if __name__ == "__main__":
    main()
