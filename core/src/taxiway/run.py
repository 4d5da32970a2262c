"""One call on its way through its plan: what was tried, what may be tried yet, and the record of it."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from taxiway.attempt import Attempt
from taxiway.call import NOTHING, Call, Translated
from taxiway.candidate import Candidate, Endpoint
from taxiway.codec import Json
from taxiway.ending import call_error, ended_row, failure_of_block
from taxiway.errors import InvalidRequest, SpoolUnavailable
from taxiway.failures import POLICIES
from taxiway.outcome import CallError, Failure, Kind, RefreshFailed, State
from taxiway.picks import NOTHING_TRIED, SAME_ENDPOINT, Exhausted, Pause, Pick, Plan, Tried
from taxiway.planner import plan
from taxiway.resumption import Answer, elsewhere
from taxiway.shaping import Wanted

if TYPE_CHECKING:
    from taxiway.executor import Engine

MOST_ATTEMPTS: Final = 8
"""Attempts of one call that overload, unavailability and timeouts may end. Moves after other kinds end with the candidates."""

_BACKOFF: Final = 0.5
_BACKOFF_CAP: Final = 8.0
"""Seconds: the most that is waited before an endpoint is tried again, after the first failure and after any."""
_LEAST_WAIT: Final = 0.001
"""Seconds. A loop fires timers a little early: calls that wake each other before it is time would go on so."""


class Run:
    """One call on its way: its plan, what was tried, and the record. A snapshot that comes meanwhile is not for it."""

    __slots__ = tuple(
        "_afforded _ended _free _patience _shaped answer attempt attempts broken call engine failures hedged number "
        "plan snapshot told tried troubles".split()
    )

    def __init__(self, engine: "Engine", call: Call) -> None:
        self.engine, self.call, self.snapshot = engine, call, engine.snapshot
        self.tried = NOTHING_TRIED
        self.plan: Plan | None = None
        self.attempt: Attempt | None = None
        # Those that ended.
        self.attempts: list[Attempt] = []
        self.failures: list[tuple[Candidate, Failure]] = []
        self._patience = self.snapshot.routing.wait
        # `told`: how many of the ended are written down as such.
        self.number = self._afforded = self.troubles = self.told = 0
        self._free = self._ended = self.hedged = False
        # The stream that broke off and is to be gone on with, why it broke, and what was given of it.
        self.broken: tuple[Attempt, Failure] | None = None
        self.answer: Answer | None = None
        # Bodies that were shaped for an endpoint, and what was fetched for them.
        self._shaped: tuple[dict[Wanted, Translated], dict[str, str]] | None = None

    async def next(self) -> Attempt:
        """Open the next attempt. Raises CallError when nothing is left, InvalidRequest for an unknown model."""
        engine, call = self.engine, self.call
        while True:
            now = engine.clock.monotonic()
            if self.plan is None:
                self.plan = plan(call, self.snapshot, engine.health.view(now, engine.quotas, call.facts), engine.draws)
                retried = call.headers.get("x-stainless-retry-count", "0")
                again = retried != "0" and retried.isdecimal() and retried.strip("0") != ""
                engine.budgets[call.caller.workspace].called(now, again=again)
            if now >= call.deadline or (self.failures and not self._affordable(now)):
                raise self._exhausted(Exhausted(None, None))
            pick = self.plan.pick(self.tried, engine.health, engine.quotas, now, self._patience)
            if isinstance(pick, Pick):
                if pick.resort:
                    self._marked().resorted = True
                attempt = self.attempt = Attempt(self, pick, now, "resumption" if self.answer else "")
                failure = await self.open(attempt)
                if failure is None:
                    return attempt
                self.failed(attempt, failure)
            elif isinstance(pick, Pause):
                self._patience -= max(0.0, pick.until - now)
                await self._sleep(pick.until - now)
                self.tried.limited.clear()
            elif self._free or not self.tried.once_more():
                raise self._exhausted(pick)
            else:
                # Full jitter, as Envoy and botocore do.
                await self._sleep(engine.random.random() * min(_BACKOFF_CAP, _BACKOFF * 2.0 ** (self.troubles - 1)))

    def others(self, taken: Endpoint) -> bool:
        """Whether an endpoint other than that one, that was not tried yet, could take the call now."""
        plan, tried, engine = self.plan, self.tried, self.engine
        assert plan is not None
        now = engine.clock.monotonic()
        return any(
            plan.choose(offer, tried, engine.health, engine.quotas, now, []) is not None
            for model, offers in plan.models
            if model not in tried.models
            for offer in offers
            if offer.endpoint is not taken and offer.endpoint.key not in tried.endpoints
        )

    async def open(self, attempt: Attempt) -> Failure | None:
        """Open an attempt when all is there that it needs; nearly always nothing is waited for. Raises InvalidRequest."""
        engine, candidate = self.engine, attempt.candidate
        endpoint = candidate.endpoint
        shaped: Translated | None = None
        assert self.plan is not None
        try:
            adds = self.plan.adds.get(endpoint, NOTHING)
            wanted = engine.shaper.wanted(self.call, endpoint, adds)
            refreshes = self.snapshot.refreshes.get(endpoint.provider)
            held = None if refreshes is None else engine.tokens.current(endpoint.provider, refreshes, candidate.account)
            if held is not None:
                attempt.secret = held
            if wanted is not None or (refreshes is not None and held is None):
                waited = await self._waited(attempt, wanted, adds)
                if isinstance(waited, Failure):
                    return waited
                shaped = waited
            return await attempt.open(self, shaped)
        except SpoolUnavailable:
            return self._unaccounted(attempt)
        except InvalidRequest as error:
            if attempt.role:
                return attempt.failure_of(error)
            self.failed(attempt, failure := attempt.failure_of(error))
            self._record("failed", None, failure)
            raise
        except Exception as error:  # noqa: BLE001 - a plugin's mistake is this candidate's, not the request path's
            return attempt.failure_of(error)

    async def _waited(
        self, attempt: Attempt, wanted: Wanted | None, adds: Mapping[str, Json]
    ) -> Translated | Failure | None:
        """Wait for a token, and for a body that is shaped for the endpoint. Returns the body, where there is something to be shaped."""
        engine, call, endpoint = self.engine, self.call, attempt.candidate.endpoint
        shaped, fetched = self._shaped = self._shaped or ({}, {})
        limit = asyncio.timeout(max(0.0, call.deadline - engine.clock.monotonic()))
        try:
            async with limit:
                if wanted is not None and wanted not in shaped:
                    shaped[wanted] = await engine.shaper.shape(call, endpoint, wanted, fetched, adds)
                secret = await engine.secret(attempt.candidate)
        except RefreshFailed as error:
            return error.failure
        except TimeoutError:
            if not limit.expired():
                raise
            return Failure(kind="timeout", message="the call's time was over before it could be sent", scope="none")
        attempt.ready(secret)
        return None if wanted is None else shaped[wanted]

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        """Take a failed attempt in: end it, and say who is not to be tried again."""
        attempt.end(failure)
        if self.attempt is attempt:
            self.attempt = None
        attempt.abort()
        self.attempts.append(attempt)
        self.failures.append((attempt.candidate, failure))
        self.troubles += POLICIES[failure.kind].budgeted
        # A key, too, is not judged by a token that was revoked before its end.
        if failure.kind in {"token_expired", "credential_invalid"}:
            self.engine.tokens.forget(attempt.candidate.account, attempt.secret)
        self._exclude(attempt.candidate, failure.kind)

    async def served(self, attempt: Attempt) -> None:
        """Take the attempt in that served: the generation is durable when this returns."""
        attempt.end(None)
        self.attempts.append(attempt)
        if (written := self._record("done", attempt)) is not None:
            await written

    def hedge(self, pick: Pick) -> Attempt:
        """Make a second attempt beside the one that is under way."""
        self.hedged = True
        return Attempt(self, pick, self.engine.clock.monotonic(), "hedge")

    async def begin_hedge(self, attempt: Attempt) -> list[Json] | Failure:
        """Open the second attempt, and wait for its first token."""
        return await self.open(attempt) or await attempt.begin()

    def lost(self, attempt: Attempt) -> None:
        """Another attempt gave the first token, or nobody waits any more: close the connection now, and account what was used."""
        attempt.abort()
        attempt.end(Failure(kind="cancelled", message="it was not waited for any longer"))
        self.attempts.append(attempt)
        outcome = attempt.outcome
        if attempt.role != "hedge" and outcome is not None:
            # It would have taken longer than this. Without it only quick ones are learnt from, and ever more would count as late.
            self.engine.health.waited(attempt.candidate.endpoint, outcome.ended - outcome.started, outcome.ended)

    def interrupted(self, attempt: Attempt, failure: Failure) -> CallError | None:
        """A stream failed after its first token. Returns what the client is told, recorded; None: another attempt goes on with it."""
        self.failed(attempt, failure)
        self.broken = attempt, failure
        answer, now = attempt.answer, self.engine.clock.monotonic()
        over = self.troubles >= MOST_ATTEMPTS or now >= self.call.deadline
        if answer is None or not answer.open or not POLICIES[failure.kind].passing or over:
            return self._broke(attempt, failure)
        assert self.plan is not None
        budget = self.engine.budgets[self.call.caller.workspace]
        if not elsewhere(self.plan, self._marked(), attempt.candidate.endpoint) or not budget.spend(now):
            return self._broke(attempt, failure)
        answer.resume(attempt.first_token)
        self.answer, self._afforded = answer, self.number
        return None

    def cancelled(self) -> None:
        """The client is gone: close the upstream connection now, and account what was used."""
        attempt = self.attempt
        if attempt is not None:
            attempt.abort()
        if self._ended:
            return
        failure = Failure(kind="cancelled", message="the client closed the request")
        if attempt is not None:
            attempt.end(failure)
            self.attempts.append(attempt)
        elif self.broken is not None:
            attempt = self.broken[0]
        if attempt is not None or self.attempts:
            self._record("cancelled", attempt if attempt is not None and attempt.opened else None, failure)

    def _marked(self) -> Tried:
        """Return what was tried, to be changed."""
        if self.tried is NOTHING_TRIED:
            self.tried = Tried()
        return self.tried

    def _exclude(self, candidate: Candidate, kind: Kind) -> None:
        """Say who is not to be tried again after a failure."""
        if self.answer is not None and kind == "invalid_request":
            # The request was good before: what is refused is to go on with an answer, and that is this endpoint's own.
            kind = "unsupported_here"
        tried, policy, endpoint = self._marked(), POLICIES[kind], candidate.endpoint
        match policy.next:
            case "account" if kind == "rate_limited":
                tried.limited.add(candidate.key)
            case "account":
                tried.accounts.add(candidate.account.key)
            case "candidate":
                tried.candidates.add(candidate.key)
            case "endpoint":
                tried.endpoints.add(endpoint.key)
                tried.failures[endpoint.key] += 1
                if policy.passing and kind != "timeout" and tried.failures[endpoint.key] < SAME_ENDPOINT:
                    tried.again.add(endpoint.key)
            case "same":
                tried.failures[candidate.key] += 1
                if tried.failures[candidate.key] > 1:
                    tried.candidates.add(candidate.key)
        assert self.plan is not None
        for name, offers in self.plan.models:
            # By the plan's own names: a call may ask by `<provider>/<id>`.
            asked = any(offer.endpoint is endpoint for offer in offers)
            over = policy.next == "model" if asked else kind not in self.snapshot.routing.fallback_on
            if over or policy.next == "stop":
                tried.models.add(name)

    def _unaccounted(self, attempt: Attempt) -> Failure:
        """An attempt could not be written down, and was not sent. Raises CallError: no other is tried; a hedge fails alone."""
        failure = Failure(kind="overloaded", scope="none", message="the gateway can't account calls at the moment")
        if attempt.role == "hedge":
            return failure
        attempt.end(failure)
        self.attempt = None
        if self.broken is not None:
            raise self._broke(*self.broken) from None
        if self.attempts:
            self._record("failed", None, failure)
        raise CallError(failure, retry_after=1.0, should_retry=True, generation=self.call.id) from None

    def _affordable(self, now: float) -> bool:
        """Whether a further attempt is within the limits, after a failure that counts against the retry budget.

        With the budget spent one move to an endpoint with a closed breaker stays free, so that an outage is hidden even then.
        """
        if self._afforded == self.number or not POLICIES[self.failures[-1][1].kind].budgeted:
            return True
        if self._free or self.troubles >= MOST_ATTEMPTS:
            return False
        self._afforded = self.number
        if not self.engine.budgets[self.call.caller.workspace].spend(now):
            self._free = self.tried.resorted = True
        return True

    async def _sleep(self, seconds: float) -> None:
        left = self.call.deadline - self.engine.clock.monotonic()
        await self.engine.clock.sleep(max(_LEAST_WAIT, min(seconds, left)))

    def _exhausted(self, left: Exhausted) -> CallError:
        """Nothing is left: record it, and say what the client is told."""
        if self.broken is not None:
            return self._broke(*self.broken)
        self.engine.upkeep.watch()
        now = self.engine.clock.monotonic()
        passing = [pair for pair in self.failures if POLICIES[pair[1].kind].passing]
        said: Sequence[tuple[Candidate | None, Failure]] = passing or self.failures or [(None, failure_of_block(left))]
        candidate, failure = said[-1]
        error = call_error(self, failure, candidate, None if left.frees is None else max(0.0, left.frees - now))
        self._record("failed", None, error.failure)
        return error

    def _broke(self, attempt: Attempt, failure: Failure) -> CallError:
        """A stream broke off for good, whatever became of those who were to go on with it: record it, and say why."""
        self._record("interrupted", attempt, failure)
        return call_error(self, failure, attempt.candidate, None)

    def _record(self, state: State, attempt: Attempt | None, failure: Failure | None = None) -> Awaitable[Any] | None:
        """Write the generation: durable before the client sees the last byte. Only for one that is `done` is there a wait."""
        self._ended = True
        ended = self.engine.journal.ended
        return None if ended is None else ended(ended_row(self, state, attempt, failure))
