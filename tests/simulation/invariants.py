"""What must hold of every schedule. Each function is one promise; `check` holds a history to all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from headcount.core.jobs import Purpose
from headcount.core.retry import Repeat
from headcount.outcome import Status
from tests.simulation.schedules import TIMEOUT, History, Session
from tests.simulation.world import AMBIGUOUS, TROUBLE, Fault, carried

_CONFIRMED = (Status.CREATED, Status.UPDATED, Status.ACCEPTED)


def check(history: History) -> None:
    """Raises AssertionError for the first promise that is broken."""
    for promise in PROMISES:
        promise(history)


def nothing_forbidden_was_done(history: History) -> None:
    """No call starts after a stop, while the vendor asked to wait, above the limit of calls in flight, or, in
    trouble, beside another one or with more than one contact."""
    for session in history.sessions:
        assert not session.network.errors, session.network.errors[0]


def one_outcome_an_input_in_order(history: History) -> None:
    for session in _iterated(history):
        indexes = [outcome.index for outcome in session.outcomes]
        assert len(set(indexes)) == len(indexes), "a row has two outcomes"
        if history.schedule.ordered:
            assert indexes == list(range(len(indexes))), "not in input order"
        if session.error is None and not session.closed:
            assert sorted(indexes) == list(range(session.people.read)), "a row has no outcome"


def the_identity(history: History) -> None:
    for session in history.sessions:
        if session.error is not None:
            continue
        assert session.report.input == session.people.read, session.report.identity
    for session in _iterated(history):
        if session.error is None and not session.closed:
            told = Counter(outcome.status for outcome in session.outcomes)
            assert told == Counter({status: n for status, n in session.report.counts.items() if n})


def the_whole_input_is_counted(history: History) -> None:
    """Unless the caller ended it, or it failed, a load accounts for its whole input."""
    for session in history.sessions:
        ended = session.closed or history.schedule.stop_at is not None
        if session.error is None and not ended:
            assert session.people.read == len(history.schedule.keys)


def no_false_success(history: History) -> None:
    written = {row for _, row in history.schedule.vendor.writes}
    for session in history.sessions:
        for outcome in session.outcomes:
            if outcome.status in _CONFIRMED:
                assert outcome.index in written, f"row {outcome.row} is {outcome.status}, and was never written"
            if outcome.status is Status.EXISTING:
                assert history.schedule.vendor.has(outcome.index), f"row {outcome.row} does not exist"


def no_false_failure(history: History) -> None:
    """What is rejected, skipped or not sent has not landed by then."""
    vendor = history.schedule.vendor
    session_of = {call.number: call.session for call in history.calls}
    for number, session in enumerate(history.sessions):
        written = {row for call, row in vendor.writes if session_of[call] <= number}
        for outcome in session.outcomes:
            if outcome.status in (Status.REJECTED, Status.SKIPPED, Status.NOT_SENT):
                assert outcome.index not in written, f"row {outcome.row} is {outcome.status}, and was written"


def nothing_is_doubled(history: History) -> None:
    """A row is written once, unless the vendor makes that harmless."""
    if history.schedule.vendor.repeat is Repeat.HARMLESS:
        return
    rows = Counter(row for _, row in history.schedule.vendor.writes)
    assert all(times == 1 for times in rows.values()), f"written more than once: {rows.most_common(3)}"


def two_of_a_key_are_never_sent(history: History) -> None:
    if not history.schedule.repeats:
        return
    sent = {row for call in history.calls if call.purpose is Purpose.SEND for row in call.rows}
    keys = Counter(history.schedule.keys[row] for row in sent)
    assert all(times == 1 for times in keys.values()), f"sent twice: {keys.most_common(1)}"


def unknown_has_a_reason(history: History) -> None:
    """A row is unknown only after a call that may have landed, or one that the process did not live to see."""
    for number, session in enumerate(history.sessions):
        doubtful = {
            row for call in history.calls if call.session <= number and call.fault in AMBIGUOUS for row in call.rows
        }
        for earlier in history.sessions[:number]:
            if earlier.error is not None:
                doubtful.update(row for rows in earlier.account.built for row in rows)
        for outcome in session.outcomes:
            if outcome.status is Status.UNKNOWN:
                assert outcome.index in doubtful, f"row {outcome.row} is unknown for no reason"


def only_what_was_carried_has_a_vendors_word(history: History) -> None:
    attempts = carried(history.calls)
    for session in history.sessions:
        for outcome in session.outcomes:
            if outcome.status in (*_CONFIRMED, Status.EXISTING):
                assert attempts[outcome.index], f"row {outcome.row} was never sent"
            if outcome.status is Status.SKIPPED:
                assert not attempts[outcome.index], f"row {outcome.row} was sent"


def attempts_are_counted(history: History) -> None:
    """Exactly while no process died; then a request more may have been made ready than left."""
    crashed = any(session.error is not None for session in history.sessions)
    for number, session in enumerate(history.sessions):
        attempts = carried([call for call in history.calls if call.session <= number])
        for outcome in session.outcomes:
            if crashed:
                assert outcome.attempts >= 0
            else:
                assert outcome.attempts == attempts[outcome.index], f"row {outcome.row}: {outcome.attempts}"


def calls_are_counted(history: History) -> None:
    if len(history.sessions) == 1 and not history.sessions[0].crashed:
        assert history.sessions[0].report.requests == len(history.calls)


def what_was_told_is_durable(history: History) -> None:
    told: dict[int, Status] = {}
    for session in history.sessions:
        for outcome in session.outcomes:
            earlier = told.get(outcome.index, Status.NOT_SENT)
            assert earlier in (Status.NOT_SENT, outcome.status), f"row {outcome.row} was {earlier}"
            told[outcome.index] = outcome.status


def unknown_is_left_alone(history: History) -> None:
    """A resumed run never sends what is unknown."""
    unknown: set[int] = set()
    for number, session in enumerate(history.sessions):
        sent = {row for call in history.calls if call.session == number for row in call.rows}
        assert not sent & unknown, f"sent again: rows {sorted(sent & unknown)[:3]}"
        unknown.update(outcome.index for outcome in session.outcomes if outcome.status is Status.UNKNOWN)


def the_last_session_finishes(history: History) -> None:
    """With nothing in its way a resumed load leaves nothing unsent, unless the vendor refuses everything."""
    if not history.schedule.kept:
        return
    last = history.sessions[-1]
    if history.schedule.vendor.common_from == math.inf:
        mistaken = history.schedule.vendor.refuses_whole and history.schedule.vendor.poison
        assert last.error is None or mistaken, last.error
        assert not last.report.counts[Status.NOT_SENT] or last.error is not None


def pace_is_kept(history: History) -> None:
    rate = history.schedule.requests_per_second
    if rate is None:
        return
    for number in range(len(history.sessions)):
        starts = [call.started for call in history.calls if call.session == number]
        # One slot of grace: a loop that wakes late starts the next call on time.
        for gap in range(2, len(starts)):
            for early, late in zip(starts, starts[gap:], strict=False):
                assert late - early >= (gap - 1) / rate - 1e-6, f"{gap + 1} calls in {late - early} s"


def trouble_is_met_with_patience(history: History) -> None:
    """After the first bad answer no call starts for a second; a whole outage costs few calls."""
    for number in range(len(history.sessions)):
        calls = [call for call in history.calls if call.session == number]
        first = next((call for call in calls if call.ended is not None and call.fault in TROUBLE), None)
        if first is not None and first.ended is not None:
            end = min(call.ended for call in calls if call.ended is not None and call.fault in TROUBLE)
            well = any(
                call.ended is not None and end <= call.ended < end + 1 and call.fault not in TROUBLE for call in calls
            )
            early = [call for call in calls if end < call.started < end + 1 - 1e-9]
            assert well or not early, f"call {early[0].number} starts {early[0].started - end} s after trouble"


def what_was_throttled_waits(history: History) -> None:
    """Contacts that were refused for the moment are not sent again for half a second."""
    for call in history.calls:
        if call.fault is Fault.THROTTLED and call.ended is not None:
            for other in history.calls[call.number :]:
                soon = call.ended - 1e-9 <= other.started < call.ended + 0.5 - 1e-9
                again = soon and other.session == call.session and set(other.rows) & set(call.rows)
                assert not again, f"call {other.number} starts {other.started - call.ended} s after call {call.number}"


def it_ends_in_time(history: History) -> None:
    for session in history.sessions:
        if history.schedule.deadline is not None and session is not history.sessions[-1]:
            assert session.ended <= session.began + history.schedule.deadline + TIMEOUT + 0.1


def no_busy_loop(history: History) -> None:
    for number, session in enumerate(history.sessions):
        calls = sum(call.session == number for call in history.calls)
        work = calls + session.people.chunks_read + session.network.received
        assert session.network.turns <= 3 * work + 20, f"{session.network.turns} turns for {work} pieces of work"


def repeats_are_bounded(history: History) -> None:
    """Harmless repeats carry a row at most five times after answers that may have landed."""
    ambiguous = Counter(
        row
        for call in history.calls
        if call.purpose is Purpose.SEND and call.fault in AMBIGUOUS
        for row in call.rows
    )
    assert all(times <= 5 * len(history.sessions) for times in ambiguous.values()), ambiguous.most_common(1)


def _iterated(history: History) -> Iterator[Session]:
    for session in history.sessions:
        if history.schedule.iterated or session.outcomes:
            yield session


PROMISES = (
    nothing_forbidden_was_done,
    one_outcome_an_input_in_order,
    the_identity,
    the_whole_input_is_counted,
    no_false_success,
    no_false_failure,
    nothing_is_doubled,
    two_of_a_key_are_never_sent,
    unknown_has_a_reason,
    only_what_was_carried_has_a_vendors_word,
    attempts_are_counted,
    calls_are_counted,
    what_was_told_is_durable,
    unknown_is_left_alone,
    the_last_session_finishes,
    pace_is_kept,
    trouble_is_met_with_patience,
    what_was_throttled_waits,
    it_ends_in_time,
    no_busy_loop,
    repeats_are_bounded,
)
