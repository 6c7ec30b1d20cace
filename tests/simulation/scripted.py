"""Loads to the real destinations in simulated time: what the vendor answers, and when, is what a test says.

Beside the seeded world, for figures: one thing goes wrong, and it is counted what that costs.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs

from headcount import Outcome, Report
from headcount.core.exchange import Failure, Reply, Request
from headcount.core.jobs import Job
from headcount.errors import FatalError
from headcount.inputs import ObjectsInput
from headcount.loading import Load, start
from headcount.outcome import Kind
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.settings import Settings
from headcount.workers import Arrival
from tests.contract.harness import contact, destination, key
from tests.simulation.timeline import Clock, Timeline

_NUMBER = re.compile(rb"(?:4479460(\d{5})(?!\d)|p(\d+)@)")

TIMED_OUT = Failure(Kind.TIMEOUT, True, "no reply in time")


@attrs.define
class Call:
    """One call as the network saw it; times are seconds of the simulated clock."""

    number: int
    looks_up: bool
    contacts: list[int]
    started: float
    timeout: float
    answer: Reply | Failure | None = None
    ended: float = math.inf

    @property
    def status(self) -> int | None:
        """The HTTP status of its reply, if one came."""
        return self.answer.status if isinstance(self.answer, Reply) else None


Said = tuple[Reply | Failure | None, float]
"""What a call meets with, None for a vendor that does its work, and the seconds until then."""
Meet = Callable[[Call], Said]


class Vendor:
    """Emarsys, Pabbly or Sinch, when nothing is wrong with it. `stored` counts how often a contact was created."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stored: dict[int, int] = {}

    def take(self, call: Call) -> Reply:
        """Do what the call asks for."""
        if call.looks_up:
            return self._find(call.contacts)
        new = [number for number in call.contacts if number not in self.stored]
        old = [number for number in call.contacts if number in self.stored]
        for number in call.contacts if self.name == "sinch" else new:
            self.stored[number] = self.stored.get(number, 0) + 1
        match self.name:
            case "emarsys":
                errors = {key("emarsys", number): {"2009": "exists"} for number in old}
                return _json({"replyCode": 0, "replyText": "OK", "data": {"ids": new, "errors": errors}})
            case "pabbly":
                created = [{"mobile": key("pabbly", number)} for number in new]
                failed = [{"mobile": key("pabbly", number), "error": "already exists"} for number in old]
                return _json({"status": "success", "data": {"createdContacts": created, "failedContacts": failed}})
        return Reply(200, {}, b"{}")

    def refuse(self, code: str) -> Reply:
        """Refuse a batch whole. Pabbly has no codes, so that its refusals differ in nothing."""
        if self.name == "pabbly":
            return _json({"status": "error", "message": "Validation failed"}, 400)
        return _json({"error": {"code": 400, "status": code, "message": "Validation failed"}}, 400)

    def _find(self, numbers: Sequence[int]) -> Reply:
        if self.name == "emarsys":
            ids = {key("emarsys", number): [number] for number in numbers if number in self.stored}
            errors = {key("emarsys", number): {"2008": "no"} for number in numbers if number not in self.stored}
            return _json({"replyCode": 0, "replyText": "OK", "data": {"ids": ids, "errors": errors}})
        found = [{"mobile": key("pabbly", number), "_id": str(number)} for number in numbers if number in self.stored]
        return _json({"status": "success", "data": {"contacts": found}})


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(value).encode())


def refusing(vendor: Vendor, bad: Collection[int], code: Callable[[int], str]) -> Meet:
    """Refuses every batch with one of `bad` in it, for the first of them."""

    def meet(call: Call) -> Said:
        worst = next((number for number in call.contacts if number in bad), None)
        return (None if worst is None else vendor.refuse(code(worst))), 0.1

    return meet


class _Network(Timeline):
    """The workers of a load."""

    def __init__(self, vendor: Vendor, meet: Meet) -> None:
        super().__init__(Clock())
        self._vendor = vendor
        self._meet = meet
        self.calls: list[Call] = []

    def start(self, job: Job, request: Request, timeout: float) -> None:
        found = _NUMBER.findall(request.url.encode() + request.body)
        numbers = [int(phone or email) for phone, email in found]
        looks_up = request.method == "GET" or request.url.endswith("/checkids")
        call = Call(len(self.calls) + 1, looks_up, numbers, self.now, timeout)
        self.calls.append(call)
        said, seconds = self._meet(call)
        call.answer = said or self._vendor.take(call)
        self.at(self.now + seconds, lambda: self._arrive(job, call))

    def hold(self, until: float) -> None:
        pass

    def wait(self, seconds: float) -> list[Arrival]:
        return self.sleep(seconds)

    def close(self) -> None:
        pass

    def _arrive(self, job: Job, call: Call) -> Arrival:
        call.ended = self.now
        return Arrival(job, call.answer)


@attrs.frozen
class Played:
    """A load that is over."""

    vendor: Vendor
    outcomes: Sequence[Outcome]
    report: Report
    error: FatalError | None
    calls: Sequence[Call]
    turns: int
    ended: float

    def rows(self, *statuses: str) -> list[int]:
        """The indexes of the contacts with one of these statuses."""
        return [outcome.index for outcome in self.outcomes if outcome.status in statuses]

    def in_flight(self, moment: float) -> int:
        """How many calls had started and not ended at a moment."""
        return sum(call.started < moment <= call.ended for call in self.calls)

    def started(self, since: float, until: float = math.inf) -> list[Call]:
        """The calls that started from one moment on, and before another."""
        return [call for call in self.calls if since <= call.started < until]


def play(
    vendor: str | Vendor, rows: int, meet: Meet, *, seed: int = 0, stop_at: float | None = None, **how: Any
) -> Played:
    """Load contacts 0, 1, 2 ... and hold the outcomes to what the vendor stored. `how` is of Settings."""
    vendor = Vendor(vendor) if isinstance(vendor, str) else vendor
    name = vendor.name
    network = _Network(vendor, meet)
    to = destination(name, "http://127.0.0.1:9")
    contacts = iter([contact(name, number) for number in range(rows)])
    how.setdefault("requests_per_second", 1e6)
    load: Load = start(
        to,
        Settings(**how),
        lambda copy: ObjectsInput(contacts, Encoder(to.layout, to.check, ColumnMap(to.layout))),
        None,
        workers=network,
        clock=network.clock,
        jitter=random.Random(seed),
    )
    if stop_at is not None:
        network.at(stop_at, load.stop)
    outcomes: list[Outcome] = []
    error = None
    try:
        outcomes.extend(load)
    except FatalError as fatal:
        error = fatal
    played = Played(vendor, outcomes, load.so_far(), error, network.calls, network.turns, network.now)
    _hold_to_the_oracle(played, rows, cut=error is not None or stop_at is not None)
    return played


def _hold_to_the_oracle(played: Played, rows: int, *, cut: bool) -> None:
    indexes = [outcome.index for outcome in played.outcomes]
    assert indexes == list(range(len(indexes) if cut else rows))
    assert played.report.input == rows or cut
    assert set(played.vendor.stored.values()) <= {1}
    for outcome in played.outcomes:
        match outcome.status.value:
            case "created" | "updated" | "accepted" | "existing":
                assert outcome.index in played.vendor.stored, outcome
            case "rejected" | "skipped" | "not_sent":
                assert outcome.index not in played.vendor.stored, outcome
