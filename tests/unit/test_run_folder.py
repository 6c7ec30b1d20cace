"""Where a run lives: never over another one, private, and with an input that survives a kill."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from headcount.errors import JournalError, RunLocked, UsageError
from headcount.run_folder import RunFolder, has_run

NOON = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_default_folder_is_named_by_time_and_destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        copy = folder.copy_input(0)
        copy.write([{"a": "1"}], 0)
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
    with pytest.raises(UsageError, match=r"cannot be made: (Not a directory|File exists)"):
        RunFolder.create(tmp_path / "file", "x", {})
    with pytest.raises(UsageError, match="cannot be made: Not a directory"):
        RunFolder.create(tmp_path / "file" / "run", "x", {})


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    with folder.open_journal(), pytest.raises(RunLocked):
        RunFolder.open(folder.path).open_journal()
    folder.open_journal().close()


ONE, TWO, THREE = b'{"name":"Zo\xc3\xab\\nLee"}\n', b'["damaged","row"]\n', b'{"name":"Ann"}\n'


def test_what_is_written_to_the_copy_of_the_input_is_in_the_file_at_once(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    copy = folder.copy_input(0)
    copy.write([{"name": "Zoë\nLee"}, ["damaged", "row"]], 0)
    assert folder.input_path.read_bytes() == ONE + TWO
    copy.write([{"name": "Ann"}], 2)
    assert folder.input_path.read_bytes() == ONE + TWO + THREE


@pytest.mark.parametrize("behind", [b"", THREE, b'{"name":"', b"x" * 200_000, b'{"name":"other"}\n{"na'])
def test_the_copy_goes_on_behind_the_rows_that_the_journal_counts_on(tmp_path: Path, behind: bytes) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    folder.input_path.write_bytes(ONE + TWO + behind)
    copy = folder.copy_input(2)
    assert folder.input_path.read_bytes() == ONE + TWO
    copy.write([{"name": "Zoë\nLee"}, ["damaged", "row"], {"name": "Ann"}], 0)
    assert folder.input_path.read_bytes() == ONE + TWO + THREE


@pytest.mark.parametrize("found", [None, b"", ONE, ONE + TWO[:-1]])
def test_a_copy_with_fewer_rows_than_the_journal_counts_on_is_refused(tmp_path: Path, found: bytes | None) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    if found is not None:
        folder.input_path.write_bytes(found)
    with pytest.raises(JournalError, match=r"input\.jsonl"):
        folder.copy_input(2)
    assert (folder.input_path.read_bytes() if found is not None else None) == found


def test_a_full_disk_ends_the_run_in_one_line(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "x", {})
    script = f"""
import resource
from pathlib import Path
from headcount.errors import JournalError
from headcount.run_folder import RunFolder
copy = RunFolder.open(Path({str(folder.path)!r})).copy_input(0)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    copy.write([["x" * 100]] * 1000, 0)
except JournalError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"{folder.input_path} cannot be written: File too large; make room")
