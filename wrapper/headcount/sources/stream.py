"""Where the bytes of a source come from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from headcount.errors import SourceError
from headcount.sources.lines import Lines

_NOT_TEXT = {
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"PK\x03\x04": "a workbook or a zip archive; export it as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook; export it as CSV",
    b"\x1f\x8b": "compressed; unpack it first",
    b"PAR1": "Parquet; export it as CSV",
}


class Stream:
    """A file, which can be read more than once, or a pipe, which cannot."""

    def __init__(self, name: str) -> None:
        """Open the path `name`, or standard input for "-".

        Raises SourceError if it cannot be opened or holds something other than UTF-8 text.
        """
        self.path: Path | None = None
        self._pipe: Lines | None = None
        if name == "-":
            self.name, self.label = "stdin", "standard input"
            self._pipe = Lines(self._reader(_standard_input()))
        else:
            path = Path(name)
            self.name, self.label = path.name, name
            try:
                if path.is_dir():
                    raise SourceError(f"{self.label} is a directory, not a file")
                if path.is_file() or not path.exists():
                    self.path = path
                else:
                    # Open as long as the process, as standard input is.
                    self._pipe = Lines(self._reader(partial(os.read, os.open(path, os.O_RDONLY))))
            except (OSError, ValueError) as error:
                raise self._unreadable(error) from None
        with self.lines() as lines:
            self._refuse_what_is_not_text(lines)

    @contextmanager
    def lines(self) -> Iterator[Lines]:
        """The lines from the first: of a file each time anew, of a pipe only as long as none was consumed."""
        if self._pipe is not None:
            if self._pipe.number > 1:
                raise SourceError(f"{self.label} can be read only once")
            yield self._pipe
            return
        assert self.path is not None
        try:
            file = self.path.open("rb", buffering=0)
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None
        with file:
            yield Lines(self._reader(file.read))

    def refuse(self, why: str) -> SourceError:
        """The error that says why the stream is no source."""
        return SourceError(f"{self.label} {why}")

    def _reader(self, read: Callable[[int], bytes | None]) -> Callable[[int], bytes]:
        def checked(size: int) -> bytes:
            try:
                return read(size) or b""
            except OSError as error:
                raise self._unreadable(error) from None

        return checked

    def _unreadable(self, error: Exception) -> SourceError:
        if isinstance(error, FileNotFoundError):
            return SourceError(f"there is no file {self.label}")
        if isinstance(error, PermissionError):
            return SourceError(f"no permission to read {self.label}")
        why = error.strerror if isinstance(error, OSError) else None
        return SourceError(f"{self.label} cannot be read: {why or error}")

    def _refuse_what_is_not_text(self, lines: Lines) -> None:
        block = lines.peek()
        for beginning, what in _NOT_TEXT.items():
            if block.startswith(beginning):
                raise self.refuse(f"is {what}")
        first_line = block[: block.find(b"\n") + 1]
        if b"\0" in first_line:
            raise self.refuse("holds NUL bytes where text should be; save it as UTF-8")


def _standard_input() -> Callable[[int], bytes | None]:
    if sys.stdin is None or sys.stdin.closed:
        raise SourceError("standard input is closed")
    # Without Python's buffer: a thread that waits in it when the interpreter ends would take it down.
    file = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    # A raw file gives what is there; a buffered one waits for all that was asked for, except by `read1`.
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return read
