"""Canonical slugs: OpenRouter's ids, as models.dev has them, for what providers call their models.

A provider's id is read in several ways, the strictest first, until one is the name of a canonical slug. names.toml has what no
rule finds.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any, Final, TypeAlias

_Names: TypeAlias = Mapping[str, str]
_Level: TypeAlias = tuple[_Names, Callable[[str], str]]

NAMES: Final[Mapping[str, Any]] = tomllib.loads((files("taxiway_models_dev") / "names.toml").read_text("utf-8"))

_SEPARATORS: Final = re.compile(r"[._@ ]|(?<=\d)p(?=\d)")
"""`claude-sonnet-4.5`, `claude-sonnet-4-5` and `claude-sonnet-4p5` are one name."""

_JOINT: Final = re.compile(r"(?<=[a-z])-(?=\d)")
"""So are `qwen3-32b` and `qwen-3-32b`."""

_REGION: Final = re.compile(r"(?:us|eu|apac|global|au|jp|ca|us-gov)\.(?=[a-z0-9]+\.)")
"""What Bedrock puts before an id: where the model runs."""

_VENDOR: Final = re.compile(r"^[a-z0-9]+\.(?=[a-z])|^(?:cohere|meta|nvidia|zai)-(?=[a-z]+-)")
"""Whose model it is, inside the name: `anthropic.claude-opus-4-7`, `meta-llama-3-8b-instruct`."""

_PACKAGING: Final = re.compile(r"(?:-v1|-v?\d+:\d+|:[a-z]+|@default|-maas|-fp8)$")
"""Revisions of Bedrock (`-v1:0`), variants (`:free`), Vertex's default and its service, a precision."""

_DATE: Final = re.compile(r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{4})$")
_MONTH: Final = re.compile(r"-\d{4}$")
_LATEST: Final = "-latest"
_INSTRUCT: Final = "-instruct"


class Slugs:
    """Pairs providers' ids with canonical slugs.

    `canonical`: OpenRouter's ids. `own`: by maker, the ids that it has itself, for what OpenRouter has not.
    """

    def __init__(self, canonical: Iterable[str], own: Mapping[str, Iterable[str]] | None = None) -> None:
        # A tilde marks OpenRouter's moving aliases (`~author/model-latest`), a colon its variants (`:free`).
        slugs = [slug.partition(":")[0] for slug in canonical if "/" in slug and slug[0] != "~"]
        exact = {_name(slug): slug for slug in slugs if not slug.startswith("openrouter/")}
        also = {_name(name): slug for slug, names in NAMES["also"].items() for name in names if slug in slugs}
        known = also | {_unpacked(slug): slug for slug in exact.values()} | exact
        known |= {f"{name}{_LATEST}": slug for name, slug in known.items()}
        # The newest month of a model that has several; in the alphabet it comes last.
        known |= {_name(_MONTH.sub(_LATEST, slug)): slug for slug in sorted(exact.values()) if _MONTH.search(slug)}
        self._levels: list[_Level] = [
            (exact, _name),
            (known, _unpacked),
            (known, lambda identifier: _unpacked(_nobodys(identifier))),
            (known, _undated),
            (known, lambda identifier: _undated(_nobodys(identifier))),
            (_bare_names(known), _bare),
        ]
        # Only now: what OpenRouter has under any name is not called by its maker's.
        made = {
            _name(id_): f"{maker}/{id_}"
            for maker, ids in (own or {}).items()
            for id_, slug in self.of(ids).items()
            if slug is None
        }
        self._levels += [(made, reading) for _, reading in self._levels[:-1]]

    def of(self, ids: Iterable[str]) -> Mapping[str, str | None]:
        """Return the slug of each id of one provider; None where none is known.

        A slug is given once, but for the regions of Bedrock: the id that says it most strictly has it, of dated ones the newest.
        """
        found: dict[str, str | None] = dict.fromkeys(sorted(ids))
        taken: set[tuple[str, str]] = set()
        # Newest last in the alphabet, so that reversing puts it first.
        waiting = list(reversed(found))
        for names, reading in self._levels:
            for id_ in waiting:
                region = match[0] if (match := _REGION.match(id_)) else ""
                slug = names.get(reading(id_))
                if slug is not None and (slug, region) not in taken:
                    found[id_] = slug
                    taken.add((slug, region))
            waiting = [id_ for id_ in waiting if found[id_] is None]
        return found


def _name(identifier: str) -> str:
    """Read an id as it is, but for its author and its spelling."""
    return _JOINT.sub("", _SEPARATORS.sub("-", identifier.rsplit("/", 1)[-1].lower()))


def _plain(identifier: str) -> str:
    return _PACKAGING.sub("", _REGION.sub("", identifier.rsplit("/", 1)[-1].lower()))


def _unpacked(identifier: str) -> str:
    """Read an id without where it runs and how it is packed."""
    return _name(_plain(identifier))


def _undated(identifier: str) -> str:
    return _name(_DATE.sub("", _plain(identifier)))


def _nobodys(identifier: str) -> str:
    """Leave out whose model it is, also inside the name."""
    return _VENDOR.sub("", _plain(identifier), count=1)


def _bare(identifier: str) -> str:
    return _undated(_nobodys(identifier)).replace(_INSTRUCT, "")


def _bare_names(names: _Names) -> _Names:
    """Leave out what most models are called and some providers don't say; nothing that then means two models."""
    found: dict[str, set[str]] = {}
    for name, slug in names.items():
        found.setdefault(name.replace(_INSTRUCT, ""), set()).add(slug)
    return {name: slugs.pop() for name, slugs in found.items() if len(slugs) == 1}
