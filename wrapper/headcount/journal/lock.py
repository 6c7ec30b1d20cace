"""One process a run: a lock that the kernel lets go of when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from headcount.errors import RunLocked


class Lock:
    """Holds `path` locked until `release`. Raises RunLocked when it is held, OSError when it cannot be had.

    The file names the process that holds it and stays behind; only the kernel's lock counts.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode())
        except BlockingIOError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace")
            os.close(self._descriptor)
            owner = f"process {holder}" if holder.isdigit() else "another process"
            raise RunLocked(f"run {path.parent} is in use by {owner}") from None
        except OSError:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Let another process have the run."""
        os.close(self._descriptor)


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
