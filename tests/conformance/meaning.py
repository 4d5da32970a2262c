"""Requests in meaning: the ways in which a dialect lets one thing be said, brought to one."""

import copy


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


_READERS = {"mistral": _mistral}
