"""Mutants that let in, tell or remember what is not so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest

from headcount.core.admission import Admission
from headcount.core.batches import Answer
from headcount.core.ledger import Ledger
from headcount.core.prepared import Prepared
from headcount.driver import Driver
from headcount.journal.memory import MemoryJournal
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Kind, Outcome, Status
from tests.simulation.mutation import mutant, nothing

# Admission


@mutant
def sends_repeats_of_a_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Admission, "_owners", lambda self, chunk, problems: {})


@mutant
def lets_a_refused_row_own_its_key(patch: pytest.MonkeyPatch) -> None:
    owners = Admission._owners
    patch.setattr(Admission, "_owners", lambda self, chunk, problems: owners(self, chunk, {}))


@mutant
def names_the_wrong_owner(patch: pytest.MonkeyPatch) -> None:
    owners = Admission._owners

    def next_to_it(self: Admission, chunk: Prepared, problems: Any) -> Mapping[int, int]:
        return {at: owner + 1 for at, owner in owners(self, chunk, problems).items()}

    patch.setattr(Admission, "_owners", next_to_it)


# Ledger


@mutant
def tells_out_of_order(patch: pytest.MonkeyPatch) -> None:
    take = Ledger.take
    patch.setattr(Ledger, "take", lambda self: iter(list(take(self))[::-1]))


@mutant
def tells_some_twice(patch: pytest.MonkeyPatch) -> None:
    take = Ledger.take

    def twice(self: Ledger) -> Iterator[Outcome]:
        for outcome in take(self):
            yield outcome
            if outcome.index % 10 == 9:
                yield outcome

    patch.setattr(Ledger, "take", twice)


@mutant
def counts_a_status_for_another(patch: pytest.MonkeyPatch) -> None:
    settle = Ledger.settle

    def miscount(self: Ledger, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        settle(self, rows, answer, attempts)
        if answer.statuses[0] is Status.UNKNOWN:
            self.counts[Status.UNKNOWN] -= 1
            self.counts[Status.NOT_SENT] += 1

    patch.setattr(Ledger, "settle", miscount)


@mutant
def forgets_what_was_not_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Driver, "not_read", nothing)


# Journal


def _record(patch: pytest.MonkeyPatch, change: Callable[[Answer], Answer]) -> None:
    record = SqliteJournal.record

    def other(self: SqliteJournal, claim: int | None, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        record(self, claim, rows, change(answer), attempts)

    patch.setattr(SqliteJournal, "record", other)


@mutant
def forgets_to_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqliteJournal, "claim", MemoryJournal.claim)
    patch.setattr(SqliteJournal, "_claims", 0, raising=False)


@mutant
def claims_after_the_send(patch: pytest.MonkeyPatch) -> None:
    commit = SqliteJournal.commit

    def all_but_the_claims_of_now(self: SqliteJournal) -> None:
        # What comes behind the last record waits for the commit of the next turn.
        last = max((at + 1 for at, event in enumerate(self._events) if event[7] is not None), default=0)
        late, self._events = self._events[last:], self._events[:last]
        commit(self)
        self._events = late

    patch.setattr(SqliteJournal, "commit", all_but_the_claims_of_now)


@mutant
def commits_every_other_time(patch: pytest.MonkeyPatch) -> None:
    commit = SqliteJournal.commit
    turns: dict[int, int] = {}

    def sometimes(self: SqliteJournal) -> None:
        turns[id(self)] = turns.get(id(self), 0) + 1
        if turns[id(self)] % 2:
            commit(self)

    patch.setattr(SqliteJournal, "commit", sometimes)


@mutant
def recordsnothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqliteJournal, "record", nothing)


@mutant
def records_unknown_as_not_sent(patch: pytest.MonkeyPatch) -> None:
    def change(answer: Answer) -> Answer:
        statuses = [Status.NOT_SENT if each is Status.UNKNOWN else each for each in answer.statuses]
        return attrs.evolve(answer, statuses=statuses)

    _record(patch, change)


@mutant
def records_no_ids(patch: pytest.MonkeyPatch) -> None:
    _record(patch, lambda answer: attrs.evolve(answer, vendor_ids=None))


@mutant
def records_no_problems(patch: pytest.MonkeyPatch) -> None:
    _record(patch, lambda answer: attrs.evolve(answer, problems={}))


@mutant
def sends_the_unknown_on_resume(patch: pytest.MonkeyPatch) -> None:
    recorded = SqliteJournal.recorded

    def forgetful(self: SqliteJournal, index: int) -> Outcome | None:
        outcome = recorded(self, index)
        if outcome is None or outcome.status is not Status.UNKNOWN:
            return outcome
        return attrs.evolve(outcome, status=Status.NOT_SENT)

    patch.setattr(SqliteJournal, "recorded", forgetful)


@mutant
def loses_what_was_recorded(patch: pytest.MonkeyPatch) -> None:
    recorded = SqliteJournal.recorded
    patch.setattr(SqliteJournal, "recorded", lambda self, index: None if index % 7 == 3 else recorded(self, index))


@mutant
def restores_what_was_claimed_as_created(patch: pytest.MonkeyPatch) -> None:
    restore = Ledger.restore

    def hopeful(self: Ledger, outcome: Outcome) -> None:
        lost = outcome.problem is not None and outcome.problem.kind is Kind.UNANSWERED
        restore(self, attrs.evolve(outcome, status=Status.CREATED, problem=None) if lost else outcome)

    patch.setattr(Ledger, "restore", hopeful)


@mutant
def does_not_notice_another_input(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqliteJournal, "checkpoint_at", lambda self, rows: None)
    patch.setattr(Driver, "_check_unchanged", nothing)


@mutant
def forgets_the_calls_of_earlier_loads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("headcount.driver.calls_noted", lambda journal: (0, 0))
