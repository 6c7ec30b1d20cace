"""Taking a refused batch apart: halves, and when to stop because the cause is common to all."""

from __future__ import annotations

import attrs

from headcount.core.batches import Batch
from headcount.outcome import Problem

_SMALLEST_TRIAL = 8
_SMALLEST_TRIAL_AFTER_SUCCESS = 32
_QUARTERS_LEVEL = 2
_ALONE_NEEDED = 8


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """The two parts of a batch of two or more contacts; the first is the larger by at most one."""
    middle = (len(batch) + 1) // 2
    return batch.part(0, middle), batch.part(middle, len(batch))


@attrs.define
class SizeLimit:
    """How many contacts a batch may hold, learned from those that were refused for their size.

    After some batches of that many were taken twice as many are tried, each time after twice as many batches: a
    single huge contact may have been the cause. Only batches as they came teach anything, not their halves.
    """

    count: int | None = None
    _needed: int = 1
    _taken: int = 0

    def refused(self, count: int) -> None:
        """A batch of so many contacts was too large."""
        if self.count is None or count <= self.count:
            self.count = (count + 1) // 2
            self._needed *= 2
            self._taken = 0

    def taken(self, count: int) -> None:
        """A batch of so many contacts was not."""
        if self.count is None or count < self.count:
            return
        self._taken += 1
        if self._taken == self._needed:
            self.count *= 2
            self._taken = 0


@attrs.define(eq=False)
class Trial:
    """Whether the refusals of a batch's parts speak of single contacts, or of a cause common to all.

    The cause is common when the batch, both halves and all four quarters were refused with one code, and eight
    contacts sent alone are refused with it too: cutting further would take a call for each contact, to no end.
    A batch of fewer than eight contacts is simply taken apart; where the vendor has taken other contacts of the run,
    so that the odds are against a common cause, one of fewer than 32.
    """

    size: int
    problem: Problem
    """Why the batch was refused."""
    common: bool | None = None
    """None while it is open."""
    refused_quarters: int = 0
    refused_alone: int = 0
    asking: bool = False
    """A contact of the batch is on its way alone."""

    @classmethod
    def of(cls, size: int, problem: Problem, *, others_were_taken: bool = False) -> Trial:
        """The trial of a batch of `size` contacts that was refused for `problem`."""
        smallest = _SMALLEST_TRIAL_AFTER_SUCCESS if others_were_taken else _SMALLEST_TRIAL
        return cls(size, problem, common=None if size >= smallest else False)

    def refused(self, level: int, code: str | None) -> None:
        """A part, `level` cuts below the batch, was refused."""
        if code != self.problem.code:
            self.passed()
        elif self.asking:
            self.asking = False
            self.refused_alone += 1
            if self.refused_alone == _ALONE_NEEDED and self.common is None:
                self.common = True
        elif level == _QUARTERS_LEVEL:
            self.refused_quarters += 1

    def passed(self) -> None:
        """A part was not refused, or for another reason: the cause is not common."""
        self.asking = False
        if self.common is None:
            self.common = False

    def holds(self, level: int) -> bool:
        """Whether a part refused at this level waits for the verdict before it is cut further."""
        return self.common is not False and level >= _QUARTERS_LEVEL

    @property
    def wants_one_alone(self) -> bool:
        """All four quarters were refused alike, and a contact sent alone shall tell why."""
        return self.common is None and self.refused_quarters >= 4 and not self.asking
