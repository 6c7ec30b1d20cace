"""A disk that fills up, wherever it is written: one clear line, nothing in doubt that need not be, and on with room."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from headcount.mock import serve
from headcount.outcome import Status
from tests.cli.command import COMMAND, Command, Done
from tests.crash.harness import People, Watch, arguments, finish, has_run
from tests.crash.promises import Account, journal_of, rows_of

PEOPLE = People(6000, bad=frozenset(range(5, 6000, 97)))
FEW_PAGES = """
import sqlite3, sys
from headcount.cli import main
connect = sqlite3.connect
def connect_small(*arguments, **options):
    database = connect(*arguments, **options)
    database.execute("PRAGMA max_page_count = 12")
    return database
sqlite3.connect = connect_small
sys.exit(main(sys.argv[1:]))
"""


def run_limited(command: Command, size: int, *given: str, program: Sequence[str] = COMMAND, stdin: str = "") -> Done:
    """Run the command such that no file of its own may grow beyond `size` bytes; 0 is no limit."""
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size or resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with Path(command.folder, stdin).open("rb") if stdin else open("/dev/null", "rb") as source:
        process = subprocess.Popen(
            [*program, *given],
            cwd=command.folder,
            env=command.environment(),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=limit,
        )
        return finish(process)


def ended_for_want_of_room(done: Done, file: str) -> None:
    """Exit 4, and one line that names the file and says what to do."""
    lines = [line for line in done.err.splitlines() if "run folder" not in line and "warning" not in line]
    assert done.code == 4 and len(lines) == 1, done.err
    assert lines[0].startswith("headcount: ") and file in lines[0], done.err


@pytest.mark.parametrize(("vendor", "size"), [("sinch", 60_000), ("emarsys", 200_000), ("pabbly", 100_000)])
def test_the_journal_cannot_grow(command: Command, vendor: str, size: int) -> None:
    source = command.write("people.csv", PEOPLE.csv())
    with serve(vendor) as mock:
        watch = Watch(mock, vendor)
        account = Account(command.folder / "run", PEOPLE, watch, 4 * 50)
        flags = arguments(vendor, mock.url, max_batch=50, concurrency=4, requests_per_second=1000)
        done = run_limited(command, size, "load", source, *flags)
        ended_for_want_of_room(done, "journal.sqlite")
        account.after_a_kill()
        assert len(watch.carried()) < 5000
        ended_for_want_of_room(run_limited(command, size, "resume", "run"), "journal.sqlite")
        account.after_a_kill()
        account.all_was_sent(account.after_the_end(run_limited(command, 0, "resume", "run")))


def test_the_database_has_no_page_left(command: Command) -> None:
    source = command.write("people.csv", PEOPLE.csv())
    with serve("sinch") as mock:
        watch = Watch(mock, "sinch")
        account = Account(command.folder / "run", PEOPLE, watch, 4 * 10)
        flags = arguments("sinch", mock.url, max_batch=10, concurrency=4)
        done = run_limited(command, 0, "load", source, *flags, program=[sys.executable, "-c", FEW_PAGES])
        ended_for_want_of_room(done, "journal.sqlite")
        assert "make room on the disk" in done.err
        account.after_a_kill()
        assert 0 < len(watch.carried()) < 5000
        account.all_was_sent(account.after_the_end(run_limited(command, 0, "resume", "run")))


@pytest.mark.parametrize("size", [1, 20_000])
def test_a_journal_that_cannot_be_made(command: Command, size: int) -> None:
    source = command.write("people.csv", PEOPLE.csv())
    with serve("sinch") as mock:
        watch = Watch(mock, "sinch")
        flags = arguments("sinch", mock.url)
        ended_for_want_of_room(run_limited(command, size, "load", source, *flags), "journal.sqlite")
        assert not watch.carried() and not has_run(command.folder / "run")
        account = Account(command.folder / "run", PEOPLE, watch, 0)
        account.all_was_sent(account.after_the_end(run_limited(command, 0, "load", source, *flags)))


def test_the_copy_of_a_pipe_cannot_grow(command: Command) -> None:
    source = command.write("people.csv", PEOPLE.csv())
    run = command.folder / "run"
    with serve("sinch") as mock:
        watch = Watch(mock, "sinch")
        done = run_limited(command, 300_000, "load", "-", *arguments("sinch", mock.url), stdin=source)
        ended_for_want_of_room(done, "input.jsonl")
        done = run_limited(command, 0, "resume", "run")
        copied = (run / "input.jsonl").read_bytes().count(b"\n")
        account = Account(run, PEOPLE.first(copied), watch, 8 * 1000)
        account.after_a_kill()
        account.all_was_sent(account.after_the_end(done))
        assert copied > 1000 and done.code == 5 and "was not read to its end" in done.err


def test_the_views_cannot_be_written(command: Command) -> None:
    source = command.write("people.csv", PEOPLE.csv())
    run = command.folder / "run"
    with serve("pabbly") as mock:
        watch = Watch(mock, "pabbly")
        account = Account(run, PEOPLE, watch, 0)
        ended_for_want_of_room(
            run_limited(command, 400_000, "load", source, *arguments("pabbly", mock.url)), "the views in run"
        )
        account.after_a_kill()
        assert not rows_of(journal_of(run), Status.UNKNOWN)
        assert not [file.name for file in run.iterdir() if not file.name.startswith(("journal", "lock"))]
        account.all_was_sent(account.after_the_end(run_limited(command, 0, "resume", "run")))
        account.all_is_there_once(account.said)
