"""Files of SQLite: made whole, opened only if whole and of their kind, with errors in one line that says what to do."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import attrs
import msgspec

from headcount.errors import JournalError
from headcount.journal.filesystem import is_network_filesystem

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 5.0
"""How long a writer waits for the others."""
_LEAVE = "give its owner leave to read and write it and its folder"


@attrs.frozen(kw_only=True)
class FileKind:
    """What tells one kind of file from others, and what is said of it."""

    noun: str
    application_id: int
    """SQLite's, which tells it from any other file of SQLite."""
    format: int
    """The version of its layout, SQLite's `user_version`."""
    schema: str
    foreign: str
    """What is said of a file of another program, after its path."""
    damaged: str
    """What to do about a file that is not what was written."""
    then: str = ""
    """What to do when there is room again, or nobody else holds the file."""

    @contextmanager
    def errors(self, path: Path, what: str) -> Iterator[None]:
        """Turns what SQLite, the disk and damaged bytes raise into a JournalError of one line."""
        try:
            yield
        except sqlite3.Error as error:
            text = " ".join(str(error).split())  # SQLite quotes a schema that it cannot read, lines and all
            remedy = self._remedy(error)
            raise JournalError(f"{self.noun} {path} {what}: {text}" + (f"; {remedy}" if remedy else "")) from error
        except OSError as error:
            raise JournalError(f"{self.noun} {path} {what}: {error.strerror or error}") from error
        except (ValueError, TypeError, msgspec.DecodeError) as error:
            raise JournalError(f"{self.noun} {path} {what}: its content makes no sense; {self.damaged}") from error

    def _remedy(self, error: sqlite3.Error) -> str | None:
        if isinstance(error, sqlite3.ProgrammingError):
            return None  # a call on a file that was closed
        match _code(error) & 0xFF:
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return self.damaged
            case sqlite3.SQLITE_FULL:
                return "make room on the disk" + self.then
            case sqlite3.SQLITE_IOERR:
                return "see that the disk has room and is in order" + self.then
            case sqlite3.SQLITE_BUSY:
                return "another program holds it; close that" + self.then
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return _LEAVE
        return None

    @contextmanager
    def create(self, path: Path, blank: Path, publish: Callable[[Path, Path], object]) -> Iterator[sqlite3.Connection]:
        """A new file, to be filled in the body; it is at `path`, durably, when the body is left.

        It is made as `blank`, in the same folder, which only its owner may read; `publish` moves it or links it. Raises
        what SQLite and the system raise.
        """
        os.close(os.open(blank, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(_connect(blank, "rw")) as database:
                database.execute(f"PRAGMA application_id = {self.application_id}")
                database.execute(f"PRAGMA user_version = {self.format}")
                database.executescript(f"BEGIN;{self.schema}COMMIT;")
                yield database
                # Last: then there is never a log beside the blank file.
                database.execute(f"PRAGMA journal_mode = {_journal_mode(path.parent)}")
            publish(blank, path)
        finally:
            blank.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def open(self, path: Path, access: Literal["ro", "rw"]) -> sqlite3.Connection:
        """The file at `path`, to look at or to write. Raises JournalError for one that is not whole or not of this
        kind, which stays as it is, and what SQLite raises.
        """
        database = _connect(path, access)
        try:
            try:
                self._check(path, database)
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_READONLY_ROLLBACK:
                    raise
                _take_back(path)
                self._check(path, database)
            if access == "rw":
                mode = _journal_mode(path.parent)
                if mode != "WAL":
                    _log.warning("%s is on a network file system: slower, and locks may not hold there", path.parent)
                database.execute(f"PRAGMA journal_mode = {mode}")
                database.execute("PRAGMA synchronous = FULL")
        except BaseException:
            database.close()
            raise
        return database

    def _check(self, path: Path, database: sqlite3.Connection) -> None:
        def one(statement: str) -> Any:
            return database.execute(statement).fetchone()[0]

        if one("PRAGMA application_id") != self.application_id:
            raise JournalError(f"{path} {self.foreign}")
        if (version := one("PRAGMA user_version")) != self.format:
            raise JournalError(
                f"{path} has format {version}, this headcount reads {self.format}; use the headcount that made it"
            )
        # A flipped bit in an index hands out one row twice and another never, and no row's content tells.
        if one("PRAGMA integrity_check(1)") != "ok":
            raise sqlite3.DatabaseError("its pages do not fit together")


def _code(error: sqlite3.Error) -> int:
    # Text that is no UTF-8, and what is found here, come without one.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)


def _take_back(path: Path) -> None:
    """Undo the half of a commit in whose midst a process died: who only looks may not."""
    with closing(_connect(path, "rw")) as database:
        database.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def _connect(path: Path, access: str) -> sqlite3.Connection:
    # One thread at a time uses a connection, but not always the one that made it.
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?mode={access}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_SECONDS,
    )


def _journal_mode(folder: Path) -> Literal["WAL", "DELETE"]:
    # The memory that the users of a write-ahead log share does not reach across a network.
    return "DELETE" if is_network_filesystem(folder) else "WAL"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
