"""The first signal stops a run in good order, the second ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from io import FileIO
from typing import Protocol, Self

from headcount.cli import screen

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LAST_SECONDS = 0.7
"""How long the process may live after the second signal."""


class Stoppable(Protocol):
    """What signals act on."""

    def stop(self, signal: int) -> None: ...

    def abort(self) -> None: ...


class Signals:
    """While it is entered, SIGINT and SIGTERM go to `run`.

    A thread waits for them, woken by the interpreter's own handler, so that whatever the main thread does, a
    second signal ends the process within a second.
    """

    def __init__(self, run: Stoppable) -> None:
        self._run = run

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = {number: signal.signal(number, _do_nothing) for number in _SIGNALS}
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="headcount-signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._write)
        self._thread.join(_LAST_SECONDS)

    def _watch(self) -> None:
        with open(self._read, "rb", buffering=0) as pipe:
            first = _next_signal(pipe)
            if not first:
                return
            self._run.stop(first)
            screen.say("stopping: no call starts any more, those in flight are waited for; once more ends at once")
            if _next_signal(pipe):
                end = threading.Timer(_LAST_SECONDS, os._exit, [128 + first])
                end.daemon = True
                end.start()
                screen.say("ending now: what is in flight becomes unknown")
                self._run.abort()


def _next_signal(pipe: FileIO) -> int:
    """The next signal of ours; 0 when there is none to come."""
    while byte := pipe.read(1):
        if byte[0] in _SIGNALS:
            return byte[0]
    return 0


def _do_nothing(number: int, frame: object) -> None:
    """The signal has been written to the pipe; a handler must be there for that."""
