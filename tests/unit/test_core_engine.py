"""A batch's life: what each answer leads to, event by event."""

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
from headcount.core.retry import Repeat
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from headcount.outcome import Kind, Problem, Status

HARMLESS = Behaviour(Repeat.HARMLESS, look_up_size=5)
DOUBLES = Behaviour(Repeat.DOUBLES)
READ_BACK = Behaviour(Repeat.READ_BACK, look_up_size=1)


def batch(size: int, first: int = 0) -> Batch:
    rows = list(range(first, first + size))
    return Batch(rows, [f"k{row}" for row in rows], [b"%d" % row for row in rows])


def make(
    behaviour: Behaviour = DOUBLES, *, concurrency: int = 1, deadline: float = math.inf, seed: int = 0
) -> Engine:
    return Engine(behaviour, Pace(concurrency, None), deadline=deadline, jitter=random.Random(seed))


def created(job: Job) -> Judgement:
    return Judgement(Meaning.ANSWERED, Answer.same(len(job.batch), Status.CREATED))


def status(code: int, detail: str | None = None, of: str | None = None, **reply: bool) -> Judgement:
    return judge_status(Reply(code, **reply), detail, of)  # type: ignore[arg-type]


def start(engine: Engine, now: float = 0.0) -> Job:
    job = engine.next_job(now)
    assert job is not None
    return job


def finals(settlements: list[Settlement]) -> dict[int, Status]:
    return {
        row: status
        for settlement in settlements
        if settlement.final
        for row, status in zip(settlement.batch.rows, settlement.answer.statuses, strict=True)
    }


def run(engine: Engine, vendor: Callable[[Job], Judgement], most: int = 10_000) -> dict[int, Status]:
    """Let the engine work until nothing is left to do; time passes only where it waits."""
    now, settled = 0.0, {}
    while engine.waiting:
        job = engine.next_job(now)
        if engine.stopped is not None:
            settled |= finals(engine.abandon())
        elif job is None:
            now = engine.wake_at(now)
        else:
            settled |= finals(engine.replied(job, vendor(job), None, now))
        most -= 1
        assert most, "no end"
    return settled


def refuses(*bad: int, code: str = "poison") -> Callable[[Job], Judgement]:
    """A vendor that refuses a batch whole for one bad contact."""
    return lambda job: status(400, None, code) if set(job.batch.rows) & set(bad) else created(job)


# Bisecting


def most_requests(bad: int, size: int) -> float:
    return 2 * bad * math.log2(2 ** math.ceil(math.log2(size)) / bad) + 2 * bad


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", ["random", "even", "together"])
@pytest.mark.parametrize("size", [2, 7, 8, 100, 1000, 1024])
@pytest.mark.parametrize("bad", [1, 2, 4, 5, 16, 50, 200])
def test_bad_contacts_are_found_with_few_requests_and_the_others_land(
    bad: int, size: int, spread: str, seed: int
) -> None:
    bad = min(bad, max(1, size // 4))
    chance = random.Random(seed)
    first = chance.randrange(size - bad + 1)
    rows = {
        "random": chance.sample(range(size), bad),
        "even": [place * size // bad for place in range(bad)],
        "together": list(range(first, first + bad)),
    }[spread]
    engine = make(seed=seed)
    # Something was taken before: with so many bad ones lots could else speak for a common cause.
    engine.admit(batch(1, first=size))
    run(engine, created)
    engine.admit(batch(size))
    settled = run(engine, refuses(*rows))
    assert settled == {row: Status.REJECTED if row in rows else Status.CREATED for row in range(size)}
    assert engine.requests - 1 <= most_requests(bad, size)


def test_half_of_two_is_a_level_of_its_own() -> None:
    engine = make()
    engine.admit(batch(2))
    assert run(engine, refuses(1)) == {0: Status.CREATED, 1: Status.REJECTED}
    assert engine.requests == 3


@pytest.mark.parametrize("size", [8, 9, 1000])
def test_a_cause_common_to_all_ends_after_two_levels_and_eight_contacts_alone(size: int) -> None:
    sizes = []

    def refuse(job: Job) -> Judgement:
        sizes.append(len(job.batch))
        return status(400, "plan exceeded", "E77")

    engine = make()
    engine.admit(batch(size))
    engine.admit(batch(size, first=size))
    settled = run(engine, refuse)
    assert settled == dict.fromkeys(range(2 * size), Status.NOT_SENT)
    assert len(sizes) == 1 + 2 + 4 + 8
    assert sizes.count(1) == 8
    assert engine.stopped is not None
    assert isinstance(engine.stopped.error, BatchRefusedError)
    assert "E77" in str(engine.stopped.error)
    assert "plan exceeded" in str(engine.stopped.error)


def test_after_a_success_a_large_batch_can_still_have_a_common_cause() -> None:
    engine = make()
    engine.admit(batch(10))
    run(engine, created)
    engine.admit(batch(1000, first=10))
    settled = run(engine, lambda job: status(400, None, "E77"))
    assert set(settled.values()) == {Status.NOT_SENT}
    assert engine.requests == 1 + 1 + 2 + 4 + 8
    assert engine.stopped is not None
    assert isinstance(engine.stopped.error, BatchRefusedError)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("bad", [(0, 2, 4, 6), (0, 1, 2, 4, 6), (0, 1, 2, 3, 4, 5, 6)])
def test_a_bad_contact_in_each_quarter_is_no_common_cause(bad: tuple[int, ...], seed: int) -> None:
    engine = make(seed=seed)
    engine.admit(batch(8))
    settled = run(engine, refuses(*bad))
    assert settled == {row: Status.REJECTED if row in bad else Status.CREATED for row in range(8)}
    assert engine.requests <= most_requests(len(bad), 8)


def test_other_codes_speak_of_other_causes() -> None:
    engine = make()
    engine.admit(batch(8))
    settled = run(engine, lambda job: status(400, None, f"E{job.batch.rows[0]}"))
    assert settled == dict.fromkeys(range(8), Status.REJECTED)
    assert engine.stopped is None


def test_one_good_quarter_is_enough() -> None:
    engine = make()
    engine.admit(batch(16))
    bad = range(12)
    settled = run(engine, refuses(*bad))
    assert settled == {row: Status.REJECTED if row in bad else Status.CREATED for row in range(16)}


def test_a_trial_that_probes_cut_through_is_no_trial() -> None:
    engine = make(concurrency=2)
    engine.admit(batch(8))
    engine.admit(batch(1, first=8))
    refused, lost = start(engine), start(engine)
    engine.replied(refused, status(400, None, "poison"), None, 0.0)
    settled = finals(engine.replied(lost, status(503), None, 0.0))
    settled |= run(engine, lambda job: status(400, None, "poison"))
    assert settled == dict.fromkeys(range(8), Status.REJECTED) | {8: Status.UNKNOWN}


def test_what_speaks_of_the_whole_is_never_bisected() -> None:
    error = BatchRefusedError("key_id is wrong")
    engine = make()
    engine.admit(batch(100))
    settled = run(engine, lambda job: Judgement(Meaning.REFUSED, problem=Problem(Kind.REFUSED), error=error))
    assert settled == dict.fromkeys(range(100), Status.NOT_SENT)
    assert engine.requests == 1
    assert engine.stopped is not None
    assert engine.stopped.error is error


# Size


def test_a_batch_that_is_too_large_is_halved_and_later_ones_are_cut_at_once() -> None:
    sizes = []

    def limited(job: Job) -> Judgement:
        sizes.append(len(job.batch))
        return status(413) if len(job.batch) > 300 else created(job)

    engine = make()
    engine.admit(batch(1000))
    assert run(engine, limited) == dict.fromkeys(range(1000), Status.CREATED)
    assert sizes == [1000, 500, 250, 250, 500, 250, 250]
    sizes.clear()
    for first in range(1000, 101_000, 1000):
        engine.admit(batch(1000, first))
    assert set(run(engine, limited).values()) == {Status.CREATED}
    assert len(sizes) - sizes.count(250) < 10


def test_one_huge_contact_does_not_make_all_batches_small() -> None:
    sizes = []

    def limited(job: Job) -> Judgement:
        sizes.append(len(job.batch))
        return status(413) if 17 in job.batch.rows else created(job)

    engine = make()
    engine.admit(batch(1000))
    settled = run(engine, limited)
    assert settled.pop(17) is Status.REJECTED
    assert set(settled.values()) == {Status.CREATED}
    sizes.clear()
    engine.admit(batch(1000, first=1000))
    run(engine, limited)
    assert sizes == [500, 500]
    sizes.clear()
    engine.admit(batch(1000, first=2000))
    run(engine, limited)
    assert sizes == [1000]


# Repeats


def test_what_may_have_landed_and_would_double_is_unknown_at_once() -> None:
    engine = make(DOUBLES)
    engine.admit(batch(3))
    settled = finals(engine.replied(start(engine), status(503), None, 0.0))
    assert settled == dict.fromkeys(range(3), Status.UNKNOWN)
    assert not engine.waiting


def test_harmless_repeats_are_few_and_one_contact_at_a_time() -> None:
    sizes = []

    def busy(job: Job) -> Judgement:
        sizes.append(len(job.batch))
        return status(503)

    engine = make(HARMLESS)
    engine.admit(batch(2))
    settled = run(engine, busy)
    assert settled == dict.fromkeys(range(2), Status.UNKNOWN)
    assert sizes == [2] + [1] * 8
    assert (engine.requests, engine.retries) == (9, 8)


def test_repeats_have_a_budget() -> None:
    engine = Engine(HARMLESS, Pace(1, None), outage_patience=math.inf, jitter=random.Random(0))
    for first in range(1000):
        engine.admit(batch(1, first))
    settled = run(engine, lambda job: status(503))
    assert settled == dict.fromkeys(range(1000), Status.UNKNOWN)
    assert (engine.requests, engine.retries) == (1100, 100)


def test_what_exists_after_a_resend_may_be_ours() -> None:
    exists = Answer([Status.EXISTING], {0: Problem(Kind.EXISTS, None, "2009")})
    engine = make(HARMLESS)
    engine.admit(batch(1))
    engine.replied(start(engine), status(500), None, 0.0)
    [settlement] = engine.replied(start(engine, 1.0), Judgement(Meaning.ANSWERED, exists), None, 1.0)
    assert settlement.answer.problems[0] == Problem(Kind.FOUND_AFTER_RESEND, None, "2009")


def test_what_may_have_landed_is_not_rejected_by_the_refusal_of_a_resend() -> None:
    engine = make(HARMLESS)
    engine.admit(batch(1))
    engine.replied(start(engine), status(500), None, 0.0)
    settled = engine.replied(start(engine, 1.0), status(400, "quota"), None, 1.0)
    assert finals(settled) == {0: Status.UNKNOWN}


# Look-ups


def found(*there: int) -> Callable[[Job], Judgement]:
    def answer(job: Job) -> Judgement:
        statuses = [Status.EXISTING if row in there else Status.NOT_SENT for row in job.batch.rows]
        problems = {at: Problem(Kind.UNANSWERED) for at in range(len(statuses))}
        return Judgement(Meaning.ANSWERED, Answer(statuses, problems))

    return answer


def test_what_may_have_landed_is_looked_up_and_the_absent_sent_again_in_one_piece() -> None:
    calls = []

    def vendor(job: Job) -> Judgement:
        calls.append((job.purpose, job.batch.rows))
        if len(calls) == 1:
            return status(503)
        return found(1)(job) if job.purpose is Purpose.LOOK_UP else created(job)

    engine = make(READ_BACK)
    engine.admit(batch(3))
    settled = run(engine, vendor)
    assert settled == {0: Status.CREATED, 1: Status.EXISTING, 2: Status.CREATED}
    assert calls == [
        (Purpose.SEND, [0, 1, 2]),
        (Purpose.LOOK_UP, [0]),
        (Purpose.LOOK_UP, [1]),
        (Purpose.LOOK_UP, [2]),
        (Purpose.SEND, [0, 2]),
    ]
    assert engine.retries == 1


def test_what_a_look_up_does_not_find_after_a_stop_is_not_sent() -> None:
    engine = make(READ_BACK)
    engine.admit(batch(1))
    engine.replied(start(engine), status(503), None, 0.0)
    look_up = start(engine, 1.0)
    engine.stop(Stop(Kind.STOPPED, "stopped"))
    assert engine.abandon() == []
    assert finals(engine.replied(look_up, found()(look_up), None, 1.0)) == {0: Status.NOT_SENT}


def test_what_a_reply_says_holds_the_calls_that_have_started_too() -> None:
    engine = make(concurrency=4)
    for first in range(4):
        engine.admit(batch(1, first))
    jobs = [start(engine) for _ in range(4)]
    assert engine.held_until <= 0.0
    engine.replied(jobs[0], status(429), 7.0, 1.0)
    assert engine.held_until == 8.0
    engine.replied(jobs[1], status(503), None, 9.0)
    assert engine.held_until == 10.0
    engine.replied(jobs[2], created(jobs[2]), None, 9.5)
    assert engine.held_until == 10.0
    engine.replied(jobs[3], status(403), None, 9.6)
    assert engine.held_until == math.inf


def test_a_look_up_that_may_not_be_made_ends_the_run_and_one_that_is_not_there_does_not() -> None:
    for code, error in ((403, CredentialsError), (302, EndpointError), (404, None)):
        engine = make(READ_BACK)
        engine.admit(batch(1))
        engine.replied(start(engine), status(503), None, 0.0)
        assert finals(engine.replied(start(engine, 1.0), status(code), None, 1.0)) == {0: Status.UNKNOWN}
        assert type(engine.stopped and engine.stopped.error) is (error or type(None))


def test_what_an_answer_leaves_open_is_looked_up() -> None:
    silent = Answer([Status.CREATED, Status.UNKNOWN, Status.UNKNOWN], dict.fromkeys((1, 2), Problem(Kind.UNANSWERED)))
    engine = make(HARMLESS)
    engine.admit(batch(3))
    settled = finals(engine.replied(start(engine), Judgement(Meaning.ANSWERED, silent), None, 0.0))
    assert settled == {0: Status.CREATED}
    look_up = start(engine)
    assert (look_up.purpose, look_up.batch.rows) == (Purpose.LOOK_UP, [1, 2])
    settled = finals(engine.replied(look_up, found(2)(look_up), None, 0.0))
    assert settled == {1: Status.NOT_SENT, 2: Status.EXISTING}


# Time


def test_a_throttled_batch_waits_longer_each_time_and_others_go_on() -> None:
    engine, waits, now = make(concurrency=2), [], 0.0
    engine.admit(batch(1))
    for _ in range(7):
        engine.replied(start(engine, now), status(429), None, now)
        waits.append(engine.wake_at(now) - now)
        now += waits[-1]
    limits = [(0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16), (15, 30), (15, 30)]
    assert all(least <= wait <= most for wait, (least, most) in zip(waits, limits, strict=True))
    engine.admit(batch(1, first=1))
    assert start(engine, now - 0.1).batch.rows == [1]


def test_a_wait_that_was_asked_for_holds_every_call() -> None:
    engine = make(concurrency=4)
    for first in (0, 5, 10):
        engine.admit(batch(5, first))
    one, other = start(engine), start(engine)
    engine.replied(one, status(429), 2.0, 10.0)
    engine.replied(other, created(other), None, 10.5)
    assert engine.next_job(11.99) is None
    assert engine.wake_at(11.0) == 12.0
    assert start(engine, 12.0).batch.rows[0] == 0


@pytest.mark.parametrize(("wait", "deadline"), [(301.0, math.inf), (31.0, 40.0)])
def test_a_wait_that_is_too_long_ends_the_run_instead_of_being_shortened(wait: float, deadline: float) -> None:
    engine = make(deadline=deadline)
    engine.admit(batch(2))
    engine.replied(start(engine), status(429), wait, 10.0)
    assert engine.next_job(10.0) is None
    assert engine.stopped is not None
    assert engine.stopped.kind is Kind.RATE_LIMITED
    assert finals(engine.abandon()) == dict.fromkeys(range(2), Status.NOT_SENT)


def test_a_long_wait_after_the_last_call_ends_nothing() -> None:
    engine = make()
    engine.admit(batch(2))
    job = start(engine)
    engine.replied(job, created(job), 4000.0, 1.0)
    assert engine.next_job(1.0) is None
    assert engine.stopped is None


def test_a_vendor_that_asked_to_wait_is_owed_a_call_afterwards() -> None:
    engine = make()
    engine.admit(batch(2))
    engine.replied(start(engine), status(429), 300.0, 0.0)
    job = start(engine, 300.02)
    engine.replied(job, status(429), 300.0, 300.1)
    assert engine.stopped is not None
    assert engine.stopped.kind is Kind.OUTAGE


def test_an_outage_ends_the_run_after_its_patience() -> None:
    engine, calls = make(DOUBLES), []

    def busy(job: Job) -> Judgement:
        calls.append(len(job.batch))
        return status(503)

    engine.admit(batch(1000))
    engine.admit(batch(1000, first=1000))
    settled = run(engine, busy)
    assert engine.stopped is not None
    assert (engine.stopped.kind, engine.stopped.error) == (Kind.OUTAGE, None)
    assert calls == [1000] + [1] * (len(calls) - 1)
    assert len(calls) <= 16
    assert list(settled.values()).count(Status.UNKNOWN) == 1000 + len(calls) - 1


def test_an_outage_of_a_minute_costs_few_calls() -> None:
    engine, now, settled = make(HARMLESS, concurrency=8), 0.0, {}
    for first in range(0, 20_000, 1000):
        engine.admit(batch(1000, first))
    jobs = [start(engine) for _ in range(8)]
    for job in jobs:
        settled |= finals(engine.replied(job, status(503), None, now))
    during = 0
    while engine.waiting:
        job = engine.next_job(now)
        if job is None:
            now = engine.wake_at(now)
            continue
        during += now < 60
        settled |= finals(engine.replied(job, status(503) if now < 60 else created(job), None, now))
    assert during <= 10
    assert len(settled) == 20_000
    assert list(settled.values()).count(Status.UNKNOWN) <= 2


def test_an_endpoint_that_was_never_reached_ends_the_run_soon() -> None:
    engine = make()
    engine.admit(batch(1000))
    settled = run(engine, lambda job: status(503, handed_over=False))
    assert engine.stopped is not None
    assert isinstance(engine.stopped.error, EndpointError)
    assert set(settled.values()) == {Status.NOT_SENT}
    assert engine.requests <= 4


def test_patience_is_not_missed_by_a_rounding_error() -> None:
    for since in [place / 7 for place in range(1, 200)]:
        engine = make(HARMLESS)
        engine.admit(batch(2))
        engine.replied(start(engine, since), status(503), None, since)
        now, turns = since, 0
        while engine.stopped is None:
            turns += 1
            assert turns < 100
            job = engine.next_job(now)
            if job is not None:
                engine.replied(job, status(429), None, now)
            elif engine.stopped is None:
                now = engine.wake_at(now)


def test_no_call_starts_at_the_deadline() -> None:
    engine = make(deadline=5.0)
    engine.admit(batch(1))
    assert engine.wake_at(0.0) <= 5.0
    assert engine.next_job(5.0) is None
    assert engine.stopped is not None
    assert engine.stopped.kind is Kind.DEADLINE


def test_the_first_reason_to_stop_stays_unless_a_fatal_one_comes() -> None:
    engine = make()
    stops = [
        Stop(Kind.STOPPED, "first"),
        Stop(Kind.DEADLINE, "second"),
        Stop(Kind.STOPPED, "fatal", CredentialsError("no")),
        Stop(Kind.STOPPED, "fatal too", EndpointError("no")),
    ]
    seen = []
    for stop in stops:
        engine.stop(stop)
        seen.append(engine.stopped)
    assert seen == [stops[0], stops[0], stops[2], stops[2]]


# Tokens


def test_a_token_that_runs_out_is_renewed_and_one_that_never_worked_ends_the_run() -> None:
    engine = make()
    engine.admit(batch(2))
    for _ in range(3):
        engine.replied(start(engine), status(401, renewable=True), None, 0.0)
        assert engine.stopped is None
    settled = engine.replied(start(engine), status(401, renewable=False), None, 0.0)
    assert finals(settled) == dict.fromkeys(range(2), Status.NOT_SENT)
    assert engine.stopped is not None
    assert isinstance(engine.stopped.error, CredentialsError)


def test_a_batch_that_every_token_is_refused_for_does_not_go_on_for_ever() -> None:
    engine = make()
    engine.admit(batch(2))
    calls = 0
    while engine.stopped is None:
        engine.replied(start(engine), status(401, renewable=True), None, 0.0)
        calls += 1
    assert calls == 11
    assert isinstance(engine.stopped.error, CredentialsError)


@pytest.mark.parametrize(
    ("code", "left", "error"),
    [
        (403, Status.NOT_SENT, CredentialsError),
        (404, Status.NOT_SENT, EndpointError),
        (307, Status.UNKNOWN, EndpointError),
    ],
)
def test_what_ends_the_run_at_once(code: int, left: Status, error: type[Exception]) -> None:
    engine = make(HARMLESS)
    engine.admit(batch(2))
    engine.admit(batch(2, first=2))
    settled = finals(engine.replied(start(engine), status(code), None, 0.0)) | finals(engine.abandon())
    assert settled == {0: left, 1: left, 2: Status.NOT_SENT, 3: Status.NOT_SENT}
    assert engine.stopped is not None
    assert isinstance(engine.stopped.error, error)


# Claims


def test_a_refused_request_frees_its_rows_in_the_journal_and_an_ambiguous_one_does_not() -> None:
    engine = make(HARMLESS)
    engine.admit(batch(2))
    job = start(engine)
    job.claim = 7
    [released] = engine.replied(job, status(429), None, 0.0)
    assert (released.claim, released.final, released.answer.statuses) == (7, False, [Status.NOT_SENT] * 2)
    assert {at: problem.kind for at, problem in released.answer.problems.items()} == {0: Kind.STOPPED, 1: Kind.STOPPED}
    job = start(engine, 60.0)
    job.claim = 8
    assert engine.replied(job, status(500), None, 60.0) == []
    job = start(engine, 120.0)
    job.claim = 9
    assert engine.replied(job, status(429), None, 120.0) == []
