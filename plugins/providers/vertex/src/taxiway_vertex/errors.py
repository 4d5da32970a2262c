"""What Vertex AI's errors mean: Google's own form, for whichever model, and those of who made it, Anthropic's and OpenAI's.

Sources: docs.cloud.google.com/vertex-ai/generative-ai/docs: model-reference/api-errors, error-code-429; platform.claude.com/docs/api/errors;
texts as recorded, and as users reported them.
"""

from typing import Final

from attrs import evolve

from taxiway.codec import Json
from taxiway.http import Headers
from taxiway.outcome import Failure
from taxiway_anthropic_messages import ERRORS
from taxiway_gemini import failure_of as google_failure_of
from taxiway_openai_compatible import SHARED, ErrorRow, failure_of

ROWS: Final = (
    # A model that this region has not, or this project was not given.
    ErrorRow(
        kind="not_found",
        statuses=(400, 403, 404),
        message=r"not servable in region|publisher model .*(?:not found|not supported in)|is not available in (?:region|location)",
    ),
    ErrorRow(kind="permission_denied", message=r"not allowed to use publisher model|request access", scope="candidate"),
    ErrorRow(kind="token_expired", codes=("ACCESS_TOKEN_EXPIRED",)),
)
_OTHERS: Final = (*ERRORS, *SHARED)


def classify(status: int | None, headers: Headers, error: Json | str, now: float, *, derives: bool) -> Failure:
    """Say what an error means. `derives`: a token was sent, which may be had anew; an API key can't."""
    if _googles(error):
        failure = google_failure_of(ROWS, status, headers, error, now)
    else:
        failure = failure_of(_OTHERS, status, headers, error, now)
    if derives and failure.status == 401:
        return evolve(failure, kind="token_expired")
    if not derives and failure.kind == "token_expired":
        return evolve(failure, kind="credential_invalid")
    return failure


def _googles(error: Json | str) -> bool:
    """Whether an error has Google's form: a list, or a `code` that is the status."""
    if isinstance(error, str):
        return True
    inner = error.get("error")
    return not isinstance(inner, dict) or "status" in inner or type(inner.get("code")) is int
