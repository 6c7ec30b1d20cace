"""Runs that are stopped, killed, resumed and shared."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headcount.mock import MockServer, serve
from tests.cli.command import Command, identity

SLOW: dict[str, Any] = {"emarsys": {"faults": [{"delay": 0.4, "operation": "createContacts"}]}}
HANGING: dict[str, Any] = {"sinch": {"faults": [{"ending": "hang", "operation": "createContacts"}]}}


def until(true: Callable[[], object]) -> None:
    """Wait for something, 20 seconds at most."""
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends, "it never came to pass"
        time.sleep(0.01)


def start_load(command: Command, mock: MockServer, rows: int, vendor: str = "emarsys") -> subprocess.Popen[bytes]:
    source = command.people(rows)
    arguments = ("--to", vendor, "--endpoint", mock.url, "--run-dir", "run", "--max-batch", "100", "--concurrency", "2")
    return command.start("load", source, *arguments)


def carries_on(command: Command, mock: MockServer, rows: int) -> None:
    """A resume brings the run to its end, and every contact was written once."""
    mock.vendors["emarsys"].switches.faults = ()
    unknown = json.loads((command.folder / "run" / "summary.json").read_text())["counts"]["unknown"]
    again = command("resume", "run")
    assert again.last_line == identity(created=rows - unknown, unknown=unknown)
    writes = Counter(write.key for write in mock.stores["emarsys"].writes)
    assert set(writes.values()) == {1}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_settles_what_is_in_flight(command: Command, number: int, code: int) -> None:
    with serve("emarsys", faults=SLOW) as mock:
        process = start_load(command, mock, 3000)
        until(lambda: mock.stores["emarsys"].writes)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == code, err
        counts = json.loads((command.folder / "run" / "summary.json").read_text())["counts"]
        assert b"stopping" in err and b"headcount resume run" in err
        assert 100 <= counts["created"] < 3000 and counts["unknown"] == 0
        assert counts["created"] == len(mock.stores["emarsys"].writes)
        assert out.decode() == identity(**counts) + "\n"
        carries_on(command, mock, 3000)


def test_the_second_signal_ends_it_within_a_second(command: Command) -> None:
    with serve("sinch", faults=HANGING) as mock:
        process = start_load(command, mock, 150, "sinch")
        until(lambda: (command.folder / "run" / "journal.sqlite").exists())
        until(lambda: _counts(command)["unknown"] == 150)  # both calls are in flight
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        until(lambda: b"stopping" in process.stderr.readline())  # type: ignore[union-attr]
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(20)
        took = time.monotonic() - sent
    assert process.returncode == 130 and took < 1.5
    assert _counts(command)["unknown"] == 150


def test_a_signal_while_standard_input_is_silent(command: Command) -> None:
    with serve("emarsys") as mock:
        arguments = ("--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run", "--max-batch", "100")
        process = command.start("load", "-", *arguments, stdin=subprocess.PIPE)
        assert process.stdin is not None
        lines = "".join(f"p{row:06}@example.com,{'x' * 400}\n" for row in range(2000))
        process.stdin.write(f"email,1\n{lines}".encode())
        process.stdin.flush()
        until(lambda: mock.stores["emarsys"].writes)
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        took = time.monotonic() - sent
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode == 143 and took < 5
    assert b"not read to its end" in err
    summary = json.loads((command.folder / "run" / "summary.json").read_text())
    assert summary["counts"]["created"] == len(mock.stores["emarsys"].writes) > 0
    assert summary["input"] == len((command.folder / "run" / "input.jsonl").read_text().splitlines())


def test_what_a_kill_left_in_flight_is_unknown_and_not_resent(command: Command) -> None:
    with serve("emarsys", faults=SLOW) as mock:
        process = start_load(command, mock, 3000)
        until(lambda: len(mock.stores["emarsys"].writes) >= 300)
        process.kill()
        process.wait(20)
        state = command("status", "run")
        assert state.code == 0 and "interrupted" in state.out
        mock.vendors["emarsys"].switches.faults = ()
        again = command("resume", "run")
        summary = json.loads((command.folder / "run" / "summary.json").read_text())
        unknown = summary["counts"]["unknown"]
        assert 0 < unknown <= 200
        assert (again.code, again.last_line) == (5, identity(created=3000 - unknown, unknown=unknown))
        writes = Counter(write.key for write in mock.stores["emarsys"].writes)
        assert set(writes.values()) == {1} and len(writes) >= 3000 - unknown


def test_a_run_that_another_process_works_on(command: Command) -> None:
    with serve("emarsys", faults=SLOW) as mock:
        process = start_load(command, mock, 3000)
        until(lambda: mock.stores["emarsys"].writes)
        state = command("status", "run")
        locked = command("resume", "run")
        process.terminate()
        process.wait(20)
    assert state.code == 0 and "running" in state.out and " input = " in state.last_line
    assert locked.code == 6 and locked.out == ""
    assert locked.err == f"headcount: run run is in use by process {process.pid}\n"


def _counts(command: Command) -> dict[str, int]:
    done = command("status", "run", "--output", "json")
    counts: dict[str, int] = json.loads(done.out)["counts"] if done.code == 0 else {"unknown": -1}
    return counts


def test_views_of_a_stopped_run_hold_the_rows_that_were_read(command: Command) -> None:
    with serve("emarsys", faults=SLOW) as mock:
        process = start_load(command, mock, 30_000)
        until(lambda: mock.stores["emarsys"].writes)
        process.send_signal(signal.SIGINT)
        process.wait(20)
    summary = json.loads((command.folder / "run" / "summary.json").read_text())
    lines = Path(command.folder, "run", "outcomes.jsonl").read_text().splitlines()
    statuses = Counter(json.loads(line)["status"] for line in lines)
    assert len(lines) == summary["input"] < 30_000
    assert statuses == {status: count for status, count in summary["counts"].items() if count}
