// OpenAI's SDK against the gateway: chat, responses, embeddings, streams, tools, errors.

import OpenAI from "openai";
import { apiKey, breaks, call, embeds, exact, models, origin, place, result, tell } from "./programs.js";

const baseURL = `${origin}/api/v1`;
const client = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
const weather = { name: "get_weather", description: "The weather.", parameters: place };
const tools = [{ type: "function", function: weather }];
const strict = [{ type: "function", ...weather, strict: true }];

for (const model of models) {
  const ask = [{ role: "user", content: exact }];
  const made = await client.chat.completions.create({ model, messages: ask, max_tokens: 100 });
  tell(model, "answer", made.choices[0].message.content);
  tell(model, "usage", made.usage.completion_tokens);
  const stream = client.chat.completions.stream({
    model,
    messages: ask,
    max_tokens: 100,
    stream_options: { include_usage: true },
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  tell(model, "stream", text);
  tell(model, "streamed usage", (await stream.finalChatCompletion()).usage.completion_tokens);

  const asked = [{ role: "user", content: call }];
  const { message } = (await client.chat.completions.create({ model, messages: asked, tools, max_tokens: 100 })).choices[0];
  const wanted = message.tool_calls[0];
  tell(model, "tool", [wanted.function.name, JSON.parse(wanted.function.arguments)]);
  const answer = { role: "tool", tool_call_id: wanted.id, content: result };
  const after = await client.chat.completions.create({ model, messages: [...asked, message, answer], tools, max_tokens: 100 });
  tell(model, "result", after.choices[0].message.content.includes(result));
  const calling = client.chat.completions.stream({ model, messages: asked, tools, max_tokens: 100 });
  const streamed = (await calling.finalChatCompletion()).choices[0].message.tool_calls[0];
  tell(model, "streamed tool", [streamed.function.name, JSON.parse(streamed.function.arguments)]);

  const response = await client.responses.create({ model, input: exact, store: false });
  tell(model, "response", response.output_text);
  const events = await client.responses.create({ model, input: exact, store: false, stream: true });
  let said = "";
  for await (const event of events) if (event.type === "response.output_text.delta") said += event.delta;
  tell(model, "streamed response", said);
  const first = await client.responses.create({ model, input: call, tools: strict, store: false });
  const item = first.output.find((one) => one.type === "function_call");
  tell(model, "response's tool", [item.name, JSON.parse(item.arguments)]);
  const input = [
    { role: "user", content: call },
    ...first.output,
    { type: "function_call_output", call_id: item.call_id, output: result },
  ];
  const second = await client.responses.create({ model, input, tools: strict, store: false });
  tell(model, "response's result", second.output_text.includes(result));
}

const embedded = await client.embeddings.create({ model: embeds, input: ["runway", "gate"] });
tell(embeds, "embeddings", embedded.data.length);

const messages = [{ role: "user", content: exact }];
const stranger = new OpenAI({ apiKey: "tw-v1-wrong", baseURL, maxRetries: 0 });
await stranger.chat.completions.create({ model: models[0], messages }).catch((error) => {
  if (error instanceof OpenAI.AuthenticationError) tell("", "wrong key", error.status);
});
await client.chat.completions.create({ model: "no/such", messages }).catch((error) => {
  if (error instanceof OpenAI.BadRequestError) tell("", "no model", [error.status, error.message.includes("no/such")]);
});
try {
  for await (const _ of await client.chat.completions.create({ model: breaks, messages, stream: true }));
} catch (error) {
  if (error instanceof OpenAI.APIError) tell(breaks, "broken stream", error.code);
}
// The SDK raises nothing there: it gives the events.
for await (const event of await client.responses.create({ model: breaks, input: exact, store: false, stream: true })) {
  if (event.type === "response.failed") tell(breaks, "broken response", event.response.status);
}
