"""Requests to Bedrock's Converse, as canonical chat."""

import json

from conformance.asking.names import named


def canonical(body):
    inference, more = body.get("inferenceConfig", {}), body.get("additionalModelRequestFields", {})
    messages = [{"role": "system", "content": _parts(body["system"])}] if body.get("system") else []
    for message in body["messages"]:
        messages += _turn(message)
    made = named(body, model="model", guardrailConfig="guardrailConfig", performanceConfig="performanceConfig")
    made |= {"messages": messages} | named(
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
    top_k = more.get("top_k") or more.get("inferenceConfig", {}).get("topK")
    if top_k is not None:
        made["top_k"] = top_k
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
            case {"guardContent": {"text": {"text": text, **more}}}:
                parts.append({"type": "text", "text": text, "guardContent": more})
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
                parts.append({"type": "file", "file": file} | named(document, citations="citations"))
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
            function |= named(spec, description="description", strict="strict")
            made.append({"type": "function", "function": function})
        elif "systemTool" in tool:
            made.append({"type": tool["systemTool"]["name"]})
        elif "cachePoint" in tool and made:
            made[-1]["cache_control"] = {"type": "ephemeral"}
    return made
