"""CSV: what is a row, what is a cell, and what one odd record costs."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from headcount.outcome import Kind
from headcount.records.rows import Rows
from headcount.sources import open_source
from headcount.sources.csv_fast import FastReader
from headcount.sources.csv_slow import Header

HEADER = b"id,name,town\n"


def read(tmp_path: Path, data: bytes, name: str = "people.csv", limit: int | None = None) -> Rows:
    """All records of a short file, as one chunk."""
    path = tmp_path / name
    path.write_bytes(data)
    chunks = list(open_source(str(path), limit=limit).chunks())
    assert len(chunks) == 1
    return chunks[0]


def rows_of(rows: Rows) -> list[tuple[object, ...]]:
    return list(zip(*rows.cells, strict=True))


def the_problem(rows: Rows) -> tuple[int, Kind, str | None]:
    [(position, problem)] = rows.problems.items()
    return position, problem.kind, problem.detail


def test_every_cell_is_text_exactly_as_written(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + b"007,+447911123456,4.47911E+11\n1.0, x ,NULL\ntrue,NaN,2024-01-01\n")
    assert rows_of(rows) == [
        ("007", "+447911123456", "4.47911E+11"),
        ("1.0", " x ", "NULL"),
        ("true", "NaN", "2024-01-01"),
    ]


def test_blank_cells_are_absent(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + 'a,,""\nb,"  ",\u00a0\n'.encode())
    assert rows_of(rows) == [("a", None, None), ("b", None, None)]
    assert not rows.problems


def test_the_first_record_after_the_header_has_index_0_and_a_quoted_newline_starts_none(
    tmp_path: Path,
) -> None:
    rows = read(tmp_path, HEADER + b'1,"two\nlines",x\n2,"carriage\r\nreturn",y\n3,b,z\n')
    assert rows.index == 0
    assert rows_of(rows) == [("1", "two\nlines", "x"), ("2", "carriage\r\nreturn", "y"), ("3", "b", "z")]
    assert list(rows.lines) == [2, 4, 6]


def test_a_blank_line_is_no_record_but_a_line_of_commas_is(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + b"1,a,b\n\n   \n,,\n\r\n2,c,d\n\n")
    assert rows_of(rows) == [("1", "a", "b"), (None, None, None), ("2", "c", "d")]
    assert list(rows.lines) == [2, 5, 7]
    assert not rows.problems


def test_in_a_file_of_one_column_a_blank_line_is_no_record_but_an_empty_quoted_cell_is(
    tmp_path: Path,
) -> None:
    rows = read(tmp_path, b'email\na@example.org\n\n  \n""\nb@example.org\n')
    assert rows_of(rows) == [("a@example.org",), (None,), ("b@example.org",)]
    assert list(rows.lines) == [2, 5, 6]


def test_the_header_may_have_a_byte_order_mark_quotes_white_space_and_blank_lines_before_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b'\xef\xbb\xbf\r\n\r\n"e-mail", "town" ,"two\nlines"\r\na,b,c\r\n')
    source = open_source(str(path))
    assert source.columns == ("e-mail", '"town"', "two\nlines")
    [rows] = source.chunks()
    assert rows_of(rows) == [("a", "b", "c")]
    assert list(rows.lines) == [5]


def test_line_numbers_are_a_range_where_nothing_is_odd(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + b"1,a,b\n2,c,d\n").lines == range(2, 4)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("people.csv", b"id;name;town\n1;a,b;c\n"),
        ("people.csv", b"id\tname\ttown\n1\ta,b\tc\n"),
        ("people.tsv", b"id\tname\ttown\n1\ta,b\tc\n"),
        ("people.csv", b'id,name,town\n1,"a,b",c\n'),
    ],
)
def test_the_delimiter_is_seen_in_the_header(tmp_path: Path, name: str, data: bytes) -> None:
    rows = read(tmp_path, data, name)
    assert rows.columns == ("id", "name", "town")
    assert rows_of(rows) == [("1", "a,b", "c")]


def test_blank_cells_at_the_end_of_a_record_or_of_the_header_are_passed_over(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + b"1,a,b,,\n2,c,d, \n")
    assert rows_of(rows) == [("1", "a", "b"), ("2", "c", "d")]
    rows = read(tmp_path, b"id,name,,\n1,a,,\n2,b\n3,c,,x\n")
    assert rows.columns == ("id", "name")
    assert rows_of(rows) == [("1", "a"), ("2", "b"), (None, None)]
    assert the_problem(rows) == (2, Kind.MALFORMED_ROW, "4 cells where the header has 2")


@pytest.mark.parametrize(
    ("line", "kind", "detail", "texts"),
    [
        (b"1,a", Kind.MALFORMED_ROW, "2 cells where the header has 3", ["1", "a"]),
        (b"1,a,b,c", Kind.MALFORMED_ROW, "4 cells where the header has 3", ["1", "a", "b", "c"]),
        (b'1,"a,b', Kind.MALFORMED_ROW, 'an unclosed quote in column 2 "name"', ["1", '"a', "b"]),
        (
            b'1,"a"x,b',
            Kind.MALFORMED_ROW,
            'text after the closing quote in column 2 "name"',
            ["1", '"a"x', "b"],
        ),
        (
            b"1,a,b\rx",
            Kind.MALFORMED_ROW,
            'a carriage return outside of quotes in column 3 "town"',
            ["1", "a", "b\rx"],
        ),
        (
            b"1,a\xff,b",
            Kind.DAMAGED_VALUE,
            'a byte that is not UTF-8 in column 2 "name"',
            ["1", "a\ufffd", "b"],
        ),
        (b"1,a\0,b", Kind.DAMAGED_VALUE, 'a NUL character in column 2 "name"', ["1", "a\0", "b"]),
    ],
)
def test_what_is_wrong_with_a_record_costs_that_record_alone(
    tmp_path: Path, line: bytes, kind: Kind, detail: str, texts: list[str]
) -> None:
    rows = read(tmp_path, HEADER + b'0,"x, y",z\n' + line + b'\n2,"c ""d""",e\n')
    assert rows_of(rows) == [("0", "x, y", "z"), (None, None, None), ("2", 'c "d"', "e")]
    assert the_problem(rows) == (1, kind, detail)
    assert rows.damaged == {1: texts}
    assert list(rows.lines) == [2, 3, 4]


def test_a_quote_within_an_unquoted_cell_is_a_plain_character(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + b'1,5" nail,he said "no"\n')
    assert rows_of(rows) == [("1", '5" nail', 'he said "no"')]


def test_a_stray_quote_does_not_eat_the_rest_of_a_long_file(tmp_path: Path) -> None:
    lines = [b"%d,name,town\n" % number for number in range(60_000)]
    lines[1000] = b'1000,"name,town\n'
    path = tmp_path / "people.csv"
    path.write_bytes(HEADER + b"".join(lines))
    chunks = list(open_source(str(path)).chunks(10_000))
    assert [len(chunk) for chunk in chunks] == [10_000] * 6
    assert list(chunks[0].problems) == [1000]
    assert not any(chunk.problems for chunk in chunks[1:])
    assert chunks[5].cells[0][9999] == "59999"


def test_a_cell_may_have_a_million_bytes_and_no_more(tmp_path: Path) -> None:
    most, over = b"x" * 1_000_000, b"y" * 1_000_001
    rows = read(tmp_path, HEADER + b"1," + most + b',a\n2,"' + over + b'",b\n3,"\n' + over + b'",b\n4,c,d\n')
    assert [row[0] for row in rows_of(rows)] == ["1", None, None, "4"]
    assert rows.cells[1][0] == most.decode()
    assert list(rows.problems) == [1, 2]
    for problem in rows.problems.values():
        assert (problem.kind, problem.detail) == (Kind.TOO_LARGE, 'column 2 "name" is over 1,000,000 bytes')
    assert rows.damaged[1] == ["2", "y" * 1000 + "…", "b"]


@pytest.mark.parametrize("quote", [b"", b'"'])
@pytest.mark.parametrize("break_every", [10**9, 80])
def test_a_cell_of_ten_megabytes_costs_its_row_and_little_memory(
    tmp_path: Path, quote: bytes, break_every: int
) -> None:
    cell = b"\n".join([b"z" * min(break_every, 10_000_000)] * max(1, 10_000_000 // break_every))
    if not quote and b"\n" in cell:
        cell = cell.replace(b"\n", b" ")
    path = tmp_path / "people.csv"
    path.write_bytes(HEADER + b"1,a,b\n2," + quote + cell + quote + b",c\n3,d,e\n")
    tracemalloc.start()
    [rows] = open_source(str(path)).chunks()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row[0] for row in rows_of(rows)] == ["1", None, "3"]
    assert the_problem(rows)[:2] == (1, Kind.TOO_LARGE)
    assert sum(map(len, rows.damaged[1])) < 2000
    assert peak < 100_000_000


def test_a_line_over_the_limit_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with path.open("wb") as file:
        file.write(HEADER + b"1,a,b\n2,")
        for _ in range(60):
            file.write(b"z" * 1_000_000)
        file.write(b',c\n3,"d\nd",e\n')
    tracemalloc.start()
    [rows] = open_source(str(path)).chunks()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row[0] for row in rows_of(rows)] == ["1", None, "3"]
    assert the_problem(rows) == (1, Kind.TOO_LARGE, "the line is over 16,000,000 bytes")
    assert list(rows.lines) == [2, 3, 4]
    assert peak < 60_000_000


def test_what_is_said_of_a_record_never_holds_its_values(tmp_path: Path) -> None:
    rows = read(tmp_path, b"anna@example.org,+447911123456,town\ncanary,b\xff\ncanary\0,b,c\nx,canary\xff,c\n")
    details = [problem.detail for problem in rows.problems.values()]
    assert details == [
        "2 cells where the header has 3",
        "a NUL character in column 1",
        "a byte that is not UTF-8 in column 2",
    ]


def test_chunks_are_consecutive_and_the_limit_cuts_the_last(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(HEADER + b"".join(b"%d,a,b\n" % number for number in range(70_000)))
    source = open_source(str(path), limit=64_500)
    chunks = list(source.chunks())
    assert [chunk.index for chunk in chunks] == list(range(0, 65_000, 1000))
    assert [len(chunk) for chunk in chunks] == [1000] * 64 + [500]
    assert [cell for chunk in chunks for cell in chunk.cells[0]] == [str(number) for number in range(64_500)]
    assert [line for chunk in chunks for line in chunk.lines] == list(range(2, 64_502))
    assert list(open_source(str(path), limit=0).chunks()) == []


def test_a_file_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(HEADER + b"1,a,b\n")
    source = open_source(str(path))
    assert source.path == path
    assert source.name == "people.csv"
    assert [rows_of(rows) for _ in range(2) for rows in source.chunks()] == [[("1", "a", "b")]] * 2


def test_a_header_alone_is_a_source_without_records(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id,name")
    assert list(open_source(str(path)).chunks()) == []


def test_records_are_objects_and_damaged_ones_the_list_of_their_texts(tmp_path: Path) -> None:
    rows = read(tmp_path, HEADER + b"1,a,\n,,\n2,b\n")
    assert list(rows.records()) == [{"id": "1", "name": "a"}, {}, ["2", "b"]]


@pytest.mark.parametrize(
    "block",
    [
        b"1,a,b\n2,c,d\n",
        b'1,"a","b, c"\r\n2,"",\r\n',
        b'1,"a ""b"" c","two\nlines"\n2,c,d\n',
        '1,"Zoë",São Paulo\n2,  ,5" nail\n'.encode(),
    ],
)
def test_the_fast_reader_takes_what_is_not_odd(block: bytes) -> None:
    assert FastReader(Header(("x", "y", "z"), 3, b",")).read(block, 0, 2) is not None


@pytest.mark.parametrize(
    "block",
    [
        b"1,a\n",
        b"1,a,b,c\n",
        b"1,a,b\n\n2,c,d\n",
        b"1,a,b\r2,c,d\n\n",
        b'1,"a"b,c\n',
        b'1,",a"b,c\n',
        b'1,""b,c\n',
        b'1,a,"b\n',
        b"1,a,\xff\n",
        b"1,a,\0\n",
        b"\xef\xbb\xbf1,a,b\n",
        b"1,a," + b"b" * 1_000_001 + b"\n",
    ],
)
def test_the_fast_reader_refuses_what_it_would_read_otherwise_than_the_slow_one(block: bytes) -> None:
    assert FastReader(Header(("x", "y", "z"), 3, b",")).read(block, 0, 2) is None


@pytest.mark.parametrize("block", [b"a\n  \nb\n", b'a\n""\n', b"a\n\n"])
def test_the_fast_reader_refuses_blank_cells_in_a_file_of_one_column(block: bytes) -> None:
    assert FastReader(Header(("x",), 1, b",")).read(block, 0, 2) is None


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(records: int) -> int:
        path = tmp_path / "people.csv"
        path.write_bytes(HEADER + b'123,"Anna, B",town\n' * records)
        tracemalloc.start()
        assert sum(len(rows) for rows in open_source(str(path)).chunks()) == records
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(300_000) < 1.2 * peak(60_000)
