"""The one loop of a run: it owns core and journal; workers only send bytes and post what came back.

input -> Prepared -> admitted batches -> calls -> replies -> settled in the journal -> told
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator

from headcount.core.admission import Admission
from headcount.core.answers import Judgement, Meaning, judge_failure, unreadable
from headcount.core.batches import Answer, Limits
from headcount.core.engine import Engine
from headcount.core.error_limit import ErrorLimit
from headcount.core.exchange import Failure, Reply, Request
from headcount.core.inquiry import Inquiry
from headcount.core.jobs import NOT_REACHED, Job, Purpose, Settlement, Stop
from headcount.core.ledger import Ledger
from headcount.core.pace import wait_asked
from headcount.core.prepared import Prepared
from headcount.destinations.base import Destination
from headcount.errors import InputChanged, JournalError
from headcount.journal import Journal
from headcount.outcome import Kind, Outcome, Status
from headcount.workers import Arrival, Workers

_AHEAD = 4
"""Batches, as multiples of the concurrency, that may be admitted ahead of the oldest unsettled one."""
_CALLS = "calls"
"""The name of the note that counts the calls of a run."""


class Driver:
    """Runs a load. Made for one run; `turns` is its loop, `ledger` its books.

    When it has stopped before the end of its input, the caller may enter the rest with `not_read`.
    """

    def __init__(
        self,
        destination: Destination,
        engine: Engine,
        journal: Journal,
        ledger: Ledger,
        workers: Workers,
        *,
        concurrency: int,
        limits: Limits,
        attempt_timeout: float,
        repeats: bool,
        max_errors: ErrorLimit | None = None,
        inquiry: Inquiry | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._destination = destination
        self._engine = engine
        self._journal = journal
        self._workers = workers
        self._admission = Admission(destination.envelope, limits, repeats=repeats)
        self._window = _AHEAD * concurrency * limits.max_contacts
        self._waiting_most = concurrency + 1
        self._attempt_timeout = attempt_timeout
        self._max_errors = max_errors
        self._inquiry = inquiry
        self._clock = clock
        self._wall_clock = wall_clock
        self._digest = b""
        self._exhausted = False
        self._failure: Exception | None = None
        self._restored: Counter[Status] = Counter()
        self._earlier_requests, self._earlier_retries = calls_noted(journal)
        self._calls_noted = 0
        self.ledger = ledger

    @property
    def stopped(self) -> Stop | None:
        """Why the run ended before its input did, if it did."""
        return self._engine.stopped

    @property
    def requests(self) -> int:
        """Calls started, those of earlier loads of the journal included."""
        return self._earlier_requests + self._engine.requests

    @property
    def retries(self) -> int:
        """Of these, the calls that carried again what an earlier one had."""
        return self._earlier_retries + self._engine.retries

    def stop(self, stop: Stop) -> None:
        """Start no more calls; those in flight are waited for. Safe to call from a signal handler."""
        self._engine.stop(stop)
        self._workers.hold(math.inf)
        self._workers.wake()

    def turns(self, chunks: Iterator[Prepared]) -> Iterator[None]:
        """Work until everything read is settled. After each turn the ledger may have outcomes to tell.

        Raises JournalError at once; InputChanged, and what reading the chunks raises, once the calls in flight
        have been waited for.
        """
        finished = False
        while not finished:
            if self._may_read():
                self._read(chunks)
            if self._admission.oldest == self.ledger.oldest_open and not self._may_read():
                # All wait for the batch that is being filled, and nothing more is read before it is settled.
                self._flush()
            started = self._start(self._clock())
            if self.stopped is not None:
                self._settle(self._engine.abandon() + self._unsent())
            finished = self._finished
            self._note_calls()
            self._journal.commit()
            for job, request in started:
                self._workers.start(job, request, self._attempt_timeout)
            yield
            if not finished:
                self._receive(self._workers.wait(self._patience(bool(started))))
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Let the workers go. The contacts of calls that are in flight become `unknown`."""
        self._workers.close()

    def not_read(self, count: int) -> None:
        """Enter inputs that came after the run had stopped: as an earlier run left them, or not sent."""
        rows = range(self.ledger.opened, self.ledger.opened + count)
        self.ledger.open(count)
        problem = NOT_REACHED if self.stopped is None else self.stopped.problem
        if rows.start >= self._journal.rows_read:
            self.ledger.settle(rows, Answer.same(count, Status.NOT_SENT, problem), 0)
            return
        for row in rows:
            self.ledger.restore(self._journal.recorded(row) or Outcome(row, Status.NOT_SENT, problem))

    @property
    def _finished(self) -> bool:
        done_reading = self._exhausted or self.stopped is not None
        at_work = self._engine.in_flight or self._engine.waiting or self._admission.oldest is not None
        return done_reading and not at_work

    def _patience(self, started: bool) -> float:
        """Seconds to wait for an arrival before the next turn."""
        if started or self._may_read():
            return 0.0
        now = self._clock()
        return max(0.0, self._engine.wake_at(now) - now)

    # Reading

    def _may_read(self) -> bool:
        return (
            not self._exhausted
            and self.stopped is None
            and self._engine.waiting < self._waiting_most
            and self.ledger.opened - self.ledger.oldest_open < self._window
        )

    def _read(self, chunks: Iterator[Prepared]) -> None:
        """Take the next chunk of input. What goes wrong here ends the run, after the calls in flight."""
        try:
            chunk = next(chunks, None)
            if self.stopped is not None:
                # The stop may have cut it short, so it is not held to what an earlier run read.
                self._exhausted = True
                self.not_read(0 if chunk is None else len(chunk))
            elif chunk is None:
                self._end_of_input()
            else:
                self._check_unchanged(chunk)
                self.ledger.open(len(chunk))
                if self._inquiry is None:
                    self._admit(chunk)
                else:
                    self._ask(chunk, self._inquiry)
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001 it is raised again when the run has ended in good order
            self._failure = error
            self._exhausted = True
            self._engine.stop(Stop(Kind.STOPPED, "the input could not be read to its end"))

    def _end_of_input(self) -> None:
        self._exhausted = True
        if self.ledger.opened < self._journal.rows_read:
            raise InputChanged(
                f"the input ends after {self.ledger.opened} rows, but the run has read {self._journal.rows_read}"
            )
        self._flush()

    def _flush(self) -> None:
        batch = self._admission.flush()
        if batch is not None:
            self._engine.admit(batch)

    def _ask(self, chunk: Prepared, inquiry: Inquiry) -> None:
        """Have the vendor asked about what an earlier run left open of a chunk, and enter the rest as it was."""
        rows = range(chunk.start, chunk.start + len(chunk))
        outcomes = [self._journal.recorded(row) or Outcome(row, Status.NOT_SENT, NOT_REACHED) for row in rows]
        inquired = inquiry.take(chunk, outcomes)
        for outcome in inquired.kept:
            self.ledger.restore(outcome)
        if inquired.settled:
            self._journal.record(None, [each.index for each in inquired.settled], Answer.of(inquired.settled), 0)
            for outcome in inquired.settled:
                self.ledger.restore(outcome)
        for question in inquired.questions:
            for row in question.batch.rows:
                self.ledger.reopen(outcomes[row - chunk.start])
            self._engine.ask(question.batch, question.standing, question.problem)

    def _admit(self, chunk: Prepared) -> None:
        done = self._restore(chunk) if chunk.start < self._journal.rows_read else ()
        admitted = self._admission.take(chunk, done)
        for batch in admitted.batches:
            self._engine.admit(batch)
        if admitted.rows:
            self._journal.record(None, admitted.rows, admitted.answer, 0)
            self.ledger.settle(admitted.rows, admitted.answer, 0)
        self._watch_errors()

    def _restore(self, chunk: Prepared) -> set[int]:
        """Enter what an earlier run noted of a chunk; answers the rows that it settled."""
        rows = range(chunk.start, chunk.start + len(chunk))
        outcomes = [outcome for row in rows if (outcome := self._journal.recorded(row)) is not None]
        settled = []
        for outcome in outcomes:
            if outcome.status is Status.NOT_SENT:
                self.ledger.reopen(outcome)
            else:
                self.ledger.restore(outcome)
                settled.append(outcome)
        self._restored.update(outcome.status for outcome in settled)
        return {outcome.index for outcome in settled}

    def _check_unchanged(self, chunk: Prepared) -> None:
        """Hold the input to what an earlier run of the journal read, before anything of it is sent."""
        before, end = self._digest, chunk.start + len(chunk)
        self._digest = chunk.digest(before)
        # The input may have grown since, in the midst of what is now one chunk.
        common = min(end, self._journal.rows_read)
        if common > chunk.start:
            known = self._journal.checkpoint_at(common)
            if known is None:
                raise InputChanged(f"the input has other rows than the run has read, from row {chunk.start + 1} on")
            if known != (self._digest if common == end else chunk.digest(before, common - chunk.start)):
                raise InputChanged(
                    f"the input is not the one that the run began with: rows {chunk.start + 1} to {common} differ"
                )
        if common < end:
            self._journal.checkpoint(end, self._digest)

    # Calling

    def _start(self, now: float) -> list[tuple[Job, Request]]:
        started = []
        while (job := self._engine.next_job(now)) is not None:
            if job.purpose is Purpose.LOOK_UP:
                request = self._destination.look_up(job.batch)
            else:
                job.claim = self._journal.claim(job.batch.rows)
                request = self._destination.request(job.batch)
            started.append((job, request))
        self._workers.hold(self._engine.held_until)
        return started

    def _receive(self, arrivals: list[Arrival]) -> None:
        for arrival in arrivals:
            if arrival.job is None or arrival.answer is None:
                continue
            judgement = self._judge(arrival.job, arrival.answer)
            throttled = isinstance(arrival.answer, Failure) or judgement.meaning is Meaning.THROTTLED
            wait = wait_asked(arrival.answer.headers, throttled=throttled, wall_now=self._wall_clock())
            self._settle(self._engine.replied(arrival.job, judgement, wait, self._clock()))
        self._watch_errors()
        self._workers.hold(self._engine.held_until)

    def _judge(self, job: Job, answer: Reply | Failure) -> Judgement:
        if isinstance(answer, Failure):
            return judge_failure(answer)
        if answer.successful and not answer.handed_over:
            return unreadable(answer, "the reply came before the request was whole")
        if job.purpose is Purpose.LOOK_UP:
            return self._destination.read_look_up(job.batch, answer, job.hint)
        return self._destination.read(job.batch, answer)

    # Settling

    def _note_calls(self) -> None:
        if self._engine.requests != self._calls_noted:
            self._calls_noted = self._engine.requests
            self._journal.note(_CALLS, [self.requests, self.retries])

    def _settle(self, settlements: list[Settlement]) -> None:
        for settlement in settlements:
            rows = settlement.batch.rows
            self._journal.record(settlement.claim, rows, settlement.answer, settlement.attempts)
            if settlement.final:
                self.ledger.settle(rows, settlement.answer, settlement.attempts)

    def _unsent(self) -> list[Settlement]:
        """What was read and never became a batch, once the run has stopped."""
        batch = self._admission.flush()
        stop = self.stopped
        if batch is None or stop is None:
            return []
        return [Settlement(batch, Answer.same(len(batch), Status.NOT_SENT, stop.problem), 0)]

    def _watch_errors(self) -> None:
        limit = self._max_errors
        if limit is None:
            return
        # What earlier runs settled counts no more: a run that they stopped could not be resumed otherwise.
        counts, restored = self.ledger.counts, self._restored
        bad = sum(counts[status] - restored[status] for status in (Status.REJECTED, Status.UNKNOWN))
        if limit.exceeded(bad, self.ledger.settled - restored.total()):
            self._engine.stop(Stop(Kind.ERROR_LIMIT, f"{bad} contacts rejected or unknown"))


def calls_noted(journal: Journal) -> tuple[int, int]:
    """Requests and retries of all loads of a journal, up to its last commit."""
    match journal.noted(_CALLS):
        case [int(requests), int(retries)]:
            return requests, retries
    return 0, 0
