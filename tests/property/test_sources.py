"""The readers of a source agree with each other, and with what was written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from headcount.outcome import Kind
from headcount.records.rows import Cell, Rows
from headcount.sources import open_source
from headcount.sources.csv import read_blocks
from headcount.sources.csv_slow import Header
from headcount.sources.lines import Lines

FRAGMENTS = [
    b"a",
    b"bc",
    "é".encode(),
    "名".encode(),
    b" ",
    b"\t",
    b";",
    b"\\",
    b"'",
    b",",
    b",",
    b",",
    b'""',
]
FRAGMENTS += [
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b'"',
    b'"',
    b',"',
    b'",',
    b'"\n',
    "\u00a0".encode(),
    "\u2003".encode(),
]
FRAGMENTS += [b"\x1c", b"\x85", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"]
TIDY = [b"a", "é".encode(), b" ", b'"b"', b'"c\nd"', b'"e\r\nf"', b'"g""h"', b'"i,"', b'","', b'""']
RAW = st.lists(st.sampled_from(FRAGMENTS), max_size=60).map(b"".join)
TIDY_ROW = st.lists(st.sampled_from(TIDY), min_size=3, max_size=3).map(b",".join)
ALMOST_TIDY = st.lists(TIDY_ROW | st.lists(st.sampled_from(TIDY + FRAGMENTS), max_size=4).map(b"".join), max_size=8)
TEXT = st.text(st.sampled_from("ab é名,;\"'\n\r\t \u00a0") | st.characters(exclude_characters="\0", codec="utf-8"))

Seen = tuple[int, int, object, object, list[str] | None]


def seen(chunks: list[Rows]) -> list[Seen]:
    """Everything that is known of each record, wherever the chunks were cut."""
    return [
        (
            rows.index + position,
            rows.lines[position],
            {name: column[position] for name, column in zip(rows.columns, rows.cells, strict=True)},
            rows.problems.get(position),
            rows.damaged.get(position),
        )
        for rows in chunks
        for position in range(len(rows))
    ]


def read(data: bytes, header: Header, *, fast: bool, block_size: int = 2**16, record_limit: int = 2**20) -> list[Seen]:
    lines = Lines(io.BytesIO(data).read, block_size=block_size, record_limit=record_limit)
    return seen(list(read_blocks(lines, header, fast=fast)))


LAYOUTS = st.sampled_from(
    [
        Header(("x", "y", "z"), 3, b","),
        Header(("x", "y", "z"), 3, b";"),
        Header(("x", "y"), 2, b"\t"),
        Header(("x",), 1, b","),
        Header(("x", "y", "z"), 5, b","),
    ]
)


@given(RAW | ALMOST_TIDY.map(b"\n".join), LAYOUTS)
def test_the_fast_and_the_slow_reader_give_the_same_rows(data: bytes, header: Header) -> None:
    assert read(data, header, fast=True) == read(data, header, fast=False)


@given(RAW | ALMOST_TIDY.map(b"\n".join), LAYOUTS, st.integers(1, 40), st.booleans())
def test_where_blocks_end_makes_no_difference(data: bytes, header: Header, block_size: int, fast: bool) -> None:
    assert read(data, header, fast=fast, block_size=block_size) == read(data, header, fast=False)


def as_cell(text: str) -> str | None:
    return text if text.strip() else None


@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
    st.integers(1, 7),
)
def test_every_cell_that_another_program_wrote_is_read_as_it_is(
    table: list[tuple[str, str, str]], line_end: str, quoting: int, fast: bool, block_size: int
) -> None:
    written = io.StringIO()
    if any("\r" in text for row in table for text in row):  # the writer would leave it unquoted
        quoting = csv.QUOTE_ALL
    writer = csv.writer(written, lineterminator=line_end, quoting=quoting)
    lines = []
    for row in table:
        lines.append(written.getvalue().count("\n") + 1)
        writer.writerow(row)
    header = Header(("x", "y", "z"), 3, b",")
    for size in (block_size, 2**16):
        records = read(written.getvalue().encode(), header, fast=fast, block_size=size)
        assert [record[1] for record in records] == lines
        assert [record[2] for record in records] == [dict(zip("xyz", map(as_cell, row), strict=True)) for row in table]
        assert not any(record[3] for record in records)


BROKEN = st.sampled_from([b'a,"b,c', b'a,"b"c,d', b"a,b", b"a,b,c,d", b"a,\xff,c", b"a,b\0,c", b"a,b\rx,c", b'"'])


@given(
    st.lists(st.sampled_from([b"1,2,3", b'4,"5",6', b'7,"8\n8",9', b'"1",,'])),
    BROKEN,
    st.data(),
    st.booleans(),
)
def test_a_broken_row_costs_itself_alone(good: list[bytes], broken: bytes, data: st.DataObject, fast: bool) -> None:
    header = Header(("x", "y", "z"), 3, b",")
    at = data.draw(st.integers(0, len(good)))
    text = b"\n".join([*good[:at], broken, *good[at:]])
    records = read(text, header, fast=fast)
    assert [record[0] for record in records if record[3]] == [at]
    whole = [record[2] for record in read(b"\n".join(good), header, fast=fast)]
    assert [record[2] for record in records[:at] + records[at + 1 :]] == whole


@given(RAW | ALMOST_TIDY.map(b"\n".join), st.integers(1, 5), st.none() | st.integers(0, 5))
def test_chunks_are_of_one_size_and_a_replay_reads_the_same(data: bytes, size: int, limit: int | None) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "people.csv")
        path.write_bytes(b"x,y,z\n" + data)
        chunks = list(open_source(str(path), limit=limit).chunks(size))
        everything = seen(list(open_source(str(path)).chunks()))
        assert seen(chunks) == everything[:limit]
        assert all(len(chunk) == size for chunk in chunks[:-1])
        assert all(0 < len(chunk) <= size for chunk in chunks)

        replay = Path(directory, "replay.jsonl")
        records = [record for chunk in chunks for record in chunk.records()]
        replay.write_text("".join(json.dumps(record) + "\n" for record in records))
        again = list(open_source(str(replay)).chunks(size))
        assert [record for chunk in again for record in chunk.records()] == records
        assert [bool(record[3]) for record in seen(again)] == [bool(record[3]) for record in seen(chunks)]


JSON_CELL = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(TEXT, JSON_CELL, max_size=4), max_size=6), st.booleans())
def test_json_values_become_text_as_they_are_written(objects: list[dict[str, object]], ascii_only: bool) -> None:
    def expected(value: object) -> Cell:
        if isinstance(value, str):
            return as_cell(value)
        if isinstance(value, list | dict):
            return value
        return None if value is None else json.dumps(value)

    with TemporaryDirectory() as directory:
        path = Path(directory, "people.jsonl")
        path.write_text("\n".join(json.dumps(one, ensure_ascii=ascii_only) for one in objects), "utf-8")
        chunks = list(open_source(str(path)).chunks(4))
    read_back = [record for chunk in chunks for record in chunk.records()]
    assert read_back == [
        {name: expected(value) for name, value in one.items() if expected(value) is not None} for one in objects
    ]


def test_the_kinds_of_what_is_wrong_are_the_closed_ones() -> None:
    header = Header(("x", "y", "z"), 3, b",")
    records = read(b'a,b\na,"b\na,\xff,c\na,\0,c\n', header, fast=True)
    kinds = [getattr(record[3], "kind", None) for record in records]
    assert kinds == [Kind.MALFORMED_ROW, Kind.MALFORMED_ROW, Kind.DAMAGED_VALUE, Kind.DAMAGED_VALUE]
