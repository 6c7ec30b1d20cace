"""Runs from the command: a load of a source, in a folder, that can be stopped, resumed and looked at."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import attrs
import msgspec

from headcount.configuration import make_destination
from headcount.destinations.base import Destination
from headcount.errors import FatalError, InputChanged, JournalError, UsageError
from headcount.inputs import RowsInput
from headcount.journal.sqlite import SqliteJournal
from headcount.loading import Load, Progress, calls_noted, start
from headcount.outcome import Kind, Problem, Report
from headcount.records.encode import Encoder, flat_attributes
from headcount.records.mapping import ColumnMap
from headcount.records.rows import Rows
from headcount.run_folder import RunFolder
from headcount.settings import Settings
from headcount.sources import Source, open_source
from headcount.sources.chunks import limited
from headcount.views import Summary, account, render, summary_of

_END = "end"
"""The name of the note that a run which came to its end leaves in its journal."""


@attrs.frozen
class RunSettings:
    """What a run is, as its folder keeps it: JSON values, and no secrets. The vendor's come from the environment."""

    destination: str
    """The name that the destination was called by."""
    vendor: str
    source: str
    """An absolute path, or "-" for standard input."""
    options: dict[str, str] = attrs.Factory(dict)
    endpoint: str | dict[str, str] | None = None
    mapped: dict[str, str] = attrs.Factory(dict)
    constants: dict[str, str] = attrs.Factory(dict)
    limit: int | None = None
    load: Settings = attrs.Factory(Settings)
    copied: bool = False
    """The source cannot be read twice, so the folder holds a copy of it."""

    @classmethod
    def of(cls, folder: RunFolder) -> RunSettings:
        """The settings of a run. Raises UsageError for one that the library made, JournalError."""
        try:
            return msgspec.convert(folder.settings, cls)
        except msgspec.ValidationError:
            raise UsageError(
                f"{folder.path} is not a run of the command: the program that made it resumes it"
            ) from None

    def open_source(self) -> Source:
        """The source, from its beginning. Raises SourceError."""
        return open_source(self.source, limit=self.limit)


@attrs.frozen
class End:
    """How a run ended; kept in its journal."""

    input: int
    """Rows of the source that are accounted for."""
    exit_code: int
    stop: Problem | None = None
    whole: bool = True
    """The source was read to its end."""


def begin(settings: RunSettings, path: Path | None, on_progress: Progress | None = None) -> Run:
    """A new run in the folder `path`, or in a new one under `runs`; nothing is sent before its `work`.

    Raises UsageError for everything that is wrong with settings, source and folder.
    """
    destination = make_destination(settings.vendor, settings.options, settings.endpoint)
    destination.behaviour(settings.load.mode)
    settings.load.limits(destination.limits)
    columns = ColumnMap(destination.layout, settings.mapped, settings.constants)
    source = settings.open_source()
    rows = checked_chunks(source, columns)
    settings = attrs.evolve(settings, copied=source.path is None, options=dict(destination.describe()))
    folder = RunFolder.create(path, settings.destination, msgspec.to_builtins(settings))
    return Run(folder, settings, destination, columns, rows, on_progress)


def resume(path: Path, on_progress: Progress | None = None) -> Run:
    """The run in the folder `path`, to be carried on. Raises UsageError, RunLocked, JournalError."""
    folder = RunFolder.open(path)
    settings = RunSettings.of(folder)
    destination = make_destination(settings.vendor, settings.options, settings.endpoint)
    columns = ColumnMap(destination.layout, settings.mapped, settings.constants)
    rows = _source_again(folder, settings).chunks()
    return Run(folder, settings, destination, columns, rows, on_progress, resumed=True)


class Run:
    """A run under way in this process."""

    def __init__(
        self,
        folder: RunFolder,
        settings: RunSettings,
        destination: Destination,
        columns: ColumnMap,
        rows: Iterator[Rows],
        on_progress: Progress | None,
        *,
        resumed: bool = False,
    ) -> None:
        """Raises RunLocked and JournalError."""
        self.folder = folder
        self.settings = settings
        self._feed = _Feed(rows) if settings.copied and not resumed else None
        chunks = rows if self._feed is None else self._feed.chunks()
        encoder = Encoder(destination.layout, destination.check, columns)
        self._load: Load = start(
            destination,
            settings.load,
            lambda copy: RowsInput(chunks, encoder, copy),
            folder,
            on_progress,
            copied=self._feed is not None,
        )
        self._signal: int | None = None

    @property
    def warnings(self) -> Sequence[str]:
        """What the caller should be told, so far: columns that reach nothing."""
        return self._load.warnings

    def stop(self, signal: int) -> None:
        """Start no more calls; `work` ends when those in flight have. From any thread."""
        self._signal = self._signal or signal
        if self._feed is not None:
            self._feed.stopped = True
        self._load.stop()

    def abort(self) -> None:
        """Give up the calls in flight too. From any thread."""
        self._load.abort()

    def work(self) -> Result:
        """Run to the end, write the views, and answer what came of it.

        What the vendor or the network ends is in the result. Raises JournalError, InputChanged, SourceError and
        FatalError for views that cannot be written: then the folder has no new views.
        """
        error = None
        try:
            self._load.report()
        except FatalError as caught:
            if isinstance(caught, (JournalError, InputChanged)):
                raise
            error = caught
        if self._signal is None and error is not None:
            self._load.drain()
        elif self._feed is not None:
            self._load.drain()  # what was taken out of the pipe already
        return self._conclude(error)

    def _conclude(self, error: FatalError | None) -> Result:
        report = self._load.so_far()
        stop = report.stop if error is None else Problem(Kind.STOPPED, str(error), retryable=True)
        with self.folder.open_journal() as journal:
            before = _end_of(journal)
            count = max(report.input, journal.rows_read)
            if self._feed is not None:
                whole = self._feed.ended
            else:
                whole = not self.settings.copied or (before is not None and before.whole)
            accounts = account(journal.stretches(), count, stop)
            report = attrs.evolve(report, counts=accounts.counts, problems=accounts.problems, stop=stop)
            exit_code = 4 if error is not None else report.exit_code
            if not whole and exit_code in (0, 1):
                exit_code = 5  # what was left in the pipe was not sent either
            if self._signal is not None:
                exit_code = 128 + self._signal
            summary = _summary(self.folder, self.settings, report, exit_code)
            chunks = limited(_source_again(self.folder, self.settings).chunks(), count)
            render(self.folder, journal, chunks, summary, stop)
            journal.note(_END, msgspec.to_builtins(End(count, exit_code, stop, whole)))
            journal.commit()
        return Result(report, summary, exit_code, error, whole)


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


@attrs.frozen
class State:
    """How a run stands at this moment."""

    settings: RunSettings
    report: Report
    summary: Summary
    running: bool
    end: End | None
    """None when no process has brought it to an end yet."""


def look_at(path: Path) -> State:
    """The counts of a run, which another process may be working on. Raises UsageError, JournalError."""
    folder = RunFolder.open(path)
    settings = RunSettings.of(folder)
    running = folder.in_use
    with folder.read_journal() as journal:
        end = None if running else _end_of(journal)
        count = max(journal.rows_read, end.input if end is not None else 0)
        stop = end.stop if end is not None else None
        report = account(journal.stretches(), count, stop)
        requests, retries = calls_noted(journal)
    report = attrs.evolve(report, requests=requests, retries=retries, stop=stop)
    summary = _summary(folder, settings, report, None if end is None else end.exit_code)
    return State(settings, report, summary, running, end)


def checked_chunks(source: Source, columns: ColumnMap) -> Iterator[Rows]:
    """The chunks of a source whose columns reach the key, and hold all that the mapping names.

    A source without a header is judged by its first chunk. Raises UsageError.
    """
    chunks = source.chunks()
    if source.columns is not None:
        columns.check_columns(source.columns)
        return chunks
    first = next(chunks, None)
    if first is None:
        return chunks
    names = flat_attributes(first).columns
    if names:
        columns.check_columns(names)
    return chain([first], chunks)


def _source_again(folder: RunFolder, settings: RunSettings) -> Source:
    return open_source(str(folder.input_path)) if settings.copied else settings.open_source()


def _end_of(journal: SqliteJournal) -> End | None:
    noted = journal.noted(_END)
    return None if noted is None else msgspec.convert(noted, End)


def _summary(folder: RunFolder, settings: RunSettings, report: Report, exit_code: int | None) -> Summary:
    source = "stdin" if settings.source == "-" else settings.source
    return summary_of(folder, settings.destination, source, report, exit_code)


class _Feed:
    """Reads a pipe in a thread of its own, so that a load which waits for the pipe can be stopped."""

    _POLL_SECONDS = 0.1

    def __init__(self, rows: Iterator[Rows]) -> None:
        self._rows = rows
        self._read: queue.Queue[Rows | Exception | None] = queue.Queue(maxsize=2)
        self.stopped = False
        self.ended = False

    def chunks(self) -> Iterator[Rows]:
        """The chunks; when it has been stopped, those that were read by then."""
        threading.Thread(target=self._pump, name="headcount-input", daemon=True).start()
        while True:
            try:
                item = self._read.get(timeout=self._POLL_SECONDS)
            except queue.Empty:
                if self.stopped:
                    return
                continue
            if item is None:
                self.ended = True
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def _pump(self) -> None:
        try:
            for rows in self._rows:
                self._read.put(rows)
                if self.stopped:
                    return
            self._read.put(None)
        except Exception as error:  # noqa: BLE001 it is raised in the thread that loads
            self._read.put(error)
