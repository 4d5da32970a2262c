"""How a call ends: what its client is told where it failed, and what is recorded of it."""

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from taxiway.failures import POLICIES, availability_of
from taxiway.money import FREE
from taxiway.outcome import AttemptRecord, CallError, Failure, Generation
from taxiway.replan import figures_of

if TYPE_CHECKING:
    from taxiway.attempt import Attempt
    from taxiway.candidate import Candidate
    from taxiway.outcome import State
    from taxiway.picks import Exhausted
    from taxiway.run import Run

_RETRY_HINT: Final = 60.0
"""Above this, in seconds, an SDK that waits as told would hang: it is told not to retry."""


def call_error(run: "Run", failure: Failure, candidate: "Candidate | None", frees: float | None) -> CallError:
    """Return what the client of a call that failed is told. `frees`: in how many seconds something can be tried again."""
    policy = POLICIES[failure.kind]
    kinds = {pair[1].kind for pair in run.failures} or {failure.kind}
    providers = tuple(dict.fromkeys(one.endpoint.provider for one, _ in run.failures))
    retry_after = frees
    if retry_after is None and policy.passing:
        retry_after = failure.retry_after
    hopeless = not policy.passing or (retry_after is not None and retry_after > _RETRY_HINT)
    previous = tuple((c.endpoint.provider_name, f) for c, f in run.failures if f is not failure)
    return CallError(
        failure,
        provider="" if candidate is None else candidate.endpoint.provider_name,
        previous=previous,
        retry_after=retry_after if policy.passing else None,
        should_retry=False if hopeless else None,
        availability=availability_of(kinds, run.call.facts.models, providers),
        generation=run.call.id,
    )


def failure_of_block(left: "Exhausted") -> Failure:
    """What the client sees where nothing was tried: why the best-ranked candidate is out."""
    if left.block is None:
        return Failure(kind="timeout", message="the call's time was over before it could be tried")
    return Failure(kind=left.block.kind, message=left.block.reason)


def record_of(attempt: "Attempt") -> AttemptRecord:
    """Return what is recorded of an attempt: what it is sent with, and how it did once it has ended."""
    pick, candidate, outcome, record = attempt.pick, attempt.candidate, attempt.outcome, attempt.record
    if record is None:
        endpoint, account, facts = candidate.endpoint, candidate.account, attempt.call.facts
        record = attempt.record = AttemptRecord(
            attempt.number,
            endpoint.key,
            endpoint.provider,
            account.label,
            account.credential.id,
            endpoint.model,
            attempt.created,
            facts.tokens,
            facts.max_output,
            endpoint.price.input,
            endpoint.price.output,
            pick.headroom,
            role=attempt.role,
            passed={one.key: block.kind for one, block in pick.passed} if pick.passed else None,
        )
    if outcome is not None:
        usage, failure = outcome.usage, outcome.failure
        record.status, record.sent, record.usage = outcome.status, outcome.sent, usage
        record.duration = outcome.ended - outcome.started
        if outcome.first_token is not None:
            record.latency = outcome.first_token - outcome.started
        if failure is not None:
            record.kind, record.code = failure.kind, failure.code
        if usage is not None:
            cost = attempt.bill.cost
            # What costs the client nothing, since it ended in an error, has cost something.
            cost = candidate.endpoint.price.parts(usage) if cost is FREE else cost
            record.cost = None if cost is None else cost.total
    return record


def generation_of(run: "Run", state: "State", attempt: "Attempt | None", failure: Failure | None) -> Generation:
    """Return what is recorded of a call. `attempt`: the one that served it, or came furthest."""
    call = run.call
    records = [record_of(one) for one in run.attempts]
    if run.hedged:
        records.sort(key=attrgetter("number"))
    generation = Generation(
        call.id,
        state,
        call.caller.workspace,
        call.caller.api_key,
        call.operation,
        call.dialect,
        call.facts.models[0],
        call.created,
        call.facts.stream,
        attempts=records,
        duration=run.engine.clock.monotonic() - call.started,
        seed=call.seed,
        snapshot=run.snapshot.hash,
        figures={} if run.plan is None else figures_of(call, run.plan, run.snapshot.routing.preferences),
        origin=call.headers.get("http-referer", ""),
    )
    if failure is not None:
        generation.error = failure.kind
    if attempt is not None:
        endpoint, answer = attempt.candidate.endpoint, attempt.answer
        progress, translation = attempt.progress, attempt.translation
        generation.model, generation.provider, generation.endpoint = endpoint.model, endpoint.provider, endpoint.key
        bill = attempt.bill if answer is None else answer.bill()
        first = attempt.first_token if answer is None or not answer.resumed else answer.first_token
        generation.is_byok, generation.usage = bill.is_byok, bill.usage
        if bill.cost is not None:
            generation.cost = bill.cost.total
        if first is not None:
            generation.latency = first - call.started
        generation.finish_reason, generation.native_finish_reason = progress.finish, progress.native_finish
        generation.upstream_id = progress.upstream_id
        if translation.dropped or translation.applied:
            generation.dropped, generation.applied = list(translation.dropped), list(translation.applied)
    for record in records:
        if record.usage is not None and record.usage.estimated:
            generation.estimated = True
    return generation
