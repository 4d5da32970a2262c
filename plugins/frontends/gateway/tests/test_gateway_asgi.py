"""The app under a server that is not ours: messages in, messages out."""

import asyncio
from typing import Any

PATH = "/v1/chat/completions"


async def ask(gateway, *received, scope=None, **fields) -> list[dict[str, Any]]:
    """Send messages to the app; what it sends. It waits for ever after the last one."""
    left, sent = list(received), []

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(3600)
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    said = {"raw_path": PATH.encode(), "query_string": b""} if scope is None else scope
    scope = {
        "type": "http", "method": "POST", "path": PATH, **said,
        "headers": [(b"authorization", f"Bearer {gateway.key}".encode()), *((n.encode(), v) for n, v in fields.items())],
    }  # fmt: skip
    await gateway.app(scope, receive, send)
    return sent


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


BODY = b'{"model":"test/model","messages":[{"role":"user","content":"Hi"}],"stream":true}'


async def test_a_stream_comes_in_messages(gateway) -> None:
    start, *parts = await ask(gateway, part(BODY[:20], more=True), part(BODY[20:]))
    head = dict(start["headers"])
    assert (start["status"], head[b"content-type"], head[b"x-generation-id"]) == (200, b"text/event-stream", b"gen-0")
    assert [message["more_body"] for message in parts] == [True] * (len(parts) - 1) + [False]
    told = b"".join(message["body"] for message in parts)
    assert told.startswith(b"data: {")
    assert told.endswith(b"}\n\ndata: [DONE]\n\n")


async def test_an_early_answer_is_followed_by_the_rest_of_the_body(gateway) -> None:
    start, told, end = await ask(gateway, part(BODY, more=True), part(BODY), authorization=b"Bearer nobody")
    head = dict(start["headers"])
    assert (start["status"], head[b"connection"]) == (401, b"close")
    assert int(head[b"content-length"]) == len(told["body"])
    assert (told["more_body"], end) == (True, {"type": "http.response.body", "body": b"", "more_body": False})


async def test_a_client_that_leaves_ends_its_request(gateway, caplog) -> None:
    caplog.set_level("INFO", "taxiway.access")
    gone = {"type": "http.disconnect"}
    assert await ask(gateway, part(BODY, more=True), gone) == []
    await ask(gateway, gone, authorization=b"Bearer nobody")
    assert [record.getMessage().split()[2] for record in caplog.records] == ["499", "499"]


async def test_a_server_need_not_say_how_a_path_was_written(gateway, caplog) -> None:
    caplog.set_level("INFO", "taxiway.access")
    for raw in ({"raw_path": None}, {}):
        start, *_ = await ask(gateway, part(BODY), scope=raw)
        assert start["status"] == 200
    assert all(f"POST {PATH} 200" in record.getMessage() for record in caplog.records)
