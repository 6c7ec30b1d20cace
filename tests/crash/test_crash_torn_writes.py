"""Power that fails while the journal is written: copies of a real load's journal, torn at every sector of its log."""

from __future__ import annotations

import os
import random
import struct
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import attrs
import pytest

from headcount.errors import JournalError
from headcount.journal.sqlite import SqliteJournal
from headcount.mock import serve
from headcount.outcome import Status
from tests.cli.command import Command
from tests.crash.harness import Moment, People, Watch, arguments
from tests.crash.promises import CONFIRMED
from tests.journals import statuses_of

SECTOR = 512
SEED = int(os.environ.get("SEED", "1"))
_LOG_HEADER, _FRAME_HEADER = 32, 24  # https://www.sqlite.org/fileformat2.html#the_write_ahead_log


@attrs.frozen
class Torn:
    """The journal that a killed load left, and copies of it with another log."""

    folder: Path
    main: bytes
    log: bytes
    lock: bytes
    """The lock's file, which notes how far the journal had come. A loss of power may take the note with it."""
    written: frozenset[int]
    """Rows in the vendor's log."""

    @property
    def commits(self) -> list[int]:
        """Where the transactions of the log end: behind each frame that says how large the database then is."""
        [page] = struct.unpack(">I", self.log[8:12])
        starts = range(_LOG_HEADER, len(self.log) - page - _FRAME_HEADER + 1, page + _FRAME_HEADER)
        return [at + page + _FRAME_HEADER for at in starts if any(self.log[at + 4 : at + 8])]

    def state(self, log: bytes, lock: bytes = b"") -> dict[int, Status] | None:
        """What a process that opens it finds; None if it is refused, in one line."""
        journal = self.folder / "journal.sqlite"
        for file in self.folder.iterdir():
            file.unlink()
        journal.write_bytes(self.main)
        (self.folder / "journal.sqlite-wal").write_bytes(log)
        (self.folder / "lock").write_bytes(lock)
        try:
            with SqliteJournal.open(journal) as opened:
                return statuses_of(opened)
        except JournalError as error:
            assert "\n" not in str(error)
            return None


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Torn]:
    command = Command(tmp_path_factory.mktemp("torn"))
    people = People(3000, bad=frozenset(range(0, 3000, 77)))
    source = command.write("people.csv", people.csv())
    with serve("pabbly") as mock:
        watch = Watch(mock, "pabbly")
        load = command.start("load", source, *arguments("pabbly", mock.url, max_batch=25, concurrency=4))
        assert watch.kill(load, Moment(50, carried_out=True)) is None
        written = frozenset(watch.written())
    run = command.folder / "run"
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        main, log, lock = ((run / name).read_bytes() for name in ("journal.sqlite", "journal.sqlite-wal", "lock"))
        yield Torn(Path(folder), main, log, lock, written)


@pytest.fixture(scope="module")
def states(torn: Torn) -> list[dict[int, Status]]:
    """What the journal said after each of its commits, from none on."""
    found = [torn.state(torn.log[:end]) for end in (_LOG_HEADER, *torn.commits)]
    assert None not in found
    return [state for state in found if state is not None]


def test_commits_only_add(torn: Torn, states: list[dict[int, Status]]) -> None:
    assert len(states) > 15
    for before, after in pairwise(states):
        assert before.keys() <= after.keys()
        settled = {row: status for row, status in before.items() if status is not Status.UNKNOWN}
        assert settled.items() <= after.items()
    assert len(states[-1]) > 1000
    assert {row for row, status in states[-1].items() if status in CONFIRMED} <= torn.written <= states[-1].keys()


def test_a_log_that_ends_anywhere_is_the_journal_after_a_commit(torn: Torn, states: list[dict[int, Status]]) -> None:
    commits = torn.commits
    for size in range(0, len(torn.log), SECTOR):
        assert torn.state(torn.log[:size]) == states[bisect_right(commits, size)], f"the log cut at {size}"


def test_a_sector_that_was_never_written_ends_the_journal_there(torn: Torn, states: list[dict[int, Status]]) -> None:
    commits = torn.commits
    for at in range(0, len(torn.log), SECTOR):
        hole = torn.log[:at] + bytes(SECTOR) + torn.log[at + SECTOR :]
        first = next((place for place in range(at, at + SECTOR) if hole[place] != torn.log[place]), len(hole))
        assert torn.state(hole) == states[bisect_right(commits, first)], f"a hole in the log at {at}"


def test_with_the_note_of_its_end_no_row_that_was_sent_is_forgotten(torn: Torn) -> None:
    draw = random.Random(SEED)
    refused = 0
    for at in range(0, len(torn.log), SECTOR):
        flipped = bytearray(torn.log)
        flipped[at + draw.randrange(min(SECTOR, len(torn.log) - at))] ^= 1 << draw.randrange(8)
        for log in (torn.log[:at], bytes(flipped)):
            state = torn.state(log, torn.lock)
            refused += state is None
            assert state is None or torn.written <= state.keys(), f"SEED={SEED}: the log cut, or a bit flipped, at {at}"
    assert refused > len(torn.log) // SECTOR
    state = torn.state(torn.log, torn.lock)
    assert state is not None and torn.written <= state.keys()
