"""Tokens: what a service account signs, what Google answers, and what its own tools find; never over the network here."""

import datetime as dt
import json
from unittest import mock
from urllib.parse import parse_qs

import google.auth
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions, jwt

from taxiway.candidate import Credential
from taxiway.door import DoorReply
from taxiway.outcome import RefreshFailed
from taxiway.provider import Refreshes
from taxiway.secret import Secret
from taxiway.testing.provider import NOW
from taxiway_vertex.provider import VertexProvider

EMAIL = "taxiway@acme-1.iam.gserviceaccount.com"
TOKEN = b'{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}'


class Google:
    """The way to Google's tokens: it keeps what it is asked."""

    def __init__(self, status=200, body=TOKEN):
        self.status, self.body, self.requests = status, body, []

    async def send(self, request, within):
        self.requests.append(request)
        return DoorReply(self.status, {}, self.body)


@pytest.fixture(scope="module")
def private():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private):
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, *form).decode()


def account(provider, private_key=None, key=None, **settings):
    if private_key is not None:
        told = {"type": "service_account", "client_email": EMAIL, "private_key": private_key, "private_key_id": "k1"}
        key = json.dumps({**told, "project_id": "acme-1", "token_uri": "https://tokens.example/token?x=1"})
    credential = Credential(id="c", provider="google-vertex", label="label", settings=settings)
    (made,) = provider.accounts(credential, None if key is None else Secret(key))
    return made


async def test_a_service_account_signs_for_a_token(private):
    door = Google()
    provider = VertexProvider(door)
    assert isinstance(provider, Refreshes)
    derived = await provider.refresh(account(provider, pem(private)), NOW)
    assert (derived.secret.reveal(), derived.expires) == ("ya29.token", NOW + 3599)
    (request,) = door.requests
    assert (request.method, f"{request.origin}{request.target}") == ("POST", "https://tokens.example/token?x=1")
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (assertion,) = form["assertion"]
    header, claims, _, _ = jwt._unverified_decode(assertion)
    assert (header["alg"], header["kid"]) == ("RS256", "k1")
    assert claims == {
        "iss": EMAIL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://tokens.example/token?x=1",
        "iat": int(NOW),
        "exp": int(NOW) + 3600,
    }
    assert google.auth.crypt.verify_signature(
        assertion.rpartition(".")[0],
        google.auth._helpers.padded_urlsafe_b64decode(assertion.rpartition(".")[2]),
        public,
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            400,
            b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}',
            "credential_invalid",
            "Google's tokens: Invalid JWT Signature.",
        ),
        (401, b'{"error":"invalid_client"}', "credential_invalid", "Google's tokens: invalid_client"),
        (429, b"{}", "unavailable", "Google's tokens: no token came"),
        (503, b"<html>", "unavailable", "Google's tokens: no token came"),
        (200, b'{"access_token":"x"}', "unavailable", "Google's tokens: no token came"),
        (200, b"[1]", "unavailable", "Google's tokens: no token came"),
    ],
)
async def test_a_refusal_says_why(private, status, body, kind, message):
    provider = VertexProvider(Google(status, body))
    with pytest.raises(RefreshFailed) as raised:
        await provider.refresh(account(provider, pem(private)), NOW)
    failure = raised.value.failure
    assert (failure.kind, failure.message, failure.scope) == (kind, message, "account")


async def test_a_private_key_that_is_none_is_not_quoted():
    provider = VertexProvider(Google())
    wrong = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n"
    with pytest.raises(RefreshFailed) as raised:
        await provider.refresh(account(provider, wrong), NOW)
    assert raised.value.failure.kind == "credential_invalid"
    assert "planted" not in repr(raised.value.failure)


async def test_an_api_key_is_sent_as_it_is():
    door = Google()
    provider = VertexProvider(door)
    derived = await provider.refresh(account(provider, key="AIza-0123456789"), NOW)
    assert (derived.secret, derived.expires, door.requests) == (Secret("AIza-0123456789"), None, [])


class Found:
    """What Google's own tools find."""

    token = "ya29.found"

    def __init__(self, error=None, expiry=None):
        self.error, self.expiry = error, expiry

    def refresh(self, request):
        if self.error is not None:
            raise self.error


async def test_without_a_key_googles_own_tools_are_asked():
    provider = VertexProvider(Google())
    expiry = dt.datetime(2026, 1, 1, 12, 0, 0)  # noqa: DTZ001 - as google-auth gives it
    with mock.patch("google.auth.default", return_value=(Found(expiry=expiry), "p")) as default:
        derived = await provider.refresh(account(provider, project="p"), NOW)
    assert default.call_args.kwargs == {"scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
    assert derived.secret.reveal() == "ya29.found"
    assert derived.expires == expiry.replace(tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.TransportError("no way"), "unavailable"),
        (exceptions.RefreshError("invalid_grant"), "credential_invalid"),
        (exceptions.DefaultCredentialsError("none here"), "credential_invalid"),
    ],
)
async def test_what_they_do_not_find_says_why(error, kind):
    provider = VertexProvider(Google())
    with mock.patch("google.auth.default", return_value=(Found(error), "p")), pytest.raises(RefreshFailed) as raised:
        await provider.refresh(account(provider, project="p"), NOW)
    assert raised.value.failure.kind == kind
