"""A column of texts that stays in Arrow's memory until someone asks for its cells."""

# pyarrow brings no types, and makes the functions of its compute module when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import pyarrow as pa  # type: ignore[import-untyped]


class TextColumn(Sequence[str | None]):
    """The cells of a column: a text each, or None where there is none. Slices share its memory."""

    def __init__(self, texts: pa.Array) -> None:
        self.texts = texts
        self._cells: list[str | None] | None = None

    @property
    def cells(self) -> list[str | None]:
        """All of them, as a list."""
        cells = self._cells
        if cells is None:
            cells = self._cells = list(self.texts.to_pylist())
        return cells

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.cells)

    @overload
    def __getitem__(self, place: int) -> str | None: ...
    @overload
    def __getitem__(self, place: slice) -> TextColumn: ...
    def __getitem__(self, place: int | slice) -> str | TextColumn | None:
        return TextColumn(self.texts[place]) if isinstance(place, slice) else self.cells[place]

    def __repr__(self) -> str:
        return f"<{len(self)} items>"


def picked(column: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    """The cells at these places, as a column."""
    if isinstance(column, TextColumn):
        return TextColumn(column.texts.take(pa.array(places, pa.int64())))
    return [column[place] for place in places]


def joined(first: Sequence[Any], second: Sequence[Any]) -> Sequence[Any]:
    """Two columns as one."""
    if isinstance(first, TextColumn) and isinstance(second, TextColumn):
        return TextColumn(pa.concat_arrays([first.texts, second.texts]))
    return [*first, *second]
