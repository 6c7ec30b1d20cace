"""One process a run: a lock that the kernel lets go of when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from headcount.errors import RunLocked

_CONTENT = re.compile(rb"([0-9]{20}) ([0-9]{20})\n")
_SIZE = 42


class Lock:
    """Holds `path` locked until `close`. Raises RunLocked when it is held, OSError when it cannot be had.

    The file names the last event that its holders say is in the journal, and the process that holds it now. It stays
    behind; only the kernel's lock counts.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.last_event, _ = _parsed(os.pread(self._descriptor, _SIZE, 0))
            self.note(self.last_event)
            os.ftruncate(self._descriptor, _SIZE)
        except BlockingIOError:
            _, holder = _parsed(os.pread(self._descriptor, _SIZE, 0))
            os.close(self._descriptor)
            owner = f"process {holder}" if holder else "another process"
            raise RunLocked(f"run {path.parent} is in use by {owner}") from None
        except OSError:
            os.close(self._descriptor)
            raise

    def note(self, last_event: int) -> None:
        """Say that the journal has all events up to this one. It outlives the process, not a loss of power."""
        self.last_event = last_event
        os.pwrite(self._descriptor, b"%020d %020d\n" % (last_event, os.getpid()), 0)

    def close(self) -> None:
        """Let another process have the run."""
        os.close(self._descriptor)


def last_event_noted(path: Path) -> int:
    """The last event that the journal beside the lock at `path` must have; 0 when nothing is said. Raises OSError."""
    try:
        return _parsed(path.read_bytes())[0]
    except FileNotFoundError:
        return 0


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock at `path` now. Raises OSError when that cannot be known."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _parsed(content: bytes) -> tuple[int, int]:
    """The last event and the process; zeros for what cannot be read."""
    found = _CONTENT.fullmatch(content)
    return (int(found[1]), int(found[2])) if found else (0, 0)
