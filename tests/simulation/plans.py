"""One seed, one schedule: what is loaded, into what, and what befalls it."""

from __future__ import annotations

import math
import random

import attrs

from headcount.core.batches import Limits
from headcount.core.retry import Repeat
from tests.simulation.faults import AMBIGUOUS, DRAWN, ENDS, TIMEOUTS, TROUBLE, Fault
from tests.simulation.vendor import Bucket, Vendor

_OUTAGES = (Fault.BUSY_BEFORE, Fault.NOT_CONNECTED, Fault.TIMEOUT, Fault.BUSY_AFTER)
_AWAKE = (0.0, 0.0, 0.001, 0.02)
_DROWSY = (0.0,) * 30 + (0.02, 5.0, 700.0)


@attrs.frozen(kw_only=True)
class Course:
    """How one session of a schedule goes: a load, or one that asks. Moments are seconds from its beginning."""

    shown: int
    """How many rows the input holds."""
    asking: bool = False
    max_calls: int | None = None
    pause: float = 0.0
    """Seconds between the session before and this one."""
    faulty: bool = False
    outage: tuple[float, float] = (0.0, 0.0)
    changed_from: int | None = None
    """From this row on those that an earlier session has read are other than they were."""
    breaks_at: int | None = None
    max_errors: int | str | None = None
    deadline: float | None = None
    close_after: int | None = None
    """Outcomes after which the caller closes the load."""
    stop_at: float | None = None
    abort_at: float | None = None
    crash_after: int | None = None
    """Steps after which the process dies."""
    full_from: int | None = None
    """The commit from which on the disk has no room."""

    @property
    def clean(self) -> bool:
        """Nothing is in its way but what the vendor itself refuses."""
        return self == Course(shown=self.shown, asking=self.asking, pause=self.pause)


@attrs.frozen(kw_only=True)
class Schedule:
    """All that a seed decides."""

    seed: int
    vendor: Vendor
    """As it is in the beginning."""
    limits: Limits
    keys: list[str]
    invalid: frozenset[int]
    padding: list[int]
    chunk: int
    concurrency: int
    requests_per_second: float | None
    repeats: bool
    ordered: bool
    iterated: bool
    fault_share: float
    faults: list[Fault]
    outage_fault: Fault
    lateness: tuple[float, ...]
    courses: list[Course]
    kept: bool
    """The load has a run folder, and more sessions than one."""


def schedule(seed: int) -> Schedule:
    """What the seed decides."""
    chance = random.Random(seed)
    size = chance.choice((0, 1, 2, chance.randint(3, 30), chance.randint(3, 30), chance.randint(30, 120)))
    storm = chance.random() < 0.03
    if storm:  # so many answers that it may have landed by, to so many batches, that the budget of repeats runs out
        size = 120
    rows = range(size)
    repeated = chance.choice((0, 0, 0.2))
    keys: list[str] = []
    for row in rows:
        fresh = f"{chance.choice('kx')}{row}"
        keys.append(chance.choice(keys) if keys and chance.random() < repeated else fresh)
    vendor = _vendor(chance, keys)
    kept = chance.random() < 0.3
    courses = _courses(chance, size) if kept else [_course(chance, size, shown=size, kept=False)]
    share, faults = _faults(chance, vendor, storm=storm, asked=any(course.asking for course in courses))
    most = chance.choice((1, 2, chance.randint(3, 20), 16, 64))
    return Schedule(
        seed=seed,
        vendor=vendor,
        limits=Limits(1 if storm else most, chance.choice((None, None, 40, 120, 400))),
        keys=keys,
        invalid=_some(chance, size, (0,) if storm else (0, 0, 0, 0.1, 0.1, 0.9)),
        padding=[chance.choice((0, 0, chance.randint(0, 60))) for _ in rows],
        chunk=chance.choice((1, 3, 10, 50)),
        concurrency=chance.choice((1, 2, 4, 8)),
        requests_per_second=chance.choice((None, None, 1.0, 7.0, 50.0)),
        repeats=chance.random() < 0.8,
        ordered=chance.random() < 0.8,
        iterated=chance.random() < 0.8,
        fault_share=share,
        faults=faults,
        outage_fault=chance.choice(_OUTAGES),
        lateness=_DROWSY if chance.random() < 0.1 else _AWAKE,
        courses=courses,
        kept=kept,
    )


def _vendor(chance: random.Random, keys: list[str]) -> Vendor:
    rows = range(len(keys))
    repeat = chance.choice(list(Repeat))
    asynchronous = repeat is Repeat.DOUBLES and chance.random() < 0.6
    poison = _some(chance, len(keys), (0, 0, 0, 0.03, 0.2, 0.7, 1))
    # An older contact with an id of our own would be taken for the one that was accepted.
    old = _some(chance, len(keys), (0, 0, 0.2)) - poison
    there = {keys[row] for row in old if not (asynchronous and keys[row].startswith("x"))}
    slow = chance.choice((0, 0.5)) if asynchronous else 0
    return Vendor(
        repeat=repeat,
        keys=keys,
        upsert=chance.random() < 0.3 if repeat is Repeat.HARMLESS else False,
        asynchronous=asynchronous,
        refuses_whole=chance.random() < 0.5,
        poison=poison,
        there=frozenset(there),
        most_contacts=chance.choice((1000, 1000, 1000, 3, 8)),
        common_from=chance.choice((math.inf,) * 8 + (0, chance.randint(1, 10))),
        bucket=Bucket(chance.choice((0.5, 3.0, 20.0)), chance.choice((1, 5)), chance.random() < 0.7)
        if chance.random() < 0.1
        else None,
        never_made=_some(chance, len(keys), (0, 0.3)) if asynchronous else frozenset(),
        delays={row: chance.choice((1.0, 60.0, 7200.0)) for row in rows if chance.random() < slow},
    )


def _some(chance: random.Random, size: int, shares: tuple[float, ...]) -> frozenset[int]:
    share = chance.choice(shares)
    return frozenset(row for row in range(size) if chance.random() < share)


def _faults(chance: random.Random, vendor: Vendor, *, storm: bool, asked: bool) -> tuple[float, list[Fault]]:
    """The share of calls that a fault befalls, and the faults that are drawn from."""
    if storm:
        share, faults = 0.65, sorted(AMBIGUOUS & TROUBLE - TIMEOUTS)
    elif chance.random() < 0.04:
        share, faults = 0.95, [chance.choice(DRAWN)]
    else:
        share, faults = chance.choice((0, 0, 0.05, 0.3, 0.8)), chance.sample(DRAWN, chance.randint(1, len(DRAWN)))
    if chance.random() < 0.2 and not storm:
        faults.append(chance.choice(sorted(ENDS)))
    # A look-up that is answered before a late write lands cannot know of it: see docs/guarantees.md.
    believed = vendor.repeat is Repeat.READ_BACK or (
        vendor.repeat is Repeat.HARMLESS and (asked or Fault.SILENT in faults)
    )
    if believed:
        faults = [fault for fault in faults if fault is not Fault.TIMEOUT_LATE] or [Fault.THROTTLED]
    return share, faults


def _courses(chance: random.Random, size: int) -> list[Course]:
    """Sessions of one run, each with its own misfortune; at the end some with none, that bring it home."""
    shown = size if chance.random() < 0.6 else chance.randint(0, size)
    courses = []
    for number in range(chance.choice((1, 1, 2, 3))):
        asking = number > 0 and chance.random() < 0.4
        courses.append(_course(chance, size, shown=shown, kept=True, later=number > 0, asking=asking))
        shown = size if chance.random() < 0.6 else chance.randint(shown, size)
    courses.append(Course(shown=size, pause=chance.choice((0.0, 3600.0))))
    if chance.random() < 0.6:
        courses.append(Course(shown=size, asking=True, pause=chance.choice((0.0, 30.0, 10_000.0))))
        courses.append(Course(shown=size))
    return courses


def _course(
    chance: random.Random, size: int, *, shown: int, kept: bool, later: bool = False, asking: bool = False
) -> Course:
    begins = chance.choice((0.0, 0.3, chance.uniform(0, 20)))
    lasts = chance.choice((0.0, 0.0, 0.0, chance.uniform(0, 10), 60.0, 400.0))
    lot = chance.random()
    other = later and chance.random() < 0.15
    if other and chance.random() < 0.4:
        shown = chance.randint(0, shown)
    fate = chance.choice(("crash", "crash", "crash", "full", "none")) if kept else "none"
    return Course(
        shown=shown,
        asking=asking,
        max_calls=chance.choice((0, 1, 5)) if asking and chance.random() < 0.3 else None,
        pause=chance.choice((0.0, 0.0, 40.0, 7200.0)) if later else 0.0,
        faulty=True,
        outage=(begins, begins + lasts),
        changed_from=chance.randrange(size) if other and size and chance.random() < 0.7 else None,
        breaks_at=chance.randint(0, size) if chance.random() < 0.05 else None,
        max_errors=chance.choice((0, 3, "5%")) if chance.random() < 0.1 else None,
        deadline=chance.choice((0, chance.uniform(0, 30))) if 0.1 < lot < 0.2 else None,
        close_after=chance.randint(0, size) if 0.2 < lot < 0.3 else None,
        stop_at=chance.choice((0.0, chance.uniform(0, 10))) if 0.3 < lot < 0.4 else None,
        abort_at=chance.choice((0.0, chance.uniform(0, 10))) if 0.4 < lot < 0.5 else None,
        crash_after=chance.randint(0, chance.choice((12, 60, 200))) if fate == "crash" else None,
        full_from=chance.randint(1, chance.choice((4, 30))) if fate == "full" else None,
    )
