"""Bedrock's wire: Converse, and ConverseStream in frames of AWS's event stream.

Sources: docs.aws.amazon.com/bedrock API reference (Converse, ConverseStream); the frames: docs.aws.amazon.com/AmazonS3 (event stream encoding).
"""

import base64
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from taxiway.codec import Json, dumps, loads
from taxiway_simulator import wire
from taxiway_simulator.answers import Choice, pieces
from taxiway_simulator.errors import Row, Told, as_bedrock
from taxiway_simulator.ledger import Ledger

ROUTE: Final = r"/model/(?P<model>.+)/(?P<action>converse|converse-stream)"

_REASONS: Final = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}
_SETTINGS: Final = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
_TEXT: Final = 7
"""The type of a header's value that is a text."""


class Converse:
    """The wire. What it reads is checked as boto3's serializer would write it: another form raises KeyError or TypeError."""

    content_type = "application/vnd.amazon.eventstream"
    done = b""

    def errors(self, row: Row) -> Told:
        """Word an error."""
        return as_bedrock(row)

    def limits(self, ledger: Ledger, now: float) -> Mapping[str, str]:
        """Write nothing: Bedrock tells no limits."""
        return {}

    def read(self, path: Mapping[str, str], body: Json) -> tuple[Json, Any]:
        """Read a request as chat."""
        chat: Json = {"model": path["model"], "stream": path["action"] == "converse-stream", "messages": []}
        system = [block["text"] for block in body.get("system") or () if "text" in block]
        if system:
            chat["messages"].append({"role": "system", "content": "\n".join(system)})
        for message in body["messages"]:
            chat["messages"] += _messages(message)
        for theirs, ours in _SETTINGS.items():
            if theirs in (body.get("inferenceConfig") or {}):
                chat[ours] = body["inferenceConfig"][theirs]
        config = body.get("toolConfig")
        if config:
            chat["tools"] = [_tool(one["toolSpec"]) for one in config["tools"] if "toolSpec" in one]
            chat["tool_choice"] = _choice(config.get("toolChoice") or {})
        return chat, None

    def complete(self, reply: wire.Reply, asked: Any) -> Json:
        """Write a complete reply."""
        choice = reply.choices[0]
        content: list[Json] = [{"text": choice.text}] if choice.text or not choice.calls else []
        content += [
            {"toolUse": {"toolUseId": call.id, "name": call.name, "input": loads(call.arguments.encode())}}
            for call in choice.calls
        ]
        message = {"role": "assistant", "content": content}
        return {"output": {"message": message}, "stopReason": _reason(choice), **_end(reply)}

    def stream(self, reply: wire.Reply, asked: Any) -> Iterator[tuple[bool, bytes]]:
        """Write frames: the usage comes after the end of the message."""
        choice = reply.choices[0]
        yield False, event("messageStart", {"role": "assistant"})
        index = 0
        if choice.text or not choice.calls:
            for piece in pieces(choice.text):
                yield True, event("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": piece}})
            yield False, event("contentBlockStop", {"contentBlockIndex": index})
            index += 1
        for number, call in enumerate(choice.calls, index):
            start = {"toolUse": {"toolUseId": call.id, "name": call.name}}
            yield False, event("contentBlockStart", {"contentBlockIndex": number, "start": start})
            for piece in pieces(call.arguments):
                delta = {"toolUse": {"input": piece}}
                yield True, event("contentBlockDelta", {"contentBlockIndex": number, "delta": delta})
            yield False, event("contentBlockStop", {"contentBlockIndex": number})
        yield False, event("messageStop", {"stopReason": _reason(choice)})
        yield False, event("metadata", _end(reply))

    def broken(self, row: Row) -> bytes:
        """Write an exception as a frame."""
        headers = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
        return frame({**headers, ":content-type": "application/json"}, {"message": row.text})


CONVERSE: Final = Converse()


def event(name: str, payload: Json) -> bytes:
    """Frame one event."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, payload)


def frame(headers: Mapping[str, str], payload: Json) -> bytes:
    """Frame a message: lengths and their checksum, header fields, the payload, and the checksum of all (CRC-32, big-endian)."""
    fields = b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name.encode(), _TEXT, len(value)) + value.encode()
        for name, value in headers.items()
    )
    body = dumps(payload)
    prelude = struct.pack(">II", 16 + len(fields) + len(body), len(fields))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    whole = prelude + fields + body
    return whole + struct.pack(">I", zlib.crc32(whole))


def _messages(message: Json) -> list[Json]:
    """Read one message as chat's, of which each tool's result is one of its own."""
    made: list[Json] = []
    parts: list[Json] = []
    calls: list[Json] = []
    for block in message["content"]:
        if "text" in block:
            parts.append({"type": "text", "text": block["text"]})
        elif "image" in block:
            source, form = block["image"]["source"]["bytes"], block["image"]["format"]
            base64.b64decode(source, validate=True)
            parts.append({"type": "image_url", "image_url": {"url": f"data:image/{form};base64,{source}"}})
        elif "toolUse" in block:
            use = block["toolUse"]
            function = {"name": use["name"], "arguments": dumps(use["input"]).decode()}
            calls.append({"id": use["toolUseId"], "type": "function", "function": function})
        elif "toolResult" in block:
            result = block["toolResult"]
            said = [one.get("text") or dumps(one.get("json")).decode() for one in result["content"]]
            made.append({"role": "tool", "tool_call_id": result["toolUseId"], "content": "\n".join(said)})
    if parts or calls:
        made.append({"role": message["role"], "content": parts, **({"tool_calls": calls} if calls else {})})
    return made


def _tool(spec: Json) -> Json:
    function = {"name": spec["name"], "parameters": spec["inputSchema"]["json"]}
    return {"type": "function", "function": {**function, "description": spec.get("description", "")}}


def _choice(choice: Json) -> Any:
    if "tool" in choice:
        return {"type": "function", "function": {"name": choice["tool"]["name"]}}
    return "required" if "any" in choice else "auto"


def _reason(choice: Choice) -> str:
    return _REASONS.get(choice.finish, "end_turn")


def _end(reply: wire.Reply) -> Json:
    used = reply.usage
    tokens = {"inputTokens": used["prompt_tokens"], "outputTokens": used["completion_tokens"]}
    return {"usage": {**tokens, "totalTokens": used["total_tokens"]}, "metrics": {"latencyMs": 1}}
