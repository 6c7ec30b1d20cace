"""What a load would do, without a network, credentials or a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from headcount.configuration import make_destination
from headcount.core.batches import Answer, Batch, Batcher
from headcount.core.ledger import Ledger
from headcount.core.repeats import KeyTable
from headcount.outcome import Kind, Problem, ProblemGroup, Status
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.runs import RunSettings, checked_chunks


@attrs.frozen
class Plan:
    """Counts of rows; the calls that would carry the valid ones, one a batch, and the bytes of their bodies."""

    destination: str
    source: str
    valid: int
    rejected: int
    skipped: int
    problems: Sequence[ProblemGroup]
    batches: int
    bytes: int
    requests_per_second: float | None
    """The limit that the time comes from; None when there is none."""
    warnings: Sequence[str]

    @property
    def input(self) -> int:
        """How many rows the source has."""
        return self.valid + self.rejected + self.skipped

    @property
    def seconds(self) -> float | None:
        """The least time that the limit on calls allows; None when there is no limit."""
        rate = self.requests_per_second
        return None if rate is None else max(0, self.batches - 1) / rate

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "destination": self.destination,
            "source": self.source,
            "input": self.input,
            "counts": {"valid": self.valid, "rejected": self.rejected, "skipped": self.skipped},
            "problems": [attrs.asdict(group) for group in self.problems],
            "batches": self.batches,
            "calls": self.batches,
            "bytes": self.bytes,
            "seconds": self.seconds,
            "warnings": list(self.warnings),
        }


def make_plan(settings: RunSettings) -> Plan:
    """Read the whole source and make it ready, as a load would. Raises UsageError for what `load` would refuse."""
    destination = make_destination(settings.vendor, settings.options, settings.endpoint, offline=True)
    destination.behaviour(settings.load.mode)
    limits = settings.load.limits(destination.limits)
    columns = ColumnMap(destination.layout, settings.mapped, settings.constants)
    encoder = Encoder(destination.layout, destination.check, columns)
    source = settings.open_source()
    batcher = Batcher(destination.envelope, limits)
    keys = KeyTable() if settings.load.repeats else None
    ledger = Ledger()
    batches = size = 0

    def count(batch: Batch | None) -> None:
        nonlocal batches, size
        if batch is not None:
            batches += 1
            size += len(destination.envelope.body(batch.payloads))

    for rows in checked_chunks(source, columns):
        chunk = encoder.rows(rows)
        ledger.open(len(chunk))
        statuses, problems = [Status.NOT_SENT] * len(chunk), {}
        for at, payload in enumerate(chunk.payloads):
            row = chunk.start + at
            problem = chunk.problems.get(at)
            if problem is None and not batcher.fits_alone(payload):
                problem = Problem(Kind.TOO_LARGE, "the contact alone is larger than a request may be")
            if problem is not None:
                statuses[at], problems[at] = Status.REJECTED, problem
            elif keys is not None and (owner := _owner(keys, chunk.identities[at], row)) is not None:
                statuses[at] = Status.SKIPPED
                problems[at] = Problem(Kind.REPEATED, f"the same contact as row {owner + 1}", of_row=owner + 1)
            else:
                count(batcher.add(row, chunk.keys[at], payload))
        ledger.settle(range(chunk.start, chunk.start + len(chunk)), Answer(statuses, problems), 0)
        ledger.discard()
    count(batcher.flush())
    return Plan(
        destination=settings.destination,
        source=source.name,
        valid=ledger.counts[Status.NOT_SENT],
        rejected=ledger.counts[Status.REJECTED],
        skipped=ledger.counts[Status.SKIPPED],
        problems=ledger.groups(),
        batches=batches,
        bytes=size,
        requests_per_second=settings.load.requests_per_second or destination.requests_per_second,
        warnings=encoder.warnings,
    )


def _owner(keys: KeyTable, identities: Sequence[str], row: int) -> int | None:
    """The row that owns one of these, or None, and then this row owns them all."""
    for identity in identities:
        owner = keys.owner(identity)
        if owner is not None:
            return owner
    for identity in identities:
        keys.claim(identity, row)
    return None
