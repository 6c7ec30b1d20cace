"""How many contacts may go wrong before a run stops."""

from __future__ import annotations

import attrs

_PERCENT_FROM = 1000
"""Settled rows from which on an error limit in percent is judged."""


@attrs.frozen
class ErrorLimit:
    """How many contacts may end `rejected` or `unknown` before the run stops: a number, or percent of the settled."""

    count: float
    percent: bool = False

    def exceeded(self, bad: int, settled: int) -> bool:
        """Whether `bad` contacts of the `settled` ones are more than may be."""
        if not self.percent:
            return bad > self.count
        return settled >= _PERCENT_FROM and bad * 100 > self.count * settled
