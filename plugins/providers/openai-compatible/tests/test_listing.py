"""Servers of one's own: their addresses in the environment, and the models that they list."""

import pytest
from attrs import evolve

from taxiway.candidate import Credential
from taxiway.errors import Malformed
from taxiway.secret import Secret
from taxiway.testing.provider import NOW, KnownModels
from taxiway_openai_compatible import Options, RowOptions, rows
from taxiway_openai_compatible.environment import address
from taxiway_openai_compatible.server import server

LISTED = b'{"object":"list","data":[{"id":"llama3:8b","object":"model"},{"id":"acme/m"},{"id":""},{"id":7},"x"]}'


def accounts(provider, *models, key=None, **settings):
    credential = Credential(id="c", provider=provider.slug, label="c", settings=settings)
    (account,) = provider.accounts(credential, key)
    return [evolve(account, models=one) for one in models or (None,)]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("gpu.example:8080", "http://gpu.example:8080/v1"),
        ("http://gpu.example", "http://gpu.example/v1"),
        ("https://gpu.example/ollama/v1/", "https://gpu.example/ollama/v1"),
        ("[::1]:8080", "http://[::1]:8080/v1"),
        ("[::]", "http://[::1]:11434/v1"),
        ("gpu.example:port", "gpu.example:port"),
    ],
)
def test_an_address_is_completed(given, url):
    assert address(given, "http://127.0.0.1:11434/v1") == url


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("ollama", "http://127.0.0.1:11434"),
        ("vllm", "http://127.0.0.1:8000"),
        ("lmstudio", "http://127.0.0.1:1234"),
    ],
)
def test_a_server_is_asked_for_its_models_with_or_without_a_key(name, url):
    provider = rows.provider(name, RowOptions())
    (account,) = accounts(provider)
    request = provider.discovery(account, None, NOW)
    assert (request.method, str(request.origin), request.target, request.headers) == ("GET", url, "/v1/models", ())
    (account,) = accounts(provider, key=Secret("sk-planted"), base_url="https://gpu.example/v1")
    request = provider.discovery(account, None, NOW)
    assert (str(request.origin), request.headers) == ("https://gpu.example", (("authorization", "Bearer sk-planted"),))


def test_the_list_is_openais_and_what_is_none_is_malformed():
    provider = rows.provider("ollama", RowOptions())
    assert list(provider.discovered(LISTED)) == ["llama3:8b", "acme/m"]
    for wrong in (b"<html>", b"[]", b'{"data":{}}', b'{"error":"no"}'):
        with pytest.raises(Malformed):
            provider.discovered(wrong)


def test_what_accounts_list_is_served_by_each_that_lists_it():
    provider = rows.provider("ollama", RowOptions())
    one, two = accounts(provider, {"ollama/llama3:8b": "llama3:8b", "acme/m": "acme/m"}, {"acme/m": "acme/m"})
    endpoints = {endpoint.id: endpoint for endpoint in provider.endpoints(KnownModels([]), [one, two])}
    assert {id_: endpoint.model for id_, endpoint in endpoints.items()} == {
        "llama3:8b": "ollama/llama3:8b",
        "acme/m": "acme/m",
    }
    assert set(endpoints["acme/m"].dialects) == {"chat", "embeddings"}
    assert provider.serves(endpoints["acme/m"], two)
    assert not provider.serves(endpoints["llama3:8b"], two)
    assert list(provider.endpoints(KnownModels([]), accounts(provider))) == []


def test_declared_models_are_not_asked_for():
    provider = server(Options(slug="local", base_url="http://127.0.0.1:8000/v1", models=("acme/m",)))
    (account,) = accounts(provider)
    assert provider.discovery(account, None, NOW) is None
    (endpoint,) = provider.endpoints(KnownModels([]), [account])
    assert provider.serves(endpoint, account)
    asked = server(Options(slug="local", base_url="http://127.0.0.1:8000/v1"))
    assert asked.discovery(account, None, NOW).target == "/v1/models"
