"""Recorded requests as clients send them: where ours have no dialect for clients, or a provider has forms of its own, read into the
canonical form."""

import json

from conformance.asking import bedrock_embeddings, converse, mistral, vertex_predict

KEPT = ("anthropic-beta", "anthropic-version", "x-anthropic-beta")
HELLO = [{"role": "user", "content": "Say hello."}]
PLAIN = {
    "chat": {"messages": HELLO},
    "completions": {"prompt": "Say hello."},
    "messages": {"messages": HELLO, "max_tokens": 1000},
    "responses": {"input": "Say hello."},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]},
    "cohere-chat": {"messages": HELLO},
    "embeddings": {"input": "hello"},
    "gemini-embeddings": {"requests": [{"content": {"parts": [{"text": "hello"}]}}]},
    "gemini-count-tokens": {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]},
    "cohere-embeddings": {"texts": ["hello"], "input_type": "search_query"},
    "cohere-rerank": {"query": "hello", "documents": ["hello"]},
    "count-tokens": {"messages": HELLO},
}
"""A body of each dialect, for what was not recorded."""

READERS = {
    "converse": converse.canonical,
    "bedrock-embeddings": bedrock_embeddings.canonical,
    "mistral": mistral.canonical,
    "vertex-predict": vertex_predict.canonical,
}
"""By dialect, or by what a row of providers.toml says that its folder asks in."""


def plain(dialect):
    return json.loads(json.dumps(PLAIN[dialect]))


def kept(cassette):
    """The header fields of a recorded request that a call keeps."""
    return [name for name in KEPT if name in cassette.request["headers"]]
