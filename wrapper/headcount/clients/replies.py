"""What a reply, or its absence, means for a single call: the result, or the error that says what to do next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs

from headcount.clients.operations import Operation
from headcount.core.answers import Judgement, Meaning, judge_failure, judge_status, unreadable
from headcount.core.exchange import Failure, Reply
from headcount.core.pace import wait_asked
from headcount.errors import (
    ConflictError,
    HeadcountError,
    NotFoundError,
    RefusedError,
    RetryLaterError,
    UnknownOutcomeError,
)
from headcount.outcome import Kind, Problem
from headcount.records.decode import guarded, json_value

T = TypeVar("T")

_REFUSALS: Mapping[Kind, type[RefusedError]] = {
    Kind.NOT_FOUND: NotFoundError,
    Kind.EXISTS: ConflictError,
    Kind.CONFLICT: ConflictError,
}


def result(
    operation: Operation, reply: Reply, read: Callable[[int, Any], T], refusal: Callable[[], Judgement | None]
) -> T:
    """What `read` makes of a success. Raises a HeadcountError for everything else, and nothing but that.

    `refusal` is the vendor's own reading of a refusal, with any status; None says that it is none.
    """
    judgement = _judged(reply, refusal)
    if judgement is None:
        found = guarded(lambda: [_read(operation, reply, read)], None)
        if found is not None:
            return found[0]
        judgement = unreadable(reply)
    problem = judgement.cause
    if judgement.meaning is Meaning.AMBIGUOUS and operation.refuses_with(reply.status):
        kind = Kind.CONFLICT if reply.status == 409 else Kind.REFUSED
        problem = attrs.evolve(problem, kind=kind, retryable=False)
        judgement = attrs.evolve(judgement, meaning=Meaning.REFUSED, problem=problem)
    raise error_of(operation.name, judgement, reply.headers, reads=operation.reads)


def failed(name: str, failure: Failure, *, reads: bool) -> HeadcountError:
    """The error of a call that no readable reply came to."""
    return error_of(name, judge_failure(failure), failure.headers, reads=reads)


def error_of(name: str, judgement: Judgement, headers: Mapping[str, str], *, reads: bool) -> HeadcountError:
    """The error that says what to do after such an answer to the call of this name.

    `reads`: it only asks, so that it can be sent again whatever became of it.
    """
    problem = judgement.cause
    if judgement.meaning is Meaning.ENDS_AMBIGUOUS and judgement.error is not None:
        problem = attrs.evolve(problem, detail=str(judgement.error))
    text = _text(name, problem)
    match judgement.meaning:
        case Meaning.THROTTLED | Meaning.NOT_HANDED_OVER:
            return _retry_later(text, judgement, headers)
        case _ if problem.http_status == 404:
            return NotFoundError(text, attrs.evolve(problem, kind=Kind.NOT_FOUND))
        case Meaning.REFUSED if problem.kind is Kind.UNAVAILABLE:
            return _retry_later(text, judgement, headers)
        case Meaning.REFUSED | Meaning.TOO_LARGE:
            return _REFUSALS.get(problem.kind, RefusedError)(text, problem)
        case Meaning.AMBIGUOUS | Meaning.ENDS_AMBIGUOUS if not reads:
            return UnknownOutcomeError(text, problem)
        case Meaning.AMBIGUOUS:
            return _retry_later(text, judgement, headers)
    return judgement.error or RefusedError(text, problem)


def _judged(reply: Reply, refusal: Callable[[], Judgement | None]) -> Judgement | None:
    """The judgement of what is no success; None for one that is still to be read."""
    if reply.successful and not reply.handed_over:
        return unreadable(reply, "the reply came before the request was whole")
    by_status = judge_status(reply)
    judgement = guarded(refusal, by_status)
    return by_status if judgement is None and not reply.successful else judgement


def _read(operation: Operation, reply: Reply, read: Callable[[int, Any], T]) -> T:
    check = operation.reply_check(reply.status)
    if check is None:
        return read(reply.status, None)
    value = json_value(reply.body)
    # Half a surrogate pair is no text: it would break whoever writes it down.
    json.dumps(value, ensure_ascii=False).encode()
    if check.problem(value) is not None or not operation.answers(reply.status, value):
        raise ValueError("not what the spec says")
    return read(reply.status, value)


def _retry_later(text: str, judgement: Judgement, headers: Mapping[str, str]) -> RetryLaterError:
    wait = wait_asked(headers, throttled=judgement.meaning is Meaning.THROTTLED, wall_now=time.time())
    return RetryLaterError(text, attrs.evolve(judgement.cause, retryable=True), wait)


def _text(name: str, problem: Problem) -> str:
    said = problem.detail or problem.kind.value
    status = None if problem.http_status is None else f"HTTP {problem.http_status}"
    code = None if problem.code is None else f"code {problem.code}"
    facts = ", ".join(fact for fact in (status, code) if fact is not None and fact not in said)
    return f"{name}: {said} ({facts})" if facts else f"{name}: {said}"
