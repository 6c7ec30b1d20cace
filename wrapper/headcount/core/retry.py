"""Whether what failed is sent again: by what the vendor promises of repeats, within a budget."""

from __future__ import annotations

from enum import Enum, auto

MOST_ATTEMPTS = 5
"""Requests that may carry one contact whose earlier request may have landed."""
MOST_RENEWALS = 10
"""Refusals of one batch, each for a token that had worked before: tokens can run out faster than a batch is sent."""


class Repeat(Enum):
    """What sending again does that may have landed before. A destination declares it for each mode."""

    HARMLESS = auto()
    """The vendor makes nothing double: it may be sent again within the run."""
    DOUBLES = auto()
    """The vendor would make a second contact: it is never sent again on our own."""
    READ_BACK = auto()
    """The vendor can be asked, contact by contact, whether it is there."""


class Budget:
    """A bucket of tokens that repeats draw on and good answers fill, so that an outage is not answered with
    a storm of repeats."""

    CAPACITY = 500
    REPEAT = 5
    REPEAT_AFTER_TIMEOUT = 10

    def __init__(self) -> None:
        self._tokens = self.CAPACITY

    @property
    def tokens(self) -> int:
        return self._tokens

    def draw(self, *, timed_out: bool) -> bool:
        """Take what a repeat costs; False, and nothing taken, when there is not enough."""
        cost = self.REPEAT_AFTER_TIMEOUT if timed_out else self.REPEAT
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def refill(self) -> None:
        """A call was answered."""
        self._tokens = min(self.CAPACITY, self._tokens + 1)


def backoff(attempt: int, fraction: float) -> float:
    """Seconds to wait before a batch refused `attempt` times (from 1) is sent again.

    `fraction` in [0, 1) comes from the caller's random source: half of the wait is jitter.
    """
    ceiling = min(30.0, 2.0 ** (attempt - 1))
    return ceiling * (0.5 + 0.5 * fraction)
