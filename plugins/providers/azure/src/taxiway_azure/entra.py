"""Entra ID: a token instead of a key, for an app of a tenant or for the machine's own identity.

Sources: learn.microsoft.com: OAuth 2.0 client credentials flow, managed identities (acquire a token), Azure OpenAI with
Microsoft Entra ID.
"""

from typing import Final
from urllib.parse import quote, urlencode

from attrs import frozen

from taxiway.codec import Json, loads
from taxiway.door import DoorReply
from taxiway.errors import Malformed
from taxiway.http import HttpRequest, Origin
from taxiway.outcome import Failure, RefreshFailed
from taxiway.provider import Derived
from taxiway.secret import Secret, scrub

AUTHORITY: Final = "https://login.microsoftonline.com"
SCOPE: Final = "https://cognitiveservices.azure.com/.default"

_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
_MACHINE: Final = Origin("http", "169.254.169.254", 80)
"""Azure's instance metadata service, the same on every machine of Azure's."""
_MACHINE_VERSION: Final = "2018-02-01"
_LONGEST: Final = 500


@frozen
class Identity:
    """Who asks: an app (`client_id`) of a `tenant` with its secret; without a tenant the machine, by an identity assigned to it."""

    tenant: str = ""
    client_id: str = ""
    authority: str = AUTHORITY
    scope: str = SCOPE


def asking(identity: Identity, secret: Secret | None) -> HttpRequest:
    """Make the request for a token."""
    if not identity.tenant:
        query = {"api-version": _MACHINE_VERSION, "resource": identity.scope.removesuffix("/.default")}
        if identity.client_id:
            query["client_id"] = identity.client_id
        return HttpRequest(
            "GET", _MACHINE, f"/metadata/identity/oauth2/token?{urlencode(query)}", (("metadata", "true"),)
        )
    origin, path = Origin.of(identity.authority)
    form = {
        "grant_type": "client_credentials",
        "client_id": identity.client_id,
        "client_secret": "" if secret is None else secret.reveal(),
        "scope": identity.scope,
    }
    target = f"{path}/{quote(identity.tenant, safe='')}/oauth2/v2.0/token"
    return HttpRequest("POST", origin, target, _FORM, urlencode(form).encode())


def derived(reply: DoorReply, now: float) -> Derived:
    """Read the token. `now`: seconds since the epoch. Raises RefreshFailed, saying what Entra says."""
    told = _object(reply.body)
    token, life = told.get("access_token"), told.get("expires_in")
    # The machine's service gives its seconds as a text.
    if reply.status == 200 and type(token) is str and token and str(life).isdigit():
        return Derived(Secret(token), now + float(str(life)))
    said = told.get("error_description") or told.get("error") or "no token came"
    # An application that is not known, a secret that is wrong or too old, no identity: waiting helps none of these.
    refused = 400 <= reply.status < 500 and reply.status not in {408, 429}
    raise RefreshFailed(
        Failure(
            kind="credential_invalid" if refused else "unavailable",
            message=scrub(f"Entra ID: {said}".split(" Trace ID:")[0])[:_LONGEST],
            code=_text(told.get("error")),
            status=reply.status,
            scope="account",
        )
    )


def _object(body: bytes) -> Json:
    try:
        value = loads(body)
    except Malformed:
        return {}
    return value if type(value) is dict else {}


def _text(value: object) -> str | None:
    return value if type(value) is str else None
