"""A journal that is not what was written: refused in one line, with nothing sent and nothing overwritten."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from headcount.errors import JournalError
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Status
from tests.crash.harness import arguments
from tests.crash.killed import Killed
from tests.crash.promises import journal_of, rows_of
from tests.journals import statuses_of

SEED = int(os.environ.get("SEED", "1"))
FLIPS = 12


def contents(run: Path) -> dict[str, bytes]:
    """The files of a run, but for the lock, which names the last process that held it."""
    return {file.name: file.read_bytes() for file in run.iterdir() if file.is_file() and file.name != "lock"}


def truncate(journal: Path) -> None:
    os.truncate(journal, journal.stat().st_size * 2 // 3)


def cut_last_page(journal: Path) -> None:
    os.truncate(journal, journal.stat().st_size - 4096)


def make_newer(journal: Path) -> None:
    with sqlite3.connect(journal) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()


def make_another_programs(journal: Path) -> None:
    journal.unlink()
    with sqlite3.connect(journal) as database:
        database.execute("CREATE TABLE event (number INTEGER PRIMARY KEY)")
    database.close()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (truncate, "restore it from a copy"),
    "last page lost": (cut_last_page, "restore it from a copy"),
    "newer": (make_newer, "has format 9"),
    "zero bytes": (lambda journal: os.truncate(journal, 0), "is empty"),
    "no database": (lambda journal: journal.write_text("row,status\n" * 4000), "restore it from a copy"),
    "zeros": (lambda journal: journal.write_bytes(bytes(40_000)), "restore it from a copy"),
    "of another program": (make_another_programs, "is not a headcount journal"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_ends_it(killed: Killed, damage: str) -> None:
    harm, words = DAMAGES[damage]
    run = killed.run
    harm(run / "journal.sqlite")
    before = contents(run)
    for verb in ("resume", "reconcile", "status"):
        done, sent = killed.do(verb, "run")
        assert (done.code, done.out, sent) == (4, "", {}), verb
        assert len(done.err.splitlines()) == 1 and words in done.err, done.err
        assert before.items() <= contents(run).items(), f"{verb} changed something"
    done, sent = killed.do("load", "people.csv", *arguments("sinch", "http://127.0.0.1:9"))
    assert (done.code, sent) == (2, {}) and "holds a run already" in done.err
    assert before.items() <= contents(run).items()


@pytest.mark.parametrize("verb", ["resume", "status"])
def test_a_journal_without_leave_to_read_it(killed: Killed, verb: str) -> None:
    run = killed.run
    (run / "journal.sqlite").chmod(0)
    done, sent = killed.do(verb, "run")
    assert (done.code, done.out, sent) == (4, "", {})
    assert len(done.err.splitlines()) == 1 and "journal.sqlite" in done.err and "leave to read" in done.err


def test_a_folder_in_the_place_of_the_journal_is_no_run(killed: Killed) -> None:
    run = killed.run
    (run / "journal.sqlite").unlink()
    (run / "journal.sqlite").mkdir()
    for given in (["resume", "run"], ["load", "people.csv", *arguments("sinch", "http://127.0.0.1:9")]):
        done, sent = killed.do(*given)
        assert (done.code, done.out, sent) == (2, "", {})
        assert len(done.err.splitlines()) == 1
    assert (run / "journal.sqlite").is_dir()


def flip(content: bytes, draw: random.Random) -> tuple[bytes, str]:
    """One bit changed, of a byte that is not zero: most of a page may be free; where."""
    place = draw.choice([at for at, byte in enumerate(content) if byte])
    bit = draw.randrange(8)
    flipped = bytearray(content)
    flipped[place] ^= 1 << bit
    return bytes(flipped), f"SEED={SEED}: bit {bit} of byte {place}"


def test_no_flipped_bit_changes_what_the_journal_says(killed: Killed) -> None:
    draw = random.Random(SEED)
    journal = killed.run / "journal.sqlite"
    content = journal.read_bytes()
    refused = 0
    for _ in range(500):
        flipped, where = flip(content, draw)
        journal.write_bytes(flipped)
        try:
            with SqliteJournal.open(journal) as opened:
                assert statuses_of(opened) == killed.noted, where
        except JournalError as error:
            refused += 1
            assert "\n" not in str(error), where
    assert refused > 250


def test_a_run_with_a_flipped_bit_ends_or_is_carried_on_rightly(killed: Killed) -> None:
    draw = random.Random(SEED)
    refused = 0
    for _ in range(FLIPS):
        killed.restore()
        run = killed.run
        journal = run / "journal.sqlite"
        content, where = flip(journal.read_bytes(), draw)
        journal.write_bytes(content)
        done, sent = killed.do("resume", "run")
        where = f"{where}: {done.err}"
        if done.code == 4:
            refused += 1
            said = [line for line in done.err.splitlines() if "run folder" not in line]
            assert len(said) == 1 and not sent - killed.unsent, where
            assert sent or journal.read_bytes() == content, where
        else:
            assert done.code == 5 and sent == killed.unsent, where
            after = journal_of(run)
            assert killed.noted.items() <= after.items() and not rows_of(after, Status.NOT_SENT), where
    assert refused > 2, f"SEED={SEED}"
