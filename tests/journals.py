"""What a journal says, row by row."""

from __future__ import annotations

from collections.abc import Iterator

from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Outcome, Status


def outcomes_of(journal: SqliteJournal) -> Iterator[Outcome]:
    """The latest word on each row that it knows, in row order."""
    return (outcome for stretch in journal.stretches() for outcome in stretch.outcomes())


def statuses_of(journal: SqliteJournal) -> dict[int, Status]:
    """The same, no more than the statuses."""
    return {outcome.index: outcome.status for outcome in outcomes_of(journal)}
