"""A simulated provider without any IO: a request and the time in, a script out. The same seed gives the same run."""

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from taxiway.codec import Json, loads
from taxiway.errors import InvalidRequest, Malformed, Unsupported
from taxiway.http import HttpHead
from taxiway_simulator import wire
from taxiway_simulator.answers import characters, choices_of, embedding, inputs_of, pieces, prompt_tokens
from taxiway_simulator.errors import Row
from taxiway_simulator.faults import ANSWERS, INSTEAD, spoil
from taxiway_simulator.ledger import Ledger, Refusal
from taxiway_simulator.options import UNCONNECTED, Fault, Key, Model, SimulatorOptions
from taxiway_simulator.script import Part, Script, Seen, whole
from taxiway_simulator.wires import OPENAI, Wire, routes

REMEMBERED: Final = 10_000
"""How many requests the log holds; older ones are forgotten."""

_ANYONE: Final = Key(key="", name="anyone")
_CHARACTERS_A_TOKEN: Final = 4
"""What OpenAI charges at admission: about a token for every four characters of the prompt."""
_INPUTS: Final = 2048
"""How many texts OpenAI embeds at once."""


class Simulation:
    """One simulated provider: its keys' quotas, its faults, and a log of what it saw.

    `started` is the time (any clock; the same as of `answer`'s `now`) from which faults count. `faults` may be changed
    while it runs.
    """

    def __init__(self, options: SimulatorOptions, started: float) -> None:
        self.options = options
        self.started = started
        self.faults: list[Fault] = list(options.faults)
        self.log: deque[Seen] = deque(maxlen=REMEMBERED)
        self._random = Random(f"{options.seed}|{options.slug}")  # noqa: S311 - it is a simulation
        self._models = options.all_models()
        self._keys = options.all_keys()
        accounts: dict[str, Ledger] = {}
        self._ledgers = {
            key.name: accounts.setdefault(key.account or f"key {key.name}", Ledger(key.quota or options.quota))
            for key in self._keys.values()
        }
        self._ledgers[_ANYONE.name] = Ledger(options.quota)
        self._routes: Mapping[tuple[str, str], Callable[[_Request], Script]] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/embeddings"): self._embeddings,
            # OpenAI's, Anthropic's and Cohere's; Google's; Bedrock's.
            ("GET", "/v1/models"): self._list,
            ("GET", "/v1beta/models"): self._list,
            ("GET", "/foundation-models"): self._list,
        }

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> tuple[Script, Seen]:
        """Decide how a request is treated, and note it down. `headers` have lower-case names; `now` in seconds."""
        seen = Seen(now)
        self.log.append(seen)
        request = _Request(now, body, seen)
        script = self._connection(request) or self._authorised(method, target, headers, request)
        if script.head is not None:
            stamp = {"date": formatdate(now, usegmt=True), "x-request-id": f"req_{self._random.getrandbits(64):016x}"}
            script.head = HttpHead(script.head.status, {**script.head.headers, **stamp})
            seen.status = script.head.status
        return script, seen

    def _connection(self, request: "_Request") -> Script | None:
        fault = self._hit(request, UNCONNECTED)
        if fault is None:
            return None
        request.seen.error = fault.kind
        return Script(ending=INSTEAD[fault.kind])

    def _authorised(self, method: str, target: str, headers: Mapping[str, str], request: "_Request") -> Script:
        path, _, query = target.partition("?")
        route = self._routes.get((method, path))
        if route is None and method == "POST":
            route = self._wired(unquote(path), query, request)
        key = self._keys.get(_presented(headers)) if self._keys else _ANYONE
        if key is None:
            return _refused(request, ANSWERS["revoked"])
        request.seen.key = key.name
        if fault := self._hit(request, ("revoked",)):
            return self._fail(request, fault)
        if route is not None:
            try:
                return route(request)
            except (InvalidRequest, Unsupported) as error:
                return _refused(request, Row(400, str(error), "invalid_request_error", param=error.field))
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError, Malformed):
                # A field of another type than the API has; which one, a simulation need not say.
                return _refused(request, Row(400, "Invalid type for a field of the request.", "invalid_request_error"))
        if method == "GET" and path.startswith("/v1/models/"):
            return self._one(request, path.removeprefix("/v1/models/"))
        return _refused(
            request, Row(404, f"Unknown request URL: {method} {path}.", "invalid_request_error", "unknown_url")
        )

    def _wired(self, path: str, query: str, request: "_Request") -> Callable[["_Request"], Script] | None:
        """Say by which other wire a path is asked, and take that for the request."""
        for pattern, spoken in routes():
            if (match := pattern.fullmatch(path)) is not None:
                request.wire, request.path = spoken, {**dict(parse_qsl(query)), **match.groupdict()}
                return self._chat
        return None

    def _list(self, request: "_Request") -> Script:
        if fault := self._hit(request, _OUTAGES):
            return self._fail(request, fault)
        data = [wire.model(id_, int(self.started), self.options.slug) for id_ in self._models]
        return self._spoilt(request, whole(200, {}, {"object": "list", "data": data}))

    def _one(self, request: "_Request", id_: str) -> Script:
        if fault := self._hit(request, _OUTAGES):
            return self._fail(request, fault)
        if id_ not in self._models:
            return _no_model(request, id_)
        return self._spoilt(request, whole(200, {}, wire.model(id_, int(self.started), self.options.slug)))

    def _chat(self, request: "_Request") -> Script:
        found = self._admitted(request, "messages", "chat")
        if isinstance(found, Script):
            return found
        model, body, headers = found
        tokens = prompt_tokens(body)
        if tokens > model.context:
            text = f"This model's maximum context length is {model.context} tokens. Your messages resulted in {tokens} tokens."
            row = Row(400, text, "invalid_request_error", "context_length_exceeded", param="messages")
            return _refused(request, row)
        id_ = f"chatcmpl-{self._random.getrandbits(96):024x}"
        choices = choices_of(body, model, model.slug, self.options.seed)
        length = sum(choice.tokens for choice in choices)
        request.seen.prompt, request.seen.completion = tokens, length
        burst = (model.pace or self.options.pace).burst
        reply = wire.Reply(id_, int(request.now), model.id, choices, tokens, burst)
        first, each = self._pace(model)
        if not body.get("stream"):
            told = request.wire.complete(reply, request.asked)
            return self._spoilt(request, whole(200, headers, told, first + length * each))
        events = request.wire.stream(reply, request.asked)
        parts = [Part(each * tokens, data, tokens) for tokens, data in events]
        head = HttpHead(200, {"content-type": request.wire.content_type, **headers})
        return self._spoilt(request, Script(wait=first, head=head, parts=parts, stream=True))

    def _embeddings(self, request: "_Request") -> Script:
        found = self._admitted(request, "input", "embeddings")
        if isinstance(found, Script):
            return found
        model, body, headers = found
        texts = inputs_of(body)
        size, base64 = body.get("dimensions") or model.dimensions, body.get("encoding_format") == "base64"
        if type(size) is not int or not 0 < size <= model.dimensions:
            return _out_of_bounds(request, "dimensions", f"from 1 to {model.dimensions}")
        if len(texts) > _INPUTS:
            return _out_of_bounds(request, "input", f"at most {_INPUTS} texts")
        vectors = [embedding(text, size, model.slug, self.options.seed, base64=base64) for text in texts]
        tokens = sum(len(pieces(text)) for text in texts)
        first, _ = self._pace(model)
        return self._spoilt(request, whole(200, headers, wire.embeddings(vectors, model.id, tokens), first))

    def _admitted(self, request: "_Request", field: str, operation: str) -> tuple[Model, Json, dict[str, str]] | Script:
        """Read and check a body, then count it against the key's quota; or the reply that refuses it."""
        try:
            body = loads(request.body)
        except Malformed:
            body = None
        if not isinstance(body, dict):
            return _refused(
                request, Row(400, "We could not parse the JSON body of your request.", "invalid_request_error")
            )
        body, request.asked = request.wire.read(request.path, body)
        name = body.get("model")
        model = self._models.get(name) if isinstance(name, str) else None
        if model is None:
            return _no_model(request, str(name)) if name else _missing(request, "model")
        request.seen.model = model.id
        if model.operation != operation:
            text = f"{model.id} is no model for {operation}."
            return _refused(request, Row(400, text, "invalid_request_error", param="model"))
        if not isinstance(body.get(field), (list, str) if field == "input" else list):
            return _missing(request, field)
        if fault := self._hit(request, ("reset", "hang", *ANSWERS)):
            return self._fail(request, fault)
        ledger = self._ledgers[request.seen.key]
        refusal = ledger.admit(math.ceil(characters(body) / _CHARACTERS_A_TOKEN), request.now)
        headers = dict(request.wire.limits(ledger, request.now))
        if refusal is None:
            return model, body, headers
        return _limited(request, model, refusal, headers) if ledger.tells != "nothing" else _refused(request, _MUTE)

    def _pace(self, model: Model) -> tuple[float, float]:
        """Draw the time to the first token; and the seconds that each token takes."""
        pace = model.pace or self.options.pace
        first = pace.first_token
        if pace.tail is not None:
            first *= self._random.paretovariate(pace.tail) / 2.0 ** (1.0 / pace.tail)
        elif pace.spread:
            first *= math.exp(self._random.gauss(0.0, pace.spread))
        return first, 1.0 / pace.tokens_per_second

    def _hit(self, request: "_Request", kinds: Iterable[str]) -> Fault | None:
        """Return the first fault of these kinds that hits a request; the share is drawn here."""
        seconds = request.now - self.started
        for fault in self.faults:
            if (
                fault.kind in kinds
                and fault.active(seconds, request.seen.key, request.seen.model)
                and (fault.share >= 1.0 or self._random.random() < fault.share)
            ):
                return fault
        return None

    def _fail(self, request: "_Request", fault: Fault) -> Script:
        request.seen.error = fault.kind
        if fault.kind in INSTEAD:
            return Script(ending=INSTEAD[fault.kind])
        script = _refused(request, ANSWERS[fault.kind])
        if fault.retry_after is not None and script.head is not None:
            script.head = HttpHead(
                script.head.status, {**script.head.headers, "retry-after": str(math.ceil(fault.retry_after))}
            )
        return script

    def _spoilt(self, request: "_Request", script: Script) -> Script:
        for kinds in (("slow",), _SPOILING):
            if fault := self._hit(request, kinds):
                request.seen.error = fault.kind
                script = spoil(script, fault, request.wire)
        return script


_OUTAGES: Final = ("reset", "hang", "server_error", "overloaded")
"""Faults that hit a whole provider, not only its models."""

_MUTE: Final = Row(429, "Too many requests.", "requests", "rate_limit_exceeded")
"""A refusal that says nothing of any limit."""

_SPOILING: Final = ("malformed", "empty", "cut", "truncated", "stall", "error_in_stream")


class _Request:
    """One request on its way through: the wire it came by, what its path says, and what its wire has to know to answer it."""

    __slots__ = ("asked", "body", "now", "path", "seen", "wire")

    def __init__(self, now: float, body: bytes, seen: Seen) -> None:
        self.now, self.body, self.seen = now, body, seen
        self.wire: Wire = OPENAI
        self.path: Mapping[str, str] = {}
        self.asked: Any = None


def _presented(headers: Mapping[str, str]) -> str:
    """Return the key of a request, wherever its API has it; of a signed one, the key's id."""
    given = headers.get("authorization", "")
    if (signed := _SIGNED.search(given)) is not None:
        return signed[1]
    return given.removeprefix("Bearer ").strip() or headers.get("x-api-key") or headers.get("x-goog-api-key") or ""


_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/")


def _refused(request: _Request, row: Row) -> Script:
    request.seen.error = request.seen.error or row.code or row.type
    return whole(*request.wire.errors(row))


def _missing(request: _Request, field: str) -> Script:
    text = f"Missing required parameter: '{field}'."
    return _refused(request, Row(400, text, "invalid_request_error", "missing_required_parameter", param=field))


def _out_of_bounds(request: _Request, field: str, bounds: str) -> Script:
    return _refused(request, Row(400, f"Invalid '{field}': must be {bounds}.", "invalid_request_error", param=field))


def _no_model(request: _Request, name: str) -> Script:
    text = f"The model `{name[:80]}` does not exist or you do not have access to it."
    return _refused(request, Row(404, text, "invalid_request_error", "model_not_found"))


def _limited(request: _Request, model: Model, refusal: Refusal, headers: dict[str, str]) -> Script:
    short = "RPM" if refusal.unit == "requests" else "TPM"
    text = (
        f"Rate limit reached for {model.id} on {refusal.unit} per min ({short}): Limit {refusal.limit}. "
        f"Please try again in {refusal.wait:.3f}s."
    )
    row = Row(429, text, refusal.unit, "rate_limit_exceeded", wait=refusal.wait, limit=refusal.limit)
    script = _refused(request, row)
    assert script.head is not None
    script.head = HttpHead(script.head.status, {**script.head.headers, **headers})
    return script
