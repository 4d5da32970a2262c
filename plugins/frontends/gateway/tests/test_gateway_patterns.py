"""Routes that are patterns: what a path says besides the body reaches its dialect, and refusals are in that one's own form."""

import pytest
from attrs import evolve

from taxiway.chat import CHAT, ChatClient

PATH = "/v1beta/models/test%2Fmodel:generate"


class Client(ChatClient):
    def __init__(self):
        self.paths = []

    def facts(self, body, path, headers):
        self.paths.append(path)
        return super().facts({**body, "model": path["model"]}, path, headers)

    def refused(self, status, error_type, message):
        return {"mine": [status, error_type]}


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def dialects(client):
    routes = (r"/v1beta/models/(?P<model>.+):(?P<action>generate|stream)",)
    return {"chat": CHAT, "odd": evolve(CHAT, name="odd", client=client, routes=routes)}


async def test_a_path_and_its_query_reach_the_dialect_but_no_key(gateway, client) -> None:
    reply = await gateway.client.post(
        f"{PATH}?alt=sse&key=AIza-planted&model=x", {"messages": gateway.body["messages"]}
    )
    assert reply.status == 200
    assert client.paths == [{"model": "test/model", "action": "generate", "alt": "sse"}]
    (call,) = gateway.engine.calls
    assert (call.dialect, call.facts.models, call.path) == ("odd", ("test/model",), client.paths[0])


async def test_what_is_refused_is_in_the_dialects_own_form(gateway) -> None:
    for sent, expected in (
        (gateway.client.get(PATH), [405, "invalid_request"]),
        (gateway.client.post(PATH, {}, key=None), [401, "authentication"]),
        (gateway.client.post(PATH, b"no json"), [400, "invalid_request"]),
        (gateway.client.post(PATH, {}, content_encoding="gzip"), [415, "invalid_request"]),
        (gateway.client.post(PATH, b" " * 1_000_001), [413, "payload_too_large"]),
    ):
        reply = await sent
        assert (reply.status, reply.json) == (expected[0], {"mine": expected})


@pytest.mark.parametrize("path", ["/v1beta/models/x:other", "/v1beta/models/:generate", f"{PATH}/more"])
async def test_a_path_that_matches_in_part_is_none(gateway, path) -> None:
    assert (await gateway.client.post(path, {})).status == 404
