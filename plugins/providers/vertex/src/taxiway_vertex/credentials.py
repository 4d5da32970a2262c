"""What a credential for Vertex AI may be: a service account's JSON, an API key, or none where the machine has its own.

Sources: docs.cloud.google.com/iam/docs/keys-create-delete (the JSON), docs.cloud.google.com/vertex-ai/generative-ai/docs: start/api-keys,
start/express-mode (no project in the path), learn/locations; OpenRouter's "bring your own key", Google Vertex (`region` in the JSON).
"""

import re
from typing import Any, Final

from attrs import frozen

from taxiway.candidate import Account, Credential
from taxiway.codec import Json, loads
from taxiway.converter import structure
from taxiway.errors import ConfigError, Malformed, Problem
from taxiway.http import Origin
from taxiway.secret import Secret
from taxiway_openai_compatible import sendable, split

GLOBAL: Final = "global"
TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address

_REGION: Final = re.compile(r"[a-z]+(-[a-z]+\d+)?")
_PROJECT: Final = re.compile(r"[\w.:-]+", re.ASCII)
_MULTI: Final = frozenset({"us", "eu"})
_KIND: Final = "service_account"
_SIGNING: Final = ("client_email", "private_key")


@frozen(kw_only=True)
class VertexSettings:
    """The `settings` of a credential. `project` and `region` come before those of a service account's JSON.

    `base_url`: another address of the same API, without a version: a private endpoint, or a gateway.
    """

    project: str | None = None
    region: str | None = None
    base_url: str | None = None


@frozen
class Signer:
    """Who signs for tokens: a service account. `hidden` holds its private key; `uri` is where tokens are had."""

    email: str
    key_id: str | None
    hidden: Secret
    uri: str


@frozen
class Place:
    """Where an account's requests go, and what proves who sends them.

    `base`: a path before the version. `parent`: the project and its location, empty for an API key of express mode. `signer`: of a
    service account; `derives`: whether a token is sent, not the key itself.
    """

    origin: Origin
    base: str
    parent: str
    derives: bool
    signer: Signer | None = None

    def header(self, secret: Secret) -> tuple[str, str]:
        """Return the header field with the token or key."""
        text = secret.reveal()
        return ("authorization", f"Bearer {text}") if self.derives else ("x-goog-api-key", text)


def account_of(credential: Credential, secret: Secret | None) -> Account:
    """Make the one account of a credential. Raises ConfigError with every mistake, naming the label."""
    label, problems = credential.label, list[Problem]()
    settings: VertexSettings = structure(credential.settings, VertexSettings, f"{label}.settings")
    given = _members(secret, f"{label}.key", problems)
    project = settings.project or _text(given, "project_id")
    region = settings.region or _text(given, "region") or GLOBAL
    if not _REGION.fullmatch(region):
        problems.append(Problem("must name a region, such as us-central1, or global", f"{label}.settings.region"))
    if project and not _PROJECT.fullmatch(project):
        problems.append(Problem("must be a project's id", f"{label}.settings.project"))
    if not project and (secret is None or given):
        problems.append(Problem("must name the project", f"{label}.settings.project"))
    origin, base = Origin.of("https://nowhere.invalid")
    try:
        origin, base = split(settings.base_url or address(region))
    except ValueError:
        if settings.base_url:
            problems.append(Problem("must be an address such as https://host", f"{label}.settings.base_url"))
    if problems:
        raise ConfigError(problems)
    place = Place(
        origin,
        base.rstrip("/"),
        f"projects/{project}/locations/{region}" if project else "",
        secret is None or bool(given),
        _signer(given) if given else None,
    )
    return Account(credential=credential, label=label, secret=secret, settings=place, origin=str(origin))


def address(region: str) -> str:
    """Return where a region's API is."""
    if region == GLOBAL:
        return "https://aiplatform.googleapis.com"
    if region in _MULTI:
        return f"https://aiplatform.{region}.rep.googleapis.com"
    return f"https://{region}-aiplatform.googleapis.com"


def _members(secret: Secret | None, where: str, problems: list[Problem]) -> Json:
    """Read a key: an API key has no members, a service account's is an object. No message quotes a value."""
    if secret is None:
        return {}
    text = secret.reveal()
    if not text.lstrip().startswith("{"):
        if not text or not sendable(text):
            problems.append(Problem("has characters that no header can carry" if text else "is empty", where))
        return {}
    try:
        given: Any = loads(text.encode())
    except (Malformed, UnicodeEncodeError):
        given = None
    if type(given) is not dict:
        problems.append(Problem("begins like JSON, and is none", where))
        return {}
    if given.get("type") != _KIND:
        problems.append(
            Problem(
                f"must have the type {_KIND}; other kinds are found by Google's own tools, for a credential without a key",
                where,
            )
        )
    problems += [Problem(f"has no {name}", where) for name in _SIGNING if not _text(given, name)]
    try:
        split(_text(given, "token_uri") or TOKEN_URI)
    except ValueError:
        problems.append(Problem("has a token_uri that is no address", where))
    return given


def _signer(given: Json) -> Signer:
    return Signer(
        _text(given, "client_email"),
        _text(given, "private_key_id") or None,
        Secret(_text(given, "private_key")),
        _text(given, "token_uri") or TOKEN_URI,
    )


def _text(given: Json, name: str) -> str:
    value = given.get(name)
    return value if type(value) is str else ""
