"""JSON Lines: what becomes of each kind of value, and what one odd line costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headcount.outcome import Kind
from headcount.records.rows import Rows
from headcount.sources import open_source


def read(tmp_path: Path, data: bytes, limit: int | None = None) -> Rows:
    path = tmp_path / "people.jsonl"
    path.write_bytes(data)
    [rows] = open_source(str(path), limit=limit).chunks()
    return rows


def test_values_become_the_text_that_is_written(tmp_path: Path) -> None:
    line = b'{"a":"007","b":7,"c":true,"d":false,"e":4.47911E+11,"f":1.10,"g":123456789012345678901,"h":-0.5}\n'
    [record] = read(tmp_path, line).records()
    assert record == {
        "a": "007",
        "b": "7",
        "c": "true",
        "d": "false",
        "e": "4.47911E+11",
        "f": "1.10",
        "g": "123456789012345678901",
        "h": "-0.5",
    }


def test_null_and_blank_text_are_absent(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"a":null,"b":"","c":" \u00a0","d":"x"}\n'.encode())
    assert rows.columns == ("a", "b", "c", "d")
    assert rows.cells == [[None], [None], [None], ["x"]]


def test_lists_and_objects_stay_as_they_are(tmp_path: Path) -> None:
    [record] = read(tmp_path, b'{"tags":["a",1,2.50,null],"more":{"b":true,"c":{"d":1e2}},"n":2.50}\n').records()
    assert record == {"tags": ["a", 1, 2.5, None], "more": {"b": True, "c": {"d": 100.0}}, "n": "2.50"}


def test_columns_are_those_of_all_records_of_the_chunk_in_the_order_first_seen(tmp_path: Path) -> None:
    rows = read(tmp_path, b'{"b":"1","a":"2"}\n{"c":"3","a":"4"}\n')
    assert rows.columns == ("b", "a", "c")
    assert rows.cells == [["1", None], ["2", "4"], [None, "3"]]


def test_blank_lines_are_no_records_but_an_empty_object_is(tmp_path: Path) -> None:
    rows = read(tmp_path, b'\xef\xbb\xbf\n{"a":"1"}\r\n  \n{}\n\n{"a":"2"}')
    assert rows.cells == [["1", None, "2"]]
    assert list(rows.lines) == [2, 4, 6]
    assert not rows.problems


@pytest.mark.parametrize(
    ("line", "kind", "texts"),
    [
        (b'{"a":"canary"', Kind.MALFORMED_ROW, ['{"a":"canary"']),
        (b'["canary","b"]', Kind.MALFORMED_ROW, ["canary", "b"]),
        (b"[1,2]", Kind.MALFORMED_ROW, ["[1,2]"]),
        (b'"canary"', Kind.MALFORMED_ROW, ['"canary"']),
        (b"null", Kind.MALFORMED_ROW, ["null"]),
        (b'{"a":1} {"a":2}', Kind.MALFORMED_ROW, ['{"a":1} {"a":2}']),
        (b'{"a":"canary","b":{"c":1,"c":2}}', Kind.MALFORMED_ROW, ['{"a":"canary","b":{"c":1,"c":2}}']),
        (b'{"a":1, "\\u0061" : 2}', Kind.MALFORMED_ROW, ['{"a":1, "\\u0061" : 2}']),
        (b'{"a":NaN}', Kind.MALFORMED_ROW, ['{"a":NaN}']),
        (b'{"a":"\\ud800"}', Kind.MALFORMED_ROW, ['{"a":"\\ud800"}']),
        (b'{"a":"canary\xff"}', Kind.DAMAGED_VALUE, ['{"a":"canary\ufffd"}']),
        (b'{"a":"x\\u0000"}', Kind.DAMAGED_VALUE, ['{"a":"x\\u0000"}']),
    ],
)
def test_a_line_that_is_not_one_object_costs_itself_alone(
    tmp_path: Path, line: bytes, kind: Kind, texts: list[str]
) -> None:
    rows = read(tmp_path, b'{"a":"1"}\n' + line + b'\n{"a":"12:30"}\n')
    assert rows.cells == [["1", None, "12:30"]]
    assert [(at, problem.kind) for at, problem in rows.problems.items()] == [(1, kind)]
    assert "canary" not in str(rows.problems[1].detail)
    assert rows.damaged == {1: texts}


def test_nesting_without_end_costs_its_line(tmp_path: Path) -> None:
    rows = read(tmp_path, b'{"a":' + b"[" * 200_000 + b'\n{"a":"b"}\n')
    assert list(rows.problems) == [0]
    assert rows.cells == [[None, "b"]]


def test_a_cell_may_have_a_million_bytes_and_no_more(tmp_path: Path) -> None:
    most, over = b"x" * 1_000_000, b"y" * 1_000_001
    data = b'{"a":"' + most + b'"}\n{"a":"' + over + b'"}\n{"b":["' + over + b'"]}\n{"a":"z"}\n'
    rows = read(tmp_path, data + b'{"a":"' + b"w" * 20_000_000 + b'"}\n{"a":"v"}\n')
    assert rows.cells[rows.columns.index("a")] == [most.decode(), None, None, "z", None, "v"]
    assert [(at, problem.kind) for at, problem in rows.problems.items()] == [(at, Kind.TOO_LARGE) for at in (1, 2, 4)]
    assert rows.problems[1].detail == 'column 1 "a" is over 1,000,000 bytes'
    assert all(sum(map(len, texts)) < 5000 for texts in rows.damaged.values())


def test_the_limit_counts_records(tmp_path: Path) -> None:
    assert len(read(tmp_path, b'{"a":"1"}\n\n{"a":\n{"a":"3"}\n{"a":"4"}\n', limit=3)) == 3


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    path.write_bytes(b"")
    source = open_source(str(path))
    assert source.columns is None
    assert list(source.chunks()) == []


def test_records_that_share_no_names_come_in_smaller_chunks(tmp_path: Path) -> None:
    width = 40
    lines = [json.dumps({f"c{row}_{n}": "x" for n in range(width)}) for row in range(600)]
    path = tmp_path / "people.jsonl"
    path.write_text("\n".join(lines))
    chunks = list(open_source(str(path)).chunks())
    assert [record for rows in chunks for record in rows.records()] == list(map(json.loads, lines))
    assert max(len(rows) * len(rows.columns) for rows in chunks) <= 1 << 20
    assert [rows.index for rows in chunks[1:]] == [sum(map(len, chunks[:n])) for n in range(1, len(chunks))]
    # The copy of an input has the gaps filled in, and must come in the same chunks.
    path.write_text("\n".join(json.dumps(record) for rows in chunks for record in rows.records(gaps=True)))
    assert [rows.columns for rows in open_source(str(path)).chunks()] == [rows.columns for rows in chunks]
