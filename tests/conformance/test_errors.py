"""A recorded error is of the kind that errors.toml says, whether it came with its status or inside of a stream."""

import json
import re

import pytest
from attrs import asdict
from conformance.compare import differences, settle
from conformance.rows import MEANINGS

from taxiway.failures import POLICIES
from taxiway.http import HttpHead
from taxiway.provider import InBandError
from taxiway.testing.provider import NOW


def meant(cassette, body):
    """The row that says what an error means, and after how many seconds to try again."""
    text, status = json.dumps(body, ensure_ascii=False), cassette.status
    if status < 400:
        # Inside of a stream, the error may say its status itself.
        status = body["error"].get("code") if isinstance(body.get("error"), dict) else None
    for row in MEANINGS:
        match = re.search(row.body, text)
        if match and row.folder in {"", cassette.folder} and row.status in {0, status}:
            seconds = match.groupdict().get("seconds")
            # Google rounds down what its message tells exactly.
            return row.kind, float(seconds) + 1 if seconds else row.retry_after
    raise LookupError(f"no row of errors.toml fits {cassette}: {status} {text[:300]}")


@pytest.mark.recorded(which=lambda cassette: cassette.status >= 400)
def test_an_error_is_what_the_table_says(replay, record_property):
    settle("error", replay, _classified(replay), record_property)


def _classified(replay):
    cassette = replay.cassette
    body = cassette.response["body"]
    outgoing = replay.sending(replay.plain())[1] if replay.dialect else None
    failure = replay.provider.classify(outgoing, cassette.status, cassette.headers, body, NOW)
    kind, retry_after = meant(cassette, body)
    yield from differences(kind, failure.kind, "kind")
    yield from differences(cassette.status, failure.status, "status")
    yield from differences(retry_after, failure.retry_after, "retry_after")
    told = body["error"] if isinstance(body.get("error"), dict) else body
    if "param" in told:
        yield from differences(told["param"], failure.field, "field")
    message = told.get("message") or told.get("error")
    if " ".join(message.split())[:100] not in failure.message:
        yield f"message: recorded {message[:100]}, ours {failure.message[:100]}"
    assert failure.kind in POLICIES


@pytest.mark.recorded(which=lambda cassette: cassette.status < 400 and not cassette.answers)
def test_an_error_inside_of_a_stream_is_found_and_ends_it(replay, record_property):
    settle("error", replay, _found(replay), record_property)


def _found(replay):
    _, outgoing = replay.sending(replay.native())
    _, events = replay.decode(outgoing, [replay.cassette.bytes])
    progress = replay.dialect.upstream.progress(replay.stream)
    errors = [event for event in events if isinstance(event, InBandError)]
    for event in events[: events.index(errors[0])] if errors else events:
        progress.see(event)
    if not errors:
        yield "no error is found in the stream"
        return
    if progress.done:
        yield "the stream is done before its error"
    failure = replay.provider.classify(outgoing, None, {}, errors[0].raw, NOW)
    kind, _ = meant(replay.cassette, replay.cassette.in_stream_error)
    yield from differences(kind, failure.kind, "kind")
    if not failure.message:
        yield "message: none"


@pytest.mark.recorded(which=lambda cassette: cassette.status < 400)
def test_limits_that_headers_tell_make_sense(replay, record_property):
    settle("limits", replay, _limits(replay), record_property)


def _limits(replay):
    headers = replay.cassette.headers
    outgoing = replay.sending(replay.plain())[1] if replay.dialect else None
    hints = list(replay.provider.hints(outgoing, HttpHead(200, headers), NOW))
    for hint in hints:
        known = {name: value for name, value in asdict(hint).items() if isinstance(value, int | float)}
        if any(value < 0 for value in known.values()):
            yield f"negative: {hint}"
        if None not in {hint.limit, hint.remaining} and hint.remaining > hint.limit:
            yield f"more left than there is: {hint}"
        if hint.reset is not None and not NOW - 3600 <= hint.reset <= NOW + 32 * 86_400:
            yield f"a reset out of all measure: {hint}"
    for unit in _units(headers) - {hint.unit for hint in hints}:
        yield f"the limit of {unit} is not read"


def _units(headers):
    """Units whose limit and rest the headers tell by the names that most providers have."""
    pairs = {
        unit: (headers.get(f"x-ratelimit-limit-{unit}", ""), headers.get(f"x-ratelimit-remaining-{unit}", ""))
        for unit in ("requests", "tokens")
    }
    return {
        unit
        for unit, (limit, left) in pairs.items()
        if limit.isdigit() and left.isdigit() and int(left) <= int(limit) < 2**53
    }
