"""Mutants that make calls when they may not, or too many."""

from __future__ import annotations

import math

import pytest

from headcount.core import engine as engines
from headcount.core import pace as paces
from headcount.core.engine import Engine
from headcount.core.error_limit import ErrorLimit
from headcount.core.jobs import Job, Purpose
from headcount.core.pace import Pace
from headcount.core.patience import Patience
from headcount.core.retry import Budget
from headcount.driver import Driver
from tests.simulation.mutation import mutant, nothing


@mutant
def ignores_retry_after(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Patience, "obey", nothing)


@mutant
def does_not_hold_in_trouble(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pace, "trouble", nothing)


@mutant
def probes_with_full_batches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pace, "probing", False)


@mutant
def probes_with_several_calls(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pace, "concurrency", property(lambda self: max(1, int(self._limit))))


@mutant
def believes_an_earlier_call_that_the_trouble_is_over(patch: pytest.MonkeyPatch) -> None:
    answered = Pace.answered
    patch.setattr(Pace, "answered", lambda self, started, *, well: answered(self, math.inf, well=well))


@mutant
def makes_a_call_too_many_at_once(patch: pytest.MonkeyPatch) -> None:
    made = Pace.__init__
    patch.setattr(Pace, "__init__", lambda self, concurrency, rate: made(self, concurrency + 1, rate))


@mutant
def keeps_no_rate(patch: pytest.MonkeyPatch) -> None:
    made = Pace.__init__
    patch.setattr(Pace, "__init__", lambda self, concurrency, rate: made(self, concurrency, None))


@mutant
def sends_at_once_what_was_throttled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engines, "backoff", lambda attempt, fraction: 0.0)


@mutant
def has_no_budget_of_repeats(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Budget, "draw", lambda self, *, timed_out: True)


@mutant
def repeats_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engines, "MOST_ATTEMPTS", 10**6)


@mutant
def ignores_the_deadline(patch: pytest.MonkeyPatch) -> None:
    made = Patience.__init__
    patch.setattr(Patience, "__init__", lambda self, pace, deadline, patience: made(self, pace, math.inf, patience))


@mutant
def waits_for_ever_in_an_outage(patch: pytest.MonkeyPatch) -> None:
    made = Patience.__init__
    patch.setattr(Patience, "__init__", lambda self, pace, deadline, patience: made(self, pace, deadline, math.inf))


@mutant
def gives_up_in_an_outage_too_soon(patch: pytest.MonkeyPatch) -> None:
    made = Patience.__init__
    patch.setattr(
        Patience, "__init__", lambda self, pace, deadline, patience: made(self, pace, deadline, patience * 0.75)
    )


@mutant
def takes_a_vendor_in_trouble_for_one_never_reached(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Patience, "reached", nothing)


@mutant
def holds_no_longer_from_time_to_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paces, "_HOLDS", (1.0,))


@mutant
def starts_calls_after_a_stop(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "stop", lambda self, stop: self._workers.wake())


@mutant
def ignores_the_error_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ErrorLimit, "exceeded", lambda self, bad, settled: False)


@mutant
def goes_round_without_waiting(patch: pytest.MonkeyPatch) -> None:
    wake_at = Engine.wake_at
    patch.setattr(Engine, "wake_at", lambda self, now: min(wake_at(self, now), now + 0.01))


@mutant
def counts_no_look_up_as_a_request(patch: pytest.MonkeyPatch) -> None:
    next_job = Engine.next_job

    def without(self: Engine, now: float) -> Job | None:
        job = next_job(self, now)
        self.requests -= job is not None and job.purpose is Purpose.LOOK_UP
        return job

    patch.setattr(Engine, "next_job", without)


@mutant
def counts_one_attempt_only(patch: pytest.MonkeyPatch) -> None:
    next_job = Engine.next_job

    def one(self: Engine, now: float) -> Job | None:
        job = next_job(self, now)
        if job is not None:
            job.attempts = min(job.attempts, 1)
        return job

    patch.setattr(Engine, "next_job", one)
