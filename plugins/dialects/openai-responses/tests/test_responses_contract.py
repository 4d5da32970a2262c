"""The contract of dialects, kept by responses; what comes is written by hand, in the form of OpenAI's reference and recordings."""

import copy

import taxiway_openai_responses
from taxiway.codec import dumps, loads
from taxiway.testing.dialect import DialectContract, Exchange

FUNCTION = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}
PDF = "data:application/pdf;base64,JVBERg=="

PLAIN = {"model": "acme/model-1", "input": "Hello"}
RICH = {
    "model": "acme/model-1",
    "instructions": "Be short.",
    "input": [
        {"role": "developer", "content": "In French."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": "https://pictures.example/a.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
                {"type": "input_file", "file_url": "https://files.example/b.pdf"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            ],
        },
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Paris"}'},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "run", "input": "ls"},
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
        {
            "type": "custom_tool_call_output",
            "call_id": "call_2",
            "output": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "A bill"}, {"type": "refusal", "refusal": "No more."}],
        },
        {"role": "user", "content": "Thanks"},
    ],
    "tools": [
        FUNCTION,
        {**FUNCTION, "name": "free", "strict": False},
        {"type": "custom", "name": "run", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"}},
        {"type": "web_search", "search_context_size": "low", "user_location": {"type": "approximate", "city": "Rome"}},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "weather"}, {"type": "custom", "name": "run"}],
    },
    "parallel_tool_calls": False,
    "max_output_tokens": 200,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_logprobs": 2,
    "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
    "text": {
        "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    },
    "reasoning": {"effort": "low", "summary": "auto"},
    "metadata": {"a": "b"},
    "user": "someone",
    "service_tier": "flex",
    "prompt_cache_key": "key",
    "store": False,
    "stream": True,
}
NULLS = {"model": "acme/model-1", "input": "Hi", "temperature": None, "tools": None, "previous_response_id": None}

RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1760000000,
    "status": "in_progress",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": "model-1-2026",
    "output": [],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "usage": None,
    "something_new": {"a": 1},
}
USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
    "output_tokens": 12,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 32,
}
THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "Think."}, {"type": "summary_text", "text": "More."}],
    "encrypted_content": "gAAAA",
}
CITATION = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"}
TEXT = {"type": "output_text", "text": "Hi there", "annotations": [CITATION], "logprobs": []}
SAID = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [TEXT]}
CALLED = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Rome"}',
}
NOTHING = {**CALLED, "id": "fc_2", "call_id": "call_2", "arguments": "{}"}


def numbered(*events):
    return [{"sequence_number": number, **event} for number, event in enumerate(events)]


def streamed(output, *middle, status="completed", usage=USAGE, **changes):
    """A whole stream: its beginning, what is given, and its end."""
    last = {**RESPONSE, "status": status, "output": output, "usage": usage, **changes}
    return numbered(
        {"type": "response.created", "response": RESPONSE},
        {"type": "response.in_progress", "response": RESPONSE},
        *middle,
        {"type": f"response.{status}", "response": last},
    ), last


def item(kind, place, value):
    return {"type": f"response.output_item.{kind}", "output_index": place, "item": value}


def at(kind, value, place, **members):
    return {"type": f"response.{kind}", "item_id": value["id"], "output_index": place, **members}


def saying(value, place, *pieces, notes=()):
    """The events of a message with one text."""
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    part = {"content_index": 0}
    return (
        item("added", place, {**value, "status": "in_progress", "content": []}),
        at("content_part.added", value, place, **part, part=empty),
        *(at("output_text.delta", value, place, **part, delta=piece, logprobs=[]) for piece in pieces),
        *(
            at("output_text.annotation.added", value, place, **part, annotation_index=n, annotation=note)
            for n, note in enumerate(notes)
        ),
        at("output_text.done", value, place, **part, text="".join(pieces), logprobs=[]),
        at("content_part.done", value, place, **part, part=value["content"][0]),
        item("done", place, value),
    )


def thinking(value, place):
    """The events of a reasoning item with a summary."""
    events = [item("added", place, {**value, "summary": [], "encrypted_content": "begun"})]
    for index, part in enumerate(value["summary"]):
        where = {"summary_index": index}
        events += [
            at("reasoning_summary_part.added", value, place, **where, part={"type": "summary_text", "text": ""}),
            at("reasoning_summary_text.delta", value, place, **where, delta=part["text"]),
            at("reasoning_summary_text.done", value, place, **where, text=part["text"]),
            at("reasoning_summary_part.done", value, place, **where, part=part),
        ]
    return (*events, item("done", place, value))


def calling(value, place, *pieces):
    return (
        item("added", place, {**value, "status": "in_progress", "arguments": ""}),
        *(at("function_call_arguments.delta", value, place, delta=piece) for piece in pieces),
        at("function_call_arguments.done", value, place, arguments=value["arguments"]),
        item("done", place, value),
    )


def exchange(output, *middle, **changes):
    events, reply = streamed(output, *middle, **changes)
    return Exchange(events=events, reply=reply)


ALL = exchange(
    [THOUGHT, SAID, CALLED, NOTHING],
    *thinking(THOUGHT, 0),
    *saying(SAID, 1, "Hi", " there", notes=[CITATION]),
    *calling(CALLED, 2, '{"city":', '"Rome"}'),
    *calling(NOTHING, 3),
)
CUT = exchange(
    [{**SAID, "status": "incomplete"}],
    *saying({**SAID, "status": "incomplete"}, 0, "Hi there", notes=[CITATION]),
    status="incomplete",
    incomplete_details={"reason": "max_output_tokens"},
)


class TestResponses(DialectContract):
    module = taxiway_openai_responses
    registration = next(iter(taxiway_openai_responses.taxiway_dialects()))
    bodies = (PLAIN, RICH, NULLS)
    exchanges = (ALL, CUT)

    def test_the_stamp_says_who_and_tells_usage_once_and_last(self, dialect, client):
        """The id is in the Response, which not every event has."""
        for given in self.exchanges:
            stamp = client.stamp(*self._stamped(dialect))
            sent = [event for one in copy.deepcopy(given.events) if (event := stamp.event(one)) is not None]
            sent += stamp.last()
            assert loads(dumps(sent)) == sent
            assert {event["response"]["id"] for event in sent if "response" in event} == {"gen-1"}
            assert [event["sequence_number"] for event in sent] == list(range(len(given.events)))
            told = [event for event in sent if event.get("response", {}).get("usage")]
            assert told == [sent[-1]]
            assert told[0]["response"]["usage"]["cost"] == 2e-5
            assert not list(stamp.last())
