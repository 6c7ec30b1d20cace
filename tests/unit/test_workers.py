"""The gate that a call passes just before its first byte leaves."""

from __future__ import annotations

import math
import signal
import threading
import time
from types import FrameType

from headcount.core.answers import Meaning, judge_failure
from headcount.core.exchange import Failure
from headcount.outcome import Kind
from headcount.workers import CallGate


def passing(gate: CallGate, count: int, seconds: float) -> tuple[list[threading.Thread], list[Failure | float]]:
    """Calls at the gate; what each was answered, or the moment at which it passed."""
    answers: list[Failure | float] = []
    together = threading.Barrier(count + 1)

    def one() -> None:
        together.wait(5)
        answers.append(gate(seconds) or time.monotonic())

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    together.wait(5)
    return threads, answers


def joined(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_an_open_gate_lets_everybody_through() -> None:
    gate = CallGate()
    assert gate(0.0) is None
    gate.hold(time.monotonic() - 1)
    assert gate(0.0) is None


def test_a_hold_is_waited_for_and_one_that_is_prolonged_meanwhile_too() -> None:
    gate, now = CallGate(), time.monotonic()
    gate.hold(now + 0.2)
    threads, answers = passing(gate, 4, 10.0)
    gate.hold(now + 0.5)
    joined(threads)
    assert [isinstance(answer, float) and answer >= now + 0.5 for answer in answers] == [True] * 4


def test_a_hold_beyond_the_call_s_time_is_not_waited_for_and_is_no_trouble_of_the_vendor_s() -> None:
    gate = CallGate()
    gate.hold(time.monotonic() + 60)
    answer = gate(1.0)
    assert isinstance(answer, Failure)
    assert (answer.kind, answer.handed_over, answer.fatal) == (Kind.RATE_LIMITED, False, None)
    assert judge_failure(answer).meaning is Meaning.THROTTLED


def test_whoever_waits_is_turned_away_when_the_run_stops_and_nobody_passes_again() -> None:
    gate = CallGate()
    gate.hold(time.monotonic() + 60)
    threads, answers = passing(gate, 4, 600.0)
    gate.hold(math.inf)
    joined(threads)
    gate.hold(0.0)  # of a loop that was about to say so when the run was stopped
    for answer in [*answers, gate(600.0)]:
        assert isinstance(answer, Failure)
        assert (answer.kind, answer.handed_over) == (Kind.STOPPED, False)
        assert judge_failure(answer).meaning is Meaning.NOT_HANDED_OVER


def test_calls_that_waited_together_leave_one_after_the_other() -> None:
    gate, now = CallGate(requests_per_second=20), time.monotonic()
    gate.hold(now + 0.2)
    threads, answers = passing(gate, 9, 10.0)
    joined(threads)
    moments = sorted(answer for answer in answers if isinstance(answer, float))
    assert len(moments) == 9
    assert all(moment >= now + 0.2 + 0.05 * (place - 1) for place, moment in enumerate(moments))


def test_whoever_waits_is_turned_away_at_the_deadline_and_nobody_passes_from_then_on() -> None:
    now = time.monotonic()
    gate = CallGate(deadline=now + 0.3)
    assert gate(0.0) is None
    gate.hold(now + 60)
    threads, answers = passing(gate, 4, 600.0)
    joined(threads)
    gate.hold(now)
    assert time.monotonic() >= now + 0.3
    for answer in [*answers, gate(600.0)]:
        assert isinstance(answer, Failure)
        assert (answer.kind, answer.handed_over) == (Kind.STOPPED, False)


def test_a_signal_handler_may_stop_whoever_is_about_to_hold() -> None:
    gate = CallGate()

    def stop(number: int, frame: FrameType | None) -> None:
        gate.hold(math.inf)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with gate._changed:
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(gate(0.0), Failure)
