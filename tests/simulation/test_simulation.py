"""Loads by the thousand against a simulated vendor, network and clock, each held to every promise.

`SEED=17 pytest tests/simulation` replays one schedule, `N=100000` plays more of them.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.invariants import check
from tests.simulation.schedules import play, schedule

SCHEDULES = int(os.environ.get("N", "10000"))
ONE = os.environ.get("SEED")
PARTS = 20


@pytest.mark.parametrize("part", range(PARTS if ONE is None else 1))
def test_every_schedule_keeps_every_promise(part: int) -> None:
    seeds = range(part, SCHEDULES, PARTS) if ONE is None else [int(ONE)]
    for seed in seeds:
        plan = schedule(seed)
        try:
            check(play(plan))
        except Exception as error:
            error.add_note(f"replay it: SEED={seed} pytest tests/simulation\n{plan}")
            raise
