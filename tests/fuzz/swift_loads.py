"""Loads over real sockets on a clock that skips every wait in which no call is under way."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from headcount import Outcome, Report
from headcount.destinations.base import Destination
from headcount.errors import FatalError
from headcount.inputs import ObjectsInput
from headcount.loading import Asking, start
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.run_folder import RunFolder
from headcount.settings import Settings
from headcount.transport import HttpTransport
from headcount.workers import Arrival, ThreadWorkers

_TLS = ssl.create_default_context()
"""One for all: to make it takes longer than a load."""


class SkippingClock:
    """The monotonic clock, and what was skipped of it."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.skipped


class SwiftWorkers(ThreadWorkers):
    """Workers who do not wait where nothing can come but time."""

    def __init__(self, destination: Destination, clock: SkippingClock) -> None:
        super().__init__(HttpTransport(destination.auth, tls=_TLS))
        self._clock = clock
        self._under_way = 0

    def start(self, *call: Any) -> None:
        self._under_way += 1
        super().start(*call)

    def hold(self, until: float) -> None:
        """The loop starts no call before its time; the gate, on the real clock, would hold those that it starts."""
        if until == math.inf:
            super().hold(until)

    def wait(self, seconds: float) -> list[Arrival]:
        if self._under_way:
            arrivals = super().wait(seconds)
            self._under_way -= sum(arrival.job is not None for arrival in arrivals)
            return arrivals
        assert seconds < math.inf, "it waits for nothing"
        self._clock.skipped += seconds
        return super().wait(0)


@attrs.frozen
class Ran:
    """A load that is over."""

    outcomes: Sequence[Outcome]
    report: Report
    error: FatalError | None


def run(
    to: Destination,
    contacts: Sequence[Mapping[str, Any]],
    *,
    folder: RunFolder | None = None,
    asking: Asking | None = None,
    **settings: Any,
) -> Ran:
    """A load by a destination in its mode; with `asking` nothing is sent, and the vendor is asked."""
    with _load(to, contacts, folder, asking, settings) as load:
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(load)
        except FatalError as error:
            return Ran(outcomes, load.drain(), error)
        return Ran(outcomes, load.so_far(), None)


@contextmanager
def _load(
    to: Destination,
    contacts: Sequence[Mapping[str, Any]],
    folder: RunFolder | None,
    asking: Asking | None,
    settings: Mapping[str, Any],
) -> Iterator[Any]:
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    clock = SkippingClock()
    with start(
        to,
        Settings(**({"concurrency": 1, "attempt_timeout": 5.0} | settings)),
        lambda copy: ObjectsInput(iter(contacts), encoder, copy),
        folder,
        copied=folder is not None,
        asking=asking,
        workers=SwiftWorkers(to, clock),
        clock=clock,
    ) as load:
        yield load
