"""How a call ends: what its client is told where it failed, and what is recorded of it."""

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from taxiway.failures import POLICIES, availability_of
from taxiway.money import FREE
from taxiway.outcome import CallError, Failure
from taxiway.records import ENDED, OPENED, Row, usage_row
from taxiway.replan import figures_of

if TYPE_CHECKING:
    from taxiway.attempt import Attempt
    from taxiway.call import Call
    from taxiway.candidate import Candidate
    from taxiway.outcome import State
    from taxiway.picks import Exhausted
    from taxiway.run import Run
    from taxiway.usage import Usage

_RETRY_HINT: Final = 60.0
"""Above this, in seconds, an SDK that waits as told would hang: it is told not to retry."""


def call_error(run: "Run", failure: Failure, candidate: "Candidate | None", frees: float | None) -> CallError:
    """Return what the client of a call that failed is told. `frees`: in how many seconds something can be tried again."""
    policy = POLICIES[failure.kind]
    kinds = {pair[1].kind for pair in run.failures} or {failure.kind}
    providers = tuple(dict.fromkeys(one.endpoint.provider for one, _ in run.failures))
    retry_after = failure.retry_after if frees is None else frees
    hopeless = not policy.passing or (retry_after is not None and retry_after > _RETRY_HINT)
    return CallError(
        failure,
        provider="" if candidate is None else candidate.endpoint.provider_name,
        previous=tuple((c.endpoint.provider_name, f) for c, f in run.failures if f is not failure),
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


def opened_row(run: "Run", attempt: "Attempt") -> Row:
    """Return what is recorded of an attempt that is about to be sent: the generation as it will be if nothing follows.

    With it goes how those ended that did so since the last one was opened.
    """
    ended = run.attempts
    attempts = [_attempt_row(one, None) for one in ended[run.told :]] if ended else []
    run.told = len(ended)
    attempts.append((_planned(attempt), None))
    return OPENED, (*_asked(run.call, "lost"), "", "", "", None, attempt.bill.is_byok), None, attempts


def ended_row(run: "Run", state: "State", attempt: "Attempt | None", failure: Failure | None) -> Row:
    """Return what is recorded of a call, column by column. `attempt`: the one that served it, or came furthest."""
    call, usage, latency, estimated = run.call, None, None, False
    served: tuple[Any, ...] = ("", "", "", None, True)
    finish: tuple[Any, ...] = (None, None, None)
    dropped: list[str] = []
    applied: list[str] = []
    if attempt is not None:
        endpoint, answer = attempt.candidate.endpoint, attempt.answer
        progress, translation = attempt.progress, attempt.translation
        bill = attempt.bill if answer is None else answer.bill()
        usage, cost = bill.usage, None if bill.cost is None else bill.cost.total
        served = endpoint.model, endpoint.provider, endpoint.key, cost, bill.is_byok
        first = attempt.first_token if answer is None or not answer.resumed else answer.first_token
        latency = None if first is None else first - call.started
        finish = progress.finish, progress.native_finish, progress.upstream_id
        dropped, applied = list(translation.dropped), list(translation.applied)
    attempts = []
    for one in sorted(run.attempts, key=attrgetter("number")) if run.hedged else run.attempts:
        attempts.append(_attempt_row(one, usage))
        used = None if one.outcome is None else one.outcome.usage
        estimated = estimated or (used is not None and used.estimated)
    figures = {} if run.plan is None else figures_of(call, run.plan, run.snapshot.routing.preferences)
    took = estimated, latency, run.engine.clock.monotonic() - call.started
    why = None if failure is None else failure.kind, call.seed, run.snapshot.hash, figures
    rest = dropped, call.headers.get("http-referer", ""), applied
    columns = (*_asked(call, state), *served, *took, *finish, *why, *rest)
    return ENDED, columns, usage and usage_row(usage), attempts


def _asked(call: "Call", state: "State") -> tuple[Any, ...]:
    """The columns of a generation that are known before anything is sent."""
    caller, facts = call.caller, call.facts
    who = call.id, state, caller.workspace, caller.api_key
    return *who, call.operation, call.dialect, facts.models[0], call.created, facts.stream


def _planned(attempt: "Attempt") -> tuple[Any, ...]:
    """The columns of an attempt that are known before it is sent."""
    if attempt.planned is None:
        endpoint, account, facts = attempt.candidate.endpoint, attempt.candidate.account, attempt.call.facts
        where = endpoint.key, endpoint.provider, account.label, account.credential.id, endpoint.model
        most = facts.tokens, facts.max_output, endpoint.price.input, endpoint.price.output
        attempt.planned = attempt.number, *where, attempt.created, *most, attempt.pick.headroom
    return attempt.planned


def _attempt_row(attempt: "Attempt", known: "Usage | None") -> tuple[Any, Any]:
    """Return what is recorded of an attempt that has ended. `known`: the generation's own usage, nearly always this one."""
    outcome, passed, cost = attempt.outcome, attempt.pick.passed, None
    assert outcome is not None
    usage, failure, first = outcome.usage, outcome.failure, outcome.first_token
    if usage is not None:
        cost = attempt.bill.cost
        # What costs the client nothing, since it ended in an error, has cost something.
        cost = attempt.candidate.endpoint.price.parts(usage) if cost is FREE else cost
    kind, code = (None, None) if failure is None else (failure.kind, failure.code)
    latency = None if first is None else first - outcome.started
    took = latency, outcome.ended - outcome.started, None if cost is None else cost.total
    blocks = {one.key: block.kind for one, block in passed} if passed else None
    columns = (*_planned(attempt), kind, outcome.status, code, outcome.sent, *took, attempt.role, blocks)
    return columns, usage and (usage is known or usage_row(usage))
