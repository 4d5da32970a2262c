"""The openai SDK with another base URL: everything goes through Taxiway.

TAXIWAY_API_KEY=tw-v1-... python examples/clients/openai_client.py [MODEL [EMBEDDING_MODEL]]
"""

import os
import sys

import openai

model = sys.argv[1] if len(sys.argv) > 1 else "simulator/echo"
embedding_model = sys.argv[2] if len(sys.argv) > 2 else "simulator/embed"

client = openai.OpenAI(
    base_url=os.environ.get("TAXIWAY_BASE_URL", "http://127.0.0.1:8787/api/v1"),
    api_key=os.environ["TAXIWAY_API_KEY"],
)

print("Models:", ", ".join(sorted(entry.id for entry in client.models.list())))

reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])
print("Chat:", reply.choices[0].message.content)

stream = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "Hello again"}],
    stream=True,
    stream_options={"include_usage": True},
)
print("Stream: ", end="")
for chunk in stream:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
    if chunk.usage:
        print(f" ({chunk.usage.total_tokens} tokens)")

weather = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
reply = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "What is the weather in Oslo?"}],
    tools=[weather],
    tool_choice="required",
)
call = reply.choices[0].message.tool_calls[0]
print("Tool:", call.function.name, call.function.arguments)

reply = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "Name a city."}],
    response_format={
        "type": "json_schema",
        "json_schema": {
            "name": "city",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    },
)
print("Structured:", reply.choices[0].message.content)

vectors = client.embeddings.create(model=embedding_model, input=["runway", "gate"])
print("Embeddings:", len(vectors.data), "of", len(vectors.data[0].embedding))

try:
    client.chat.completions.create(model="nobody/nothing", messages=[{"role": "user", "content": "Hello"}])
except openai.BadRequestError as error:
    print("Error:", error.message)
