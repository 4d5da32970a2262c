"""Taxiway's generations as lines of JSON."""

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge

from taxiway.errors import ConfigError, Problem
from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, Registration

if TYPE_CHECKING:
    from taxiway_jsonl.sink import JsonlSink

TAXIWAY_API = (1, 0)


@frozen(kw_only=True)
class JsonlOptions:
    """The rest of a `[[telemetry]]` table that says `use = "jsonl"`.

    `path`: the file, else `generations.jsonl` in the data folder. It is put aside at `max_bytes`, and `keep` such files stay.
    """

    path: str | None = None
    max_bytes: int = field(default=100_000_000, validator=ge(1))
    keep: int = field(default=10, validator=ge(1))


def _build(options: JsonlOptions, context: Context) -> "JsonlSink":
    from taxiway_jsonl.sink import JsonlSink

    if options.path is not None:
        path = Path(options.path).expanduser()
    elif context.data_dir is not None:
        path = context.data_dir / "generations.jsonl"
    else:
        raise ConfigError([Problem("sink jsonl has no path, and there is no data folder (data_dir)", "telemetry.path")])
    return JsonlSink(path, options.max_bytes, options.keep)


@hookimpl
def taxiway_telemetry_sinks() -> "list[Registration[JsonlOptions, JsonlSink]]":
    """Offer the sink."""
    return [
        Registration(name="jsonl", summary="generations as lines of JSON in a file", options=JsonlOptions, build=_build)
    ]
