"""CSV: delimited text with a header, every cell kept as it is written.

The header is the first line that is not blank; white space around its names, and nameless cells at its
end, are dropped. The delimiter is the tab in a file named .tsv; else the comma, or, where the header has
none, the semicolon or the tab. A line with nothing but white space is no record; a line of nothing but
delimiters is one, with no cells. Extra cells at the end of a record are passed over if they are blank.
"""

from __future__ import annotations

from collections.abc import Iterator

from headcount.records.rows import Rows
from headcount.sources import csv_slow, damage
from headcount.sources.chunks import limited, rechunk
from headcount.sources.csv_fast import FastReader
from headcount.sources.csv_slow import Header
from headcount.sources.lines import RECORD_LIMIT, Lines
from headcount.sources.stream import Stream

_SMALL = 32 * 1024
"""A block of so few bytes is not worth dividing."""


class CsvSource:
    """The records of a CSV file or of standard input."""

    def __init__(self, stream: Stream, *, limit: int | None = None) -> None:
        """Read the header. Raises SourceError if there is none that can be used."""
        self.name = stream.name
        self.path = stream.path
        self._stream = stream
        self._limit = limit
        with stream.lines() as lines:
            self._header, self._header_size = _read_header(lines, stream)
        self.columns: tuple[str, ...] | None = self._header.columns

    def chunks(self, size: int = 1000) -> Iterator[Rows]:
        """The records in order, `size` at a time and the rest at the end.

        Raises SourceError if the file cannot be read any more, or a pipe a second time.
        """
        with self._stream.lines() as lines:
            lines.take(self._header_size)
            yield from rechunk(limited(read_blocks(lines, self._header), self._limit), size)


def read_blocks(lines: Lines, header: Header, *, fast: bool = True) -> Iterator[Rows]:
    """The records of each block: by the fast reader if it takes the block, else by the slow one.

    A block that the fast reader refuses is tried again in smaller parts, so that few records are left to the
    slow reader. The two give the same rows; `fast` is there for the tests that hold them to it.
    """
    fast_reader = FastReader(header)
    index = 0
    size = lines.block_size
    while block := lines.peek(size):
        rows = None
        if fast and not lines.overlong:
            rows = fast_reader.read(block, index, lines.number)
            if rows is None and _SMALL < len(block) <= size:
                size = max(size // 4, _SMALL)
                continue
        taken = len(block)
        if rows is None:
            rows, taken = _read_slowly(lines, block, header, index)
        lines.take(taken)
        index += len(rows)
        size = min(4 * size, lines.block_size)
        yield rows


def _read_slowly(lines: Lines, block: bytes, header: Header, index: int) -> tuple[Rows, int]:
    """The records that begin in the block, and their bytes; the first may end beyond it."""
    until = len(block)
    overlong = lines.overlong
    rows, size = csv_slow.read(block, until, header, index, lines.number, last=overlong, overlong=overlong)
    while not size:
        longer = lines.longer(block)
        block = longer or block
        rows, size = csv_slow.read(block, until, header, index, lines.number, last=longer is None)
    return rows, size


def _read_header(lines: Lines, stream: Stream) -> tuple[Header, int]:
    """The header, and how many bytes stand before the first record."""
    block = lines.peek()
    start = len(block) - len(block.lstrip())
    if start == len(block):
        raise stream.refuse("is empty: a CSV file begins with a header")
    start = block.rfind(b"\n", 0, start) + 1
    first_line = block[start : block.index(b"\n", start)]
    delimiter = _delimiter(first_line, stream.name)
    record = csv_slow.record_at(block, start, delimiter)
    while record.open and (longer := lines.longer(block)):
        block = longer
        record = csv_slow.record_at(block, start, delimiter)
    if lines.overlong:
        raise stream.refuse(f"has a header of over {RECORD_LIMIT:,} bytes")
    if record.fault == csv_slow.CARRIAGE_RETURN:
        raise stream.refuse("has lines that end with a carriage return alone; save it with common line ends")
    if record.fault:
        raise stream.refuse(f"has {record.fault} in {damage.column(record.position)} of its header")
    return Header(_column_names(record.cells, stream), len(record.cells), delimiter), record.end


def _delimiter(first_line: bytes, name: str) -> bytes:
    if name.lower().endswith(".tsv"):
        return b"\t"
    return next((found for found in (b",", b";", b"\t") if found in first_line), b",")


def _column_names(cells: list[bytes], stream: Stream) -> tuple[str, ...]:
    names: list[str] = []
    for position, cell in enumerate(cells):
        try:
            names.append(cell.decode().strip())
        except UnicodeDecodeError:
            raise stream.refuse(f"is not UTF-8: see {damage.column(position)} of its header") from None
    while names and not names[-1]:
        names.pop()
    if not names:
        raise stream.refuse("has no names in its header")
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        if not name:
            raise stream.refuse(f"has no name for {damage.column(position)}")
        if name in positions:
            raise stream.refuse(f"names {damage.column(position, name)} like column {positions[name] + 1}")
        positions[name] = position
    return tuple(names)
