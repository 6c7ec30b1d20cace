"""What a load reads: the rows of a source, or objects of a program, made ready a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any, Protocol

import attrs
import msgspec

from headcount.contact import Contact
from headcount.core.prepared import Prepared
from headcount.records.contacts import contact_rows
from headcount.records.encode import Encoder
from headcount.records.rows import Rows, Unshown
from headcount.run_folder import InputCopy

CHUNK = 1000
"""Contacts that are read and made ready together. A run's checkpoints lie on its multiples."""


class Input(Protocol):
    """What a load reads, once, from the beginning."""

    @property
    def warnings(self) -> Sequence[str]:
        """What the caller should be told: columns that reach nothing."""
        ...

    def chunks(self) -> Iterator[Prepared]:
        """The contacts, made ready."""
        ...

    def rest(self) -> Iterator[int]:
        """The sizes of the chunks that are left, read but not made ready."""
        ...


@attrs.define
class RowsInput:
    """Input by columns: the chunks of a source, and the copy of what cannot be read twice."""

    rows: Iterator[Rows]
    encoder: Encoder
    copy: InputCopy | None = None

    @property
    def warnings(self) -> Sequence[str]:
        return self.encoder.warnings

    def chunks(self) -> Iterator[Prepared]:
        for rows in self._copied():
            yield self.encoder.rows(rows)

    def rest(self) -> Iterator[int]:
        return (len(rows) for rows in self._copied())

    def _copied(self) -> Iterator[Rows]:
        for rows in self.rows:
            if self.copy is not None:
                # With its gaps, so that a chunk of the copy has the same columns, in the same order.
                self.copy.write(rows.records(gaps=True), rows.index)
            yield rows


@attrs.define
class ObjectsInput:
    """Input by objects: each a `Contact`, a wire record or a mapping of vendor field to value."""

    objects: Iterator[object]
    encoder: Encoder
    copy: InputCopy | None = None
    _read: int = 0

    @property
    def warnings(self) -> Sequence[str]:
        return self.encoder.warnings

    def chunks(self) -> Iterator[Prepared]:
        for objects in self._chunks_of_objects():
            pieces = [self._piece(contacts, Unshown(group)) for contacts, group in groupby(objects, _is_contact)]
            yield pieces[0] if len(pieces) == 1 else Prepared.joined(pieces)

    def rest(self) -> Iterator[int]:
        for objects in self._chunks_of_objects():
            for contacts, group in groupby(objects, _is_contact):
                self._copied(contacts, Unshown(group))
            yield len(objects)

    def _piece(self, contacts: bool, objects: list[Any]) -> Prepared:
        """Objects of one sort, the next of the input, made ready."""
        start = self._read
        rows = self._copied(contacts, objects)
        return self.encoder.records(start, objects) if rows is None else self.encoder.rows(rows)

    def _copied(self, contacts: bool, objects: list[Any]) -> Rows | None:
        """Objects of one sort, by column if they are contacts, once the copy has them."""
        rows = contact_rows(self._read, objects) if contacts else None
        if self.copy is not None:
            self.copy.write(map(_as_written, objects) if rows is None else rows.records(), self._read)
        self._read += len(objects)
        return rows

    def _chunks_of_objects(self) -> Iterator[list[object]]:
        chunk: list[object] = Unshown()
        try:
            while True:
                chunk.extend(map(_kept, islice(self.objects, CHUNK)))
                if chunk:
                    yield chunk
                if len(chunk) < CHUNK:
                    return
                chunk = Unshown()
        except Exception:
            # What was handed over before the input broke off counts.
            if chunk:
                yield chunk
            raise


def _kept(item: object) -> object:
    """A mapping as it is now: its maker may use it again for the next contact."""
    return item.copy() if type(item) is dict else item


def _is_contact(item: object) -> bool:
    return isinstance(item, Contact)


def _as_written(item: object) -> object:
    """A vendor's record as the copy of the input keeps it; what is no record keeps its place as a list."""
    try:
        record = msgspec.to_builtins(item, str_keys=True)
    except (TypeError, ValueError, RecursionError):
        return []
    return record if isinstance(record, dict) else []
