"""The routes that tell rather than serve: models, their endpoints, the key, one generation. Starlette's; no hurry here."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.routing import Router as Routes

from taxiway.codec import dumps
from taxiway.errors import InvalidRequest, StoreUnavailable
from taxiway.names import asked
from taxiway.outcome import CallError
from taxiway.store import Spend
from taxiway_gateway import shapes
from taxiway_gateway.exchange import Refused
from taxiway_gateway.hosted import ask, pass_on
from taxiway_gateway.inference import call_error_of, decode
from taxiway_gateway.shapes import Offered
from taxiway_gateway.standing import standings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from starlette.requests import Request

    from taxiway.call import Caller
    from taxiway.candidate import Endpoint
    from taxiway.codec import Json
    from taxiway.dialect import Dialect
    from taxiway.history import Figures
    from taxiway.router import Router
    from taxiway.snapshot import Offer
    from taxiway_gateway.auth import Keys
    from taxiway_gateway.exchange import Exchange

_MOST: Final = 1000
_PAGE: Final = 500
_NOTHING: Final = Spend(0.0, 0)
_EXCHANGE: Final = "taxiway.exchange"


class Management:
    """The management routes, for the workspace of the caller's key."""

    def __init__(self, router: Router, keys: Keys, bases: Sequence[str], body_limit: int) -> None:
        self._router, self._keys, self._body_limit = router, keys, body_limit
        paths: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/models": self._models,
            "/models/{slug:path}/endpoints": self._endpoints,
            "/models/{slug:path}": self._listed,
            "/model/{slug:path}": self._model,
            "/key": self._key,
            "/generation": self._generation,
            "/presets": self._presets,
            "/presets/{slug}": self._preset,
            "/credentials": self._credentials,
        }
        # Starlette's router without its application: the gateway has its own answer to every error.
        self._routes = Routes(
            [
                *(Route(base + path, endpoint) for base in bases for path, endpoint in paths.items()),
                *(Route(f"{base}/explain", self._explain, methods=["POST"]) for base in bases),
            ],
            redirect_slashes=False,
            default=_nowhere,
        )

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request. Raises Refused."""
        try:
            # With an `app` in the scope Starlette raises what it would otherwise answer in plain text.
            said = await ask(self._routes, exchange, {"app": self, _EXCHANGE: exchange})
        except HTTPException as error:
            allowed = (error.headers or {}).get("Allow", "GET")
            message = f"This route takes {allowed}."
            raise Refused(405, message, "invalid_request", (b"allow", allowed.encode())) from None
        await pass_on(exchange, *said)

    async def _models(self, request: Request) -> Response:
        caller = await self._caller(request)
        query = request.query_params
        wanted = _filters(query.get)
        rows = [_row(request, offered) for _, offered in sorted(self._offered(caller).items()) if wanted(offered)]
        offset = _number(query.get("offset"), "offset", 0, None)
        limit = _number(query.get("limit"), "limit", _PAGE if "offset" in query else max(len(rows), 1), _MOST)
        page = rows[offset : offset + limit]
        following = offset + limit
        more = f"{_base(request)}/models?{request.url.include_query_params(offset=following, limit=limit).query}"
        links = {"next": more if following < len(rows) else None}
        return _json({"object": "list", "data": page, "total_count": len(rows), "links": links})

    async def _listed(self, request: Request) -> Response:
        """Answer OpenAI's clients with a model's row as it stands in the list."""
        return _json(_row(request, await self._named(request)))

    async def _model(self, request: Request) -> Response:
        """Answer OpenRouter's clients with the same."""
        return _json({"data": _row(request, await self._named(request))})

    async def _endpoints(self, request: Request) -> Response:
        return _json({"data": shapes.model_endpoints(await self._named(request), self._figures)})

    async def _named(self, request: Request) -> Offered:
        caller = await self._caller(request)
        slug: str = request.path_params["slug"]
        offered = self._offered(caller).get(slug)
        if offered is None:
            raise Refused(404, f"There is no model {slug!r} here.", "not_found")
        return offered

    async def _key(self, request: Request) -> Response:
        caller = await self._caller(request)
        now = datetime.fromtimestamp(self._router.clock.now(), UTC)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since = (today - timedelta(days=today.weekday()), today.replace(day=1))
        spent: Sequence[Spend] = (_NOTHING,) * 4
        store = self._router.store
        if store is not None:
            try:
                spent = await store.spend(caller.api_key, [0.0, today.timestamp(), *(s.timestamp() for s in since)])
            except StoreUnavailable:
                raise _silent_store() from None
        return _json({"data": shapes.key(caller, spent)})

    async def _generation(self, request: Request) -> Response:
        caller = await self._caller(request)
        wanted = request.query_params.get("id")
        if not wanted:
            raise Refused(400, "id: is missing (the query must name a generation).", "invalid_request")
        store = self._router.store
        try:
            record = None if store is None else await store.generation(wanted, caller.workspace)
        except StoreUnavailable:
            raise _silent_store() from None
        if record is None:
            raise Refused(
                404, "There is no such generation here (yet: they are written in the background).", "not_found"
            )
        return _json({"data": shapes.generation(record, self._names(caller))})

    async def _presets(self, request: Request) -> Response:
        workspace, presets = (await self._caller(request)).workspace, self._router.engine.presets.values()
        return _json({"data": [shapes.preset(one, workspace) for one in presets], "total_count": len(presets)})

    async def _preset(self, request: Request) -> Response:
        workspace = (await self._caller(request)).workspace
        slug: str = request.path_params["slug"]
        if (preset := self._router.engine.presets.get(slug)) is None:
            raise Refused(404, f"There is no preset {slug!r} here.", "not_found")
        return _json({"data": shapes.preset(preset, workspace)})

    async def _explain(self, request: Request) -> Response:
        """Taxiway's own: why each candidate for a body is in, out, and where, by what is known at this moment.

        The body is in the dialect that the query names, else in chat.
        """
        caller = await self._caller(request)
        exchange: Exchange = request.scope[_EXCHANGE]
        body = decode(await exchange.body(self._body_limit))
        dialect = self._dialect(request.query_params.get("dialect", "chat"))
        assert dialect.client is not None
        try:
            call = self._router.engine.call(dialect, body, caller=caller, headers=exchange.fields)
            plan = self._router.explain_call(call)
            as_text = request.headers.get("accept", "").startswith("text/plain")
            return PlainTextResponse(f"{plan}\n") if as_text else _json(plan.to_json())
        except (InvalidRequest, CallError) as error:
            status, told = dialect.client.error(call_error_of(error))
            return _json(told, status)

    def _dialect(self, name: str) -> Dialect:
        clients = [dialect.name for dialect in self._router.dialects.values() if dialect.client is not None]
        if name not in clients:
            raise Refused(400, f"dialect: is none of {', '.join(sorted(clients))}.", "invalid_request")
        return self._router.dialects[name]

    async def _credentials(self, request: Request) -> Response:
        """Taxiway's own: how the provider keys stand that serve the caller's workspace."""
        caller = await self._caller(request)
        return _json({"data": [one.to_json() for one in standings(self._router.engine, caller.workspace)]})

    async def _caller(self, request: Request) -> Caller:
        exchange: Exchange = request.scope[_EXCHANGE]
        return await self._keys.caller(exchange.head)

    def _offered(self, caller: Caller) -> dict[str, Offered]:
        """Return what the key can ask for, by slug: models, and the owner's own names, which go first as they do in a call."""
        snapshot, workspace = self._router.snapshot, caller.workspace
        offered = {slug: Offered(slug, _endpoints(some)) for slug, some in snapshot.models(workspace).items() if some}
        for name, own in snapshot.names.items():
            # A name of which no model is served is refused by calls too.
            with suppress(InvalidRequest):
                if own.try_:
                    some = asked(snapshot, workspace, (name,))
                    endpoints = _endpoints(offer for one in some for offer in one.offers.offers)
                    offered[name] = Offered(name, endpoints, tuple(one.model for one in some))
        return offered

    def _figures(self, endpoint: Endpoint, seconds: float) -> Figures | None:
        return self._router.engine.health.figures(endpoint, self._router.clock.monotonic(), seconds)

    def _names(self, caller: Caller) -> dict[str, str]:
        served = self._router.snapshot.models(caller.workspace).values()
        return {offer.endpoint.provider: offer.endpoint.provider_name for offers in served for offer in offers}


def _endpoints(offers: Iterable[Offer]) -> tuple[Endpoint, ...]:
    """Return what is offered, each once, whoever's keys serve it."""
    return tuple(dict.fromkeys(offer.endpoint for offer in offers))


def _filters(query: Callable[[str], str | None]) -> Callable[[Offered], bool]:
    """Return what says whether a model is asked for. As at OpenRouter, models that give no text must be asked for."""
    outputs, inputs = _names(query("output_modalities") or "text"), _names(query("input_modalities"))
    parameters, text = _names(query("supported_parameters")), (query("q") or "").casefold()

    def wanted(offered: Offered) -> bool:
        endpoints = offered.able
        told = shapes.architecture(endpoints)
        can = {name for endpoint in endpoints for name in endpoint.parameters or ()}
        return (
            ("all" in outputs or not outputs.isdisjoint(told["output_modalities"]))
            and inputs.issubset(told["input_modalities"])
            and parameters <= can
            and (text in offered.slug.casefold() or text in endpoints[0].name.casefold())
        )

    return wanted


def _names(value: str | None) -> frozenset[str]:
    return frozenset(name.strip() for name in (value or "").split(",") if name.strip())


def _number(value: str | None, name: str, default: int, most: int | None) -> int:
    if value is None:
        return default
    least = 0 if most is None else 1
    if not value.isascii() or not value.isdigit() or not least <= int(value[:18]) <= (most or 10**17):
        raise Refused(
            400, f"{name}: must be a whole number from {least}{f' to {most}' if most else ''}.", "invalid_request"
        )
    return int(value)


def _row(request: Request, offered: Offered) -> Json:
    return shapes.model(offered, f"{_base(request)}/models/{offered.slug}/endpoints")


def _base(request: Request) -> str:
    return "/api/v1" if request.scope["path"].startswith("/api/") else "/v1"


def _json(value: Any, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")


def _silent_store() -> Refused:
    return Refused(503, "The store does not answer; try again.", "server", (b"retry-after", b"1"))


async def _nowhere(scope: Any, _receive: Any, _send: Any) -> None:
    message = f"There is no route {scope['method']} {scope['path'][:200]}; the base path is /api/v1."
    raise Refused(404, message, "not_found")
