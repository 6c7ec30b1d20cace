"""What the vendor says it left untouched is sent again, and what a repeat does not find may have been removed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from headcount.core.answers import Judgement, Meaning, judge_status
from headcount.core.batches import Answer, Batch
from headcount.core.engine import Engine
from headcount.core.exchange import Reply
from headcount.core.jobs import Behaviour, Job, Purpose, Settlement, Stop
from headcount.core.pace import Pace
from headcount.core.retry import MOST_ATTEMPTS, Repeat
from headcount.outcome import Kind, Problem, Status

HARMLESS = Behaviour(Repeat.HARMLESS, look_up_size=5)
REMOVES = Behaviour(Repeat.HARMLESS, look_up_size=5, removes=True)
RACED = Problem(Kind.EXISTS, "already exists", retryable=True)
ABSENT = Problem(Kind.NOT_FOUND, "no such contact")
BATCH = Batch([0, 1, 2, 3], ["a", "b", "c", "d"], [b"0", b"1", b"2", b"3"])
LOST = judge_status(Reply(503))


def make(behaviour: Behaviour = HARMLESS) -> Engine:
    engine = Engine(behaviour, Pace(1, None), jitter=random.Random(0))
    engine.admit(BATCH)
    return engine


def answer(job: Job, rows: dict[int, tuple[Status, Problem]]) -> Judgement:
    """UPDATED but for these rows."""
    said = Answer.same(len(job.batch), Status.UPDATED)
    for at, row in enumerate(job.batch.rows):
        if row in rows:
            said.statuses[at], said.problems[at] = rows[row]
    return Judgement(Meaning.ANSWERED, said)


def run(engine: Engine, vendor: Callable[[Job], Judgement]) -> dict[int, tuple[Status, Kind | None, int]]:
    """Status, kind and attempts of each row, once all is settled; time passes only where the engine waits."""
    now = 0.0
    settled: dict[int, tuple[Status, Kind | None, int]] = {}

    def enter(settlements: list[Settlement]) -> None:
        for each in settlements:
            if each.final:
                for at, row in enumerate(each.batch.rows):
                    problem = each.answer.problems.get(at)
                    assert row not in settled
                    settled[row] = (each.answer.statuses[at], problem and problem.kind, each.attempts)

    while engine.waiting:
        job = engine.next_job(now)
        if engine.stopped is not None:
            enter(engine.abandon())
        elif job is None:
            now = engine.wake_at(now)
            assert now < math.inf
        else:
            enter(engine.replied(job, vendor(job), None, now))
    return settled


def test_contacts_that_were_left_untouched_are_sent_again_and_alone() -> None:
    sent: list[list[int]] = []

    def vendor(job: Job) -> Judgement:
        sent.append(job.batch.rows)
        return answer(job, {1: (Status.NOT_SENT, RACED), 3: (Status.NOT_SENT, RACED)} if len(sent) == 1 else {})

    settled = run(make(), vendor)
    assert sent == [[0, 1, 2, 3], [1, 3]]
    assert settled == {row: (Status.UPDATED, None, 2 if row in (1, 3) else 1) for row in range(4)}


def test_they_wait_longer_each_time() -> None:
    engine = make()
    now, waits = 0.0, []
    while (job := engine.next_job(now)) is not None:
        engine.replied(job, answer(job, {1: (Status.NOT_SENT, RACED)}), None, now)
        if engine.waiting:
            assert engine.next_job(now) is None
            waits.append(engine.wake_at(now) - now)
            now += waits[-1]
    assert [most / 2 <= wait <= most for wait, most in zip(waits, (1, 2, 4, 8), strict=True)] == [True] * 4


def test_what_is_left_untouched_for_ever_ends_as_not_sent() -> None:
    calls = 0

    def vendor(job: Job) -> Judgement:
        nonlocal calls
        calls += 1
        return answer(job, {1: (Status.NOT_SENT, RACED)})

    assert run(make(), vendor)[1] == (Status.NOT_SENT, Kind.EXISTS, MOST_ATTEMPTS)
    assert calls == MOST_ATTEMPTS


def test_after_a_lost_reply_it_may_have_landed_and_is_unknown() -> None:
    replies = iter([LOST, None, None, None, None])

    def vendor(job: Job) -> Judgement:
        return next(replies, None) or answer(job, {1: (Status.NOT_SENT, RACED)})

    settled = run(make(), vendor)
    assert settled[1] == (Status.UNKNOWN, Kind.EXISTS, MOST_ATTEMPTS)
    assert {settled[row][0] for row in (0, 2, 3)} == {Status.UPDATED}


def test_after_a_stop_nothing_is_sent_again() -> None:
    engine = make()
    job = engine.next_job(0.0)
    assert job is not None
    engine.stop(Stop(Kind.STOPPED, "enough"))
    settlements = engine.replied(job, answer(job, {1: (Status.NOT_SENT, RACED)}), None, 0.0)
    assert engine.waiting == 0
    told = {}
    for each in settlements:
        told |= dict(zip(each.batch.rows, each.answer.statuses, strict=True))
    assert told == {0: Status.UPDATED, 1: Status.NOT_SENT, 2: Status.UPDATED, 3: Status.UPDATED}


def test_silence_and_untouched_in_one_answer_go_their_own_ways() -> None:
    silent = Problem(Kind.UNANSWERED)
    asked: list[list[int]] = []

    def vendor(job: Job) -> Judgement:
        if job.purpose is Purpose.LOOK_UP:
            asked.append(job.batch.rows)
            return answer(job, {})
        first = job.attempts == 1
        return answer(job, {0: (Status.UNKNOWN, silent), 2: (Status.NOT_SENT, RACED)} if first else {})

    settled = run(make(), vendor)
    assert asked == [[0]]
    assert settled == {row: (Status.UPDATED, None, 2 if row == 2 else 1) for row in range(4)}


@pytest.mark.parametrize(
    ("behaviour", "lost", "status"),
    [
        (REMOVES, False, Status.REJECTED),
        (REMOVES, True, Status.UNKNOWN),
        (HARMLESS, False, Status.REJECTED),
        (HARMLESS, True, Status.REJECTED),
    ],
)
def test_what_a_repeat_does_not_find_may_be_gone_by_the_first_call(
    behaviour: Behaviour, lost: bool, status: Status
) -> None:
    replies = iter([LOST] if lost else [])
    purposes = []

    def vendor(job: Job) -> Judgement:
        purposes.append(job.purpose)
        return next(replies, None) or answer(job, dict.fromkeys((0, 1), (Status.REJECTED, ABSENT)))

    settled = run(make(behaviour), vendor)
    assert {settled[row][:2] for row in (0, 1)} == {(status, Kind.NOT_FOUND)}
    assert {settled[row][:2] for row in (2, 3)} == {(Status.UPDATED, None)}
    assert Purpose.LOOK_UP not in purposes  # it could say no more


def test_what_is_refused_for_another_reason_is_refused_after_a_repeat_too() -> None:
    replies = iter([LOST])
    refused = Problem(Kind.CONFLICT, "several")

    def vendor(job: Job) -> Judgement:
        return next(replies, None) or answer(job, {0: (Status.REJECTED, refused)})

    assert run(make(REMOVES), vendor)[0][:2] == (Status.REJECTED, Kind.CONFLICT)
