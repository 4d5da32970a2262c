"""Readers of replies, one for each wire: small, written from the providers' pages, and apart from the code that they check."""

from conformance.reading import chat, cohere, completions, converse, counts, gemini, messages, responses, vectors

READERS = {
    "chat": chat,
    "cohere-chat": cohere,
    "completions": completions,
    "converse": converse,
    "count-tokens": counts,
    "gemini-count-tokens": counts,
    "embeddings": vectors,
    "bedrock-embeddings": vectors,
    "cohere-embeddings": vectors,
    "gemini-embeddings": vectors,
    "gemini": gemini,
    "messages": messages,
    "responses": responses,
}
"""By our dialect."""


ODDITIES = {"think": chat.thinking_apart, "int8": vectors.of_bytes}
"""What some providers put otherwise than their dialect has it."""


def read(dialect, events, *, streamed):
    """What a reply says: events of a stream, or the one complete reply."""
    reader = READERS[dialect]
    return reader.stream(events) if streamed else reader.reply(events[0])
