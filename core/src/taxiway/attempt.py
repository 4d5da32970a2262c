"""One try of one candidate: opened, read, ended. Whatever goes wrong in it comes out as a Failure, cancellation excepted."""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from taxiway.call import Outgoing, Translated
from taxiway.codec import Json
from taxiway.ending import opened_row
from taxiway.errors import TransportError
from taxiway.failures import POLICIES
from taxiway.http import Headers, HttpHead, epoch_of
from taxiway.money import FREE
from taxiway.outcome import Bill, Failure, Outcome, Role
from taxiway.picks import Pick
from taxiway.provider import InBandError
from taxiway.refusals import error_body, error_of, lost, raised
from taxiway.resumption import go_on
from taxiway.secret import Secret, trace
from taxiway.translation import Translation
from taxiway.usage import Usage
from taxiway.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taxiway.provider import Provider
    from taxiway.routing import OnInterrupted
    from taxiway.run import Run
    from taxiway.transport import Exchange

MOST_HELD: Final = 1000
"""Events without a token that are held back: who sends more is let through, so that memory is bounded."""

_DRAIN: Final = 1.0
"""Seconds that a connection may take to end a body whose last event has come."""


class Attempt:
    """One try. `bill` is what it costs so far, `last` are the events that end a stream which is whole.

    `secret` is what it is sent with. `opened`: it was translated, so that there is a `progress`. `whole`: a stream came to its
    end. `answer`: what outlives the attempt, where another may go on with what it gave. `outcome`: how it ended, once it has;
    `planned`: what is recorded of it as it is opened, where a journal takes that. `created` is in seconds since the epoch.
    """

    __slots__ = tuple(
        "_body _closed _engine _exchange _late _over _provider _reading _started _watch answer bill call candidate committed "
        "created first_token last number on_interrupted opened outcome outgoing pick planned progress role secret stamp status "
        "translation whole".split()
    )

    def __init__(self, run: "Run", pick: Pick, now: float, role: Role) -> None:
        self._engine = engine = run.engine
        self.call, self.answer = run.call, run.answer
        self.pick, self.role, self._started, self.created = pick, role, now, engine.clock.now()
        self.candidate = candidate = pick.candidate
        self.secret = candidate.account.secret
        run.number = self.number = run.number + 1
        self._watch: Watch | None = None
        self._late: Failure | None = None
        self.bill = Bill(candidate, None, None, candidate.section != "pool")
        self.first_token: float | None = None
        self.status: int | None = None
        self.outcome: Outcome | None = None
        self.planned: tuple[Any, ...] | None = None
        self._reading = self.committed = self.opened = False
        engine.health.opened(candidate, now)

    def ready(self, secret: Secret | None) -> None:
        """Take the secret that was waited for. Its time counts from now: no endpoint is slow because a token or a picture was."""
        self.secret, self._started = secret, self._engine.clock.monotonic()

    async def open(self, run: "Run", shaped: Translated | None) -> Failure | None:
        """Translate, prepare, account, send. `shaped`: the canonical body, where that was changed for its endpoint.

        Raises SpoolUnavailable: nothing was sent then; and what a transport does.
        """
        engine, call, candidate, snapshot, answer = self._engine, self.call, self.candidate, run.snapshot, self.answer
        endpoint, stream = candidate.endpoint, call.facts.stream
        asked, goes_on = call.facts.models[0], answer is not None
        if stream:
            self.on_interrupted: OnInterrupted = snapshot.on_interrupted(asked, endpoint.model)
            goes_on = goes_on or self.on_interrupted == "resume"
        try:
            if goes_on:
                translation = go_on(self, engine.dialects, shaped)
                answer = self.answer
            else:
                translation = Translation(engine.dialects, call, endpoint, shaped)
            self.translation, self.progress = translation, translation.theirs.progress(stream)
            bill = self.bill
            # A stamp that held the attempt would close a circle, which only the collector opens.
            self.stamp = translation.ours.stamp(call, lambda: bill) if answer is None else answer.stamp_of(self)
            self.opened = True
            self.outgoing = outgoing = Outgoing(
                call, translation.spoken, translation.body, candidate, self.secret, stream
            )
            self._provider: Provider = snapshot.providers[endpoint.provider]
            request = self._provider.prepare(outgoing, engine.now(endpoint.provider))
            transport = engine.transports[request.origin.scheme]
        except Exception as error:  # noqa: BLE001 - a plugin's mistake is this candidate's, not the request path's
            return self.failure_of(error)
        opened = engine.journal.opened
        if opened is not None:
            await opened(opened_row(run, self))
        timeouts, started = snapshot.timeouts(asked, endpoint.model), self._started
        exchange = transport.open(request, min(timeouts.connect, call.deadline - started))
        first_token = learnt = others = None
        if stream:
            engine.health.waits(endpoint, self, started)
            first_token, learnt = timeouts.first_token, engine.health.patience(endpoint, started)
            others = None if self.role == "hedge" else partial(run.others, endpoint)
        self._exchange: Exchange = exchange
        self._watch = Watch(
            engine.watches, exchange, started, call.deadline, first_token, timeouts.idle, learnt, others
        )
        return None

    async def complete(self) -> Json | Failure:
        """Wait for the one reply; stamped, in the client's dialect."""
        try:
            head = await self._exchange.head()
            if not self._good(head):
                return await self._refused(head)
            exchange, replies, _ = self._body
            while data := await exchange.read():
                replies.feed(data)
            for event in replies.close(exchange.framed):
                if isinstance(event, InBandError):
                    return self._classified(None, {}, event.raw)
                progress = self.progress
                progress.see(event)
                if not (progress.started or progress.finish):
                    break
                self._read_usage()
                return self.stamp.reply(self.translation.reply(event))
            return Failure(kind="unavailable", message="the provider's reply was empty")
        except Exception as error:  # noqa: BLE001 - as in open
            return self.failure_of(error)

    async def begin(self) -> list[Json] | Failure:
        """Wait for a stream's first token, or for its end where it has none. Returns the events until then."""
        self.last: Sequence[Json] = ()
        self._over = self._closed = self.whole = False
        try:
            head = await self._exchange.head()
            if not self._good(head):
                return await self._refused(head)
        except Exception as error:  # noqa: BLE001 - as in open
            return self.failure_of(error)
        held: list[Json] = []
        progress = self.progress
        while not (progress.started or progress.finish or len(held) >= MOST_HELD):
            more = await self.read()
            if more is None:
                break
            if isinstance(more, Failure):
                return more
            held += more
        # What came together with its own failure is not worth a client's while: nothing of it was sent yet.
        return held if self._late is None or self.role == "resumption" else self._late

    async def read(self) -> list[Json] | Failure | None:
        """Wait for more of a stream: stamped events in the client's dialect, up to an error among them; None: it is whole."""
        exchange, replies, watch = self._body
        batch: list[Json] = []
        try:
            if self._over:
                return self._late or self._end(replies.mark, exchange.framed)
            watch.waiting = True
            data = await exchange.read()
            watch.waiting = False
            for event in replies.feed(data) if data else replies.close(exchange.framed):
                if isinstance(event, InBandError):
                    self._late, self._over = self._classified(None, {}, event.raw), True
                    break
                self.progress.see(event)
                for ours in self.translation.events(event) if self.translation.translators else (event,):
                    stamped = self.stamp.event(ours)
                    if stamped is not None:
                        batch.append(stamped)
            if not data:
                self._closed = self._over = True
            elif replies.mark:
                self._over = True
        except Exception as error:  # noqa: BLE001 - as in open
            failure = self.failure_of(error)
            if not batch:
                return failure
            # What came before it was read well: the client gets it first.
            self._late, self._over = failure, True
        if self.first_token is None and self.progress.started:
            self.first_token, watch.started = self._engine.clock.monotonic(), True
        return batch if batch or not self._over else await self.read()

    async def drain(self) -> None:
        """Read what is left after a stream's own end, so that the connection can be used again; give up soon."""
        if self._closed:
            return
        timer = self._engine.loop.call_later(_DRAIN, self._exchange.abort)
        try:
            # The client has it all: whatever a transport raises now, the connection is lost, no more.
            with suppress(Exception):
                while await self._exchange.read():
                    pass
        finally:
            timer.cancel()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._watch is not None:
            self._exchange.abort()

    def end(self, failure: Failure | None) -> None:
        """Settle everything: reservation, health, quotas. Once, on every way out."""
        if self.outcome is not None:
            return
        engine, candidate, call, sent = self._engine, self.candidate, self.call, False
        now, status, reservation = engine.clock.monotonic(), self.status, self.pick.reservation
        if self._watch is not None:
            self._watch.cancel()
            sent = self._exchange.sent != "none"
        if failure is not None:
            try:
                self._estimate(failure, sent)
            except Exception as error:  # noqa: BLE001 - as in open
                self.failure_of(error)
        usage = self.bill.usage
        self.outcome = outcome = Outcome(
            candidate, self._started, failure, self.committed, usage, self.first_token, now, sent, status
        )
        if sent and (status is None or 200 <= status < 300):
            reservation.settle(usage, now)
        else:
            reservation.release(now)
        if status is None and call.facts.stream and self._watch is not None:
            engine.health.left(candidate.endpoint, self)
        engine.observe(outcome, now)
        if failure is None:
            engine.health.sticky.served(call, candidate, usage, now)
        elif failure.kind == "rate_limited" and failure.scope not in {"endpoint", "none"}:
            engine.quotas.shut(reservation, failure.retry_after, now)
        elif failure.kind == "credential_invalid":
            engine.upkeep.verify(candidate, self.outgoing if self.opened else None)

    def _good(self, head: HttpHead) -> bool:
        """Take the head of the reply, and say whether a good body comes after it."""
        self.status = status = head.status
        engine, outgoing = self._engine, self.outgoing
        if outgoing.stream:
            engine.health.heard(self.candidate.endpoint, self, engine.clock.monotonic())
        if not 200 <= status < 300:
            return False
        epoch = engine.now(self.candidate.endpoint.provider)
        hints = self._provider.hints(outgoing, head, epoch)
        if hints:
            engine.quotas.learn(self.pick.reservation, hints, engine.clock.monotonic(), epoch)
        assert self._watch is not None
        self._body = self._exchange, self._provider.replies(outgoing, head), self._watch
        self._reading = True
        return True

    async def _refused(self, head: HttpHead) -> Failure:
        return self._classified(head.status, head.headers, error_of(await error_body(self._exchange)))

    def _end(self, mark: bool, framed: bool) -> Failure | None:
        self.progress.close(mark, framed)
        self._read_usage()
        if self.progress.done and (self.progress.started or self.progress.finish):
            stamped = map(self.stamp.event, self.translation.close())
            self.last = [*(event for event in stamped if event is not None), *self.stamp.last()]
            self.whole = True
            return None
        what = "ended early" if self.progress.started else "was empty"
        return Failure(kind="unavailable", message=f"the provider's stream {what}")

    def _read_usage(self) -> None:
        """Take the provider's usage; where it sent none, an estimate, marked. What ended in an error costs the client nothing."""
        progress = self.progress
        usage = progress.usage
        if usage is None:
            usage = Usage(input=self.call.facts.tokens, output=(len(progress.text) + 3) // 4, estimated=True)
        self._used(usage)
        if progress.finish == "error" and self.bill.cost is not None:
            self.bill.cost = FREE

    def _used(self, usage: Usage) -> None:
        """Write what was used, and what it costs."""
        bill = self.bill
        bill.usage, bill.cost = usage, self.candidate.endpoint.price.parts(usage)

    def _estimate(self, failure: Failure, sent: bool) -> None:
        """What a failed attempt may have used: known, or estimated where the request had left and no status came back."""
        if self._reading:
            self._read_usage()
            if not self.progress.started and self.progress.usage is None and failure.kind != "cancelled":
                self.bill.usage = self.bill.cost = None
        elif sent and self.status is None:
            self._used(Usage(input=self.call.facts.tokens, estimated=True))

    def _classified(self, status: int | None, headers: Headers, error: Json | str) -> Failure:
        engine, slug = self._engine, self.candidate.endpoint.provider
        epoch = engine.now(slug)
        failure = self._provider.classify(self.outgoing, status, headers, error, epoch)
        if failure.kind not in POLICIES:
            raise ValueError(f"no kind of failure: {failure.kind}")
        if failure.kind == "clock_skewed" and (date := epoch_of(headers.get("date", ""))) is not None:
            engine.offsets[slug] = date - engine.clock.now()
        if failure.hints:
            engine.quotas.learn(self.pick.reservation, failure.hints, engine.clock.monotonic(), epoch)
        return failure

    def _lost(self, error: TransportError) -> Failure:
        """Say what a failed exchange means: nothing, where the call's own deadline left less time than is usual."""
        now, failure = self._engine.clock.monotonic(), lost(error)
        hasty = failure.kind == "timeout" and now >= self.call.deadline
        if hasty and now - self._started < self._engine.health.usual(self.candidate.endpoint, now):
            return evolve(failure, scope="none")
        return failure

    def failure_of(self, error: Exception) -> Failure:
        """Say what went wrong, by what was raised."""
        if isinstance(error, TransportError):
            return self._lost(error)
        if (failure := raised(error, sent=self._watch is not None)) is not None:
            return failure
        name = self.candidate.endpoint.provider
        self._engine.log.error("provider %s: its plugin failed: %s", name, trace())
        # While it reads a reply, that is most likely of a form that nobody expects: the endpoint can't be used, whoever is wrong.
        said = "can't read the reply" if self._reading else "failed"
        message = f"the plugin of {name} {said} ({type(error).__name__})"
        return Failure(kind="unavailable", scope=None if self._reading else "none", message=message)
