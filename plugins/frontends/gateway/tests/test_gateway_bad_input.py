"""Whatever a client sends, it gets an answer in OpenRouter's shape: never a 500, and the wrong field is named."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from taxiway.chat import CHAT
from taxiway.clock import SystemClock
from taxiway.embeddings import EMBEDDINGS
from taxiway.errors import UnknownModel
from taxiway.secret import Secret
from taxiway_gateway.app import App
from taxiway_gateway.auth import Keys, given_key
from taxiway_gateway.inference import call_error_of

KEY = "a-key-of-the-operator-for-bad-input"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)

PARTS = ["text", "image_url", "input_audio", "file", "refusal", "video_url"]
part = anything | st.fixed_dictionaries(
    {"type": st.sampled_from(PARTS) | anything},
    optional={name: anything | st.fixed_dictionaries({"url": anything, "data": anything}) for name in PARTS},
)
message = anything | st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer"]) | anything},
    optional={
        "content": st.text(max_size=10) | st.lists(part, max_size=3) | anything,
        "tool_calls": anything | st.lists(anything, max_size=2),
        "tool_call_id": anything,
        "name": anything,
        "reasoning_details": anything,
    },
)
FIELDS = (
    "models provider plugins stream stream_options temperature top_p top_k max_tokens max_completion_tokens tools tool_choice "
    "response_format reasoning reasoning_effort seed stop logit_bias logprobs metadata user session_id usage transforms "
    "prediction modalities service_tier n"
).split()
chat = st.fixed_dictionaries(
    {},
    optional={
        "model": st.just("test/model") | anything,
        "messages": st.lists(message, max_size=4) | anything,
        **dict.fromkeys(FIELDS, anything),
    },
)
embeddings = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("input", "dimensions", "encoding_format", "input_type", "user", "provider"), anything)
    | {"model": st.just("test/model") | anything},
)


class Engine:
    """Takes every call that a dialect lets through."""

    def call(self, dialect, body, *, caller, headers, path) -> Any:
        from taxiway.preferences import preferences_of

        facts = dialect.client.facts(body, path, headers)
        preferences_of(body.get("provider"))
        assert facts.models
        assert all(isinstance(model, str) for model in facts.models)
        return SimpleNamespace(id="gen-1", facts=facts, dialect=dialect.name, created=0.0)

    async def complete(self, call) -> Any:
        return {"id": call.id}

    def stream(self, call) -> Any:
        return _Nothing()


class _Nothing:
    whole = True

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration

    async def aclose(self) -> None: ...


def app() -> App:
    router: Any = SimpleNamespace(
        engine=Engine(), store=None, clock=SystemClock(), dialects={"chat": CHAT, "embeddings": EMBEDDINGS}
    )
    return App(router, Keys(None, router.clock, given_key(Secret(KEY))), body_limit=10_000_000, max_calls=10)


def ask(path: str, body: bytes) -> tuple[int, bytes]:
    """Send a body straight to the app; status and body of the answer."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"x-api-key", KEY.encode())],
    }  # fmt: skip
    asyncio.run(app()(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def assert_fair(path: str, body: bytes) -> None:
    status, data = ask(path, body)
    assert status in {200, 400}
    if status == 400:
        error = json.loads(data)["error"]
        assert error["code"] == 400
        assert error["message"]
        assert error["metadata"]["error_type"] == "invalid_request"
        assert error.get("param") or "body" in error["message"]


@given(chat)
@example({"model": "test/model", "messages": [{"role": "user", "content": [{"type": "text", "text": None}]}]})
@example({"model": "test/model", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1e400})
def test_any_chat_body(body) -> None:
    assert_fair("/v1/chat/completions", json.dumps(body).encode())


@given(embeddings)
def test_any_embeddings_body(body) -> None:
    assert_fair("/v1/embeddings", json.dumps(body).encode())


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps(text).encode()))
@example(b'{"model": "\\ud800", "messages": [{"role": "user", "content": "\\ud800"}]}')
@example(b'{"a":' * 127 + b"1" + b"}" * 127)
@example(b"[" * 1_000_000)
@example(b'{"model":1e999}')
@example(b"\xef\xbb\xbf{}")
def test_any_bytes(body) -> None:
    assert_fair("/api/v1/chat/completions", body)


@given(
    st.binary(max_size=20).map(lambda cut: b'{"model":"test/model","messages":[{"role":"user","content":"%b"}]}' % cut)
)
def test_any_bytes_inside_a_good_body(body) -> None:
    assert_fair("/api/v1/chat/completions", body)


def test_an_unknown_model_is_the_requests_mistake():
    status, body = CHAT.client.error(call_error_of(UnknownModel("x/y", "nobody serves it", ["x/z"])))
    assert status == body["error"]["code"] == 400
    assert body["error"]["param"] == "model"
    assert body["error"]["availability"] == {
        "code": "model_not_found",
        "retryable": False,
        "requested_models": ["x/y"],
        "fallback_models": ["x/z"],
    }
