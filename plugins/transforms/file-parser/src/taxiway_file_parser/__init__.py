"""PDF and text files as text, for models that take no files."""

from typing import TYPE_CHECKING

from attrs import field, frozen, validators

from taxiway.clock import Duration
from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taxiway.transform import Transform

TAXIWAY_API = (1, 0)


@frozen(kw_only=True)
class Options:
    """A `[[transforms]]` table with `use = "file-parser"`."""

    max_characters: int = field(default=2_000_000, validator=validators.gt(0))
    within: Duration = field(default=30.0, validator=validators.gt(0.0))


@hookimpl
def taxiway_transforms() -> "Iterable[Registration[Options, Transform]]":
    """Offer the transform."""

    def build(options: Options, context: Context) -> "Transform":
        from taxiway_file_parser.parser import FileParser

        return FileParser(options.max_characters, options.within)

    return [
        Registration(
            name="file-parser",
            summary="PDF and text files as text, for models that take no files",
            options=Options,
            build=build,
        )
    ]
