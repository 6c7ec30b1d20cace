"""Chunks of one size out of blocks of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headcount.records.columns import joined
from headcount.records.rows import Rows


def limited(blocks: Iterable[Rows], limit: int | None) -> Iterator[Rows]:
    """The blocks up to the record with the index `limit`."""
    for block in blocks:
        if limit is not None and block.index + len(block) >= limit:
            yield part(block, 0, limit - block.index)
            return
        yield block


def rechunk(blocks: Iterable[Rows], size: int) -> Iterator[Rows]:
    """The records of consecutive blocks with the same columns, `size` at a time and the rest at the end."""
    held: Rows | None = None
    for block in blocks:
        held = _joined(held, block) if held else block
        start = 0
        while len(held) - start >= size:
            yield part(held, start, start + size)
            start += size
        held = part(held, start, len(held))
    if held:
        yield held


def line_numbers(lines: Sequence[int]) -> Sequence[int]:
    """The numbers as a range, where they follow each other."""
    if lines and lines[-1] - lines[0] == len(lines) - 1:
        return range(lines[0], lines[-1] + 1)
    return lines


def part(rows: Rows, start: int, stop: int) -> Rows:
    """The records from the position `start` up to `stop`."""
    return Rows(
        index=rows.index + start,
        columns=rows.columns,
        cells=[column[start:stop] for column in rows.cells],
        lines=line_numbers(rows.lines[start:stop]),
        problems={at - start: found for at, found in rows.problems.items() if start <= at < stop},
        damaged={at - start: texts for at, texts in rows.damaged.items() if start <= at < stop},
    )


def _joined(first: Rows, second: Rows) -> Rows:
    shift = len(first)
    return Rows(
        index=first.index,
        columns=first.columns,
        cells=[joined(before, after) for before, after in zip(first.cells, second.cells, strict=True)],
        lines=[*first.lines, *second.lines],
        problems=first.problems | {shift + position: found for position, found in second.problems.items()},
        damaged=first.damaged | {shift + position: texts for position, texts in second.damaged.items()},
    )
