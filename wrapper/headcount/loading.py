"""The front door: contacts in, one outcome for each out."""

from __future__ import annotations

import math
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Self

import attrs

from headcount.contact import Contact
from headcount.core.engine import Engine
from headcount.core.inquiry import Confirmation, Inquiry
from headcount.core.jobs import Stop
from headcount.core.ledger import Ledger
from headcount.core.pace import Pace
from headcount.destinations.base import Destination
from headcount.driver import Driver
from headcount.ending import conclude
from headcount.errors import FatalError, UsageError
from headcount.inputs import Input, ObjectsInput
from headcount.journal import Journal
from headcount.journal.memory import MemoryJournal
from headcount.journal.sqlite import CREATED, SqliteJournal
from headcount.outcome import Kind, Outcome, Problem, Report, Status
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.records.rows import Rows
from headcount.run_folder import InputCopy, RunFolder, has_run
from headcount.settings import Settings
from headcount.sources import open_source
from headcount.transport import HttpTransport
from headcount.workers import ThreadWorkers, Workers

Progress = Callable[[Report], None]
"""Is called with the counts so far."""
OnEnd = Callable[[SqliteJournal, Report, FatalError | None], None]
"""Is called when a load with a run folder has come to its end: with its report, and the error it ends with, if any."""

_END = object()
OBJECTS = "contacts"
"""What stands for the source of a run of the library."""


class Load:
    """A load under way: an iterator of outcomes. Nothing happens between two steps of it.

    Close it, or use it as a context manager, to end it early: what is in flight is settled, and only the
    rows that were read count.
    """

    def __init__(
        self,
        driver: Driver,
        source: Input,
        on_progress: Progress | None,
        on_end: Callable[[Report, FatalError | None], None] | None,
        counts_rest: Callable[[], bool] | None,
        files: ExitStack,
    ) -> None:
        self._files = files
        self._on_end = on_end
        self._counts_rest = counts_rest or self._goes_on_to_its_end
        self._driver = driver
        self._source = source
        self._on_progress = on_progress
        self._turns = driver.turns(source.chunks())
        self._ready: Iterator[Outcome] = iter(())
        self._rest: Iterator[int] | None = None
        self._ended = False
        self._closing = False
        self._at_work = threading.Lock()

    @property
    def warnings(self) -> Sequence[str]:
        """What the caller should be told of the input: columns that reach nothing."""
        return self._source.warnings

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome:
        while True:
            outcome = next(self._ready, None)
            if outcome is not None:
                return outcome
            if self._ended:
                raise StopIteration
            self._turn()
            self._ready = self._driver.ledger.take()

    def told(self) -> Iterator[Outcome]:
        """The outcomes that are there already, without another step."""
        return self._ready

    def report(self) -> Report:
        """Run to the end without making outcomes of what is left, and answer the counts.

        Raises what ends the run: bad credentials, a wrong endpoint, a broken journal.
        """
        self._ready = iter(())
        while not self._ended:
            self._turn()
            self._driver.ledger.discard()
        return self.so_far()

    def so_far(self) -> Report:
        """The counts at this moment; they add up to what has been settled."""
        ledger, stop = self._driver.ledger, self._driver.stopped
        return Report(
            counts={status: ledger.counts[status] for status in Status},
            problems=ledger.groups(),
            requests=self._driver.requests,
            retries=self._driver.retries,
            stop=None if stop is None else Problem(stop.kind, stop.why),
        )

    def stop(self) -> None:
        """Start no more calls and read no more; what is in flight is waited for. Safe in a signal handler.

        Does nothing when the load has ended.
        """
        if not self._ended:
            self._closing = True
            self._driver.stop(Stop(Kind.STOPPED, "the run was stopped"))

    def abort(self) -> None:
        """Give up what is in flight too: it becomes `unknown`."""
        self.stop()
        self._driver.close()

    def close(self) -> None:
        """End the load in good order. Does nothing when it has ended."""
        if not self._ended:
            self.stop()
            self.report()

    def drain(self) -> Report:
        """After a fatal error: enter what was never read as `not_sent`, and answer the counts."""
        for count in self._source.rest():
            self._driver.not_read(count)
            self._driver.ledger.discard()
        return self.so_far()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # An exception of the caller's is not to be hidden by one of ours.
        with suppress(FatalError) if kind else nullcontext():
            self.close()

    def __del__(self) -> None:
        if getattr(self, "_ended", True):
            return
        if sys.is_finalizing():
            # The threads that would bring the replies run no more.
            self._release()
        else:
            with suppress(Exception):
                self.close()

    def _turn(self) -> None:
        if not self._at_work.acquire(blocking=False):
            raise UsageError("a load takes one step at a time, from one thread; stop() may be called from anywhere")
        try:
            self._step()
        finally:
            self._at_work.release()
        if self._on_progress is not None:
            self._on_progress(self.so_far())

    def _step(self) -> None:
        try:
            if self._rest is None:
                if next(self._turns, _END) is _END:
                    self._end_of_calls()
            elif not self._counts_rest() or (count := next(self._rest, None)) is None:
                self._end()
            else:
                self._driver.not_read(count)
        except BaseException:
            self._release()
            raise

    def _end_of_calls(self) -> None:
        """No call is left. What the input still holds may have to be counted."""
        if self._driver.stopped is not None and self._counts_rest():
            self._rest = self._source.rest()
        else:
            self._end()

    def _goes_on_to_its_end(self) -> bool:
        """Whether neither the caller nor an error ended the load."""
        stop = self._driver.stopped
        return not self._closing and (stop is None or stop.error is None)

    def _end(self) -> None:
        self._driver.ledger.check()
        stop = self._driver.stopped
        error = None if stop is None else stop.error
        if self._on_end is not None:
            self._on_end(self.so_far(), error)
        self._release()
        if error is not None:
            raise error

    def _release(self) -> None:
        self._ended = True
        self._files.close()


def load(
    contacts: Iterable[object],
    *,
    to: Destination,
    run_dir: str | Path | None = None,
    mode: str = "create",
    concurrency: int | None = None,
    requests_per_second: float | None = None,
    max_batch: int | None = None,
    max_errors: int | str | None = None,
    deadline: float | None = None,
    attempt_timeout: float = 60.0,
    repeats: bool = True,
    ordered: bool = True,
    on_progress: Progress | None = None,
) -> Load:
    """Load contacts in bulk; one outcome for each, in input order, whatever happens.

    `contacts` is read lazily and may hold `Contact`, a wire record of the vendor, or a mapping of vendor field to
    value. `to` is the destination. With a `run_dir` every step is durable there, and a `run_dir` that holds a run is
    resumed: settled rows come from its journal without a call. `mode` is what is done with the contacts: `create`,
    `update`, `upsert` (update, or create where there is none) or `delete` (a contact is its key alone then), where the
    vendor has a bulk call for it; docs/modes.md says what each outcome means then. `concurrency` is calls in flight at
    most, `requests_per_second` caps the calls that start, `max_batch` the contacts in one; None takes what the vendor
    documents. `max_errors` is how many contacts may end `rejected` or `unknown`, or a text such as "5%" (judged from
    1,000 settled rows on). `deadline` is seconds for the whole load, `attempt_timeout` for one call. `repeats=False`
    turns the look-out for repeated keys off. `ordered=False` tells outcomes as they settle. `on_progress` is called
    with the counts so far, often.

    Raises UsageError at once for arguments that cannot work, RunLocked when another process has the run. What a
    load meets later is raised by the iterator: CredentialsError, EndpointError, BatchRefusedError, InputChanged,
    JournalError. A contact's own failure never raises.
    """
    settings = Settings(
        mode=mode,
        concurrency=concurrency,
        requests_per_second=requests_per_second,
        max_batch=max_batch,
        max_errors=max_errors,
        deadline=deadline,
        attempt_timeout=attempt_timeout,
        repeats=repeats,
        ordered=ordered,
    )
    if isinstance(to, type) or not hasattr(to, "in_mode"):
        raise UsageError(f"to is a destination, such as Emarsys.from_env(), not {type(to).__name__}")
    to = to.in_mode(mode)
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    folder = None if run_dir is None else folder_of_objects(Path(run_dir), to.name, mode)
    if isinstance(contacts, (str, bytes, Mapping, Contact)) or not isinstance(contacts, Iterable):
        raise UsageError("contacts is an iterable of contacts, such as a list or a generator")
    objects = iter(contacts)
    return start(
        to,
        settings,
        lambda copy: ObjectsInput(objects, encoder, copy),
        folder,
        on_progress,
        copied=True,
        on_end=None if folder is None else partial(conclude_objects, folder, to.name),
    )


@attrs.frozen
class Asking:
    """That the vendor is asked what became of the rows which earlier sessions of a run left `unknown` or `accepted`.

    At most `max_calls` calls are made. `announced` gives what the vendor has told of a key, since a moment in Unix
    seconds, without being asked; of such a row it is not asked.
    """

    max_calls: int | None = None
    announced: Callable[[str, float], Confirmation | None] | None = None

    def told(self, key: str, since: float) -> Confirmation | None:
        return None if self.announced is None else self.announced(key, since)


def start(
    to: Destination,
    settings: Settings,
    open_input: Callable[[InputCopy | None], Input],
    folder: RunFolder | None,
    on_progress: Progress | None = None,
    *,
    copied: bool = False,
    on_end: OnEnd | None = None,
    counts_rest: Callable[[], bool] | None = None,
    asking: Asking | None = None,
    workers: Workers | None = None,
    clock: Callable[[], float] = time.monotonic,
    jitter: random.Random | None = None,
) -> Load:
    """A load of any input, to a destination that is bound to its mode. `copied` says that the input cannot be read
    twice, so that the run keeps a copy. `counts_rest` says, once no call is left, whether what the input still holds is
    read and counted; by default it is unless the caller or an error ended the load. With `asking` nothing is sent.

    `workers`, `clock` and `jitter` are for simulations. Raises UsageError, RunLocked and JournalError.
    """
    behaviour = to.behaviour
    if asking is not None and not behaviour.look_up_size:
        raise UsageError(f"{to.name} cannot be asked what became of contacts")
    limits = settings.limits(to.limits)
    concurrency = settings.concurrency or to.concurrency
    requests_per_second = settings.requests_per_second or to.requests_per_second
    deadline = math.inf if settings.deadline is None else clock() + settings.deadline
    engine = Engine(
        behaviour,
        Pace(concurrency, requests_per_second),
        deadline=deadline,
        max_calls=math.inf if asking is None or asking.max_calls is None else asking.max_calls,
        jitter=jitter or random.Random(),
    )
    journal: Journal = MemoryJournal()
    copy = None
    inquiry = None
    ending = None
    with ExitStack() as opened:
        if folder is not None:
            journal = durable = opened.enter_context(closing(folder.open_journal()))
            if copied:
                copy = folder.copy_input(journal.rows_read)
            if on_end is not None:
                ending = partial(on_end, durable)
        if asking is not None:
            created = journal.noted(CREATED)
            since = created if isinstance(created, float) else 0.0
            inquiry = Inquiry(to.confirms, partial(asking.told, since=since))
        driver = Driver(
            to,
            engine,
            journal,
            Ledger(ordered=settings.ordered),
            workers or ThreadWorkers(HttpTransport(to.auth), requests_per_second, deadline),
            concurrency=concurrency,
            limits=limits,
            attempt_timeout=settings.attempt_timeout,
            repeats=settings.repeats,
            max_errors=settings.error_limit(),
            inquiry=inquiry,
            clock=clock,
        )
        opened.callback(driver.close)
        source = open_input(copy)
        return Load(driver, source, on_progress, ending, counts_rest, opened.pop_all())


def folder_of_objects(path: Path, destination: str, mode: str) -> RunFolder:
    """The folder of a run of the library, new or to be resumed. Raises UsageError for a run of something else."""
    if not has_run(path):
        return RunFolder.create(path, destination, {"destination": destination, "mode": mode})
    folder = RunFolder.open(path)
    of_folder = mode_of_objects(folder, destination)
    if of_folder != mode:
        raise UsageError(f"{path} is a run with mode={of_folder!r}, not {mode!r}")
    return folder


def mode_of_objects(folder: RunFolder, destination: str) -> str:
    """The mode of a run of the library. Raises UsageError for a run of the command, or to another destination."""
    settings = folder.settings
    if "source" in settings:
        raise UsageError(f"{folder.path} is a run of the command: use the command with it")
    if settings.get("destination") != destination:
        raise UsageError(f"{folder.path} is a run to {settings.get('destination')}, not to {destination}")
    return str(settings.get("mode", "create"))


def conclude_objects(
    folder: RunFolder, destination: str, journal: SqliteJournal, report: Report, error: FatalError | None
) -> None:
    """End a run of the library."""

    def read(count: int) -> Iterable[Rows]:
        return open_source(str(folder.input_path), limit=count).chunks() if count else ()

    conclude(folder, journal, read, report, error, destination=destination, source=OBJECTS)
