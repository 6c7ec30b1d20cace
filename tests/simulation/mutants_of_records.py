"""Mutants that let in, tell or remember what is not so."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest

from headcount.core.admission import Admission, Admitted
from headcount.core.batches import Answer
from headcount.core.ledger import Ledger
from headcount.core.prepared import Prepared
from headcount.driver import Driver
from headcount.errors import JournalError
from headcount.journal.memory import MemoryJournal
from headcount.journal.sqlite import SqliteJournal
from headcount.loading import Load
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


@mutant
def calls_a_repeat_existing(patch: pytest.MonkeyPatch) -> None:
    take = Admission.take

    def there(self: Admission, chunk: Prepared, done: Container[int] = ()) -> Admitted:
        admitted = take(self, chunk, done)
        statuses = [Status.EXISTING if each is Status.SKIPPED else each for each in admitted.answer.statuses]
        return attrs.evolve(admitted, answer=attrs.evolve(admitted.answer, statuses=statuses))

    patch.setattr(Admission, "take", there)


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


@mutant
def leaves_the_rest_of_the_input_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Load, "_goes_on_to_its_end", lambda self: False)


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
def records_nothing(patch: pytest.MonkeyPatch) -> None:
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
def takes_what_was_not_sent_for_settled(patch: pytest.MonkeyPatch) -> None:
    def restore(self: Driver, chunk: Prepared) -> set[int]:
        rows = range(chunk.start, chunk.start + len(chunk))
        outcomes = [outcome for row in rows if (outcome := self._journal.recorded(row)) is not None]
        for outcome in outcomes:
            self.ledger.restore(outcome)
        return {outcome.index for outcome in outcomes}

    patch.setattr(Driver, "_restore", restore)


@mutant
def takes_every_input_for_the_same(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Prepared, "digest", lambda self, previous, stop=None: b"the same")


@mutant
def takes_a_second_claim_for_damage(patch: pytest.MonkeyPatch) -> None:
    claim = SqliteJournal.claim
    claimed: set[int] = set()

    def once(self: SqliteJournal, rows: Sequence[int]) -> int:
        if not claimed.isdisjoint(rows):
            raise JournalError("these rows were claimed before")
        claimed.update(rows)
        return claim(self, rows)

    patch.setattr(SqliteJournal, "claim", once)


@mutant
def forgets_the_calls_of_earlier_loads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("headcount.driver.calls_noted", lambda journal: (0, 0))
