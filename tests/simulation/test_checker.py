"""The checker is worth more than the simulator: what it does not see may as well not be simulated.

So the promises are held to mutants, each of which breaks one on purpose: some schedule must show it.
"""

from __future__ import annotations

import pytest

from tests.simulation.invariants import check
from tests.simulation.mutants import MUTANTS, UNDER
from tests.simulation.schedules import Schedule, play, schedule

SEEDS = range(400)


def seen(plan: Schedule) -> bool:
    """Whether a schedule shows that something is wrong."""
    try:
        check(play(plan))
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("name", MUTANTS)
def test_the_checker_sees_a_load_that(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    under = UNDER.get(name, lambda plan: plan)
    MUTANTS[name](monkeypatch)
    assert any(seen(under(schedule(seed))) for seed in SEEDS), f"no schedule of {SEEDS} shows it"


def test_the_checker_sees_nothing_where_nothing_is_wrong() -> None:
    for seed in SEEDS[::10]:
        for under in (lambda plan: plan, *UNDER.values()):
            assert not seen(under(schedule(seed))), seed
