"""Where a run lives: never over another one, private, and with an input that survives a kill."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from headcount.errors import RunLocked, UsageError
from headcount.run_folder import RunFolder, has_run

NOON = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_folder_is_named_by_time_and_destination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = RunFolder.create(None, "emarsys", {}, now=NOON)
    two = RunFolder.create(None, "emarsys", {}, now=NOON.astimezone(timezone(timedelta(hours=5))))
    other = RunFolder.create(None, "../my list", {}, now=NOON)
    assert [folder.path for folder in (one, two, other)] == [
        Path("runs/20260301T123005Z-emarsys"),
        Path("runs/20260301T123005Z-emarsys-2"),
        Path("runs/20260301T123005Z-my-list"),
    ]
    assert all(has_run(folder.path) for folder in (one, two, other))


def test_a_folder_is_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = RunFolder.create(tmp_path / "a" / "b", "x", {})
        with folder.copy_input() as copy:
            copy.write([{"a": "1"}])
    finally:
        os.umask(old)
    assert mode(folder.path) == 0o700
    assert {entry.name: mode(entry) for entry in folder.path.iterdir()} == dict.fromkeys(
        ["journal.sqlite", "lock", "input.jsonl"], 0o600
    )


def test_settings_come_back(tmp_path: Path) -> None:
    settings = {"to": "sinch", "set": {"language": "EN_US"}, "limit": None, "max_batch": 100}
    RunFolder.create(tmp_path / "run", "x", settings)
    assert RunFolder.open(tmp_path / "run").settings == settings


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {"first": True})
    with pytest.raises(UsageError, match="holds a run already"):
        RunFolder.create(folder.path, "x", {})
    assert folder.settings == {"first": True}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rejected.csv").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        RunFolder.create(tmp_path / "mine", "x", {})
    assert [entry.name for entry in (tmp_path / "mine").iterdir()] == ["rejected.csv"]


def test_a_folder_that_a_kill_left_without_a_journal_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("17")
    (tmp_path / "journal.sqlite.new").write_text("half")
    assert has_run(RunFolder.create(tmp_path, "x", {}).path)


def test_no_folder_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        RunFolder.open(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be made: Not a directory|cannot be made: File exists"):
        RunFolder.create(tmp_path / "file", "x", {})
    with pytest.raises(UsageError, match="cannot be made: Not a directory"):
        RunFolder.create(tmp_path / "file" / "run", "x", {})


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    with folder.open_journal(), pytest.raises(RunLocked):
        RunFolder.open(folder.path).open_journal()
    folder.open_journal().close()


def test_the_copy_of_the_input_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    with folder.copy_input() as copy:
        copy.write([{"name": "Zoë\nLee"}, ["damaged", "row"]])
        copy.sync()
        assert folder.input_path.read_text() == '{"name":"Zoë\\nLee"}\n["damaged","row"]\n'
    with folder.copy_input() as copy:
        copy.write([{"name": "Ann"}])
    assert folder.input_path.read_text() == '{"name":"Zoë\\nLee"}\n["damaged","row"]\n{"name":"Ann"}\n'


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (b'{"a":"1"}\n{"a":"2"}\n', b'{"a":"1"}\n{"a":"2"}\n'),
        (b'{"a":"1"}\n{"a":"2"}', b'{"a":"1"}\n'),
        (b'{"a":"1"}\n{"a":"' + b"x" * 200_000, b'{"a":"1"}\n'),
        (b'{"a"', b""),
        (b"", b""),
    ],
)
def test_a_torn_last_line_is_cut_off_by_the_next_run(tmp_path: Path, found: bytes, kept: bytes) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    folder.input_path.write_bytes(found)
    folder.read_journal().close()
    assert folder.input_path.read_bytes() == found
    folder.open_journal().close()
    assert folder.input_path.read_bytes() == kept
