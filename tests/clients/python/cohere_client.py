"""Cohere's SDK against the gateway: chat, streams, tools, embeddings, errors."""

import json

import cohere
from programs import BREAKS, CALL, EMBEDS, EXACT, KEY, MODELS, ORIGIN, RESULT, WEATHER, tell

TOOLS = [{"type": "function", "function": WEATHER}]


def main() -> None:
    client = cohere.ClientV2(api_key=KEY, base_url=ORIGIN, max_retries=0)
    for model in MODELS:
        ask = [{"role": "user", "content": EXACT}]
        made = client.chat(model=model, messages=ask, max_tokens=100)
        tell(model, "answer", made.message.content[0].text)
        tell(model, "usage", made.usage.tokens.output_tokens)
        events = list(client.chat_stream(model=model, messages=ask, max_tokens=100))
        deltas = [event.delta.message.content.text for event in events if event.type == "content-delta"]
        tell(model, "stream", "".join(deltas))
        tell(model, "streamed usage", events[-1].delta.usage.tokens.output_tokens)

        ask = [{"role": "user", "content": CALL}]
        called = client.chat(model=model, messages=ask, tools=TOOLS, max_tokens=100).message
        (call,) = called.tool_calls
        tell(model, "tool", [call.function.name, json.loads(call.function.arguments)])
        result = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
        made = client.chat(model=model, messages=[*ask, called, result], tools=TOOLS, max_tokens=100)
        tell(model, "result", RESULT in made.message.content[0].text)
        arguments = name = ""
        for event in client.chat_stream(model=model, messages=ask, tools=TOOLS, max_tokens=100):
            if event.type == "tool-call-start":
                name += event.delta.message.tool_calls.function.name
                arguments += event.delta.message.tool_calls.function.arguments or ""
            elif event.type == "tool-call-delta":
                arguments += event.delta.message.tool_calls.function.arguments
        tell(model, "streamed tool", [name, json.loads(arguments)])

    embedded = client.embed(
        model=EMBEDS, texts=["runway", "gate"], input_type="search_document", embedding_types=["float"]
    )
    tell(EMBEDS, "embeddings", len(embedded.embeddings.float_))
    ask = [{"role": "user", "content": EXACT}]
    try:
        cohere.ClientV2(api_key="tw-v1-wrong", base_url=ORIGIN).chat(model=MODELS[0], messages=ask)
    except cohere.UnauthorizedError as error:
        tell("", "wrong key", error.status_code)
    try:
        client.chat(model="no/such", messages=ask)
    except cohere.BadRequestError as error:
        tell("", "no model", [error.status_code, "no/such" in str(error.body)])
    # Its SDK has no exception for a stream that breaks: the end says that it was an error.
    events = list(client.chat_stream(model=BREAKS, messages=ask))
    tell(BREAKS, "broken stream", events[-1].delta.finish_reason)


main()
