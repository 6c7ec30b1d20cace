"""What people and programs read of a run, rendered from its journal and its input."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, Self

import attrs
import msgspec

from headcount.core.jobs import NOT_REACHED
from headcount.core.ledger import Ledger
from headcount.errors import FatalError
from headcount.journal.events import Stretch, filled
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Kind, Problem, ProblemGroup, Report, Status
from headcount.records.columns import picked
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
        run=_written(str(folder.path)),
        destination=destination,
        source=_written(source),
        input=report.input,
        counts=report.counts,
        requests=report.requests,
        retries=report.retries,
        problems=report.problems,
        exit_code=exit_code,
    )


def _written(path: str) -> str:
    """A path as text that can be written: a byte of it that is no UTF-8 as `\\xe9`."""
    return os.fsencode(path).decode(errors="backslashreplace")


def account(stretches: Iterable[Stretch], count: int, stop: Problem | None = None) -> Report:
    """The counts and problems of the first `count` rows of a run, as `render` has them."""
    ledger = Ledger()
    for _ in _entered(ledger, filled(stretches, count, _not_reached(stop))):
        pass
    return _accounts(ledger)


def render(
    folder: RunFolder,
    journal: SqliteJournal,
    chunks: Iterable[Rows],
    count: int,
    summarise: Callable[[Report], Summary],
    stop: Problem | None = None,
) -> Report:
    """Write the views of a run into its folder, each in place of an earlier one, whole or not at all.

    `chunks` are its first `count` rows, or as many of them as there still are; one of which the journal says nothing
    is `not_sent`, for the reason `stop` if there is one. Answers the counts and problems, of which `summarise` makes
    what is written last. Raises FatalError when a view cannot be written (the journal is not touched, and earlier
    views stay), JournalError, and what reading the chunks raises.
    """
    ledger = Ledger()
    words = _Words(_entered(ledger, filled(journal.stretches(), count, _not_reached(stop))))
    try:
        with ExitStack() as stack:
            outcomes, rejected, unknown, table = (stack.enter_context(_View(folder.path / name)) for name in _NAMES)
            rejects = _RejectTable(stack.enter_context(tempfile.TemporaryFile(dir=folder.path)))
            for rows in chunks:
                said = words.take(len(rows))
                outcomes.file.write(_lines(rows, said))
                refused = said.positions(Status.REJECTED)
                records = list(_pick(rows, refused).records())
                rejected.file.write(encode_lines(records))
                rejects.add(rows, refused, records, said.problems)
                unknown.file.write(encode_lines(_pick(rows, said.positions(Status.UNKNOWN)).records()))
            rejects.copy_to(table.file)
            words.skip_rest()
            accounts = _accounts(ledger)
            text = msgspec.json.encode(summarise(accounts).as_json())
            last = stack.enter_context(_View(folder.path / "summary.json"))
            last.file.write(msgspec.json.format(text, indent=2) + b"\n")
    except OSError as error:
        raise FatalError(
            f"the views in {folder.path} cannot be written: {error.strerror};"
            " the journal is whole, resume the run when there is room"
        ) from error
    return accounts


def _entered(ledger: Ledger, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """The stretches, each entered into the ledger as it passes."""
    for stretch in stretches:
        ledger.open(len(stretch.rows))
        ledger.settle(stretch.rows, stretch.answer, 0)
        ledger.discard()
        yield stretch


def _accounts(ledger: Ledger) -> Report:
    return Report({status: ledger.counts[status] for status in Status}, ledger.groups())


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

    statuses: list[Status] = attrs.field(factory=list)
    vendor_ids: list[str | None] = attrs.field(factory=list)
    attempts: list[int] = attrs.field(factory=list)
    problems: dict[int, Problem] = attrs.field(factory=dict)

    def add(self, stretch: Stretch) -> None:
        answer, before = stretch.answer, len(self.statuses)
        self.statuses += answer.statuses
        self.vendor_ids += answer.vendor_ids or [None] * len(answer)
        self.attempts += stretch.attempts
        for position, problem in answer.problems.items():
            self.problems[before + position] = problem

    def positions(self, status: Status) -> list[int]:
        if status not in self.statuses:
            return []
        return [position for position, found in enumerate(self.statuses) if found is status]


class _Words:
    """Cuts stretches without gaps, from row 0 on, to the chunks of the input."""

    def __init__(self, stretches: Iterator[Stretch]) -> None:
        self._stretches = stretches
        self._left: Stretch | None = None

    def take(self, size: int) -> _Said:
        """The next so many rows."""
        said = _Said()
        while size:
            stretch = self._left or next(self._stretches, None)
            if stretch is None:
                raise AssertionError("there are more rows than were counted")
            taken = min(size, len(stretch.rows))
            said.add(stretch.part(0, taken))
            self._left = stretch.part(taken, len(stretch.rows)) if taken < len(stretch.rows) else None
            size -= taken
        return said

    def skip_rest(self) -> None:
        """Let the stretches that no chunk is for pass."""
        for _ in self._stretches:
            pass


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
        cells=[picked(column, positions) for column in rows.cells],
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
