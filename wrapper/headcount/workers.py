"""Who sends requests and brings back what came of them, so that the loop of a run never waits for a socket."""

from __future__ import annotations

import queue
import threading
from typing import Protocol

import attrs

from headcount.core.exchange import Failure, Reply, Request
from headcount.core.jobs import Job
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

    def wait(self, seconds: float) -> list[Arrival]:
        """What has arrived, waiting for the first up to `seconds` (infinity: until something comes)."""
        ...

    def wake(self) -> None:
        """Make `wait` return: something else has changed. Safe to call from a signal handler."""
        ...

    def close(self) -> None:
        """End the workers; calls in flight are lost."""
        ...


class ThreadWorkers:
    """A thread for each call in flight, each with a connection of its own, started as they are needed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
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
        self._transport.close()
        for _ in self._threads:
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            job, request, timeout = call
            try:
                answer = self._transport.send(request, timeout)
            except Exception as error:  # noqa: BLE001 the driver waits for an answer to every call
                answer = Failure(Kind.UNREADABLE_REPLY, True, f"the call broke off ({type(error).__name__})")
            self._arrivals.put(Arrival(job, answer))
