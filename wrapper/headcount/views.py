"""What people and programs read of a run, rendered from its journal and its input."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, Self

import attrs
import msgspec

from headcount.core.batches import Answer
from headcount.core.jobs import NOT_REACHED
from headcount.core.ledger import Ledger
from headcount.errors import FatalError
from headcount.journal.events import Stretch
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Kind, Problem, ProblemGroup, Report, Status
from headcount.records.rows import Cell, Rows
from headcount.run_folder import RunFolder, encode_lines, open_private

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NAMES = ("outcomes.jsonl", "rejected.jsonl", "unknown.jsonl", "rejected.csv")


class _Line(msgspec.Struct, gc=False):
    """A line of outcomes.jsonl."""

    row: int
    line: int
    status: Status
    kind: Kind | None
    code: str | None
    detail: str | None
    http_status: int | None
    field: str | None
    vendor_id: str | None
    attempts: int
    retryable: bool | None
    of_row: int | None


@attrs.frozen
class Summary:
    """What summary.json says of a run, in its order."""

    run: str
    """The path of its folder."""
    destination: str
    source: str
    input: int
    counts: Mapping[Status, int]
    requests: int
    retries: int
    problems: Sequence[ProblemGroup]
    exit_code: int | None
    """None while the run has not ended."""

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return attrs.asdict(self)


def summary_of(folder: RunFolder, destination: str, source: str, report: Report, exit_code: int | None) -> Summary:
    """The summary of a run with this report."""
    return Summary(
        run=str(folder.path),
        destination=destination,
        source=source,
        input=report.input,
        counts=report.counts,
        requests=report.requests,
        retries=report.retries,
        problems=report.problems,
        exit_code=exit_code,
    )


def account(stretches: Iterable[Stretch], count: int, stop: Problem | None = None) -> Report:
    """The counts and problems of the first `count` rows of a run, as `render` writes them row by row."""
    ledger = Ledger()
    not_reached = _not_reached(stop)
    for stretch in stretches:
        _leave_out(ledger, stretch.rows[0], not_reached)
        if stretch.rows[-1] - stretch.rows[0] + 1 == len(stretch.rows):
            ledger.open(len(stretch.rows))
            ledger.settle(stretch.rows, stretch.answer, 0)
        else:
            for position, row in enumerate(stretch.rows):
                _leave_out(ledger, row, not_reached)
                ledger.open(1)
                ledger.settle([row], stretch.answer.pick([position]), 0)
        ledger.discard()
    _leave_out(ledger, count, not_reached)
    return Report({status: ledger.counts[status] for status in Status}, ledger.groups())


def _leave_out(ledger: Ledger, until: int, problem: Problem) -> None:
    """Enter the rows up to `until` as those that the run did not reach."""
    rows = range(ledger.opened, until)
    if rows:
        ledger.open(len(rows))
        ledger.settle(rows, Answer.same(len(rows), Status.NOT_SENT, problem), 0)
        ledger.discard()


def render(
    folder: RunFolder,
    journal: SqliteJournal,
    chunks: Iterable[Rows],
    summary: Summary,
    stop: Problem | None = None,
) -> None:
    """Write the views of a run into its folder, each in place of an earlier one, whole or not at all.

    `chunks` are the rows that the run has read, from the first on; one of which the journal says nothing is
    `not_sent`, for the reason `stop` if there is one. Raises FatalError when a view cannot be written (the
    journal is not touched, and earlier views stay), JournalError, and what reading the chunks raises.
    """
    words = _Words(journal.stretches(), _not_reached(stop))
    try:
        with ExitStack() as stack:
            outcomes, rejected, unknown, table = (stack.enter_context(_View(folder.path / name)) for name in _NAMES)
            rejects = _RejectTable(stack.enter_context(tempfile.TemporaryFile(dir=folder.path)))
            for rows in chunks:
                said = words.take(rows.index, rows.index + len(rows))
                outcomes.file.write(_lines(rows, said))
                refused = said.positions(Status.REJECTED)
                records = list(_pick(rows, refused).records())
                rejected.file.write(encode_lines(records))
                rejects.add(rows, refused, records, said.problems)
                unknown.file.write(encode_lines(_pick(rows, said.positions(Status.UNKNOWN)).records()))
            rejects.copy_to(table.file)
            text = msgspec.json.encode(summary.as_json())
            last = stack.enter_context(_View(folder.path / "summary.json"))
            last.file.write(msgspec.json.format(text, indent=2) + b"\n")
    except OSError as error:
        raise FatalError(
            f"the views in {folder.path} cannot be written: {error.strerror};"
            " the journal is whole, resume the run when there is room"
        ) from error


def _not_reached(stop: Problem | None) -> Problem:
    return NOT_REACHED if stop is None else Problem(stop.kind, stop.detail, retryable=True)


class _View:
    """A file that takes its place when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")

    def __enter__(self) -> Self:
        self._part.unlink(missing_ok=True)
        self.file = open_private(self._part, os.O_EXCL)
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            self.file.close()
            if kind is None:
                self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)


@attrs.define
class _Said:
    """The latest word on consecutive rows, by column; `problems` by position."""

    statuses: list[Status]
    vendor_ids: list[str | None]
    attempts: list[int]
    problems: dict[int, Problem] = attrs.field(factory=dict)

    def positions(self, status: Status) -> list[int]:
        if status not in self.statuses:
            return []
        return [position for position, found in enumerate(self.statuses) if found is status]


class _Words:
    """Cuts the journal's stretches to the chunks of the input."""

    def __init__(self, stretches: Iterator[Stretch], not_reached: Problem) -> None:
        self._not_reached = not_reached
        self._stretches = stretches
        self._stretch = next(stretches, None)

    def take(self, start: int, stop: int) -> _Said:
        """The rows from `start` up to `stop`. Each call begins where the last one ended, or later."""
        size = stop - start
        said = _Said([Status.NOT_SENT] * size, [None] * size, [0] * size)
        told = 0
        while self._stretch is not None and self._stretch.rows[0] < stop:
            told += _tell(said, start, stop, self._stretch)
            if self._stretch.rows[-1] >= stop:
                break
            self._stretch = next(self._stretches, None)
        if told < size:
            for position, status in enumerate(said.statuses):
                if status is Status.NOT_SENT:
                    said.problems.setdefault(position, self._not_reached)
        return said


def _tell(said: _Said, start: int, stop: int, stretch: Stretch) -> int:
    """Put what a stretch says of the rows in place; answers how many they are."""
    answer = stretch.answer
    left, right = bisect_left(stretch.rows, start), bisect_left(stretch.rows, stop)
    places = [row - start for row in stretch.rows[left:right]]
    if not places:
        return 0
    if places[-1] - places[0] + 1 == len(places):
        place = slice(places[0], places[-1] + 1)
        said.statuses[place] = answer.statuses[left:right]
        said.attempts[place] = stretch.attempts[left:right]
        if answer.vendor_ids is not None:
            said.vendor_ids[place] = answer.vendor_ids[left:right]
    else:
        for position, at in enumerate(places, left):
            said.statuses[at] = answer.statuses[position]
            said.attempts[at] = stretch.attempts[position]
            if answer.vendor_ids is not None:
                said.vendor_ids[at] = answer.vendor_ids[position]
    for position, problem in answer.problems.items():
        if left <= position < right:
            said.problems[places[position - left]] = problem
    return len(places)


def _lines(rows: Rows, said: _Said) -> bytes:
    none = repeat(None)
    numbers = range(rows.index + 1, rows.index + 1 + len(rows))
    # fmt: off
    lines = list(map(
        _Line, numbers, rows.lines, said.statuses, none, none, none, none, none,
        said.vendor_ids, said.attempts, none, none,
    ))
    # fmt: on
    for position, problem in said.problems.items():
        line = lines[position]
        line.kind, line.code, line.detail = problem.kind, problem.code, problem.detail
        line.http_status, line.field = problem.http_status, problem.field
        line.retryable, line.of_row = problem.retryable, problem.of_row
    return encode_lines(lines)


def _pick(rows: Rows, positions: Sequence[int]) -> Rows:
    """The records at these positions, by themselves."""
    return attrs.evolve(
        rows,
        cells=[[column[position] for position in positions] for column in rows.cells],
        lines=[rows.lines[position] for position in positions],
        problems={new: rows.problems[old] for new, old in enumerate(positions) if old in rows.problems},
        damaged={new: rows.damaged[old] for new, old in enumerate(positions) if old in rows.damaged},
    )


class _RejectTable:
    """rejected.csv: the rows are gathered first, since a source may name more columns as it goes."""

    def __init__(self, gathered: BinaryIO) -> None:
        self._gathered = gathered
        self._columns: dict[str, int] = {}

    def add(
        self,
        rows: Rows,
        positions: Sequence[int],
        records: Sequence[dict[str, Cell] | list[str]],
        problems: Mapping[int, Problem],
    ) -> None:
        for column in rows.columns:
            self._columns.setdefault(column, len(self._columns))
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        for position, record in zip(positions, records, strict=True):
            problem = problems[position]
            cells: list[Cell] = [None] * len(self._columns)
            if isinstance(record, dict):
                for column, cell in record.items():
                    cells[self._columns[column]] = cell
            else:
                cells = list(record)
            said = (problem.kind.value, problem.detail, problem.field, problem.code)
            writer.writerow([rows.index + position + 1, *map(_shown, said), *map(_shown, cells)])
        self._gathered.write(text.getvalue().encode())

    def copy_to(self, file: BinaryIO) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(["row", "kind", "detail", "field", "code", *map(_shown, self._columns)])
        file.write(text.getvalue().encode())
        self._gathered.seek(0)
        shutil.copyfileobj(self._gathered, file)


def _shown(cell: Cell) -> str:
    """A cell that a spreadsheet shows and never runs."""
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
