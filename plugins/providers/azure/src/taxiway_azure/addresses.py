"""Where models at Azure are reached: four families of URLs, from a resource or from one deployment's full URL.

Sources: learn.microsoft.com: Azure OpenAI REST API reference (deployments, api-version), API version lifecycle (v1), Foundry Models
endpoints (model inference API), as recorded.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from attrs import frozen

from taxiway.candidate import Operation
from taxiway_azure.entra import Identity
from taxiway_openai_compatible import PATHS, Address, operation_of, split

ResourceType: TypeAlias = Literal["openai", "ai_foundry"]
"""OpenRouter's names of the two kinds of resource."""

Targets: TypeAlias = Mapping[str, str]

HOSTS: Final[Mapping[ResourceType, str]] = {
    "openai": "https://{name}.openai.azure.com",
    "ai_foundry": "https://{name}.services.ai.azure.com",
}

_V1: Final = "/openai/v1"
_V1_RESPONSES: Final = "/openai/v1/responses"
_V1_MODELS: Final = "/openai/v1/models"

V1: Final[Targets] = {dialect: _V1 + PATHS[dialect] for dialect in ("chat", "responses", "completions", "embeddings")}
"""The model is named in the body; no version, or `preview`."""

DEPLOYMENTS: Final[Targets] = {
    "chat": "/openai/deployments/{model}/chat/completions",
    "completions": "/openai/deployments/{model}/completions",
    "embeddings": "/openai/deployments/{model}/embeddings",
    "responses": _V1_RESPONSES,
}
"""The deployment is named in the path; the version has a date."""

INFERENCE: Final[Targets] = {
    "chat": "/models/chat/completions",
    "embeddings": "/models/embeddings",
    "completions": "/openai/v1/completions",
    "responses": _V1_RESPONSES,
}
"""Foundry's model inference API: models of any maker, named in the body; the version has a date."""

INFERENCE_VERSION: Final = "2024-05-01-preview"
_TELLS_USAGE: Final = "2024-09"
"""The version since which a stream may be asked for its usage; earlier ones refuse `stream_options`."""

_AZURE: Final = re.compile(r"\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)$")
_TAIL: Final = re.compile(r"/(openai/v1|openai|models)/?$")
_SERVERLESS: Final = ".models.ai.azure.com"
_JSON: Final = (("content-type", "application/json"),)
# Else what the inference API does not know (`stream_options`, `reasoning_effort`) is an error.
_EXTRA: Final = ("extra-parameters", "pass-through")
_KEY: Final = ("api-key", "")
_BEARER: Final = ("authorization", "Bearer ")


@frozen
class AzureAddress(Address):
    """An account's address. `identity`: whose token is sent instead of a key. `operation`: of models that the catalog lacks."""

    identity: Identity | None = None
    operation: Operation = "chat"


def of_resource(url: str, kind: ResourceType, version: str, identity: Identity | None = None) -> AzureAddress:
    """Make the address of a resource: `url` as the portal shows it, with or without `/openai/v1` or `/models`.

    `version`: an API version; empty: `/openai/v1`, and the inference API of a Foundry resource. Raises ValueError, saying why.
    """
    origin, path = split(url)
    path, _, query = path.partition("?")
    if "/deployments/" in path:
        raise ValueError("is a deployment's address: give the resource's, or an array of deployments as the key")
    version = version or query.removeprefix("api-version=")
    if path.endswith("/openai/v1"):
        version = version or "v1"
    if path.endswith("/models") or _service(origin.host) == "services.ai":
        kind = "ai_foundry"
    root = _TAIL.sub("", path).rstrip("/")
    family, version = _family(kind, version)
    return AzureAddress(
        origin,
        {dialect: root + path + _query(path, family, version) for dialect, path in family.items()},
        (*_JSON, _EXTRA) if family is INFERENCE else _JSON,
        root + _V1_MODELS,
        auth=_KEY if identity is None else _BEARER,
        stream_options=family is not DEPLOYMENTS or version >= _TELLS_USAGE,
        identity=identity,
    )


def of_deployment(url: str) -> AzureAddress:
    """Make the address of one deployment from the full URL of one of its APIs. Raises ValueError, saying why.

    At a host of Azure's the others are known from it; elsewhere (a gateway of one's own, a serverless deployment) only that one.
    """
    origin, path = split(url)
    path, mark, query = path.partition("?")
    path = "/" + path.lstrip("/")
    # Chat's path ends with that of completions.
    dialect = next((name for name in V1 if path.endswith(PATHS[name])), None)
    if dialect is None:
        raise ValueError(
            "must be the full address of an API: it ends with /chat/completions, and an api-version behind it"
        )
    base = path.removesuffix(PATHS[dialect])
    targets = {dialect: path + mark + query}
    azures = _service(origin.host) != ""
    if azures and dialect != "completions":
        root = base.partition("/openai")[0].removesuffix("/models")
        if dialect != "responses" or base.endswith("/v1"):
            targets |= {name: base + PATHS[name] + mark + query for name in ("chat", "embeddings")}
        targets.setdefault("responses", root + _V1_RESPONSES)
    version = query.partition("api-version=")[2]
    return AzureAddress(
        origin,
        targets,
        (*_JSON, _EXTRA) if base.endswith("/models") else _JSON,
        _V1_MODELS if azures else None,
        auth=_BEARER if origin.host.endswith(_SERVERLESS) else _KEY,
        stream_options="/deployments/" not in base or not version or version >= _TELLS_USAGE,
        operation=operation_of(dialect),
    )


def deployed(url: str) -> str:
    """Return the deployment that a URL's path names; empty where it names none."""
    return url.partition("/deployments/")[2].partition("/")[0]


def is_azures(url: str) -> bool:
    """Whether an address is of Azure's own: one from a variable may be anybody's."""
    try:
        return _service(split(url)[0].host) != ""
    except ValueError:
        return False


def _service(host: str) -> str:
    """Return which service of Azure's a host is of: `openai`, `cognitiveservices`, `services.ai`; empty: it is none."""
    found = _AZURE.search(host)
    return "" if found is None else found[1]


def _family(kind: ResourceType, version: str) -> tuple[Targets, str]:
    """Choose by the kind of resource and the version; return the version that is sent, too."""
    dated = version[:1].isdigit()
    if kind == "ai_foundry" and (dated or not version):
        return INFERENCE, version or INFERENCE_VERSION
    if dated:
        return DEPLOYMENTS, version
    return V1, "" if version == "v1" else version


def _query(path: str, family: Targets, version: str) -> str:
    # What other families have at /openai/v1 knows no dates.
    wanted = version and (family is V1 or not path.startswith(_V1))
    return f"?api-version={version}" if wanted else ""
