"""What must hold of every contact, whatever befalls the calls. Each function is one promise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from headcount.core.retry import Repeat
from headcount.outcome import Kind, Outcome, Status
from tests.simulation.schedules import History, Session
from tests.simulation.world import carried

_CONFIRMED = (Status.CREATED, Status.UPDATED, Status.ACCEPTED)


def one_outcome_an_input_in_order(history: History) -> None:
    """Each row that was read has one outcome; they are told in input order, unless the caller does without."""
    for session in history.sessions:
        indexes = [outcome.index for outcome in session.outcomes]
        assert len(set(indexes)) == len(indexes), "a row has two outcomes"
        if history.schedule.ordered:
            assert indexes == list(range(len(indexes))), "not in input order"
        if session.error is None and session.course.close_after is None and history.schedule.iterated:
            assert sorted(indexes) == list(range(session.people.read)), "a row has no outcome"


def the_identity(history: History) -> None:
    """Input = created + updated + existing + accepted + rejected + skipped + unknown + not_sent, as they were told."""
    for session in history.sessions:
        if session.error is not None:
            continue
        assert session.report.input == session.people.read, session.report.identity
        if session.course.close_after is None and history.schedule.iterated:
            told = Counter(outcome.status for outcome in session.outcomes)
            assert told == Counter({status: n for status, n in session.report.counts.items() if n})


def the_whole_input_is_counted(history: History) -> None:
    """Unless the caller ended it, or it failed, a load accounts for its whole input."""
    for session in history.sessions:
        if session.error is None and not session.closed:
            assert session.people.read == len(session.people.keys)


def no_false_success(history: History) -> None:
    """What is created, updated or accepted was written; what exists is there."""
    vendor = history.vendor
    for session, outcome in _told(history):
        if outcome.status in _CONFIRMED:
            # Where repeats are allowed, an id of our own may have been found that another row brought.
            by_id = session.course.asking and not history.schedule.repeats and vendor.has(outcome.index)
            assert outcome.index in vendor.written or by_id, f"row {outcome.row} is {outcome.status}, and never written"
        if outcome.status is Status.EXISTING:
            assert vendor.has(outcome.index), f"row {outcome.row} does not exist"


def accepted_becomes_created_only_when_it_is_found(history: History) -> None:
    """Of a vendor that works asynchronously nothing is called created that cannot be found there."""
    vendor = history.vendor
    for session, outcome in _told(history):
        if vendor.asynchronous and outcome.status is Status.CREATED:
            assert vendor.finds(outcome.index, session.ended), f"row {outcome.row} is not found yet"
            assert vendor.keys[outcome.index].startswith("x"), f"row {outcome.row} has no id to be found by"


def no_false_failure(history: History) -> None:
    """What is rejected, skipped or not sent has not landed by then."""
    session_of = {call.number: call.session for call in history.calls}
    for session in history.sessions:
        written = {row for call, row in history.vendor.writes if session_of[call] <= session.number}
        for outcome in session.outcomes:
            if outcome.status in (Status.REJECTED, Status.SKIPPED, Status.NOT_SENT):
                assert outcome.index not in written, f"row {outcome.row} is {outcome.status}, and was written"


def nothing_is_doubled(history: History) -> None:
    """A row is written once, unless the vendor makes that harmless."""
    if history.vendor.repeat is Repeat.HARMLESS:
        return
    rows = Counter(row for _, row in history.vendor.writes)
    assert all(times == 1 for times in rows.values()), f"written more than once: {rows.most_common(3)}"


def two_of_a_key_are_never_sent(history: History) -> None:
    """Of several rows with one key only the first is sent, in whatever session."""
    if not history.schedule.repeats:
        return
    sent = {row for call in history.calls if call.sends for row in call.rows}
    keys = Counter(history.schedule.keys[row] for row in sent)
    assert all(times == 1 for times in keys.values()), f"sent twice: {keys.most_common(1)}"


def what_is_bad_says_why(history: History) -> None:
    """Every status but created, updated and accepted comes with a problem."""
    for _, outcome in _told(history):
        assert outcome.problem is not None or not outcome.status.needs_problem, outcome


def rejected_has_a_reason(history: History) -> None:
    """A row is rejected only if it is invalid, too large alone, or refused by the vendor for its own sake or with
    all."""
    plan = history.schedule
    common = {row for call in history.calls if call.code == "common" and len(call.rows) == 1 for row in call.rows}
    most = math.inf if plan.limits.max_bytes is None else plan.limits.max_bytes
    for session, outcome in _told(history):
        row = outcome.index
        if outcome.status is Status.REJECTED and row not in plan.invalid | plan.vendor.poison | common:
            alone = session.account.envelope.body([session.people.payload(row)])
            assert len(alone) > most, outcome


def skipped_names_the_owner_of_the_key(history: History) -> None:
    """A row is skipped only for an earlier one with its key, which the problem names, and which was not refused
    before sending."""
    keys = history.schedule.keys
    for session, outcome in _told(history):
        if outcome.status is Status.SKIPPED:
            assert history.schedule.repeats
            assert outcome.problem is not None and outcome.problem.of_row is not None, outcome
            owner = outcome.problem.of_row - 1
            assert owner < outcome.index and keys[owner] == keys[outcome.index], outcome
            status = next((other.status for other in session.outcomes if other.index == owner), None)
            assert status is not Status.SKIPPED and owner not in history.schedule.invalid, outcome


def unknown_has_a_reason(history: History) -> None:
    """A row is unknown only after a call that may have landed, or one that the process did not live to see."""
    doubtful: set[int] = set()
    for session in history.sessions:
        doubtful.update(row for call in session.calls if call.ambiguous for row in call.rows)
        for outcome in session.outcomes:
            if outcome.status is Status.UNKNOWN:
                assert outcome.index in doubtful, f"row {outcome.row} is unknown for no reason"
        if session.error is not None:
            doubtful.update(row for rows in session.account.built for row in rows)


def not_sent_has_a_reason(history: History) -> None:
    """A row of a load that nothing ended is not sent only if the vendor was asked, and did not have it."""
    for session in history.sessions:
        if session.error is None and session.report.stop is None and not session.course.asking:
            asked = {row for call in session.calls if not call.sends for row in call.rows}
            for outcome in session.outcomes:
                assert outcome.status is not Status.NOT_SENT or outcome.index in asked, outcome


def only_what_was_carried_has_a_vendors_word(history: History) -> None:
    """No vendor's word stands for a row that was never sent to it, nor claimed by a process that died; and what was
    skipped never was sent."""
    attempts = carried(history.calls)
    for session in history.sessions:
        if session.error is not None:
            attempts.update(row for rows in session.account.built for row in rows)
    for _, outcome in _told(history):
        if outcome.status in (*_CONFIRMED, Status.EXISTING):
            assert attempts[outcome.index], f"row {outcome.row} was never sent"
        if outcome.status is Status.SKIPPED:
            assert not attempts[outcome.index], f"row {outcome.row} was sent"


def a_repeat_knows_what_an_earlier_request_made(history: History) -> None:
    """Where repeating is harmless, a contact that a request of its own has made is not said to have been there: a
    repeat, unless the vendor was asked, finds it after a resend; and so it finds only what may have landed before."""
    vendor = history.vendor
    asked = {row for call in history.calls if not call.sends for row in call.rows}
    doubtful = {row for call in history.calls if call.sends and call.ambiguous for row in call.rows}
    for _, outcome in _told(history):
        row = outcome.index
        if outcome.status is Status.EXISTING and outcome.problem is not None and row not in asked:
            own = vendor.keys[row] in vendor.made and vendor.made[vendor.keys[row]][0] == row
            found_again = outcome.problem.kind is Kind.FOUND_AFTER_RESEND
            assert found_again or not own or vendor.repeat is not Repeat.HARMLESS, f"{outcome}, and was made"
            assert row in doubtful or not found_again, f"{outcome}, and was sent once"


def a_vendors_id_is_the_rows_own(history: History) -> None:
    """The vendor's id that an outcome has is that of the contact with its key; one that was just made has one."""
    vendor = history.vendor
    for _, outcome in _told(history):
        if outcome.vendor_id is not None:
            assert vendor.has(outcome.index) and outcome.vendor_id == vendor.id_of(outcome.index), outcome
        assert outcome.vendor_id is not None or outcome.status not in (Status.CREATED, Status.UPDATED), outcome


def attempts_are_counted(history: History) -> None:
    """Exactly while no process died; then a request more may have been made ready than left."""
    attempts: Counter[int] = Counter()
    died = 0
    for session in history.sessions:
        attempts += carried(session.calls)
        died += session.error is not None
        for outcome in session.outcomes:
            count = attempts[outcome.index]
            assert count <= outcome.attempts <= count + died, f"{outcome}: {count}"


def _told(history: History) -> Iterator[tuple[Session, Outcome]]:
    for session in history.sessions:
        for outcome in session.outcomes:
            yield session, outcome


PROMISES = (
    one_outcome_an_input_in_order,
    the_identity,
    the_whole_input_is_counted,
    no_false_success,
    accepted_becomes_created_only_when_it_is_found,
    no_false_failure,
    nothing_is_doubled,
    two_of_a_key_are_never_sent,
    what_is_bad_says_why,
    rejected_has_a_reason,
    skipped_names_the_owner_of_the_key,
    unknown_has_a_reason,
    not_sent_has_a_reason,
    only_what_was_carried_has_a_vendors_word,
    a_repeat_knows_what_an_earlier_request_made,
    a_vendors_id_is_the_rows_own,
    attempts_are_counted,
)
