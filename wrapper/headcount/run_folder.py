"""The folder of a run: where its journal, the copy of its input and its views lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO

import attrs
import msgspec

from headcount.errors import JournalError, UsageError
from headcount.journal.lock import is_locked
from headcount.journal.sqlite import SqliteJournal
from headcount.records.rows import Unshown

_JOURNAL = "journal.sqlite"
_SETTINGS = "settings"
_LEFT_BY_A_KILL = frozenset({"lock", f"{_JOURNAL}.new", f"{_JOURNAL}.new-journal"})


@attrs.frozen
class RunFolder:
    """A run's folder, private to its owner (0700, files 0600)."""

    path: Path
    settings: Mapping[str, object] = attrs.field(factory=dict, repr=False)
    """What the run was created with."""

    @classmethod
    def create(
        cls, path: Path | None, name: str, settings: Mapping[str, object], now: datetime | None = None
    ) -> RunFolder:
        """A folder with a new, empty journal. Nothing is ever overwritten.

        `path` None makes `runs/<UTC time>-<name>` in the working directory. `settings` are JSON values, kept
        in the journal: what `resume` needs to know, and no secrets. Raises UsageError when `path` holds
        anything or cannot be made.
        """
        try:
            if path is None:
                path = _new_folder(Path("runs"), name, now or datetime.now(UTC))
            else:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                if has_run(path):
                    raise UsageError(f"{path} holds a run already; resume it, or name another folder")
                if not {entry.name for entry in path.iterdir()} <= _LEFT_BY_A_KILL:
                    raise UsageError(f"{path} is not empty; name a folder that is, or none yet")
        except OSError as error:
            raise UsageError(f"run folder {path or 'runs'} cannot be made: {error.strerror}") from error
        folder = cls(path, settings)
        SqliteJournal.create(folder.journal_path, {_SETTINGS: dict(settings)}).close()
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of a run that is there. Raises UsageError when there is none, JournalError."""
        if not has_run(path):
            raise UsageError(f"{path} holds no run (no {_JOURNAL} in it)")
        with cls(path).read_journal() as journal:
            settings = journal.noted(_SETTINGS)
        if not isinstance(settings, dict):
            raise JournalError(f"journal {path / _JOURNAL} holds no settings")
        return cls(path, settings)

    @property
    def journal_path(self) -> Path:
        """The only truth about the run; everything else but `input_path` can be made again from it."""
        return self.path / _JOURNAL

    @property
    def input_path(self) -> Path:
        """The copy of a source that cannot be read twice, one JSON value a line."""
        return self.path / "input.jsonl"

    @property
    def in_use(self) -> bool:
        """Whether another process works on the run now. Raises JournalError."""
        try:
            return is_locked(self.path / "lock")
        except OSError as error:
            raise JournalError(f"{self.path / 'lock'} cannot be read: {error.strerror}") from error

    def open_journal(self) -> SqliteJournal:
        """The journal, for this process alone. Raises RunLocked, JournalError.

        A torn last line of the input's copy is cut off here: no commit stands on it, since the copy is
        synced before the commit that does.
        """
        journal = SqliteJournal.open(self.journal_path)
        try:
            _cut_torn_line(self.input_path)
        except BaseException:
            journal.close()
            raise
        return journal

    def read_journal(self) -> SqliteJournal:
        """The journal to look at, whether or not a process works on the run. Raises JournalError."""
        return SqliteJournal.read(self.journal_path)

    def copy_input(self, rows_read: int) -> InputCopy:
        """A writer that goes on with the copy of the input, of which the journal counts on `rows_read` rows.

        What lies behind them is cut off: no commit stands on it. Raises JournalError.
        """
        return InputCopy(self.input_path, rows_read)


class InputCopy:
    """Adds records to a file, one JSON value a line. Nothing stays open in between. Raises JournalError."""

    def __init__(self, path: Path, rows_read: int) -> None:
        self._path = path
        self._rows = rows_read
        with self._guard():
            _cut_to_lines(path, rows_read)
            open_private(path, os.O_APPEND).close()

    def write(self, records: Iterable[object], index: int) -> None:
        """Add the records from `index` on, durably, but for those that the file has already.

        Called before the journal's commit that counts on them.
        """
        new = Unshown(islice(records, max(0, self._rows - index), None))
        if not new:
            return
        with self._guard(), open_private(self._path, os.O_APPEND) as file:
            file.write(encode_lines(new))
            file.flush()
            os.fsync(file.fileno())
        self._rows += len(new)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(
                f"{self._path} cannot be written: {error.strerror}; make room, then resume the run"
            ) from error


def has_run(path: Path) -> bool:
    """Whether a run lives in the folder `path`."""
    return (path / _JOURNAL).is_file()


def open_private(path: Path, flags: int) -> BinaryIO:
    """A file to write that only its owner may read; `flags` say what becomes of an earlier one."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o600), "wb")


def encode_lines(records: Iterable[object]) -> bytes:
    """JSON values, one a line. One that holds half a character, which no line can, keeps its place as `[]`."""
    values = Unshown(records)
    try:
        return _encoder.encode_lines(values)
    except UnicodeEncodeError:
        return _encoder.encode_lines([value if _can_be_written(value) else [] for value in values])


def _can_be_written(value: object) -> bool:
    try:
        _encoder.encode(value)
    except UnicodeEncodeError:
        return False
    return True


_encoder = msgspec.json.Encoder()


def _new_folder(parent: Path, name: str, now: datetime) -> Path:
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "run"
    stem = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{safe}"
    parent.mkdir(mode=0o700, exist_ok=True)
    for number in count(1):
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return path
    raise AssertionError  # count() does not end


def _cut_torn_line(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            end = keep = file.seek(0, os.SEEK_END)
            while keep:
                start = max(0, keep - 65536)
                file.seek(start)
                newline = file.read(keep - start).rfind(b"\n")
                if newline >= 0:
                    keep = start + newline + 1
                    break
                keep = start
            if keep != end:
                file.truncate(keep)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise JournalError(f"{path} cannot be mended: {error.strerror}") from error


def _cut_to_lines(path: Path, lines: int) -> None:
    """Keep the first `lines` lines of a file that may not be there."""
    if not path.exists():
        if lines:
            raise JournalError(f"{path} is missing: the run cannot be resumed without the copy of its input")
        return
    with path.open("r+b") as file:
        for number in range(lines):
            if not file.readline().endswith(b"\n"):
                raise JournalError(f"{path} has {number} lines, but the run has read {lines} rows")
        file.truncate(file.tell())
