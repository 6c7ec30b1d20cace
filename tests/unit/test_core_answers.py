"""What an answer means: the table of the design, status by status."""

from __future__ import annotations

import pytest

from headcount.core.answers import Meaning, judge_failure, judge_status, meaning_of, unreadable
from headcount.core.exchange import Failure, Reply
from headcount.errors import CredentialsError, EndpointError
from headcount.outcome import Kind

REFUSED_BEFORE_WORK = {
    400: (Meaning.REFUSED, Kind.REFUSED, None),
    401: (Meaning.UNAUTHORIZED, Kind.FORBIDDEN, CredentialsError),
    403: (Meaning.ENDS_REFUSED, Kind.FORBIDDEN, CredentialsError),
    404: (Meaning.ENDS_REFUSED, Kind.REFUSED, EndpointError),
    405: (Meaning.ENDS_REFUSED, Kind.REFUSED, EndpointError),
    413: (Meaning.TOO_LARGE, Kind.TOO_LARGE, None),
    415: (Meaning.ENDS_REFUSED, Kind.REFUSED, EndpointError),
    429: (Meaning.THROTTLED, Kind.RATE_LIMITED, None),
}
REDIRECTS = (300, 301, 302, 303, 304, 307, 308)
SUCCESSES = (200, 201, 202, 204, 207)


@pytest.mark.parametrize("status", REFUSED_BEFORE_WORK)
def test_what_is_refused_before_work(status: int) -> None:
    meaning, kind, error = REFUSED_BEFORE_WORK[status]
    judgement = judge_status(Reply(status), "the vendor's words", "17")
    assert judgement.meaning is meaning
    assert judgement.problem is not None
    assert (judgement.problem.kind, judgement.problem.http_status) == (kind, status)
    assert (judgement.problem.code, judgement.problem.detail) == ("17", "the vendor's words")
    assert type(judgement.error) is (error or type(None))


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_ends_the_run_and_may_have_landed(status: int) -> None:
    judgement = judge_status(Reply(status, {"location": "https://elsewhere.test/secret"}))
    assert judgement.meaning is Meaning.ENDS_AMBIGUOUS
    assert isinstance(judgement.error, EndpointError)
    assert "elsewhere" not in str(judgement.error)


@pytest.mark.parametrize("status", SUCCESSES)
def test_a_success_is_the_vendors_word_and_unreadable_without_it(status: int) -> None:
    assert meaning_of(status) is Meaning.ANSWERED
    judgement = judge_status(Reply(status))
    assert judgement.meaning is Meaning.AMBIGUOUS
    assert judgement.problem is not None
    assert judgement.problem.kind is Kind.UNREADABLE_REPLY
    assert judgement == unreadable(Reply(status))


def test_everything_else_is_ambiguous() -> None:
    for status in set(range(100, 1000)) - REFUSED_BEFORE_WORK.keys() - set(range(200, 400)):
        judgement = judge_status(Reply(status))
        assert judgement.meaning is Meaning.AMBIGUOUS, status
        assert judgement.error is None
        assert judgement.problem is not None
        assert judgement.problem.retryable
        assert judgement.problem.kind is Kind.UNAVAILABLE


@pytest.mark.parametrize("status", [402, 500, 503])
def test_an_answer_before_the_body_was_handed_over_is_not_ambiguous(status: int) -> None:
    assert judge_status(Reply(status, handed_over=False)).meaning is Meaning.NOT_HANDED_OVER


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (Failure(Kind.UNAVAILABLE, False, "connection refused"), Meaning.NOT_HANDED_OVER),
        (Failure(Kind.CONNECTION_LOST, False, "reset while sending"), Meaning.NOT_HANDED_OVER),
        (Failure(Kind.TIMEOUT, False, "no connection in time"), Meaning.NOT_HANDED_OVER),
        (Failure(Kind.RATE_LIMITED, False, "the token server says 429"), Meaning.THROTTLED),
        (Failure(Kind.CONNECTION_LOST, True, "reset"), Meaning.AMBIGUOUS),
        (Failure(Kind.TIMEOUT, True, "no reply"), Meaning.AMBIGUOUS),
        (Failure(Kind.UNREADABLE_REPLY, True, "not HTTP"), Meaning.AMBIGUOUS),
        (Failure(Kind.FORBIDDEN, False, "no token", CredentialsError("no token")), Meaning.ENDS_REFUSED),
    ],
)
def test_no_reply(failure: Failure, meaning: Meaning) -> None:
    judgement = judge_failure(failure)
    assert judgement.meaning is meaning
    assert judgement.error is failure.fatal
    assert judgement.problem is not None
    assert (judgement.problem.kind, judgement.problem.detail) == (failure.kind, failure.detail)


def test_a_repeat_after_a_timeout_is_told_from_others() -> None:
    assert judge_failure(Failure(Kind.TIMEOUT, True, "no reply")).timed_out
    assert not judge_status(Reply(503)).timed_out


def test_an_old_token_is_renewable_and_the_hint_is_for_people() -> None:
    assert judge_status(Reply(401, renewable=True)).renewable
    judgement = judge_status(Reply(401, hint="the clock is 400 s ahead"))
    assert not judgement.renewable
    assert "the clock is 400 s ahead" in str(judgement.error)
