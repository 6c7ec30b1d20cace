"""One seed, one schedule: what is loaded, what befalls it, and how it went."""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import attrs

from headcount.core.batches import Limits
from headcount.core.retry import Repeat
from headcount.errors import FatalError
from headcount.journal.sqlite import SqliteJournal
from headcount.loading import Load, start
from headcount.outcome import Outcome, Report
from headcount.run_folder import RunFolder
from headcount.settings import Settings
from tests.simulation.world import ENDS, Account, Broken, Call, Clock, Crash, Fault, Network, People, Vendor

TIMEOUT = 60.0
_MEMORY_DISK = Path("/dev/shm")


@attrs.frozen(kw_only=True)
class Schedule:
    """All that a seed decides."""

    seed: int
    vendor: Vendor
    limits: Limits
    keys: list[str]
    invalid: frozenset[int]
    padding: list[int]
    chunk: int
    breaks_at: int | None
    concurrency: int
    requests_per_second: float | None
    max_errors: int | str | None
    deadline: float | None
    repeats: bool
    ordered: bool
    iterated: bool
    close_after: int | None
    stop_at: float | None
    fault_share: float
    faults: list[Fault]
    outage: tuple[float, float]
    outage_fault: Fault
    crashes: list[int]
    """Steps after which the process dies, session by session; none for a load without a run folder."""
    kept: bool
    """The load has a run folder, and is resumed."""


@attrs.define(kw_only=True)
class Session:
    """One load of a run."""

    network: Network
    account: Account
    people: People
    outcomes: list[Outcome]
    report: Report
    error: BaseException | None
    began: float
    ended: float
    closed: bool
    crashed: bool


@attrs.define
class History:
    """What a schedule came to."""

    schedule: Schedule
    calls: list[Call]
    sessions: list[Session] = attrs.field(factory=list)


def schedule(seed: int) -> Schedule:
    """What the seed decides."""
    chance = random.Random(seed)
    size = chance.choice((0, 1, 2, chance.randint(3, 30), chance.randint(3, 30), chance.randint(30, 120)))
    repeat = chance.choice(list(Repeat))
    rows = range(size)

    def some(share: float) -> frozenset[int]:
        return frozenset(row for row in rows if chance.random() < share)

    poison = some(chance.choice((0, 0, 0.03, 0.2, 1)))
    vendor = Vendor(
        repeat=repeat,
        upsert=chance.random() < 0.3 if repeat is Repeat.HARMLESS else False,
        asynchronous=repeat is Repeat.DOUBLES and chance.random() < 0.5,
        refuses_whole=chance.random() < 0.5,
        poison=poison,
        there=some(chance.choice((0, 0, 0.2))) - poison,
        most_contacts=chance.choice((1000, 1000, 1000, 3, 8)),
        common_from=chance.choice((math.inf,) * 8 + (0, chance.randint(1, 10))),
    )
    repeated = chance.choice((0, 0, 0.2))
    keys = [f"k{chance.randrange(row)}" if row and chance.random() < repeated else f"k{row}" for row in rows]
    max_bytes = chance.choice((None, None, 40, 120, 400))
    kept = chance.random() < 0.25
    faults = [fault for fault in Fault if fault not in ENDS and fault is not Fault.NONE]
    faults = chance.sample(faults, chance.randint(1, len(faults)))
    if chance.random() < 0.1:
        faults.append(chance.choice(sorted(ENDS)))
    # A look-up that is answered before a late write lands cannot know of it: see docs/guarantees.md.
    if repeat is Repeat.READ_BACK or Fault.SILENT in faults:
        faults = [fault for fault in faults if fault is not Fault.TIMEOUT_LATE] or [Fault.THROTTLED]
    begins = chance.choice((0.0, 0.3, chance.uniform(0, 20)))
    lasts = chance.choice((0.0, 0.0, 0.0, chance.uniform(0, 10), 60.0, 400.0))
    stopping = chance.random()
    return Schedule(
        seed=seed,
        vendor=vendor,
        limits=Limits(chance.choice((1, 2, chance.randint(3, 20), 16, 64)), max_bytes),
        keys=keys,
        invalid=some(chance.choice((0, 0, 0.1, 0.9))),
        padding=[chance.choice((0, 0, chance.randint(0, 60))) for _ in rows],
        chunk=chance.choice((1, 3, 10, 50)),
        breaks_at=chance.randint(0, size) if chance.random() < 0.05 else None,
        concurrency=chance.choice((1, 2, 4, 8)),
        requests_per_second=chance.choice((None, None, 1.0, 7.0, 50.0)),
        max_errors=chance.choice((0, 3, "5%")) if chance.random() < 0.1 else None,
        deadline=chance.choice((0, chance.uniform(0, 30))) if 0.1 < stopping < 0.2 else None,
        repeats=chance.random() < 0.8,
        ordered=chance.random() < 0.8,
        iterated=chance.random() < 0.8,
        close_after=chance.randint(0, size) if 0.2 < stopping < 0.3 else None,
        stop_at=chance.choice((0.0, chance.uniform(0, 10))) if 0.3 < stopping < 0.4 else None,
        fault_share=chance.choice((0, 0, 0.05, 0.3, 0.8)),
        faults=faults,
        outage=(begins, begins + lasts),
        outage_fault=chance.choice((Fault.BUSY_BEFORE, Fault.NOT_CONNECTED, Fault.TIMEOUT, Fault.BUSY_AFTER)),
        crashes=[chance.randint(0, chance.choice((12, 60))) for _ in range(chance.choice((1, 1, 2)))] if kept else [],
        kept=kept,
    )


def play(plan: Schedule) -> History:
    """Run a schedule: once, or, with a run folder, until a session ends that nothing cuts short."""
    history = History(plan, [])
    clock = Clock()
    if not plan.kept:
        _session(history, clock, None, cut_short=True, crash_after=math.inf)
        return history
    parent = Path(tempfile.mkdtemp(dir=_MEMORY_DISK if _MEMORY_DISK.is_dir() else None))
    try:
        path = parent / "run"
        RunFolder.create(path, "simulated", {})
        for crash_after in plan.crashes:
            _session(history, clock, path, cut_short=True, crash_after=crash_after)
        _session(history, clock, path, cut_short=True, crash_after=math.inf)
        _session(history, clock, path, cut_short=False, crash_after=math.inf)
    finally:
        shutil.rmtree(parent)
    return history


class _Journal(SqliteJournal):
    """A journal before and after whose commits the process can die."""

    step: Callable[[], None]

    def commit(self) -> None:
        self.step()
        super().commit()
        self.step()


@attrs.define
class _Folder:
    """The part of a run folder that a load uses."""

    path: Path
    step: Callable[[], None]

    def open_journal(self) -> SqliteJournal:
        journal = _Journal.open(RunFolder.open(self.path).journal_path)
        journal.step = self.step
        return journal


def _session(history: History, clock: Clock, path: Path | None, *, cut_short: bool, crash_after: float) -> None:
    plan = history.schedule
    chance = random.Random(f"{plan.seed} {len(history.sessions)}")

    def fault(now: float) -> Fault:
        if not cut_short:
            return Fault.NONE
        if plan.outage[0] <= now < plan.outage[1]:
            return plan.outage_fault
        return chance.choice(plan.faults) if chance.random() < plan.fault_share else Fault.NONE

    account = Account(plan.vendor, plan.limits)
    network = Network(
        vendor=plan.vendor,
        clock=clock,
        chance=chance,
        session=len(history.sessions),
        calls=history.calls,
        faults=fault,
        crash_after=crash_after,
    )
    network.concurrency = plan.concurrency
    people = People(plan.keys, plan.invalid, plan.chunk, plan.padding, plan.breaks_at if cut_short else None)
    deadline = plan.deadline if cut_short else None
    close_after = plan.close_after if cut_short else None
    settings = Settings(
        concurrency=plan.concurrency,
        requests_per_second=plan.requests_per_second,
        max_errors=plan.max_errors if cut_short else None,
        deadline=deadline,
        attempt_timeout=TIMEOUT,
        repeats=plan.repeats,
        ordered=plan.ordered,
    )
    began = clock.now
    outcomes: list[Outcome] = []
    error: BaseException | None = None
    closed = False
    load: Load = start(
        account,
        settings,
        lambda copy: people,
        None if path is None else _Folder(path, network.step),  # type: ignore[arg-type]
        workers=network,
        clock=clock,
        jitter=random.Random(plan.seed),
    )
    if deadline is not None:
        network.stopped_at = clock.now + deadline
    if plan.stop_at is not None and cut_short:

        def stop() -> None:
            network.stopped_at = min(network.stopped_at, clock.now)
            load.stop()

        network.at(began + plan.stop_at, stop)
    try:
        if plan.iterated or close_after is not None:
            outcomes.extend(islice(load, close_after))
        if close_after is not None:
            closed = True
            network.stopped_at = min(network.stopped_at, clock.now)
            load.close()
        load.report()
    except (FatalError, Crash, Broken) as caught:
        error = caught
    if isinstance(error, Crash):
        network.settle_late()
    history.sessions.append(
        Session(
            network=network,
            account=account,
            people=people,
            outcomes=outcomes,
            report=load.so_far(),
            error=error,
            began=began,
            ended=clock.now,
            closed=closed,
            crashed=isinstance(error, Crash),
        )
    )
