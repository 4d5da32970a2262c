"""Requests to Cohere's chat (v2), as canonical chat."""

from conformance.asking.names import named


def canonical(body):
    body = dict(body)
    made = {"messages": [_message(message) for message in body.pop("messages")]}
    made |= named(body, take=True, stop_sequences="stop", p="top_p", k="top_k")
    if choice := body.pop("tool_choice", None):
        made["tool_choice"] = choice.lower()
    if (form := body.pop("response_format", None)) and "json_schema" in form:
        form = {"type": "json_schema", "json_schema": {"name": "response", "schema": form["json_schema"]}}
    if form:
        made["response_format"] = form
    body.pop("model", None)
    body.pop("stream", None)
    return made | body


def _message(message):
    message = dict(message)
    if plan := message.pop("tool_plan", None):
        message["content"] = plan
    if isinstance(message.get("content"), list):
        thoughts = [part["thinking"] for part in message["content"] if part["type"] == "thinking"]
        message["content"] = [part for part in message["content"] if part["type"] != "thinking"]
        if thoughts:
            message["reasoning"] = "".join(thoughts)
    return message
