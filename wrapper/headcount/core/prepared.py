"""A chunk of input made ready to send: contacts as bytes, with their keys, or why not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import attrs

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
    identities: list[Sequence[str]] = attrs.field(repr=False)
    problems: dict[int, Problem] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.payloads)

    def digest(self, previous: bytes) -> bytes:
        """A digest of everything up to the end of this chunk, given that of everything before it."""
        digest = hashlib.sha256(previous)
        digest.update(b"\n".join(self.payloads))
        return digest.digest()
