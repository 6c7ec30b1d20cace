"""Mutants that take the vendor's answers for what they are not, or contacts for others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

from headcount.core import engine as engines
from headcount.core.answers import Judgement, Meaning
from headcount.core.batches import Answer
from headcount.core.engine import Engine
from headcount.core.inquiry import Inquired, Inquiry
from headcount.core.jobs import Job, Purpose, Settlement
from headcount.core.prepared import Prepared
from headcount.core.retry import Repeat
from headcount.outcome import Kind, Outcome, Problem, Status
from tests.simulation.mutation import mutant, nothing


def _declare(patch: pytest.MonkeyPatch, change: Callable[[Repeat], Repeat]) -> None:
    """Have the engine take what a destination declares of repeats for something else."""
    made = Engine.__init__

    def init(self: Any, behaviour: Any, *others: Any, **how: Any) -> None:
        made(self, attrs.evolve(behaviour, repeat=change(behaviour.repeat)), *others, **how)

    patch.setattr(Engine, "__init__", init)


def _judge(patch: pytest.MonkeyPatch, change: Callable[[Job, Judgement], Judgement]) -> None:
    """Have the engine take an answer for something else."""
    replied = Engine.replied
    patch.setattr(
        Engine, "replied", lambda self, job, said, wait, now: replied(self, job, change(job, said), wait, now)
    )


# What an answer means


@mutant
def repeats_what_would_double(patch: pytest.MonkeyPatch) -> None:
    _declare(patch, lambda repeat: Repeat.HARMLESS if repeat is Repeat.DOUBLES else repeat)


@mutant
def repeats_without_reading_back(patch: pytest.MonkeyPatch) -> None:
    _declare(patch, lambda repeat: Repeat.HARMLESS if repeat is Repeat.READ_BACK else repeat)


@mutant
def takes_no_readable_answer_for_a_success(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        if said.meaning is not Meaning.AMBIGUOUS or job.purpose is not Purpose.SEND:
            return said
        return Judgement(Meaning.ANSWERED, Answer.same(len(job.batch), Status.CREATED))

    _judge(patch, change)


@mutant
def takes_no_readable_answer_for_a_refusal(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        return attrs.evolve(said, meaning=Meaning.THROTTLED) if said.meaning is Meaning.AMBIGUOUS else said

    _judge(patch, change)


@mutant
def takes_a_missing_answer_for_created(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        if said.answer is None or job.purpose is not Purpose.SEND:
            return said
        statuses = [Status.CREATED if each is Status.UNKNOWN else each for each in said.answer.statuses]
        return attrs.evolve(said, answer=attrs.evolve(said.answer, statuses=statuses))

    _judge(patch, change)


@mutant
def goes_on_after_forbidden(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        return attrs.evolve(said, meaning=Meaning.THROTTLED) if said.meaning is Meaning.ENDS_REFUSED else said

    _judge(patch, change)


@mutant
def follows_a_redirect(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        return attrs.evolve(said, meaning=Meaning.THROTTLED) if said.meaning is Meaning.ENDS_AMBIGUOUS else said

    _judge(patch, change)


@mutant
def forgets_that_an_earlier_request_may_have_landed(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        job.doubtful = job.doubtful and job.purpose is Purpose.LOOK_UP
        return said

    _judge(patch, change)


@mutant
def rejects_what_may_have_landed(patch: pytest.MonkeyPatch) -> None:
    def reject(self: Engine, job: Job, problem: Problem) -> Settlement:
        return Settlement(job.batch, Answer.same(1, Status.REJECTED, problem), job.attempts, job.claim)

    patch.setattr(Engine, "_reject", reject)


@mutant
def calls_not_sent_what_was_handed_over(patch: pytest.MonkeyPatch) -> None:
    def unknown(self: Engine, job: Job) -> Settlement:
        answer = Answer.same(len(job.batch), Status.NOT_SENT, job.problem or Problem(Kind.UNANSWERED))
        return Settlement(job.batch, answer, job.attempts, job.claim)

    patch.setattr(Engine, "_unknown", unknown)


@mutant
def calls_unknown_what_was_never_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "_let_go", lambda self, job, problem: self._unknown(job))


@mutant
def calls_not_sent_what_it_does_not_repeat(patch: pytest.MonkeyPatch) -> None:
    def let_go(self: Engine, job: Job, problem: Problem) -> Settlement:
        return Settlement(job.batch, Answer.same(len(job.batch), Status.NOT_SENT, problem), job.attempts, job.claim)

    patch.setattr(Engine, "_let_go", let_go)


@mutant
def gives_no_reason_for_what_was_not_sent(patch: pytest.MonkeyPatch) -> None:
    let_go = Engine._let_go

    def without(self: Engine, job: Job, problem: Problem) -> Settlement:
        settlement = let_go(self, job, problem)
        return attrs.evolve(settlement, answer=attrs.evolve(settlement.answer, problems={}))

    patch.setattr(Engine, "_let_go", without)


@mutant
def gives_ids_to_the_wrong_rows(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        answer = said.answer
        if answer is None or answer.vendor_ids is None:
            return said
        return attrs.evolve(said, answer=attrs.evolve(answer, vendor_ids=answer.vendor_ids[::-1]))

    _judge(patch, change)


@mutant
def gives_statuses_to_the_wrong_rows(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        if said.answer is None:
            return said
        return attrs.evolve(said, answer=attrs.evolve(said.answer, statuses=said.answer.statuses[::-1]))

    _judge(patch, change)


# Look-ups


@mutant
def takes_what_is_not_found_for_there(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        if said.answer is None or job.purpose is not Purpose.LOOK_UP:
            return said
        statuses = [Status.EXISTING if each is Status.NOT_SENT else each for each in said.answer.statuses]
        return attrs.evolve(said, answer=attrs.evolve(said.answer, statuses=statuses))

    _judge(patch, change)


@mutant
def forgets_what_was_not_found(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "_conclude", lambda self, search: [])


@mutant
def looks_up_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engines, "_MOST_LOOK_UPS", 10**6)


@mutant
def sends_again_when_it_is_to_ask(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "ask", lambda self, batch, standing, problems: self.admit(batch))


@mutant
def asks_more_often_than_it_may(patch: pytest.MonkeyPatch) -> None:
    made = Engine.__init__

    def init(self: Any, *others: Any, **how: Any) -> None:
        made(self, *others, **{**how, "max_calls": math.inf})

    patch.setattr(Engine, "__init__", init)


@mutant
def confirms_without_asking(patch: pytest.MonkeyPatch) -> None:
    take = Inquiry.take

    def confirm(self: Inquiry, chunk: Prepared, outcomes: Sequence[Outcome]) -> Any:
        return take(
            self,
            chunk,
            [
                attrs.evolve(each, status=Status.CREATED) if each.status is Status.ACCEPTED else each
                for each in outcomes
            ],
        )

    patch.setattr(Inquiry, "take", confirm)


@mutant
def does_not_believe_a_look_up(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        if said.answer is None or job.purpose is not Purpose.LOOK_UP:
            return said
        return attrs.evolve(said, answer=Answer.same(len(job.batch), job.standing, job.problem))

    _judge(patch, change)


@mutant
def asks_with_the_problem_of_another(patch: pytest.MonkeyPatch) -> None:
    take = Inquiry.take

    def mix(self: Inquiry, chunk: Prepared, outcomes: Sequence[Outcome]) -> Inquired:
        inquired = take(self, chunk, outcomes)
        first = {question.standing: question.problem for question in reversed(inquired.questions)}
        questions = [attrs.evolve(question, problem=first[question.standing]) for question in inquired.questions]
        return attrs.evolve(inquired, questions=questions)

    patch.setattr(Inquiry, "take", mix)


@mutant
def says_of_its_own_that_it_was_there(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engines, "_own_what_exists", nothing)


@mutant
def says_of_what_was_there_that_it_is_its_own(patch: pytest.MonkeyPatch) -> None:
    def change(job: Job, said: Judgement) -> Judgement:
        if said.answer is not None and job.purpose is Purpose.SEND:
            said.answer.problems = {
                at: attrs.evolve(problem, kind=Kind.FOUND_AFTER_RESEND) if problem.kind is Kind.EXISTS else problem
                for at, problem in said.answer.problems.items()
            }
        return said

    _judge(patch, change)
