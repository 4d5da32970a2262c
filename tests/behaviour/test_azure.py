"""Azure behind a router: a deployment that is not there, and tokens of Entra ID, over real HTTP."""

import asyncio
import json
import re

from taxiway import Router
from taxiway.testing.peer import serving

ASK = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
REPLY = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
}
GONE = {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}
OLD = {"statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, or have expired."}


def azure(answer):
    """A server that gives for each request what `answer` says of its path and its head: status and body."""

    async def behave(peer):
        while head := (await peer.head()).decode():
            await peer.reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
            status, reply = answer(head.split()[1], head)
            data = json.dumps(reply).encode()
            fields = f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
            await peer.write(f"HTTP/1.1 {status} Said\r\n{fields}".encode() + data)

    return serving(behave)


def paths(server):
    return [head.split()[1].decode() for head in server.requests]


async def test_a_deployment_that_is_not_there_is_left_for_the_other_and_remembered():
    def answer(path, head):
        return (404, GONE) if "/gone/" in path else (200, REPLY)

    async with azure(answer) as server:
        entries = [
            {
                "model_slug": "openai/gpt-4o",
                "endpoint_url": f"{server.origin}/openai/deployments/{name}/chat/completions?api-version=2024-10-21",
                "api_key": f"key-of-{name}",
            }
            for name in ("gone", "four")
        ]
        config = {"credentials": [{"provider": "azure", "key": "env:AZURE"}], "routing": {"cycle": "waterfall"}}
        async with Router.from_dict(config, environment={"AZURE": json.dumps(entries)}) as router:
            for _ in range(2):
                reply = await router.chat(**ASK)
                assert reply["choices"][0]["message"]["content"] == "Hi"
                assert reply["provider"] == "Azure"
        gone, four = (
            f"/openai/deployments/{name}/chat/completions?api-version=2024-10-21" for name in ("gone", "four")
        )
        assert paths(server) == [gone, four, four]
        assert [re.search(r"api-key: (\S+)", head.decode())[1] for head in server.requests] == [
            "key-of-gone",
            "key-of-four",
            "key-of-four",
        ]


async def test_one_token_serves_all_who_wait_and_another_is_had_when_it_is_refused():
    tokens = []

    def answer(path, head):
        if path.endswith("/oauth2/v2.0/token"):
            tokens.append(f"token-{len(tokens) + 1}")
            return 200, {"access_token": tokens[-1], "expires_in": 3599}
        # The first is refused from the fourth call on.
        refused = "Bearer token-1" in head and sum("/chat/" in one for one in paths(server)) > 3
        return (401, OLD) if refused else (200, REPLY)

    async with azure(answer) as server:
        settings = {
            "endpoint": str(server.origin),
            "tenant": "contoso",
            "client_id": "app",
            "authority": str(server.origin),
            "deployments": {"openai/gpt-4o": "four"},
        }
        config = {"credentials": [{"provider": "azure", "key": "env:AZURE", "settings": settings}]}
        async with Router.from_dict(config, environment={"AZURE": "a-client-secret"}) as router:
            await asyncio.gather(*(router.chat(**ASK) for _ in range(3)))
            assert tokens == ["token-1"]
            await router.chat(**ASK)
            assert tokens == ["token-1", "token-2"]
            await router.chat(**ASK)
        assert len(tokens) == 2
        assert paths(server)[0] == "/contoso/oauth2/v2.0/token"
        assert b"a-client-secret" not in b"".join(server.requests)
