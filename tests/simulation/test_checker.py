"""The checker is worth more than the simulator: what it does not see may as well not be simulated.

So the promises are held to mutants, each of which breaks one on purpose: some schedule must show it.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.simulation.invariants import PROMISES, broken
from tests.simulation.mutants import MUTANTS, UNDER
from tests.simulation.schedules import Schedule, play, schedule

SEEDS = range(400)
STOPPED_BY_THE_LIBRARY = frozenset({"loses_the_odd_row_of_halves", "sends_both_halves_with_the_middle_row"})
"""Mutants that the library's own assertions stop before there is anything to be seen."""


def played_under(name: str, seed: int) -> Schedule:
    """What a mutant is played under."""
    return UNDER.get(name, lambda plan: plan)(schedule(seed))


@cache
def shown_by(name: str) -> frozenset[str]:
    """The promises that a mutant breaks in the first schedule that shows any to be broken."""
    with pytest.MonkeyPatch.context() as patch:
        MUTANTS[name](patch)
        for seed in SEEDS:
            try:
                history = play(played_under(name, seed))
            except AssertionError:
                continue  # The library has stopped by itself.
            if shown := broken(history):
                return frozenset(shown)
    return frozenset()


@pytest.mark.parametrize("name", sorted(MUTANTS.keys() - STOPPED_BY_THE_LIBRARY))
def test_the_checker_sees_a_load_that(name: str) -> None:
    assert shown_by(name), f"no schedule of {SEEDS} shows it"


@pytest.mark.parametrize("name", sorted(STOPPED_BY_THE_LIBRARY))
def test_the_library_stops_a_load_that(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    with pytest.raises(AssertionError):
        for seed in SEEDS:
            play(played_under(name, seed))


def test_every_promise_is_broken_by_a_mutant() -> None:
    seen = {promise for name in MUTANTS.keys() - STOPPED_BY_THE_LIBRARY for promise in shown_by(name)}
    assert {promise.__name__ for promise in PROMISES} - seen == set()


def test_the_checker_sees_nothing_where_nothing_is_wrong() -> None:
    for seed in SEEDS[::10]:
        for under in (lambda plan: plan, *UNDER.values()):
            assert not broken(play(under(schedule(seed)))), seed
