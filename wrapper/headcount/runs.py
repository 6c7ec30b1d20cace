"""Runs from the command: a load of a source, in a folder, that can be stopped, resumed and looked at."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import attrs
import msgspec

from headcount.configuration import make_destination
from headcount.core.text import is_utf8
from headcount.destinations.base import Destination
from headcount.driver import calls_noted
from headcount.ending import End, Result, conclude, end_of
from headcount.errors import FatalError, SourceError, UsageError
from headcount.inputs import RowsInput
from headcount.journal.sqlite import SqliteJournal
from headcount.loading import OBJECTS, Asking, Load, Progress, start
from headcount.outcome import Kind, Problem, Report
from headcount.records.contacts import flat_attributes
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.records.rows import Rows
from headcount.run_folder import RunFolder
from headcount.settings import Settings
from headcount.sources import Source, open_source
from headcount.sources.chunks import limited
from headcount.views import Summary, account, summary_of
from headcount.webhooks.announced import announced, webhook_secret
from headcount.webhooks.confirmations import Confirmations

_UNDER_WAY = Problem(Kind.STOPPED, "not settled yet", retryable=True)


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

    @property
    def source_name(self) -> str:
        """The source, for people."""
        return "stdin" if self.source == "-" else self.source

    def make_destination(self, *, offline: bool = False) -> Destination:
        """The destination, bound to the mode; see `configuration.make_destination`. Raises UsageError."""
        return make_destination(self.vendor, self.options, self.endpoint, offline=offline).in_mode(self.load.mode)

    def open_source(self) -> Source:
        """The source, from its beginning. Raises SourceError."""
        return open_source(self.source, limit=self.limit)

    def open_again(self, folder: RunFolder) -> Source:
        """The rows that the run has read, or will, from the first on. Raises SourceError."""
        if self.copied:
            return open_source(str(folder.input_path))
        if Path(self.source).exists() and not Path(self.source).is_file():
            raise SourceError(f"{self.source} was a file when the run began, and is none now")
        return self.open_source()


def begin(settings: RunSettings, path: Path | None, on_progress: Progress | None = None) -> Run:
    """A new run in the folder `path`, or in a new one under `runs`; nothing is sent before its `work`.

    Raises UsageError for everything that is wrong with settings, source and folder.
    """
    if not is_utf8(settings.source):
        raise UsageError("the source lies in a folder whose name is not UTF-8, so that a run cannot name it")
    destination = settings.make_destination()
    settings.load.limits(destination.limits)
    columns = ColumnMap(destination.layout, settings.mapped, settings.constants)
    source = settings.open_source()
    rows = checked_chunks(source, columns)
    settings = attrs.evolve(settings, copied=source.path is None, options=dict(destination.options()))
    folder = RunFolder.create(path, settings.destination, msgspec.to_builtins(settings))
    return Run(folder, settings, destination, columns, rows, on_progress)


def resume(folder: RunFolder, on_progress: Progress | None = None) -> Run:
    """The run in the folder, to be carried on. Raises UsageError, RunLocked, JournalError."""
    return _again(folder, RunSettings.of(folder), on_progress)


def reconcile(
    folder: RunFolder,
    on_progress: Progress | None = None,
    *,
    max_calls: int | None = None,
    confirmations: Path | None = None,
) -> Run:
    """The run in the folder, its vendor to be asked what became of `unknown` and `accepted` rows.

    Nothing is sent. `confirmations` is the file of a webhook receiver. Raises UsageError, RunLocked, JournalError.
    """
    settings = RunSettings.of(folder)
    # What ends a load early has no say in this.
    settings = attrs.evolve(settings, load=attrs.evolve(settings.load, max_errors=None, deadline=None))
    with ExitStack() as files:
        known = None
        if confirmations is not None:
            known = files.enter_context(Confirmations.read(confirmations, webhook_secret()))
        run = _again(
            folder,
            settings,
            on_progress,
            lambda to: Asking(max_calls, None if known is None else announced(to, known)),
        )
        run.files = files.pop_all()
        return run


def _again(
    folder: RunFolder,
    settings: RunSettings,
    on_progress: Progress | None,
    ask: Callable[[Destination], Asking | None] = lambda to: None,
) -> Run:
    destination = settings.make_destination()
    columns = ColumnMap(destination.layout, settings.mapped, settings.constants)
    rows = settings.open_again(folder).chunks()
    asking = ask(destination)
    return Run(folder, settings, destination, columns, rows, on_progress, resumed=True, asking=asking)


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
        asking: Asking | None = None,
    ) -> None:
        """Raises RunLocked and JournalError."""
        self.folder = folder
        self.settings = settings
        self._feed = _Feed(rows) if settings.copied and not resumed else None
        self._signal: int | None = None
        self._result: Result | None = None
        chunks = rows if self._feed is None else self._feed.chunks()
        encoder = Encoder(destination.layout, destination.check, columns)
        self.asking = asking is not None
        self.files = ExitStack()
        """What is closed when the work is done."""
        self._load: Load = start(
            destination,
            settings.load,
            lambda copy: RowsInput(chunks, encoder, copy),
            folder,
            on_progress,
            copied=self._feed is not None,
            on_end=self._conclude,
            # What was taken out of a pipe is gone, so it counts.
            counts_rest=lambda: self._feed is not None or self._signal is None,
            asking=asking,
        )

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
        with self.files:
            try:
                self._load.report()
            except FatalError:
                if self._result is None:
                    raise
        if self._result is None:
            raise AssertionError("a load that comes to its end is concluded")
        return self._result

    def _conclude(self, journal: SqliteJournal, report: Report, error: FatalError | None) -> None:
        before = end_of(journal)
        if self._feed is not None:
            whole = self._feed.ended
        else:
            whole = not self.settings.copied or (before is not None and before.whole)
        self._result = conclude(
            self.folder,
            journal,
            lambda count: limited(self.settings.open_again(self.folder).chunks(), count),
            report,
            error,
            destination=self.settings.destination,
            source=self.settings.source_name,
            whole=whole,
            signal=self._signal,
        )


@attrs.frozen
class State:
    """How a run stands at this moment."""

    report: Report
    summary: Summary
    running: bool
    end: End | None
    """None when no process has brought it to an end yet."""
    by_command: bool
    """It is none of the library, so the command can carry it on."""


def look_at(path: Path) -> State:
    """The counts of a run, which another process may be working on. Raises UsageError, JournalError."""
    folder = RunFolder.open(path)
    by_command = "source" in folder.settings
    running = folder.in_use
    with folder.read_journal() as journal:
        end = None if running else end_of(journal)
        count = max(journal.rows_read, end.input if end is not None else 0)
        stop = _UNDER_WAY if running else end.stop if end is not None else None
        report = account(journal.stretches(), count, stop)
        requests, retries = calls_noted(journal)
    report = attrs.evolve(report, requests=requests, retries=retries, stop=None if running else stop)
    settings = RunSettings.of(folder) if by_command else None
    source = OBJECTS if settings is None else settings.source_name
    exit_code = None if end is None else end.exit_code
    summary = summary_of(folder, str(folder.settings["destination"]), source, report, exit_code)
    return State(report, summary, running, end, by_command)


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
