"""A network and a clock without real time, and an input: all that a load meets beside the vendor, from one seed."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate

import attrs

from headcount.core.exchange import Failure, Reply, Request
from headcount.core.jobs import Job, Purpose
from headcount.core.prepared import Prepared
from headcount.errors import CredentialsError
from headcount.outcome import Kind, Problem
from headcount.workers import Arrival
from tests.simulation.faults import AMBIGUOUS, ENDS, NOTHING_DONE, SAY_NOTHING, TROUBLE, Fault
from tests.simulation.timeline import Clock, Timeline
from tests.simulation.vendor import Vendor

EPOCH = 1_700_000_000
"""The wall clock's seconds where the simulated clock shows 0."""
ASKED_WAIT = 7
"""Seconds that a vendor asks to wait, in one way or another."""
_OK = frozenset({Fault.NONE, Fault.SLOW, Fault.SILENT, Fault.NOTHING_REMAINS})
_ASK_TO_WAIT = frozenset({Fault.THROTTLED_SECONDS, Fault.THROTTLED_DATE, Fault.THROTTLED_RESET, Fault.NOTHING_REMAINS})


class Crash(BaseException):
    """The process dies here."""


class Broken(Exception):
    """The input cannot be read on."""


@attrs.define(eq=False)
class Call:
    """One call, as the network saw it."""

    session: int
    number: int
    purpose: Purpose
    rows: list[int]
    started: float
    fault: Fault
    size: int
    """Bytes of its body."""
    changed: bool = False
    """It carries a contact that is other than it was in an earlier session."""
    ended: float | None = None
    noticed: float = math.inf
    """When the loop learned of its end: later, where it overslept."""
    status: int | None = None
    """The HTTP status of its reply."""
    code: str | None = None
    """The code that its reply names for the whole of it."""
    asked_wait: float = 0.0
    probe: bool = False

    @property
    def sends(self) -> bool:
        return self.purpose is Purpose.SEND

    @property
    def ambiguous(self) -> bool:
        """Its contacts may have landed; a reply that refuses the whole of them is silent about none."""
        return self.fault in AMBIGUOUS and not (self.fault is Fault.SILENT and self.code)


@attrs.define
class People:
    """The input: rows made ready in chunks of one size. It breaks off at `breaks_at`.

    The contacts of the rows `changed` are other than they were.
    """

    keys: Sequence[str]
    invalid: frozenset[int]
    chunk: int
    padding: Sequence[int]
    breaks_at: int | None = None
    changed: range = range(0)
    warnings: Sequence[str] = ()
    read: int = 0
    chunks_read: int = 0

    def chunks(self) -> Iterator[Prepared]:
        for start, stop in self._bounds():
            payloads = [b"" if row in self.invalid else self.payload(row) for row in range(start, stop)]
            problems = {row - start: Problem(Kind.INVALID_VALUE) for row in range(start, stop) if row in self.invalid}
            keys = list(self.keys[start:stop])
            yield Prepared(start, payloads, keys, [(key,) for key in keys], problems)

    def payload(self, row: int) -> bytes:
        """The contact of a row, as it is sent."""
        changed = b',"changed":1' if row in self.changed else b""
        return b'{"row":%d,"pad":"%s"%s}' % (row, b"x" * self.padding[row], changed)

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


class Network(Timeline):
    """The workers of a session: what is sent reaches the vendor, or does not, and what comes back comes later."""

    def __init__(
        self,
        *,
        vendor: Vendor,
        clock: Clock,
        chance: random.Random,
        session: int,
        calls: list[Call],
        faults: Callable[[float], Fault],
        concurrency: int,
        lateness: Sequence[float] = (0.0,),
        crash_after: float = math.inf,
    ) -> None:
        super().__init__(clock)
        self._vendor = vendor
        self._chance = chance
        self._session = session
        self._faults = faults
        self._concurrency = concurrency
        self._lateness = lateness
        self._steps_left = crash_after
        self._open: dict[int, tuple[Job, Call]] = {}
        self._arrived: list[Call] = []
        self.calls = calls
        self.received = 0
        self.overslept = 0.0
        """Seconds by which the loop woke up late, all together."""
        self.stopped_at = math.inf
        self.held_until = -math.inf
        self._troubled_since = math.inf
        self.errors: list[str] = []
        """What the driver must not do and did."""

    def step(self) -> None:
        """A point where the process can die."""
        self._steps_left -= 1
        if self._steps_left < 0:
            raise Crash

    def stopped(self) -> None:
        """From now on no call may start."""
        self.stopped_at = min(self.stopped_at, self.now)

    # What the driver calls

    def start(self, job: Job, request: Request, timeout: float) -> None:
        self.step()
        now = self.now
        self._vendor.advance(now)
        body = json.loads(request.body)
        if job.purpose is Purpose.LOOK_UP:
            rows, changed = body, False
        else:
            rows = [contact["row"] for contact in body["contacts"]]
            changed = any("changed" in contact for contact in body["contacts"])
        fault, size = self._faults(now), len(request.body)
        call = Call(self._session, len(self.calls) + 1, job.purpose, rows, now, fault, size, changed)
        self._watch(call)
        self.calls.append(call)
        self._open[call.number] = job, call
        answer, seconds = self._meet(call, timeout)
        self.at(now + seconds, lambda: self._arrive(call, answer))
        self.step()

    def hold(self, until: float) -> None:
        """A call leaves at once here."""

    def wait(self, seconds: float) -> list[Arrival]:
        self.step()
        # A loop that sleeps wakes a little late, or much, where the machine slept too.
        late = self._chance.choice(self._lateness) if seconds else 0.0
        self.overslept += late
        arrivals = self.sleep(seconds, late)
        for call in self._arrived:
            call.noticed = self.now
        self._arrived.clear()
        self.received += len(arrivals)
        self.step()
        return arrivals

    def close(self) -> None:
        """Calls in flight are lost to the driver; what the vendor has, it has."""
        lost = Failure(Kind.CONNECTION_LOST, True, "the process gave it up")
        for _, call in list(self._open.values()):
            call.fault = Fault.ABORTED
            self.at(self.now, lambda call=call: self._arrive(call, lost))  # type: ignore[misc]

    # What happens to a call

    def _arrive(self, call: Call, answer: Reply | Failure) -> Arrival | None:
        if call.number not in self._open:
            return None  # it was given up before
        job, _ = self._open.pop(call.number)
        call.ended = self.now
        self._arrived.append(call)
        if isinstance(answer, Reply):
            call.status = answer.status
        fault = call.fault
        if fault in TROUBLE:
            self._troubled_since = min(self._troubled_since, self.now)
        elif call.started > self._troubled_since and fault not in SAY_NOTHING:
            # What started before may just have been in time.
            self._troubled_since = math.inf
        if call.asked_wait:
            self.held_until = max(self.held_until, self.now + call.asked_wait)
        if fault is Fault.THROTTLED_LONG or (fault in ENDS and (call.sends or fault is not Fault.NOT_FOUND)):
            self.stopped()
        return Arrival(job, answer)

    def _watch(self, call: Call) -> None:
        """Note what must not be: the rules about when a call may start."""
        now, errors, in_flight = call.started, self.errors, len(self._open)
        if now >= self.stopped_at:
            errors.append(f"call {call.number} starts at {now} after the stop at {self.stopped_at}")
        if now < self.held_until:
            errors.append(f"call {call.number} starts at {now} though the vendor asked to wait until {self.held_until}")
        if in_flight >= self._concurrency:
            errors.append(f"call {call.number} starts with {in_flight} in flight")
        if self._troubled_since < math.inf:
            call.probe = True
            if in_flight:
                errors.append(f"probe {call.number} starts with {in_flight} in flight")
            if call.sends and len(call.rows) > 1:
                errors.append(f"probe {call.number} carries {len(call.rows)} contacts")

    def _meet(self, call: Call, timeout: float) -> tuple[Reply | Failure, float]:
        """What the vendor does with a call; the answer that comes of it, and the seconds until then."""
        vendor, chance, now = self._vendor, self._chance, self.now
        latency = chance.uniform(0.01, 0.5)
        wait = 0.0 if vendor.bucket is None else vendor.bucket.take(now)
        if vendor.bucket is not None and wait:
            call.fault = Fault.BUCKET_EMPTY if vendor.bucket.tells else Fault.THROTTLED
        fault = call.fault
        headers = {"date": formatdate(EPOCH + int(now + latency), usegmt=True)}
        done: tuple[int, object] = 200, None
        if fault is Fault.TIMEOUT_LATE and call.sends:
            vendor.later(call.started + timeout + chance.uniform(0, 30), call.number, call.rows)
        elif fault not in NOTHING_DONE:
            if not call.sends:
                done = vendor.find(call.rows, now)
            elif fault is Fault.BUSY_AMID:
                done = vendor.create(call.number, call.rows[: len(call.rows) // 2], now)
            else:
                done = vendor.create(call.number, call.rows, now)
        status, body = done
        if fault in _ASK_TO_WAIT:
            call.asked_wait = ASKED_WAIT
        match fault:
            case _ if fault in _OK:
                if fault is Fault.SLOW:
                    latency = timeout * 0.9
                if fault is Fault.SILENT:
                    _leave_out_first(body)
                if fault is Fault.NOTHING_REMAINS:
                    headers = self._reset(headers, latency) | {"x-ratelimit-remaining": "0"}
                call.code = body.get("code") if isinstance(body, dict) else None
                return Reply(status, headers, json.dumps(body).encode()), latency
            case Fault.THROTTLED:
                return Reply(429), latency
            case Fault.BUCKET_EMPTY:
                call.asked_wait = math.ceil(wait)
                return Reply(429, {"retry-after": str(call.asked_wait)}), latency
            case Fault.THROTTLED_SECONDS:
                return Reply(429, {"retry-after": str(ASKED_WAIT)}), latency
            case Fault.THROTTLED_DATE:
                moment = formatdate(EPOCH + int(now + latency) + ASKED_WAIT, usegmt=True)
                return Reply(429, headers | {"retry-after": moment}), latency
            case Fault.THROTTLED_RESET:
                return Reply(429, self._reset(headers, latency)), latency
            case Fault.THROTTLED_LONG:
                return Reply(429, {"retry-after": "3600"}), latency
            case Fault.BUSY_BEFORE | Fault.BUSY_AFTER | Fault.BUSY_AMID:
                return Reply(chance.choice((500, 502, 503, 504, 520))), latency
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
            case Fault.NOT_FOUND:
                return Reply(404), latency
            case Fault.REDIRECT:
                return Reply(307, {"location": "https://elsewhere.test/"}), latency
            case Fault.TOKEN_REFUSED:
                error = CredentialsError("the token server refused the credentials")
                return Failure(Kind.FORBIDDEN, False, "no token", error), latency
            case _:
                return Failure(Kind.CONNECTION_LOST, True, "the connection was lost"), latency

    def _reset(self, headers: dict[str, str], latency: float) -> dict[str, str]:
        return headers | {"x-ratelimit-reset": str(EPOCH + int(self.now + latency) + ASKED_WAIT)}


def _leave_out_first(body: object) -> None:
    """Let a reply say nothing of its first contact."""
    if isinstance(body, dict) and "statuses" in body:
        body["statuses"][0] = "unknown"
        body["ids"][0] = None
    elif isinstance(body, dict) and "found" in body:
        body["found"][0] = None


def carried(calls: Sequence[Call]) -> Counter[int]:
    """How many calls carried each row."""
    return Counter(row for call in calls if call.sends for row in call.rows)
