"""JSON Lines: one JSON object a line, of which every value becomes a cell of text.

Text stays as it is; a number is its digits as they are written; true and false are "true" and "false";
null and blank text are absent; lists and objects are kept. A blank line is no record; an empty object is
one, with no cells. A line that is not one object, or gives one name twice, is a record that cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice

import attrs
import msgspec

from headcount.outcome import Problem
from headcount.records.rows import Cell, Rows
from headcount.sources import damage
from headcount.sources.chunks import line_numbers
from headcount.sources.lines import RECORD_LIMIT, Lines
from headcount.sources.stream import Stream

_MOST_CELLS = 1 << 20
"""In a chunk: so many columns, so many rows."""
_decode = msgspec.json.Decoder(float_hook=str).decode
_decode_as_it_is = msgspec.json.Decoder().decode


class JsonLinesSource:
    """The records of a JSON Lines file or of standard input."""

    def __init__(self, stream: Stream, *, limit: int | None = None) -> None:
        """Raises SourceError if the file is JSON over several lines."""
        self.name = stream.name
        self.path = stream.path
        self.columns: tuple[str, ...] | None = None
        self._stream = stream
        self._limit = limit
        with stream.lines() as lines:
            if lines.peek().lstrip().split(b"\n", 1)[0].strip() in (b"{", b"[", b"[{"):
                raise stream.refuse("is JSON over several lines; one object a line is needed")

    def chunks(self, size: int = 1000) -> Iterator[Rows]:
        """The records in order, `size` at a time and the rest at the end; fewer where nearly each has other names.

        Raises SourceError if the file cannot be read any more, or a pipe a second time.
        """
        with self._stream.lines() as lines:
            index = 0
            for chunk in _chunked(islice(_records(lines), self._limit), size):
                yield _rows(index, chunk)
                index += len(chunk)


@attrs.define
class _Record:
    line: int
    cells: dict[str, Cell]
    problem: Problem | None = None
    texts: list[str] | None = None
    """What could be made out of a damaged record."""


def _records(lines: Lines) -> Iterator[_Record]:
    while block := lines.peek():
        number, overlong = lines.number, lines.overlong
        lines.take(len(block))
        for text in block.split(b"\n")[:-1]:
            if overlong:
                yield _damaged(number, text, damage.too_large("the line", RECORD_LIMIT))
            elif text and not text.isspace():
                yield _record(number, text)
            number += 1


def _chunked(records: Iterable[_Record], size: int) -> Iterator[list[_Record]]:
    """Chunks of `size` records, or of fewer where their columns would hold more than so many cells."""
    chunk: list[_Record] = []
    names: set[str] = set()
    for record in records:
        names.update(record.cells)
        if chunk and len(names) * (len(chunk) + 1) > _MOST_CELLS:
            yield chunk
            chunk, names = [], set(record.cells)
        chunk.append(record)
        if len(chunk) == size:
            yield chunk
            chunk, names = [], set()
    if chunk:
        yield chunk


def _record(line: int, text: bytes) -> _Record:
    try:
        value = _decode(text)
        # Every name has its colon: with as many colons as names, no name is there twice.
        if isinstance(value, dict) and text.count(b":") != len(value) and _has_name_twice(text):
            return _damaged(line, text, damage.malformed("an object that gives one name twice"))
    except UnicodeDecodeError:
        return _damaged(line, text, damage.not_utf8("the line"))
    except (ValueError, RecursionError):  # not JSON; numbers and depths that no decoder takes
        return _damaged(line, text, damage.malformed("not a JSON object"))
    if isinstance(value, list) and all(isinstance(cell, str) for cell in value):
        # This is how a damaged record is written: read again, it stays the same.
        return _Record(line, {}, damage.malformed("not a JSON object"), value)
    if not isinstance(value, dict):
        return _damaged(line, text, damage.malformed("not a JSON object"))
    problem = _cell_problem(value, text)
    return _damaged(line, text, problem) if problem else _Record(line, _cells(value, text))


def _damaged(line: int, text: bytes, problem: Problem) -> _Record:
    return _Record(line, {}, problem, damage.readable([text]))


def _cells(value: dict[str, object], text: bytes) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    as_it_is: dict[str, Cell] = {}
    for name, cell in value.items():
        if isinstance(cell, str):
            cells[name] = cell if cell and not cell.isspace() else None
        elif isinstance(cell, bool):
            cells[name] = "true" if cell else "false"
        elif isinstance(cell, int):
            cells[name] = str(cell)
        elif cell is None:
            cells[name] = None
        else:  # numbers within a list or an object stay numbers
            as_it_is = as_it_is or _decode_as_it_is(text)
            cells[name] = as_it_is[name]
    return cells


def _cell_problem(value: dict[str, object], text: bytes) -> Problem | None:
    may_be_too_large = len(text) > damage.CELL_LIMIT
    may_have_nul = b"\\u0000" in text
    if may_be_too_large or may_have_nul:
        for position, (name, cell) in enumerate(value.items()):
            size = len(cell.encode() if isinstance(cell, str) else msgspec.json.encode(cell))
            if size > damage.CELL_LIMIT:
                return damage.too_large(damage.column(position, name))
            if isinstance(cell, str) and "\0" in cell:
                return damage.has_nul(damage.column(position, name))
    return None


def _has_name_twice(text: bytes) -> bool:
    twice = False

    def see(pairs: list[tuple[str, object]]) -> None:
        nonlocal twice
        twice = twice or len({name for name, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=see)
    return twice


def _rows(index: int, chunk: list[_Record]) -> Rows:
    columns = tuple(dict.fromkeys(name for record in chunk for name in record.cells))
    return Rows(
        index=index,
        columns=columns,
        cells=[[record.cells.get(name) for record in chunk] for name in columns],
        lines=line_numbers([record.line for record in chunk]),
        problems={at: record.problem for at, record in enumerate(chunk) if record.problem is not None},
        damaged={at: record.texts for at, record in enumerate(chunk) if record.texts is not None},
    )
