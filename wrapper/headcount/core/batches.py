"""What one request carries, and what its answer says of each contact in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import attrs

from headcount.outcome import Outcome, Problem, Status


@attrs.frozen
class Envelope:
    """The bytes around the contacts of a request body: `head`, contacts joined by a comma, `tail`."""

    head: bytes
    tail: bytes

    def body(self, payloads: Sequence[bytes]) -> bytes:
        """The whole body for these encoded contacts."""
        return b"".join((self.head, b",".join(payloads), self.tail))

    def size(self, payload_bytes: int, count: int) -> int:
        """The exact length in bytes of a body of `count` contacts of `payload_bytes` bytes together."""
        return len(self.head) + payload_bytes + max(count - 1, 0) + len(self.tail)


@attrs.frozen
class Limits:
    """What a vendor takes in one call: contacts, and bytes of body (exact, None for no known limit)."""

    max_contacts: int
    max_bytes: int | None = None


@attrs.define
class Batch:
    """Contacts that travel together: three columns of equal length.

    `rows` are input indexes in ascending order, `keys` are what the vendor's reply names a contact by,
    `payloads` are the contacts as encoded JSON. The core never looks into a payload.
    """

    rows: list[int]
    keys: list[str] = attrs.field(repr=False)
    payloads: list[bytes] = attrs.field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, stop: int) -> Batch:
        """The contacts from position `start` up to `stop`."""
        return Batch(self.rows[start:stop], self.keys[start:stop], self.payloads[start:stop])

    def pick(self, positions: Sequence[int]) -> Batch:
        """The contacts at these positions, in this order."""
        return Batch(
            [self.rows[position] for position in positions],
            [self.keys[position] for position in positions],
            [self.payloads[position] for position in positions],
        )

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """The contacts of several batches in one, in the order of their rows."""
        columns = [column for batch in batches for column in zip(batch.rows, batch.keys, batch.payloads, strict=True)]
        columns.sort(key=lambda column: column[0])
        rows, keys, payloads = zip(*columns, strict=True)
        return cls(list(rows), list(keys), list(payloads))


@attrs.define
class Answer:
    """One status a contact, by position in the batch; `problems` by position, for those that have one.

    `vendor_ids` is as long as `statuses`, or None when the reply names no ids.
    """

    statuses: list[Status]
    problems: dict[int, Problem] = attrs.field(factory=dict)
    vendor_ids: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.statuses)

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Answer:
        """What these outcomes say, by column."""
        problems = {at: outcome.problem for at, outcome in enumerate(outcomes) if outcome.problem is not None}
        return cls([each.status for each in outcomes], problems, [each.vendor_id for each in outcomes])

    def pick(self, positions: Sequence[int]) -> Answer:
        """The statuses at these positions, in this order."""
        problems = {at: self.problems[old] for at, old in enumerate(positions) if old in self.problems}
        ids = None if self.vendor_ids is None else [self.vendor_ids[position] for position in positions]
        return Answer([self.statuses[position] for position in positions], problems, ids)

    @classmethod
    def same(cls, count: int, status: Status, problem: Problem | None = None) -> Answer:
        """The same status, and problem, for `count` contacts."""
        problems = {} if problem is None else dict.fromkeys(range(count), problem)
        return cls([status] * count, problems)


class Batcher:
    """Collects encoded contacts into batches by count and by exact size in bytes."""

    def __init__(self, envelope: Envelope, limits: Limits) -> None:
        self._envelope = envelope
        self._limits = limits
        self._rows: list[int] = []
        self._keys: list[str] = []
        self._payloads: list[bytes] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def fits_alone(self, payload: bytes) -> bool:
        """Whether a body that carries only this contact is within the vendor's limit of bytes."""
        limit = self._limits.max_bytes
        return limit is None or self._envelope.size(len(payload), 1) <= limit

    @property
    def oldest(self) -> int | None:
        """The row that has waited longest here."""
        return self._rows[0] if self._rows else None

    def add_all(self, rows: Sequence[int], keys: Sequence[str], payloads: Sequence[bytes]) -> list[Batch]:
        """Take contacts; answers the batches that one of them did not fit in any more.

        Raises ValueError for one that does not fit alone.
        """
        full = []
        ends = list(accumulate(map(len, payloads), initial=0))
        start = 0
        while start < len(rows):
            stop = min(len(rows), start + self._limits.max_contacts - len(self._rows))
            if self._limits.max_bytes is not None:
                # The first contact of a batch has no comma.
                free = self._limits.max_bytes - self._envelope.size(self._bytes, len(self._rows))
                room = free if self._rows else free + 1
                most = ends[start] + start + room
                stop = bisect_right(range(stop + 1), most, start, key=lambda at: ends[at] + at) - 1
            if stop <= start:
                batch = self.flush()
                if batch is None:
                    raise ValueError(f"row {rows[start] + 1} does not fit alone")
                full.append(batch)
                continue
            self._rows += rows[start:stop]
            self._keys += keys[start:stop]
            self._payloads += payloads[start:stop]
            self._bytes += ends[stop] - ends[start]
            start = stop
        return full

    def flush(self) -> Batch | None:
        """What has been collected, or None when there is nothing."""
        if not self._rows:
            return None
        batch = Batch(self._rows, self._keys, self._payloads)
        self._rows, self._keys, self._payloads, self._bytes = [], [], [], 0
        return batch
