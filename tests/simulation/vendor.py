"""A vendor's store, which is the oracle, and the destination that speaks with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
from headcount.core.batches import Answer, Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.outcome import Kind, Problem, Status


@attrs.define
class Bucket:
    """A vendor's limit of calls: `rate` come back a second, up to `size`. `tells` says after how long a call may come
    again."""

    rate: float
    size: int
    tells: bool
    left: float = 0.0
    at: float = -math.inf

    def take(self, now: float) -> float:
        """Take one; answers 0, or the seconds until there will be one."""
        self.left = min(self.size, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / self.rate


@attrs.define(kw_only=True)
class Vendor:
    """A vendor's store, and the log of what was written into it: the oracle."""

    repeat: Repeat
    keys: Sequence[str]
    """The key of each row. One that begins with x is an id of our own, by which no older contact is found."""
    upsert: bool = False
    asynchronous: bool = False
    refuses_whole: bool = False
    poison: frozenset[int] = frozenset()
    """Rows that it refuses whenever they come."""
    there: frozenset[str] = frozenset()
    """Keys of contacts that were there before."""
    most_contacts: int = 1000
    """More in one call is a 413."""
    common_from: float = math.inf
    """The number of the call from which on everything is refused for one cause."""
    bucket: Bucket | None = None
    never_made: frozenset[int] = frozenset()
    """Rows that it accepts, asynchronously, and then drops."""
    delays: Mapping[int, float] = attrs.field(factory=dict)
    """Seconds from the acceptance of a row until a look-up finds it, where that takes any."""
    writes: list[tuple[int, int]] = attrs.field(factory=list)
    """(call, row)"""
    made: dict[str, tuple[int, float]] = attrs.field(factory=dict)
    """By key: the row that first wrote it, and since when a look-up finds it."""
    _pending: list[tuple[float, int, list[int]]] = attrs.field(factory=list)

    @property
    def written(self) -> set[int]:
        """The rows that were written."""
        return {row for _, row in self.writes}

    def has(self, row: int) -> bool:
        """Whether there is a contact with the key of this row, found by look-ups or not yet."""
        return self.keys[row] in self.there or self.keys[row] in self.made

    def finds(self, row: int, now: float) -> bool:
        """Whether a look-up finds a contact by the key of this row."""
        key = self.keys[row]
        return key in self.there or (key in self.made and self.made[key][1] <= now)

    def id_of(self, row: int) -> str:
        """The id of the contact with the key of this row."""
        key = self.keys[row]
        return f"old-{key}" if key in self.there else f"v{self.made[key][0]}"

    def later(self, moment: float, call: int, rows: list[int]) -> None:
        """Carry out a call at a moment to come."""
        self._pending.append((moment, call, rows))

    def advance(self, now: float) -> None:
        """Carry out what was to come by now."""
        if self._pending:
            due = sorted(each for each in self._pending if each[0] <= now)
            self._pending = [each for each in self._pending if each[0] > now]
            for moment, call, rows in due:
                self.create(call, rows, moment)

    def create(self, call: int, rows: Sequence[int], now: float) -> tuple[int, object]:
        """Take contacts: the HTTP status and the body that says what became of them."""
        if len(rows) > self.most_contacts:
            return 413, {"code": "large"}
        if call >= self.common_from:
            return 400, {"code": "common"}
        if self.refuses_whole and any(row in self.poison for row in rows):
            return 400, {"code": "poison"}
        statuses = [self._take(call, row, now) for row in rows]
        named = (Status.CREATED, Status.UPDATED, Status.EXISTING)
        ids = [self.id_of(row) if status in named else None for row, status in zip(rows, statuses, strict=True)]
        return 200, {"statuses": statuses, "ids": ids}

    def _take(self, call: int, row: int, now: float) -> Status:
        if row in self.poison:
            return Status.REJECTED
        key = self.keys[row]
        keeps = not self.upsert if self.repeat is Repeat.HARMLESS else not self.asynchronous and key in self.there
        if keeps and self.has(row):
            return Status.EXISTING
        known = self.upsert and self.has(row)
        self.writes.append((call, row))
        if row not in self.never_made:
            self.made.setdefault(key, (row, now + self.delays.get(row, 0.0)))
        if self.asynchronous:
            return Status.ACCEPTED
        return Status.UPDATED if known else Status.CREATED

    def find(self, rows: Sequence[int], now: float) -> tuple[int, object]:
        """Say which contacts are there: their ids, or nothing."""
        return 200, {"found": [self.id_of(row) if self.finds(row, now) else "" for row in rows]}


_KINDS = {
    Status.EXISTING: Kind.EXISTS,
    Status.REJECTED: Kind.INVALID_VALUE,
    Status.UNKNOWN: Kind.UNANSWERED,
    Status.NOT_SENT: Kind.UNANSWERED,
}


class Account:
    """The destination: as an account at one of the vendors, for the simulated one."""

    name: ClassVar[str] = "simulated"
    layout: Any = None
    check: Any = None
    auth: Any = None
    concurrency = 4
    requests_per_second: float | None = None

    def __init__(self, vendor: Vendor, limits: Limits) -> None:
        self.limits = limits
        self.envelope = Envelope(b'{"contacts":[', b"]}")
        self.behaviour = Behaviour(vendor.repeat, 5 if vendor.repeat is Repeat.HARMLESS else 1)
        self.built: list[list[int]] = []
        """The rows of each request that was made, sent or not."""

    def in_mode(self, mode: str) -> Account:
        return self

    def request(self, batch: Batch) -> Request:
        self.built.append(list(batch.rows))
        return Request("POST", "https://vendor.test/contacts", {}, self.envelope.body(batch.payloads))

    def read(self, batch: Batch, reply: Reply) -> Judgement:
        said = _decoded(reply)
        if said is None or "code" in said:
            return judge_status(reply, "said so", None if said is None else said["code"])
        statuses = [Status(word) for word in said["statuses"]]
        if len(statuses) != len(batch):
            return unreadable(reply)
        problems = {at: Problem(_KINDS[status]) for at, status in enumerate(statuses) if status in _KINDS}
        return Judgement(Meaning.ANSWERED, Answer(statuses, problems, said["ids"]))

    def confirms(self, key: str) -> bool:
        return key.startswith("x")

    def look_up(self, batch: Batch) -> Request:
        return Request("GET", "https://vendor.test/contacts", {}, json.dumps(batch.rows).encode())

    def read_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        said = _decoded(reply)
        if said is None:
            return judge_status(reply)
        if len(said["found"]) != len(batch):
            return unreadable(reply)
        statuses = [self._found(found, hint) for found in said["found"]]
        problems = {at: Problem(_KINDS[status]) for at, status in enumerate(statuses) if status in _KINDS}
        problems |= {at: Problem(Kind.UNCONFIRMED) for at, status in enumerate(statuses) if status is Status.ACCEPTED}
        return Judgement(Meaning.ANSWERED, Answer(statuses, problems, [found or None for found in said["found"]]))

    def _found(self, found: str | None, hint: object) -> Status:
        """What a look-up says of a contact: its id, "" for one that is not there, or nothing."""
        if hint is Status.ACCEPTED:
            return Status.CREATED if found else Status.ACCEPTED
        if found:
            return Status.EXISTING
        # Where a repeat would double, what is not there may still be on its way.
        clear = found == "" and self.behaviour.repeat is not Repeat.DOUBLES
        return Status.NOT_SENT if clear else Status.UNKNOWN

    def options(self) -> Mapping[str, str]:
        return {}


def _decoded(reply: Reply) -> dict[str, Any] | None:
    try:
        said = json.loads(reply.body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
