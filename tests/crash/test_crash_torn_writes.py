"""Power that fails while the journal is written: copies of a real load's journal, torn at every sector of its log."""

from __future__ import annotations

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
from tests.crash.promises import CONFIRMED, statuses_of

SECTOR = 512
_LOG_HEADER, _FRAME_HEADER = 32, 24  # https://www.sqlite.org/fileformat2.html#the_write_ahead_log


@attrs.frozen
class Torn:
    """The journal that a killed load left, and copies of it with another log."""

    folder: Path
    main: bytes
    log: bytes
    written: frozenset[int]
    """Rows in the vendor's log."""

    @property
    def commits(self) -> list[int]:
        """Where the transactions of the log end: behind each frame that says how large the database then is."""
        [page] = struct.unpack(">I", self.log[8:12])
        starts = range(_LOG_HEADER, len(self.log) - page - _FRAME_HEADER + 1, page + _FRAME_HEADER)
        return [at + page + _FRAME_HEADER for at in starts if any(self.log[at + 4 : at + 8])]

    def state(self, log: bytes) -> dict[int, Status] | None:
        """What a process that opens it finds; None if it is refused, in one line."""
        journal = self.folder / "journal.sqlite"
        for file in self.folder.iterdir():
            file.unlink()
        journal.write_bytes(self.main)
        (self.folder / "journal.sqlite-wal").write_bytes(log)
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
        load = command.start("load", source, *arguments("pabbly", mock.url, max_batch=20, concurrency=4))
        assert watch.kill(load, Moment(80, carried_out=True)) is None
        written = frozenset(watch.written())
    run = command.folder / "run"
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        main, log = ((run / name).read_bytes() for name in ("journal.sqlite", "journal.sqlite-wal"))
        yield Torn(Path(folder), main, log, written)


@pytest.fixture(scope="module")
def states(torn: Torn) -> list[dict[int, Status]]:
    """What the journal said after each of its commits, from none on."""
    found = [torn.state(torn.log[:end]) for end in (_LOG_HEADER, *torn.commits)]
    assert None not in found
    return [state for state in found if state is not None]


def test_commits_only_add(torn: Torn, states: list[dict[int, Status]]) -> None:
    assert len(states) > 20
    for before, after in pairwise(states):
        assert before.keys() <= after.keys()
        settled = {row: status for row, status in before.items() if status is not Status.UNKNOWN}
        assert settled.items() <= after.items()
    assert len(states[-1]) > 1500
    assert {row for row, status in states[-1].items() if status in CONFIRMED} <= torn.written <= states[-1].keys()


def test_a_log_that_ends_anywhere_is_the_journal_after_a_commit(torn: Torn, states: list[dict[int, Status]]) -> None:
    commits = torn.commits
    refused = 0
    for size in range(0, len(torn.log), SECTOR):
        state = torn.state(torn.log[:size])
        refused += state is None
        assert state is None or state == states[bisect_right(commits, size)], f"the log cut at {size}"
    assert refused <= 1, "only a log that is not there at all may be refused"


def test_a_sector_that_was_never_written_ends_the_journal_there(torn: Torn, states: list[dict[int, Status]]) -> None:
    commits = torn.commits
    for at in range(SECTOR, len(torn.log) - SECTOR, SECTOR):
        hole = torn.log[:at] + bytes(SECTOR) + torn.log[at + SECTOR :]
        first = next((place for place in range(at, at + SECTOR) if hole[place] != torn.log[place]), len(hole))
        assert torn.state(hole) in (None, states[bisect_right(commits, first)]), f"a hole in the log at {at}"
