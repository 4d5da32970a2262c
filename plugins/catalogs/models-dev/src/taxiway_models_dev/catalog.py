"""Models and prices as Taxiway wants them: USD per token, OpenRouter's names of models, parameters and modalities."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from taxiway.catalog import CatalogModel
from taxiway.money import Price
from taxiway_models_dev.data import FILE, Data
from taxiway_models_dev.slugs import NAMES, Slugs

_MILLION: Final = 1_000_000
_CANONICAL: Final = "openrouter"
_LONG: Final = 200_000

_PARTS: Final = {
    "input": "input",
    "output": "output",
    "cache_read": "cache_read",
    "cache_write": "cache_write_5m",
    "reasoning": "reasoning",
    "input_audio": "audio_in",
    "output_audio": "audio_out",
}
"""models.dev's parts of a price, and ours."""

_FLAGS: Final = {
    "tool_call": ("tools", "tool_choice", "parallel_tool_calls"),
    "structured_output": ("structured_outputs",),
    "temperature": ("temperature",),
    "reasoning": ("reasoning", "include_reasoning", "reasoning_effort"),
}
"""models.dev's flags, and the parameters that each says something of. A flag that is absent says nothing."""

_MODALITIES: Final = {"pdf": "file"}
_EMBEDDINGS: Final = "embed"


class ModelsDev:
    """The catalog. A provider's models are made when it is asked for, and kept.

    `folder`: where a fetched file may be, which is then read instead of what the distribution `models-dev` has.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._data = Data(folder / FILE if folder else None)
        self._made: dict[str, Mapping[str, CatalogModel]] = {}

    def provider(self, name: str) -> Mapping[str, CatalogModel]:
        """Return a provider's models by the provider's own ids. `name` is models.dev's; empty where it knows no such one."""
        if name not in self._made:
            raw, slugs, ours = self._data.models(name), self._pairs(name), NAMES["slugs"].get(name, name)
            models = (_model(id_, slugs[id_] or f"{ours}/{id_}", entry) for id_, entry in raw.items())
            self._made[name] = {model.id: model for model in models if model is not None}
        return self._made[name]

    def providers(self) -> Iterator[str]:
        """Name every provider that models.dev knows."""
        return self._data.providers()

    def unpaired(self, name: str) -> Sequence[str]:
        """Return the ids of a provider's models that have no canonical slug, and so are called `<provider>/<id>`."""
        slugs = self._pairs(name)
        return [id_ for id_ in self.provider(name) if slugs[id_] is None]

    def _pairs(self, name: str) -> Mapping[str, str | None]:
        ids = self._data.models(name)
        return {id_: id_ for id_ in ids} if name == _CANONICAL else self._slugs.of(ids)

    @cached_property
    def _slugs(self) -> Slugs:
        canonical = [*self._data.models(_CANONICAL), *NAMES["unlisted"]["embeddings"]]
        return Slugs(canonical, {maker: self._data.models(name) for name, maker in NAMES["makers"].items()})


def _model(id_: str, slug: str, raw: Mapping[str, Any]) -> CatalogModel | None:
    """One model; None for what is neither chat nor embeddings (images, speech, transcription)."""
    modalities = raw.get("modalities") or {}
    inputs, outputs = (_modalities(modalities.get(way, ())) for way in ("input", "output"))
    if "text" not in inputs or "text" not in outputs:
        return None
    limit = raw.get("limit") or {}
    common: dict[str, Any] = {
        "id": id_,
        "slug": slug,
        "name": raw.get("name") or id_,
        "price": _price(raw.get("cost")),
        "context": limit.get("context") or None,
        "inputs": inputs,
        "created": _epoch(raw.get("release_date")),
    }
    if _EMBEDDINGS in id_.lower() or _EMBEDDINGS in (raw.get("family") or ""):
        return CatalogModel(operation="embeddings", outputs=frozenset({"embeddings"}), **common)
    return CatalogModel(
        max_output=limit.get("output") or None,
        outputs=outputs,
        parameters=frozenset(_flagged(raw, True)),
        unsupported=frozenset(_flagged(raw, False)),
        reasoning=bool(raw.get("reasoning")),
        **common,
    )


def _flagged(raw: Mapping[str, Any], value: bool) -> Iterator[str]:
    for flag, parameters in _FLAGS.items():
        if raw.get(flag) is value:
            yield from parameters


def _modalities(names: list[str]) -> frozenset[str]:
    return frozenset(_MODALITIES.get(name, name) for name in names)


def _price(cost: Mapping[str, Any] | None) -> Price:
    if not cost:
        return Price()
    above = [
        (tier["tier"]["size"], _parts(tier)) for tier in cost.get("tiers", ()) if tier["tier"]["type"] == "context"
    ]
    if not above and (long := cost.get("context_over_200k")):
        above = [(_LONG, _parts(long))]
    return Price(**_parts(cost), above=tuple((size, Price(**parts)) for size, parts in above))


def _parts(cost: Mapping[str, Any]) -> dict[str, Any]:
    return {ours: cost[theirs] / _MILLION for theirs, ours in _PARTS.items() if cost.get(theirs) is not None}


def _epoch(date: str | None) -> int:
    """Read `2025-04-14`, `2025-04` or `2025`; 0 for anything else."""
    parts = (date or "").split("-")
    try:
        year, month, day = (int(part) for part in [*parts, "1", "1"][:3])
        return int(datetime(year, month, day, tzinfo=UTC).timestamp())
    except ValueError:
        return 0
