"""What errors of Google's APIs mean. The bodies are as recorded, as the pages say, or as users reported them."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.testing.provider import NOW
from taxiway_gemini import failure_of
from taxiway_gemini.failures import midnight

TYPE = "type.googleapis.com/google.rpc."


def error(code, status, message="It failed.", *details):
    return {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


def reason(name):
    return {"@type": f"{TYPE}ErrorInfo", "reason": name, "domain": "googleapis.com"}


def classified(body, status=None):
    return failure_of((), body["error"]["code"] if status is None else status, {}, body, NOW)


@pytest.mark.parametrize(
    ("body", "kind", "scope"),
    [
        (error(400, "INVALID_ARGUMENT", "API key not valid.", reason("API_KEY_INVALID")), "credential_invalid", None),
        (error(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."), "credential_invalid", None),
        (error(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), "credential_invalid", None),
        (
            error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without identity)."),
            "credential_invalid",
            None,
        ),
        (error(403, "PERMISSION_DENIED", "Suspended.", reason("CONSUMER_SUSPENDED")), "credential_invalid", None),
        (error(401, "UNAUTHENTICATED", "Expired.", reason("ACCESS_TOKEN_EXPIRED")), "token_expired", None),
        (error(401, "UNAUTHENTICATED", "API keys are not supported by this API."), "credential_invalid", None),
        (
            error(403, "PERMISSION_DENIED", "Blocked.", reason("API_KEY_SERVICE_BLOCKED")),
            "permission_denied",
            "account",
        ),
        (error(403, "PERMISSION_DENIED", "Disabled.", reason("SERVICE_DISABLED")), "permission_denied", "account"),
        (
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            "permission_denied",
            "account",
        ),
        (error(403, "PERMISSION_DENIED", "No permission for this model."), "permission_denied", None),
        (error(403, "PERMISSION_DENIED", "Billing is off.", reason("BILLING_DISABLED")), "quota_exhausted", None),
        (error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "quota_exhausted", None),
        (
            error(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota, please check your plan and billing details.",
            ),
            "rate_limited",
            None,
        ),
        (
            error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: free_tier_requests, limit: 0, model: x"),
            "permission_denied",
            "candidate",
        ),
        (error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), "rate_limited", None),
        (error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), "overloaded", None),
        (error(500, "INTERNAL", "An internal error has occurred."), "unavailable", None),
        (error(504, "DEADLINE_EXCEEDED"), "timeout", None),
        (error(404, "NOT_FOUND", "models/x is not found, or is not supported for generateContent."), "not_found", None),
        (
            error(
                400, "INVALID_ARGUMENT", "The input token count (2) exceeds the maximum number of tokens allowed (1)."
            ),
            "context_length",
            None,
        ),
        (
            error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
            "payload_too_large",
            None,
        ),
        (
            error(400, "INVALID_ARGUMENT", "Developer instruction is not enabled for models/gemma-3-4b-it"),
            "unsupported_here",
            None,
        ),
        (error(400, "INVALID_ARGUMENT", 'Unknown name "labels": Cannot find field.'), "unsupported_here", None),
        (
            error(400, "INVALID_ARGUMENT", "Function call is missing a thought_signature in functionCall parts."),
            "unsupported_here",
            None,
        ),
        (error(400, "INVALID_ARGUMENT", "Unable to process input image."), "invalid_request", None),
    ],
)
def test_errors_are_what_the_table_says(body, kind, scope):
    failure = classified(body)
    assert (failure.kind, failure.scope) == (kind, scope)
    assert failure.status == body["error"]["code"]


def violation(quota, value="20"):
    return {"@type": f"{TYPE}QuotaFailure", "violations": [{"quotaId": quota, "quotaValue": value}]}


def test_a_limit_of_a_minute_is_over_when_the_body_says():
    delay = {"@type": f"{TYPE}RetryInfo", "retryDelay": "34.4s"}
    failure = classified(error(429, "RESOURCE_EXHAUSTED", "q", violation("GenerateRequestsPerMinutePerProject"), delay))
    assert failure.kind == "rate_limited"
    assert failure.retry_after == 35.4
    (hint,) = failure.hints
    assert (hint.unit, hint.window, hint.limit, hint.remaining, hint.reset) == ("requests", 60, 20, 0, NOW + 35.4)


def test_the_message_tells_the_wait_more_exactly_and_in_more_forms():
    assert classified(error(429, "RESOURCE_EXHAUSTED", "Please retry in 48.939935699s.")).retry_after == 48.939935699
    assert classified(error(429, "RESOURCE_EXHAUSTED", "Please retry in 1h2m3.5s.")).retry_after == 3723.5


def test_a_limit_of_a_day_is_over_at_midnight_in_california():
    failure = classified(error(429, "RESOURCE_EXHAUSTED", "q", violation("InputTokensPerDay", "x")))
    (hint,) = failure.hints
    # NOW is 2025-10-09 08:53:20 UTC, 1:53 in Los Angeles.
    assert (hint.unit, hint.window, hint.limit) == ("input-tokens", 86_400, None)
    assert hint.reset == datetime(2025, 10, 10, 7, tzinfo=ZoneInfo("UTC")).timestamp()


@given(now=st.integers(1_600_000_000, 2_300_000_000))
def test_midnight_is_what_the_zones_own_table_says(now):
    zone = ZoneInfo("America/Los_Angeles")
    here = datetime.fromtimestamp(now, zone)
    ends = datetime.fromordinal(here.toordinal() + 1).replace(tzinfo=zone)
    assert midnight(now) == ends.timestamp()


def test_an_error_inside_a_stream_says_its_status_itself():
    failure = failure_of((), None, {}, error(503, "UNAVAILABLE", "The model is overloaded."), NOW)
    assert (failure.kind, failure.status) == ("overloaded", 503)


def test_a_list_of_one_error_is_that_error():
    failure = failure_of((), 400, {}, json.dumps([error(400, "INVALID_ARGUMENT", "x", reason("API_KEY_INVALID"))]), NOW)
    assert failure.kind == "credential_invalid"


def test_the_field_that_is_wrong_is_told_and_the_key_is_not():
    wrong = {"@type": f"{TYPE}BadRequest", "fieldViolations": [{"field": "contents[0]", "description": "x"}]}
    failure = classified(
        error(400, "INVALID_ARGUMENT", "Consumer 'api_key:AIzaSyAbm-0123456789abcdefghij' is wrong", wrong)
    )
    assert failure.field == "contents[0]"
    assert "AIza" not in failure.message
