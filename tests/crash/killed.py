"""A run that was killed half-way, to be carried on in many ways, each time from the same point."""

from __future__ import annotations

import ctypes
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import attrs

from headcount.mock import MockServer
from headcount.outcome import Status
from tests.cli.command import COMMAND, Command, Done
from tests.crash.harness import People, Watch, finish
from tests.crash.promises import Account, journal_of


@attrs.define
class Killed:
    """A run to Sinch, of a file, two batches of fifty in flight, and the vendor that it is carried on with."""

    command: Command
    people: People
    mock: MockServer
    watch: Watch
    rewind: Callable[[], None] = attrs.field(init=False)
    noted: dict[int, Status] = attrs.field(init=False)
    """What the journal says."""

    def __attrs_post_init__(self) -> None:
        # The journal in one file: what the log held is in the database.
        with sqlite3.connect(self.run / "journal.sqlite") as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        self.noted = journal_of(self.run)
        self.rewind = self.watch.rewinder()
        shutil.copytree(self.run, self.command.folder / "as it was")

    @property
    def run(self) -> Path:
        return self.command.folder / "run"

    @property
    def source(self) -> Path:
        return self.command.folder / "people.csv"

    @property
    def unsent(self) -> Counter[int]:
        return Counter(self.people.valid - self.noted.keys())

    def restore(self) -> Account:
        """Put folder, input and vendor back to the moment of the kill; the run's account."""
        self.mock.vendors["sinch"].switches.faults = ()
        self.rewind()
        shutil.rmtree(self.run)
        shutil.copytree(self.command.folder / "as it was", self.run)
        self.source.write_text(self.people.csv())
        account = Account(self.run, self.people, self.watch, 2 * 50)
        account.after_a_kill()
        return account

    def do(self, *given: str) -> tuple[Done, Counter[int]]:
        """Run the command, with no more rights than anyone has; what it said, and the rows that it sent."""
        before = self.watch.carried()
        process = subprocess.Popen(
            [*COMMAND, *given],
            cwd=self.command.folder,
            env=self.command.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_give_up_overriding_permissions,
        )
        done = finish(process)
        return done, self.watch.carried() - before


def _give_up_overriding_permissions() -> None:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, which root alone has
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
