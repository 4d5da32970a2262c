"""What Bedrock's errors mean, as rows: the first that matches says it, else the status does.

The type of an error is in a header (`x-amzn-errortype: ThrottlingException:http://...`), of one in a stream in its frame's headers
(`throttlingException`), and the body has only a message. Sources: docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
and the errors of each operation; docs.aws.amazon.com/IAM, "Troubleshoot signed requests"; messages as recorded and as users
reported them.
"""

from typing import Final

from attrs import evolve

from taxiway.codec import Json
from taxiway.http import Headers
from taxiway.outcome import Failure
from taxiway_anthropic_messages import ERRORS
from taxiway_openai_compatible import SHARED, ErrorRow, failure_of

ROWS: Final = (
    # A signature that is out of time comes under several types; the message tells.
    ErrorRow(kind="clock_skewed", codes=("RequestTimeTooSkewed", "RequestExpired")),
    ErrorRow(kind="clock_skewed", message=r"signature (expired|not yet current)"),
    ErrorRow(kind="token_expired", codes=("ExpiredTokenException", "ExpiredToken")),
    ErrorRow(
        kind="credential_invalid",
        codes=(
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationTokenException",
            "NotAuthorizedException",
        ),
    ),
    # Of an API key the type says only that access is denied.
    ErrorRow(kind="credential_invalid", statuses=(401, 403), message=r"api key|bearer token|authentication failed"),
    ErrorRow(kind="permission_denied", codes=("AccessDeniedException", "OptInRequired")),
    ErrorRow(kind="permission_denied", codes=("ValidationException",), message=r"operation not allowed"),
    ErrorRow(
        kind="rate_limited",
        codes=("ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"),
    ),
    ErrorRow(kind="overloaded", codes=("ServiceUnavailableException", "ModelNotReadyException")),
    ErrorRow(kind="timeout", codes=("ModelTimeoutException",)),
    ErrorRow(kind="unavailable", codes=("InternalServerException", "ModelErrorException", "ModelStreamErrorException")),
    ErrorRow(kind="not_found", codes=("ResourceNotFoundException",)),
    ErrorRow(
        kind="not_found",
        message=r"model identifier is invalid|on-demand throughput isn.t supported|isn.t supported on this route"
        r"|end of its life",
    ),
    ErrorRow(
        kind="context_length",
        message=r"(input|prompt|context) (is|was) too long|too many (input )?tokens|exceeds? the (max(imum)?|model'?s?)"
        r" (number of |context |input )|exceed context limit",
    ),
    ErrorRow(kind="content_policy", message=r"content filter(ing)? policy|blocked by content"),
    ErrorRow(kind="payload_too_large", statuses=(413,)),
    ErrorRow(
        kind="unsupported_here",
        message=r"doesn.t support|does not support|(isn.t|is not|not) (currently )?supported|extraneous key"
        r"|exceeds the model limit|cannot both be specified|invalid beta flag",
    ),
    # Within a stream no status says it.
    ErrorRow(kind="invalid_request", codes=("ValidationException",)),
)


def classify(headers: Headers, status: int | None, error: Json | str, now: float, *, renews: bool) -> Failure:
    """Say what an error means. `renews`: expired keys can be had anew."""
    told = {"retry-after-ms": headers["x-amz-retry-after"], **headers} if "x-amz-retry-after" in headers else headers
    if isinstance(error, dict) and error.get("error"):
        # Claude's own form, in a stream of its own events, and OpenAI's, on the host `bedrock-mantle`.
        failure = failure_of((*ROWS, *ERRORS, *SHARED), status, told, error, now)
    else:
        failure = failure_of(ROWS, status, told, named(error, headers), now)
    if failure.kind == "token_expired" and not renews:
        return evolve(failure, kind="credential_invalid")
    return failure


def named(error: Json | str, headers: Headers) -> Json | str:
    """Return an error with its type as `code`, from wherever it is said."""
    if isinstance(error, str):
        said, message = "", error
    else:
        said, message = str(error.get("__type") or ""), error.get("message") or error.get("Message") or ""
    type_ = (headers.get("x-amzn-errortype") or said).partition(":")[0].rpartition("#")[2]
    return {"message": message, "code": type_[:1].upper() + type_[1:]} if type_ else {"message": message}
