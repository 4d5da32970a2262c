"""Embeddings, of every wire that was recorded. Vectors are lists of numbers, whatever encoding they came in."""

import base64
import struct

from conformance.reading.told import Told, Used, count


def reply(body: dict) -> Told:
    return Told([_vector(item) for item in _items(body)], used(body))


def used(body: dict) -> Used | None:
    prompt = count(body, "usage.prompt_tokens", "meta.billed_units.input_tokens", "inputTextTokenCount")
    prompt = prompt or sum(count(item, "embeddings.statistics.token_count") for item in body.get("predictions") or ())
    prompt = prompt or count(body, "usageMetadata.promptTokenCount")
    return Used(prompt) if prompt else None


def of_bytes(told: Told) -> Told:
    """Vectors whose numbers are one signed byte each, and were read as floats of four."""
    if all(isinstance(one, list) for one in told.answers):
        told.answers = [
            list(struct.unpack(f"{4 * len(one)}b", struct.pack(f"<{len(one)}f", *one))) for one in told.answers
        ]
    return told


def _items(body: dict) -> list:
    if "data" in body:
        return [item["embedding"] for item in body["data"]]
    if "predictions" in body:
        return [item["embeddings"]["values"] for item in body["predictions"]]
    if "embedding" in body:
        return [body["embedding"]]
    items = body["embeddings"]
    if isinstance(items, dict):
        return next(iter(items.values()))
    return [item.get("values") or item.get("embedding") if isinstance(item, dict) else item for item in items]


def _vector(item) -> list[float]:
    if isinstance(item, dict):
        return item["values"]
    if isinstance(item, str):
        data = base64.b64decode(item)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    return item
