"""What a simulated model says: made of the prompt and a seed, so the same question gets the same answer."""

import re
import struct
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any, Final

from attrs import define, field

from taxiway.codec import Json, dumps
from taxiway_simulator.instance import instance
from taxiway_simulator.options import Model

_PIECES: Final = re.compile(r"\s*\S{1,8}|\s+")
_LONG: Final = re.compile(r"reply in (\d+) tokens", re.IGNORECASE)
_EXACTLY: Final = re.compile(r"reply exactly:\s*(.+)", re.IGNORECASE | re.DOTALL)
_LOOK: Final = 200
"""Characters of a prompt's beginning in which a length is asked for: a long one is not searched for it."""
_IMAGE_TOKENS: Final = 85
MESSAGE_TOKENS: Final = 4
"""What a message counts besides its text."""
_WORDS: Final = (
    "the runway is clear and every gate has a number so a plane that finds one closed rolls on to the next "
    "while the tower counts arrivals keeps the order of departures and says over the radio who goes first"
).split()


@define
class ToolCall:
    """A tool that is called. `arguments` is JSON in a string, as on the wire."""

    id: str
    name: str
    arguments: str


@define
class Choice:
    """One answer: text or tool calls, and OpenAI's reason why it ended."""

    text: str = ""
    calls: list[ToolCall] = field(factory=list)
    finish: str = "stop"

    @property
    def tokens(self) -> int:
        """How many tokens it has: as many as the pieces that are streamed."""
        return len(pieces(self.text)) + sum(len(pieces(call.name + call.arguments)) for call in self.calls)


@lru_cache(maxsize=64)
def pieces(text: str) -> Sequence[str]:
    """Cut a text into the simulator's tokens; joined they are the text. An answer is cut several times on its way."""
    return tuple(_PIECES.findall(text))


def prompt_tokens(body: Json) -> int:
    """Count what goes in, in the same tokens: messages, images, tools."""
    total = 0
    for message in body.get("messages") or ():
        content = message.get("content") if isinstance(message, dict) else None
        total += MESSAGE_TOKENS + len(pieces(text_of(content)))
        if isinstance(content, list):
            total += _IMAGE_TOKENS * sum(isinstance(p, dict) and p.get("type") == "image_url" for p in content)
    if tools := body.get("tools"):
        total += len(pieces(dumps(tools).decode()))
    return total


def characters(body: Json) -> int:
    """Count the prompt's characters: what a quota is charged for."""
    if "input" in body:
        return sum(map(len, inputs_of(body)))
    return sum(len(text_of(message.get("content"))) for message in body["messages"])


def text_of(content: object) -> str:
    """Return the text of a message's content, a string or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict) and "text" in part)


def choices_of(body: Json, model: Model, slug: str, seed: int) -> list[Choice]:
    """Answer a chat request, `n` times."""
    begun = ""
    if model.prefill and len(body["messages"]) > 1 and body["messages"][-1].get("role") == "assistant":
        *before, last = body["messages"]
        begun, body = text_of(last.get("content")), {**body, "messages": before}
    prompt = "\n".join(text_of(m.get("content")) for m in body["messages"] if isinstance(m, dict))
    randoms = (Random(f"{seed}|{slug}|{body.get('seed')}|{n}|{prompt}") for n in range(body.get("n") or 1))  # noqa: S311
    return [_choice(body, model, slug, random, begun) for random in randoms]


def _choice(body: Json, model: Model, slug: str, random: Random, begun: str) -> Choice:
    """Answer once. `begun`: what of the answer is there already."""
    last = body["messages"][-1] if body["messages"] else {}
    asked = text_of(last.get("content"))
    if last.get("role") != "tool" and (calls := _tool_calls(body, asked, random)):
        return Choice(calls=calls, finish="tool_calls")
    text = _text(body, asked, last, model, slug, random)
    return _limited(Choice(text.removeprefix(begun)), body, model)


def _tool_calls(body: Json, asked: str, random: Random) -> list[ToolCall]:
    """Call the tools that must be called (`tool_choice`), or that the prompt asks for ("call get_weather")."""
    functions = [tool["function"] for tool in body.get("tools") or () if tool.get("type", "function") == "function"]
    choice = body.get("tool_choice") or "auto"
    named = [f for f in functions if re.search(rf"\bcall {re.escape(f['name'])}\b", asked)]
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        named = [f for f in functions if f["name"] == wanted]
    elif choice == "required":
        named = named or functions[:1]
    elif choice == "none":
        named = []
    return [
        ToolCall(
            f"call_{random.getrandbits(96):024x}",
            f["name"],
            dumps(instance(f.get("parameters") or {"type": "object"})).decode(),
        )
        for f in named
    ]


def _text(body: Json, asked: str, last: Json, model: Model, slug: str, random: Random) -> str:
    if exact := _EXACTLY.search(asked):
        return exact[1].strip()
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        return dumps(instance((form.get("json_schema") or {}).get("schema"))).decode()
    if form.get("type") == "json_object":
        return '{"simulated": true}'
    start = f"(Simulated reply of {slug}; no AI was asked.)"
    if long := _LONG.search(asked, 0, _LOOK):
        begun = pieces(start)[: int(long[1])]
        return "".join(begun) + " word" * (int(long[1]) - len(begun))
    if last.get("role") == "tool":
        return f"{start} The tool said: {asked}"
    if model.answer == "echo":
        return f"{start} You said: {asked}"
    length = random.randint(max(1, model.tokens // 2), max(1, model.tokens * 3 // 2))
    text, count = start, len(pieces(start))
    while count < length:
        # A sentence begins with a piece of its own, so the whole need not be cut again.
        sentence = " " + " ".join(random.choices(_WORDS, k=random.randint(4, 12))).capitalize() + "."
        text, count = text + sentence, count + len(_PIECES.findall(sentence))
    return text


def _limited(choice: Choice, body: Json, model: Model) -> Choice:
    """Stop at a stop sequence, and at the most tokens that may come out."""
    stops = body.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        choice.text = choice.text.partition(stop)[0]
    most = min(body.get("max_completion_tokens") or body.get("max_tokens") or model.max_output, model.max_output)
    cut = pieces(choice.text)
    if len(cut) > most:
        choice.text, choice.finish = "".join(cut[:most]), "length"
    return choice


def inputs_of(body: Json) -> list[str]:
    """Return the texts to embed; tokens stand for themselves."""
    given: Any = body["input"]
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [" ".join(map(str, given))]
    return [one if isinstance(one, str) else " ".join(map(str, one)) for one in given]


def embedding(text: str, dimensions: int, slug: str, seed: int, *, base64: bool) -> list[float] | str:
    """Return a vector of length 1 that only the text and the seed decide; as base64 of little-endian floats where asked."""
    random = Random(f"{seed}|{slug}|{text}")  # noqa: S311 - it is a simulation
    raw = [random.gauss(0.0, 1.0) for _ in range(dimensions)]
    size = sum(x * x for x in raw) ** 0.5 or 1.0
    vector = struct.unpack(f"<{dimensions}f", packed := struct.pack(f"<{dimensions}f", *(x / size for x in raw)))
    return b64encode(packed).decode() if base64 else list(vector)
