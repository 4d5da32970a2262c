"""What the programs beside this have in common: where the gateway is, what they ask, and how they tell what was answered."""

import json
import os
from typing import Any

ORIGIN = os.environ["TAXIWAY_ORIGIN"]
KEY = os.environ["TAXIWAY_API_KEY"]
MODELS = os.environ["TAXIWAY_MODELS"].split()
BREAKS, EMBEDS = os.environ["TAXIWAY_BREAKS"], os.environ["TAXIWAY_EMBEDS"]

EXACT = "reply exactly: one two three four five six"
CALL = "call get_weather"
RESULT = "sunny, 21 degrees"
WEATHER = {
    "name": "get_weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def tell(model: str, case: str, said: Any) -> None:
    """Print what came of a case, as a line of JSON."""
    print(json.dumps([model, case, said]), flush=True)
