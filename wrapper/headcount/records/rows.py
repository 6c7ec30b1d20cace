"""Rows as a source reads them: a chunk of records, kept by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TypeVar

import attrs

from headcount.outcome import Problem

T = TypeVar("T")
Cell = str | list[object] | dict[str, object] | None
"""A cell is text, or absent; JSON sources may also hold lists and objects."""


class Unshown(list[T]):
    """A list that tells its length alone: what shows the locals of a traceback is not to show contacts."""

    def __repr__(self) -> str:
        return f"<{len(self)} items>"


@attrs.define
class Rows:
    """A run of consecutive records.

    `cells` holds one sequence a column, each as long as the chunk; an empty or blank cell is None. `lines` are
    the physical lines (from 1) on which the records begin. A record that cannot be read has an entry
    in `problems` by its position in the chunk, its cells are all None, and `damaged` holds what could
    be made out of it, for people to see.
    """

    index: int
    """The index of the first record: 0 for the first of the source."""
    columns: tuple[str, ...]
    cells: Sequence[Sequence[Cell]] = attrs.field(repr=False)
    lines: Sequence[int]
    problems: dict[int, Problem] = attrs.field(factory=dict)
    damaged: dict[int, list[str]] = attrs.field(factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.lines)

    def records(self, *, gaps: bool = False) -> Iterator[dict[str, Cell] | list[str]]:
        """One JSON value a record: an object of the cells that are not absent, or, for a record that
        could not be read, the list of its texts. With `gaps` the absent cells are there too, as null.

        Written one to a line these are a JSON Lines source with the same rows: a list is no record
        there either, so that a replay lets no damaged record through.
        """
        for position, cells in enumerate(zip(*self.cells, strict=True) if self.cells else repeat((), len(self))):
            if position in self.problems:
                yield self.damaged.get(position, [])
            else:
                yield {name: cell for name, cell in zip(self.columns, cells, strict=True) if gaps or cell is not None}
