"""A server of one's own, as `[[providers]] use = "openai-compatible"` describes it."""

from taxiway.catalog import CatalogModel
from taxiway.errors import ConfigError, Problem
from taxiway.money import Price
from taxiway_openai_compatible import ModelPrice, Options, ServedModel
from taxiway_openai_compatible.declaration import PATHS, Shape, paths_of
from taxiway_openai_compatible.listing import MODALITIES, ListingProvider
from taxiway_openai_compatible.provider import CompatibleProvider, sendable, split

_MILLION = 1_000_000.0
_ADDRESS = "must be an address such as http://127.0.0.1:8000/v1"
_OURS = frozenset("authorization content-type host content-length accept-encoding connection".split())
"""Header fields that every request has, or must not have."""


def server(options: Options) -> CompatibleProvider:
    """Build the provider. Raises ConfigError, naming the option."""
    problems: list[Problem] = []
    if not _is_address(options.base_url):
        problems.append(Problem(_ADDRESS, "base_url"))
    for name, value in options.headers.items():
        if name.lower() in _OURS:
            problems.append(Problem("is no header to be set here; a key belongs into a credential", f"headers.{name}"))
        elif not sendable(value):
            problems.append(Problem("has characters that no header can carry", f"headers.{name}"))
    for index, dialect in enumerate(options.speaks):
        if dialect not in PATHS:
            known = f"there is no such dialect here: one of {', '.join(PATHS)}"
            problems.append(Problem(known, f"speaks[{index}]"))
    if problems:
        raise ConfigError(problems)
    shape = Shape(
        slug=options.slug,
        name=options.name or options.slug,
        base_url=options.base_url,
        headers=options.headers,
        paths=paths_of(*options.speaks),
    )
    return ListingProvider(shape, tuple(served(options.slug, given) for given in options.models))


def checked(base_url: str | None) -> None:
    """Raise ConfigError for what is no address."""
    if base_url is not None and not _is_address(base_url):
        raise ConfigError([Problem(_ADDRESS, "base_url")])


def _is_address(url: str) -> bool:
    try:
        split(url)
    except ValueError:
        return False
    return True


def served(provider: str, given: str | ServedModel) -> CatalogModel:
    """Make a declared model. A text is the server's own id, and also the slug where it has an author; else the provider stands for one."""
    row = ServedModel(id=given) if isinstance(given, str) else given
    slug = row.slug or (row.id if "/" in row.id else f"{provider}/{row.id}")
    return CatalogModel(
        id=row.id,
        slug=slug,
        name=slug,
        price=Price() if row.price is None else _price(row.price),
        context=row.context,
        max_output=row.max_output,
        # Nothing is known of what it takes.
        inputs=MODALITIES,
    )


def _price(given: ModelPrice) -> Price:
    cached = None if given.cache_read is None else given.cache_read / _MILLION
    return Price(input=given.input / _MILLION, output=given.output / _MILLION, cache_read=cached)
