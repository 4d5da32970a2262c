"""How a call ended, as the access log tells it; and clients that go away: what is closed upstream, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from doors import KEY, Gateway
from upstream import Answer, Message
from waiting import until

from taxiway.codec import dumps
from taxiway.testing.peer import spent

MODEL = "openai/gpt-4o"
SECRET = "nobody but the provider may read this"
WORDS = {"content": "one two three"}


@pytest.fixture
def lines(caplog) -> Callable[[], list[str]]:
    """The access log so far: what comes after the milliseconds and the generation's id."""
    caplog.set_level("INFO", "taxiway.access")

    def read() -> list[str]:
        told = [record.getMessage() for record in caplog.records if record.name == "taxiway.access"]
        assert not [line for line in told if SECRET in line or KEY in line or "sk-upstream" in line]
        return [" ".join((line.split()[2], *line.split()[5:])) for line in told]

    return read


class Client:
    """A client of raw bytes, which can go away at any moment."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self, stream: bool, promised: int = 0, model: str = MODEL) -> None:
        """Send a call; `promised`: bytes of its body that are announced and never come."""
        body = dumps({"model": model, "messages": [{"role": "user", "content": SECRET}], "stream": stream})
        head = f"POST /api/v1/chat/completions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {KEY}\r\n"
        self.writer.write(f"{head}content-length: {len(body) + promised}\r\n\r\n".encode() + body)

    def leave(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
async def client(served: Gateway) -> AsyncIterator[Client]:
    host, port = served.base_url.removeprefix("http://").partition("/")[0].split(":")
    made = Client(*await asyncio.open_connection(host, int(port)))
    yield made
    made.leave()


@pytest.mark.parametrize(("stream", "answer", "line"), [
    (False, Message(WORDS), "200 openai/gpt-4o done Strict"),
    (True, Message(WORDS), "200 openai/gpt-4o done Strict"),
    (True, Message(WORDS, cut=3), "200 openai/gpt-4o interrupted Strict"),
    (True, Message(WORDS, error={"message": "broke", "code": "server_error"}), "200 openai/gpt-4o interrupted Strict"),
    (False, Answer(500), "502 openai/gpt-4o failed Strict"),
    (True, Answer(500), "502 openai/gpt-4o failed Strict"),
])  # fmt: skip
async def test_the_log_says_how_a_call_ended_and_who_served_it(client, upstream, lines, stream, answer, line) -> None:
    upstream.always(answer)
    client.ask(stream)
    await until(lines)
    assert lines() == [line]


async def test_the_log_says_it_of_a_call_that_nobody_can_serve(client, lines) -> None:
    client.ask(stream=False, model="no/such-model")
    await until(lines)
    assert lines() == ["400 no/such-model failed -"]


async def test_a_client_that_leaves_after_the_first_token_takes_its_upstream_along(client, upstream, lines) -> None:
    upstream.script(Message(WORDS, pause=asyncio.Event()))
    client.ask(stream=True)
    await client.reader.readuntil(b"one ")
    assert upstream.closed == 0
    client.leave()
    await spent(lambda: upstream.closed)
    await until(lines)
    assert lines() == ["499 openai/gpt-4o cancelled Strict"]


async def test_a_client_that_leaves_before_the_first_token_takes_its_upstream_along(client, upstream, lines) -> None:
    upstream.script(Message(WORDS, hold=asyncio.Event()))
    client.ask(stream=True)
    await until(lambda: upstream.requests)
    client.leave()
    await spent(lambda: upstream.closed)
    await until(lines)
    assert lines() == ["499 openai/gpt-4o cancelled Strict"]


async def test_a_client_that_leaves_while_it_sends_its_body_reaches_nobody(client, upstream, served, lines) -> None:
    client.ask(stream=False, promised=1_000_000)
    await until(lambda: served.server.server_state.tasks)
    client.leave()
    await spent(lambda: not served.server.server_state.tasks)
    assert lines() == ["499"]
    assert upstream.requests == []
    assert upstream.open == set()
