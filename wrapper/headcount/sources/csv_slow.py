"""The slow reader of CSV: one record at a time, so that what is wrong costs one record.

A cell is quoted when its first character is a quote; a quote in it is doubled; after the quote that
closes it comes a delimiter or the end of the line. A quote within an unquoted cell is a plain
character. A record that breaks these rules ends with its first physical line, and reading goes on with
the next: a stray quote costs its own line and never the rest of the file.

The standard library's reader is not used: it takes text and not bytes, joins what follows a closing
quote to the cell, runs to the end of the file after a stray quote, and has one size limit for the process.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import attrs

from headcount.outcome import Problem
from headcount.records.rows import Cell, Rows
from headcount.sources import damage
from headcount.sources.chunks import line_numbers
from headcount.sources.lines import RECORD_LIMIT

_UNCLOSED = "an unclosed quote"
_TEXT_AFTER_QUOTE = "text after the closing quote"
CARRIAGE_RETURN = "a carriage return outside of quotes"
_QUOTED = rb'[^"]*+(?:""[^"]*+)*+'
_TO_CLOSING_QUOTE = re.compile(_QUOTED + b'"')


@attrs.frozen
class Header:
    """What the header says of every record."""

    columns: tuple[str, ...]
    width: int
    """The cells of the header, nameless ones at its end included."""
    delimiter: bytes

    def column(self, position: int) -> str:
        """How messages call the column at `position`."""
        return damage.column(position, self.columns[position] if position < len(self.columns) else "")


@attrs.define
class Record:
    """One record of a block, as bytes."""

    cells: list[bytes]
    end: int
    """Where the next record begins."""
    fault: str | None = None
    """Which rule it breaks; the cells are then those of its first line, quotes and all."""
    position: int = 0
    """The cell in which the fault is."""
    open: bool = False
    """A quote is still open at the end of the block: the fault stands if that is all there is."""


def is_blank(line: bytes, delimiter: bytes) -> bool:
    """The line is no record: it has neither text nor delimiters."""
    return not line.strip() and delimiter not in line


def record_at(block: bytes, start: int, delimiter: bytes) -> Record:
    """The record that begins at `start` of a block of whole lines."""
    line_end = block.index(b"\n", start)
    line = block[start:line_end].removesuffix(b"\r")
    if b'"' not in line and b"\r" not in line:
        return Record(line.split(delimiter), line_end + 1)
    cells: list[bytes] = []
    position = start
    pattern = _cell(delimiter)
    while found := pattern.match(block, position):
        quoted, plain, stop = found.groups()
        cells.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        position = found.end()
        if stop != delimiter:
            return Record(cells, position)
    fault, is_open = CARRIAGE_RETURN, False
    if block.startswith(b'"', position):
        closed = _TO_CLOSING_QUOTE.match(block, position + 1)
        is_open = closed is None
        if closed is None or closed.end() > line_end:  # what closes it was meant to open another cell
            fault = _UNCLOSED
        elif not block.startswith(b"\r", closed.end()):
            fault = _TEXT_AFTER_QUOTE
    return Record(line.split(delimiter), line_end + 1, fault, len(cells), is_open)


def read(
    block: bytes,
    until: int,
    header: Header,
    index: int,
    line: int,
    *,
    last: bool = False,
    overlong: bool = False,
) -> tuple[Rows, int]:
    """The records of `block` that begin before `until`, and where the first that was not read begins.

    `index` and `line` are those of the first record. A record with a quote open at the end of the
    block is left unread, unless `last` is set: no longer block is to be had.
    `overlong`: the block is the head of one line over the limit.
    """
    rows: list[Sequence[Cell]] = []
    lines: list[int] = []
    problems: dict[int, Problem] = {}
    damaged: dict[int, list[str]] = {}
    start = 0
    while start < until:
        record = record_at(block, start, header.delimiter)
        if record.open and not last:
            break
        if len(record.cells) > 1 or not is_blank(block[start : record.end], header.delimiter):
            checked = damage.too_large("the line", RECORD_LIMIT) if overlong else _checked(record, block, start, header)
            if isinstance(checked, Problem):
                problems[len(rows)] = checked
                damaged[len(rows)] = damage.readable(record.cells)
                checked = [None] * len(header.columns)
            rows.append(checked)
            lines.append(line)
        line += block.count(b"\n", start, record.end)
        start = record.end
    cells = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in header.columns]
    return Rows(index, header.columns, cells, line_numbers(lines), problems, damaged), start


def _checked(record: Record, block: bytes, start: int, header: Header) -> list[Cell] | Problem:
    """The cells as text, or what is wrong with the record."""
    if record.fault is not None:
        return damage.malformed(f"{record.fault} in {header.column(record.position)}")
    count = len(header.columns)
    if len(record.cells) < count or any(cell.strip() for cell in record.cells[count:]):
        return damage.malformed(f"{len(record.cells)} cells where the header has {count}")
    cells = record.cells[:count]
    suspect = block.find(b"\0", start, record.end) >= 0 or record.end - start > damage.CELL_LIMIT
    texts: list[str] = []
    try:
        texts = [cell.decode() for cell in cells]
    except UnicodeDecodeError:
        suspect = True
    if suspect:
        for position, cell in enumerate(cells):
            problem = _cell_problem(cell, header.column(position))
            if problem is not None:
                return problem
    return [None if not text or text.isspace() else text for text in texts]


def _cell_problem(cell: bytes, column: str) -> Problem | None:
    if len(cell) > damage.CELL_LIMIT:
        return damage.too_large(column)
    if b"\0" in cell:
        return damage.has_nul(column)
    try:
        cell.decode()
    except UnicodeDecodeError:
        return damage.not_utf8(column)
    return None


@functools.cache
def _cell(delimiter: bytes) -> re.Pattern[bytes]:
    """A cell, quoted or plain, and what ends it."""
    stop = re.escape(delimiter)
    plain = rb'(?:[^"\r\n' + stop + rb"][^\r\n" + stop + rb"]*+)?"
    return re.compile(rb'(?:"(' + _QUOTED + rb')"|(' + plain + rb"))(" + stop + rb"|\r?\n)")
