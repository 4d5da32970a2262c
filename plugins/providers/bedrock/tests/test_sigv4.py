"""Signatures are those that AWS's own library makes."""

import datetime as dt
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from taxiway.http import HttpRequest, Origin
from taxiway_bedrock.sigv4 import Keys, sign

NOW = 1_760_000_000.0
RUNTIME = "https://bedrock-runtime.us-east-1.amazonaws.com"
PATHS = (
    "/model/amazon.nova-lite-v1%3A0/converse-stream",
    "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke-with-response-stream",
    "/model/us.anthropic.claude-sonnet-4-6/converse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse",
    "/foundation-models?byProvider=Amazon&byInferenceType=ON_DEMAND",
    "/v1/models",
    "",
)


def theirs(request: HttpRequest, keys: Keys, region: str, service: str, now: float) -> dict[str, str]:
    """What botocore's signer, stopped at `now`, adds to a request."""
    url = f"{request.origin}{request.target}"
    asked = AWSRequest(request.method, url, headers=dict(request.headers), data=request.body)
    then = dt.datetime.fromtimestamp(now, dt.UTC).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=then):
        SigV4Auth(Credentials(keys.id, keys.secret, keys.token), service, region).add_auth(asked)
    return {name.lower(): value for name, value in asked.headers.items()}


def made(target: str, url: str = RUNTIME, body: bytes = b"{}", **headers: str) -> HttpRequest:
    fields = (("content-type", "application/json"), *headers.items())
    return HttpRequest("POST", Origin.of(url)[0], target, fields, body)


@pytest.mark.parametrize("token", [None, "session/token+=="])
@pytest.mark.parametrize("target", PATHS)
def test_a_signature_is_botocores(target: str, token: str | None) -> None:
    keys = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    request = made(target)
    assert dict(sign(request, keys, "us-east-1", "bedrock", NOW).headers) == theirs(
        request, keys, "us-east-1", "bedrock", NOW
    )


@given(
    model=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#%"), min_size=1).filter(
        lambda text: text.strip(".")
    ),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    body=st.binary(max_size=50),
    now=st.integers(10**9, 4 * 10**9),
)
def test_a_signature_is_botocores_for_any_request(model: str, secret: str, body: bytes, now: int) -> None:
    keys = Keys("AKID", secret)
    request = made(f"/model/{model}/converse", "https://localhost:8443", body, accept=" two  words ")
    assert dict(sign(request, keys, "eu-west-1", "bedrock-mantle", now).headers) == theirs(
        request, keys, "eu-west-1", "bedrock-mantle", now
    )


def test_keys_show_nothing() -> None:
    keys = Keys("AKIDEXAMPLE", "the-secret", "the-token")
    assert "the-" not in f"{keys!r} {keys}"
    signed = sign(made("/x"), keys, "us-east-1", "bedrock", NOW)
    assert "the-secret" not in f"{signed.headers}"
