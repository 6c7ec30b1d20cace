"""A chunk of input made ready to send: contacts as bytes, with their keys, or why not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import attrs

from headcount.core.batches import Batch
from headcount.outcome import Problem


@attrs.define
class Prepared:
    """Consecutive contacts, encoded. All columns are as long as the chunk.

    Where a contact was refused before sending, `problems` says why by position, and its payload is empty.
    `keys` are what the vendor's reply names a contact by; `identities` are all the texts that two contacts
    of one run may not share.
    """

    start: int
    """The index of the first contact."""
    payloads: list[bytes] = attrs.field(repr=False)
    keys: list[str] = attrs.field(repr=False)
    identities: list[tuple[str, ...]] = attrs.field(repr=False)
    problems: dict[int, Problem] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.payloads)

    def batch(self, positions: Sequence[int]) -> Batch:
        """The contacts at these positions, which ascend."""
        return Batch(
            [self.start + at for at in positions],
            [self.keys[at] for at in positions],
            [self.payloads[at] for at in positions],
        )

    def digest(self, previous: bytes, stop: int | None = None) -> bytes:
        """A digest of everything up to position `stop` of this chunk, given that of everything before the chunk.

        Without `stop` it covers the whole chunk.
        """
        digest = hashlib.sha256(previous)
        digest.update(b"\n".join(self.payloads[:stop]))
        return digest.digest()

    @classmethod
    def joined(cls, pieces: Sequence[Prepared]) -> Prepared:
        """Pieces that follow each other as one chunk."""
        start = pieces[0].start
        return cls(
            start,
            [payload for piece in pieces for payload in piece.payloads],
            [key for piece in pieces for key in piece.keys],
            [identities for piece in pieces for identities in piece.identities],
            {piece.start - start + at: problem for piece in pieces for at, problem in piece.problems.items()},
        )
