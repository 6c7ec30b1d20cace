"""What must hold of a run after a kill, and after its end, with the vendor's own log as the oracle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Status
from tests.cli.command import Done, identity
from tests.crash.harness import People, Watch
from tests.journals import statuses_of

CONFIRMED = frozenset({Status.CREATED, Status.UPDATED, Status.ACCEPTED})
NEVER_LANDED = frozenset({Status.REJECTED, Status.SKIPPED, Status.NOT_SENT})


class Account:
    """One run, held to its promises again and again; remembers what the journal has said before."""

    def __init__(self, run: Path, people: People, watch: Watch, in_flight: int) -> None:
        """`in_flight` is how many rows can be in flight at once."""
        self.run = run
        self.people = people
        self.watch = watch
        self.in_flight = in_flight
        self.kills = 0
        self.said: dict[int, Status] = {}
        self._asked = False

    def after_a_kill(self, *, asked: bool = False) -> None:
        """What the journal says is true. `asked`: the process asked the vendor about unknown rows."""
        self.kills += 1
        if (self.run / "journal.sqlite").is_file():
            self._judge(journal_of(self.run), asked=asked)
        else:
            assert not self.watch.carried(), "rows were sent before there was a journal"

    def after_the_end(self, done: Done, *, asked: bool = False) -> dict[int, Status]:
        """The views say what the journal says, of every row, in order; answers the status of each."""
        assert done.code in (0, 1, 5), done.err
        lines = records(self.run / "outcomes.jsonl")
        assert [line["row"] for line in lines] == list(range(1, self.people.count + 1)), (
            "not one outcome a row, in order"
        )
        told = {line["row"] - 1: Status(line["status"]) for line in lines}
        noted = journal_of(self.run)
        assert told == {row: noted.get(row, Status.NOT_SENT) for row in told}, "journal and outcomes.jsonl differ"
        counts = Counter(told.values())
        summary = msgspec.json.decode((self.run / "summary.json").read_bytes())
        assert summary["counts"] == {status: counts[status] for status in Status}
        assert done.last_line == identity(**{status.value: count for status, count in counts.items()})
        self._judge(noted, asked=asked)
        for status in (Status.REJECTED, Status.UNKNOWN):
            names = [record["given_name"] for record in records(self.run / f"{status}.jsonl")]
            assert names == [f"R{row}" for row in told if told[row] is status], f"{status}.jsonl has other rows"
        return told

    def all_was_sent(self, told: dict[int, Status]) -> None:
        """With nothing in its way a resume leaves no row behind, and each gets what it deserves."""
        self.none_is(told, Status.NOT_SENT)
        assert rows_of(told, Status.REJECTED) == sorted(self.people.bad)
        assert rows_of(told, Status.SKIPPED) == sorted(self.people.repeats)
        landed = self.watch.written()
        for row in self.people.valid - landed.keys() - self.people.existing:
            assert told[row] is Status.UNKNOWN, f"row {row + 1} is lost: {told[row]}, and not at the vendor"

    def unknown_was_asked_for(self, told: dict[int, Status]) -> None:
        """After a reconcile nothing is unknown; at Sinch, what is not found: it may be on its way."""
        if self.watch.vendor == "sinch":
            told = {row: told[row] for row in self.watch.written()}
        self.none_is(told, Status.UNKNOWN)

    def all_is_there_once(self, told: dict[int, Status]) -> None:
        """Each valid row is at the vendor, once, and none besides. At Sinch all but those that are unknown."""
        missing = set(rows_of(told, Status.UNKNOWN)) if self.watch.vendor == "sinch" else set()
        landed = self.watch.written()
        assert landed.keys() | self.people.existing == self.people.valid - missing | self.people.existing
        assert set(landed.values()) == {1}

    def none_is(self, told: dict[int, Status], status: Status) -> None:
        rows = rows_of(told, status)
        assert not rows, f"{len(rows)} rows are {status}, such as {rows[:3]}"

    def _judge(self, noted: dict[int, Status], *, asked: bool) -> None:
        self._asked |= asked
        for row, status in self.said.items():
            free = (Status.NOT_SENT, Status.UNKNOWN) if asked else (Status.NOT_SENT,)
            assert status in free or noted.get(row) is status, f"row {row + 1} was {status}, is {noted.get(row)}"
        self.said = noted
        carried, written = self.watch.carried(), self.watch.written()
        twice = [row for row, times in (carried | written).items() if times > 1]
        assert not twice, f"{len(twice)} rows were sent twice, such as {twice[:3]}"
        for row in carried:
            assert noted.get(row, Status.NOT_SENT) not in NEVER_LANDED, (
                f"row {row + 1} was sent, and is {noted.get(row)}"
            )
        for row, status in noted.items():
            if status in CONFIRMED:
                assert row in written, f"row {row + 1} is {status}, and was never written"
            elif status is Status.EXISTING:
                assert row in self.people.existing or (self._asked and row in written), f"row {row + 1} does not exist"
            elif status is Status.REJECTED:
                assert row in self.people.bad, f"row {row + 1} is rejected"
            elif status is Status.SKIPPED:
                assert row in self.people.repeats, f"row {row + 1} is skipped"
        unknown = rows_of(noted, Status.UNKNOWN)
        assert len(unknown) <= self.kills * self.in_flight, f"{len(unknown)} unknown after {self.kills} kills"


def journal_of(run: Path) -> dict[int, Status]:
    """What the journal says of each row that it knows."""
    with SqliteJournal.read(run / "journal.sqlite") as journal:
        return statuses_of(journal)


def rows_of(told: dict[int, Status], status: Status) -> list[int]:
    return [row for row, said in sorted(told.items()) if said is status]


def records(path: Path) -> list[Any]:
    """The values of a file of JSON lines."""
    return msgspec.json.Decoder().decode_lines(path.read_bytes())
