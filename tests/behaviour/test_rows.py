"""The rows that a call is recorded as: each of their columns holds what the field of that place says."""

from random import Random

import pytest
from attrs import evolve
from simulated import BODY, FAST, MODEL

from taxiway import Router
from taxiway.call import Caller
from taxiway.errors import Unsupported
from taxiway.outcome import AttemptRecord, CallError, Generation
from taxiway.records import ATTEMPT, GENERATION, USAGE, generation_of, row_of
from taxiway.testing.virtual import virtual_time
from taxiway.translation import Translation
from taxiway.usage import Usage
from taxiway.virtual import VirtualClock

ORDER = ("full", "shut", "first", "late")
FAULTS = {"shut": [{"kind": "refused"}], "first": [{"kind": "server_error"}]}
PACES = {"late": {"first_token": "2s", "tokens_per_second": 100}}


def configuration():
    """Providers of different prices: one whose only request is used up, one that is not reached, one that fails, one that is late, one that is quick."""
    providers, credentials = [], []
    for number, slug in enumerate((*ORDER, "quick"), 1):
        price = {"input": number, "output": 2 * number}
        model = {"id": "gpt-4o-mini", "slug": MODEL, "price": price, "prefill": True}
        pace, faults, keys = PACES.get(slug, FAST), FAULTS.get(slug, []), [f"simulated-key-{slug}"]
        providers.append(
            {"use": "simulator", "slug": slug, "models": [model], "pace": pace, "faults": faults, "keys": keys}
        )
        section = {"pool": True} if slug == "quick" else {}
        limits = {"limits": {"requests_per_minute": 4 if slug == "quick" else 1}}
        credentials.append({"provider": slug, "label": f"{slug}'s", "settings": {"key": keys[0]}, **limits, **section})
    return {"providers": providers, "credentials": credentials, "routing": {"hedge": {"after": "500ms"}}}


class Recorded:
    """A router, and the rows that its journal was given."""

    def __init__(self, router):
        self.engine, self.rows = router.engine, []
        self.engine.journal.opened, self.engine.journal.ended = self.opened, self.rows.append

    async def opened(self, row):
        self.rows.append(row)

    async def ask(self, **more):
        """Ask for a stream, until it ends."""
        dialect = self.engine.dialects["chat"]
        request = {**BODY, "stream": True, "max_tokens": 50, **more}
        caller, headers = Caller("default", api_key="key-1"), {"http-referer": "https://app.example"}
        self.call = self.engine.call(dialect, request, caller=caller, headers=headers)
        async for _ in self.engine.stream(self.call):
            pass


@virtual_time
async def test_every_column_of_a_row_is_where_the_record_has_it(monkeypatch):
    class Losing(Translation):
        def __init__(self, *about):
            super().__init__(*about)
            self.dropped, self.applied = ("top_k",), ("reasoning",)

    monkeypatch.setattr("taxiway.attempt.Translation", Losing)
    async with Router.from_dict(configuration(), clock=VirtualClock(), random=Random(1)) as router:
        made = Recorded(router)
        for slug in ("full", "quick"):
            await made.ask(provider={"only": [slug]})
        made.rows.clear()
        await made.ask(provider={"order": list(ORDER)})
        hedged = made.call
        with pytest.raises(CallError):
            await made.ask(provider={"only": ["full"]})
    *opened, ended, refused = made.rows
    passed = {"full:gpt-4o-mini@full/full's": "rate_limited"}
    planned = [
        AttemptRecord(
            number=number,
            endpoint=f"{slug}:gpt-4o-mini",
            provider=slug,
            account=f"{slug}'s",
            credential=f"{slug}/{slug}'s",
            model=MODEL,
            opened=pytest.approx(hedged.created + at, rel=0, abs=1e-3),
            tokens=11,
            max_output=50,
            price_in=pytest.approx(price * 1e-6),
            price_out=pytest.approx(2 * price * 1e-6),
            headroom=headroom,
        )
        for number, (slug, at, price, headroom) in enumerate(
            [("shut", 0.0, 2, 1.0), ("first", 0.0, 3, 1.0), ("late", 0.0, 4, 1.0), ("quick", 0.5, 5, 0.75)], 1
        )
    ]
    estimate, usage = Usage(input=11, estimated=True), Usage(input=12, output=6)
    ends = [
        {"kind": "unavailable", "sent": False, "duration": 0.0},
        {"kind": "unavailable", "status": 500, "code": "server_error", "duration": 0.0},
        {"kind": "cancelled", "duration": pytest.approx(0.5055), "usage": estimate, "cost": pytest.approx(44e-6)},
        {
            "status": 200,
            "latency": pytest.approx(0.0055),
            "duration": pytest.approx(0.008),
            "usage": usage,
            "cost": pytest.approx(120e-6),
            "role": "hedge",
        },
    ]
    attempts = [evolve(one, passed=passed, **end) for one, end in zip(planned, ends, strict=True)]
    lost = Generation(
        id=hedged.id,
        state="lost",
        workspace="default",
        api_key="key-1",
        operation="chat",
        dialect="chat",
        requested=MODEL,
        created=hedged.created,
        streamed=True,
    )
    paid = evolve(lost, is_byok=False)
    known = {"max_output": 50, "parameters": ["max_tokens"], "tokens": 11}
    said = {"call": {**known, "preferences": {"order": ORDER}}, "now": pytest.approx(hedged.started)}
    about = {"origin": "https://app.example", "snapshot": made.engine.snapshot.hash}
    generation = generation_of(ended)
    assert generation.upstream_id.startswith("chatcmpl-")
    assert generation == evolve(
        lost,
        state="done",
        model=MODEL,
        provider="quick",
        endpoint="quick:gpt-4o-mini",
        attempts=attempts,
        usage=usage,
        cost=pytest.approx(120e-6),
        is_byok=False,
        estimated=True,
        latency=pytest.approx(0.5055),
        duration=pytest.approx(0.508),
        finish_reason="stop",
        native_finish_reason="stop",
        upstream_id=generation.upstream_id,
        seed=hedged.seed,
        figures=said,
        dropped=["top_k"],
        applied=["reasoning"],
        **about,
    )
    assert [generation_of(row) for row in opened] == [
        evolve(lost, attempts=planned[:1]),
        evolve(lost, attempts=[attempts[0], planned[1]]),
        evolve(lost, attempts=[attempts[1], planned[2]]),
        evolve(paid, attempts=[planned[3]]),
    ]
    said = {"call": {**known, "preferences": {"only": ("full",)}}, "now": pytest.approx(made.call.started)}
    about |= {"seed": made.call.seed, "figures": said, "duration": 0.0}
    created = {"id": made.call.id, "created": made.call.created}
    assert generation_of(refused) == evolve(lost, **created, state="failed", error="rate_limited", **about)


@virtual_time
async def test_a_row_has_all_columns_and_is_made_of_a_record_as_it_is_made_of_a_call():
    async with Router.from_dict(configuration(), clock=VirtualClock(), random=Random(1)) as router:
        made = Recorded(router)
        await made.ask(provider={"order": list(ORDER)})
    *opened, ended = made.rows
    assert row_of(generation_of(ended)) == ended
    _, columns, used, attempts = ended
    assert (len(columns), len(used), {len(one) for one, _ in attempts}) == (len(GENERATION), len(USAGE), {len(ATTEMPT)})
    for _, (*asked, model, provider, endpoint, cost, is_byok), _, (*before, (planned, _)) in opened:
        assert asked == [columns[0], "lost", *columns[2 : len(asked)]]
        assert (model, provider, endpoint, cost, is_byok) == ("", "", "", None, planned[2] != "quick")
        assert planned == attempts[planned[0] - 1][0][: len(planned)]
        assert all(one == attempts[one[0][0] - 1] for one in before)


@virtual_time
async def test_an_attempt_s_row_tells_of_all_that_ended_since_the_last_one(monkeypatch):
    """Also where one between was never opened: what a crash leaves open is estimated at the most that it can have used."""

    class Choosy(Translation):
        def __init__(self, dialects, call, endpoint, *more):
            if endpoint.provider == "late":
                raise Unsupported("tools", "are unknown here")
            super().__init__(dialects, call, endpoint, *more)

    monkeypatch.setattr("taxiway.attempt.Translation", Choosy)
    async with Router.from_dict(configuration(), clock=VirtualClock(), random=Random(1)) as router:
        made = Recorded(router)
        await made.ask(provider={"order": ["first", "late", "quick"]})
    *opened, _ = made.rows
    assert [[(one.provider, one.kind) for one in generation_of(row).attempts] for row in opened] == [
        [("first", None)],
        [("first", "unavailable"), ("late", "unsupported_here"), ("quick", None)],
    ]
