"""Who sends requests and brings back what came of them, so that the loop of a run never waits for a socket."""

from __future__ import annotations

import math
import queue
import threading
import time
from typing import Protocol

import attrs

from headcount.core.exchange import Failure, Reply, Request
from headcount.core.jobs import Job
from headcount.core.pace import Slots
from headcount.outcome import Kind
from headcount.transport import Transport


@attrs.frozen
class Arrival:
    """What came back for a job, or the word to stop."""

    job: Job | None
    answer: Reply | Failure | None = None


class Workers(Protocol):
    """Where calls go and replies come from. A simulation replaces this and the clock, nothing else."""

    def start(self, job: Job, request: Request, timeout: float) -> None:
        """Begin a call."""
        ...

    def hold(self, until: float) -> None:
        """Let no call leave before this moment of the monotonic clock, not even one that has been started.

        Infinity is for good. Safe to call from any thread, and from a signal handler.
        """
        ...

    def wait(self, seconds: float) -> list[Arrival]:
        """What has arrived, waiting for the first up to `seconds` (infinity: until something comes)."""
        ...

    def wake(self) -> None:
        """Make `wait` return: something else has changed. Safe to call from a signal handler."""
        ...

    def close(self) -> None:
        """End the workers; calls in flight are lost."""
        ...


class CallGate:
    """Where a call passes just before its first byte leaves: it may have waited for a token since it was started, and
    what has come meanwhile binds it too."""

    def __init__(self, requests_per_second: float | None = None, deadline: float = math.inf) -> None:
        """From `deadline` on, of the monotonic clock, no call passes, though the loop of the run may be kept from
        saying so by a slow input or a slow caller."""
        self._deadline = deadline
        self._slots = Slots(requests_per_second)
        self._held_until = -math.inf
        self._closed = False
        # Of the default, reentrant lock: a signal handler may interrupt whoever has it.
        self._changed = threading.Condition()

    def hold(self, until: float) -> None:
        """No call passes before this moment; with infinity none passes ever again. It is not taken back."""
        with self._changed:
            if until == math.inf:
                self._closed = True
                self._changed.notify_all()
            else:
                self._held_until = until

    def __call__(self, seconds: float) -> Failure | None:
        """Waits for so many seconds at most; answers why the call may not leave, or None when it may."""
        patience_ends = time.monotonic() + seconds
        with self._changed:
            while not self._closed and (now := time.monotonic()) < self._deadline:
                opens = max(self._held_until, self._slots.next)
                if now >= opens:
                    self._slots.take(now)
                    return None
                if opens > patience_ends:
                    return Failure(Kind.RATE_LIMITED, False, "calls are held for longer than this one could wait")
                self._changed.wait(min(opens, self._deadline) - now)
        return Failure(Kind.STOPPED, False, "the run has stopped")


class ThreadWorkers:
    """A thread for each call in flight, each with a connection of its own, started as they are needed.

    No more calls leave than `requests_per_second`, though several may have waited for one token, and none from
    `deadline` on, a moment of the monotonic clock.
    """

    def __init__(
        self, transport: Transport, requests_per_second: float | None = None, deadline: float = math.inf
    ) -> None:
        self._transport = transport
        self._gate = CallGate(requests_per_second, deadline)
        self._calls: queue.SimpleQueue[tuple[Job, Request, float] | None] = queue.SimpleQueue()
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def start(self, job: Job, request: Request, timeout: float) -> None:
        self._busy += 1
        if self._busy > len(self._threads):
            thread = threading.Thread(target=self._work, name=f"headcount-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._calls.put((job, request, timeout))

    def hold(self, until: float) -> None:
        self._gate.hold(until)

    def wait(self, seconds: float) -> list[Arrival]:
        arrivals = []
        try:
            if seconds > 0:
                arrivals.append(self._arrivals.get(timeout=min(seconds, 3600.0)))
            while True:
                arrivals.append(self._arrivals.get_nowait())
        except queue.Empty:
            pass
        self._busy -= sum(arrival.job is not None for arrival in arrivals)
        return arrivals

    def wake(self) -> None:
        self._arrivals.put(Arrival(None))

    def close(self) -> None:
        self._gate.hold(math.inf)
        self._transport.close()
        for _ in self._threads:
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            job, request, timeout = call
            try:
                answer = self._transport.send(request, timeout, self._gate)
            except Exception as error:  # noqa: BLE001 the driver waits for an answer to every call
                answer = Failure(Kind.UNREADABLE_REPLY, True, f"the call broke off ({type(error).__name__})")
            self._arrivals.put(Arrival(job, answer))
