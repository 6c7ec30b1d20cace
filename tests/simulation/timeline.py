"""Time that passes only when everybody waits: a clock, and what happens at its moments."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import attrs

from headcount.workers import Arrival

_MOST_TURNS = 20_000


class Endless(AssertionError):
    """A load goes round and round, or waits for what will never come."""


@attrs.define
class Clock:
    """Seconds since the world began."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Timeline:
    """Everything that happens lies on one heap, so that its order is always the same.

    `turns` counts how often somebody waited.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.turns = 0
        self._coming: list[tuple[float, int, Callable[[], Arrival | None]]] = []
        self._entered = 0
        self._woken = False

    @property
    def now(self) -> float:
        return self.clock.now

    def at(self, moment: float, happen: Callable[[], Arrival | None]) -> None:
        """Let something happen at a moment, which may bring something back."""
        self._entered += 1
        heapq.heappush(self._coming, (moment, self._entered, happen))

    def wake(self) -> None:
        """End the waiting, now or when it begins."""
        self._woken = True

    def sleep(self, seconds: float, late: float = 0.0) -> list[Arrival]:
        """What arrives until something does, or the seconds are over, and `late` seconds more are overslept.

        Raises Endless.
        """
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise Endless("the driver goes round and round")
        until = self.now + seconds
        arrivals = self._wakings()
        while not arrivals and self._comes_by(until):
            arrivals += self._next()
        if arrivals:
            until = self.now
        elif until == math.inf:
            raise Endless("the driver waits for what will never come")
        until += late
        while self._comes_by(until):
            arrivals += self._next()
        self.clock.now = until
        return arrivals

    def _comes_by(self, moment: float) -> bool:
        return bool(self._coming) and self._coming[0][0] <= moment

    def _next(self) -> list[Arrival]:
        moment, _, happen = heapq.heappop(self._coming)
        self.clock.now = max(self.now, moment)
        arrival = happen()
        return ([] if arrival is None else [arrival]) + self._wakings()

    def _wakings(self) -> list[Arrival]:
        woken, self._woken = self._woken, False
        return [Arrival(None)] if woken else []
