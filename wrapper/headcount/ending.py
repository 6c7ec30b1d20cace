"""How a run comes to its end: its counts and views made from the journal, and a note that it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs
import msgspec

from headcount.errors import FatalError, JournalError
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Kind, Problem, Report
from headcount.records.rows import Rows
from headcount.run_folder import RunFolder
from headcount.views import Summary, render, summary_of

_END = "end"
"""The name of the note that a run which came to its end leaves in its journal."""


@attrs.frozen
class End:
    """How a run ended; kept in its journal."""

    input: int
    """Rows of the source that are accounted for."""
    exit_code: int
    stop: Problem | None = None
    whole: bool = True
    """The source was read to its end."""


@attrs.frozen
class Result:
    """What came of a run."""

    report: Report
    summary: Summary
    exit_code: int
    error: FatalError | None
    """What ended it before its time, if anything did."""
    whole: bool
    """The source was read to its end."""


def conclude(
    folder: RunFolder,
    journal: SqliteJournal,
    read: Callable[[int], Iterable[Rows]],
    report: Report,
    error: FatalError | None,
    *,
    destination: str,
    source: str,
    whole: bool = True,
    signal: int | None = None,
) -> Result:
    """End a run of which a load has come to its end with this report, or with this error.

    `read` gives the rows of the input from the first on, so many. What earlier loads of the run settled counts too.
    Raises FatalError when a view cannot be written, JournalError, and what reading the rows raises.
    """
    stop = report.stop if error is None else Problem(Kind.STOPPED, str(error), retryable=True)
    count = max(report.input, journal.rows_read)

    def result(accounts: Report) -> Result:
        ended = attrs.evolve(report, counts=accounts.counts, problems=accounts.problems, stop=stop)
        exit_code = 4 if error is not None else ended.exit_code
        if not whole and exit_code in (0, 1):
            exit_code = 5  # what was left in the pipe was not sent either
        if signal is not None:
            exit_code = 128 + signal
        summary = summary_of(folder, destination, source, ended, exit_code)
        return Result(ended, summary, exit_code, error, whole)

    accounts = render(folder, journal, read(count), count, lambda accounts: result(accounts).summary, stop)
    ended = result(accounts)
    journal.note(_END, msgspec.to_builtins(End(count, ended.exit_code, stop, whole)))
    journal.commit()
    return ended


def end_of(journal: SqliteJournal) -> End | None:
    """How the run last ended; None when it has not. Raises JournalError."""
    noted = journal.noted(_END)
    try:
        return None if noted is None else msgspec.convert(noted, End)
    except msgspec.ValidationError as error:
        raise JournalError("the journal's note of how the run ended makes no sense") from error
