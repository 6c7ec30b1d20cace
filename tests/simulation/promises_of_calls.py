"""What must hold of the calls: when they start, what they carry, how many there are. Each function is one promise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from headcount.errors import BatchRefusedError
from headcount.outcome import Kind, Status
from tests.simulation.faults import AMBIGUOUS, SAY_NOTHING, THROTTLED, TIMEOUTS, TROUBLE, Fault
from tests.simulation.schedules import CONNECT_PATIENCE, OUTAGE_PATIENCE, TIMEOUT, History, Session
from tests.simulation.timeline import Endless
from tests.simulation.world import Call

_NOT_REACHED = frozenset({Fault.NOT_CONNECTED, Fault.ANSWERED_EARLY})
_HARMLESS = frozenset({Fault.NONE, Fault.SLOW})


def nothing_forbidden_was_done(history: History) -> None:
    """No call starts after a stop, a deadline or a fatal answer, while the vendor asked to wait, above the limit of
    calls in flight, or, in trouble, beside another one or with more than one contact."""
    for session in history.sessions:
        assert not session.network.errors, session.network.errors[0]


def no_batch_is_too_large(history: History) -> None:
    """No call carries more contacts or bytes than the limits allow, nor a contact twice, nor none."""
    limits = history.schedule.limits
    for call in history.calls:
        assert call.rows and len(set(call.rows)) == len(call.rows), call
        if call.sends:
            assert len(call.rows) <= limits.max_contacts, f"call {call.number} carries {len(call.rows)} contacts"
            assert limits.max_bytes is None or call.size <= limits.max_bytes, f"call {call.number}: {call.size} bytes"


def pace_is_kept(history: History) -> None:
    """No more calls start in any time than the rate allows, but for one slot that a loop which wakes late makes up."""
    rate = history.schedule.requests_per_second
    if rate is None:
        return
    for session in history.sessions:
        starts = [call.started for call in session.calls]
        for gap in range(2, len(starts)):
            for early, late in zip(starts, starts[gap:], strict=False):
                assert late - early >= (gap - 1) / rate - 1e-6, f"{gap + 1} calls in {late - early} s"


def what_was_throttled_waits(history: History) -> None:
    """Contacts that were refused for the moment are not sent again for half a second."""
    for session in history.sessions:
        for call in session.calls:
            if call.fault is Fault.THROTTLED and call.ended is not None:
                for other in session.calls:
                    soon = call.ended - 1e-9 <= other.started < call.ended + 0.5 - 1e-9
                    again = soon and other.number > call.number and set(other.rows) & set(call.rows)
                    assert not again, f"call {other.number} starts {other.started - call.ended} s after {call.number}"


def trouble_is_met_with_patience(history: History) -> None:
    """After the first bad answer no call starts for a second, and as long as no call that started after it has another
    answer ten at most start in any minute, and none when the patience with an outage, or with an endpoint never
    reached, is over."""
    for session in history.sessions:
        noticed = sorted((call for call in session.calls if call.ended is not None), key=lambda call: call.noticed)
        first_reached = min((call.noticed for call in noticed if call.fault not in _NOT_REACHED), default=math.inf)
        over = -math.inf
        for call in noticed:
            since = call.noticed
            if call.fault not in TROUBLE or since < over:
                continue
            others = [other.noticed for other in noticed if other.fault not in TROUBLE and other.started > since]
            over = min(others, default=math.inf)
            starts = [other.started for other in session.calls if since < other.started < over]
            # A refusal for the moment holds all calls too, where no repeats are left in the budget.
            throttled = [other.noticed for other in noticed if other.fault is Fault.THROTTLED]
            held_from = min((moment for moment in throttled if since - 1 < moment < since), default=since)
            assert not starts or starts[0] >= held_from + 1 - 1e-9, f"a call {starts[0] - since} s after trouble"
            for early, late in zip(starts, starts[10:], strict=False):
                assert late - early >= 60, f"11 calls in {late - early} s of an outage"
            owed = any(other.asked_wait for other in noticed if other.noticed < over)
            for start in starts:
                patience = OUTAGE_PATIENCE if first_reached <= start else CONNECT_PATIENCE
                assert owed or start <= since + patience, f"a call starts {start - since} s into an outage"


def an_outage_ends_a_run_in_its_time(history: History) -> None:
    """A run ends for an outage only when there was no good answer for as long as its patience with one lasts, or with
    an endpoint never reached."""
    for session in history.sessions:
        stop = session.report.stop
        if stop is None or stop.kind is not Kind.OUTAGE:
            continue
        since, last, reached, over = math.inf, -math.inf, False, False
        patience = CONNECT_PATIENCE
        answered = sorted((call for call in session.calls if call.ended is not None), key=_by_notice)
        for call in answered:
            reached = reached or call.fault not in _NOT_REACHED
            patience = OUTAGE_PATIENCE if reached else CONNECT_PATIENCE
            if call.fault in TROUBLE | THROTTLED:
                since, last = min(since, call.noticed), call.noticed
                over = over or call.noticed >= since + patience - 1e-9
            elif call.started > last and call.fault not in SAY_NOTHING:
                since = math.inf
        # With nothing in flight a run ends by time alone, and no call comes after that.
        over = over or session.ended >= since + patience - 1e-9
        assert over, f"it gives up after {session.ended - since} s"


def _by_notice(call: Call) -> tuple[float, float]:
    return call.noticed, call.ended or 0.0


def an_outage_costs_few_calls(history: History) -> None:
    """An outage costs no more calls than may be in flight at once, and ten for each minute of it that begins."""
    plan = history.schedule
    for session in history.sessions:
        begins, ends = (session.began + moment for moment in session.course.outage)
        met = [call for call in session.calls if begins <= call.started < ends and call.fault is plan.outage_fault]
        most = plan.concurrency + 10 * math.ceil((ends - begins) / 60)
        assert len(met) <= most, f"{len(met)} calls in an outage of {ends - begins} s"


def repeats_are_bounded(history: History) -> None:
    """In a session a contact is sent five times at most with an answer that it may have landed by, and a batch ten
    times more for tokens that ran out."""
    for session in history.sessions:
        ambiguous: Counter[int] = Counter()
        tokens: Counter[int] = Counter()
        for call in session.calls:
            if call.sends and call.ambiguous:
                ambiguous.update(call.rows)
            if call.fault is Fault.TOKEN_OLD:
                tokens.update(call.rows)
        assert all(times <= 5 for times in ambiguous.values()), ambiguous.most_common(1)
        assert all(times <= 11 for times in tokens.values()), tokens.most_common(1)


def repeats_draw_on_a_budget(history: History) -> None:
    """In a session the batches sent again after they may have landed cost 5 tokens each, 10 after a timeout: no more
    than 500, and one for each answer of a vendor that was well."""
    for session in history.sessions:
        tokens = 500
        sent_later: set[int] = set()
        costs = 0
        for call in reversed(session.calls):
            if call.sends and call.fault in AMBIGUOUS - {Fault.SILENT, Fault.REDIRECT} and sent_later & set(call.rows):
                costs += 10 if call.fault in TIMEOUTS and history.vendor.repeat.name == "HARMLESS" else 5
            tokens += call.ended is not None and call.fault not in TROUBLE | THROTTLED
            if call.sends:
                sent_later.update(call.rows)
        assert costs <= tokens, f"repeats cost {costs}, and there were {tokens}"


def a_size_that_was_refused_is_remembered(history: History) -> None:
    """Batches that are refused for their size stay few: for each time that the largest has to be halved as many as may
    be in flight at once, and as many for each doubling of those that were taken, after which more are tried."""
    largest, taken_whole = history.schedule.limits.max_contacts, history.vendor.most_contacts
    halvings = math.ceil(math.log2(max(1.0, largest / taken_whole)))
    for session in history.sessions:
        large: list[set[int]] = []
        for call in session.sends:
            rows = set(call.rows)
            if call.code == "large" and not any(rows < batch for batch in large):
                large.append(rows)
        taken = sum(call.status == 200 for call in session.sends)
        most = history.schedule.concurrency * (halvings + math.log2(taken + 2))
        assert len(large) <= most, f"{len(large)} batches too large, {taken} taken"


def bad_contacts_are_found_in_few_calls(history: History) -> None:
    """Where nothing else is wrong k bad contacts in a batch of n that is refused whole are found with at most
    2 k log2(n / k) + 2 k calls, n rounded up to a power of two."""
    vendor = history.vendor
    if not vendor.refuses_whole or vendor.common_from != math.inf:
        return
    for session in history.sessions:
        if any(call.fault not in _HARMLESS or call.code == "large" for call in session.calls):
            continue
        for batch in _taken_apart(session):
            bad = len(vendor.poison & set(batch[0].rows))
            if bad:
                size = 2 ** math.ceil(math.log2(len(batch[0].rows)))
                most = 2 * bad * math.log2(size / bad) + 2 * bad
                assert len(batch) <= most, f"{len(batch)} calls for {bad} bad contacts of {len(batch[0].rows)}"


def a_common_cause_is_not_chased(history: History) -> None:
    """A batch refused whole again and again with one code is cut twice at most, and a few of its contacts are asked
    alone: eight of a batch of eight or more, or of 32 or more where the vendor has taken others. The run ends then, and
    names the code."""
    for session in history.sessions:
        if any(call.fault not in _HARMLESS or call.code == "large" for call in session.calls):
            continue
        for batch in _taken_apart(session):
            first, size = batch[0], len(batch[0].rows)
            if any(call.code != "common" for call in batch) or size < 8:
                continue
            took = any(_took_some(history, call) and call.noticed <= first.noticed for call in session.calls)
            if took and size < 32:
                continue
            alone = 8
            singles = [call for call in batch if len(call.rows) == 1]
            assert len(singles) <= alone and len(batch) <= 7 + alone, f"{len(batch)} calls for a common cause"
            assert all(len(call.rows) == 1 or len(call.rows) >= size // 4 for call in batch), "cut three times"
            if len(batch) == 7 + alone and all(call.ended is not None for call in batch) and session.error is None:
                assert session.closed or session.report.stop is not None, "the run goes on"
            if isinstance(session.error, BatchRefusedError):
                assert "common" in str(session.error)


def a_common_cause_is_proved(history: History) -> None:
    """A run ends because everything is refused only after a batch of eight or more, both its halves, all its quarters
    and eight of its contacts alone were refused with the code that it names."""
    for session in history.sessions:
        if isinstance(session.error, BatchRefusedError):
            refused = [
                call for call in session.sends if call.status == 400 and f"code {call.code}" in str(session.error)
            ]
            parts = {tuple(call.rows) for call in refused}
            assert any(_is_proof(whole, parts) for whole in parts), session.error


def _is_proof(whole: tuple[int, ...], refused: set[tuple[int, ...]]) -> bool:
    """Whether what was refused shows that a batch was refused for a common cause."""
    halves = _halves(whole)
    parts = [*halves, *(quarter for half in halves for quarter in _halves(half))]
    return len(whole) >= 8 and refused.issuperset(parts) and sum((row,) in refused for row in whole) >= 8


def _halves(rows: tuple[int, ...]) -> list[tuple[int, ...]]:
    middle = (len(rows) + 1) // 2
    return [rows[:middle], rows[middle:]]


def _taken_apart(session: Session) -> Iterator[list[Call]]:
    """The calls for each batch, and for the parts of it."""
    batches: list[tuple[set[int], list[Call]]] = []
    for call in session.sends:
        rows = set(call.rows)
        mine = next((calls for whole, calls in batches if rows <= whole), None)
        if mine is None:
            mine = []
            batches.append((rows, mine))
        mine.append(call)
    return (calls for _, calls in batches)


def _took_some(history: History, call: Call) -> bool:
    """Whether the vendor took a contact of this call."""
    return call.sends and call.status == 200 and not history.vendor.poison >= set(call.rows)


def the_error_limit_ends_a_load(history: History) -> None:
    """A load that stops at the error limit has more contacts rejected or unknown than may be; one that has more by
    what was answered or refused before sending stops."""
    for session in history.sessions:
        limit, stop = session.course.max_errors, session.report.stop
        bad = 0
        for status in (Status.REJECTED, Status.UNKNOWN):
            earlier = sum(noted.status is status for noted in session.before.values())
            bad += session.report.counts[status] - (0 if session.course.asking else earlier)
        if stop is not None and stop.kind is Kind.ERROR_LIMIT:
            assert isinstance(limit, int), "a percentage is judged from a thousand on"
        if isinstance(limit, int) and session.error is None and not session.course.asking:
            assert bad <= limit or stop is not None, f"{bad} bad contacts, and {limit} were allowed"
            assert bad > limit or stop is None or stop.kind is not Kind.ERROR_LIMIT, f"only {bad} bad contacts"


def it_ends_in_time(history: History) -> None:
    """A session ends one attempt after its deadline or its stop at the latest, and at once when it is aborted; what it
    oversleeps comes on top. None goes on for ever."""
    for session in history.sessions:
        assert not isinstance(session.error, Endless), session.error
        course, slack = session.course, session.network.overslept + 0.1
        for moment, patience in ((course.deadline, TIMEOUT), (course.stop_at, TIMEOUT), (course.abort_at, 0.0)):
            if moment is not None:
                assert session.ended <= session.began + moment + patience + slack, "it goes on"


def no_busy_loop(history: History) -> None:
    """The loop turns no oftener than there is work."""
    for session in history.sessions:
        work = len(session.calls) + session.people.chunks_read + session.network.received
        assert session.network.turns <= 3 * work + 20, f"{session.network.turns} turns for {work} pieces of work"


PROMISES = (
    nothing_forbidden_was_done,
    no_batch_is_too_large,
    pace_is_kept,
    what_was_throttled_waits,
    trouble_is_met_with_patience,
    an_outage_ends_a_run_in_its_time,
    an_outage_costs_few_calls,
    repeats_are_bounded,
    repeats_draw_on_a_budget,
    a_size_that_was_refused_is_remembered,
    bad_contacts_are_found_in_few_calls,
    a_common_cause_is_not_chased,
    a_common_cause_is_proved,
    the_error_limit_ends_a_load,
    it_ends_in_time,
    no_busy_loop,
)
