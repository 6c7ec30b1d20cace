"""The journal in SQLite: what is durable, what is in doubt, who may open it, and what damage does."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from headcount.core.batches import Answer
from headcount.errors import JournalError, RunLocked
from headcount.journal.events import Event, latest
from headcount.journal.filesystem import filesystem_type
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Kind, Outcome, Problem, Status
from tests.journals import outcomes_of, statuses_of

EXISTS = Problem(Kind.EXISTS, detail="there already", code="2009", http_status=200, field="3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def created(*ids: str) -> Answer:
    return Answer([Status.CREATED] * len(ids), {}, list(ids))


def run_and_kill(path: Path, code: str) -> None:
    """Runs `code` with `journal` open on `path` in a process that is then killed without notice."""
    script = f"""
import os, signal
from pathlib import Path
from headcount.core.batches import Answer
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Status
journal = SqliteJournal.open(Path({str(path)!r}))
{textwrap.dedent(code)}
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL


def test_what_was_recorded_is_there_after_reopening(path: Path) -> None:
    answer = Answer([Status.CREATED, Status.EXISTING, Status.CREATED], {1: EXISTS}, ["7", None, "9"])
    with SqliteJournal.create(path, {}) as journal:
        journal.record(journal.claim([4, 5, 8]), [4, 5, 8], answer, 2)
        journal.commit()
    with SqliteJournal.open(path) as journal:
        assert [journal.recorded(index) for index in range(3, 10)] == [
            None,
            Outcome(4, Status.CREATED, None, "7", 2),
            Outcome(5, Status.EXISTING, EXISTS, None, 2),
            None,
            None,
            Outcome(8, Status.CREATED, None, "9", 2),
            None,
        ]


def test_every_status_survives(path: Path) -> None:
    everything = list(Status)
    with SqliteJournal.create(path, {}) as journal:
        journal.record(None, range(len(everything)), Answer(everything), 0)
        journal.commit()
    with SqliteJournal.open(path) as journal:
        assert [outcome.status for outcome in outcomes_of(journal)] == everything
        assert len(statuses_of(journal)) == len(Status)


def test_claimed_and_not_recorded_is_in_doubt_after_a_kill(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(
        path,
        """
        journal.record(journal.claim([0, 1]), [0, 1], Answer([Status.CREATED] * 2), 1)
        journal.claim([2, 3])
        journal.commit()
        """,
    )
    with SqliteJournal.open(path) as journal:
        assert statuses_of(journal) == {
            0: Status.CREATED,
            1: Status.CREATED,
            2: Status.UNKNOWN,
            3: Status.UNKNOWN,
        }
        doubtful = journal.recorded(2)
        assert doubtful is not None and doubtful.problem is not None
        assert (doubtful.problem.kind, doubtful.attempts) == (Kind.UNANSWERED, 1)


def test_what_was_not_committed_is_lost_by_a_kill(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(path, "journal.claim([0]); journal.commit(); journal.claim([1])")
    with SqliteJournal.open(path) as journal:
        assert statuses_of(journal) == {0: Status.UNKNOWN}


def test_a_later_record_takes_the_place_of_an_earlier_one(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        refused = Answer.same(3, Status.NOT_SENT, Problem(Kind.UNAVAILABLE))
        journal.record(journal.claim([0, 1, 2]), [0, 1, 2], refused, 1)
        journal.record(journal.claim([1]), [1], created("5"), 2)
        journal.commit()
        assert [(o.status, o.vendor_id, o.attempts) for o in outcomes_of(journal)] == [
            (Status.NOT_SENT, None, 1),
            (Status.CREATED, "5", 2),
            (Status.NOT_SENT, None, 1),
        ]


def test_attempts_count_on_in_a_session_and_add_up_over_sessions(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    refused = Answer.same(2, Status.NOT_SENT, Problem(Kind.RATE_LIMITED))
    for _ in range(2):
        with SqliteJournal.open(path) as journal:
            journal.record(journal.claim([0, 1]), [0, 1], refused, 1)
            journal.record(journal.claim([0, 1]), [0, 1], refused, 2)
            journal.record(journal.claim([1]), [1], created("1"), 3)
            journal.commit()
    with SqliteJournal.open(path) as journal:
        assert [outcome.attempts for outcome in outcomes_of(journal)] == [4, 6]
        journal.claim([0])
        journal.commit()
        assert [outcome.attempts for outcome in outcomes_of(journal)] == [5, 6]


def test_a_request_that_a_kill_left_unanswered_counts_even_when_its_row_is_settled_later(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(path, "journal.claim([0]); journal.claim([0]); journal.commit()")
    with SqliteJournal.open(path) as journal:
        assert [outcome.attempts for outcome in outcomes_of(journal)] == [2]
        journal.record(None, [0], Answer.same(1, Status.NOT_SENT, Problem(Kind.UNANSWERED)), 0)  # it was asked for
        journal.commit()
    with SqliteJournal.open(path) as journal:
        journal.record(journal.claim([0]), [0], created("1"), 1)
        journal.commit()
        assert [outcome.attempts for outcome in outcomes_of(journal)] == [3]


def test_a_later_claim_puts_a_row_in_doubt_again(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        journal.record(journal.claim([0, 1]), [0, 1], Answer.same(2, Status.NOT_SENT), 1)
        journal.claim([1])
        journal.commit()
        assert statuses_of(journal) == {0: Status.NOT_SENT, 1: Status.UNKNOWN}


def test_recorded_answers_for_earlier_sessions_only(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        journal.record(None, [0, 3], Answer.same(2, Status.NOT_SENT), 0)
        journal.commit()
    with SqliteJournal.open(path) as journal:
        assert journal.recorded(0) == Outcome(0, Status.NOT_SENT)
        journal.record(journal.claim([1, 2, 3]), [1, 2, 3], created("1", "2", "3"), 1)
        journal.commit()
        assert [journal.recorded(index) for index in (1, 2, 3)] == [None, None, Outcome(3, Status.NOT_SENT)]
        with pytest.raises(ValueError):
            journal.recorded(1)


def test_the_last_word_is_found_over_many_events(path: Path) -> None:
    # More events than are fetched at a time, some of them reaching over all the others.
    with SqliteJournal.create(path, {}) as journal:
        ends = [0, 5_000, 9_999]
        journal.record(None, ends, Answer.same(3, Status.REJECTED, EXISTS), 0)
        for start in range(0, 10_000, 20):
            rows = [row for row in range(start, start + 20) if row not in ends]
            journal.record(journal.claim(rows), rows, Answer([Status.CREATED] * len(rows)), 1)
        journal.commit()
        found = list(outcomes_of(journal))
        assert [outcome.index for outcome in found] == list(range(10_000))
        assert [o.index for o in found if o.status is Status.REJECTED and o.problem == EXISTS] == ends


def test_checkpoints_of_earlier_sessions(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        assert journal.rows_read == 0
        journal.checkpoint(1000, b"one")
        journal.checkpoint(2000, b"two")
        journal.commit()
        assert journal.rows_read == 0 and journal.checkpoint_at(1000) is None
    with SqliteJournal.open(path) as journal:
        assert journal.rows_read == 2000
        journal.checkpoint(1000, b"other")
        journal.checkpoint(3000, b"three")
        journal.commit()
        assert [journal.checkpoint_at(n) for n in (1000, 1500, 2000, 3000)] == [b"one", None, b"two", None]


def test_notes(path: Path) -> None:
    settings = {"to": "emarsys", "map": [["3", "E-Mail"]]}
    with SqliteJournal.create(path, {"settings": settings}) as journal:
        journal.note("state", "running")
        journal.note("state", "ended")
        journal.commit()
        name = journal.noted("id")
    with SqliteJournal.read(path) as journal:
        assert journal.noted("settings") == settings
        assert journal.noted("state") == "ended"
        assert journal.noted("id") == name and name
        assert journal.noted("nothing") is None


@pytest.mark.parametrize("rows", [[], [2, 1], [1, 1], [0, 2, 1, 3], [-1]])
def test_rows_must_ascend(path: Path, rows: list[int]) -> None:
    with SqliteJournal.create(path, {}) as journal, pytest.raises(ValueError):
        journal.claim(rows)


def test_an_answer_must_fit_its_rows(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal, pytest.raises(ValueError):
        journal.record(None, [1, 2], created("1"), 0)


def test_files_are_private(path: Path) -> None:
    old = os.umask(0)
    try:
        with SqliteJournal.create(path, {}) as journal:
            journal.claim([1])
            journal.commit()
            files = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert files == dict.fromkeys(["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "lock"], 0o600)


def test_a_second_opener_is_told_who_has_the_run(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        with pytest.raises(RunLocked, match=rf"in use by process {os.getpid()}$"):
            SqliteJournal.open(path)
        journal.claim([1])
        journal.commit()
    with SqliteJournal.open(path) as journal:
        assert statuses_of(journal) == {1: Status.UNKNOWN}


def test_a_reader_sees_what_is_committed_while_the_run_goes_on(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        journal.record(None, [0], created("1"), 1)
        journal.commit()
        journal.record(None, [1], created("2"), 1)
        with SqliteJournal.read(path) as reader:
            assert statuses_of(reader) == {0: Status.CREATED}
            with pytest.raises(JournalError):
                reader.note("state", "mine")
                reader.commit()
        journal.commit()
        with SqliteJournal.read(path) as reader:
            assert statuses_of(reader) == {0: Status.CREATED, 1: Status.CREATED}


def test_a_reader_opens_while_events_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteJournal.create(path, {}) as journal:

        class Beside(sqlite3.Connection):
            """Each of its statements finds one event more."""

            def execute(self, *arguments: Any) -> sqlite3.Cursor:
                row = next(rows)
                journal.record(None, [row], created(str(row)), 0)
                journal.commit()
                return super().execute(*arguments)

        rows = count()
        monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Beside))
        with SqliteJournal.read(path) as reader:
            told = statuses_of(reader)
        assert len(told) > 3 and told == dict.fromkeys(range(len(told)), Status.CREATED)


def test_a_reader_after_a_kill(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(path, "journal.claim([0]); journal.commit()")
    with SqliteJournal.read(path) as reader:
        assert statuses_of(reader) == {0: Status.UNKNOWN}


def test_a_torn_log_loses_whole_commits_from_its_end(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(
        path,
        """
        for row in range(0, 16, 2):
            journal.claim([row])
            journal.claim([row + 1])
            journal.commit()
        """,
    )
    log = path.with_name("journal.sqlite-wal")
    main, whole = path.read_bytes(), log.read_bytes()
    seen = set()
    for size in [*range(0, len(whole), 512), len(whole)]:
        path.write_bytes(main)
        log.write_bytes(whole[:size])
        path.with_name("journal.sqlite-shm").unlink(missing_ok=True)
        # A loss of power may take the note of the last event with it.
        path.with_name("lock").unlink()
        with SqliteJournal.open(path) as journal:
            rows = list(statuses_of(journal))
        assert rows == list(range(len(rows))) and len(rows) % 2 == 0
        seen.add(len(rows))
    assert seen == set(range(0, 17, 2))


@pytest.mark.parametrize("lost", ["journal.sqlite-wal", "the end of it"])
def test_a_journal_that_lost_its_log_is_refused(path: Path, lost: str) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(path, "journal.claim([0]); journal.commit(); journal.claim([1]); journal.commit()")
    log = path.with_name("journal.sqlite-wal")
    whole = log.read_bytes()
    log.unlink()
    if lost != log.name:
        log.write_bytes(whole[:-4096])
    for look in (SqliteJournal.open, SqliteJournal.read):
        with pytest.raises(JournalError, match=r"but 2 were written: journal\.sqlite-wal is missing or cut"):
            look(path)


def test_a_log_that_another_program_has_written_back_is_not_missed(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    run_and_kill(path, "journal.claim([0]); journal.commit()")
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    assert not path.with_name("journal.sqlite-wal").exists()
    with SqliteJournal.open(path) as journal:
        assert list(statuses_of(journal)) == [0]


def test_a_journal_that_is_gone_is_not_begun_anew(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        journal.claim([0])
        journal.commit()
    path.unlink()
    with pytest.raises(JournalError, match="is missing"):
        SqliteJournal.create(path, {})


def test_on_a_network_file_system_there_is_no_log(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("headcount.journal.database.is_network_filesystem", lambda folder: True)
    with SqliteJournal.create(path, {}) as journal:
        journal.claim([3])
        journal.commit()
        assert not path.with_name("journal.sqlite-wal").exists()
        with SqliteJournal.read(path) as reader:
            assert statuses_of(reader) == {3: Status.UNKNOWN}
    assert "network file system" in caplog.text


def filled(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        for start in range(0, 3000, 10):
            rows = list(range(start, start + 10))
            journal.record(journal.claim(rows), rows, created(*map(str, rows)), 1)
        journal.commit()


def read_all(path: Path) -> dict[int, Status]:
    with SqliteJournal.open(path) as journal:
        return statuses_of(journal)


@pytest.mark.parametrize("size", [0, 1, 50, 100, 4096, 5000, 8192, 20_000])
def test_a_truncated_journal_is_refused(path: Path, size: int) -> None:
    filled(path)
    assert path.stat().st_size > 20_480
    os.truncate(path, size)
    for opened in (SqliteJournal.open, SqliteJournal.read):
        with pytest.raises(JournalError, match=r"journal\.sqlite.*copy") as caught:
            opened(path)
        assert "\n" not in str(caught.value)
    assert path.stat().st_size == size


def test_a_flipped_bit_is_never_taken_for_content(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    expected = read_all(path)
    refused = 0
    for place in range(100, len(whole), 997):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            assert read_all(path) == expected, place
        except JournalError:
            refused += 1
    assert refused > 10


def test_a_lost_event_is_noticed(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM event WHERE number = 7")
    database.close()
    with pytest.raises(JournalError, match="events are missing"):
        SqliteJournal.open(path)


def test_an_index_that_does_not_fit_is_noticed(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, '(first,', '(last,')")
    database.close()
    with pytest.raises(JournalError, match="do not fit together"):
        SqliteJournal.open(path)


@pytest.mark.parametrize("change", ["value = replace(value, '3', '1')", "name = 'end'", "checksum = checksum + 1"])
def test_a_note_that_was_changed_is_noticed(path: Path, change: str) -> None:
    SqliteJournal.create(path, {"settings": {"key_field": "3"}, "other": {}}).close()
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE run SET {change} WHERE name = 'settings'")
    database.close()
    with SqliteJournal.read(path) as journal, pytest.raises(JournalError, match=r"is not what was written.*copy"):
        assert journal.noted("settings") or journal.noted("end")


def test_what_sqlite_says_of_damage_is_one_line(path: Path) -> None:
    filled(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"checksum INTEGER NOT NULL\n", b"checksum 'NTEGER NOT NULL\n"))
    with pytest.raises(JournalError, match=r"'NTEGER NOT NULL .*copy") as caught:
        SqliteJournal.open(path)
    assert "\n" not in str(caught.value)


def test_damage_that_sqlite_speaks_of_in_no_utf_8_is_one_line_too(path: Path) -> None:
    filled(path)
    content = path.read_bytes().replace(b"event_by_first", b"event_by_f\xe9rst")
    path.write_bytes(content.replace(b"(first, number)", b"(last , number)"))
    for opened in (SqliteJournal.open, SqliteJournal.read):
        with pytest.raises(JournalError, match=r"journal\.sqlite.*copy") as caught:
            opened(path)
        assert "\n" not in str(caught.value)


def test_an_empty_journal_is_not_taken_for_a_new_one(path: Path) -> None:
    path.touch()
    with pytest.raises(JournalError, match="is empty"):
        SqliteJournal.open(path)


def test_only_events_that_may_overlap_are_held() -> None:
    taken = []

    def events() -> Iterator[Event]:
        for number in range(1, 100):
            taken.append(number)
            yield Event(number, 0, range(number * 10, number * 10 + 10), None, 0)

    stretches = latest(events())
    assert [next(stretches).rows[0] for _ in range(3)] == [10, 20, 30]
    assert taken == [1, 2, 3, 4]


def test_other_files_are_refused(path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        SqliteJournal.open(path)
    path.write_text("row,status\n" * 1000)
    with pytest.raises(JournalError, match="not a database"):
        SqliteJournal.open(path)
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE event (number)")
    database.close()
    with pytest.raises(JournalError, match="not a headcount journal"):
        SqliteJournal.open(path)


def test_a_newer_journal_is_refused_and_left_alone(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 3")
    database.close()
    before = path.read_bytes()
    for opened in (SqliteJournal.open, SqliteJournal.read):
        with pytest.raises(JournalError, match="has format 3, this headcount reads 2"):
            opened(path)
    assert path.read_bytes() == before


def test_a_refused_journal_does_not_stay_locked(path: Path) -> None:
    filled(path)
    good = path.with_name("copy")
    shutil.copy(path, good)
    os.truncate(path, 5000)
    with pytest.raises(JournalError):
        SqliteJournal.open(path)
    shutil.copy(good, path)
    assert len(read_all(path)) == 3000


def test_create_never_overwrites(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="exists already"):
        SqliteJournal.create(path, {})
    assert path.read_bytes() == before


def test_a_folder_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 %?#") / "journal.sqlite"
    path.parent.mkdir()
    with SqliteJournal.create(path, {}) as journal:
        journal.claim([3])
        journal.commit()
        with SqliteJournal.read(path) as reader:
            assert statuses_of(reader) == {3: Status.UNKNOWN}
    with SqliteJournal.open(path) as journal:
        assert statuses_of(journal) == {3: Status.UNKNOWN}
    assert {entry.name for entry in path.parent.iterdir()} == {"journal.sqlite", "lock"}


def test_a_call_after_closing_does_not_speak_of_damage(path: Path) -> None:
    journal = SqliteJournal.create(path, {})
    journal.close()
    with pytest.raises(JournalError, match=r"cannot be read: .*closed database\.$"):
        journal.noted("id")


def test_create_after_a_kill_half_way(path: Path) -> None:
    path.with_name("journal.sqlite.new").write_bytes(b"half")
    with SqliteJournal.create(path, {}) as journal:
        assert statuses_of(journal) == {}
    assert {entry.name for entry in path.parent.iterdir()} == {"journal.sqlite", "lock"}


def test_a_full_disk_rolls_back_the_whole_commit(path: Path) -> None:
    SqliteJournal.create(path, {}).close()
    script = f"""
import resource
from pathlib import Path
from headcount.core.batches import Answer
from headcount.errors import JournalError
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Status
journal = SqliteJournal.open(Path({str(path)!r}))
journal.claim([0]); journal.commit()
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
journal.claim([1])
journal.record(None, range(2, 20_000), Answer([Status.CREATED] * 19_998, {{}}, ["x" * 9] * 19_998), 1)
try:
    journal.commit()
except JournalError as error:
    print(error)
print(sorted(row for stretch in journal.stretches() for row in stretch.rows))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.commit()
print(sum(stretch.answer.statuses.count(Status.CREATED) for stretch in journal.stretches()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    error, rows, count = done.stdout.splitlines()
    assert error.startswith(f"journal {path} cannot be written: ") and "disk has room" in error
    assert (rows, count) == ("[0]", "19998")


def test_an_unwritable_folder_is_one_clear_line(path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be made: No such file or directory"):
        SqliteJournal.create(path.parent / "none" / "journal.sqlite", {})


def test_the_journal_holds_row_numbers_and_no_row(path: Path) -> None:
    filled(path)
    with sqlite3.connect(path) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert tables == {"run", "checkpoint", "event"}


def test_a_row_costs_little(path: Path) -> None:
    with SqliteJournal.create(path, {}) as journal:
        for start in range(0, 1_000_000, 1000):
            rows = range(start, start + 1000)
            journal.record(journal.claim(rows), rows, Answer([Status.CREATED] * 1000), 1)
        journal.commit()
    assert path.stat().st_size < 300_000


def test_the_type_of_a_file_system() -> None:
    mounts = (
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "90 22 0:52 / /srv/team rw,relatime shared:9 master:2 - nfs4 server:/team rw,vers=4.2\n"
    )
    assert filesystem_type(mounts, "254:0") == "ext4"
    assert filesystem_type(mounts, "0:52") == "nfs4"
    assert filesystem_type(mounts, "0:5") is None


def test_a_commit_that_a_kill_cut_short_is_taken_back_by_whoever_looks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headcount.journal.database.is_network_filesystem", lambda folder: True)
    with SqliteJournal.create(path, {}) as journal:
        journal.claim([0])
        journal.commit()
    script = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN")
database.execute("DELETE FROM event")
for number in range(1000):
    database.execute("INSERT INTO checkpoint VALUES (?, ?)", (number, bytes(500)))
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_name("journal.sqlite-journal").stat().st_size > 0
    with SqliteJournal.read(path) as journal:
        assert journal.rows_read == 0
        assert [list(stretch.rows) for stretch in journal.stretches()] == [[0]]
