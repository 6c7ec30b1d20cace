"""The fast reader of CSV: whole blocks at once, through Arrow, and only where no record is odd.

It refuses every block that it cannot read exactly as the slow reader would.
"""

# pyarrow brings no types, and makes the functions of its compute module when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv as pa_csv  # type: ignore[import-untyped]

from headcount.records.columns import TextColumn
from headcount.records.rows import Rows
from headcount.sources import damage
from headcount.sources.chunks import line_numbers
from headcount.sources.csv_slow import Header


class FastReader:
    """Reads the blocks of one source."""

    def __init__(self, header: Header) -> None:
        self._header = header
        names = [str(position) for position in range(header.width)]
        self._read = pa_csv.ReadOptions(use_threads=False, block_size=2 * damage.CELL_LIMIT, column_names=names)
        self._parse = pa_csv.ParseOptions(delimiter=header.delimiter.decode(), newlines_in_values=True)
        # Every column is text, checked to be UTF-8; only the empty cell is absent.
        self._convert = pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        )
        self._bad_quotes = _bad_quotes(header.delimiter)

    def read(self, block: bytes, index: int, line: int) -> Rows | None:
        """The records of a block of whole lines, or None if one may be odd.

        `index` is that of the first record, `line` the number of the first line.
        """
        # Within a block of one cell's size no cell is too large. Arrow takes a carriage return alone for
        # the end of a line, and a byte order mark for one wherever its input begins.
        if len(block) > damage.CELL_LIMIT or b"\0" in block or block.startswith(b"\xef\xbb\xbf"):
            return None
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            return None
        try:
            table = pa_csv.read_csv(pa.BufferReader(block), self._read, self._parse, self._convert)
        except pa.ArrowInvalid:  # a ragged row, a bad byte, no row at all
            return None
        lines = _line_numbers(block, table, line)
        if lines is None or (b'"' in block and self._has_bad_quotes(block)):
            return None
        columns = table.columns
        count = len(self._header.columns)
        if any(column.null_count < len(column) for column in columns[count:]):
            return None
        texts = pa.chunked_array([chunk for column in columns[:count] for chunk in column.chunks])
        if pc.any(pc.utf8_is_space(texts)).as_py():
            columns = [pc.if_else(pc.utf8_is_space(column), None, column) for column in columns]
        if count == 1 and columns[0].null_count:  # it may be no cell but a blank line
            return None
        cells = [TextColumn(column.combine_chunks()) for column in columns[:count]]
        return Rows(index, self._header.columns, cells, lines)

    def _has_bad_quotes(self, block: bytes) -> bool:
        found = pc.match_substring_regex(pa.scalar(block, pa.binary()), self._bad_quotes)
        return bool(found.as_py())


def _line_numbers(block: bytes, table: pa.Table, line: int) -> Sequence[int] | None:
    """The line on which each record begins; None if the block has lines that are part of no record."""
    rows = table.num_rows
    extra = block.count(b"\n") - rows
    if not extra:
        return range(line, line + rows)
    within = [0] * rows
    for column in table.columns:
        counts = pc.fill_null(pc.count_substring(column, "\n"), 0).to_pylist()
        within = [before + count for before, count in zip(within, counts, strict=True)]
    if sum(within) != extra:
        return None
    starts = itertools.accumulate((1 + count for count in within[:-1]), initial=line)
    return line_numbers(list(starts))


def _bad_quotes(delimiter: bytes) -> str:
    """What a block begins with that has text after a closing quote, or a quote that it does not close.

    Arrow joins the text to the cell, and takes the end of its input for the missing quote.
    """
    stop = re.escape(delimiter.decode())
    opened = '"(?:[^"]|"")*'
    cell = rf'(?:[^"{stop}\r\n][^{stop}\r\n]*|{opened}")?'
    return rf'\A(?:{cell}(?:{stop}|\r?\n))*{opened}(?:"[^"{stop}\r\n]|\z)'
