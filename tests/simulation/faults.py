"""What can befall one call."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What befalls one call."""

    NONE = "none"
    THROTTLED = "throttled"
    THROTTLED_SECONDS = "throttled_seconds"
    THROTTLED_DATE = "throttled_date"
    THROTTLED_RESET = "throttled_reset"
    THROTTLED_LONG = "throttled_long"
    BUCKET_EMPTY = "bucket_empty"
    NOTHING_REMAINS = "nothing_remains"
    BUSY_BEFORE = "busy_before"
    BUSY_AFTER = "busy_after"
    BUSY_AMID = "busy_amid"
    LOST_BEFORE = "lost_before"
    LOST_AFTER = "lost_after"
    TIMEOUT = "timeout"
    TIMEOUT_AFTER = "timeout_after"
    TIMEOUT_LATE = "timeout_late"
    GARBLED = "garbled"
    NOT_CONNECTED = "not_connected"
    ANSWERED_EARLY = "answered_early"
    TOKEN_OLD = "token_old"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REDIRECT = "redirect"
    TOKEN_REFUSED = "token_refused"
    SILENT = "silent"
    SLOW = "slow"
    ABORTED = "aborted"
    """The process gave it up, or died, before an answer came."""


AMBIGUOUS = frozenset(
    {
        Fault.BUSY_BEFORE,
        Fault.BUSY_AFTER,
        Fault.BUSY_AMID,
        Fault.LOST_BEFORE,
        Fault.LOST_AFTER,
        Fault.TIMEOUT,
        Fault.TIMEOUT_AFTER,
        Fault.TIMEOUT_LATE,
        Fault.GARBLED,
        Fault.REDIRECT,
        Fault.SILENT,
        Fault.ABORTED,
    }
)
"""After these a contact may have landed."""
TROUBLE = (AMBIGUOUS - {Fault.REDIRECT, Fault.SILENT, Fault.ABORTED}) | {Fault.NOT_CONNECTED, Fault.ANSWERED_EARLY}
"""After these the gate holds, and one contact at a time is sent to try."""
TIMEOUTS = frozenset({Fault.TIMEOUT, Fault.TIMEOUT_AFTER, Fault.TIMEOUT_LATE})
ENDS = frozenset({Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.NOT_FOUND, Fault.REDIRECT, Fault.TOKEN_REFUSED})
"""After these the run ends, unless it was a look-up that was not found."""
THROTTLED = frozenset(
    {
        Fault.THROTTLED,
        Fault.THROTTLED_SECONDS,
        Fault.THROTTLED_DATE,
        Fault.THROTTLED_RESET,
        Fault.THROTTLED_LONG,
        Fault.BUCKET_EMPTY,
    }
)
SAY_NOTHING = THROTTLED | {Fault.REDIRECT, Fault.TOKEN_REFUSED, Fault.ABORTED}
"""Neither trouble nor a sign that the vendor is well."""
NOTHING_DONE = (
    THROTTLED
    | ENDS
    | {
        Fault.BUSY_BEFORE,
        Fault.LOST_BEFORE,
        Fault.TIMEOUT,
        Fault.NOT_CONNECTED,
        Fault.ANSWERED_EARLY,
        Fault.TOKEN_OLD,
    }
)
DRAWN = [fault for fault in Fault if fault not in ENDS | {Fault.NONE, Fault.BUCKET_EMPTY, Fault.ABORTED}]
"""The faults that a schedule draws from; the others come of the vendor, the caller or a crash."""
