"""The contract of dialects, as tests: subclass it in a plugin's tests.

class TestAcme(DialectContract):
    module = taxiway_acme
    registration = next(iter(taxiway_acme.taxiway_dialects()))
    bodies = (...)
    exchanges = (Exchange(events=(...), reply={...}),)
"""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from types import ModuleType
from typing import Any, Final

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taxiway.call import LIBRARY, Call, Facts
from taxiway.candidate import Account, Candidate, Credential, Endpoint, Operation
from taxiway.clock import SystemClock
from taxiway.codec import Json, dumps, loads
from taxiway.dialect import Client, Dialect, Upstream
from taxiway.errors import InvalidRequest
from taxiway.failures import POLICIES
from taxiway.hookspecs import API
from taxiway.money import Cost, Price
from taxiway.outcome import Bill, CallError, Failure
from taxiway.preferences import NO_PREFERENCES
from taxiway.registration import AnyRegistration, Context, NoOptions
from taxiway.sse import SseParser
from taxiway.usage import Usage

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
"""Any JSON value."""

INHERITED: Final = settings(suppress_health_check=[HealthCheck.differing_executors], deadline=None)
"""For properties of a contract: every class that inherits one runs it."""


@frozen(kw_only=True)
class Exchange:
    """One answer as this dialect tells it: streamed, and complete. Usage may be in either, as providers send it."""

    events: Sequence[Json]
    reply: Json


def context() -> Context:
    """Return what a build gets."""
    return Context(clock=SystemClock(), random=Random(1), log=logging.getLogger("taxiway.test"))  # noqa: S311 - a test


def make_endpoint(operation: Operation, dialect: str, **changes: Any) -> Endpoint:
    """Make an endpoint that speaks a dialect."""
    values: dict[str, Any] = {
        "model": "acme/model-1",
        "provider": "acme",
        "provider_name": "Acme",
        "id": "model-1",
        "tag": "acme",
        "dialects": {operation: (dialect,)},
        "price": Price(input=1e-6, output=2e-6),
    }
    return Endpoint(**{**values, **changes})


def make_candidate(endpoint: Endpoint, account: Account | None = None) -> Candidate:
    """Pair an endpoint with an account."""
    if account is None:
        credential = Credential(id="acme/test", provider=endpoint.provider, label="test")
        account = Account(credential=credential, label="test")
    return Candidate(endpoint=endpoint, account=account, section="prioritised")


def make_call(dialect: Dialect, body: Json, facts: Facts | None = None) -> Call:
    """Make a call of a body as an engine does: less what is Taxiway's own."""
    client = dialect.client
    read = facts or (Facts(("acme/model-1",)) if client is None else client.facts(body, {}, {}))
    own = frozenset() if client is None else client.own
    return Call(
        id="gen-1",
        seed=1,
        operation=dialect.operation,
        dialect=dialect.name,
        body={name: value for name, value in body.items() if name not in own},
        facts=read,
        preferences=NO_PREFERENCES,
        caller=LIBRARY,
        created=1_760_000_000.5,
        started=0.0,
        deadline=600.0,
        headers={},
    )


class DialectContract:
    """What every dialect holds to. `bodies` are requests that clients send, `exchanges` answers; a half that is not there
    is not tested. `path` is what the route says besides, `usage` the member of a reply, or of its last event, that tells it.
    """

    module: ModuleType
    registration: AnyRegistration
    bodies: Sequence[Json] = ()
    exchanges: Sequence[Exchange] = ()
    path: Mapping[str, str] = {}
    usage: str = "usage"

    @pytest.fixture
    def dialect(self) -> Dialect:
        """The built dialect."""
        built: Dialect = self.registration.build(NoOptions(), context())
        return built

    @pytest.fixture
    def client(self, dialect: Dialect) -> Client:
        """Its half towards clients."""
        if dialect.client is None:
            pytest.skip("no half towards clients")
        return dialect.client

    @pytest.fixture
    def upstream(self, dialect: Dialect) -> Upstream:
        """Its half towards providers."""
        if dialect.upstream is None:
            pytest.skip("no half towards providers")
        return dialect.upstream

    def test_the_module_says_which_api_it_was_built_for(self) -> None:
        assert self.module.TAXIWAY_API[0] == API[0]
        assert self.module.TAXIWAY_API[1] <= API[1]

    def test_it_is_called_what_it_is_registered_as(self, dialect: Dialect) -> None:
        assert dialect.name == self.registration.name

    def test_reading_facts_changes_nothing(self, client: Client) -> None:
        for body in self.bodies:
            given_body = copy.deepcopy(body)
            assert client.facts(given_body, self.path, {}) == client.facts(given_body, self.path, {})
            assert given_body == body

    @INHERITED
    @given(data=st.data())
    def test_any_body_is_read_or_refused_by_field(self, data: st.DataObject) -> None:
        client = self.registration.build(NoOptions(), context()).client
        if client is None or not self.bodies:
            return
        body = copy.deepcopy(data.draw(st.sampled_from(self.bodies)))
        _spoil(body, data)
        problem = _problem(client, body, self.path)
        assert problem is None or (problem.field and problem.message)

    def test_a_body_survives_both_ways(self, dialect: Dialect, client: Client, upstream: Upstream) -> None:
        endpoint = make_endpoint(dialect.operation, dialect.name)
        for body in self.bodies:
            canonical = client.to_canonical(copy.deepcopy(body))
            there = upstream.from_canonical(canonical.body, endpoint)
            back = client.to_canonical(there.body)
            lost = set(there.dropped)
            assert {k: v for k, v in back.body.items() if k not in lost} == {
                k: v for k, v in canonical.body.items() if k not in lost
            }

    def test_a_folded_stream_is_the_complete_reply(self, upstream: Upstream) -> None:
        for exchange in self.exchanges:
            if not exchange.events:
                continue
            fold = upstream.fold()
            events = copy.deepcopy(exchange.events)
            for event in events:
                fold.feed(event)
            assert fold.reply() == exchange.reply
            assert events == exchange.events

    def test_progress_says_the_same_of_stream_and_reply(self, upstream: Upstream) -> None:
        for exchange in self.exchanges:
            complete = upstream.progress(stream=False)
            complete.see(exchange.reply)
            assert complete.started
            assert complete.done
            if not exchange.events:
                continue
            streamed = upstream.progress(stream=True)
            for event in exchange.events:
                assert not streamed.done
                streamed.see(event)
            streamed.close(mark=True, framed=True)
            assert streamed.done
            for name in ("started", "finish", "native_finish", "usage", "text", "upstream_id"):
                assert getattr(streamed, name) == getattr(complete, name), name

    def test_a_stream_that_was_cut_is_not_done(self, upstream: Upstream) -> None:
        for exchange in self.exchanges:
            for length in range(len(exchange.events)):
                progress = upstream.progress(stream=True)
                for event in exchange.events[:length]:
                    progress.see(event)
                progress.close(mark=False, framed=False)
                assert not progress.done

    def test_the_stamp_says_who_and_tells_usage_once_and_last(self, dialect: Dialect, client: Client) -> None:
        for exchange in self.exchanges:
            if not exchange.events:
                continue
            stamp = client.stamp(*self._stamped(dialect))
            sent = [stamped for event in copy.deepcopy(exchange.events) if (stamped := stamp.event(event)) is not None]
            sent += stamp.last()
            assert loads(dumps(sent)) == sent
            assert b"gen-1" in dumps(sent[0])
            told = [place for place, event in enumerate(sent, 1) if event.get(self.usage)]
            # After it only the dialect's own end may come.
            assert not told or (len(told) == 1 and told[0] >= len(sent) - 1)

    def test_the_stamp_of_a_reply_keeps_what_is_not_ours(self, dialect: Dialect, client: Client) -> None:
        for exchange in self.exchanges:
            reply = client.stamp(*self._stamped(dialect)).reply(copy.deepcopy(exchange.reply))
            assert b'"gen-1"' in dumps(reply)
            assert set(exchange.reply) <= set(reply)
            assert loads(dumps(reply)) == reply

    def test_a_failed_stream_ends_with_its_error_and_no_mark(self, dialect: Dialect, client: Client) -> None:
        stamp, writer = client.stamp(*self._stamped(dialect)), client.writer(self._call(dialect))
        events = list(stamp.failed(CallError(Failure(kind="overloaded", message="the reason"), provider="Acme")))
        assert not events or b"the reason" in writer.write(events)
        assert writer.end(whole=False) != writer.end(whole=True) or not writer.end(whole=False)

    def test_a_ping_is_no_event(self, dialect: Dialect, client: Client) -> None:
        writer = client.writer(self._call(dialect))
        if writer.content_type == "text/event-stream":
            parser = SseParser()
            assert not parser.feed(writer.ping())
            assert not parser.close()

    @pytest.mark.parametrize("kind", POLICIES)
    def test_every_failure_has_its_status_and_message(self, client: Client, kind: Any) -> None:
        status, body = client.error(CallError(Failure(kind=kind, message="the reason"), generation="gen-1"))
        assert status == POLICIES[kind].status
        assert b"the reason" in dumps(body)

    def _call(self, dialect: Dialect) -> Call:
        body = self.bodies[0] if self.bodies else {}
        return make_call(dialect, body, Facts(("acme/model-1",)))

    def _stamped(self, dialect: Dialect) -> tuple[Call, Any]:
        endpoint = make_endpoint(dialect.operation, dialect.name)
        bill = Bill(make_candidate(endpoint), Usage(input=10, output=5), Cost(2e-5, 1e-5, 1e-5))
        return self._call(dialect), lambda: bill


def _problem(client: Client, body: Json, path: Mapping[str, str]) -> InvalidRequest | None:
    try:
        client.facts(body, path, {})
    except InvalidRequest as error:
        return error
    return None


def _spoil(value: Any, data: st.DataObject) -> None:
    """Put any JSON value at any place."""
    places = list(_places(value))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in list(pairs):
        yield value, key
        yield from _places(child)
