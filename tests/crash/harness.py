"""Runs of the real command that are killed without notice, and a vendor that remembers every row that reached it."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from headcount.mock import MockServer, Write
from tests.cli.command import Done

ROWS = 20_000
SECONDS = 60
"""How long a process may take, before it counts as hung."""


@attrs.frozen
class People:
    """Rows whose fate is known beforehand. What makes a row known to a vendor's log is its name, R and its index."""

    count: int
    bad: frozenset[int] = frozenset()
    """Refused before sending."""
    repeats: Mapping[int, int] = attrs.Factory(dict)
    """Skipped: the row that each repeats, by its index."""
    existing: frozenset[int] = frozenset()
    """At the vendor before the run."""

    @classmethod
    def drawn(cls, draw: random.Random, vendor: str, count: int = ROWS) -> People:
        """A hundredth of bad rows, as many repeats, and as many that are there already (Sinch cannot tell)."""
        rows = draw.sample(range(1, count), count // 25)
        bad, existing, *later = (frozenset(rows[part::4]) for part in range(4))
        owners = sorted(set(range(count)) - bad.union(*later))
        repeats = {row: owner for row in sorted(frozenset().union(*later)) if (owner := draw.choice(owners)) < row}
        return cls(count, bad, repeats, frozenset() if vendor == "sinch" else existing)

    def first(self, count: int) -> People:
        """The first of these rows."""
        bad, existing = (frozenset(row for row in rows if row < count) for rows in (self.bad, self.existing))
        return People(count, bad, {row: owner for row, owner in self.repeats.items() if row < count}, existing)

    @property
    def valid(self) -> frozenset[int]:
        """What is to be sent."""
        return frozenset(range(self.count)) - self.bad - self.repeats.keys()

    def phone(self, row: int) -> str:
        return f"+4479460{self.repeats.get(row, row):05}"

    def email(self, row: int) -> str:
        return f"p{self.repeats.get(row, row)}@example.com"

    def lines(self) -> list[str]:
        """The lines of a CSV file, with its header."""
        lines = ["email,phone,given_name,language"]
        for row in range(self.count):
            email, phone = ("nonsense", "nonsense") if row in self.bad else (self.email(row), self.phone(row))
            lines.append(f"{email},{phone},R{row},en")
        return lines

    def csv(self) -> str:
        return "\n".join([*self.lines(), ""])

    def switches(self, vendor: str, **more: Any) -> dict[str, Any]:
        """Faults for `serve`: the contacts that the vendor has from the start."""
        key = self.email if vendor == "emarsys" else self.phone
        there = {"existing": tuple(key(row) for row in sorted(self.existing))} if self.existing else {}
        return {vendor: {**there, **more}}


@attrs.frozen
class Moment:
    """When a process dies: `seconds` after the call of this number (0: its start) has come, or been carried out."""

    call: int = 0
    carried_out: bool = False
    seconds: float = 0.0

    @classmethod
    def drawn(cls, draw: random.Random, calls: int, seconds: float, latency: float) -> Moment:
        """A moment of a process: within its start-up, so many seconds after its first call, or in so many calls."""
        kind = draw.random()
        if kind < 0.15:
            return cls.of_any_process(draw)
        if kind < 0.5:
            return cls(1, seconds=draw.uniform(0.001, seconds))
        phases = [(False, 0.0), (True, 0.0), (True, latency + draw.uniform(0.001, 0.01))]
        return cls(draw.randint(1, calls), *draw.choice(phases))

    @classmethod
    def of_any_process(cls, draw: random.Random) -> Moment:
        """One that comes though not a call is made."""
        return cls(seconds=draw.uniform(0.01, 0.6))


class Watch:
    """Stands in a mocked vendor: knows which rows were carried there, and kills a process at its moment."""

    def __init__(self, mock: MockServer, vendor: str) -> None:
        self.vendor = vendor
        self.store = mock.stores[vendor]
        self._carried: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._before: list[Write] = []
        self._forgotten = 0
        self._calls = 0
        self._moment: Moment | None = None
        self._strike: Callable[[float], None] = lambda seconds: None
        inner = mock.vendors[vendor]
        self._respond = inner.respond
        inner.respond = self._watched  # type: ignore[method-assign]

    def carried(self) -> Counter[int]:
        """How many requests, of those that were not refused, have carried each row."""
        with self._lock:
            return self._carried.copy()

    def written(self) -> Counter[int]:
        """How often each row is in the vendor's write log."""
        writes = [*self._before, *self.store.writes[self._forgotten :]]
        return Counter(row_of(write.contact) for write in writes)

    def rewinder(self) -> Callable[[], None]:
        """What makes it forget all that reaches the vendor from now on, again and again."""
        carried, before = self.carried(), self.store.writes

        def rewind() -> None:
            with self._lock:
                self._carried = carried.copy()
            self._before, self._forgotten = before, len(self.store.writes)

        return rewind

    def kill(self, process: subprocess.Popen[bytes], moment: Moment) -> Done | None:
        """Kill the process at the moment, and wait for its end; what it said if it came to that by itself."""
        timers: list[threading.Timer] = []

        def strike(seconds: float) -> None:
            if seconds == 0:
                process.kill()
            else:
                timers.append(threading.Timer(seconds, process.kill))
                timers[-1].start()

        self._calls, self._moment, self._strike = 0, moment, strike
        if moment.call == 0:
            strike(moment.seconds)
        done = finish(process)
        self._moment = None
        for timer in timers:
            timer.cancel()
            timer.join()
        return None if done.code == -signal.SIGKILL else done

    def _watched(self, call: Any, in_path: Any, query: Any, payload: Any) -> Any:
        self._calls += 1
        moment = self._moment
        due = moment is not None and moment.call == self._calls
        if due and moment is not None and not moment.carried_out:
            self._strike(moment.seconds)
        response = self._respond(call, in_path, query, payload)
        if call.operation.id == "createContacts" and response.status_code == 200:
            contacts = payload.value if isinstance(payload.value, list) else payload.value["contacts"]
            with self._lock:
                self._carried.update(map(row_of, contacts))
        if due and moment is not None and moment.carried_out:
            self._strike(moment.seconds)
        return response


def row_of(contact: Mapping[str, Any]) -> int:
    """The row that a contact was made of, in any vendor's shape."""
    name = contact.get("display_name") or contact.get("name") or contact["1"]
    return int(name[1:])


def finish(process: subprocess.Popen[bytes]) -> Done:
    """Wait for the end of a process."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert b"Traceback" not in err, err.decode()
    return Done(process.returncode, out.decode(), err.decode())


def has_run(run: Path) -> bool:
    return (run / "journal.sqlite").is_file()


def arguments(vendor: str, url: str, **flags: object) -> Sequence[str]:
    """What `headcount load SOURCE` takes besides, for a run in the folder `run`."""
    given = [text for name, value in flags.items() for text in ("--" + name.replace("_", "-"), str(value))]
    return ["--to", vendor, "--endpoint", url, "--run-dir", "run", *given]
