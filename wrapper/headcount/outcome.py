"""What became of a contact: one vocabulary for every vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import attrs


class Status(StrEnum):
    """What became of one contact. The set is closed: every input ends in exactly one."""

    CREATED = "created"
    """The vendor confirmed a new contact."""
    UPDATED = "updated"
    """The vendor confirmed that it changed a contact that existed."""
    EXISTING = "existing"
    """The contact was there already and was left as it was."""
    ACCEPTED = "accepted"
    """The vendor took it and works asynchronously; not yet confirmed."""
    REJECTED = "rejected"
    """The vendor, or the check before sending, refused it; unchanged it will be refused again."""
    SKIPPED = "skipped"
    """Not sent on purpose: suppressed, or a repeat of an earlier row."""
    UNKNOWN = "unknown"
    """Handed over, and no readable answer came: it may or may not exist."""
    NOT_SENT = "not_sent"
    """Nothing of it was taken: it never left, or every attempt was refused before any work."""

    @property
    def good(self) -> bool:
        """The contact is where it should be, or on its way."""
        return self in _GOOD

    @property
    def open(self) -> bool:
        """What became of the contact is still to be settled, by `resume` or `reconcile`."""
        return self in _OPEN

    @property
    def needs_problem(self) -> bool:
        """An outcome of this status says why in its problem."""
        return self not in _PLAIN


_GOOD = frozenset({Status.CREATED, Status.UPDATED, Status.EXISTING, Status.ACCEPTED})
_OPEN = frozenset({Status.UNKNOWN, Status.NOT_SENT})
_PLAIN = frozenset({Status.CREATED, Status.UPDATED, Status.ACCEPTED})


class Kind(StrEnum):
    """Why an outcome is not simply good; the same words for every vendor."""

    MISSING_KEY = "missing_key"
    INVALID_VALUE = "invalid_value"
    MISSING_VALUE = "missing_value"
    TOO_LARGE = "too_large"
    DAMAGED_VALUE = "damaged_value"
    MALFORMED_ROW = "malformed_row"
    REPEATED = "repeated"
    SUPPRESSED = "suppressed"
    EXISTS = "exists"
    FOUND_AFTER_RESEND = "found_after_resend"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    UNREADABLE_REPLY = "unreadable_reply"
    UNANSWERED = "unanswered"
    UNCONFIRMED = "unconfirmed"
    STOPPED = "stopped"
    DEADLINE = "deadline"
    ERROR_LIMIT = "error_limit"
    OUTAGE = "outage"


@attrs.frozen
class Problem:
    """Why a contact did not simply become good.

    `code` is the vendor's, verbatim. `detail` is the vendor's text or ours with control characters
    stripped and personal data masked, at most 300 characters. `of_row` is the number of the row
    that owns the key of a repeat (the first record is row 1).
    """

    kind: Kind
    detail: str | None = None
    code: str | None = None
    http_status: int | None = None
    field: str | None = None
    retryable: bool = False
    of_row: int | None = None


@attrs.define
class Outcome:
    """What became of the contact at `index` (0 for the first input)."""

    index: int
    status: Status
    problem: Problem | None = None
    vendor_id: str | None = None
    """The vendor's own id of the contact, as text, where its reply gave one."""
    attempts: int = 0
    """How many requests carried the contact."""

    @property
    def row(self) -> int:
        """The number of the record: the first is row 1."""
        return self.index + 1


@attrs.frozen
class ProblemGroup:
    """Equal problems of a run, counted together."""

    status: Status
    kind: Kind
    code: str | None
    count: int
    example_row: int
    detail: str | None


@attrs.frozen
class Report:
    """The counts of a run. `counts` holds every status, zeros included, and adds up to `input`."""

    counts: Mapping[Status, int]
    problems: Sequence[ProblemGroup] = ()
    requests: int = 0
    """API calls started, read-backs included and token calls not."""
    retries: int = 0
    """Calls that carried again what an earlier call had carried."""
    stop: Problem | None = None
    """Why the run ended before its input did; None for a whole run."""

    @property
    def input(self) -> int:
        """How many contacts were read."""
        return sum(self.counts.values())

    @property
    def exit_code(self) -> int:
        """What the command exits with after such a run: 3 stopped at the error limit, 5 some `unknown` or
        `not_sent`, 1 some `rejected`, 0 every contact good or skipped."""
        if self.stop is not None and self.stop.kind is Kind.ERROR_LIMIT:
            return 3
        if self.counts.get(Status.UNKNOWN) or self.counts.get(Status.NOT_SENT):
            return 5
        return 1 if self.counts.get(Status.REJECTED) else 0

    @property
    def identity(self) -> str:
        """The accounting identity with this run's numbers, on one line."""
        terms = " + ".join(f"{self.counts.get(status, 0)} {status.value}" for status in Status)
        return f"{self.input} input = {terms}"

    def __str__(self) -> str:
        return self.identity
