"""Recorded requests as clients send them: where ours have no dialect for clients, read into the canonical form by this."""

import json

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
    "count-tokens": {"messages": HELLO},
}
"""A body of each dialect, for what was not recorded."""


def plain(dialect):
    return json.loads(json.dumps(PLAIN[dialect]))


def kept(cassette):
    """The header fields of a recorded request that a call keeps."""
    return [name for name in KEPT if name in cassette.request["headers"]]


def canonical(dialect, body):
    """The canonical request that a body of a dialect without clients stands for."""
    return _READERS[dialect](body)


def _converse(body):
    inference, more = body.get("inferenceConfig", {}), body.get("additionalModelRequestFields", {})
    messages = [{"role": "system", "content": _parts(body["system"])}] if body.get("system") else []
    for message in body["messages"]:
        messages += _turn(message)
    made = {"messages": messages} | _named(
        inference, maxTokens="max_tokens", temperature="temperature", topP="top_p", stopSequences="stop"
    )
    tools = body.get("toolConfig", {})
    if "tools" in tools:
        made["tools"] = _tools(tools["tools"])
    match tools.get("toolChoice"):
        case {"any": _}:
            made["tool_choice"] = "required"
        case {"tool": {"name": name}}:
            made["tool_choice"] = {"type": "function", "function": {"name": name}}
        case {"auto": _}:
            made["tool_choice"] = "auto"
    thinking = more.get("thinking") or more.get("reasoning_config") or {}
    effort = more.get("output_config", {}).get("effort") or more.get("reasoningConfig", {}).get("maxReasoningEffort")
    if "budget_tokens" in thinking:
        made["reasoning"] = {"max_tokens": thinking["budget_tokens"]}
    elif effort or thinking:
        made["reasoning"] = {"effort": effort} if effort else {"enabled": True}
    if schema := body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema"):
        made["response_format"] = {
            "type": "json_schema",
            "json_schema": schema | {"schema": json.loads(schema["schema"])},
        }
    return made


def _turn(message):
    """The canonical messages of one message: the results of tools are messages of their own."""
    results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
    rest = [block for block in message["content"] if "toolResult" not in block]
    made = [
        {"role": "tool", "tool_call_id": result["toolUseId"], "content": _parts(result["content"])}
        for result in results
    ]
    parts = _parts([block for block in rest if not {"toolUse", "reasoningContent"} & block.keys()])
    said = {"role": message["role"], "content": parts}
    calls = [block["toolUse"] for block in rest if "toolUse" in block]
    if calls:
        said["tool_calls"] = [
            {
                "id": call["toolUseId"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["input"])},
            }
            for call in calls
        ]
    thoughts = [block["reasoningContent"]["reasoningText"] for block in rest if "reasoningContent" in block]
    if thoughts:
        said["reasoning_details"] = [
            {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": index, **thought}
            for index, thought in enumerate(thoughts)
        ]
    return [*made, said] if parts or calls or thoughts else made


def _parts(blocks):
    parts = []
    for block in blocks:
        match block:
            case {"text": text}:
                parts.append({"type": "text", "text": text})
            case {"guardContent": {"text": {"text": text}}}:
                parts.append({"type": "text", "text": text})
            case {"cachePoint": _}:
                if parts:
                    parts[-1]["cache_control"] = {"type": "ephemeral"}
            case {"image": {"format": kind, "source": source}}:
                parts.append({"type": "image_url", "image_url": {"url": _located(source, f"image/{kind}")}})
            case {"video": {"format": kind, "source": source}}:
                parts.append({"type": "video_url", "video_url": {"url": _located(source, f"video/{kind}")}})
            case {"document": {"name": name, "source": source} as document}:
                kind = {"pdf": "application/pdf", "txt": "text/plain"}[document["format"]]
                file = {"filename": name, "file_data": _located(source, kind)}
                parts.append({"type": "file", "file": file})
            case {"searchResult": result}:
                parts.append({"type": "text", "text": "".join(piece["text"] for piece in result["content"])})
            case _:
                raise NotImplementedError(f"a block of {', '.join(block)}")
    return parts


def _located(source, kind):
    match source:
        case {"bytes": data}:
            return f"data:{kind};base64,{data}"
        case {"s3Location": {"uri": uri}}:
            return uri
        case {"text": text}:
            return f"data:{kind},{text}"
    raise NotImplementedError(f"a source of {', '.join(source)}")


def _tools(tools):
    made = []
    for tool in tools:
        if spec := tool.get("toolSpec"):
            function = {"name": spec["name"], "parameters": spec["inputSchema"]["json"]}
            function |= _named(spec, description="description", strict="strict")
            made.append({"type": "function", "function": function})
        elif "cachePoint" in tool and made:
            made[-1]["cache_control"] = {"type": "ephemeral"}
    return made


def _cohere(body):
    body = dict(body)
    made = {"messages": [_cohere_message(message) for message in body.pop("messages")]}
    made |= _named(body, take=True, stop_sequences="stop", p="top_p", k="top_k")
    if choice := body.pop("tool_choice", None):
        made["tool_choice"] = choice.lower()
    if (form := body.pop("response_format", None)) and "json_schema" in form:
        form = {"type": "json_schema", "json_schema": {"name": "response", "schema": form["json_schema"]}}
    if form:
        made["response_format"] = form
    body.pop("model", None)
    body.pop("stream", None)
    return made | body


def _cohere_message(message):
    message = dict(message)
    if plan := message.pop("tool_plan", None):
        message["content"] = plan
    if isinstance(message.get("content"), list):
        thoughts = [part["thinking"] for part in message["content"] if part["type"] == "thinking"]
        message["content"] = [part for part in message["content"] if part["type"] != "thinking"]
        if thoughts:
            message["reasoning"] = "".join(thoughts)
    return message


def _named(given, *, take=False, **names):
    """Members under their other names; taken out of what is given, where they are to be."""
    return {
        ours: given.pop(theirs) if take else given[theirs]
        for theirs, ours in names.items()
        if given.get(theirs) is not None
    }


_READERS = {"converse": _converse, "cohere-chat": _cohere}
