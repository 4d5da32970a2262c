// Vercel's AI SDK with OpenRouter's provider against the gateway: text, streams, tools that it calls by itself, errors.

import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { apiKey, breaks, call, exact, models, origin, result, tell } from "./programs.js";

const baseURL = `${origin}/api/v1`;
const openrouter = createOpenRouter({ apiKey, baseURL });
const common = { maxRetries: 0, maxOutputTokens: 100 };

for (const model of models) {
  const asked = { ...common, model: openrouter.chat(model) };
  const made = await generateText({ ...asked, prompt: exact });
  tell(model, "answer", made.text);
  tell(model, "usage", made.usage.outputTokens);
  const stream = streamText({ ...asked, prompt: exact });
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  tell(model, "stream", text);
  tell(model, "streamed usage", (await stream.usage).outputTokens);

  const calls = [];
  const execute = async (input) => {
    calls.push(["get_weather", input]);
    return result;
  };
  const tools = { get_weather: tool({ description: "The weather.", inputSchema: z.object({ city: z.string() }), execute }) };
  const whole = await generateText({ ...asked, prompt: call, tools, stopWhen: stepCountIs(2) });
  tell(model, "tool", calls.pop());
  tell(model, "result", whole.text.includes(result));
  const streamed = streamText({ ...asked, prompt: call, tools, stopWhen: stepCountIs(2) });
  const ended = await streamed.text;
  tell(model, "streamed tool", calls.pop());
  tell(model, "streamed result", ended.includes(result));
}

const stranger = createOpenRouter({ apiKey: "tw-v1-wrong", baseURL });
await generateText({ ...common, model: stranger.chat(models[0]), prompt: exact }).catch((error) => {
  if (APICallError.isInstance(error)) tell("", "wrong key", error.statusCode);
});
await generateText({ ...common, model: openrouter.chat("no/such"), prompt: exact }).catch((error) => {
  if (APICallError.isInstance(error)) tell("", "no model", [error.statusCode, error.message.includes("no/such")]);
});
for await (const part of streamText({ ...common, model: openrouter.chat(breaks), prompt: exact, onError() {} }).fullStream) {
  if (part.type === "error") tell(breaks, "broken stream", "told");
}
