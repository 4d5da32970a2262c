"""The API on the host `bedrock-mantle`: OpenAI's chat and responses, and Anthropic's messages for Claude, declared.

Sources: docs.aws.amazon.com/bedrock/latest/userguide: bedrock-mantle, inference-responses-api (two prefixes of paths, by model),
inference-messages-api; the list of models as recorded.
"""

import re
from collections.abc import Iterable
from typing import Final

from attrs import evolve

from taxiway.call import Outgoing
from taxiway.catalog import CatalogModel
from taxiway.codec import Json, dumps, loads
from taxiway.errors import Malformed
from taxiway.http import HttpRequest
from taxiway_anthropic_messages import VERSION, betas, checked, without_foreign
from taxiway_bedrock.credentials import Place
from taxiway_bedrock.regions import profile_of
from taxiway_openai_compatible import CompatibleProvider, ModelRow, Shape

TAG: Final = "amazon-bedrock/mantle"
MODELS: Final = "/v1/models"

_PATHS: Final = {"chat": "/chat/completions", "responses": "/responses", "messages": "/anthropic/v1/messages"}

_UNDER_OPENAI: Final = re.compile(r"openai\.gpt-\d|google\.gemma-4|xai\.")
"""Models that are asked under `/openai/v1`, and by responses only; all others under `/v1`."""

_RENAMED: Final = {
    "moonshot.kimi-k2-thinking": "moonshotai.kimi-k2-thinking",
    "qwen.qwen3-coder-30b-a3b": "qwen.qwen3-coder-30b-a3b-instruct",
    "qwen.qwen3-coder-480b-a35b": "qwen.qwen3-coder-480b-a35b-instruct",
    "qwen.qwen3-next-80b-a3b": "qwen.qwen3-next-80b-a3b-instruct",
    "qwen.qwen3-vl-235b-a22b": "qwen.qwen3-vl-235b-a22b-instruct",
    "deepseek.v3": "deepseek.v3.1",
}
"""Ids that differ by more than a version and a date."""

_ENDING: Final = re.compile(r"(-\d{8})?(-v\d+(:\d+)?|-\d+:\d+)$|-\d{8}$")

SHAPE: Final = Shape(
    slug="amazon-bedrock",
    name="Amazon Bedrock",
    base_url="https://bedrock-mantle.us-east-1.api.aws",
    paths=_PATHS,
    models=(
        ModelRow(ids=("*",), dialects=("chat", "responses")),
        ModelRow(ids=("openai.gpt-[0-9]*", "google.gemma-4*", "xai.*"), dialects=("responses",)),
        ModelRow(ids=("anthropic.*",), dialects=("messages",)),
    ),
)
"""Which model speaks what, and what it refuses."""

READER: Final = CompatibleProvider(SHAPE, own={"messages": checked})
"""Reads replies as any API of this shape."""


def models(known: Iterable[CatalogModel]) -> Iterable[CatalogModel]:
    """Give the catalog's models by the ids that they have here: without regions, versions and dates."""
    seen: set[str] = set()
    for model in known:
        profile, base = profile_of(model.id)
        if profile or model.operation != "chat":
            continue
        id_ = _ENDING.sub("", base)
        id_ = _RENAMED.get(id_, id_)
        if id_ not in seen:
            seen.add(id_)
            yield evolve(model, id=id_)


def listed(body: bytes) -> Iterable[str]:
    """Return the ids of a list of models (OpenAI's form). Raises Malformed."""
    told = loads(body)
    models = told.get("data") if type(told) is dict else None
    if type(models) is not list:
        raise Malformed("a list of models that is none")
    return [model["id"] for model in models if type(model) is dict and type(model.get("id")) is str]


def prepare(outgoing: Outgoing, place: Place) -> HttpRequest:
    """Make the request, without what proves who sends it."""
    id_, dialect = outgoing.candidate.endpoint.id, outgoing.dialect
    body: Json = {"model": id_, **outgoing.body}
    headers = [("content-type", "application/json")]
    if outgoing.stream:
        body["stream"] = True
        if dialect == "chat":
            body["stream_options"] = {"include_usage": True}
    path = _PATHS[dialect]
    if dialect == "messages":
        body = without_foreign(body)
        headers.append(("anthropic-version", VERSION))
        if asked := betas(outgoing.call.headers):
            headers.append(("anthropic-beta", ",".join(asked)))
    else:
        path = f"/openai/v1{path}" if _UNDER_OPENAI.match(id_) else f"/v1{path}"
    return HttpRequest("POST", place.origin, f"{place.path}{path}", tuple(headers), dumps(body))
