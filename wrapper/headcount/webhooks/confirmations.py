"""What signed webhooks have confirmed, in one SQLite file that receivers write and `reconcile` reads.

The file holds no personal data and no secret: of a contact the vendor's id, and its external id as a keyed hash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import attrs

from headcount.auth import Secret
from headcount.errors import JournalError, UsageError
from headcount.journal.filesystem import is_network_filesystem

FORMAT = 1
"""The version of the file's layout, kept as SQLite's `user_version`."""
APPLICATION_ID = 0x48436F6E
"""What tells the file from any other of SQLite ("HCon")."""

_SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
BEGIN;
CREATE TABLE creation (
    external_id BLOB NOT NULL,   -- its keyed hash
    contact_id TEXT NOT NULL,    -- the vendor's
    received REAL NOT NULL,      -- Unix seconds, of the first delivery
    PRIMARY KEY (external_id, contact_id)
) WITHOUT ROWID;
CREATE TABLE nonce (
    nonce TEXT PRIMARY KEY,
    until REAL NOT NULL          -- Unix seconds, after which a replay is refused for its age
) WITHOUT ROWID;
CREATE INDEX nonce_by_until ON nonce (until);
CREATE TABLE key (proof BLOB PRIMARY KEY) WITHOUT ROWID;   -- of each key that external ids were hashed with
COMMIT;
"""
_BUSY_SECONDS = 5.0
"""How long a writer waits for the others."""

_LEAVE = "give its owner leave to read and write it and its folder"
_DAMAGED = "put it aside and begin a new one; what it confirmed can still be asked of the vendor"
_REMEDIES = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_IOERR: "see that the disk has room and is in order",
    sqlite3.SQLITE_BUSY: "another program holds it; close that",
    sqlite3.SQLITE_READONLY: _LEAVE,
    sqlite3.SQLITE_CANTOPEN: _LEAVE,
    sqlite3.SQLITE_PERM: _LEAVE,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


@attrs.frozen
class Confirmation:
    """The vendor's word that a contact was created.

    `vendor_id` is its contact id; None when several contacts with the same external id were created, so that none
    of them can be named. `received` is when the word first came, in Unix seconds.
    """

    vendor_id: str | None
    received: float


class Confirmations:
    """The confirmations in one file. Made by `open` or `read`; a context manager that closes. Safe in threads.

    Any number of processes may have the file open, on one machine. Every method raises JournalError, in one line,
    when the file cannot be read or written.
    """

    def __init__(self, path: Path, database: sqlite3.Connection, key: bytes) -> None:
        self._path = path
        self._database = database
        self._key = key
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, secret: Secret) -> Confirmations:
        """The file at `path`, made if there is none, to be written. `secret` is the webhook's.

        Raises UsageError when there cannot be one, JournalError for a file that is damaged, made by a newer version
        or something else.
        """
        if not path.parent.is_dir():
            raise UsageError(f"{path} cannot be made: there is no folder {path.parent}")
        with _errors(path, "cannot be opened"):
            if not path.exists():
                _create(path)
            confirmations = cls._connected(path, secret)
            try:
                with confirmations._transaction() as database:
                    database.execute("INSERT OR IGNORE INTO key VALUES (?)", (_proof(confirmations._key),))
            except BaseException:
                confirmations.close()
                raise
            return confirmations

    @classmethod
    def read(cls, path: Path, secret: Secret) -> Confirmations:
        """The file at `path`, to look at; receivers may go on writing it.

        Raises UsageError when there is none, or when nothing in it was written with this secret; JournalError as
        `open` does.
        """
        if not path.exists():
            raise UsageError(f"there are no confirmations at {path}")
        with _errors(path, "cannot be opened"):
            confirmations = cls._connected(path, secret)
            try:
                database = confirmations._database
                # Not opened read-only: such a connection leaves the files of the write-ahead log behind.
                database.execute("PRAGMA query_only = ON")
                known = database.execute("SELECT proof FROM key").fetchall()
                if (_proof(confirmations._key),) not in known:
                    raise UsageError(f"confirmations {path} were not written with this webhook secret")
            except BaseException:
                confirmations.close()
                raise
            return confirmations

    @classmethod
    def _connected(cls, path: Path, secret: Secret) -> Confirmations:
        if not path.is_file():
            raise UsageError(f"{path} is no file")
        if path.stat().st_size == 0:
            raise JournalError(f"confirmations {path} are empty; {_DAMAGED}")
        database = _connect(path)
        try:
            _check(path, database)
            database.execute("PRAGMA synchronous = FULL")
        except BaseException:
            database.close()
            raise
        return cls(path, database, _key(secret))

    def confirm(self, external_id: str, contact_id: str, received: float, *, nonce: str, until: float) -> bool:
        """Note that the vendor created a contact, by a delivery with this nonce, which could be replayed `until` then.

        Answers False, and notes nothing, when the nonce was seen before. Durable when it returns; after an error
        neither the contact nor the nonce is noted. Times are Unix seconds. Of several deliveries about one contact the
        first counts: it was created but once.
        """
        creation = (self._digest(external_id), contact_id, received)
        with _errors(self._path, "cannot be written"), self._transaction() as database:
            database.execute("DELETE FROM nonce WHERE until < ?", (received,))
            new = database.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?)", (nonce, until)).rowcount == 1
            if new:
                database.execute("INSERT OR IGNORE INTO creation VALUES (?, ?, ?)", creation)
        return new

    def find(self, external_id: str, since: float) -> Confirmation | None:
        """Whether a contact with this external id was created, by a word that came at `since` (Unix seconds) or later.

        None when there is no such word.
        """
        statement = (
            "SELECT min(contact_id), max(contact_id), min(received) FROM creation"
            " WHERE external_id = ? AND received >= ?"
        )
        with _errors(self._path, "cannot be read"), self._lock:
            found = self._database.execute(statement, (self._digest(external_id), since)).fetchone()
        first, last, received = found
        if received is None:
            return None
        return Confirmation(first if first == last else None, received)

    def close(self) -> None:
        """Let go of the file. A second time does nothing."""
        with _errors(self._path, "cannot be closed"), self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _digest(self, external_id: str) -> bytes:
        return hmac.digest(self._key, external_id.encode("utf-8", "surrogatepass"), hashlib.sha256)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all threads and processes; durable when it is left."""
        database = self._database
        with self._lock:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.execute("ROLLBACK")
                raise


def _key(secret: Secret) -> bytes:
    """A key of its own for the file: the webhook's secret signs, and nothing else."""
    return hmac.digest(secret.reveal().encode(), b"headcount confirmations: external ids", hashlib.sha256)


def _proof(key: bytes) -> bytes:
    """What shows that a file knows the key, and does not show the key."""
    return hmac.digest(key, b"headcount confirmations: proof", hashlib.sha256)


def _create(path: Path) -> None:
    """Puts an empty file of confirmations at `path`, complete from its first moment; leaves one that is there."""
    blank = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    os.close(os.open(blank, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(_connect(blank)) as database:
            # The memory that the users of a write-ahead log share does not reach across a network.
            mode = "DELETE" if is_network_filesystem(path.parent) else "WAL"
            database.execute(f"PRAGMA journal_mode = {mode}")
            database.executescript(_SCHEMA)
        with suppress(FileExistsError):
            os.link(blank, path)
    finally:
        blank.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _connect(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)


def _check(path: Path, database: sqlite3.Connection) -> None:
    def one(statement: str) -> Any:
        return database.execute(statement).fetchone()[0]

    if one("PRAGMA application_id") != APPLICATION_ID:
        raise JournalError(f"{path} holds something else than confirmations; name another file")
    if (version := one("PRAGMA user_version")) != FORMAT:
        remedy = "use the headcount that made them"
        raise JournalError(f"confirmations {path} have format {version}, this headcount reads {FORMAT}; {remedy}")
    if one("PRAGMA quick_check(1)") != "ok":
        raise JournalError(f"confirmations {path} are damaged: pages do not fit together; {_DAMAGED}")


@contextmanager
def _errors(path: Path, what: str) -> Iterator[None]:
    """Turns what SQLite, the disk and damaged bytes raise into one line that names the file and the way out."""
    try:
        yield
    except sqlite3.Error as error:
        remedy = _REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        raise JournalError(f"confirmations {path} {what}: {error}" + (f"; {remedy}" if remedy else "")) from error
    except OSError as error:
        raise JournalError(f"confirmations {path} {what}: {error.strerror or error}") from error
