"""The budget of repeats, and the wait before them."""

from __future__ import annotations

import pytest

from headcount.core.retry import Budget, backoff


def test_a_full_bucket_is_for_a_hundred_repeats_or_fifty_after_timeouts() -> None:
    budget = Budget()
    assert sum(budget.draw(timed_out=False) for _ in range(200)) == 100
    budget = Budget()
    assert sum(budget.draw(timed_out=True) for _ in range(200)) == 50


def test_what_is_refused_costs_nothing() -> None:
    budget = Budget()
    while budget.draw(timed_out=True):
        pass
    for _ in range(5):
        budget.refill()
    assert not budget.draw(timed_out=True)
    assert budget.draw(timed_out=False)
    assert budget.tokens == 0


def test_good_answers_fill_the_bucket_to_the_brim_and_not_over() -> None:
    budget = Budget()
    budget.draw(timed_out=True)
    for _ in range(9):
        budget.refill()
    assert budget.tokens == 499
    for _ in range(9):
        budget.refill()
    assert budget.tokens == 500


@pytest.mark.parametrize(
    ("attempt", "least", "middle"),
    [(1, 0.5, 0.75), (2, 1, 1.5), (3, 2, 3), (4, 4, 6), (5, 8, 12), (6, 15, 22.5), (60, 15, 22.5)],
)
def test_the_wait_doubles_up_to_half_a_minute(attempt: int, least: float, middle: float) -> None:
    assert backoff(attempt, 0.0) == least
    assert backoff(attempt, 0.5) == middle
