"""OpenAI's legacy text completions as a dialect of Taxiway: for clients that send a prompt, and for models that only go on with one."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taxiway.dialect import Dialect

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_dialects() -> "Iterable[Registration[NoOptions, Dialect]]":
    """Offer the dialect completions."""

    def build(options: NoOptions, context: Context) -> "Dialect":
        from taxiway_openai_completions.dialect import COMPLETIONS

        return COMPLETIONS

    return [
        Registration(name="completions", summary="OpenAI's legacy text completions", options=NoOptions, build=build)
    ]
