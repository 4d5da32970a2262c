"""A recorded request, taken in from a client and made again for its provider, is the one that was recorded."""

import copy
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import pytest
from conformance.compare import differences, settle
from conformance.meaning import meaning
from conformance.replay import catalog

from taxiway.codec import loads
from taxiway.errors import InvalidRequest, Unsupported
from taxiway.testing.dialect import make_candidate
from taxiway.testing.provider import NOW

KEYS = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key"})
"""Header fields that hold a key, of all providers."""


def asked(cassette):
    return cassette.has_request and cassette.endpoint != "models"


@pytest.mark.recorded(which=asked)
def test_what_we_send_is_what_was_recorded(replay, record_property):
    settle("request", replay, _sent(replay), record_property)


def _sent(replay):
    recorded = replay.cassette.request
    try:
        translation, outgoing = replay.sending(replay.native())
        request = replay.provider.prepare(outgoing, NOW)
    except (InvalidRequest, Unsupported) as error:
        # What the provider refused as well, naming the same field, is not sent at all.
        if error.field != _blamed(replay.cassette):
            yield f"refused: {type(error).__name__} {error}"
        return
    yield from differences(recorded["method"], request.method, "method")
    yield from differences(recorded["host"], request.origin.host, "host")
    # Two slashes at the beginning would be read as a host.
    theirs, ours = urlsplit("/" + recorded["path"].lstrip("/")), urlsplit(request.target)
    yield from differences(_path(theirs), _path(ours), "path")
    yield from differences(dict(parse_qsl(theirs.query)), dict(parse_qsl(ours.query)), "query")
    yield from (f"dropped: {name}" for name in translation.dropped)
    given = dict(request.headers)
    yield from differences("application/json", given.get("content-type"), "headers.content-type")
    if replay.secret is not None:
        if replay.secret.reveal().encode() in request.target.encode() + request.body:
            yield "the key is not only in headers"
        if len(given.keys() & KEYS) != 1:
            yield f"the key is in none or several of the headers {', '.join(given)}"
    for name in replay.native().headers:
        yield from differences(recorded["headers"][name], given.get(name), f"headers.{name}")
    theirs, ours = recorded["body"], loads(request.body)
    if replay.form:
        theirs, ours = meaning(replay.form, theirs), meaning(replay.form, ours)
    yield from differences(theirs, ours, "body")


def _blamed(cassette):
    """The field that the provider's own refusal names."""
    error = cassette.response["body"].get("error") if cassette.status == 400 else None
    if not isinstance(error, dict):
        return None
    # Anthropic begins its message with the field.
    return error.get("param") or error["message"].partition(": ")[0]


def _path(parts):
    """A path in meaning: escapes read, no doubled slash, and no marks that stand for what a recorder left out."""
    return "/" + unquote(parts.path).replace("//", "/").lstrip("/")


@pytest.mark.recorded(which=asked)
def test_a_request_survives_the_way_through_the_canonical_form(replay, record_property):
    if replay.form:
        return  # The test above goes that way.
    settle("round trip", replay, _through(replay), record_property)


def _through(replay):
    name, dialect = replay.dialect.name, replay.dialect
    try:
        body = replay.native().body
    except InvalidRequest:
        return  # Said by the test above.
    try:
        there = dialect.client.to_canonical(copy.deepcopy(body))
        back = dialect.upstream.from_canonical(there.body, replay.candidate.endpoint)
    except (InvalidRequest, Unsupported) as error:
        yield f"refused: {type(error).__name__} {error}"
        return
    dropped = [*there.dropped, *back.dropped]
    for line in differences(meaning(name, body), meaning(name, back.body), "body"):
        place = line.partition(": ")[0]
        if not any(_speaks_of(one, place) for one in dropped):
            yield f"{line} (dropped: {', '.join(dropped) or 'nothing'})"


@pytest.mark.recorded(which=lambda cassette: asked(cassette) and cassette.answers)
def test_what_the_catalog_says_takes_nothing_from_a_request_that_was_answered(replay, record_property):
    """Elsewhere in these tests a catalog knows one model, which takes whatever was recorded."""
    settle("catalog", replay, _shorn(replay), record_property)


def _shorn(replay):
    candidate, name = replay.candidate, replay.dialect.name
    offered = replay.provider.endpoints(catalog(), [replay.account])
    known = next((one for one in offered if one.id == candidate.endpoint.id), None)
    if known is None:
        return  # Newer or older than the catalog.
    only = attrs.evolve(known, dialects={replay.dialect.operation: (name,)})
    real = attrs.evolve(replay, candidate=make_candidate(only, replay.account))
    before, after = (one.sending(one.native())[0].dropped for one in (replay, real))
    yield from (f"dropped: {name}" for name in after if name not in before)


def _speaks_of(dropped, place):
    """Whether what a translator says that it dropped (`messages.is_error`) is at a place, around it, or a part of it."""
    named, found = dropped.split("."), [part.partition("[")[0] for part in place.split(".")[1:]]
    rest = iter(found)
    return all(part in rest for part in named) or named[: len(found)] == found or named[-1] == found[-1]


@pytest.mark.recorded(which=lambda cassette: cassette.endpoint == "models")
def test_listing_models_is_the_probe(replay, record_property):
    settle("listing", replay, _probed(replay), record_property)


def _probed(replay):
    recorded, account = replay.cassette.request, replay.account
    request = replay.provider.probe(account, replay.secret, NOW)
    if hasattr(replay.provider, "discovery"):
        request = replay.provider.discovery(account, replay.secret, NOW)
    if request is None:
        yield "there is no probe"
        return
    yield from differences(recorded["method"], request.method, "method")
    yield from differences(recorded["host"], request.origin.host, "host")
    yield from differences(urlsplit(recorded["path"]).path, urlsplit(request.target).path, "path")
    body = replay.cassette.bytes
    if hasattr(replay.provider, "discovered") and replay.cassette.answers:
        ids = set(replay.provider.discovered(body))
        told = loads(body)
        listed = told if isinstance(told, list) else told.get("data") or told.get("models") or []
        named = {model.get("id") or model["name"].removeprefix("models/") for model in listed}
        yield from (f"discovered: {name} is not listed" for name in sorted(ids - named))
        if named and not ids:
            yield "discovered: nothing"
