"""A batch's life: from (state, event, now) to what is sent, sent again, taken apart, or settled."""

from __future__ import annotations

import math
import random

import attrs

from headcount.core.answers import Judgement, Meaning
from headcount.core.batches import Answer, Batch
from headcount.core.bisect import SizeLimit, Trial, halves
from headcount.core.jobs import NOT_REACHED, Behaviour, Job, Purpose, Search, Settlement, Stop
from headcount.core.pace import Pace
from headcount.core.patience import OUTAGE_PATIENCE, Patience
from headcount.core.retry import MOST_ATTEMPTS, MOST_RENEWALS, Budget, Repeat, backoff
from headcount.errors import BatchRefusedError, CredentialsError
from headcount.outcome import Kind, Problem, Status

_MOST_LOOK_UPS = 3
_WELL = frozenset({Meaning.ANSWERED, Meaning.REFUSED, Meaning.TOO_LARGE, Meaning.UNAUTHORIZED, Meaning.ENDS_REFUSED})
"""What only a working vendor says."""


class Engine:
    """Decides what happens to every batch. It never looks at a clock, a socket or a payload."""

    def __init__(
        self,
        behaviour: Behaviour,
        pace: Pace,
        *,
        deadline: float = math.inf,
        outage_patience: float = OUTAGE_PATIENCE,
        max_calls: float = math.inf,
        jitter: random.Random,
    ) -> None:
        self._behaviour = behaviour
        self._pace = pace
        self._patience = Patience(pace, deadline, outage_patience)
        self._max_calls = max_calls
        self._jitter = jitter
        self._budget = Budget()
        self._queue: list[Job] = []
        self._on_trial: list[Job] = []
        self._searches: list[Search] = []
        self._size = SizeLimit()
        self._took_some = False
        self.stopped: Stop | None = None
        self.requests = 0
        self.retries = 0

    @property
    def in_flight(self) -> int:
        """Calls that have started and not ended."""
        return self._pace.in_flight

    @property
    def waiting(self) -> int:
        """Jobs that wait for a call."""
        return len(self._queue) + len(self._on_trial)

    @property
    def held_until(self) -> float:
        """The moment before which no call may leave, even if it has started; infinity when the run has stopped."""
        return self._pace.held_until if self.stopped is None else math.inf

    def admit(self, batch: Batch) -> None:
        """Take a batch that has never been sent."""
        self._queue.append(Job(batch))

    def ask(self, batch: Batch, standing: Status, problem: Problem) -> None:
        """Take contacts of an earlier session that the vendor is to be asked about.

        They are `standing`, with this problem, as long as it does not say otherwise.
        """
        size = self._behaviour.look_up_size
        for start in range(0, len(batch), size):
            part = batch.part(start, start + size)
            job = Job(part, Purpose.LOOK_UP, doubtful=True, standing=standing, hint=standing, problem=problem)
            self._queue.append(job)

    def stop(self, stop: Stop) -> None:
        """Start no more calls. The first reason stays, unless a fatal one comes after it."""
        if self.stopped is None or (self.stopped.error is None and stop.error is not None):
            self.stopped = stop

    def next_job(self, now: float) -> Job | None:
        """The call that starts now, or None when none may."""
        stop = self._patience.stop(now, waiting=bool(self._queue))
        if stop is None and self._queue and self._calls_are_used_up and not self.in_flight:
            stop = Stop(Kind.STOPPED, f"the limit of {self._max_calls} calls is reached")
        if stop is not None and self.stopped is None:
            self.stopped = stop
        if self.stopped is not None or self._calls_are_used_up or now < self._pace.may_start_at():
            return None
        ready = [job for job in self._queue if job.not_before <= now]
        if not ready:
            return None
        job = min(ready, key=lambda job: job.batch.rows[0])
        self._queue.remove(job)
        job = self._cut(job)
        self._pace.started(now)
        job.started = now
        self._patience.started()
        self.requests += 1
        if job.purpose is Purpose.SEND:
            self.retries += job.attempts > 0
            job.attempts += 1
        else:
            self.retries += job.refusals > 0
        return job

    def wake_at(self, now: float) -> float:
        """The next moment at which time alone may change something; infinity when only a reply can."""
        if self.stopped is not None:
            return math.inf
        moments = [self._patience.wake_at()]
        if self._queue and not self._calls_are_used_up:
            moments.append(max(self._pace.may_start_at(), min(job.not_before for job in self._queue)))
        return min(moments)

    @property
    def _calls_are_used_up(self) -> bool:
        return self.requests >= self._max_calls

    def replied(self, job: Job, judgement: Judgement, asked_wait: float | None, now: float) -> list[Settlement]:
        """Take what came back for a call; `asked_wait` is what the reply asks to wait, in seconds."""
        meaning = judgement.meaning
        self._pace.answered(job.started, well=meaning in _WELL)
        if meaning in _WELL:
            self._budget.refill()
        if meaning is not Meaning.NOT_HANDED_OVER:
            self._patience.reached()
        if asked_wait is not None:
            self._patience.obey(asked_wait, now)
        stop = None if meaning in _WELL else self._patience.stop_after_bad_answer(now)
        if stop is not None and self.stopped is None:
            self.stopped = stop
        if job.purpose is Purpose.LOOK_UP:
            settlements = self._looked_up(job, judgement, asked_wait, now)
        else:
            settlements = self._sent(job, judgement, asked_wait, now)
        return settlements + self._resume_trials()

    def abandon(self) -> list[Settlement]:
        """Settle what still waits, after a stop: nothing of it will be sent."""
        if self.stopped is None:
            raise AssertionError("only a stopped run abandons its queue")
        problem = self.stopped.problem
        absent = [job for search in self._searches for job in search.absent]
        settlements = [self._let_go(job, problem) for job in self._queue + self._on_trial + absent]
        self._queue.clear()
        self._on_trial.clear()
        self._searches.clear()
        return settlements

    # What came back for a batch

    def _sent(self, job: Job, judgement: Judgement, asked_wait: float | None, now: float) -> list[Settlement]:
        match judgement.meaning:
            case Meaning.ANSWERED:
                return self._answered(job, judgement, now)
            case Meaning.REFUSED:
                return self._refused(job, judgement)
            case Meaning.TOO_LARGE:
                return self._too_large(job, judgement)
            case Meaning.UNAUTHORIZED if judgement.renewable and job.renewals < MOST_RENEWALS:
                job.renewals += 1
                return self._again(job)
            case Meaning.THROTTLED | Meaning.NOT_HANDED_OVER:
                self._slow_down(job, judgement, asked_wait, now)
                return self._again(job)
            case Meaning.AMBIGUOUS:
                return self._ambiguous(job, judgement, now)
            case Meaning.ENDS_AMBIGUOUS:
                job.doubtful = True
                return self._end(job, judgement)
            case Meaning.UNAUTHORIZED | Meaning.ENDS_REFUSED:
                return self._end(job, judgement)

    def _answered(self, job: Job, judgement: Judgement, now: float) -> list[Settlement]:
        answer = judgement.answer
        if answer is None or len(answer) != len(job.batch):
            raise AssertionError("an answer holds one status for each contact of its batch")
        if job.trial is not None:
            job.trial.passed()
        self._took_some = self._took_some or any(status.good for status in answer.statuses)
        if not job.halved:
            self._size.taken(len(job.batch))
        unclear = [at for at, status in enumerate(answer.statuses) if status is Status.UNKNOWN]
        untouched = [at for at, status in enumerate(answer.statuses) if status is Status.NOT_SENT]
        if job.doubtful:
            _own_what_exists(answer)
            if self._behaviour.removes:
                _own_what_is_gone(answer)
        if self.stopped is not None or not self._behaviour.look_up_size:
            unclear = []
        if unclear:
            look_up = job.part(job.batch.pick(unclear))
            self._look_up(look_up, answer.problems[unclear[0]], judgement.hint, None)
        settlements = self._once_more(job, answer, untouched, now) if untouched else []
        if not unclear and not untouched:
            return [Settlement(job.batch, answer, job.attempts, job.claim)]
        open_still = {*unclear, *untouched}
        clear = [at for at in range(len(answer)) if at not in open_still]
        if clear:
            settlements.append(Settlement(job.batch.pick(clear), answer.pick(clear), job.attempts))
        return settlements

    def _once_more(self, job: Job, answer: Answer, untouched: list[int], now: float) -> list[Settlement]:
        """Send contacts again of which the vendor says that it did nothing, for now."""
        again = job.part(job.batch.pick(untouched))
        again.problem = answer.problems[untouched[0]]
        if self.stopped is not None or not self._may_repeat(again, timed_out=False):
            return [self._let_go(again, again.problem)]
        again.refusals += 1
        again.not_before = now + backoff(again.refusals, self._jitter.random())
        return self._again(again)

    def _refused(self, job: Job, judgement: Judgement) -> list[Settlement]:
        if judgement.error is not None:
            return self._end(job, judgement)
        problem = judgement.cause
        if job.trial is None:
            job.trial = Trial.of(len(job.batch), problem, others_were_taken=self._took_some)
        job.trial.refused(job.level, problem.code)
        job.refusal = problem
        if job.trial.holds(job.level):
            self._on_trial.append(job)
        elif len(job.batch) > 1:
            self._bisect(job)
        else:
            return [self._reject(job, problem)]
        return self._release(job)

    def _reject(self, job: Job, problem: Problem) -> Settlement:
        """Settle a contact that was refused alone: unless an earlier request may have landed."""
        if job.doubtful:
            return self._unknown(job)
        return Settlement(job.batch, Answer.same(1, Status.REJECTED, problem), job.attempts, job.claim)

    def _resume_trials(self) -> list[Settlement]:
        """Carry on with the parts whose trial has a verdict, and send a contact alone where one is wanted."""
        settlements: list[Settlement] = []
        if self.stopped is not None:
            return settlements
        for job in list(self._on_trial):
            trial = job.trial
            if trial is None:
                raise AssertionError("a part on trial has one")
            if trial.common:
                problem = trial.problem
                said = f": {problem.detail}" if problem.detail else ""
                why = f"every batch is refused with code {problem.code or 'none'}{said}"
                self.stop(Stop(Kind.REFUSED, why, BatchRefusedError(why)))
            elif trial.common is False:
                self._on_trial.remove(job)
                if len(job.batch) > 1:
                    self._bisect(job)
                elif job.refusal is None:
                    self._queue.append(job)
                else:
                    settlements.append(self._reject(job, job.refusal))
            elif trial.wants_one_alone:
                self._send_one_alone(trial)
        return settlements

    def _send_one_alone(self, trial: Trial) -> None:
        """Ask for a contact that has not been refused alone; why the rest of its part was is open then.

        It is drawn by lot, so that a resumed run does not come upon the same ones again.
        """
        parts = [job for job in self._on_trial if job.trial is trial and (len(job.batch) > 1 or job.refusal is None)]
        part = self._jitter.choice(parts)
        trial.asking = True
        if len(part.batch) == 1:
            self._on_trial.remove(part)
            self._queue.append(part)
            return
        at = self._jitter.randrange(len(part.batch))
        self._queue.append(part.part(part.batch.pick([at])))
        part.batch = part.batch.pick([position for position in range(len(part.batch)) if position != at])
        part.refusal = None

    def _bisect(self, job: Job) -> None:
        for half in halves(job.batch):
            part = job.part(half)
            part.level += 1
            self._queue.append(part)

    def _too_large(self, job: Job, judgement: Judgement) -> list[Settlement]:
        if job.trial is not None:
            job.trial.passed()
        if len(job.batch) == 1:
            return [self._reject(job, judgement.cause)]
        if not job.halved:
            self._size.refused(len(job.batch))
        job.halved = True
        self._queue.extend(job.part(half) for half in halves(job.batch))
        return self._release(job)

    def _ambiguous(self, job: Job, judgement: Judgement, now: float) -> list[Settlement]:
        if job.trial is not None:
            job.trial.passed()
        self._patience.failed(judgement.cause)
        self._pace.trouble(now)
        job.doubtful = True
        job.problem = judgement.cause
        if self.stopped is None and self._behaviour.repeat is not Repeat.DOUBLES:
            if self._behaviour.repeat is Repeat.READ_BACK:
                search = Search(0)
                self._searches.append(search)
                self._look_up(job, job.problem, judgement.hint, search)
                return []
            if self._may_repeat(job, timed_out=judgement.timed_out):
                self._queue.append(job)
                return []
        return [self._unknown(job)]

    def _may_repeat(self, job: Job, *, timed_out: bool) -> bool:
        return job.attempts < MOST_ATTEMPTS and self._budget.draw(timed_out=timed_out)

    def _end(self, job: Job, judgement: Judgement) -> list[Settlement]:
        problem = judgement.cause
        self.stop(Stop(Kind.STOPPED, problem.detail or "the run was ended", judgement.error))
        job.problem = job.problem if job.doubtful and job.problem else problem
        return [self._let_go(job, problem)]

    # Look-ups

    def _look_up(self, job: Job, problem: Problem, hint: object, search: Search | None) -> None:
        size = self._behaviour.look_up_size
        for start in range(0, len(job.batch), size):
            part = job.part(job.batch.part(start, start + size))
            part.purpose, part.problem, part.hint, part.search = Purpose.LOOK_UP, problem, hint, search
            part.doubtful, part.refusals = True, 0
            self._queue.append(part)
            if search is not None:
                search.open += 1

    def _looked_up(self, job: Job, judgement: Judgement, asked_wait: float | None, now: float) -> list[Settlement]:
        match judgement.meaning:
            case Meaning.ANSWERED if judgement.answer is not None:
                settlements = self._found(job, judgement.answer)
            case Meaning.UNAUTHORIZED if judgement.renewable and job.renewals < MOST_RENEWALS:
                job.renewals += 1
                self._queue.append(job)
                return []
            case Meaning.THROTTLED | Meaning.NOT_HANDED_OVER | Meaning.AMBIGUOUS:
                self._slow_down(job, judgement, asked_wait, now)
                if judgement.meaning is not Meaning.AMBIGUOUS or job.refusals < _MOST_LOOK_UPS:
                    self._queue.append(job)
                    return []
                settlements = [self._unknown(job)]
            case _:
                # Whoever may not ask may not send either; an answer of another kind speaks of this call alone.
                if isinstance(judgement.error, CredentialsError) or judgement.meaning is Meaning.ENDS_AMBIGUOUS:
                    self.stop(Stop(Kind.STOPPED, judgement.cause.detail or "the run was ended", judgement.error))
                settlements = [self._unknown(job)]
        return settlements + self._conclude(job.search)

    def _found(self, job: Job, answer: Answer) -> list[Settlement]:
        """Settle what the look-up found; what is not there waits to be sent again with the rest of its batch."""
        absent = [at for at, status in enumerate(answer.statuses) if status is Status.NOT_SENT]
        if job.search is None or not absent or self.stopped is not None:
            return [Settlement(job.batch, answer, job.attempts)]
        problem = answer.problems[absent[0]]
        again = job.part(job.batch.pick(absent))
        again.purpose, again.doubtful, again.search, again.problem = Purpose.SEND, False, None, problem
        job.search.absent.append(again)
        there = [at for at, status in enumerate(answer.statuses) if status is not Status.NOT_SENT]
        settlements = self._release(again)
        if there:
            settlements.append(Settlement(job.batch.pick(there), answer.pick(there), job.attempts))
        return settlements

    def _conclude(self, search: Search | None) -> list[Settlement]:
        """When a search is over, send what it did not find once more, in one piece."""
        if search is None or search not in self._searches:
            return []
        search.open -= 1
        if search.open:
            return []
        self._searches.remove(search)
        if not search.absent:
            return []
        again = search.absent[0]
        again.batch = Batch.joined([job.batch for job in search.absent])
        if self._may_repeat(again, timed_out=False):
            self._queue.append(again)
            return []
        problem = again.problem or Problem(Kind.UNANSWERED, "not found")
        return [self._let_go(again, problem)]

    # Time, trouble and letting go

    def _cut(self, job: Job) -> Job:
        """The part of a job that a call may carry now; the rest goes back into the queue."""
        if job.purpose is Purpose.LOOK_UP:
            return job
        most = 1 if self._pace.probing else self._size.count or len(job.batch)
        if len(job.batch) <= most:
            return job
        if job.trial is not None:
            # Its verdict rests on halves and quarters.
            job.trial.passed()
        self._queue.append(job.part(job.batch.part(most, len(job.batch))))
        return job.part(job.batch.part(0, most))

    def _slow_down(self, job: Job, judgement: Judgement, asked_wait: float | None, now: float) -> None:
        job.refusals += 1
        self._patience.failed(judgement.cause)
        if judgement.meaning is not Meaning.THROTTLED:
            self._pace.trouble(now)
            return
        self._pace.throttled(now)
        if not asked_wait:
            job.not_before = now + backoff(job.refusals, self._jitter.random())
            if not self._budget.draw(timed_out=False):
                self._pace.trouble(now)

    def _again(self, job: Job) -> list[Settlement]:
        released = self._release(job)
        self._queue.append(job)
        return released

    def _release(self, job: Job) -> list[Settlement]:
        """Free the contacts of a refused request, unless an earlier one of theirs may have landed.

        If the process dies before they are sent again, this is what is known of them.
        """
        claim, job.claim = job.claim, None
        if job.doubtful:
            return []
        answer = Answer.same(len(job.batch), Status.NOT_SENT, NOT_REACHED)
        return [Settlement(job.batch, answer, job.attempts, claim, final=False)]

    def _let_go(self, job: Job, problem: Problem) -> Settlement:
        """Settle contacts that will not be sent: they are safe to send, unless one request may have landed."""
        if job.doubtful:
            return self._unknown(job)
        answer = Answer.same(len(job.batch), Status.NOT_SENT, problem)
        return Settlement(job.batch, answer, job.attempts, job.claim)

    def _unknown(self, job: Job) -> Settlement:
        problem = job.problem or Problem(Kind.UNANSWERED, "no readable answer came")
        answer = Answer.same(len(job.batch), job.standing, problem)
        return Settlement(job.batch, answer, job.attempts, job.claim)


def _own_what_is_gone(answer: Answer) -> None:
    """After a repeat, a contact that is not found may be one that the earlier request removed."""
    for position, problem in answer.problems.items():
        if problem.kind is Kind.NOT_FOUND and answer.statuses[position] is Status.REJECTED:
            answer.statuses[position] = Status.UNKNOWN


def _own_what_exists(answer: Answer) -> None:
    """After a repeat, a contact that exists may be the one that the earlier request made."""
    for position, problem in answer.problems.items():
        if problem.kind is Kind.EXISTS and answer.statuses[position] is Status.EXISTING:
            answer.problems[position] = attrs.evolve(problem, kind=Kind.FOUND_AFTER_RESEND)
