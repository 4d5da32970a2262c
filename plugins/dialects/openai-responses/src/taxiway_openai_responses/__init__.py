"""OpenAI's Responses API as a dialect of Taxiway: for clients that speak it, whatever provider serves, and for providers that do."""

from typing import TYPE_CHECKING

from taxiway.hookspecs import hookimpl
from taxiway.registration import Context, NoOptions, Registration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taxiway.dialect import Dialect

TAXIWAY_API = (1, 0)


@hookimpl
def taxiway_dialects() -> "Iterable[Registration[NoOptions, Dialect]]":
    """Offer the dialect responses."""

    def build(options: NoOptions, context: Context) -> "Dialect":
        from taxiway_openai_responses.dialect import RESPONSES

        return RESPONSES

    return [Registration(name="responses", summary="OpenAI's Responses API, stateless", options=NoOptions, build=build)]
