"""What an answer means, the same for every vendor: the table of statuses as data."""

from __future__ import annotations

from enum import Enum, auto

import attrs

from headcount.core.batches import Answer
from headcount.core.exchange import Failure, Reply
from headcount.errors import CredentialsError, EndpointError, FatalError
from headcount.outcome import Kind, Problem


class Meaning(Enum):
    """What a reply, or its absence, says of a whole batch."""

    ANSWERED = auto()
    """The vendor's word, contact by contact."""
    NOT_HANDED_OVER = auto()
    """It never left whole: nothing was done."""
    THROTTLED = auto()
    """Refused before any work, for now."""
    TOO_LARGE = auto()
    """Refused before any work, for its size."""
    UNAUTHORIZED = auto()
    """Refused before any work, for want of a valid token."""
    REFUSED = auto()
    """Refused whole before any work; one of its contacts, or all, may be the cause."""
    ENDS_REFUSED = auto()
    """Refused before any work for a cause that no other batch escapes."""
    ENDS_AMBIGUOUS = auto()
    """Not to be followed up in this run, and it may have landed."""
    AMBIGUOUS = auto()
    """It may have landed."""


BY_STATUS = {
    400: Meaning.REFUSED,
    401: Meaning.UNAUTHORIZED,
    403: Meaning.ENDS_REFUSED,
    404: Meaning.ENDS_REFUSED,
    405: Meaning.ENDS_REFUSED,
    413: Meaning.TOO_LARGE,
    415: Meaning.ENDS_REFUSED,
    429: Meaning.THROTTLED,
}

_KINDS = {
    Meaning.THROTTLED: Kind.RATE_LIMITED,
    Meaning.TOO_LARGE: Kind.TOO_LARGE,
    Meaning.UNAUTHORIZED: Kind.FORBIDDEN,
    Meaning.REFUSED: Kind.REFUSED,
    Meaning.ENDS_REFUSED: Kind.REFUSED,
    Meaning.ENDS_AMBIGUOUS: Kind.UNREADABLE_REPLY,
    Meaning.AMBIGUOUS: Kind.UNAVAILABLE,
    Meaning.NOT_HANDED_OVER: Kind.UNAVAILABLE,
}


@attrs.define
class Judgement:
    """A reply as the core takes it: no vendor's shape is left in it.

    `answer` goes with ANSWERED; every other meaning has the `problem` that its contacts get if nothing
    better comes. `error` goes with the meanings that end the run. `hint` is the destination's own, kept for
    its look-up. `timed_out` makes a repeat dearer.
    """

    meaning: Meaning
    answer: Answer | None = None
    problem: Problem | None = None
    error: FatalError | None = None
    hint: object = None
    renewable: bool = False
    """With UNAUTHORIZED: the next request will carry a new token."""

    @property
    def cause(self) -> Problem:
        """The problem, of a meaning that comes with one."""
        if self.problem is None:
            raise AssertionError(f"{self.meaning} comes with a problem")
        return self.problem

    @property
    def timed_out(self) -> bool:
        return self.problem is not None and self.problem.kind is Kind.TIMEOUT


def meaning_of(status: int) -> Meaning:
    """The meaning of a status after the body was handed over."""
    if 200 <= status <= 299:
        return Meaning.ANSWERED
    if 300 <= status <= 399:
        return Meaning.ENDS_AMBIGUOUS
    return BY_STATUS.get(status, Meaning.AMBIGUOUS)


def judge_failure(failure: Failure) -> Judgement:
    """What it means that no readable reply came."""
    problem = Problem(failure.kind, failure.detail, retryable=failure.fatal is None)
    if failure.fatal is not None:
        return Judgement(Meaning.ENDS_REFUSED, problem=problem, error=failure.fatal)
    if not failure.handed_over:
        meaning = Meaning.THROTTLED if failure.kind is Kind.RATE_LIMITED else Meaning.NOT_HANDED_OVER
        return Judgement(meaning, problem=problem)
    return Judgement(Meaning.AMBIGUOUS, problem=problem)


def judge_status(reply: Reply, detail: str | None = None, code: str | None = None) -> Judgement:
    """What a reply other than a readable 2xx means by its status. `detail` and `code` are the vendor's."""
    status = reply.status
    meaning = meaning_of(status)
    if meaning is Meaning.ANSWERED:
        return unreadable(reply, detail)
    if meaning is Meaning.AMBIGUOUS and not reply.handed_over:
        meaning = Meaning.NOT_HANDED_OVER
    kind = Kind.FORBIDDEN if status == 403 else _KINDS[meaning]
    retryable = meaning in (Meaning.THROTTLED, Meaning.NOT_HANDED_OVER, Meaning.AMBIGUOUS)
    problem = Problem(kind, detail or f"HTTP {status}", code, status, retryable=retryable)
    return Judgement(meaning, problem=problem, error=_error(reply, problem), renewable=reply.renewable)


def unreadable(reply: Reply, detail: str | None = None) -> Judgement:
    """A reply that was to hold the vendor's word and cannot be read: the batch may have landed."""
    detail = detail or "the reply could not be read"
    return Judgement(Meaning.AMBIGUOUS, problem=Problem(Kind.UNREADABLE_REPLY, detail, None, reply.status))


def _error(reply: Reply, problem: Problem) -> FatalError | None:
    status = reply.status
    said = f": {problem.detail}" if problem.detail else ""
    code = f", code {problem.code}" if problem.code else ""
    if 300 <= status <= 399:
        return EndpointError(f"the vendor answered with a redirect (HTTP {status}), which is never followed")
    if status == 401:
        hint = f" ({reply.hint})" if reply.hint else ""
        return CredentialsError(f"the vendor refused the credentials (HTTP 401{code}){said}{hint}")
    if status == 403:
        return CredentialsError(f"the credentials may not do this (HTTP 403{code}){said}")
    if status in (404, 405, 415):
        return EndpointError(f"the endpoint does not offer this call (HTTP {status}{code}){said}")
    return None
