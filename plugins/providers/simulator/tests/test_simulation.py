"""A simulated provider's answers: honest, deterministic, in OpenAI's form."""

import json
import struct
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway_simulator.answers import pieces
from taxiway_simulator.instance import instance
from taxiway_simulator.options import Cost, Key, Model, Pace, Quota, SimulatorOptions
from taxiway_simulator.simulation import Simulation

NOW = 1_760_000_000.0
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
                "required": ["city", "days"],
            },
        },
    }
    for name in ("get_weather", "get_time")
]

UNWRITABLE = {"type": "object", "properties": {"a": {}}, "required": [None]}


def make(**options):
    options.setdefault("slug", "acme")
    options.setdefault("models", ("acme/chat", Model(id="embed", operation="embeddings", dimensions=8)))
    return Simulation(SimulatorOptions(**options), NOW)


def ask(simulation, path="/v1/chat/completions", now=NOW, key="k", method="POST", **body):
    if path == "/v1/chat/completions":
        body.setdefault("model", "acme/chat")
        body.setdefault("messages", [{"role": "user", "content": "hello"}])
    script, _ = simulation.answer(method, path, {"authorization": f"Bearer {key}"}, json.dumps(body).encode(), now)
    return script


def said(script):
    return json.loads(b"".join(part.data for part in script.parts))


def events(script):
    text = b"".join(part.data for part in script.parts).decode()
    *chunks, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]


def user(text):
    return [{"role": "user", "content": text}]


def test_a_reply_says_that_it_is_simulated_and_counts_its_tokens():
    script = ask(make())
    reply = said(script)
    text = reply["choices"][0]["message"]["content"]
    assert script.head.status == 200
    assert text.startswith("(Simulated reply of acme/chat; no AI was asked.)")
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "acme/chat"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] == len(pieces(text))
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + reply["usage"]["completion_tokens"]


def test_the_same_seed_says_the_same_and_another_seed_something_else():
    def text(simulated, **body):
        return said(ask(make(seed=simulated), **body))["choices"][0]["message"]["content"]

    assert text(1) == text(1)
    assert text(1) != text(2)
    assert text(1) != text(1, seed=5)


def test_reply_exactly_is_honoured():
    reply = said(ask(make(), messages=user("Please reply exactly:  one\n two ")))
    assert reply["choices"][0]["message"]["content"] == "one\n two"


def test_a_stream_says_what_the_complete_reply_says():
    complete = said(ask(make()))
    script = ask(make(), stream=True, stream_options={"include_usage": True})
    chunks = events(script)
    assert script.head.headers["content-type"].startswith("text/event-stream")
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == complete["choices"][0]["message"]["content"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == complete["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_usage_is_streamed_only_where_asked_for():
    chunks = events(ask(make(), stream=True))
    assert all("usage" not in chunk and chunk["choices"] for chunk in chunks)


def test_several_choices():
    reply = said(ask(make(), n=3))
    texts = [choice["message"]["content"] for choice in reply["choices"]]
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert reply["usage"]["completion_tokens"] == sum(len(pieces(text)) for text in texts)


def test_limits_and_stop_sequences():
    reply = said(ask(make(), max_completion_tokens=4))
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 4
    stopped = said(ask(make(), messages=user("reply exactly: one two three"), stop=[" two"]))
    assert stopped["choices"][0]["message"]["content"] == "one"


@pytest.mark.parametrize(
    ("choice", "prompt", "called"),
    [
        ("auto", "hello", []),
        ("auto", "please call get_time now", ["get_time"]),
        ("auto", "call get_weather and call get_time", ["get_weather", "get_time"]),
        ("required", "hello", ["get_weather"]),
        ("none", "call get_weather", []),
        ({"type": "function", "function": {"name": "get_time"}}, "hello", ["get_time"]),
    ],
)
def test_tools_are_called_where_asked_for(choice, prompt, called):
    body = {"tools": TOOLS, "tool_choice": choice, "messages": user(prompt)}
    message = said(ask(make(), **body))["choices"][0]
    calls = message["message"].get("tool_calls", [])
    assert [call["function"]["name"] for call in calls] == called
    assert message["finish_reason"] == ("tool_calls" if called else "stop")
    assert all(json.loads(call["function"]["arguments"]) == {"city": "simulated", "days": 1} for call in calls)
    streamed: dict[int, dict] = {}
    for chunk in events(ask(make(), stream=True, **body)):
        for part in chunk["choices"][0]["delta"].get("tool_calls", []):
            call = streamed.setdefault(part["index"], {"arguments": ""})
            call.update({name: part[name] for name in ("id", "type") if name in part})
            call["name"] = part["function"].get("name", call.get("name"))
            call["arguments"] += part["function"]["arguments"]
    assert [call["id"] for call in streamed.values()] == [call["id"] for call in calls]
    assert [call["arguments"] for call in streamed.values()] == [call["function"]["arguments"] for call in calls]


def test_a_tools_result_is_answered_in_words():
    messages = [*user("call get_time"), {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "noon"}]
    message = said(ask(make(), tools=TOOLS, messages=messages))["choices"][0]["message"]
    assert message["content"].endswith("The tool said: noon")


def test_structured_output_is_an_instance_of_its_schema():
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["plane", "car"]},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 2},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "number"}]},
        },
        "required": ["name", "kind", "parts", "maybe"],
        "$defs": {"part": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    content = said(ask(make(), response_format=form))["choices"][0]["message"]["content"]
    expected = {"name": "simulated", "kind": "plane", "parts": [{"id": 0}, {"id": 0}], "maybe": None}
    assert json.loads(content) == expected


def test_a_schema_that_refers_to_itself_ends():
    schema = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]}},
    }
    assert "a" in instance(schema)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["type", "properties", "required", "items", "anyOf", "allOf", "$ref", "enum", "minItems"]
                ),
                x,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_is_sent_as_a_body_gets_an_answer(value):
    body = {"messages": value, "tools": value, "response_format": value, "model": "acme/chat", "n": 1}
    for one in (body, {"model": "acme/chat", "messages": [{"role": "user", "content": value}], "stop": value}):
        assert ask(make(), **one).head.status in {200, 400}


def test_embeddings_are_of_length_one_and_the_same_in_both_encodings():
    simulation = make()
    floats = said(ask(simulation, "/v1/embeddings", model="embed", input=["a b", "c"]))
    packed = said(ask(simulation, "/v1/embeddings", model="embed", input=["a b", "c"], encoding_format="base64"))
    assert [row["index"] for row in floats["data"]] == [0, 1]
    assert sum(x * x for x in floats["data"][0]["embedding"]) == pytest.approx(1.0)
    assert list(struct.unpack("<8f", b64decode(packed["data"][1]["embedding"]))) == floats["data"][1]["embedding"]
    assert floats["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert (
        len(said(ask(simulation, "/v1/embeddings", model="embed", input="a", dimensions=3))["data"][0]["embedding"])
        == 3
    )


@pytest.mark.parametrize(("field", "value"), [("dimensions", 9), ("dimensions", 0.5), ("input", ["a"] * 2049)])
def test_as_many_vectors_and_numbers_as_openai_makes_and_no_more(field, value):
    script = ask(make(), "/v1/embeddings", model="embed", **{"input": "a", field: value})
    assert script.head.status == 400
    assert said(script)["error"]["param"] == field


def test_models_are_listed():
    listed = said(ask(make(), "/v1/models", method="GET"))
    assert [model["id"] for model in listed["data"]] == ["acme/chat", "embed"]
    assert said(ask(make(), "/v1/models/acme/chat", method="GET"))["id"] == "acme/chat"
    assert ask(make(), "/v1/models/none", method="GET").head.status == 404


def test_the_pace_is_kept():
    model = Model(id="m", pace=Pace(first_token=0.5, tokens_per_second=10.0), price=Cost())
    simulation = make(models=(model,))
    complete = ask(simulation, model="m")
    tokens = said(complete)["usage"]["completion_tokens"]
    assert complete.wait == pytest.approx(0.5 + tokens / 10)
    stream = ask(simulation, model="m", stream=True)
    assert stream.wait == 0.5
    assert sum(part.delay for part in stream.parts) == pytest.approx(tokens / 10)


def test_a_spread_of_latencies_keeps_its_median():
    simulation = make(models=(Model(id="m", pace=Pace(first_token=1.0, spread=0.5)),))
    waits = sorted(ask(simulation, model="m", stream=True).wait for _ in range(1001))
    assert waits[500] == pytest.approx(1.0, rel=0.1)
    assert waits[950] > 1.8


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "nope"}, 404, "model_not_found", None),
        ({"model": "embed"}, 400, None, "model"),
        ({"messages": None}, 400, "missing_required_parameter", "messages"),
        ({"messages": ["x"]}, 400, None, None),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": UNWRITABLE}}}, 400, None, None),
        (
            {"messages": [{"role": "user", "content": "a " * 200}], "model": "small"},
            400,
            "context_length_exceeded",
            "messages",
        ),
    ],
)
def test_a_wrong_request_is_refused_as_openai_does(body, status, code, param):
    models = ("acme/chat", Model(id="embed", operation="embeddings"), Model(id="small", context=100))
    script = ask(make(models=models), **body)
    error = said(script)["error"]
    assert (script.head.status, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"


def test_a_body_that_is_no_json_and_a_path_that_is_none():
    simulation = make()
    script, _ = simulation.answer("POST", "/v1/chat/completions", {}, b"{", NOW)
    assert script.head.status == 400
    script, _ = simulation.answer("POST", "/v1/nothing", {}, b"", NOW)
    assert script.head.status == 404


def test_each_key_has_its_own_quota_and_says_so():
    simulation = make(keys=(Key(key="one", quota=Quota(requests=2)), "two"), quota=Quota(requests=1))
    first, second, third = (ask(simulation, key="one", now=NOW + n) for n in range(3))
    assert first.head.headers["x-ratelimit-remaining-requests"] == "1"
    assert second.head.headers["x-ratelimit-reset-requests"] == "59s"
    assert third.head.status == 429
    assert third.head.headers["retry-after"] == "58"
    assert said(third)["error"]["code"] == "rate_limit_exceeded"
    assert ask(simulation, key="two", now=NOW + 3).head.status == 200
    assert ask(simulation, key="two", now=NOW + 4).head.status == 429
    assert ask(simulation, key="one", now=NOW + 60).head.status == 200
    assert [(seen.key, seen.status) for seen in simulation.log] == [
        ("key-1", 200),
        ("key-1", 200),
        ("key-1", 429),
        ("key-2", 200),
        ("key-2", 429),
        ("key-1", 200),
    ]


def test_an_unknown_key_is_refused_without_being_shown():
    script = ask(make(keys=("one",)), key="planted-wrong-key")
    assert script.head.status == 401
    assert said(script)["error"]["code"] == "invalid_api_key"
    assert b"planted" not in script.parts[0].data
