"""Official clients, each behind the same few words: what is asked, what was answered, and which exceptions are its own."""

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

import anthropic
import openai
import openrouter
from attrs import frozen
from google import genai
from google.genai import types

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel, in base64."""

WEATHER = "get_weather"
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
MOST = 200


@frozen
class Call:
    """A tool that a model wants called."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@frozen
class Answer:
    """What came: text, calls, tokens in and out, why it ended, and `said`: the client's own form of it, to send back."""

    text: str
    into: int
    out: int
    end: str
    calls: tuple[Call, ...] = ()
    said: Any = None


@frozen(kw_only=True)
class Ask:
    """What is asked. `after` and `result`: the answer whose tool was called, and what the tool said."""

    model: str
    text: str
    system: str = ""
    picture: bool = False
    tools: bool = False
    after: Answer | None = None
    result: str = ""


class StreamBroke(Exception):
    """Of a client that tells an error inside a stream without raising anything."""


class Speaker(Protocol):
    """A client at an address. `seen` of `stream` takes the text as it comes; `raises`: its exceptions, by what they say."""

    dialect: str
    raises: Mapping[str, type[Exception]]

    def __init__(self, origin: str, key: str) -> None: ...

    async def ask(self, ask: Ask) -> Answer: ...

    async def stream(self, ask: Ask, seen: list[str]) -> Answer: ...

    async def aclose(self) -> None: ...

    def status(self, error: Any) -> int: ...

    def headers(self, error: Any) -> Mapping[str, str]: ...


class _OpenAI:
    raises: ClassVar = {
        "key": openai.AuthenticationError,
        "model": openai.BadRequestError,
        "limited": openai.RateLimitError,
        "down": openai.InternalServerError,
        "stream": openai.APIError,
    }

    def __init__(self, origin: str, key: str) -> None:
        self.client = openai.AsyncOpenAI(base_url=f"{origin}/api/v1", api_key=key, max_retries=0)

    async def aclose(self) -> None:
        await self.client.close()

    def status(self, error: Any) -> int:
        return error.status_code

    def headers(self, error: Any) -> Mapping[str, str]:
        return error.response.headers


class Chat(_OpenAI):
    """openai's chat completions."""

    dialect = "chat"

    async def ask(self, ask: Ask) -> Answer:
        made = await self.client.chat.completions.create(**chat(ask))
        return _completion(made)

    async def stream(self, ask: Ask, seen: list[str]) -> Answer:
        options = {"include_usage": True}
        async with self.client.chat.completions.stream(**chat(ask), stream_options=options) as stream:
            async for event in stream:
                if event.type == "content.delta":
                    seen.append(event.delta)
            return _completion(await stream.get_final_completion())


def chat(ask: Ask) -> dict[str, Any]:
    """Return the arguments of chat completions."""
    content: list[Any] = [{"type": "text", "text": ask.text}]
    if ask.picture:
        content.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}})
    messages: list[Any] = [{"role": "system", "content": ask.system}] if ask.system else []
    messages.append({"role": "user", "content": content})
    if ask.after is not None:
        results = [{"role": "tool", "tool_call_id": call.id, "content": ask.result} for call in ask.after.calls]
        messages += [ask.after.said, *results]
    tool = {"type": "function", "function": {"name": WEATHER, "description": "The weather.", "parameters": PLACE}}
    return {"model": ask.model, "messages": messages, "max_tokens": MOST, **({"tools": [tool]} if ask.tools else {})}


def _completion(made: Any) -> Answer:
    (choice,) = made.choices
    calls = tuple(
        Call(call.id, call.function.name, json.loads(call.function.arguments))
        for call in choice.message.tool_calls or ()
    )
    usage = made.usage
    said = {"role": "assistant", "content": choice.message.content}
    if calls:
        said["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}}
            for c in calls
        ]
    return Answer(
        choice.message.content or "", usage.prompt_tokens, usage.completion_tokens, choice.finish_reason, calls, said
    )


class Responses(_OpenAI):
    """openai's responses."""

    dialect = "responses"
    raises: ClassVar = {**_OpenAI.raises, "stream": StreamBroke}

    async def ask(self, ask: Ask) -> Answer:
        return _response(await self.client.responses.create(**responses(ask)))

    async def stream(self, ask: Ask, seen: list[str]) -> Answer:
        async with self.client.responses.stream(**responses(ask)) as stream:
            async for event in stream:
                if event.type == "response.output_text.delta":
                    seen.append(event.delta)
                # The SDK raises nothing: it gives the events.
                if event.type in {"error", "response.failed"}:
                    raise StreamBroke(event.type)
            return _response(await stream.get_final_response())


def responses(ask: Ask) -> dict[str, Any]:
    """Return the arguments of responses."""
    content: list[Any] = [{"type": "input_text", "text": ask.text}]
    if ask.picture:
        content.append({"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"})
    given: list[Any] = [{"role": "user", "content": content}]
    if ask.after is not None:
        given += ask.after.said
        given += [
            {"type": "function_call_output", "call_id": call.id, "output": ask.result} for call in ask.after.calls
        ]
    tool = {"type": "function", "name": WEATHER, "description": "The weather.", "parameters": PLACE, "strict": False}
    more = {"tools": [tool]} if ask.tools else {}
    if ask.system:
        more["instructions"] = ask.system
    return {"model": ask.model, "input": given, "max_output_tokens": MOST, "store": False, **more}


def _response(made: Any) -> Answer:
    calls = tuple(
        Call(item.call_id, item.name, json.loads(item.arguments))
        for item in made.output
        if item.type == "function_call"
    )
    said = [item.to_dict() for item in made.output]
    for item in said:
        # What a stream's helper adds is no part of the API.
        item.pop("parsed_arguments", None)
    return Answer(made.output_text, made.usage.input_tokens, made.usage.output_tokens, made.status, calls, said)


class Messages:
    """anthropic's messages."""

    dialect = "messages"
    raises: ClassVar = {
        "key": anthropic.AuthenticationError,
        "model": anthropic.BadRequestError,
        "limited": anthropic.RateLimitError,
        "down": anthropic.InternalServerError,
        "stream": anthropic.APIError,
    }

    def __init__(self, origin: str, key: str) -> None:
        self.client = anthropic.AsyncAnthropic(base_url=f"{origin}/api", api_key=key, max_retries=0)

    async def ask(self, ask: Ask) -> Answer:
        return _message(await self.client.messages.create(**messages(ask)))

    async def stream(self, ask: Ask, seen: list[str]) -> Answer:
        async with self.client.messages.stream(**messages(ask)) as stream:
            async for text in stream.text_stream:
                seen.append(text)
            return _message(await stream.get_final_message())

    async def aclose(self) -> None:
        await self.client.close()

    def status(self, error: Any) -> int:
        return error.status_code

    def headers(self, error: Any) -> Mapping[str, str]:
        return error.response.headers


def messages(ask: Ask) -> dict[str, Any]:
    """Return the arguments of messages."""
    content: list[Any] = [{"type": "text", "text": ask.text}]
    if ask.picture:
        source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
        content.insert(0, {"type": "image", "source": source})
    said: list[Any] = [{"role": "user", "content": content}]
    if ask.after is not None:
        results = [{"type": "tool_result", "tool_use_id": c.id, "content": ask.result} for c in ask.after.calls]
        said += [ask.after.said, {"role": "user", "content": results}]
    tool = {"name": WEATHER, "description": "The weather.", "input_schema": PLACE}
    more: dict[str, Any] = {"tools": [tool]} if ask.tools else {}
    if ask.system:
        more["system"] = ask.system
    return {"model": ask.model, "messages": said, "max_tokens": MOST, **more}


def _message(made: Any) -> Answer:
    calls = tuple(Call(b.id, b.name, b.input) for b in made.content if b.type == "tool_use")
    text = "".join(block.text for block in made.content if block.type == "text")
    said = {"role": "assistant", "content": [block.to_dict() for block in made.content]}
    return Answer(text, made.usage.input_tokens, made.usage.output_tokens, made.stop_reason, calls, said)


class Gemini:
    """google-genai."""

    dialect = "gemini"
    raises: ClassVar = {
        "key": genai.errors.ClientError,
        "model": genai.errors.ClientError,
        "limited": genai.errors.ClientError,
        "down": genai.errors.ServerError,
        "stream": genai.errors.APIError,
    }

    def __init__(self, origin: str, key: str) -> None:
        made = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=origin)).aio
        self.client, self.aclose = made.models, made.aclose

    async def ask(self, ask: Ask) -> Answer:
        return _content(await self.client.generate_content(**contents(ask)))

    async def stream(self, ask: Ask, seen: list[str]) -> Answer:
        parts: list[Any] = []
        last: Any = None
        async for chunk in await self.client.generate_content_stream(**contents(ask)):
            last = chunk
            for part in (chunk.candidates and chunk.candidates[0].content and chunk.candidates[0].content.parts) or ():
                parts.append(part)
                if part.text:
                    seen.append(part.text)
        last.candidates[0].content = types.Content(role="model", parts=parts)
        return _content(last)

    def status(self, error: Any) -> int:
        return error.code

    def headers(self, error: Any) -> Mapping[str, str]:
        return error.response.headers


def contents(ask: Ask) -> dict[str, Any]:
    """Return the arguments of generate_content."""
    parts = [types.Part(text=ask.text)]
    if ask.picture:
        parts.append(types.Part.from_bytes(data=base64.b64decode(PICTURE), mime_type="image/png"))
    said = [types.Content(role="user", parts=parts)]
    if ask.after is not None:
        results = [
            types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"result": ask.result}))
            for c in ask.after.calls
        ]
        said += [ask.after.said, types.Content(role="user", parts=results)]
    declared = types.FunctionDeclaration(name=WEATHER, description="The weather.", parameters_json_schema=PLACE)
    config = types.GenerateContentConfig(
        system_instruction=ask.system or None,
        max_output_tokens=MOST,
        tools=[types.Tool(function_declarations=[declared])] if ask.tools else None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    return {"model": ask.model, "contents": said, "config": config}


def _content(made: Any) -> Answer:
    (candidate,) = made.candidates
    parts = candidate.content.parts or ()
    calls = tuple(
        Call(p.function_call.id, p.function_call.name, p.function_call.args) for p in parts if p.function_call
    )
    usage = made.usage_metadata
    text = "".join(part.text or "" for part in parts)
    end = candidate.finish_reason.value
    return Answer(text, usage.prompt_token_count, usage.candidates_token_count, end, calls, candidate.content)


class OpenRouter:
    """openrouter's chat."""

    dialect = "chat"
    raises: ClassVar = {
        "key": openrouter.errors.UnauthorizedResponseError,
        "model": openrouter.errors.BadRequestResponseError,
        "limited": openrouter.errors.TooManyRequestsResponseError,
        "down": openrouter.errors.BadGatewayResponseError,
        "stream": StreamBroke,
    }

    def __init__(self, origin: str, key: str) -> None:
        self.client = openrouter.OpenRouter(api_key=key, server_url=f"{origin}/api/v1", retry_config=None)

    async def ask(self, ask: Ask) -> Answer:
        return _completion(await self.client.chat.send_async(**chat(ask)))

    async def stream(self, ask: Ask, seen: list[str]) -> Answer:
        calls: dict[int, list[str]] = {}
        usage, end = None, ""
        async with await self.client.chat.send_async(**chat(ask), stream=True) as events:
            async for event in events:
                if event.error:
                    raise StreamBroke(event.error.message)
                usage = event.usage or usage
                for choice in event.choices:
                    end = choice.finish_reason or end
                    if choice.delta.content:
                        seen.append(choice.delta.content)
                    for delta in choice.delta.tool_calls or ():
                        call = calls.setdefault(delta.index, ["", "", ""])
                        for place, piece in enumerate((delta.id, delta.function.name, delta.function.arguments)):
                            call[place] += piece or ""
        assert usage is not None
        made = tuple(Call(i, name, json.loads(arguments)) for i, name, arguments in calls.values())
        said: dict[str, Any] = {"role": "assistant", "content": "".join(seen) or None}
        if made:
            said["tool_calls"] = [
                {"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls.values()
            ]
        return Answer("".join(seen), int(usage.prompt_tokens), int(usage.completion_tokens), end, made, said)

    async def aclose(self) -> None:
        await self.client.__aexit__(None, None, None)

    def status(self, error: Any) -> int:
        return error.status_code

    def headers(self, error: Any) -> Mapping[str, str]:
        return error.headers


SPEAKERS: Final[tuple[type[Speaker], ...]] = (Chat, Responses, Messages, Gemini, OpenRouter)
