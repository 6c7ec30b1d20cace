"""What schedules came to, counted: so that one sees that everything is reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from headcount.core.retry import Repeat
from headcount.outcome import Kind, Status
from tests.simulation.faults import TROUBLE, Fault
from tests.simulation.schedules import History, Session

_ENDS = ("breaks_at", "close_after", "stop_at", "abort_at", "deadline", "max_errors", "max_calls", "changed_from")
_BECOMES = {
    Status.UNKNOWN: (Status.UNKNOWN, Status.EXISTING, Status.NOT_SENT),
    Status.ACCEPTED: (Status.ACCEPTED, Status.CREATED),
}
_STOPS = (Kind.STOPPED, Kind.DEADLINE, Kind.ERROR_LIMIT, Kind.OUTAGE, Kind.RATE_LIMITED, Kind.REFUSED)
_ERRORS = (
    "Broken",
    "Crash",
    "CredentialsError",
    "EndpointError",
    "BatchRefusedError",
    "InputChanged",
    "JournalError",
)
_SIGHTS = (
    "a look-up",
    "a look-up in a load",
    "a probe",
    "a batch too large",
    "a batch cut for a bad contact",
    "an outage survived",
    "a call cut short by a death",
    "a late write",
    "a loop that overslept",
    "a row never found",
    "a full disk with room again",
    "more input than before",
    "a repeat found after a resend",
)

EXPECTED = frozenset(
    [
        *(f"fault: {fault}" for fault in Fault),
        *(f"status: {status}" for status in Status),
        *(f"vendor: {repeat.name.lower()}" for repeat in Repeat),
        *(f"cut short: {end}" for end in _ENDS),
        *(f"ended by: {error}" for error in _ERRORS),
        "ended by: nothing",
        *(f"stop: {kind}" for kind in _STOPS),
        *(f"asked: {before} became {after}" for before, afters in _BECOMES.items() for after in afters),
        *(f"seen: {sight}" for sight in _SIGHTS),
    ]
)
"""All that schedules must come to, each now and then."""


def tally(history: History) -> Counter[str]:
    """Of how many calls, outcomes or sessions what was true."""
    counts = Counter({"schedules": 1, "sessions": len(history.sessions), "calls": len(history.calls)})
    counts[f"vendor: {history.vendor.repeat.name.lower()}"] += 1
    counts.update(f"fault: {call.fault}" for call in history.calls)
    known = 0
    for session in history.sessions:
        counts.update(f"status: {outcome.status}" for outcome in session.outcomes)
        counts.update(f"cut short: {end}" for end in _ENDS if getattr(session.course, end) is not None)
        counts[f"ended by: {type(session.error).__name__ if session.error else 'nothing'}"] += 1
        if session.report.stop is not None:
            counts[f"stop: {session.report.stop.kind}"] += 1
        if session.course.asking:
            for row, before in session.before.items():
                counts[f"asked: {before.status} became {session.after[row].status}"] += 1
        counts.update(f"seen: {sight}" for sight in _sights(history, session, known))
        known = max(known, session.people.read)
    return counts


def _sights(history: History, session: Session, known: int) -> Iterator[str]:
    calls, lookups = session.calls, [call for call in session.calls if not call.sends]
    if lookups:
        yield "a look-up"
        if not session.course.asking:
            yield "a look-up in a load"
    if any(call.probe for call in calls):
        yield "a probe"
    if any(call.code == "large" for call in calls):
        yield "a batch too large"
    if any(call.code == "poison" and len(call.rows) > 1 for call in calls):
        yield "a batch cut for a bad contact"
    troubles = [call.noticed for call in calls if call.fault in TROUBLE]
    if troubles and any(call.started > min(troubles) + 20 and call.status == 200 for call in calls):
        yield "an outage survived"
    if session.crashed and any(call.fault is Fault.ABORTED for call in calls):
        yield "a call cut short by a death"
    if any(call.fault is Fault.TIMEOUT_LATE and call.sends for call in calls):
        yield "a late write"
    if session.network.overslept > 100:
        yield "a loop that overslept"
    if lookups and any(row in history.vendor.never_made for call in lookups for row in call.rows):
        yield "a row never found"
    before = history.sessions[session.number - 1] if session.number else None
    if before is not None and type(before.error).__name__ == "JournalError" and session.error is None:
        yield "a full disk with room again"
    if before is not None and session.people.read > known > 0:
        yield "more input than before"
    if any(outcome.problem and outcome.problem.kind is Kind.FOUND_AFTER_RESEND for outcome in session.outcomes):
        yield "a repeat found after a resend"
