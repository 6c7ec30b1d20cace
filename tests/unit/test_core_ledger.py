"""One entry an input: in order, each once, and forgotten when told."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from headcount.core.batches import Answer
from headcount.core.ledger import Ledger
from headcount.outcome import Kind, Outcome, Problem, Status

EXISTS = Problem(Kind.EXISTS, "there already", "2009")


def created(count: int) -> Answer:
    return Answer.same(count, Status.CREATED)


def indexes(ledger: Ledger) -> list[int]:
    return [outcome.index for outcome in ledger.take()]


def test_told_in_input_order_once_each() -> None:
    ledger = Ledger()
    ledger.open(4)
    ledger.settle([2, 3], created(2), 1)
    assert indexes(ledger) == []
    ledger.settle([0], created(1), 1)
    assert indexes(ledger) == [0]
    assert ledger.oldest_open == 1
    ledger.settle([1], created(1), 1)
    assert indexes(ledger) == [1, 2, 3]
    assert indexes(ledger) == []
    assert ledger.oldest_open == 4
    ledger.check()


def test_told_as_they_settle_where_order_does_not_matter() -> None:
    ledger = Ledger(ordered=False)
    ledger.open(4)
    ledger.settle([2, 3], created(2), 1)
    assert indexes(ledger) == [2, 3]
    ledger.settle([0, 1], created(2), 1)
    assert indexes(ledger) == [0, 1]


def test_an_outcome_holds_what_was_settled() -> None:
    ledger = Ledger()
    ledger.open(2)
    ledger.settle([0, 1], Answer([Status.CREATED, Status.EXISTING], {1: EXISTS}, ["a17", None]), 3)
    assert list(ledger.take()) == [
        Outcome(0, Status.CREATED, None, "a17", 3),
        Outcome(1, Status.EXISTING, EXISTS, None, 3),
    ]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_settling_over_many_pages(seed: int, ordered: bool) -> None:
    chance = random.Random(seed)
    ledger, waiting, told = Ledger(ordered=ordered), [], []
    statuses = {row: chance.choice([Status.CREATED, Status.REJECTED]) for row in range(300)}
    while ledger.opened < 300 or waiting:
        if ledger.opened < 300 and chance.random() < 0.4:
            size = chance.randint(1, 30)
            size = min(size, 300 - ledger.opened)
            waiting += range(ledger.opened, ledger.opened + size)
            ledger.open(size)
        if waiting:
            some = sorted(chance.sample(waiting, chance.randint(1, len(waiting))))
            if chance.random() < 0.5:
                some = sorted(waiting)[: len(some)]
            waiting = [row for row in waiting if row not in some]
            answer = Answer([statuses[row] for row in some])
            answer.problems = {at: EXISTS for at, row in enumerate(some) if statuses[row] is Status.REJECTED}
            ledger.settle(some, answer, 1)
        assert ledger.oldest_open == min(waiting, default=ledger.opened)
        told += ledger.take()
    assert sorted(outcome.index for outcome in told) == list(range(300))
    if ordered:
        assert [outcome.index for outcome in told] == list(range(300))
    assert {outcome.index: outcome.status for outcome in told} == statuses
    assert all((outcome.problem is EXISTS) == (outcome.status is Status.REJECTED) for outcome in told)
    assert ledger.counts.total() == ledger.settled == 300


@pytest.mark.parametrize("again", [[1], [0, 1, 2], [1, 3]])
def test_a_row_is_never_settled_twice(again: list[int]) -> None:
    ledger = Ledger()
    ledger.open(4)
    ledger.settle([1], created(1), 1)
    with pytest.raises(AssertionError, match="outcome already"):
        ledger.settle(again, created(len(again)), 1)


def test_only_what_was_opened_is_settled() -> None:
    ledger = Ledger()
    ledger.open(2)
    with pytest.raises(AssertionError, match="row 3 was never opened"):
        ledger.settle([2], created(1), 1)
    with pytest.raises(AssertionError, match="1 statuses for 2 rows"):
        ledger.settle([0, 1], created(1), 1)


def test_the_identity() -> None:
    ledger = Ledger()
    ledger.open(3)
    ledger.settle([0, 2], created(2), 1)
    with pytest.raises(AssertionError, match="3 inputs, but 2 outcomes"):
        ledger.check()
    ledger.settle([1], created(1), 1)
    ledger.check()


def test_what_an_earlier_run_settled_and_how_often_it_carried_the_rest() -> None:
    ledger = Ledger()
    ledger.open(2)
    ledger.restore(Outcome(0, Status.EXISTING, EXISTS, "a17", 2))
    ledger.reopen(Outcome(1, Status.NOT_SENT, EXISTS, None, 3))
    assert ledger.settled == 1
    ledger.settle([1], created(1), 1)
    assert list(ledger.take()) == [
        Outcome(0, Status.EXISTING, EXISTS, "a17", 2),
        Outcome(1, Status.CREATED, None, None, 4),
    ]


def test_equal_problems_are_counted_together() -> None:
    ledger = Ledger()
    ledger.open(4)
    ledger.settle([3], Answer.same(1, Status.EXISTING, EXISTS), 1)
    ledger.settle([0, 1, 2], Answer.same(3, Status.REJECTED, Problem(Kind.REFUSED, "no", "7")), 1)
    groups = [(group.status, group.code, group.count, group.example_row) for group in ledger.groups()]
    assert groups == [(Status.REJECTED, "7", 3, 1), (Status.EXISTING, "2009", 1, 4)]


def test_a_vendor_that_makes_up_codes_does_not_fill_the_memory() -> None:
    ledger = Ledger()
    ledger.open(5000)
    problems = {at: Problem(Kind.REFUSED, None, str(at)) for at in range(5000)}
    ledger.settle(range(5000), Answer([Status.REJECTED] * 5000, problems), 1)
    groups = ledger.groups()
    assert len(groups) <= 1001
    assert sum(group.count for group in groups) == 5000


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("discarded", [True, False])
def test_what_was_told_is_forgotten(ordered: bool, discarded: bool) -> None:
    ledger = Ledger(ordered=ordered)
    answer = Answer([Status.CREATED] * 1000, {}, ["0123456789abcdef"] * 1000)

    def run(pages: int) -> None:
        for _ in range(pages):
            start = ledger.opened
            ledger.open(1000)
            ledger.settle(range(start, start + 1000), answer, 1)
            if discarded:
                ledger.discard()
            else:
                for _ in ledger.take():
                    pass

    tracemalloc.start()
    try:
        run(2)
        before = tracemalloc.get_traced_memory()[0]
        run(50)
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
