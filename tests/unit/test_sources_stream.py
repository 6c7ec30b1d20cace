"""Where the bytes come from: files, pipes, and what is no source at all."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from headcount.errors import SourceError
from headcount.sources import Source, open_source


def cells(source: Source) -> list[dict[str, object] | list[str]]:
    return [record for rows in source.chunks() for record in rows.records()]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"\n \r\n\n", "is empty"),
        ("id,name\n".encode("utf-16"), "is UTF-16 text"),
        ("id,name\n".encode("utf-16-be"), "holds NUL bytes"),
        (b"PK\x03\x04rest", "is a workbook or a zip archive"),
        (b"\x1f\x8b\x08\x00", "is compressed"),
        (b"id,na\xefve\n1,2\n", "is not UTF-8: see column 2 of its header"),
        (b"id,name,id\n1,2,3\n", 'names column 3 "id" like column 1'),
        (b"id,,name\n1,2,3\n", "has no name for column 2"),
        (b",,\n1,2,3\n", "has no names in its header"),
        (b'id,"name\n1,2\n', "has an unclosed quote in column 2 of its header"),
        (b'id,"name"s\n1,2\n', "has text after the closing quote in column 2 of its header"),
        (b"id,name\r1,2\r3,4\r", "has lines that end with a carriage return alone"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_in_one_line(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        open_source(str(path))
    text = str(caught.value)
    assert text.startswith(f"{path} {why}")
    assert "\n" not in text


def test_json_over_several_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_bytes(b'[\n  {"a": 1},\n  {"a": 2}\n]\n')
    with pytest.raises(SourceError, match="one object a line is needed"):
        open_source(str(path))


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file .*absent\.csv"):
        open_source(str(tmp_path / "absent.csv"))
    with pytest.raises(SourceError, match="is a directory"):
        open_source(str(tmp_path))
    with pytest.raises(SourceError, match="cannot be read"):
        open_source("people\0.csv")
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(str(tmp_path / ("n" * 300 + ".csv")))


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id\n1\n")
    path.chmod(0)
    if os.geteuid() == 0:  # the superuser may read everything, so the refusal has to be made

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match="no permission to read"):
        open_source(str(path))


def test_a_file_that_goes_away_is_a_source_error(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(b"id\n1\n")
    source = open_source(str(path))
    path.unlink()
    with pytest.raises(SourceError, match="there is no file"):
        list(source.chunks())


@pytest.mark.parametrize(
    ("data", "columns"),
    [(b"\xef\xbb\xbf\nid,name\n1,a\n", ("id", "name")), (b'\n {"id":"1","name":"a"}\n', None)],
)
def test_what_has_no_telling_name_is_seen_by_its_first_character(
    tmp_path: Path, data: bytes, columns: tuple[str, ...] | None
) -> None:
    path = tmp_path / "people.txt"
    path.write_bytes(data)
    source = open_source(str(path))
    assert source.columns == columns
    assert cells(source) == [{"id": "1", "name": "a"}]


@pytest.mark.parametrize("data", [b"id,name\n1,a\n\n2,b\n", b'{"id":"1","name":"a"}\n\n{"id":"2","name":"b"}\n'])
def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    source = open_source("-")
    assert source.path is None
    assert source.name == "stdin"
    assert cells(source) == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]
    with pytest.raises(SourceError, match="standard input can be read only once"):
        list(source.chunks())


def test_closed_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        open_source("-")


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"id\n" + b"1\n" * 50_000))
    writer.start()
    source = open_source(str(path))
    assert source.path is None
    assert len(cells(source)) == 50_000
    writer.join()
