"""Mistral's SDK against the gateway: chat, streams of text, tools, embeddings, errors."""

import json

from mistralai.client import Mistral, errors
from programs import BREAKS, CALL, EMBEDS, EXACT, KEY, MODELS, ORIGIN, RESULT, WEATHER, tell

TOOLS = [{"type": "function", "function": WEATHER}]


def main() -> None:
    client = Mistral(api_key=KEY, server_url=f"{ORIGIN}/api")
    for model in MODELS:
        ask = [{"role": "user", "content": EXACT}]
        made = client.chat.complete(model=model, messages=ask, max_tokens=100)
        tell(model, "answer", made.choices[0].message.content)
        tell(model, "usage", made.usage.completion_tokens)
        text, usage = "", None
        for event in client.chat.stream(model=model, messages=ask, max_tokens=100):
            usage = event.data.usage or usage
            text += "".join(choice.delta.content or "" for choice in event.data.choices)
        tell(model, "stream", text)
        tell(model, "streamed usage", usage and usage.completion_tokens)

        ask = [{"role": "user", "content": CALL}]
        called = client.chat.complete(model=model, messages=ask, tools=TOOLS, max_tokens=100).choices[0].message
        (call,) = called.tool_calls
        tell(model, "tool", [call.function.name, json.loads(call.function.arguments)])
        result = {"role": "tool", "tool_call_id": call.id, "name": call.function.name, "content": RESULT}
        made = client.chat.complete(model=model, messages=[*ask, called, result], tools=TOOLS, max_tokens=100)
        tell(model, "result", RESULT in made.choices[0].message.content)

    embedded = client.embeddings.create(model=EMBEDS, inputs=["runway", "gate"])
    tell(EMBEDS, "embeddings", len(embedded.data))
    ask = [{"role": "user", "content": EXACT}]
    try:
        Mistral(api_key="tw-v1-wrong", server_url=f"{ORIGIN}/api").chat.complete(model=MODELS[0], messages=ask)
    except errors.SDKError as error:
        tell("", "wrong key", error.status_code)
    try:
        client.chat.complete(model="no/such", messages=ask)
    except errors.SDKError as error:
        tell("", "no model", [error.status_code, "no/such" in error.body])
    # Its SDK has no exception for a stream that breaks: the last chunk says that it was an error.
    events = list(client.chat.stream(model=BREAKS, messages=ask))
    tell(BREAKS, "broken stream", events[-1].data.choices[0].finish_reason)


main()
