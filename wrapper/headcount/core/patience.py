"""When a run ends before its input: at its deadline, or when the vendor stays away for too long."""

from __future__ import annotations

import math

from headcount.core.jobs import Stop
from headcount.core.pace import LONGEST_WAIT, Pace
from headcount.errors import EndpointError
from headcount.outcome import Kind, Problem

OUTAGE_PATIENCE = 300.0
"""Seconds without a good answer after which a run ends."""
CONNECT_PATIENCE = 10.0
"""Seconds after which a run ends that has never had any answer at all."""


class Patience:
    """Watches the deadline, the waits that the vendor asks for, and how long it gives no good answer.

    A call in flight may still bring a good answer, so it is waited for; and a vendor that asked to wait is owed one
    call after that wait.
    """

    def __init__(self, pace: Pace, deadline: float, outage_patience: float) -> None:
        self._pace = pace
        self._deadline = deadline
        self._outage_patience = outage_patience
        self._asked_until = -math.inf
        self._owes_a_call = False
        self._reached = False
        self._last_failure = "no answer came"

    def started(self) -> None:
        """Note that a call starts."""
        self._owes_a_call = False

    def reached(self) -> None:
        """Note that something of the vendor's came back, good or bad."""
        self._reached = True

    def failed(self, problem: Problem) -> None:
        """Note what the last failure was, for people."""
        self._last_failure = problem.detail or self._last_failure

    def obey(self, asked_wait: float, now: float) -> None:
        """Hold all calls for the seconds that a reply asks to wait."""
        self._asked_until = max(self._asked_until, now + asked_wait)
        self._pace.hold(self._asked_until)
        self._owes_a_call = True

    def stop(self, now: float, *, waiting: bool) -> Stop | None:
        """Why the run ends now, or None when it goes on. `waiting`: there are contacts to be sent."""
        asked_wait = self._asked_until - now
        if now >= self._deadline:
            return Stop(Kind.DEADLINE, "the deadline has passed")
        if waiting and (asked_wait > LONGEST_WAIT or self._asked_until > self._deadline):
            return Stop(Kind.RATE_LIMITED, f"the vendor asks to wait {asked_wait:.0f} s")
        if now >= self._outage_ends_run_at():
            return self._outage()
        return None

    def stop_after_bad_answer(self, now: float) -> Stop | None:
        """Why the run ends with a bad answer that came now, or None."""
        return self._outage() if now >= self._patience_ends else None

    def wake_at(self) -> float:
        """The moment at which time alone ends the run; infinity when it does not."""
        return min(self._deadline, self._outage_ends_run_at())

    def _outage_ends_run_at(self) -> float:
        return math.inf if self._pace.in_flight or self._owes_a_call else self._patience_ends

    @property
    def _patience_ends(self) -> float:
        if self._pace.troubled_since is None:
            return math.inf
        patience = self._outage_patience
        return self._pace.troubled_since + (patience if self._reached else min(CONNECT_PATIENCE, patience))

    def _outage(self) -> Stop:
        if self._reached:
            return Stop(Kind.OUTAGE, f"no good answer for {self._outage_patience:.0f} s: {self._last_failure}")
        why = f"the endpoint cannot be reached: {self._last_failure}"
        return Stop(Kind.OUTAGE, why, EndpointError(why))
