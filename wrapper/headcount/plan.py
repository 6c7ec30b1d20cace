"""What a load would do, without a network, credentials or a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from headcount.core.admission import Admission
from headcount.core.batches import Answer, Batch
from headcount.core.ledger import Ledger
from headcount.core.prepared import Prepared
from headcount.outcome import ProblemGroup, Status
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
    destination = settings.make_destination(offline=True)
    limits = settings.load.limits(destination.limits)
    columns = ColumnMap(destination.layout, settings.mapped, settings.constants)
    encoder = Encoder(destination.layout, destination.check, columns)
    source = settings.open_source()
    admission = Admission(destination.envelope, limits, repeats=settings.load.repeats)
    ledger = Ledger()
    batches = size = unconfirmable = 0
    for batch in _batches(map(encoder.rows, checked_chunks(source, columns)), admission, ledger):
        batches += 1
        size += len(destination.request(batch).body)
        unconfirmable += sum(not destination.confirms(key) for key in batch.keys)
        ledger.settle(batch.rows, Answer.same(len(batch), Status.NOT_SENT), 0)
    valid = ledger.counts[Status.NOT_SENT]
    warnings = list(encoder.warnings)
    if unconfirmable:
        warnings.append(f"{unconfirmable} of {valid} contacts have no external_id: nothing can confirm them later")
    return Plan(
        destination=settings.destination,
        source=source.name,
        valid=valid,
        rejected=ledger.counts[Status.REJECTED],
        skipped=ledger.counts[Status.SKIPPED],
        problems=ledger.groups(),
        batches=batches,
        bytes=size,
        requests_per_second=settings.load.requests_per_second or destination.requests_per_second,
        warnings=warnings,
    )


def _batches(chunks: Iterable[Prepared], admission: Admission, ledger: Ledger) -> Iterator[Batch]:
    """What would be sent; the rows that would not are entered in the ledger."""
    for chunk in chunks:
        ledger.open(len(chunk))
        admitted = admission.take(chunk)
        ledger.settle(admitted.rows, admitted.answer, 0)
        yield from admitted.batches
        ledger.discard()
    last = admission.flush()
    if last is not None:
        yield last
