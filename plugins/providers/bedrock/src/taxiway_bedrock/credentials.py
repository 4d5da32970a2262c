"""Credentials: what a key and its settings may be, and how they prove who sends a request.

Sources: docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html (`Authorization: Bearer`); docs.aws.amazon.com/IAM: temporary
credentials.
"""

from collections.abc import Mapping
from typing import Final, Literal

from attrs import evolve, field, frozen

from taxiway.candidate import Account, Credential
from taxiway.codec import Json, dumps, loads
from taxiway.converter import structure
from taxiway.errors import ConfigError, Malformed, Problem
from taxiway.http import HttpRequest, Origin
from taxiway.secret import Secret
from taxiway_bedrock.regions import address, is_region
from taxiway_bedrock.sigv4 import Keys, sign
from taxiway_openai_compatible import sendable, split

_MEMBERS: Final = ("accessKeyId", "secretAccessKey", "sessionToken", "region")
_ROLE: Final = ("profile", "role_arn", "external_id")


@frozen(kw_only=True)
class BedrockSettings:
    """The `settings` of a credential.

    `region`: where its requests go. `endpoint`: Bedrock's own API (`runtime`) or the OpenAI-shaped one (`mantle`). `profile`,
    `role_arn`, `external_id`: of the AWS configuration, for credentials without a key. `inference_profiles`: the prefixes of the
    only ones that may be used (`["eu"]`). `models`: the only models that it serves, by slug the id or ARN. `base_url`: another
    address of the same API, such as a VPC endpoint.
    """

    region: str | None = None
    endpoint: Literal["runtime", "mantle"] = "runtime"
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    inference_profiles: tuple[str, ...] = ()
    models: Mapping[str, str] = field(factory=dict)
    base_url: str | None = None


@frozen(repr=False)
class Place:
    """Where an account's requests go, what signs them, and how its keys are found where it has none.

    `service` is the one that signatures name. `control`: where its models are listed, None where that is not known.
    """

    origin: Origin
    path: str
    region: str
    service: str
    control: Origin | None
    settings: BedrockSettings
    # Held so that they stay hidden in whatever is shown, for as long as the account lives.
    parts: tuple[Secret, ...] = ()

    @property
    def mantle(self) -> bool:
        """Whether it is the OpenAI-shaped API."""
        return self.settings.endpoint == "mantle"


def account_of(credential: Credential, secret: Secret | None) -> Account:
    """Make the account of a credential. Raises ConfigError, naming its label."""
    label, problems = credential.label, list[Problem]()
    settings: BedrockSettings = structure(credential.settings, BedrockSettings, f"{label}.settings")
    given = {} if secret is None else _members(secret, f"{label}.key", problems)
    region = settings.region or given.get("region") or ""
    if not is_region(region):
        problems.append(Problem("must name a region, such as us-east-1", f"{label}.settings.region"))
    problems += [
        Problem("is for credentials without a key", f"{label}.settings.{name}")
        for name in _ROLE
        if secret is not None and getattr(settings, name)
    ]
    origin, path = _split(settings.base_url, label, problems) or split(_default(settings.endpoint, region or "none"))
    if problems:
        raise ConfigError(problems)
    mantle = settings.endpoint == "mantle"
    return Account(
        credential=credential,
        label=label,
        secret=secret,
        settings=Place(
            origin,
            path,
            region,
            "bedrock-mantle" if mantle else "bedrock",
            None if settings.base_url else origin if mantle else split(address("bedrock", region))[0],
            settings,
            tuple(Secret(value) for name, value in given.items() if name in _MEMBERS[1:3]),
        ),
        models=settings.models or None,
        origin=str(origin),
    )


def _split(url: str | None, label: str, problems: list[Problem]) -> tuple[Origin, str] | None:
    if url is None:
        return None
    try:
        return split(url)
    except ValueError:
        problems.append(Problem("must be an address such as https://host", f"{label}.settings.base_url"))
        return None


def _default(endpoint: str, region: str) -> str:
    return f"https://bedrock-mantle.{region}.api.aws" if endpoint == "mantle" else address("bedrock-runtime", region)


def _members(secret: Secret, where: str, problems: list[Problem]) -> Mapping[str, str]:
    """Read a key: an API key has no members; access keys are an object. No message quotes a value."""
    text = secret.reveal()
    if not text.lstrip().startswith("{"):
        if not sendable(text):
            problems.append(Problem("has characters that no header can carry", where))
        elif text.startswith(("AKIA", "ASIA")):
            said = (
                "is the id of an access key alone; with its secret it is an object of accessKeyId and secretAccessKey"
            )
            problems.append(Problem(said, where))
        return {}
    try:
        given = loads(text.encode())
    except Malformed:
        given = None
    shape = f"must be an API key, or an object of {', '.join(_MEMBERS[:2])} and, where there are any, {', '.join(_MEMBERS[2:])}"
    if type(given) is not dict or not given.keys() <= set(_MEMBERS) or not all(type(v) is str for v in given.values()):
        problems.append(Problem(shape, where))
        return {}
    if not given.get("accessKeyId") or not given.get("secretAccessKey"):
        problems.append(Problem(shape, where))
    if not all(map(sendable, given.values())):
        problems.append(Problem("has characters that no header can carry", where))
    return given


def written(keys: Keys) -> Secret:
    """Return keys as a credential has them: an object in JSON."""
    made = {"accessKeyId": keys.id, "secretAccessKey": keys.secret, "sessionToken": keys.token}
    return Secret(dumps({name: value for name, value in made.items() if value is not None}).decode())


def proved(request: HttpRequest, place: Place, secret: Secret | None, now: float) -> HttpRequest:
    """Return the request with what proves who sends it: a signature, or the API key. Without a secret it stays as it is."""
    if secret is None:
        return request
    text = secret.reveal()
    if not text.lstrip().startswith("{"):
        return evolve(request, headers=(*request.headers, ("authorization", f"Bearer {text}")))
    given: Json = loads(text.encode())
    keys = Keys(given["accessKeyId"], given["secretAccessKey"], given.get("sessionToken"))
    return sign(request, keys, place.region, place.service, now)
