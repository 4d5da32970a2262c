"""A provider for tests: it speaks OpenAI's wire over real HTTP and is as strict as OpenAI is.

What it does not know it refuses, with OpenAI's own errors: a request that it takes, OpenAI takes. Without a script it answers
like a model that repeats what it was told; `script` says what the next requests get instead.
"""

import asyncio
import base64
import json
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httptools
from attrs import define, field

CHAT_MODELS = ("gpt-4o", "gpt-4o-mini")
EMBEDDING_MODELS = ("text-embedding-3-small",)

# The top-level fields of https://platform.openai.com/docs/api-reference/chat/create and .../embeddings/create
CHAT_FIELDS = frozenset(
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens "
    "metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention "
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature "
    "tool_choice tools top_logprobs top_p user verbosity web_search_options".split()
)
EMBEDDING_FIELDS = frozenset({"input", "model", "dimensions", "encoding_format", "user"})
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
MESSAGE_FIELDS = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "function_call"}
)
PARTS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})


@define
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@define
class Answer:
    """A scripted reply: status, JSON body (or bytes), further header fields."""

    status: int = 200
    body: Any = field(factory=dict)
    headers: dict[str, str] = field(factory=dict)


@define
class Message:
    """A scripted good reply: the assistant's message, streamed in pieces where a stream is asked for.

    `cut`: so many events are sent, then the connection is closed. `error`: is sent after two events, in place of the rest.
    `pause`: what the stream waits for after its first word. `hold`: what is waited for before anything is sent.
    """

    message: dict[str, Any] = field(factory=dict)
    finish: str = "stop"
    cut: int | None = None
    error: dict[str, Any] | None = None
    pause: asyncio.Event | None = None
    hold: asyncio.Event | None = None


class Wrong(Exception):
    """OpenAI would refuse this."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        super().__init__(message)


class Upstream:
    """The server. `keys`: what may call it (each its secret); `requests`: what came; `open`: connections now."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys or ("sk-upstream-test",))
        self.requests: list[Received] = []
        self.open: set[Connection] = set()
        self.closed = 0
        self._script: deque[Answer | Message] = deque()
        self._always: Answer | Message | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, *answers: Answer | Message) -> None:
        """Say what the next requests get, one each."""
        self._script.extend(answers)

    def always(self, answer: Answer | Message | None) -> None:
        """Say what every request gets that has no script."""
        self._always = answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Upstream"]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in list(self.open):
                connection.transport.abort()
            await asyncio.sleep(0)

    def next(self) -> Answer | Message:
        return self._script.popleft() if self._script else self._always or Message()


class Connection(asyncio.Protocol):
    """One connection; requests on it are served one after the other."""

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self._upstream, self._task = upstream, None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._upstream.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.open.discard(self)
        self._upstream.closed += 1
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._body, self._headers = b"", b"", {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        received = Received(self._parser.get_method().decode(), self._url.decode(), self._headers, self._body)
        self._task = asyncio.get_running_loop().create_task(self._serve(received))

    async def _serve(self, received: Received) -> None:
        upstream = self._upstream
        upstream.requests.append(received)
        try:
            body = check(received, upstream.keys)
        except Wrong as wrong:
            self._send(Answer(wrong.status, wrong.body))
            return
        if received.method == "GET":
            self._send(Answer(body=models()))
            return
        answer = upstream.next()
        if isinstance(answer, Answer):
            self._send(answer)
            return
        if answer.hold is not None:
            await answer.hold.wait()
        if received.path == "/v1/embeddings":
            self._send(Answer(body=embeddings(body)))
        elif body.get("stream"):
            await self._stream(body, answer)
        else:
            self._send(Answer(body=completion(body, answer)))

    def _send(self, answer: Answer) -> None:
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        fields = {"content-type": "application/json", "x-request-id": "req_upstream", **answer.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"HTTP/1.1 {answer.status} Status\r\n{lines}content-length: {len(data)}\r\n\r\n"
        self.transport.write(head.encode() + data)

    async def _stream(self, body: dict[str, Any], answer: Message) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        self.transport.write(head.encode())
        for sent, chunk in enumerate(chunks(body, answer)):
            if sent == answer.cut:
                self.transport.abort()
                return
            if answer.error is not None and sent == 2:
                self._event(json.dumps({"error": answer.error}))
                break
            self._event(json.dumps(chunk))
            if sent == 1 and answer.pause is not None:
                await answer.pause.wait()
            await asyncio.sleep(0)
        else:
            self._event("[DONE]")
        self.transport.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.transport.write(b"%x\r\n%b\r\n" % (len(event), event))


def check(received: Received, keys: set[str]) -> dict[str, Any]:
    """Check a request as OpenAI does; its decoded body. Raises Wrong."""
    key = received.headers.get("authorization", "").removeprefix("Bearer ")
    if key not in keys:
        raise Wrong(f"Incorrect API key provided: {key[:4]}***.", code="invalid_api_key", status=401)
    route = (received.method, received.path)
    if route == ("GET", "/v1/models"):
        return {}
    if route not in {("POST", "/v1/chat/completions"), ("POST", "/v1/embeddings")}:
        raise Wrong(f"Invalid URL ({received.method} {received.path})", status=404)
    if received.headers.get("content-type") != "application/json":
        raise Wrong("you must send application/json")
    try:
        body = received.body = json.loads(received.body)
    except ValueError:
        raise Wrong("We could not parse the JSON body of your request.") from None
    embedding = received.path == "/v1/embeddings"
    for name in body:
        if name not in (EMBEDDING_FIELDS if embedding else CHAT_FIELDS):
            raise Wrong(f"Unrecognized request argument supplied: {name}", name)
    model = body.get("model")
    if not isinstance(model, str):
        raise Wrong("you must provide a model parameter", "model")
    if model not in (EMBEDDING_MODELS if embedding else CHAT_MODELS):
        raise Wrong(f"The model `{model}` does not exist", "model", "model_not_found", 404)
    (_check_embedding if embedding else _check_chat)(body)
    return body


def _check_embedding(body: dict[str, Any]) -> None:
    given = body.get("input")
    if not given or not isinstance(given, (str, list)):
        raise Wrong("'$.input' is invalid.", "input")
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        raise Wrong("'$.encoding_format' is invalid.", "encoding_format")


def _check_chat(body: dict[str, Any]) -> None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Wrong("[] is too short - 'messages'", "messages")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if message.get("role") not in ROLES:
            raise Wrong(f"Invalid value: {message.get('role')!r}.", f"{where}.role", "invalid_value")
        if unknown := message.keys() - MESSAGE_FIELDS:
            raise Wrong(f"Unknown parameter: '{where}.{min(unknown)}'.", where, "unknown_parameter")
        content = message.get("content")
        if message["role"] == "tool" and "tool_call_id" not in message:
            raise Wrong(f"Missing parameter 'tool_call_id' in {where}", where)
        for part in content if isinstance(content, list) else ():
            if part.get("type") not in PARTS:
                raise Wrong(f"Invalid value: '{part.get('type')}'.", f"{where}.content", "invalid_value")
            if part.keys() - {"type", part["type"]}:
                raise Wrong(f"Unknown parameter in {where}.content", f"{where}.content", "unknown_parameter")
    if body.get("stream_options") is not None and not body.get("stream"):
        raise Wrong("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    temperature = body.get("temperature")
    if temperature is not None and not 0 <= temperature <= 2:
        raise Wrong(f"Invalid 'temperature': {temperature}", "temperature", "decimal_above_max_value")


def said(body: dict[str, Any]) -> str:
    """What the last message says, images and all: "text", "text [image]"."""
    content = body["messages"][-1].get("content")
    if isinstance(content, str):
        return content
    return " ".join(part["text"] if part["type"] == "text" else f"[{part['type']}]" for part in content or ())


def _message(body: dict[str, Any], answer: Message) -> dict[str, Any]:
    return {"role": "assistant", "content": said(body), "refusal": None, **answer.message}


def _usage(body: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    into, out = len(said(body).split()), len((message["content"] or "").split())
    return {
        "prompt_tokens": into,
        "completion_tokens": out,
        "total_tokens": into + out,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def completion(body: dict[str, Any], answer: Message) -> dict[str, Any]:
    message = _message(body, answer)
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": f"{body['model']}-2024-08-06",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}],
        "usage": _usage(body, message),
        "service_tier": "default",
        "system_fingerprint": "fp_upstream",
    }


def chunks(body: dict[str, Any], answer: Message) -> list[dict[str, Any]]:
    message = _message(body, answer)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": f"{word} "} for word in (message["content"] or "").split()]
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        opened = {"index": index, **call, "function": {"name": function["name"], "arguments": ""}}
        deltas.append({"tool_calls": [opened]})
        text = function["arguments"]
        for start in range(0, len(text), 5):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": text[start : start + 5]}}]})
    common = {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": f"{body['model']}-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_upstream",
    }
    made = [
        {**common, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
        for delta in deltas
    ]
    made.append({**common, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": answer.finish}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        made = [{**chunk, "usage": None} for chunk in made]
        made.append({**common, "choices": [], "usage": _usage(body, message)})
    return made


def vector(seed: int, size: int = 4) -> list[float]:
    """Floats that are exact in 32 bits, so that base64 and numbers say the same."""
    return [(seed + place) / 8 for place in range(size)]


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    given = body["input"]
    inputs = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    vectors: list[Any] = [vector(seed) for seed in range(len(inputs))]
    if body.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": v} for index, v in enumerate(vectors)],
        "model": body["model"],
        "usage": {"prompt_tokens": 3 * len(inputs), "total_tokens": 3 * len(inputs)},
    }


def models() -> dict[str, Any]:
    ids = (*CHAT_MODELS, *EMBEDDING_MODELS)
    return {
        "object": "list",
        "data": [{"id": i, "object": "model", "created": 1_700_000_000, "owned_by": "system"} for i in ids],
    }
