"""A vendor, a network and a clock without real time: all that a load meets, from one seed."""

from __future__ import annotations

import heapq
import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import formatdate
from enum import StrEnum
from typing import Any

import attrs

from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
from headcount.core.batches import Answer, Batch, Envelope, Limits
from headcount.core.exchange import Failure, Reply, Request
from headcount.core.jobs import Behaviour, Job, Purpose
from headcount.core.prepared import Prepared
from headcount.core.retry import Repeat
from headcount.driver import Arrival
from headcount.errors import CredentialsError
from headcount.outcome import Kind, Problem, Status

EPOCH = 1_700_000_000
"""The wall clock's seconds where the simulated clock shows 0."""
_MOST_TURNS = 20_000


class Fault(StrEnum):
    """What befalls one call."""

    NONE = "none"
    THROTTLED = "throttled"
    THROTTLED_SECONDS = "throttled_seconds"
    THROTTLED_DATE = "throttled_date"
    THROTTLED_RESET = "throttled_reset"
    THROTTLED_LONG = "throttled_long"
    NOTHING_REMAINS = "nothing_remains"
    BUSY_BEFORE = "busy_before"
    BUSY_AFTER = "busy_after"
    BUSY_AMID = "busy_amid"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    TIMEOUT = "timeout"
    TIMEOUT_AFTER = "timeout_after"
    TIMEOUT_LATE = "timeout_late"
    GARBLED = "garbled"
    NOT_CONNECTED = "not_connected"
    ANSWERED_EARLY = "answered_early"
    TOKEN_OLD = "token_old"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    REDIRECT = "redirect"
    TOKEN_REFUSED = "token_refused"
    SILENT = "silent"
    SLOW = "slow"


AMBIGUOUS = frozenset(
    {
        Fault.BUSY_BEFORE,
        Fault.BUSY_AFTER,
        Fault.BUSY_AMID,
        Fault.LOST_BEFORE,
        Fault.LOST_AFTER,
        Fault.TIMEOUT,
        Fault.TIMEOUT_AFTER,
        Fault.TIMEOUT_LATE,
        Fault.GARBLED,
        Fault.REDIRECT,
        Fault.SILENT,
    }
)
"""After these a contact may have landed."""
TROUBLE = (AMBIGUOUS - {Fault.REDIRECT, Fault.SILENT}) | {Fault.NOT_CONNECTED, Fault.ANSWERED_EARLY}
"""After these the gate holds, and one contact at a time is sent to try."""
ENDS = frozenset({Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.REDIRECT, Fault.TOKEN_REFUSED})
_THROTTLED = frozenset(
    {
        Fault.THROTTLED,
        Fault.THROTTLED_SECONDS,
        Fault.THROTTLED_DATE,
        Fault.THROTTLED_RESET,
        Fault.THROTTLED_LONG,
    }
)
_NOTHING_DONE = (
    _THROTTLED
    | ENDS
    | {
        Fault.BUSY_BEFORE,
        Fault.LOST_BEFORE,
        Fault.TIMEOUT,
        Fault.NOT_CONNECTED,
        Fault.ANSWERED_EARLY,
        Fault.TOKEN_OLD,
    }
)


class Crash(BaseException):
    """The process dies here."""


class Broken(Exception):
    """The input cannot be read on."""


@attrs.define
class Clock:
    """Seconds since the world began."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@attrs.define(eq=False)
class Call:
    """One call, as the network saw it."""

    session: int
    number: int
    purpose: Purpose
    rows: list[int]
    started: float
    fault: Fault
    ended: float | None = None
    probe: bool = False


@attrs.define(kw_only=True)
class Vendor:
    """A vendor's store, and the log of what was written into it: the oracle."""

    repeat: Repeat
    upsert: bool = False
    asynchronous: bool = False
    refuses_whole: bool = False
    poison: frozenset[int] = frozenset()
    """Rows that it refuses whenever they come."""
    there: frozenset[int] = frozenset()
    """Rows that were there before."""
    most_contacts: int = 1000
    """More in one call is a 413."""
    common_from: float = math.inf
    """The number of the call from which on everything is refused for one cause."""
    writes: list[tuple[int, int]] = attrs.field(factory=list)
    """(call, row)"""
    written: set[int] = attrs.field(factory=set)

    def has(self, row: int) -> bool:
        return row in self.there or row in self.written

    def create(self, call: int, rows: Sequence[int]) -> tuple[int, object]:
        """Take contacts: the HTTP status and the body that says what became of them."""
        if len(rows) > self.most_contacts:
            return 413, {"code": "large"}
        if call >= self.common_from:
            return 400, {"code": "common"}
        if self.refuses_whole and any(row in self.poison for row in rows):
            return 400, {"code": "poison"}
        return 200, [self._take(call, row) for row in rows]

    def _take(self, call: int, row: int) -> str:
        if row in self.poison:
            return Status.REJECTED
        keeps = self.repeat is Repeat.HARMLESS and not self.upsert
        if row in self.there if self.repeat is not Repeat.HARMLESS else keeps and self.has(row):
            return Status.EXISTING
        known = self.upsert and self.has(row)
        self.writes.append((call, row))
        self.written.add(row)
        if self.asynchronous:
            return Status.ACCEPTED
        return Status.UPDATED if known else Status.CREATED


class Account:
    """The destination: as an account at one of the vendors, for the simulated one."""

    name = "simulated"
    layout: Any = None
    check: Any = None
    auth: Any = None
    concurrency = 4
    requests_per_second: float | None = None

    def __init__(self, vendor: Vendor, limits: Limits) -> None:
        self.limits = limits
        self.envelope = Envelope(b'{"contacts":[', b"]}")
        self._behaviour = Behaviour(vendor.repeat, {Repeat.HARMLESS: 5, Repeat.READ_BACK: 1}.get(vendor.repeat, 0))
        self.built: list[list[int]] = []
        """The rows of each request that was made, sent or not."""

    def behaviour(self, mode: str) -> Behaviour:
        return self._behaviour

    def request(self, batch: Batch) -> Request:
        self.built.append(list(batch.rows))
        return Request("POST", "https://vendor.test/contacts", {}, self.envelope.body(batch.payloads))

    def look_up(self, batch: Batch) -> Request:
        return Request("GET", "https://vendor.test/contacts", {}, json.dumps(batch.rows).encode())

    def read(self, batch: Batch, reply: Reply) -> Judgement:
        try:
            said = json.loads(reply.body)
        except ValueError:
            return judge_status(reply)
        if not isinstance(said, list):
            return judge_status(reply, "said so", said.get("code"))
        if len(said) != len(batch):
            return unreadable(reply)
        statuses = [Status(word) for word in said]
        kinds = {
            Status.EXISTING: Kind.EXISTS,
            Status.REJECTED: Kind.INVALID_VALUE,
            Status.UNKNOWN: Kind.UNANSWERED,
            Status.NOT_SENT: Kind.UNANSWERED,
        }
        problems = {at: Problem(kinds[status]) for at, status in enumerate(statuses) if status in kinds}
        return Judgement(Meaning.ANSWERED, Answer(statuses, problems))

    def read_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return self.read(batch, reply)

    def describe(self) -> Mapping[str, str]:
        return {}


@attrs.define
class People:
    """The input: rows made ready in chunks of one size. It breaks off at `breaks_at`."""

    keys: list[str]
    invalid: frozenset[int]
    chunk: int
    padding: Sequence[int]
    breaks_at: int | None = None
    warnings: Sequence[str] = ()
    read: int = 0
    chunks_read: int = 0

    def chunks(self) -> Iterator[Prepared]:
        for start, stop in self._bounds():
            payloads = [
                b"" if row in self.invalid else b'{"row":%d,"pad":"%s"}' % (row, b"x" * self.padding[row])
                for row in range(start, stop)
            ]
            problems = {row - start: Problem(Kind.INVALID_VALUE) for row in range(start, stop) if row in self.invalid}
            keys = self.keys[start:stop]
            yield Prepared(start, payloads, keys, [(key,) for key in keys], problems)

    def rest(self) -> Iterator[int]:
        return (stop - start for start, stop in self._bounds())

    def _bounds(self) -> Iterator[tuple[int, int]]:
        while self.read < len(self.keys):
            start = self.read
            if self.breaks_at is not None and start >= self.breaks_at:
                raise Broken
            self.read = min(start + self.chunk, len(self.keys))
            self.chunks_read += 1
            yield start, self.read


class Network:
    """The workers of a session: what is sent reaches the vendor, or does not, and what comes back comes later.

    Everything that happens lies on one heap, so that the order is the seed's.
    """

    def __init__(
        self,
        *,
        vendor: Vendor,
        clock: Clock,
        chance: random.Random,
        session: int,
        calls: list[Call],
        faults: Callable[[float], Fault],
        crash_after: float = math.inf,
    ) -> None:
        self._vendor = vendor
        self._clock = clock
        self._chance = chance
        self._session = session
        self._faults = faults
        self._events: list[tuple[float, int, Callable[[], Arrival | None]]] = []
        self._numbers = iter(range(10**9))
        self._steps_left = crash_after
        self._woken = False
        self.calls = calls
        self.turns = 0
        self.received = 0
        self.stopped_at = math.inf
        self.held_until = -math.inf
        self.troubled = False
        self.in_flight = 0
        self.errors: list[str] = []
        """What the driver must not do and did."""
        self.concurrency = 1

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Let something happen at a moment."""

        def run() -> None:
            act()

        heapq.heappush(self._events, (moment, next(self._numbers), run))

    def step(self) -> None:
        """A point where the process can die."""
        self._steps_left -= 1
        if self._steps_left < 0:
            raise Crash

    # What the driver calls

    def start(self, job: Job, request: Request, timeout: float) -> None:
        self.step()
        now = self._clock.now
        fault = self._faults(now)
        if job.purpose is Purpose.LOOK_UP:
            rows = json.loads(request.body)
        else:
            rows = [contact["row"] for contact in json.loads(request.body)["contacts"]]
        call = Call(self._session, len(self.calls) + 1, job.purpose, rows, now, fault)
        self._watch(call)
        self.calls.append(call)
        self.in_flight += 1
        answer, seconds = self._meet(call, timeout)
        heapq.heappush(self._events, (now + seconds, next(self._numbers), lambda: self._arrive(job, call, answer)))
        self.step()

    def wait(self, seconds: float) -> list[Arrival]:
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise AssertionError("the driver goes round and round")
        self.step()
        until = self._clock.now + seconds
        arrivals = self._wakings()
        while self._events and self._events[0][0] <= (self._clock.now if arrivals else until):
            moment, _, act = heapq.heappop(self._events)
            self._clock.now = max(self._clock.now, moment)
            arrival = act()
            if arrival is not None:
                arrivals.append(arrival)
            arrivals += self._wakings()
        if not arrivals:
            if until == math.inf:
                raise AssertionError("the driver waits for what will never come")
            # A loop that sleeps wakes a little late.
            self._clock.now = until + (self._chance.choice((0.0, 0.0, 0.001, 0.02)) if seconds else 0.0)
        self.received += len(arrivals)
        self.step()
        return arrivals

    def wake(self) -> None:
        self._woken = True

    def _wakings(self) -> list[Arrival]:
        woken, self._woken = self._woken, False
        return [Arrival(None)] if woken else []

    def close(self) -> None:
        """Calls in flight are lost to the driver; what the vendor has, it has."""

    def settle_late(self) -> None:
        """Let the vendor finish what it still works on, after a crash."""
        while self._events:
            heapq.heappop(self._events)[2]()

    # What happens to a call

    def _arrive(self, job: Job, call: Call, answer: Reply | Failure) -> Arrival:
        self.in_flight -= 1
        call.ended = self._clock.now
        if call.fault in TROUBLE:
            self.troubled = True
        elif call.fault not in _THROTTLED and call.fault not in (Fault.REDIRECT, Fault.TOKEN_REFUSED):
            self.troubled = False
        if call.fault in (
            Fault.THROTTLED_SECONDS,
            Fault.THROTTLED_DATE,
            Fault.THROTTLED_RESET,
            Fault.NOTHING_REMAINS,
        ):
            self.held_until = max(self.held_until, self._clock.now + 7.0)
        if call.fault is Fault.THROTTLED_LONG:
            self.stopped_at = min(self.stopped_at, self._clock.now)
        return Arrival(job, answer)

    def _watch(self, call: Call) -> None:
        """Note what must not be: the rules about when a call may start."""
        now, errors = call.started, self.errors
        if now >= self.stopped_at:
            errors.append(f"call {call.number} starts at {now} after the stop at {self.stopped_at}")
        if now < self.held_until:
            errors.append(f"call {call.number} starts at {now} though the vendor asked to wait until {self.held_until}")
        if self.in_flight >= self.concurrency:
            errors.append(f"call {call.number} starts with {self.in_flight} in flight")
        if self.troubled:
            call.probe = True
            if self.in_flight:
                errors.append(f"probe {call.number} starts with {self.in_flight} in flight")
            if call.purpose is Purpose.SEND and len(call.rows) > 1:
                errors.append(f"probe {call.number} carries {len(call.rows)} contacts")

    def _meet(self, call: Call, timeout: float) -> tuple[Reply | Failure, float]:
        """What the vendor does with a call; the answer that comes of it, and the seconds until then."""
        fault, chance = call.fault, self._chance
        latency = chance.uniform(0.01, 0.5)
        headers = {"date": formatdate(EPOCH + int(self._clock.now + latency), usegmt=True)}
        if call.purpose is Purpose.LOOK_UP:
            done: tuple[int, object] = 200, self._find(call)
        elif fault is Fault.TIMEOUT_LATE:
            done = 200, None
            self.at(call.started + timeout + chance.uniform(0, 30), lambda: self._write_late(call))
        elif fault is Fault.BUSY_AMID:
            done = self._vendor.create(call.number, call.rows[: len(call.rows) // 2])
        elif fault in _NOTHING_DONE:
            done = 200, None
        else:
            done = self._vendor.create(call.number, call.rows)
        status, body = done
        match fault:
            case Fault.NONE | Fault.SLOW | Fault.SILENT | Fault.NOTHING_REMAINS:
                if fault is Fault.SLOW:
                    latency = timeout * 0.9
                if fault is Fault.SILENT and isinstance(body, list):
                    body[0] = Status.UNKNOWN
                if fault is Fault.NOTHING_REMAINS:
                    headers = self._reset(headers, latency) | {"x-ratelimit-remaining": "0"}
                return Reply(status, headers, json.dumps(body).encode()), latency
            case Fault.THROTTLED:
                return Reply(429), latency
            case Fault.THROTTLED_SECONDS:
                return Reply(429, {"retry-after": "7"}), latency
            case Fault.THROTTLED_DATE:
                moment = formatdate(EPOCH + int(self._clock.now + latency) + 7, usegmt=True)
                return Reply(429, headers | {"retry-after": moment}), latency
            case Fault.THROTTLED_RESET:
                return Reply(429, self._reset(headers, latency)), latency
            case Fault.THROTTLED_LONG:
                return Reply(429, {"retry-after": "3600"}), latency
            case Fault.BUSY_BEFORE | Fault.BUSY_AFTER | Fault.BUSY_AMID:
                return Reply(chance.choice((500, 502, 503, 504, 520))), latency
            case Fault.LOST_BEFORE | Fault.LOST_AFTER:
                return Failure(Kind.CONNECTION_LOST, True, "the connection was lost"), latency
            case Fault.TIMEOUT | Fault.TIMEOUT_AFTER | Fault.TIMEOUT_LATE:
                return Failure(Kind.TIMEOUT, True, "no reply in time"), timeout
            case Fault.GARBLED:
                return Reply(200, headers, json.dumps(body).encode()[:-1]), latency
            case Fault.NOT_CONNECTED:
                return Failure(Kind.UNAVAILABLE, False, "connection refused"), latency
            case Fault.ANSWERED_EARLY:
                return Reply(503, handed_over=False), latency
            case Fault.TOKEN_OLD:
                return Reply(401, renewable=True), latency
            case Fault.UNAUTHORIZED:
                return Reply(401), latency
            case Fault.FORBIDDEN:
                return Reply(403), latency
            case Fault.REDIRECT:
                return Reply(307, {"location": "https://elsewhere.test/"}), latency
            case Fault.TOKEN_REFUSED:
                error = CredentialsError("the token server refused the credentials")
                return Failure(Kind.FORBIDDEN, False, "no token", error), latency

    def _reset(self, headers: dict[str, str], latency: float) -> dict[str, str]:
        return headers | {"x-ratelimit-reset": str(EPOCH + int(self._clock.now + latency) + 7)}

    def _write_late(self, call: Call) -> None:
        self._vendor.create(call.number, call.rows)

    def _find(self, call: Call) -> list[str]:
        return [Status.EXISTING if self._vendor.has(row) else Status.NOT_SENT for row in call.rows]


def carried(calls: Sequence[Call]) -> Counter[int]:
    """How many calls carried each row."""
    return Counter(row for call in calls if call.purpose is Purpose.SEND for row in call.rows)
