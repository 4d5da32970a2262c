"""Requests to Mistral, whose clients say some things otherwise than OpenAI's, as canonical chat."""


def canonical(body):
    body = dict(body)
    body["messages"] = [_message(message) for message in body["messages"]]
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"
    if body.get("tools"):
        body["tools"] = [{"type": "function", **tool} for tool in body["tools"]]
    return body


def _message(message):
    if not isinstance(message.get("content"), list):
        return message
    parts, thoughts = [], []
    for part in message["content"]:
        match part:
            case {"type": "thinking", "thinking": pieces}:
                text = "".join(piece["text"] for piece in pieces)
                thoughts.append({"type": "reasoning.text", "text": text, "format": "unknown", "index": len(thoughts)})
            case {"type": "document_url", "document_url": url}:
                named = {"filename": part["document_name"]} if "document_name" in part else {}
                parts.append({"type": "file", "file": {"file_data": url, **named}})
            case {"type": "image_url", "image_url": str(url)}:
                parts.append({"type": "image_url", "image_url": {"url": url}})
            case _:
                parts.append(part)
    return {**message, "content": parts} | ({"reasoning_details": thoughts} if thoughts else {})
