"""The journal of a run in one SQLite file: a row an event, a transaction a commit.

The file holds row numbers, statuses, problems, vendor ids and the run's settings; nothing else of a contact.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Any, Self

import msgspec

from headcount.core.batches import Answer
from headcount.errors import JournalError
from headcount.journal.database import FileKind
from headcount.journal.events import (
    Event,
    Stretch,
    checksum,
    latest,
    pack_answer,
    pack_rows,
    unpack_answer,
    unpack_rows,
)
from headcount.journal.lock import Lock, last_event_noted
from headcount.outcome import Outcome

_SCHEMA = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE checkpoint (rows_read INTEGER PRIMARY KEY, digest BLOB NOT NULL);
CREATE TABLE event (
    number INTEGER PRIMARY KEY,  -- 1, 2, 3 ... without gaps, in the order noted
    first INTEGER NOT NULL,      -- the lowest of `rows`
    last INTEGER NOT NULL,       -- the highest
    settles INTEGER,             -- the claim that this record settles
    attempts INTEGER NOT NULL,   -- in this session so far
    session INTEGER NOT NULL,    -- the last event before the process that noted this one opened the journal
    rows BLOB NOT NULL,
    answer BLOB,                 -- NULL for a claim
    checksum INTEGER NOT NULL
);
CREATE INDEX event_by_first ON event (first, number);
"""
CREATED = "created"
"""The name of the note of when a journal was made, in Unix seconds."""
_PAGE = 16
_RECENT_CLAIMS = 64

_DAMAGED = "restore it from a copy; a new journal in its place would send again what has landed"
_FILE = FileKind(
    noun="journal",
    application_id=0x48656164,  # "Head"
    format=2,
    schema=_SCHEMA,
    foreign=f"is not a headcount journal; {_DAMAGED}",
    damaged=_DAMAGED,
    then=", then resume the run",
)


class SqliteJournal:
    """A `Journal` on disk. Made by `create`, `open` or `read`; a context manager that closes.

    Every method raises JournalError, in one line, when the file cannot be read or written. An event
    appears in the file with the `commit` that follows it, whole, or not at all.
    """

    def __init__(self, path: Path, database: sqlite3.Connection, lock: Lock | None) -> None:
        self._path = path
        self._database = database
        self._lock = lock
        self._events: list[tuple[object, ...]] = []
        self._checkpoints: list[tuple[int, bytes]] = []
        self._notes: list[tuple[str, str, int]] = []
        self._packed_claims: dict[int, tuple[Sequence[int], bytes]] = {}
        with self._guard("cannot be read"):
            self._earlier = self._last = self._last_of_all()
            self.rows_read: int = self._one("SELECT coalesce(max(rows_read), 0) FROM checkpoint")
        self._outcomes = chain.from_iterable(map(Stretch.outcomes, latest(self._events_up_to(self._earlier))))
        self._next = next(self._outcomes, None)
        self._asked = -1

    @classmethod
    def create(cls, path: Path, notes: Mapping[str, object]) -> SqliteJournal:
        """A new journal at `path`, in a folder that exists, opened. `notes` are what `note` takes.

        The file appears complete. Raises RunLocked, and JournalError when there is one already.
        """
        first = {"id": uuid.uuid4().hex, CREATED: time.time(), **notes}
        rows = [_note(name, value) for name, value in first.items()]
        with _FILE.errors(path, "cannot be made"), closing(Lock(_lock_path(path))) as lock:
            if path.exists():
                raise JournalError(f"journal {path} exists already")
            if lock.last_event:
                raise JournalError(f"journal {path} is missing, and it had {lock.last_event} events; {_DAMAGED}")
            blank = path.with_name(path.name + ".new")
            blank.unlink(missing_ok=True)
            with _FILE.create(path, blank, os.rename) as database:
                database.executemany("INSERT INTO run VALUES (?, ?, ?)", rows)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> SqliteJournal:
        """The journal at `path`, for this process alone. Raises RunLocked when another has it.

        A journal that is missing, empty, damaged or made by a newer version is a JournalError.
        """
        with _FILE.errors(path, "cannot be opened"), ExitStack() as held:
            _check_there(path)
            lock = held.enter_context(closing(Lock(_lock_path(path))))
            journal = cls(path, held.enter_context(closing(_FILE.open(path, "rw"))), lock)
            journal._check_reaches(lock.last_event)
            held.pop_all()
            return journal

    @classmethod
    def read(cls, path: Path) -> SqliteJournal:
        """The journal at `path` as it is now, to look at; a session may go on meanwhile."""
        with _FILE.errors(path, "cannot be opened"), ExitStack() as held:
            _check_there(path)
            noted = last_event_noted(_lock_path(path))
            journal = cls(path, held.enter_context(closing(_FILE.open(path, "ro"))), None)
            journal._check_reaches(noted)
            held.pop_all()
            return journal

    def claim(self, rows: Sequence[int]) -> int:
        """Note that a request with these rows, which ascend, is about to leave; answers its number."""
        packed = pack_rows(rows)
        number = self._add(rows, packed, None, None, 0)
        self._packed_claims[number] = (rows, packed)
        if len(self._packed_claims) > _RECENT_CLAIMS:
            del self._packed_claims[next(iter(self._packed_claims))]
        return number

    def record(self, claim: int | None, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        """Note what became of rows, which ascend; the answer is as long as they are.

        `attempts` counts the requests that have carried them since the journal was opened.
        """
        if len(rows) != len(answer):
            raise ValueError(f"{len(rows)} rows and {len(answer)} statuses")
        if not rows:
            return
        claimed, packed = self._packed_claims.pop(claim or 0, (None, b""))
        if claimed != rows:
            packed = pack_rows(rows)
        self._add(rows, packed, claim, pack_answer(answer), attempts)

    def checkpoint(self, rows_read: int, digest: bytes) -> None:
        """Note that the input up to `rows_read` rows has this digest. The first note of a place stays."""
        self._checkpoints.append((rows_read, digest))

    def note(self, name: str, value: object) -> None:
        """Note a fact about the run, a JSON value; it takes the place of an earlier one of that name."""
        self._notes.append(_note(name, value))

    def commit(self) -> None:
        """Make everything noted so far durable, in one transaction. After an error it is still noted."""
        if not (self._events or self._checkpoints or self._notes):
            return
        database = self._database
        with self._guard("cannot be written"):
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", self._events)
                database.executemany("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", self._checkpoints)
                database.executemany("INSERT OR REPLACE INTO run VALUES (?, ?, ?)", self._notes)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            if self._lock is not None and self._events:
                self._lock.note(self._last)
        self._events, self._checkpoints, self._notes = [], [], []

    def recorded(self, index: int) -> Outcome | None:
        """What the journal said of a row when it was opened. Called with ascending indexes."""
        if index < self._asked:
            raise ValueError("rows are asked for in ascending order")
        self._asked = index
        while self._next is not None and self._next.index < index:
            self._next = next(self._outcomes, None)
        return self._next if self._next is not None and self._next.index == index else None

    def checkpoint_at(self, rows_read: int) -> bytes | None:
        """The digest noted for this many rows before the journal was opened, or None."""
        if rows_read > self.rows_read:
            return None
        with self._guard("cannot be read"):
            statement = "SELECT digest FROM checkpoint WHERE rows_read = ?"
            found = self._database.execute(statement, (rows_read,)).fetchone()
        return None if found is None else bytes(found[0])

    def noted(self, name: str) -> object:
        """The fact of this name as last committed, or None. `id` is there from the beginning."""
        with self._guard("cannot be read"):
            statement = "SELECT name, value, checksum FROM run WHERE name = ?"
            found = self._database.execute(statement, (name,)).fetchone()
            if found is None:
                return None
            if found[2] != _checksum_of_note(*found[:2]):
                raise sqlite3.DatabaseError(f"its note {name!r} is not what was written")
            return msgspec.json.decode(found[1])

    def stretches(self) -> Iterator[Stretch]:
        """The latest word on every row, in row order, as committed by now; read as it is asked for."""
        with self._guard("cannot be read"):
            last = self._last_number()
        return latest(self._events_up_to(last))

    def close(self) -> None:
        """Let go of the files and of the run. What is not committed is lost."""
        lock, self._lock = self._lock, None
        try:
            with self._guard("cannot be closed"):
                self._database.close()
        finally:
            if lock is not None:
                lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _add(self, rows: Sequence[int], packed: bytes, settles: int | None, answer: bytes | None, attempts: int) -> int:
        self._last += 1
        numbers = (self._last, rows[0], rows[-1], settles, attempts, self._earlier)
        self._events.append((*numbers, packed, answer, checksum(numbers, packed, answer)))
        return self._last

    def _events_up_to(self, number: int) -> Iterator[Event]:
        """Events in order of their first row, a page at a time: no cursor stays open between commits."""
        place = (-1, 0)
        seen = 0
        while seen < number:
            with self._guard("cannot be read"):
                page = self._database.execute(
                    "SELECT * FROM event WHERE (first, number) > (?, ?) AND number <= ? ORDER BY first, number LIMIT ?",
                    (*place, number, _PAGE),
                ).fetchall()
                if not page:
                    raise sqlite3.DatabaseError("events are missing")
                events = [_event(row) for row in page]
            yield from events
            place = (page[-1][1], page[-1][0])
            seen += len(page)

    def _last_of_all(self) -> int:
        """The last event of a journal that has all before it."""
        # One statement: beside a reader a session commits.
        statement = "SELECT (SELECT count(*) FROM event), (SELECT coalesce(max(number), 0) FROM event)"
        size, last = self._database.execute(statement).fetchone()
        if size != last:
            raise sqlite3.DatabaseError("events are missing")
        return int(last)

    def _check_reaches(self, event: int) -> None:
        """Raises JournalError for a journal that lost its end: SQLite takes one without its log for whole."""
        if self._earlier < event:
            raise JournalError(
                f"journal {self._path} ends with event {self._earlier}, but {event} were written: {self._path.name}-wal"
                f" is missing or cut; {_DAMAGED}"
            )

    def _last_number(self) -> int:
        return int(self._one("SELECT coalesce(max(number), 0) FROM event"))

    def _one(self, statement: str) -> Any:
        return self._database.execute(statement).fetchone()[0]

    def _guard(self, what: str) -> AbstractContextManager[None]:
        return _FILE.errors(self._path, what)


def _event(row: tuple[int, int, int, int | None, int, int, bytes, bytes | None, int]) -> Event:
    *numbers, packed, answer, stored = row
    if checksum(tuple(numbers), packed, answer) != stored:
        raise sqlite3.DatabaseError(f"event {row[0]} is not what was written")
    rows = unpack_rows(packed)
    return Event(row[0], row[5], rows, None if answer is None else unpack_answer(answer, len(rows)), row[4])


def _lock_path(path: Path) -> Path:
    return path.with_name("lock")


def _check_there(path: Path) -> None:
    if not path.exists():
        raise JournalError(f"there is no journal {path}")
    if path.stat().st_size == 0:
        raise JournalError(f"journal {path} is empty; {_DAMAGED}")


def _note(name: str, value: object) -> tuple[str, str, int]:
    text = msgspec.json.encode(value).decode()
    return name, text, _checksum_of_note(name, text)


def _checksum_of_note(name: str, text: str) -> int:
    return zlib.crc32(f"{name}\n{text}".encode())
