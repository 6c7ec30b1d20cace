"""The file of confirmations: what it knows, what it refuses, who may write it at once, and what it does not hold."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headcount.auth import Secret
from headcount.errors import JournalError, UsageError
from headcount.journal.sqlite import SqliteJournal
from headcount.webhooks import Confirmation, Confirmations

SECRET = Secret("canary-webhook-secret")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "confirmations.sqlite"


@pytest.fixture
def confirmations(path: Path) -> Iterator[Confirmations]:
    with Confirmations.open(path, SECRET) as opened:
        yield opened


def confirm(
    to: Confirmations, external_id: str, contact_id: str, received: float, *, nonce: str = "", until: float = 0
) -> bool:
    return to.confirm(
        external_id, contact_id, received, nonce=nonce or f"{external_id!a}{contact_id}{received}", until=until or 9e9
    )


def test_what_was_confirmed_is_found_and_nothing_else(confirmations: Confirmations) -> None:
    assert confirmations.find("x1", 0) is None
    assert confirm(confirmations, "x1", "C1", 100.5)
    assert confirmations.find("x1", 0) == Confirmation("C1", 100.5)
    assert confirmations.find("x2", 0) is confirmations.find("X1", 0) is confirmations.find("", 0) is None


def test_only_what_came_since(confirmations: Confirmations) -> None:
    confirm(confirmations, "x1", "C1", 100.5)
    assert confirmations.find("x1", 100.5) == Confirmation("C1", 100.5)
    assert confirmations.find("x1", 100.6) is None
    confirm(confirmations, "x1", "C2", 200.0)
    assert confirmations.find("x1", 100.6) == Confirmation("C2", 200.0)


def test_of_several_contacts_with_one_external_id_none_is_named(confirmations: Confirmations) -> None:
    confirm(confirmations, "x1", "C2", 100.0)
    confirm(confirmations, "x1", "C1", 101.0)
    assert confirmations.find("x1", 0) == Confirmation(None, 100.0)


def test_a_second_word_of_the_same_contact_does_not_make_it_newer(confirmations: Confirmations) -> None:
    assert confirm(confirmations, "x1", "C1", 100.0)
    assert confirm(confirmations, "x1", "C1", 200.0)
    assert confirmations.find("x1", 0) == Confirmation("C1", 100.0)
    assert confirmations.find("x1", 150) is None


def test_a_nonce_counts_once_for_as_long_as_it_could_be_replayed(confirmations: Confirmations) -> None:
    assert confirm(confirmations, "x1", "C1", 100.0, nonce="N", until=400.0)
    assert not confirm(confirmations, "x2", "C2", 400.0, nonce="N", until=400.0)
    assert confirmations.find("x2", 0) is None
    assert confirm(confirmations, "x3", "C3", 400.1, nonce="N", until=700.0)


def test_old_nonces_are_not_kept(path: Path, confirmations: Confirmations) -> None:
    for number in range(50):
        confirm(confirmations, f"x{number}", "C", number, nonce=f"N{number}", until=number + 10)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM nonce").fetchone() == (11,)
    database.close()


@pytest.mark.parametrize("external_id", ["", "a" * 10_000, "æøå", "\ud800", "\0", "a\nb", "' OR 1=1 --"])
def test_external_ids_of_any_kind(confirmations: Confirmations, external_id: str) -> None:
    confirm(confirmations, external_id, "C1", 1.0)
    assert confirmations.find(external_id, 0) == Confirmation("C1", 1.0)


def test_what_is_confirmed_is_there_after_closing_and_for_a_reader_meanwhile(path: Path) -> None:
    with Confirmations.open(path, SECRET) as writer, Confirmations.read(path, SECRET) as reader:
        confirm(writer, "x1", "C1", 1.0)
        assert reader.find("x1", 0) == Confirmation("C1", 1.0)
        confirm(writer, "x2", "C2", 2.0)
        assert reader.find("x2", 0) == Confirmation("C2", 2.0)
        with pytest.raises(JournalError, match="readonly"):
            confirm(reader, "x3", "C3", 3.0)
    with Confirmations.read(path, SECRET) as reader:
        assert reader.find("x1", 0) == Confirmation("C1", 1.0)
    with Confirmations.open(path, SECRET) as writer:
        assert writer.find("x2", 0) == Confirmation("C2", 2.0)


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(path: Path) -> None:
    with Confirmations.open(path, SECRET) as opened:
        confirm(opened, "x1", "C1", 1.0)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert path.name in modes
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_it_is_durable_by_its_settings(path: Path, confirmations: Confirmations) -> None:
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()
    assert confirmations._database.execute("PRAGMA synchronous").fetchone() == (2,)


def test_on_a_network_file_system_there_is_no_log(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("headcount.journal.database.is_network_filesystem", lambda folder: True)
    with Confirmations.open(path, SECRET) as opened:
        confirm(opened, "x1", "C1", 1.0)
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert "network file system" in caplog.text


def test_a_folder_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 %?#") / "confirmations.sqlite"
    path.parent.mkdir()
    with Confirmations.open(path, SECRET) as opened:
        confirm(opened, "x1", "C1", 1.0)
    with Confirmations.read(path, SECRET) as reader:
        assert reader.find("x1", 0) == Confirmation("C1", 1.0)


def test_no_external_id_and_no_secret_in_the_file(path: Path) -> None:
    with Confirmations.open(path, SECRET) as opened:
        confirm(opened, "canary-external-id", "01FJA8B466Y0R2GNXD78MD9SM1", 1.0, nonce="N1")
        held = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert b"01FJA8B466Y0R2GNXD78MD9SM1" in held
        assert b"canary" not in held
        assert "canary" not in repr(opened)
    assert b"canary" not in path.read_bytes()


def test_the_hash_of_an_external_id_is_that_of_the_secret(tmp_path: Path) -> None:
    digests = []
    for number, secret in enumerate(["one", "two"]):
        with Confirmations.open(tmp_path / str(number), Secret(secret)) as opened:
            confirm(opened, "x1", "C1", 1.0)
        with sqlite3.connect(tmp_path / str(number)) as database:
            digests += database.execute("SELECT external_id FROM creation").fetchall()
        database.close()
    assert len({*digests}) == 2


def test_a_changed_secret_begins_anew_and_the_old_one_still_reads_its_own(path: Path) -> None:
    old, new, other = SECRET, Secret("new"), Secret("other")
    with Confirmations.open(path, old) as opened:
        confirm(opened, "x1", "C1", 1.0)
    with Confirmations.open(path, new) as opened:
        assert opened.find("x1", 0) is None
        confirm(opened, "x1", "C2", 2.0)
    for secret, contact_id in ((old, "C1"), (new, "C2")):
        with Confirmations.read(path, secret) as reader:
            assert reader.find("x1", 0) == Confirmation(contact_id, 1.0 if secret is old else 2.0)
    with pytest.raises(UsageError, match="not written with this webhook secret"):
        Confirmations.read(path, other)


def test_where_there_can_be_none(path: Path) -> None:
    with pytest.raises(UsageError, match="there are no confirmations"):
        Confirmations.read(path, SECRET)
    assert not path.exists()
    with pytest.raises(UsageError, match="there is no folder"):
        Confirmations.open(path / "a" / "b", SECRET)
    for method in (Confirmations.open, Confirmations.read):
        with pytest.raises(UsageError, match="is no file"):
            method(path.parent, SECRET)


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE creation (a)")
    database.close()


def _journal(path: Path) -> None:
    SqliteJournal.create(path, {}).close()


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()


def _cut(path: Path) -> None:
    os.truncate(path, 6000)


def _torn(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * 8192)


@pytest.mark.parametrize(
    ("spoil", "begins_empty", "what"),
    [
        (lambda path: path.write_bytes(b""), False, "are empty"),
        (lambda path: path.write_bytes(b"id,email\n1,a\n" * 1000), False, "not a database"),
        (_other_database, True, "something else"),
        (_journal, True, "something else"),
        (_newer, False, "format 2, this headcount reads 1"),
        (_cut, False, "malformed"),
        (_torn, False, "do not fit together"),
    ],
)
def test_newer_other_and_damaged_files_are_refused_in_one_line(
    path: Path, spoil: Callable[[Path], object], begins_empty: bool, what: str
) -> None:
    with Confirmations.open(path, SECRET) as opened:
        for number in range(200):
            confirm(opened, f"x{number}", f"C{number}", 1.0)
    if begins_empty:
        path.unlink()
    spoil(path)
    before = path.read_bytes()
    for method in (Confirmations.open, Confirmations.read):
        with pytest.raises(JournalError, match=what) as raised:
            method(path, SECRET)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)
    assert path.read_bytes() == before


def test_after_closing_every_call_is_one_clear_error(path: Path) -> None:
    opened = Confirmations.open(path, SECRET)
    opened.close()
    opened.close()
    with pytest.raises(JournalError, match="closed"):
        opened.find("x1", 0)
    with pytest.raises(JournalError, match="closed"):
        confirm(opened, "x1", "C1", 1.0)


_FULL = """
import resource, sys
from pathlib import Path
from headcount.auth import Secret
from headcount.errors import JournalError
from headcount.webhooks import Confirmations
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Confirmations.open(Path(sys.argv[1]), Secret("canary-webhook-secret")) as opened:
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
    number = 0
    try:
        while True:
            assert opened.confirm(f"x{number}", f"C{number}", 1.0, nonce=f"N{number}", until=9e9)
            number += 1
    except JournalError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert opened.find(f"x{number}", 0) is None
    assert opened.confirm(f"x{number}", f"C{number}", 1.0, nonce=f"N{number}", until=9e9)
    assert all(opened.find(f"x{each}", 0) for each in range(number + 1))
"""


def test_a_full_disk_is_one_line_and_burns_no_nonce(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, path], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"confirmations {path} cannot be written: ")


_WRITER = """
import sys
from pathlib import Path
from headcount.auth import Secret
from headcount.webhooks import Confirmations
with Confirmations.open(Path(sys.argv[1]), Secret("canary-webhook-secret")) as opened:
    sys.stdin.readline()
    own = [opened.confirm(f"{sys.argv[2]}-{n}", f"C{n}", 1.0, nonce=f"{sys.argv[2]}-{n}", until=9e9) for n in range(50)]
    shared = [opened.confirm(f"x{n}", f"C{n}", 1.0, nonce=f"N{n}", until=9e9) for n in range(50)]
print(sum(own), *(n for n, new in enumerate(shared) if new))
"""


def test_several_processes_make_the_file_at_once_and_each_nonce_is_taken_by_one(path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, path, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(4)
    ]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    printed = [writer.communicate(timeout=60)[0].split() for writer in writers]
    assert [own for own, *_ in printed] == ["50"] * 4
    assert sorted(int(n) for _, *taken in printed for n in taken) == list(range(50))
    with Confirmations.read(path, SECRET) as reader:
        names = [f"x{n}" for n in range(50)] + [f"{number}-{n}" for number in range(4) for n in range(50)]
        assert all(reader.find(name, 0) for name in names)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
