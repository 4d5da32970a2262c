"""Access tokens: of a service account for what it signs, else of whatever Google's own tools find.

Sources: developers.google.com/identity/protocols/oauth2/service-account (the assertion, the token's reply, errors);
docs.cloud.google.com/docs/authentication/application-default-credentials; google-auth.readthedocs.io.
"""

import calendar
from typing import Any, Final
from urllib.parse import urlencode

from taxiway.codec import Json, loads
from taxiway.door import DoorReply
from taxiway.errors import Malformed
from taxiway.http import HttpRequest, Origin
from taxiway.outcome import Failure, Kind, RefreshFailed
from taxiway.provider import Derived
from taxiway.secret import Secret, scrub
from taxiway_vertex.credentials import Signer

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"

_LIFE: Final = 3600
"""Seconds that an assertion asks for; Google gives no more."""

_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
_LONGEST: Final = 500


def asking(signer: Signer, now: float) -> HttpRequest:
    """Make the request for a token: `now` (seconds since the epoch) is signed. It computes for some milliseconds.

    Raises RefreshFailed where the private key is none.
    """
    from google.auth import crypt, jwt

    claims = {
        "iss": signer.email,
        "scope": SCOPE,
        "aud": signer.uri,
        "iat": int(now),
        "exp": int(now) + _LIFE,
    }
    try:
        key = crypt.RSASigner.from_string(signer.hidden.reveal(), signer.key_id)  # type: ignore[no-untyped-call]
        signed: bytes = jwt.encode(key, claims)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, AttributeError):
        # What is wrong with a key quotes it.
        raise _failed("credential_invalid", "the service account's private_key is none that can sign") from None
    origin, path = Origin.of(signer.uri)
    form = {"grant_type": GRANT, "assertion": signed.decode()}
    return HttpRequest("POST", origin, path or "/", _FORM, urlencode(form).encode())


def derived(reply: DoorReply, now: float) -> Derived:
    """Read the token. `now`: seconds since the epoch. Raises RefreshFailed, saying what Google says."""
    told = _object(reply.body)
    token: Any = told.get("access_token")
    life: Any = told.get("expires_in")
    if reply.status == 200 and type(token) is str and token and type(life) in {int, float}:
        return Derived(Secret(token), now + float(life))
    code = told.get("error")
    said = told.get("error_description") or code or "no token came"
    # An account that is gone, a key that was taken back, a scope that is none: waiting helps none of these.
    refused = 400 <= reply.status < 500 and reply.status not in {408, 429}
    raise _failed(
        "credential_invalid" if refused else "unavailable",
        f"Google's tokens: {said}",
        code if type(code) is str else None,
        reply.status,
    )


def found(now: float) -> Derived:
    """Have a token of the application default credentials. It blocks: files, metadata servers. Raises RefreshFailed."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        credentials.refresh(Request())  # type: ignore[no-untyped-call]
    except TransportError as error:
        raise _failed("unavailable", f"no default credentials could be had: {error}") from None
    except (GoogleAuthError, OSError, ValueError) as error:
        raise _failed("credential_invalid", f"no default credentials could be had: {error}") from None
    if not credentials.token:
        raise _failed("credential_invalid", "the default credentials give no token")
    # A time of day without a zone, by UTC.
    expiry = credentials.expiry
    return Derived(Secret(credentials.token), now + _LIFE if expiry is None else calendar.timegm(expiry.utctimetuple()))


def _failed(kind: Kind, message: str, code: str | None = None, status: int | None = None) -> RefreshFailed:
    shown = scrub(message)[:_LONGEST]
    return RefreshFailed(Failure(kind=kind, message=shown, code=code, status=status, scope="account"))


def _object(body: bytes) -> Json:
    try:
        value = loads(body)
    except Malformed:
        return {}
    return value if type(value) is dict else {}
