"""What must hold between the sessions of a run, and of its journal. Each function is one promise."""

from __future__ import annotations

import math

from headcount.core.retry import Repeat
from headcount.errors import InputChanged, JournalError
from headcount.outcome import Status
from tests.simulation.faults import Fault
from tests.simulation.schedules import OUTAGE_PATIENCE, History, Session
from tests.simulation.world import Broken, Call

_NOWHERE = frozenset({Status.NOT_SENT})
_LANDED = frozenset({Status.CREATED, Status.UPDATED, Status.EXISTING, Status.ACCEPTED, Status.UNKNOWN})


def the_journal_knows_all_that_was_told(history: History) -> None:
    """What the journal says of a row after a session is what was told of it, problem, id and attempts too; of what it
    does not know, or says that it was not sent, nothing else was told."""
    for session in _kept(history):
        for outcome in session.outcomes:
            noted = session.after.get(outcome.index)
            if noted is None or noted.status is Status.NOT_SENT:
                assert outcome.status is Status.NOT_SENT, f"{outcome}, but the journal says {noted}"
            elif session.error is None:
                assert outcome == noted, f"{outcome}, but the journal says {noted}"
            else:
                # It may have been told as not sent, and the next thing noted of it never have been told.
                assert outcome.status in (noted.status, Status.NOT_SENT), f"{outcome}, but the journal says {noted}"


def the_journal_knows_all_that_is_there(history: History) -> None:
    """A claim was durable before each send: what the vendor has, and the journal does not settle, is unknown."""
    session_of = {call.number: call.session for call in history.calls}
    for session in _kept(history):
        written = {row for call, row in history.vendor.writes if session_of[call] <= session.number}
        for row in written:
            assert row in session.after, f"row {row + 1} was written, and the journal knows nothing of it"
            assert session.after[row].status in _LANDED, f"row {row + 1} was written, and is {session.after[row]}"


def the_report_counts_what_the_journal_holds(history: History) -> None:
    """The counts of a session that came to its end are those of the journal; what it does not know was not sent."""
    for session in _kept(history):
        if session.error is None:
            read = range(session.people.read)
            noted = [session.after[row].status if row in session.after else Status.NOT_SENT for row in read]
            assert {status: noted.count(status) for status in Status} == session.report.counts


def a_load_touches_only_what_was_not_sent(history: History) -> None:
    """A load sends what the journal does not know or says was not sent, and changes nothing else: what is settled,
    unknown or accepted stays as it was."""
    for session in _kept(history):
        if session.course.asking:
            continue
        settled = {row: noted for row, noted in session.before.items() if noted.status is not Status.NOT_SENT}
        for call in session.calls:
            again = settled.keys() & set(call.rows)
            assert not again, f"call {call.number} carries rows {sorted(again)} again"
        for row, noted in settled.items():
            assert session.after.get(row) == noted, f"{noted} became {session.after.get(row)}"


def asking_sends_nothing(history: History) -> None:
    """A session that asks makes look-ups only, about what was unknown or accepted, and no more than it may."""
    for session in _asking(history):
        asked = (Status.UNKNOWN, Status.ACCEPTED)
        for call in session.calls:
            assert not call.sends, f"call {call.number} sends"
            statuses = {session.before[row].status for row in call.rows}
            assert statuses <= set(asked), f"call {call.number} asks about what is {statuses}"
            for row in call.rows:
                found_by_chance = session.before[row].status is Status.ACCEPTED and history.vendor.keys[row][0] != "x"
                assert not found_by_chance, f"call {call.number} asks for what cannot confirm row {row + 1}"
        most = math.inf if session.course.max_calls is None else session.course.max_calls
        assert len(session.calls) <= most, f"{len(session.calls)} calls, where {most} were allowed"


def asking_changes_only_what_is_open(history: History) -> None:
    """By asking unknown becomes existing, or not sent where the vendor's word on that is good, or stays; accepted
    becomes created or stays; everything else stays."""
    absent = _NOWHERE if history.vendor.repeat is not Repeat.DOUBLES else frozenset()
    may_become = {Status.UNKNOWN: {Status.UNKNOWN, Status.EXISTING} | absent, Status.ACCEPTED: {Status.CREATED}}
    for session in _asking(history):
        assert session.after.keys() == session.before.keys()
        for row, before in session.before.items():
            after = session.after[row]
            if before.status in may_become:
                assert after.status in may_become[before.status] | {before.status}, f"{before} became {after}"
                assert after.attempts == before.attempts, f"{before} became {after}"
            else:
                assert after == before, f"{before} became {after}"


def asking_in_vain_changes_nothing(history: History) -> None:
    """What was unknown before a session that asks, and of which no look-up was answered, is so afterwards for the same
    reason."""
    for session in _asking(history):
        answered = {row for call in session.calls if _is_read(call) for row in call.rows}
        for row, before in session.before.items():
            if before.status is Status.UNKNOWN and row not in answered:
                assert session.after[row] == before, f"{before} became {session.after[row]}"


def asking_finds_what_is_there(history: History) -> None:
    """After a session that asks, with nothing in its way and to its end, what can be found is not unknown any more,
    nor accepted if it has an id of our own."""
    for session in _asking(history):
        if session.course.clean and session.error is None and session.report.stop is None:
            for row, noted in session.after.items():
                sure = noted.status is Status.UNKNOWN or history.vendor.keys[row].startswith("x")
                if sure and noted.status in (Status.UNKNOWN, Status.ACCEPTED):
                    assert not history.vendor.finds(row, session.began), f"row {row + 1} is there, and {noted.status}"


def asking_once_is_enough(history: History) -> None:
    """A session that asks looks up a row until it has an answer, once; it asks again only when none could be read, and
    three times at most when one may be under way."""
    for session in _asking(history):
        answered: set[int] = set()
        doubtful: dict[int, int] = {}
        for call in session.calls:
            assert not answered & set(call.rows), f"call {call.number} asks again"
            if _is_read(call):
                answered.update(call.rows)
            elif call.fault.startswith(("busy", "lost", "timeout", "garbled")):
                for row in call.rows:
                    doubtful[row] = doubtful.get(row, 0) + 1
        assert all(times <= 3 for times in doubtful.values()), doubtful


def a_changed_input_is_noticed(history: History) -> None:
    """Where the input is not the one that the run began with nothing of it is sent from the first changed row on, and
    the session ends with InputChanged, if nothing ended it before."""
    for session in _kept(history):
        known, shown = session.rows_known, len(session.people.keys)
        changed = session.people.changed
        for call in session.calls:
            assert not call.changed, f"call {call.number} carries a row of another input"
            assert not set(changed) & set(call.rows), f"call {call.number} is about a row of another input"
        valid = set(changed) - history.schedule.invalid
        if isinstance(session.error, InputChanged):
            assert shown < known or valid, "the input was taken for another one"
        elif session.error is None and not session.closed and session.report.stop is None:
            assert shown >= known and not valid, "another input was not noticed"


def errors_are_what_befell(history: History) -> None:
    """A journal's error comes of a disk without room alone, and a broken input alone breaks a load."""
    for session in history.sessions:
        if isinstance(session.error, JournalError):
            assert session.course.full_from is not None, session.error
        if isinstance(session.error, Broken):
            assert session.course.breaks_at is not None


def the_last_session_finishes(history: History) -> None:
    """With nothing in its way a resumed load leaves nothing unsent, unless the vendor refuses everything; and after
    one that asks nothing is left open either, where the vendor's word is good."""
    vendor = history.vendor
    if not history.schedule.kept or history.schedule.vendor.common_from != math.inf:
        return
    last = history.sessions[-1]
    if vendor.refuses_whole and vendor.poison and last.error is not None:
        return  # a common cause was concluded from poison alone
    if last.network.overslept > OUTAGE_PATIENCE / 2:
        return  # it slept through its patience
    assert last.error is None, last.error
    assert last.people.read == len(history.schedule.keys)
    assert not last.report.counts[Status.NOT_SENT], last.report.identity
    before = history.sessions[-2] if len(history.sessions) > 1 else last
    asked = before.course.asking and before.course.clean and before.report.stop is None
    if asked and vendor.repeat is not Repeat.DOUBLES:
        assert not last.report.counts[Status.UNKNOWN], last.report.identity


def calls_are_counted(history: History) -> None:
    """The report's requests are the calls of all sessions; after a death a call may have been counted that never
    started."""
    made = 0
    exact = True
    for session in history.sessions:
        made += len(session.calls)
        exact = exact and session.error is None
        assert session.report.requests == made or not exact, f"{session.report.requests} requests, {made} calls"


def _is_read(call: Call) -> bool:
    """Whether a call had an answer that can be read."""
    return call.status == 200 and call.code is None and call.fault is not Fault.GARBLED


def _kept(history: History) -> list[Session]:
    return history.sessions if history.schedule.kept else []


def _asking(history: History) -> list[Session]:
    return [session for session in history.sessions if session.course.asking]


PROMISES = (
    the_journal_knows_all_that_was_told,
    the_journal_knows_all_that_is_there,
    the_report_counts_what_the_journal_holds,
    a_load_touches_only_what_was_not_sent,
    asking_sends_nothing,
    asking_changes_only_what_is_open,
    asking_in_vain_changes_nothing,
    asking_finds_what_is_there,
    asking_once_is_enough,
    a_changed_input_is_noticed,
    errors_are_what_befell,
    the_last_session_finishes,
    calls_are_counted,
)
