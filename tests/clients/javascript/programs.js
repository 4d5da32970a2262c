// What the programs beside this have in common: where the gateway is, what they ask, and how they tell what was answered.

export const origin = process.env.TAXIWAY_ORIGIN;
export const apiKey = process.env.TAXIWAY_API_KEY;
export const models = process.env.TAXIWAY_MODELS.split(" ");
export const breaks = process.env.TAXIWAY_BREAKS;
export const embeds = process.env.TAXIWAY_EMBEDS;

export const exact = "reply exactly: one two three four five six";
export const call = "call get_weather";
export const result = "sunny, 21 degrees";
export const place = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

// Print what came of a case, as a line of JSON.
export const tell = (model, name, said) => console.log(JSON.stringify([model, name, said]));
