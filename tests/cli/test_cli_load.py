"""`headcount load`: what it prints, what it leaves, and what it exits with."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from headcount.mock import serve
from tests import sockets
from tests.cli.command import COMMAND, Command, identity


def summary_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return content


def outcomes_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "outcomes.jsonl").read_text().splitlines()]


def asked_to_wait(call: int) -> dict[str, Any]:
    """Emarsys asks at this call to wait longer than a run does."""
    return {"emarsys": {"faults": [{"answer": "rate_limited_retry_after", "wait": 900, "nth": call}]}}


@pytest.mark.parametrize(("vendor", "status"), [("emarsys", "created"), ("pabbly", "created"), ("sinch", "accepted")])
def test_every_vendor_takes_the_neutral_columns(command: Command, vendor: str, status: str) -> None:
    source = command.people(30)
    with serve(vendor) as mock:
        done = command("load", source, "--to", vendor, "--endpoint", mock.url, "--run-dir", "run")
    assert (done.code, done.out) == (0, identity(**{status: 30}) + "\n")
    assert len(mock.stores[vendor].writes) == 30
    assert [line["status"] for line in outcomes_of(command.folder / "run")] == [status] * 30
    assert "headcount resume" not in done.err


def test_rejected_rows_are_told_and_exit_with_1(command: Command) -> None:
    source = command.write("people.csv", 'email\na@example.com\nnonsense\n""\nA@example.com\n')
    with serve("emarsys") as mock:
        done = command("load", source, "--to", "emarsys", "--endpoint", mock.url)
    assert (done.code, done.last_line) == (1, identity(created=1, rejected=2, skipped=1))
    assert "invalid_value" in done.err and "missing_key" in done.err and "repeated" in done.err
    [run] = (command.folder / "runs").iterdir()
    assert run.name.endswith("-emarsys")
    assert [entry["kind"] for entry in outcomes_of(run)] == [None, "invalid_value", "missing_key", "repeated"]


def test_json_is_the_summary_and_nothing_else(command: Command) -> None:
    source = command.write("people.csv", "email,shoe\na@example.com,44\nnonsense,45\n")
    with serve("emarsys") as mock:
        arguments = ("load", source, "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
        done = command(*arguments, "--output", "json")
    assert done.code == 1
    assert json.loads(done.out) == summary_of(command.folder / "run")
    assert done.err.splitlines()[-1] == identity(created=1, rejected=1)
    assert done.err.count("FIELD=shoe") == 1
    summary = json.loads(done.out)
    assert " ".join(summary) == "run destination source input counts requests retries problems exit_code"
    assert (summary["input"], summary["requests"], summary["exit_code"]) == (2, 1, 1)
    assert summary["source"] == str(command.folder / "people.csv")
    [problem] = summary["problems"]
    assert (problem["status"], problem["kind"], problem["count"], problem["example_row"]) == (
        "rejected",
        "invalid_value",
        1,
        2,
    )


def test_standard_input_is_copied(command: Command) -> None:
    data = (command.folder / command.people(2500)).read_bytes()
    with serve("emarsys") as mock:
        arguments = ("--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
        done = command("load", "-", *arguments, stdin=data)
        again = command("resume", "run")
    assert (done.code, done.last_line) == (0, identity(created=2500))
    assert (again.code, again.last_line) == (0, identity(created=2500))
    assert len(mock.stores["emarsys"].writes) == 2500
    assert len((command.folder / "run" / "input.jsonl").read_text().splitlines()) == 2500
    assert summary_of(command.folder / "run")["source"] == "stdin"


def test_a_copy_with_gaps_is_the_input_that_was_read(command: Command) -> None:
    # The first row lacks the first column: by itself the copy would name the columns in another order.
    data = b"given_name,surname,email\n,Smith,a@example.com\nAnn,Smith,b@example.com\n"
    with serve("emarsys", faults=asked_to_wait(1)) as mock:
        done = command("load", "-", "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run", stdin=data)
        again = command("resume", "run")
    assert (done.code, done.last_line) == (5, identity(not_sent=2))
    assert (again.code, again.last_line) == (0, identity(created=2))


def test_json_lines_limit_map_and_set(command: Command) -> None:
    lines = [{"email": f"p{row}@example.com", "town": "Ulm"} for row in range(5)]
    source = command.write("people.jsonl", "\n".join(map(json.dumps, lines)))
    with serve("emarsys") as mock:
        arguments = ("--limit", "3", "--map", "11=town", "--set", "14=DE")
        done = command("load", source, "--to", "emarsys", "--endpoint", mock.url, *arguments)
    assert (done.code, done.last_line) == (0, identity(created=3))
    assert "reaches nothing" not in done.err
    stored = list(mock.stores["emarsys"].contacts.values())
    assert [(contact["11"], contact["14"]) for contact in stored] == [("Ulm", "DE")] * 3


def test_the_error_limit_exits_with_3_and_lets_a_resume_go_on(command: Command) -> None:
    rows = ["nonsense"] * 3 + [f"p{row}@example.com" for row in range(2000)]
    source = command.write("people.csv", "\n".join(["email", *rows]))
    with serve("emarsys") as mock:
        arguments = ("--endpoint", mock.url, "--run-dir", "run", "--max-errors", "2")
        done = command("load", source, "--to", "emarsys", *arguments)
        assert (done.code, done.last_line) == (3, identity(rejected=3, not_sent=2000))
        assert "headcount resume run" in done.err
        assert outcomes_of(command.folder / "run")[-1]["kind"] == "error_limit"
        again = command("resume", "run")
    assert (again.code, again.last_line) == (1, identity(created=2000, rejected=3))


def test_refused_credentials_are_fatal_and_account_for_every_row(command: Command) -> None:
    source = command.people(2500)
    with serve("emarsys", credentials={"EMARSYS_CLIENT_SECRET": "another"}) as mock:
        done = command("load", source, "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
    assert (done.code, done.last_line) == (4, identity(not_sent=2500))
    assert "credentials" in done.err
    assert len(outcomes_of(command.folder / "run")) == 2500
    assert mock.stores["emarsys"].writes == []


def test_a_refused_resume_forgets_nothing(command: Command) -> None:
    source = command.people(2500)
    with serve("emarsys", faults=asked_to_wait(2)) as mock:
        arguments = ("--endpoint", mock.url, "--run-dir", "run", "--concurrency", "1")
        done = command("load", source, "--to", "emarsys", *arguments)
        assert (done.code, done.last_line) == (5, identity(created=1000, not_sent=1500))
        refused = command("resume", "run", env={"EMARSYS_CLIENT_SECRET": "another"})
        assert (refused.code, refused.last_line) == (4, identity(created=1000, not_sent=1500))
        assert summary_of(command.folder / "run")["counts"]["created"] == 1000
        again = command("resume", "run")
    assert (again.code, again.last_line) == (0, identity(created=2500))
    assert len(mock.stores["emarsys"].writes) == 2500


def test_a_port_where_nothing_listens_ends_in_ten_seconds(command: Command) -> None:
    source = command.people(3)
    endpoint = f"http://127.0.0.1:{sockets.unused_port()}"
    done = command("load", source, "--to", "sinch", "--endpoint", endpoint)
    assert (done.code, done.last_line) == (4, identity(not_sent=3))
    assert "cannot be reached" in done.err


def test_a_redirect_is_fatal_and_not_followed(command: Command) -> None:
    source = command.people(3)
    answer = sockets.reply(307, headers={"Location": "http://127.0.0.1:1/"})
    with sockets.Server(sockets.answering(answer)) as server:
        done = command("load", source, "--to", "pabbly", "--endpoint", server.url)
    assert (done.code, done.last_line) in [(4, identity(not_sent=3)), (4, identity(unknown=3))]


def test_unknown_exits_with_5_and_is_never_resent(command: Command) -> None:
    source = command.people(3)
    with serve("sinch", faults={"sinch": {"faults": [{"status": 500, "carried_out": True, "nth": 1}]}}) as mock:
        done = command("load", source, "--to", "sinch", "--endpoint", mock.url, "--run-dir", "run")
        again = command("resume", "run")
    assert (done.code, done.last_line) == (5, identity(unknown=3))
    assert (again.code, again.last_line) == (5, identity(unknown=3))
    assert len(mock.stores["sinch"].writes) == 3
    assert "headcount resume" not in done.err


def test_a_changed_input_is_fatal_and_leaves_the_views(command: Command) -> None:
    source = command.people(3)
    with serve("emarsys") as mock:
        command("load", source, "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
        before = (command.folder / "run" / "outcomes.jsonl").read_text()
        command.write(source, (command.folder / source).read_text().replace("p0@", "x0@"))
        done = command("resume", "run")
    assert done.code == 4 and "not the one that the run began with" in done.err
    assert (command.folder / "run" / "outcomes.jsonl").read_text() == before
    assert len(mock.stores["emarsys"].writes) == 3


def test_a_folder_that_holds_a_run_is_not_used_again(command: Command) -> None:
    source = command.people(3)
    with serve("emarsys") as mock:
        arguments = ("load", source, "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
        command(*arguments)
        done = command(*arguments)
    assert done.code == 2 and "holds a run already" in done.err
    assert len(mock.stores["emarsys"].writes) == 3


@pytest.mark.parametrize("output", ["human", "json"])
def test_a_reader_that_goes_away_is_no_crash(command: Command, output: str) -> None:
    source = command.people(3)
    with serve("emarsys") as mock:
        arguments = [*COMMAND, "load", source, "--to", "emarsys", "--endpoint", mock.url, "--output", output]
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            arguments,
            cwd=command.folder,
            env=command.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(writing)
    assert done.returncode == 0, done.stderr
    assert b"Broken" not in done.stderr and b"Traceback" not in done.stderr


def test_people_who_go_away_are_no_crash(command: Command) -> None:
    source = command.write("people.csv", "email,shoe\na@example.com,44\nnonsense,45\n")
    with serve("emarsys") as mock:
        arguments = [*COMMAND, "load", source, "--to", "emarsys", "--endpoint", mock.url]
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            arguments,
            cwd=command.folder,
            env=command.environment(),
            stdout=subprocess.PIPE,
            stderr=writing,
            check=False,
        )
        os.close(writing)
    assert (done.returncode, done.stdout.decode()) == (1, identity(created=1, rejected=1) + "\n")


def test_a_deadline_that_passes_exits_with_5(command: Command) -> None:
    source = command.people(2500)
    with serve("emarsys", faults={"emarsys": {"faults": [{"delay": 5.0}]}}) as mock:
        arguments = ("--endpoint", mock.url, "--run-dir", "run", "--concurrency", "1", "--deadline", "3")
        done = command("load", source, "--to", "emarsys", *arguments)
    assert (done.code, done.last_line) == (5, identity(created=1000, not_sent=1500))
    assert {line["kind"] for line in outcomes_of(command.folder / "run")[1000:]} == {"deadline"}


def on_a_terminal(command: Command, arguments: list[str], env: dict[str, str]) -> bytes:
    """What the command writes to a terminal for people."""
    main, other = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=command.folder,
        env=command.environment({"TERM": "xterm-256color", **env}),
        stdout=subprocess.DEVNULL,
        stderr=other,
    )
    os.close(other)
    written = b""
    try:
        while piece := os.read(main, 65536):
            written += piece
    except OSError:
        pass  # Linux says so when the other side is closed
    os.close(main)
    assert process.wait(30) == 1
    return written


def test_colours_on_a_terminal_unless_no_color(command: Command) -> None:
    source = command.write("people.csv", "email\na@example.com\nnonsense\n")
    with serve("emarsys") as mock:
        arguments = ["load", source, "--to", "emarsys", "--endpoint", mock.url]
        coloured = on_a_terminal(command, arguments, {})
        plain = on_a_terminal(command, arguments, {"NO_COLOR": "1"})
        piped = command(*arguments)
    assert b"\x1b[1m" in coloured
    assert b"\x1b[3" not in plain.replace(b"\x1b[?25", b"")
    assert "\x1b" not in piped.err + piped.out
