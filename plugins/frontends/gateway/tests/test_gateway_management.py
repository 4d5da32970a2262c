"""The routes that tell: models, endpoints, the key, a generation. In the shapes that OpenRouter's own SDK accepts."""

import openrouter.components as shapes
import pytest
from openrouter.operations import GetCurrentKeyData, GetCurrentKeyResponse, ListEndpointsResponse

from taxiway.candidate import Endpoint
from taxiway.history import BAD, GOOD, LATENCY, THROUGHPUT, History, bucket
from taxiway.money import Price
from taxiway.outcome import AttemptRecord, Generation
from taxiway.routing import ModelRouting, Timeouts
from taxiway.usage import Usage
from taxiway_gateway.shapes import pricing

CHAT = {"chat": ("chat",)}


@pytest.fixture
def endpoints():
    def endpoint(model, provider, **fields):
        return Endpoint(
            model=model, provider=provider.lower(), provider_name=provider, id=model, tag=provider.lower(),
            dialects=fields.pop("dialects", CHAT), **fields,
        )  # fmt: skip

    one, two = Price(input=2.5e-6, output=1e-5, cache_read=1.25e-6), Price(input=1e-7, output=4e-7)
    parameters = frozenset({"tools", "temperature", "parallel_tool_calls"})
    return {
        "acme/large": [
            endpoint(
                "acme/large",
                "Acme",
                price=one,
                context=128_000,
                max_output=4096,
                parameters=parameters,
                name="Large",
                quantization="fp8",
            ),
            endpoint("acme/large", "Other", price=two, inputs=frozenset({"text", "image"})),
        ],
        "acme/unknown": [endpoint("acme/unknown", "Acme")],
        "acme/vectors": [endpoint("acme/vectors", "Acme", dialects={"embeddings": ("embeddings",)}, price=two)],
        "local/meta-llama/llama:8b": [endpoint("local/meta-llama/llama:8b", "Local")],
    }


async def test_models_are_listed(gateway) -> None:
    reply = await gateway.client.get("/api/v1/models")
    listed = shapes.ModelsListResponse.model_validate(reply.json)
    assert [model.id for model in listed.data] == ["acme/large", "acme/unknown", "local/meta-llama/llama:8b"]
    assert (listed.total_count, listed.links.next) == (3, None)
    large = listed.data[0]
    assert large.pricing.prompt == "0.0000001", "as its cheapest endpoint"
    assert large.architecture.input_modalities == ["text", "image"]
    assert large.architecture.modality == "text+image->text"
    assert "tools" in large.supported_parameters
    assert large.links.details == "/api/v1/models/acme/large/endpoints"
    assert listed.data[1].pricing.prompt == "-1"


async def test_a_model_by_its_name(gateway) -> None:
    listed = (await gateway.client.get("/api/v1/models")).json["data"]
    for row in listed:
        assert (await gateway.client.get(f"/api/v1/models/{row['id']}")).json == row
        assert (await gateway.client.get(f"/api/v1/models/{row['id'].replace('/', '%2F')}")).json == row
        assert (await gateway.client.get(f"/api/v1/model/{row['id']}")).json == {"data": row}
    shapes.ModelResponse.model_validate({"data": row})
    unknown = await gateway.client.get("/api/v1/models/acme/nothing")
    assert (unknown.status, unknown.json["error"]["metadata"]["error_type"]) == (404, "not_found")


TEAM = {
    "team/fast": ModelRouting(try_=("acme/unknown", "acme/large")),
    "team/partly": ModelRouting(try_=("nobody/has", "acme/large")),
    "team/broken": ModelRouting(try_=("nobody/has",)),
    "acme/unknown": ModelRouting(timeouts=Timeouts()),
    "acme/vectors": ModelRouting(try_=("acme/large",)),
}


@pytest.mark.parametrize("names", [TEAM])
async def test_names_of_ones_own_are_listed_as_calls_take_them(gateway) -> None:
    rows = {row["id"]: row for row in (await gateway.client.get("/v1/models?output_modalities=all")).json["data"]}
    models = {"acme/large", "acme/unknown", "acme/vectors", "local/meta-llama/llama:8b"}
    assert set(rows) == {*models, "team/fast", "team/partly"}
    assert rows["team/partly"]["description"] == "Tries acme/large.", "what nobody serves is passed over"
    fast = rows["team/fast"]
    assert (fast["name"], fast["description"]) == ("team/fast", "Tries acme/unknown, then acme/large.")
    assert (fast["pricing"]["prompt"], fast["context_length"]) == ("-1", None), "what its first model is able to do"
    assert rows["acme/unknown"]["description"] == ""
    assert rows["acme/vectors"]["context_length"] == rows["acme/large"]["context_length"], "a name goes before a model"
    assert (await gateway.client.get("/v1/models/team/fast")).json == fast
    assert (await gateway.client.get("/v1/model/team/fast")).json == {"data": fast}
    found = (await gateway.client.get("/v1/models?q=team")).json["data"]
    assert [row["id"] for row in found] == ["team/fast", "team/partly"]
    assert (await gateway.client.get("/v1/models/team/broken")).status == 404


@pytest.mark.parametrize("names", [TEAM])
async def test_the_endpoints_of_a_name_are_those_of_its_models_in_order(gateway) -> None:
    reply = await gateway.client.get("/v1/models/team/fast/endpoints")
    data = ListEndpointsResponse.model_validate(reply.json).data
    assert (data.id, data.name) == ("team/fast", "team/fast")
    served = [(endpoint.model_id, endpoint.tag) for endpoint in data.endpoints]
    assert served == [("acme/unknown", "acme"), ("acme/large", "acme"), ("acme/large", "other")]


@pytest.mark.parametrize(("query", "found"), [
    ("output_modalities=embeddings", ["acme/vectors"]),
    ("output_modalities=all&q=ACME", ["acme/large", "acme/unknown", "acme/vectors"]),
    ("input_modalities=image", ["acme/large"]),
    ("supported_parameters=tools,temperature", ["acme/large"]),
    ("q=unk", ["acme/unknown"]),
    ("limit=1", ["acme/large"]),
    ("offset=2", ["local/meta-llama/llama:8b"]),
    ("offset=9", []),
])  # fmt: skip
async def test_models_are_filtered(gateway, query, found) -> None:
    reply = await gateway.client.get(f"/v1/models?{query}")
    assert [model["id"] for model in reply.json["data"]] == found


async def test_pages_lead_on(gateway) -> None:
    seen, path = [], "/v1/models?limit=2&output_modalities=all"
    while path:
        listed = (await gateway.client.get(path)).json
        seen += [model["id"] for model in listed["data"]]
        path = listed["links"]["next"]
    assert len(seen) == listed["total_count"] == 4


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "offset=%C2%B2"])
async def test_pages_that_are_none(gateway, query) -> None:
    reply = await gateway.client.get(f"/v1/models?{query}")
    assert reply.status == 400
    assert query.partition("=")[0] in reply.json["error"]["message"]


async def test_a_models_endpoints(gateway) -> None:
    reply = await gateway.client.get("/api/v1/models/acme/large/endpoints")
    data = ListEndpointsResponse.model_validate(reply.json).data
    assert [endpoint.tag for endpoint in data.endpoints] == ["acme", "other"]
    assert data.endpoints[0].pricing.input_cache_read == "0.00000125"
    assert data.endpoints[0].supports_tool_choice.auto
    assert [endpoint.quantization for endpoint in data.endpoints] == ["fp8", None]
    local = await gateway.client.get("/v1/models/local/meta-llama/llama:8b/endpoints")
    assert local.json["data"]["id"] == "local/meta-llama/llama:8b"
    missing = await gateway.client.get("/v1/models/no/such/endpoints")
    assert (missing.status, missing.json["error"]["code"]) == (404, 404)


async def test_how_an_endpoint_does(gateway) -> None:
    history = History()
    for number in range(200):
        counts = history.present(float(number))
        counts[BAD if number % 10 == 0 else GOOD] += 1
        counts[bucket(LATENCY, 0.5 if number < 150 else 2.0)] += 1
        counts[bucket(THROUGHPUT, 80.0)] += 1

    def figures(endpoint, now, seconds):
        return history.since(200.0, seconds) if endpoint.tag == "acme" else None

    gateway.engine.health.figures = figures
    reply = await gateway.client.get("/api/v1/models/acme/large/endpoints")
    known, unknown = ListEndpointsResponse.model_validate(reply.json).data.endpoints
    assert (known.uptime_last_5m, known.uptime_last_30m, known.uptime_last_1d) == (90.0, 90.0, 90.0)
    assert known.latency_last_30m.p50 == pytest.approx(500, rel=0.03)
    assert known.latency_last_30m.p90 == pytest.approx(2000, rel=0.03)
    assert known.throughput_last_30m.p99 == pytest.approx(80, rel=0.03)
    assert (unknown.uptime_last_5m, unknown.latency_last_30m, unknown.throughput_last_30m) == (None, None, None)


@pytest.mark.filterwarnings("ignore:warning. .. DEPRECATED:DeprecationWarning")  # of the SDK's own, for a required key
async def test_the_key_and_what_it_spent(gateway) -> None:
    reply = await gateway.client.get("/api/v1/key")
    data = GetCurrentKeyResponse.model_validate(reply.json).data
    assert reply.json["data"].keys() == GetCurrentKeyData.model_fields.keys()
    assert data.label.startswith("tw-v1-")
    assert (data.usage, data.usage_daily) == (0.5, 0.25)
    assert data.byok_usage == data.usage
    gateway.store.silent = True
    assert (await gateway.client.get("/api/v1/key")).status == 503


async def test_a_generation(gateway) -> None:
    attempts = [
        AttemptRecord(1, "acme:large", "acme", "main", "main", "acme/large", 1.0, kind="overloaded", status=503),
        AttemptRecord(2, "other:large", "other", "main", "main", "acme/large", 2.0, status=200, latency=0.25),
        AttemptRecord(3, "acme:large", "acme", "main", "main", "acme/large", 2.5, kind="cancelled", role="hedge"),
    ]
    record = Generation(
        "gen-1", "done", "default", "first", "chat", "chat", "acme/large", 1_760_000_000.0, streamed=True, model="acme/large",
        provider="other", attempts=attempts, usage=Usage(input=3, cache_read=4, output=2, reasoning=1), cost=0.001,
        latency=0.25, duration=1.5, finish_reason="stop", upstream_id="chatcmpl-1",
    )  # fmt: skip
    gateway.store.generations["gen-1"] = record
    reply = await gateway.client.get("/api/v1/generation?id=gen-1")
    data = shapes.GenerationResponse.model_validate(reply.json).data
    assert (data.provider_name, data.total_cost, data.latency, data.generation_time) == ("Other", 0.001, 250, 1500)
    assert (data.tokens_prompt, data.native_tokens_cached, data.native_tokens_reasoning) == (7, 4, 1)
    assert data.created_at == "2025-10-09T08:53:20.000+00:00"
    assert [attempt.status for attempt in data.provider_responses] == [503, 200, None]
    told = reply.json["data"]
    assert told.keys() == shapes.GenerationResponseData.model_fields.keys()
    assert told["provider_responses"][1].keys() == shapes.ProviderResponse.model_fields.keys()
    assert [row.get("id") for row in told["provider_responses"]] == [None, "chatcmpl-1", None]
    assert told["provider_responses"][1]["latency"] == 250
    bare = Generation("gen-2", "lost", "default", "first", "chat", "chat", "acme/large", 0.0, streamed=False)
    gateway.store.generations["gen-2"] = bare
    reply = await gateway.client.get("/api/v1/generation?id=gen-2")
    shapes.GenerationResponse.model_validate(reply.json)


async def test_the_latency_of_a_reply_in_one_piece_is_its_duration(gateway) -> None:
    attempt = AttemptRecord(1, "acme:large", "acme", "main", "main", "acme/large", 1.0, status=200, duration=0.75)
    gateway.store.generations["gen-4"] = Generation(
        "gen-4", "done", "default", "first", "chat", "chat", "acme/large", 0.0, streamed=False, attempts=[attempt],
        duration=0.8,
    )  # fmt: skip
    told = (await gateway.client.get("/api/v1/generation?id=gen-4")).json["data"]
    assert (told["latency"], told["generation_time"]) == (800, 800)
    assert told["provider_responses"][0]["latency"] == 750


async def test_a_generation_of_nobody_or_of_others(gateway) -> None:
    record = Generation("gen-3", "done", "other", "key", "chat", "chat", "acme/large", 0.0, streamed=False)
    gateway.store.generations["gen-3"] = record
    for wanted, status in (("?id=gen-3", 404), ("?id=nope", 404), ("", 400), ("?id=", 400)):
        reply = await gateway.client.get(f"/api/v1/generation{wanted}")
        assert (reply.status, reply.json["error"]["code"]) == (status, status)


async def test_health_and_readiness_need_no_key(gateway) -> None:
    assert (await gateway.client.get("/healthz", None)).status == 200
    assert (await gateway.client.get("/readyz", None)).status == 200
    wire = await gateway.client.open()
    gateway.app.draining = True
    wire.send(gateway.client.head("GET", "/readyz"))
    assert (await wire.reply()).status == 503


async def test_the_page_says_what_to_do(gateway) -> None:
    reply = await gateway.client.get("/", None)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert b"taxiway api-keys create" in reply.body
    for outside in (b"src=", b"@import", b"url(", b"<script", b"<link"):
        assert outside not in reply.body
    assert b'base_url="http://test/api/v1"' in reply.body, "the address by which it was asked for"
    odd = await gateway.client.send(b'GET / HTTP/1.1\r\nhost: "><b>\r\n\r\n')
    assert b"<b>" not in odd.body
    wire = await gateway.client.open()
    wire.send(gateway.client.head("HEAD", "/"))
    answer = await wire.until(b"\r\n\r\n")
    assert b"content-length: %d" % len(reply.body) in answer
    wire.send(gateway.client.head("GET", "/healthz"))
    assert (await wire.reply()).status == 200, "a HEAD has no body"


def test_prices_are_plain_decimals() -> None:
    told = pricing(Price(input=1.1e-7, output=0.0, cache_write_1h=2e-10, request=0.005))
    assert told == {
        "prompt": "0.00000011", "completion": "0", "input_cache_write_1h": "0.0000000002", "request": "0.005",
    }  # fmt: skip
