"""What Gemini answers, as canonical chat tells it; streamed and complete say the same."""

import copy

import pytest

from taxiway.chat_fold import ChatFold
from taxiway.codec import loads
from taxiway.errors import Malformed
from taxiway.http import HttpHead
from taxiway_gemini import GEMINI, replies_of
from taxiway_gemini.to_parts import model_parts

HEAD = {"responseId": "up-1", "modelVersion": "gemini-2.5-flash"}
SIGNED = {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2lnbg=="}
CODE = {"executableCode": {"language": "PYTHON", "code": "print(1)"}, "thoughtSignature": "Y29kZQ=="}
RAN = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}


def reply(*parts, finish="STOP", **rest):
    return {
        "candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, **rest}],
        **HEAD,
    }


def told(one):
    return GEMINI.upstream.reply_to_canonical(copy.deepcopy(one), None)


def choice(one):
    return told(one).body["choices"][0]


def message(*parts):
    return choice(reply(*parts))["message"]


def streamed(*events):
    """The complete canonical reply of a stream."""
    reader, fold = GEMINI.upstream.events_to_canonical(None), ChatFold()
    for event in events:
        for chunk in reader.feed(copy.deepcopy(event)):
            fold.feed(chunk)
    for chunk in reader.close():
        fold.feed(chunk)
    return fold.reply()


@pytest.mark.parametrize(
    "parts",
    [
        ({"text": "hi"},),
        ({"text": "hi", "thoughtSignature": "QQ=="},),
        ({"text": "hi"}, {"text": "", "thoughtSignature": "QQ=="}),
        ({"text": "one", "thoughtSignature": "QQ=="}, {"text": "two"}, {"text": "three", "thoughtSignature": "Qg=="}),
        ({"text": "hm", "thought": True}, {"text": "hi"}),
        ({"text": "hm", "thought": True, "thoughtSignature": "QQ=="}, {"text": "hi"}),
        ({"text": "look"}, SIGNED, {"functionCall": {"id": "g1", "name": "g", "args": {}}}),
        (SIGNED, {"text": "", "thoughtSignature": "QQ=="}),
        ({"text": "so"}, CODE, RAN, {"text": "it is 1", "thoughtSignature": "QQ=="}),
        (
            SIGNED,
            {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB"}, "thoughtSignature": "QQ=="},
            {"toolResponse": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB"}},
        ),
        (
            {"text": "a picture"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "QQ=="},
        ),
        ({"text": "é: "}, {"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "ü"}),
    ],
)
def test_every_part_and_its_signature_come_back_where_they_were(parts):
    lost = []
    answered = message(*parts)
    back = model_parts(copy.deepcopy(answered), lost)
    # An id that Gemini did not give is told from then on.
    for part, was in zip(back, parts, strict=True):
        if "functionCall" in part and "id" not in was["functionCall"]:
            assert part["functionCall"].pop("id").startswith("call_up-1_")
    assert back == list(parts)
    assert not lost
    # The same, when each part comes in a chunk of its own.
    events = [reply(part, finish=None) for part in parts[:-1]] + [reply(parts[-1])]
    (answer,) = streamed(*events)["choices"]
    assert answer["message"] == answered
    assert answer["finish_reason"] == choice(reply(*parts))["finish_reason"]


def test_signatures_are_found_where_openrouter_puts_them():
    details = message(SIGNED, {"functionCall": {"id": "g1", "name": "g", "args": {}}})["reasoning_details"]
    assert details == [
        {
            "type": "reasoning.encrypted",
            "data": "c2lnbg==",
            "id": "call_up-1_0",
            "format": "google-gemini-v1",
            "index": 0,
        }
    ]


def test_a_signature_whose_call_is_unknown_goes_to_the_first_call_without_one():
    echoed = {
        "role": "assistant",
        "reasoning_details": [
            {"type": "reasoning.encrypted", "data": "QQ==", "id": "gone", "format": "google-gemini-v1"}
        ],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    (part,) = model_parts(copy.deepcopy(echoed), [])
    assert part["thoughtSignature"] == "QQ=="
    del echoed["tool_calls"]
    assert model_parts({**echoed, "content": "hi"}, [])[-1] == {"text": "", "thoughtSignature": "QQ=="}


def test_a_content_that_was_shortened_keeps_its_signature():
    answered = message({"text": "long text"}, {"text": " and its end", "thoughtSignature": "QQ=="})
    answered["content"] = "long"
    assert model_parts(answered, []) == [{"text": "long"}, {"text": "", "thoughtSignature": "QQ=="}]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("SOMETHING_NEW", "error"),
        (1, "stop"),
        (2, "length"),
        (3, "content_filter"),
    ],
)
def test_why_it_ended(reason, finish):
    ended = choice(reply({"text": "x"}, finish=reason))
    assert ended["finish_reason"] == finish
    assert ended["native_finish_reason"] == (
        reason if isinstance(reason, str) else ["STOP", "MAX_TOKENS", "SAFETY"][reason - 1]
    )


def test_stop_means_tools_where_there_are_calls():
    assert choice(reply(SIGNED))["finish_reason"] == "tool_calls"
    assert choice(reply(SIGNED, finish="MAX_TOKENS"))["finish_reason"] == "length"


def test_thinking_may_take_all_tokens():
    ended = {"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}], **HEAD}
    assert choice(ended)["message"] == {"role": "assistant", "content": None}
    assert choice(ended)["finish_reason"] == "length"
    progress = GEMINI.upstream.progress(stream=False)
    progress.see(ended)
    assert (progress.started, progress.done, progress.finish) == (False, True, "length")


def test_a_blocked_prompt_is_an_answer_of_its_own():
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "No."}, **HEAD}
    expected = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "refusal": "No."},
        "finish_reason": "content_filter",
        "native_finish_reason": "PROHIBITED_CONTENT",
    }
    assert choice(blocked) == expected
    (answer,) = streamed(blocked)["choices"]
    assert answer["message"]["refusal"] == "No."
    assert answer["finish_reason"] == "content_filter"


USED = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "toolUsePromptTokenCount": 7,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 157,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}, {"modality": "AUDIO", "tokenCount": 50}],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 35}, {"modality": "TEXT", "tokenCount": 5}],
    "candidatesTokensDetails": [{"modality": 2, "tokenCount": 15}],
    "serviceTier": "priority",
}


def test_usage_is_told_as_a_whole_and_in_disjoint_parts():
    body = told({**reply({"text": "x"}), "usageMetadata": USED}).body
    assert body["usage"] == {
        "prompt_tokens": 107,
        "completion_tokens": 50,
        "total_tokens": 157,
        "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 30, "image_tokens": 15},
    }
    assert body["service_tier"] == "priority"
    progress = GEMINI.upstream.progress(stream=False)
    progress.see({**reply({"text": "x"}), "usageMetadata": USED})
    usage = progress.usage
    assert (usage.input, usage.cache_read, usage.audio_in, usage.output, usage.image_out, usage.reasoning) == (
        52,
        40,
        15,
        5,
        15,
        30,
    )
    assert (usage.prompt, usage.completion) == (107, 50)


def test_the_last_usage_with_counts_is_the_one():
    first = {**reply({"text": "x"}, finish=None), "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}
    last = {**reply({"text": "y"}), "usageMetadata": {"trafficType": "ON_DEMAND"}}
    progress = GEMINI.upstream.progress(stream=True)
    for event in (first, last):
        progress.see(event)
    assert progress.usage.prompt == 5
    assert streamed(first, last)["usage"]["prompt_tokens"] == 5


def test_sources_are_annotations_in_characters():
    text = "Zürich is sunny. Oslo is not."
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"uri": "https://b", "title": "B", "text": "what it says"}},
            {"web": {"uri": "https://c", "title": "C"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 17, "text": "Zürich is sunny."}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 1, "endIndex": 2, "text": "Oslo is not."}, "groundingChunkIndices": [0, 1, 9]},
        ],
        "webSearchQueries": ["weather"],
    }
    translated = told(reply({"text": text}, groundingMetadata=grounding))
    annotations = translated.body["choices"][0]["message"]["annotations"]
    assert [
        (a["url_citation"]["url"], a["url_citation"]["start_index"], a["url_citation"]["end_index"])
        for a in annotations
    ] == [
        ("https://a", 0, 16),
        ("https://a", 17, 29),
        ("https://b", 17, 29),
        ("https://c", 0, 29),
    ]
    assert annotations[2]["url_citation"]["content"] == "what it says"
    assert translated.dropped == ("candidates.groundingMetadata.webSearchQueries",)
    (answer,) = streamed(
        reply({"text": text[:9]}, finish=None, groundingMetadata={}),
        reply({"text": text[9:]}, groundingMetadata=grounding),
    )["choices"]
    assert answer["message"]["annotations"] == annotations


def test_probabilities_of_tokens_are_told():
    result = {
        "chosenCandidates": [{"token": "Hé", "logProbability": -0.5, "tokenId": 1}],
        "topCandidates": [
            {"candidates": [{"token": "Hé", "logProbability": -0.5}, {"token": "Ho", "logProbability": -2}]}
        ],
    }
    assert choice(reply({"text": "Hé"}, logprobsResult=result))["logprobs"] == {
        "content": [
            {
                "token": "Hé",
                "logprob": -0.5,
                "bytes": [72, 195, 169],
                "top_logprobs": [
                    {"token": "Hé", "logprob": -0.5, "bytes": [72, 195, 169]},
                    {"token": "Ho", "logprob": -2, "bytes": [72, 111]},
                ],
            }
        ],
        "refusal": None,
    }


def test_pictures_and_sound_are_told():
    answered = message(
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "c28="}},
    )
    assert answered["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]
    assert answered["audio"]["data"] == "c28="
    assert answered["audio"]["format"] == "audio/L16;rate=24000"


def test_several_candidates_are_several_choices():
    events = [
        {
            "candidates": [
                {"index": 0, "content": {"parts": [{"text": "a"}]}},
                {"index": 1, "content": {"parts": [{"text": "b"}]}},
            ]
        },
        {
            "candidates": [
                {"index": 1, "content": {"parts": [{"text": "B"}]}, "finishReason": "STOP"},
                {"index": 0, "content": {"parts": [{"text": "A"}]}, "finishReason": "MAX_TOKENS"},
            ]
        },
    ]
    choices = streamed(*events)["choices"]
    assert [(one["message"]["content"], one["finish_reason"]) for one in choices] == [("aA", "length"), ("bB", "stop")]
    progress = GEMINI.upstream.progress(stream=True)
    for event in events:
        progress.see(event)
    progress.close(mark=False, framed=True)
    assert progress.done
    assert progress.text == "aA"


def test_a_stream_is_not_done_while_a_candidate_goes_on():
    progress = GEMINI.upstream.progress(stream=True)
    progress.see(reply({"text": "x"}, finish=None))
    progress.close(mark=True, framed=True)
    assert not progress.done


@pytest.mark.parametrize(
    "body",
    [
        b'{"candidates":1}',
        b'{"candidates":[1]}',
        b'{"candidates":[{"content":1}]}',
        b'{"candidates":[{"content":{"parts":1}}]}',
        b'{"candidates":[{"content":{"parts":[1]}}]}',
        b"[]",
        b"{",
    ],
)
def test_a_reply_of_another_shape_is_malformed(body):
    replies = replies_of(HttpHead(200, {}), stream=False)
    replies.feed(body)
    with pytest.raises(Malformed):
        replies.close(framed=True)


def test_a_call_says_what_it_is_once():
    first, last = GEMINI.upstream.events_to_canonical(None).feed(reply(SIGNED))[0], None
    (call,) = first["choices"][0]["delta"]["tool_calls"]
    assert call["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert loads(call["function"]["arguments"].encode()) == {"a": 1}
    assert last is None
