"""In meaning: the ways in which a dialect lets one thing be said, brought to one. Requests, and complete replies."""

import base64
import copy
import json

from conformance import google


def meaning(dialect, body):
    """A body with all that may be said in two ways said in one."""
    return _READERS.get(dialect, lambda given: given)(copy.deepcopy(body))


def _mistral(body):
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = content = [{"type": "text", "text": content}]
        for part in content or ():
            if isinstance(part.get("image_url"), str):
                part["image_url"] = {"url": part["image_url"]}
            if part.get("type") == "thinking":
                part["thinking"] = "".join(piece["text"] for piece in part["thinking"])
    for tool in body.get("tools") or ():
        tool.setdefault("type", "function")
    return body


def _converse(body):
    body = {name: value for name, value in body.items() if value not in ({}, [])}
    for message in body["messages"]:
        for block in message["content"]:
            if block.get("toolResult", {}).get("status") == "success":
                del block["toolResult"]["status"]
            source = block.get("document", {}).get("source", {})
            if "text" in source:
                source["bytes"] = base64.b64encode(source.pop("text").encode()).decode()
    if body.get("toolConfig", {}).get("toolChoice") == {"auto": {}}:
        del body["toolConfig"]["toolChoice"]
    more = body.get("additionalModelRequestFields", {})
    if "reasoning_config" in more:
        more["thinking"] = more.pop("reasoning_config")
    form = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema")
    if form:
        form["schema"] = json.loads(form["schema"])
    return body


def _messages(body):
    if isinstance(body.get("system"), str):
        body["system"] = [_text(body["system"])]
    turns = []
    for message in body["messages"]:
        message["content"] = _blocks(message["content"])
        if turns and turns[-1]["role"] == message["role"]:
            # The API makes one turn of them itself.
            turns[-1]["content"] += message["content"]
        else:
            turns.append(message)
    for tool in body.get("tools") or ():
        if tool.get("type") == "custom":
            del tool["type"]
    if "output_format" in body:
        # As it was called before it was one of several.
        body.setdefault("output_config", {})["format"] = body.pop("output_format")
    return {name: value for name, value in {**body, "messages": turns}.items() if value != []}


def _blocks(content):
    """A text is a list of one block; what is false or empty unless it is said may be left out."""
    blocks = [_text(content)] if isinstance(content, str) else content
    for block in blocks:
        if block["type"] == "tool_result":
            if "content" in block:
                block["content"] = _blocks(block["content"])
            if block.get("is_error") is False:
                del block["is_error"]
    return blocks


def _text(text):
    return {"type": "text", "text": text}


def _responses(body):
    if isinstance(body["input"], str):
        body["input"] = [{"role": "user", "content": body["input"]}]
    if body.get("instructions"):
        body["input"].insert(0, {"role": "developer", "content": body.pop("instructions")})
    for item in body["input"]:
        if item.get("type") == "message":
            del item["type"]
        for name in ("id", "status"):
            item.pop(name, None)
        for part in item["content"] if isinstance(item.get("content"), list) else ():
            for name in ("annotations", "logprobs"):
                if not part.get(name):
                    part.pop(name, None)
        if item.get("role") == "system":
            item["role"] = "developer"
        if isinstance(item.get("content"), str):
            kind = "output_text" if item.get("role") == "assistant" else "input_text"
            item["content"] = [{"type": kind, "text": item["content"]}]
    return body


_READERS = {
    "converse": _converse,
    "count-tokens": _messages,
    "gemini": google.meaning,
    "gemini-count-tokens": google.meaning,
    "gemini-embeddings": google.meaning,
    "messages": _messages,
    "mistral": _mistral,
    "responses": _responses,
}


def unordered(dialect, reply):
    """A complete reply with its texts in one piece, before all else: a stream may end with what a whole reply begins with."""
    match dialect:
        case "messages":
            texts, others = _parted(reply["content"], "text")
            return {**reply, "content": [_joined(texts), *others]}
        case "responses":
            said, others = _parted(reply["output"], "message")
            parts = [part for item in said for part in item["content"]]
            kept = [{name: value for name, value in item.items() if name != "id"} for item in others]
            return {**reply, "output": [_joined(parts), *kept]}
    return reply


def _parted(items, kind):
    """Items of a kind; and the others, by their types."""
    found = [item for item in items if item["type"] == kind]
    return found, sorted((item for item in items if item["type"] != kind), key=lambda item: item["type"])


def _joined(parts):
    """Texts as one, with all that was noted of them."""
    made = {"text": "".join(part.get("text") or part.get("refusal") or "" for part in parts)}
    for name in ("annotations", "citations", "logprobs"):
        made[name] = [one for part in parts for one in part.get(name) or ()]
    return made
