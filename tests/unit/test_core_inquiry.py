"""What a run that asks does with each row of an earlier one."""

from __future__ import annotations

import attrs
import pytest

from headcount.core.inquiry import Inquired, Inquiry
from headcount.core.prepared import Prepared
from headcount.outcome import Kind, Outcome, Problem, Status

LOST = Problem(Kind.CONNECTION_LOST, "the connection was lost")


@attrs.frozen
class Word:
    vendor_id: str | None


def take(
    status: Status, problem: Problem | None = None, *, id_known: bool = True, told: Word | None = None
) -> Inquired:
    """One row, the third of its run, whose key is found by an id or not, and told of or not."""
    chunk = Prepared(2, [b"{}"], ["key"], [("key",)])
    inquiry = Inquiry(lambda key: id_known and key == "key", lambda key: told if key == "key" else None)
    return inquiry.take(chunk, [Outcome(2, status, problem, None, 3)])


@pytest.mark.parametrize("status", [each for each in Status if each not in (Status.UNKNOWN, Status.ACCEPTED)])
def test_what_is_settled_or_was_never_sent_is_kept(status: Status) -> None:
    assert take(status, LOST, told=Word("7")) == Inquired([Outcome(2, status, LOST, None, 3)], [], [])


def test_what_is_unknown_is_asked_for_and_stays_so_until_it_is_found() -> None:
    inquired = take(Status.UNKNOWN, LOST, id_known=False)
    [question] = inquired.questions
    assert (inquired.kept, inquired.settled) == ([], [])
    assert (question.batch.rows, question.batch.keys) == ([2], ["key"])
    assert (question.standing, question.problem) == (Status.UNKNOWN, LOST)


def test_what_was_accepted_is_asked_for_by_its_id() -> None:
    [question] = take(Status.ACCEPTED).questions
    assert (question.batch.rows, question.standing) == ([2], Status.ACCEPTED)
    assert question.problem.kind is Kind.UNCONFIRMED


def test_without_an_id_nothing_confirms_what_was_accepted() -> None:
    [outcome] = take(Status.ACCEPTED, id_known=False).settled
    assert outcome.problem is not None
    assert (outcome.status, outcome.problem.kind, outcome.attempts) == (Status.ACCEPTED, Kind.UNCONFIRMED, 3)


def test_the_vendors_word_makes_a_question_needless() -> None:
    assert take(Status.ACCEPTED, told=Word("7")) == Inquired([], [Outcome(2, Status.CREATED, None, "7", 3)], [])
    [outcome] = take(Status.UNKNOWN, LOST, told=Word(None)).settled
    assert outcome.problem is not None
    assert (outcome.status, outcome.problem.kind, outcome.vendor_id) == (Status.EXISTING, Kind.EXISTS, None)


def test_contacts_with_other_problems_are_other_questions() -> None:
    late = Problem(Kind.TIMEOUT, "no reply in time")
    outcomes = [Outcome(row, Status.UNKNOWN, problem) for row, problem in enumerate([LOST, late, LOST])]
    chunk = Prepared(0, [b"{}"] * 3, ["a", "b", "c"], [("a",), ("b",), ("c",)])
    inquired = Inquiry(lambda key: False, lambda key: None).take(chunk, outcomes)
    assert [(question.batch.rows, question.problem) for question in inquired.questions] == [([0, 2], LOST), ([1], late)]
