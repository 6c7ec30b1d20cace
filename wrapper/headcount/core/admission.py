"""Which contacts of the input are sent, in which batches, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence

import attrs

from headcount.core.batches import Answer, Batch, Batcher, Envelope, Limits
from headcount.core.prepared import Prepared
from headcount.core.repeats import KeyTable
from headcount.outcome import Kind, Problem, Status

_LARGE = Problem(Kind.TOO_LARGE, "the contact alone is larger than a request may be")


@attrs.frozen
class Admitted:
    """What a chunk of input comes to: full batches, and what the rows get that are not sent."""

    batches: list[Batch]
    rows: list[int]
    answer: Answer
    """REJECTED or SKIPPED for each of `rows`."""


class Admission:
    """Takes the input, chunk after chunk, and gathers what is to be sent into batches.

    Of several rows with one identity the first owns it and the others are skipped; rows that are refused here own
    nothing. `repeats=False` turns that off.
    """

    def __init__(self, envelope: Envelope, limits: Limits, *, repeats: bool) -> None:
        self._batcher = Batcher(envelope, limits)
        self._keys = KeyTable() if repeats else None

    @property
    def oldest(self) -> int | None:
        """The first row that is in no batch yet; None when there is none."""
        return self._batcher.oldest

    def take(self, chunk: Prepared, done: Container[int] = ()) -> Admitted:
        """Take the next chunk. The rows in `done` own their identities, and are left out otherwise."""
        problems = self._problems(chunk)
        owners = self._owners(chunk, problems)
        for at, owner in owners.items():
            problems[at] = Problem(Kind.REPEATED, f"the same contact as row {owner + 1}", of_row=owner + 1)
        rows: Sequence[int] = range(chunk.start, chunk.start + len(chunk))
        keys: Sequence[str] = chunk.keys
        payloads: Sequence[bytes] = chunk.payloads
        if problems or done:
            sent = [at for at in range(len(chunk)) if at not in problems and rows[at] not in done]
            rows = [rows[at] for at in sent]
            keys = [keys[at] for at in sent]
            payloads = [payloads[at] for at in sent]
        held = [at for at in sorted(problems) if chunk.start + at not in done]
        return Admitted(
            self._batcher.add_all(rows, keys, payloads),
            [chunk.start + at for at in held],
            Answer(
                [Status.SKIPPED if at in owners else Status.REJECTED for at in held],
                {place: problems[at] for place, at in enumerate(held)},
            ),
        )

    def flush(self) -> Batch | None:
        """What is in no batch yet, as one; None when there is nothing."""
        return self._batcher.flush()

    def _problems(self, chunk: Prepared) -> dict[int, Problem]:
        problems = dict(chunk.problems)
        if not self._batcher.fits_alone(max(chunk.payloads, key=len, default=b"")):
            for at, payload in enumerate(chunk.payloads):
                if not self._batcher.fits_alone(payload):
                    problems.setdefault(at, _LARGE)
        return problems

    def _owners(self, chunk: Prepared, problems: Collection[int]) -> dict[int, int]:
        """The row that owns an identity of each contact that has it not for itself, by position."""
        if self._keys is None:
            return {}
        single = [identities[0] if len(identities) == 1 else None for identities in chunk.identities]
        if problems:
            single = [None if at in problems else key for at, key in enumerate(single)]
        if single.count(None) == len(problems):
            return self._keys.claim_all(single, chunk.start)
        owners: dict[int, int] = {}
        groups = [() if at in problems else identities for at, identities in enumerate(chunk.identities)]
        self._claim_groups(groups, chunk.start, owners)
        return {row - chunk.start: owner for row, owner in owners.items()}

    def _claim_groups(self, groups: Sequence[Sequence[str]], start: int, owners: dict[int, int]) -> None:
        """Claim contacts together if all of them are new, else in halves; those that are not new join `owners`."""
        assert self._keys is not None
        if self._keys.claim_groups(groups, start):
            return
        middle = len(groups) // 2
        if middle:
            self._claim_groups(groups[:middle], start, owners)
            self._claim_groups(groups[middle:], start + middle, owners)
        else:
            owners[start] = next(owner for key in groups[0] if (owner := self._keys.owner(key)) is not None)
