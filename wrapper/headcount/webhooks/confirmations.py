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
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

import attrs

from headcount.auth import Secret
from headcount.errors import JournalError, UsageError
from headcount.journal.database import FileKind

_SCHEMA = """
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
"""
_FILE = FileKind(
    noun="confirmations",
    application_id=0x48436F6E,  # "HCon"
    format=1,
    schema=_SCHEMA,
    foreign="holds something else than confirmations; name another file",
    damaged="put it aside and begin a new one; what it confirmed can still be asked of the vendor",
)


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
        with _FILE.errors(path, "cannot be opened"), ExitStack() as held:
            if not path.exists():
                with _FILE.create(path, path.with_name(f"{path.name}.{uuid.uuid4().hex}"), _link):
                    pass
            confirmations = held.enter_context(cls._opened(path, secret))
            with confirmations._transaction() as database:
                database.execute("INSERT OR IGNORE INTO key VALUES (?)", (_proof(confirmations._key),))
            held.pop_all()
            return confirmations

    @classmethod
    def read(cls, path: Path, secret: Secret) -> Confirmations:
        """The file at `path`, to look at; receivers may go on writing it.

        Raises UsageError when there is none, or when nothing in it was written with this secret; JournalError as
        `open` does.
        """
        if not path.exists():
            raise UsageError(f"there are no confirmations at {path}")
        with _FILE.errors(path, "cannot be opened"), ExitStack() as held:
            confirmations = held.enter_context(cls._opened(path, secret))
            database = confirmations._database
            # Not opened read-only: such a connection leaves the files of the write-ahead log behind.
            database.execute("PRAGMA query_only = ON")
            known = database.execute("SELECT proof FROM key").fetchall()
            if (_proof(confirmations._key),) not in known:
                raise UsageError(f"confirmations {path} were not written with this webhook secret")
            held.pop_all()
            return confirmations

    @classmethod
    def _opened(cls, path: Path, secret: Secret) -> Confirmations:
        if not path.is_file():
            raise UsageError(f"{path} is no file")
        if path.stat().st_size == 0:
            raise JournalError(f"confirmations {path} are empty; {_FILE.damaged}")
        return cls(path, _FILE.open(path, "rw"), _key(secret))

    def confirm(self, external_id: str, contact_id: str, received: float, *, nonce: str, until: float) -> bool:
        """Note that the vendor created a contact, by a delivery with this nonce, which could be replayed `until` then.

        Answers False, and notes nothing, when the nonce was seen before. Durable when it returns; after an error
        neither the contact nor the nonce is noted. Times are Unix seconds. Of several deliveries about one contact the
        first counts: it was created but once.
        """
        creation = (self._digest(external_id), contact_id, received)
        with _FILE.errors(self._path, "cannot be written"), self._transaction() as database:
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
        with _FILE.errors(self._path, "cannot be read"), self._lock:
            found = self._database.execute(statement, (self._digest(external_id), since)).fetchone()
        first, last, received = found
        if received is None:
            return None
        return Confirmation(first if first == last else None, received)

    def close(self) -> None:
        """Let go of the file. A second time does nothing."""
        with _FILE.errors(self._path, "cannot be closed"), self._lock:
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


def _link(blank: Path, path: Path) -> None:
    """Puts the file at `path`; leaves one that another process has put there meanwhile."""
    with suppress(FileExistsError):
        os.link(blank, path)
