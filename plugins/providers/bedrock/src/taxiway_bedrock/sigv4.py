"""Signature Version 4: how requests to AWS prove who sends them.

Sans-IO: the time comes in, so that the provider's own clock can be followed. Rules: docs.aws.amazon.com/IAM/latest/UserGuide,
"Create a signed AWS API request" (canonical request, string to sign, signing key, authorization header).
"""

import hashlib
import hmac
import time
from typing import Final
from urllib.parse import quote

from attrs import evolve, frozen

from taxiway.http import HttpRequest

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_END: Final = "aws4_request"


@frozen(repr=False)
class Keys:
    """Access keys, for as long as a request is signed. `token`: the session's, for keys that are temporary."""

    id: str
    secret: str
    token: str | None = None


def sign(request: HttpRequest, keys: Keys, region: str, service: str, now: float) -> HttpRequest:
    """Return the request with a signature that is good for some minutes around `now` (seconds since the epoch).

    All header fields that it has are signed, and `host`. The target is signed as it stands: a `:` in a model's id and its `%3A`
    are two different paths.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    headers = [*request.headers, ("x-amz-date", stamp)]
    if keys.token is not None:
        headers.append(("x-amz-security-token", keys.token))
    signed = sorted([*headers, ("host", request.origin.authority)])
    names = ";".join(name for name, _ in signed)
    scope = f"{stamp[:8]}/{region}/{service}/{_END}"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{_sha256(_canonical(request, signed, names).encode())}"
    signature = _hmac(_signing_key(keys.secret, scope), text).hex()
    proof = f"{_ALGORITHM} Credential={keys.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return evolve(request, headers=(*headers, ("authorization", proof)))


def _canonical(request: HttpRequest, signed: list[tuple[str, str]], names: str) -> str:
    path, _, query = request.target.partition("?")
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    lines = (
        request.method,
        # What is encoded in the path already is encoded once more, for every service but S3.
        quote(path or "/", safe="/~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(value.split())}" for name, value in signed),
        "",
        names,
        _sha256(request.body),
    )
    return "\n".join(lines)


def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
