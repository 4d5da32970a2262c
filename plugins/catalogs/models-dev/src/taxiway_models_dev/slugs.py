"""Canonical slugs: OpenRouter's ids, as models.dev has them, for what providers call their models."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_SEPARATORS: Final = re.compile(r"[._]|(?<=\d)p(?=\d)")
"""`claude-sonnet-4.5`, `claude-sonnet-4-5` and `claude-sonnet-4p5` are one name."""

_DATE: Final = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


class Slugs:
    """Pairs providers' ids with canonical slugs."""

    def __init__(self, canonical: Iterable[str]) -> None:
        # A tilde marks OpenRouter's moving aliases (`~author/model-latest`), a colon its variants (`:free`).
        self._by_name = {_name(slug): slug for slug in canonical if "/" in slug and slug[0] != "~" and ":" not in slug}

    def of(self, provider: str, ids: Iterable[str]) -> Mapping[str, str]:
        """Return the slug of each id of one provider: no slug twice, and `<provider>/<id>` where none is known.

        A dated id (`claude-3-haiku-20240307`) stands for the undated slug only where no undated id does; the newest wins.
        """
        found: dict[str, str] = {}
        taken: set[str] = set()
        plain = sorted(ids)
        # Newest last in the alphabet, so that reversing puts it first.
        dated = [(id_, _DATE.sub("", id_)) for id_ in reversed(plain) if _DATE.search(id_)]
        for id_, name in [*((id_, id_) for id_ in plain), *dated]:
            slug = self._by_name.get(_name(name))
            if slug is not None and slug not in taken and id_ not in found:
                found[id_] = slug
                taken.add(slug)
        return {id_: found.get(id_) or f"{provider}/{id_}" for id_ in plain}


def _name(identifier: str) -> str:
    return _SEPARATORS.sub("-", identifier.rsplit("/", 1)[-1].lower())
