"""A schedule, played: session by session, and how each went."""

from __future__ import annotations

import copy
import math
import random
import shutil
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import attrs

from headcount.errors import FatalError
from headcount.journal.sqlite import SqliteJournal
from headcount.loading import Asking, Load, start
from headcount.outcome import Outcome, Report
from headcount.run_folder import RunFolder
from headcount.settings import Settings
from tests.journals import outcomes_of
from tests.simulation.faults import Fault
from tests.simulation.plans import Course, Schedule, schedule
from tests.simulation.timeline import Clock, Endless
from tests.simulation.vendor import Account, Vendor
from tests.simulation.world import Broken, Call, Crash, Network, People

__all__ = ["CONNECT_PATIENCE", "OUTAGE_PATIENCE", "TIMEOUT", "History", "Schedule", "Session", "play", "schedule"]

TIMEOUT = 60.0
"""Seconds that a call may take."""
OUTAGE_PATIENCE = 300.0
"""Seconds without a good answer after which a run is to end."""
CONNECT_PATIENCE = 10.0
"""Seconds after which a run is to end that has never had any answer at all."""
_MEMORY_DISK = Path("/dev/shm")


@attrs.define(kw_only=True)
class Session:
    """One load of a run, or one that asks."""

    number: int
    course: Course
    network: Network
    account: Account
    people: People
    outcomes: list[Outcome]
    """Those that were told."""
    report: Report
    error: BaseException | None
    began: float
    ended: float
    calls: list[Call]
    before: dict[int, Outcome]
    """What the journal said of each row before it; it says nothing of a load without a run folder."""
    after: dict[int, Outcome]
    rows_known: int
    """How many rows the sessions before have read, as the journal says."""
    rows_known_after: int

    @property
    def crashed(self) -> bool:
        return isinstance(self.error, Crash)

    @property
    def closed(self) -> bool:
        """The caller ended it."""
        return any(end is not None for end in (self.course.close_after, self.course.stop_at, self.course.abort_at))

    @property
    def sends(self) -> list[Call]:
        """The calls that carried contacts."""
        return [call for call in self.calls if call.sends]


@attrs.define
class History:
    """What a schedule came to. `vendor` is the oracle."""

    schedule: Schedule
    vendor: Vendor
    calls: list[Call]
    sessions: list[Session] = attrs.field(factory=list)


def play(plan: Schedule) -> History:
    """Run a schedule: one session, or, with a run folder, one after the other."""
    history = History(plan, copy.deepcopy(plan.vendor), [])
    clock = Clock()
    if not plan.kept:
        _session(history, clock, None, plan.courses[0])
    else:
        parent = Path(tempfile.mkdtemp(dir=_MEMORY_DISK if _MEMORY_DISK.is_dir() else None))
        try:
            path = parent / "run"
            RunFolder.create(path, "simulated", {})
            for course in plan.courses:
                clock.now += course.pause
                _session(history, clock, path, course)
        finally:
            shutil.rmtree(parent)
    history.vendor.advance(math.inf)
    return history


class _Journal(SqliteJournal):
    """A journal before and after whose commits the process can die, and whose disk can fill up."""

    step: Callable[[], None]
    commits_left: float = math.inf

    def commit(self) -> None:
        self.step()
        self.commits_left -= 1
        if self.commits_left < 0:
            self._database.execute("PRAGMA max_page_count = 1")  # as many as there are: no more can be had
        super().commit()
        self.step()


@attrs.define
class _Folder:
    """The part of a run folder that a load uses."""

    path: Path
    step: Callable[[], None]
    full_from: float

    def open_journal(self) -> SqliteJournal:
        journal = _Journal.open(RunFolder.open(self.path).journal_path)
        assert isinstance(journal, _Journal)
        journal.step = self.step
        journal.commits_left = self.full_from
        return journal


def _session(history: History, clock: Clock, path: Path | None, course: Course) -> None:
    plan, vendor, number = history.schedule, history.vendor, len(history.sessions)
    chance = random.Random(f"{plan.seed} {number}")
    began = clock.now
    earlier = history.sessions[-1] if history.sessions else None
    before, rows_read = ({}, 0) if earlier is None else (earlier.after, earlier.rows_known_after)

    def fault(now: float) -> Fault:
        if not course.faulty:
            return Fault.NONE
        if course.outage[0] <= now - began < course.outage[1]:
            return plan.outage_fault
        return chance.choice(plan.faults) if chance.random() < plan.fault_share else Fault.NONE

    account = Account(vendor, plan.limits)
    network = Network(
        vendor=vendor,
        clock=clock,
        chance=chance,
        session=number,
        calls=history.calls,
        faults=fault,
        concurrency=plan.concurrency,
        lateness=plan.lateness,
        crash_after=math.inf if course.crash_after is None else course.crash_after,
    )
    shown = min(course.shown, rows_read) if course.asking else course.shown
    changed = range(0) if course.changed_from is None else range(course.changed_from, rows_read)
    people = People(plan.keys[:shown], plan.invalid, plan.chunk, plan.padding, course.breaks_at, changed)
    full_from = math.inf if course.full_from is None else course.full_from
    first_call = len(history.calls)
    outcomes: list[Outcome] = []
    error: BaseException | None = None

    load: Load = start(
        account,
        Settings(
            concurrency=plan.concurrency,
            requests_per_second=plan.requests_per_second,
            max_errors=course.max_errors,
            deadline=course.deadline,
            attempt_timeout=TIMEOUT,
            repeats=plan.repeats and not course.asking,
            ordered=plan.ordered,
        ),
        lambda copy: people,
        None if path is None else _Folder(path, network.step, full_from),  # type: ignore[arg-type]
        asking=Asking(course.max_calls) if course.asking else None,
        workers=network,
        clock=clock,
        jitter=random.Random(plan.seed),
    )
    if course.deadline is not None:
        network.stopped_at = began + course.deadline
    for moment, end in ((course.stop_at, load.stop), (course.abort_at, load.abort)):
        if moment is not None:
            network.at(began + moment, network.stopped)
            network.at(began + moment, end)
    try:
        if plan.iterated or course.close_after is not None:
            outcomes.extend(islice(load, course.close_after))
        if course.close_after is not None:
            network.stopped()
            load.close()
        load.report()
    except (FatalError, Crash, Broken, Endless) as caught:
        error = caught
    vendor.advance(clock.now)
    after, rows_known_after = _journal(path)
    history.sessions.append(
        Session(
            number=number,
            course=course,
            network=network,
            account=account,
            people=people,
            outcomes=outcomes,
            report=load.so_far(),
            error=error,
            began=began,
            ended=clock.now,
            calls=history.calls[first_call:],
            before=before,
            after=after,
            rows_known=rows_read,
            rows_known_after=rows_known_after,
        )
    )


def _journal(path: Path | None) -> tuple[dict[int, Outcome], int]:
    """What the journal says of each row, and how many were read."""
    if path is None:
        return {}, 0
    with RunFolder(path).read_journal() as journal:
        return {outcome.index: outcome for outcome in outcomes_of(journal)}, journal.rows_read
