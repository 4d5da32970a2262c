"""What a credential for Azure may be, where its requests go, and how tokens are had."""

import json

import pytest

import taxiway_azure
from taxiway.call import Facts, Outgoing
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.chat import CHAT
from taxiway.codec import loads
from taxiway.door import DoorReply
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import ConfigError, TransportError
from taxiway.outcome import RefreshFailed
from taxiway.provider import Refreshes
from taxiway.secret import Secret
from taxiway.testing.dialect import make_call, make_candidate
from taxiway.testing.provider import NOW, KnownModels
from taxiway_azure.provider import AzureProvider

KEY = "planted0123456789abcdef0123456789"
RESOURCE = {"api_key": KEY, "resource_name": "acme", "resource_type": "ai_foundry"}
DEPLOYMENT = {
    "model_slug": "openai/gpt-4o",
    "endpoint_url": "https://west.openai.azure.com/openai/deployments/four/chat/completions?api-version=2024-10-21",
    "api_key": KEY,
    "model_id": "four",
}
SOUTH = {**DEPLOYMENT, "endpoint_url": DEPLOYMENT["endpoint_url"].replace("west", "south"), "api_key": f"{KEY}-2"}
CATALOG = KnownModels(
    CatalogModel(id=id_, slug=slug, name=id_, operation=operation)
    for id_, slug, operation in (
        ("gpt-4o", "openai/gpt-4o", "chat"),
        ("gpt-5-mini", "openai/gpt-5-mini", "chat"),
        ("grok-4-fast-reasoning", "x-ai/grok-4-fast", "chat"),
        ("text-embedding-3-small", "openai/text-embedding-3-small", "embeddings"),
    )
)


class Entra:
    """Answers instead of Entra ID."""

    def __init__(self, status=200, body=b'{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ-token"}'):
        self.reply, self.requests = DoorReply(status, {}, body), []

    async def send(self, request, within):
        self.requests.append(request)
        if self.reply.status == 0:
            raise TransportError("connect", "refused", "none")
        return self.reply


PROVIDER = AzureProvider(Entra())


def credential(**settings):
    return Credential(id="azure/test", provider="azure", label="east", settings=settings)


def accounts(*entries, key=None, **settings):
    given = json.dumps(entries) if entries else key
    return PROVIDER.accounts(credential(**settings), None if given is None else Secret(given))


def endpoints(made):
    return {endpoint.model: endpoint for endpoint in PROVIDER.endpoints(CATALOG, made)}


def sent(account, model="openai/gpt-4o", dialect="chat", *, stream=False, secret=None):
    """The request that an account sends."""
    endpoint, kind = endpoints([account])[model], EMBEDDINGS if dialect == "embeddings" else CHAT
    body = {"input": "a"} if kind is EMBEDDINGS else {"messages": [{"role": "user", "content": "hi"}]}
    call = make_call(kind, {"model": model, **body}, Facts((model,), stream=stream))
    outgoing = Outgoing(call, dialect, call.body, make_candidate(endpoint, account), secret or account.secret, stream)
    return PROVIDER.prepare(outgoing, NOW)


# What a credential may be


def test_a_resource_and_two_deployments_of_one_model_are_three_candidates_deployments_first():
    made = sorted(accounts(RESOURCE, DEPLOYMENT, SOUTH), key=lambda account: account.rank)
    assert [account.part for account in made] == ["west/four", "south/four", "acme"]
    assert [account.label for account in made] == ["east/west/four", "east/south/four", "east/acme"]
    assert [account.secret for account in made] == [Secret(KEY), Secret(f"{KEY}-2"), Secret(KEY)]
    offered = endpoints(made)
    assert set(offered) == {"openai/gpt-4o", "openai/gpt-5-mini", "x-ai/grok-4-fast", "openai/text-embedding-3-small"}
    four = [account for account in made if PROVIDER.serves(offered["openai/gpt-4o"], account)]
    assert four == made
    assert [account.part for account in made if PROVIDER.serves(offered["x-ai/grok-4-fast"], account)] == ["acme"]
    assert [str(sent(account).origin) for account in made] == [
        "https://west.openai.azure.com",
        "https://south.openai.azure.com",
        "https://acme.services.ai.azure.com",
    ]
    assert [loads(sent(account).body)["model"] for account in made] == ["four", "four", "gpt-4o"]


def test_the_same_again_has_a_part_of_its_own():
    other = {**DEPLOYMENT, "api_key": f"{KEY}-2"}
    made = accounts(DEPLOYMENT, other, other, RESOURCE, RESOURCE)
    assert [account.part for account in made] == ["west/four", "west/four#2", "west/four#3", "acme", "acme#2"]
    assert len({account.key for account in made}) == len(made)


def test_a_single_entry_needs_no_array():
    (account,) = PROVIDER.accounts(credential(), Secret(json.dumps(DEPLOYMENT)))
    assert account.models == {"openai/gpt-4o": "four"}


def test_only_what_is_deployed_is_served_where_no_resource_has_it_all():
    own = {**DEPLOYMENT, "model_slug": "acme/tuned", "model_id": "tuned-7"}
    made = accounts(DEPLOYMENT, own)
    offered = endpoints(made)
    assert {slug: endpoint.id for slug, endpoint in offered.items()} == {
        "openai/gpt-4o": "gpt-4o",
        "acme/tuned": "acme/tuned",
    }
    assert [PROVIDER.serves(offered["acme/tuned"], account) for account in made] == [False, True]
    assert loads(sent(made[1], "acme/tuned").body)["model"] == "tuned-7"
    # A resource has what the catalog lists, not what somebody deployed elsewhere.
    assert not PROVIDER.serves(offered["acme/tuned"], accounts(RESOURCE)[0])


def test_deployments_of_a_resource_are_named_by_slug():
    (account,) = accounts(key=KEY, resource="acme", deployments={"openai/gpt-4o": "four-o", "acme/tuned": "tuned"})
    assert account.part == ""
    assert set(endpoints([account])) == {"openai/gpt-4o", "acme/tuned"}
    assert loads(sent(account).body)["model"] == "four-o"


def test_a_deployment_behind_another_host_speaks_only_what_its_address_says():
    own = {
        **DEPLOYMENT,
        "endpoint_url": "https://gateway.contoso.example/ai/openai/deployments/four/chat/completions?api-version=v",
    }
    made = accounts(own, RESOURCE)
    offered = endpoints(made)
    assert offered["openai/gpt-4o"].dialects == {"chat": ("chat",)}
    assert offered["openai/gpt-5-mini"].dialects == {"chat": ("chat", "responses")}
    assert all(PROVIDER.serves(offered["openai/gpt-4o"], account) for account in made)
    assert sent(made[0]).target == "/ai/openai/deployments/four/chat/completions?api-version=v"
    assert PROVIDER.probe(made[0], made[0].secret, NOW) is None


@pytest.mark.parametrize(
    ("url", "dialects", "target"),
    [
        (
            "https://west.openai.azure.com/openai/responses?api-version=2025-04-01-preview",
            ("responses",),
            "/openai/responses?api-version=2025-04-01-preview",
        ),
        (
            "https://west.openai.azure.com/openai/deployments/old/completions?api-version=2023-07-01-preview",
            ("completions",),
            "/openai/deployments/old/completions?api-version=2023-07-01-preview",
        ),
    ],
)
def test_a_deployment_of_another_api_is_asked_by_that(url, dialects, target):
    made = accounts({**DEPLOYMENT, "endpoint_url": url})
    assert endpoints(made)["openai/gpt-4o"].dialects == {"chat": dialects}
    assert sent(made[0], dialect=dialects[0]).target == target


# What it may not be


@pytest.mark.parametrize(
    ("key", "settings", "path", "message"),
    [
        (KEY, {}, "settings", "either resource or endpoint"),
        (KEY, {"resource": "a", "endpoint": "https://a.openai.azure.com"}, "settings", "either resource or endpoint"),
        (KEY, {"resource": "evil.example/"}, "settings.resource", "match"),
        (KEY, {"endpoint": "acme"}, "settings.endpoint", "must be an address"),
        (KEY, {"endpoint": DEPLOYMENT["endpoint_url"]}, "settings.endpoint", "is a deployment's address"),
        (KEY, {"resource": "a", "tenant": "t"}, "settings", "both tenant and client_id"),
        (
            KEY,
            {"resource": "a", "tenant": "t", "client_id": "c", "authority": "login"},
            "settings.authority",
            "must be",
        ),
        (KEY, {"resource": "a", "api_version": "2024-10-21&x=1"}, "settings.api_version", "match"),
        (KEY, {"endpoint": "https://a.openai.azure.com/a b"}, "settings.endpoint", "must be an address"),
        (KEY, {"resource": "a", "managed_identity": True}, "settings", "only one of them"),
        (KEY, {"resource": "a", "resource_type": "aoai"}, "settings.resource_type", 'must be "openai" or "ai_foundry"'),
        (KEY, {"resource": "a", "deployments": {"gpt-4o": "x"}}, "settings.deployments", "match"),
        (None, {"resource": "a"}, "key", "is missing"),
        ("[{", {}, "key", "begins like JSON"),
        ("[]", {}, "key", "empty array"),
        ("[1]", {}, "key[0]", "table"),
        (json.dumps([RESOURCE]), {"resource": "a"}, "settings.resource", "is not for a key that is an array"),
        (json.dumps([{**RESOURCE, "api_key": ""}]), {}, "key[0].api_key", "is empty"),
        (json.dumps([{**RESOURCE, "api_key": f"{KEY}\n"}]), {}, "key[0].api_key", "no header can carry"),
        (json.dumps([{"api_key": KEY}]), {}, "key[0].resource_name", "is missing"),
        (json.dumps([{**RESOURCE, "resource_name": "a.b"}]), {}, "key[0].resource_name", "match"),
        (json.dumps([RESOURCE, {**DEPLOYMENT, "endpoint_url": "x"}]), {}, "key[1].endpoint_url", "must be an address"),
        (
            json.dumps([{**DEPLOYMENT, "endpoint_url": "https://a.openai.azure.com/"}]),
            {},
            "key[0].endpoint_url",
            "must be the full address",
        ),
        (json.dumps([{**DEPLOYMENT, "model_slug": "gpt-4o"}]), {}, "key[0].model_slug", "match"),
        (json.dumps([{**DEPLOYMENT, "model": "x"}]), {}, "key[0].model", "is not a known key"),
    ],
)
def test_a_wrong_shape_is_refused_with_its_place_and_without_the_key(key, settings, path, message):
    with pytest.raises(ConfigError) as raised:
        accounts(key=key, **settings)
    (problem,) = raised.value.problems
    assert problem.path == f"east.{path}"
    assert message in problem.message
    assert KEY not in str(raised.value)


def test_every_mistake_of_an_array_is_said_at_once():
    with pytest.raises(ConfigError) as raised:
        accounts({"api_key": KEY}, {**DEPLOYMENT, "endpoint_url": "x"}, {**RESOURCE, "api_key": ""}, tenant="t")
    assert [problem.path for problem in raised.value.problems] == [
        "east.settings.tenant",
        "east.key[0].resource_name",
        "east.key[1].endpoint_url",
        "east.key[2].api_key",
    ]


# Where requests go

V1, FOUNDRY = "https://acme.openai.azure.com/openai/v1", "https://acme.services.ai.azure.com"


@pytest.mark.parametrize(
    ("settings", "dialect", "url"),
    [
        ({"resource": "acme"}, "chat", f"{V1}/chat/completions"),
        ({"resource": "acme"}, "responses", f"{V1}/responses"),
        ({"resource": "acme"}, "completions", f"{V1}/completions"),
        ({"resource": "acme"}, "embeddings", f"{V1}/embeddings"),
        ({"resource": "acme", "api_version": "preview"}, "responses", f"{V1}/responses?api-version=preview"),
        (
            {"resource": "acme", "api_version": "2024-10-21"},
            "chat",
            "https://acme.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        (
            {"resource": "acme", "api_version": "2024-10-21"},
            "embeddings",
            "https://acme.openai.azure.com/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21",
        ),
        ({"resource": "acme", "api_version": "2024-10-21"}, "responses", f"{V1}/responses"),
        (
            {"resource": "acme", "resource_type": "ai_foundry"},
            "chat",
            f"{FOUNDRY}/models/chat/completions?api-version=2024-05-01-preview",
        ),
        ({"resource": "acme", "resource_type": "ai_foundry"}, "responses", f"{FOUNDRY}/openai/v1/responses"),
        (
            {"resource": "acme", "resource_type": "ai_foundry", "api_version": "v1"},
            "chat",
            f"{FOUNDRY}/openai/v1/chat/completions",
        ),
        ({"endpoint": "https://acme.openai.azure.com/"}, "chat", f"{V1}/chat/completions"),
        ({"endpoint": f"{V1}/"}, "chat", f"{V1}/chat/completions"),
        ({"endpoint": f"{FOUNDRY}/openai/v1/"}, "chat", f"{FOUNDRY}/openai/v1/chat/completions"),
        (
            {"endpoint": f"{FOUNDRY}/models"},
            "chat",
            f"{FOUNDRY}/models/chat/completions?api-version=2024-05-01-preview",
        ),
        ({"endpoint": FOUNDRY}, "embeddings", f"{FOUNDRY}/models/embeddings?api-version=2024-05-01-preview"),
        (
            {"endpoint": "https://gateway.example/ai/", "api_version": "2024-10-21"},
            "chat",
            "https://gateway.example/ai/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        (
            {"endpoint": "https://acme.openai.azure.us?api-version=2024-10-21"},
            "chat",
            "https://acme.openai.azure.us/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_each_family_of_addresses_is_built_from_the_account(settings, dialect, url):
    (account,) = accounts(key=KEY, **settings)
    model = "openai/text-embedding-3-small" if dialect == "embeddings" else "openai/gpt-4o"
    request = sent(account, model, dialect)
    assert f"{request.origin}{request.target}" == url
    assert ("api-key", KEY) in request.headers
    assert ("authorization", f"Bearer {KEY}") not in request.headers
    inference = "/models/" in url
    assert (("extra-parameters", "pass-through") in request.headers) is inference or dialect == "responses"


def test_a_deployments_name_is_quoted_in_a_path():
    (account,) = accounts(key=KEY, resource="acme", api_version="2024-10-21", deployments={"openai/gpt-4o": "four o/1"})
    assert sent(account).target.startswith("/openai/deployments/four%20o%2F1/chat/")


@pytest.mark.parametrize(
    ("settings", "asks"),
    [
        ({"resource": "acme"}, True),
        ({"resource": "acme", "api_version": "2024-10-21"}, True),
        ({"resource": "acme", "api_version": "2024-06-01"}, False),
        ({"resource": "acme", "resource_type": "ai_foundry"}, True),
    ],
)
def test_a_stream_is_asked_for_its_usage_where_the_version_knows_how(settings, asks):
    (account,) = accounts(key=KEY, **settings)
    body = loads(sent(account, stream=True).body)
    assert body["stream"] is True
    assert ("stream_options" in body) is asks


def test_a_deployments_address_is_used_as_it_is_and_its_neighbours_follow():
    (account,) = accounts(DEPLOYMENT)
    assert account.settings.targets == {
        "chat": "/openai/deployments/four/chat/completions?api-version=2024-10-21",
        "embeddings": "/openai/deployments/four/embeddings?api-version=2024-10-21",
        "responses": "/openai/v1/responses",
    }
    (account,) = accounts(
        {**DEPLOYMENT, "endpoint_url": f"{FOUNDRY}/models/chat/completions?api-version=2024-05-01-preview"}
    )
    assert account.settings.targets["responses"] == "/openai/v1/responses"
    assert account.part == "acme/four"
    (account,) = accounts({**DEPLOYMENT, "endpoint_url": f"{V1}/responses"})
    assert account.settings.targets["chat"] == "/openai/v1/chat/completions"
    (account,) = accounts({**DEPLOYMENT, "endpoint_url": "https://x.eastus.models.ai.azure.com/v1/chat/completions"})
    assert ("authorization", f"Bearer {KEY}") in sent(account).headers


def test_a_probe_lists_models_and_costs_nothing():
    (account,) = accounts(key=KEY, resource="acme")
    probe = PROVIDER.probe(account, account.secret, NOW)
    assert (probe.method, f"{probe.origin}{probe.target}") == ("GET", f"{V1}/models")
    assert probe.headers == (("api-key", KEY),)


# Tokens

APP = {"resource": "acme", "tenant": "contoso.onmicrosoft.com", "client_id": "app-1"}


async def test_an_apps_token_is_asked_for_with_its_secret_and_sent_as_bearer():
    entra = Entra()
    provider = AzureProvider(entra)
    assert isinstance(provider, Refreshes)
    (account,) = accounts(key="client secret&1", **APP)
    derived = await provider.refresh(account, NOW)
    (request,) = entra.requests
    assert f"{request.origin}{request.target}" == (
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    )
    assert request.body == (
        b"grant_type=client_credentials&client_id=app-1&client_secret=client+secret%261"
        b"&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
    )
    assert derived.expires == NOW + 3599
    assert derived.secret.reveal() == "eyJ-token"
    headers = dict(sent(account, secret=derived.secret).headers)
    assert headers["authorization"] == "Bearer eyJ-token"
    assert "api-key" not in headers


async def test_other_clouds_have_another_authority_and_scope():
    entra = Entra()
    (account,) = accounts(
        key="s-123456",
        **APP,
        authority="https://login.microsoftonline.us",
        scope="https://cognitiveservices.azure.us/.default",
    )
    await AzureProvider(entra).refresh(account, NOW)
    assert str(entra.requests[0].origin) == "https://login.microsoftonline.us"
    assert entra.requests[0].body.endswith(b"cognitiveservices.azure.us%2F.default")


async def test_a_machines_own_identity_needs_no_key():
    entra = Entra(body=b'{"access_token":"eyJ-machine","expires_in":"86399","resource":"x"}')
    (account,) = accounts(resource="acme", managed_identity=True, client_id="assigned-1")
    assert account.secret is None
    derived = await AzureProvider(entra).refresh(account, NOW)
    (request,) = entra.requests
    assert (request.method, str(request.origin), request.headers) == (
        "GET",
        "http://169.254.169.254",
        (("metadata", "true"),),
    )
    assert request.target == (
        "/metadata/identity/oauth2/token?api-version=2018-02-01"
        "&resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=assigned-1"
    )
    assert (derived.secret.reveal(), derived.expires) == ("eyJ-machine", NOW + 86399)


async def test_a_key_is_sent_as_it_is():
    entra = Entra()
    (account,) = accounts(key=KEY, resource="acme")
    derived = await AzureProvider(entra).refresh(account, NOW)
    assert (derived.secret, derived.expires, entra.requests) == (Secret(KEY), None, [])


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            401,
            b'{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 1"}',
            "credential_invalid",
            "Entra ID: AADSTS7000215: Invalid client secret provided.",
        ),
        (400, b'{"error":"unauthorized_client"}', "credential_invalid", "Entra ID: unauthorized_client"),
        (429, b'{"error":"throttled"}', "unavailable", "Entra ID: throttled"),
        (503, b"<html>", "unavailable", "Entra ID: no token came"),
        (200, b'{"access_token":"","expires_in":1}', "unavailable", "Entra ID: no token came"),
        (200, b'{"access_token":"x","expires_in":null}', "unavailable", "Entra ID: no token came"),
        (200, b"[1]", "unavailable", "Entra ID: no token came"),
    ],
)
async def test_a_refusal_of_entra_says_why(status, body, kind, message):
    (account,) = accounts(key="s-123456", **APP)
    with pytest.raises(RefreshFailed) as raised:
        await AzureProvider(Entra(status, body)).refresh(account, NOW)
    failure = raised.value.failure
    assert (failure.kind, failure.scope, failure.message) == (kind, "account", message)


async def test_an_entra_that_is_not_there_is_a_transport_error():
    (account,) = accounts(key="s-123456", **APP)
    with pytest.raises(TransportError):
        await AzureProvider(Entra(0)).refresh(account, NOW)


def test_no_key_is_shown():
    for account in (*accounts(RESOURCE, DEPLOYMENT), *accounts(key=KEY, **APP)):
        assert KEY not in f"{account!r} {PROVIDER!r} {vars(PROVIDER)!r}"
    assert taxiway_azure.TAXIWAY_API == (1, 0)
