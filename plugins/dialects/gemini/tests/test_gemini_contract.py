"""The contract of dialects, for each of this distribution."""

import copy
from collections.abc import Mapping

import pytest

import taxiway_gemini
from taxiway.testing.dialect import DialectContract, Exchange, make_endpoint

CHAT, EMBEDDINGS, COUNT_TOKENS = taxiway_gemini.taxiway_dialects()

USER = {"role": "user", "parts": [{"text": "What is the weather in Rome and in Oslo?"}]}
CALLS = [
    {"functionCall": {"id": "a1", "name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "c2lnbg=="},
    {"functionCall": {"id": "a2", "name": "weather", "args": {"city": "Oslo"}}},
]
RESULTS = [
    {"functionResponse": {"id": "a1", "name": "weather", "response": {"output": "sunny"}}},
    {"functionResponse": {"id": "a2", "name": "weather", "response": {"degrees": -3, "sky": ["clear"]}}},
]
WEATHER = {
    "name": "weather",
    "description": "Tells the weather.",
    "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
HEAD = {"responseId": "up-1", "modelVersion": "gemini-2.5-flash"}
COUNTS = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": 18}


def chunk(*parts, usage=None, **rest):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **rest}
    return {
        "candidates": [candidate],
        "usageMetadata": usage or {"promptTokenCount": 10, "totalTokenCount": 10},
        **HEAD,
    }


class TestGemini(DialectContract):
    module = taxiway_gemini
    registration = CHAT
    path: Mapping[str, str] = {"model": "gemini-2.5-flash", "action": "streamGenerateContent"}
    usage = "usageMetadata"
    bodies = (
        {"contents": [USER]},
        {
            "contents": [
                USER,
                {"role": "model", "parts": [{"text": "I look.", "thought": True}, {"text": "Wait."}, *CALLS]},
                {"role": "user", "parts": RESULTS},
                {"role": "model", "parts": [{"text": "Rome: sunny."}, {"text": "", "thoughtSignature": "ZW5k"}]},
                {
                    "role": "user",
                    "parts": [
                        {"text": "And here?"},
                        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                        {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
                        {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
                        {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}},
                    ],
                },
            ],
            "systemInstruction": {"parts": [{"text": "Be short."}]},
            "tools": [{"functionDeclarations": [WEATHER]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
            "generationConfig": {
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 20,
                "maxOutputTokens": 100,
                "stopSequences": ["END"],
                "seed": 7,
                "presencePenalty": 0.1,
                "frequencyPenalty": 0.2,
                "candidateCount": 2,
                "responseLogprobs": True,
                "logprobs": 3,
                "thinkingConfig": {"thinkingBudget": 1000, "includeThoughts": True},
            },
            "serviceTier": "flex",
        },
        {
            "contents": [USER],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseJsonSchema": {"title": "answer", "type": "object"},
                "responseModalities": ["TEXT", "IMAGE"],
                "imageConfig": {"aspectRatio": "16:9"},
            },
        },
    )
    exchanges = (
        Exchange(
            events=(
                chunk({"text": "Let me think.", "thought": True}),
                chunk({"text": "Hel"}),
                chunk({"text": "lo"}, finishReason="STOP", usage=COUNTS),
            ),
            reply=chunk(
                {"text": "Let me think.", "thought": True}, {"text": "Hello"}, finishReason="STOP", usage=COUNTS
            ),
        ),
        Exchange(
            events=(chunk(CALLS[0]), chunk(CALLS[1]), chunk({"text": ""}, finishReason="STOP", usage=COUNTS)),
            reply=chunk(*CALLS, finishReason="STOP", usage=COUNTS),
        ),
        Exchange(
            events=({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTS, **HEAD},),
            reply={"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTS, **HEAD},
        ),
    )

    def test_progress_says_the_same_of_stream_and_reply(self, upstream):
        # The last is blocked: it ends without having begun.
        self.exchanges, blocked = self.exchanges[:-1], self.exchanges[-1]
        super().test_progress_says_the_same_of_stream_and_reply(upstream)
        progress = upstream.progress(stream=True)
        progress.see(blocked.events[0])
        progress.close(mark=False, framed=True)
        assert (progress.started, progress.done, progress.finish, progress.native_finish) == (
            False,
            True,
            "content_filter",
            "SAFETY",
        )


class TestGeminiEmbeddings(DialectContract):
    module = taxiway_gemini
    registration = EMBEDDINGS
    path: Mapping[str, str] = {"model": "gemini-embedding-001", "action": "batchEmbedContents"}
    usage = "usageMetadata"
    bodies = (
        {
            "requests": [
                {
                    "content": {"parts": [{"text": "one"}]},
                    "taskType": "RETRIEVAL_QUERY",
                    "outputDimensionality": 256,
                },
                {"content": {"parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}},
            ]
        },
        {"content": {"parts": [{"text": "one"}]}},
    )
    exchanges = (
        Exchange(events=(), reply={"embeddings": [{"values": [0.5, -1.0]}], "usageMetadata": {"promptTokenCount": 3}}),
        Exchange(events=(), reply={"embedding": {"values": [0.5]}}),
    )


class TestGeminiCountTokens(DialectContract):
    module = taxiway_gemini
    registration = COUNT_TOKENS
    path: Mapping[str, str] = {"model": "gemini-2.5-flash", "action": "countTokens"}
    bodies = (
        {"contents": [USER], "systemInstruction": {"parts": [{"text": "Be short."}]}},
        {
            "generateContentRequest": {
                "model": "models/x",
                "contents": [USER],
                "tools": [{"functionDeclarations": [WEATHER]}],
            }
        },
    )
    exchanges = (Exchange(events=(), reply={"totalTokens": 36, "totalBillableCharacters": 123}),)


@pytest.mark.parametrize("body", TestGemini.bodies)
def test_a_gemini_body_comes_back_the_same_from_the_canonical_form(body):
    dialect = TestGemini().registration.build(None, None)
    canonical = dialect.client.to_canonical(copy.deepcopy(body))
    assert not canonical.dropped
    endpoint = make_endpoint("chat", "gemini", id="gemini-2.5-flash", reasoning=True)
    again = dialect.upstream.from_canonical(canonical.body, endpoint)
    assert again.body == body
    assert not again.dropped
