"""Which contacts are sent: what is refused, repeated or done already is not."""

from __future__ import annotations

import pytest

from headcount.core.admission import Admission
from headcount.core.batches import Answer, Envelope, Limits
from headcount.core.prepared import Prepared
from headcount.outcome import Kind, Problem, Status

BAD = Problem(Kind.INVALID_VALUE)


def chunk(start: int, *identities: str, problems: dict[int, Problem] | None = None) -> Prepared:
    """Contacts with the identities that stand in each text."""
    payloads = [b"" if problems and at in problems else b'"%d"' % (start + at) for at in range(len(identities))]
    keys = [text.replace(" ", "+") for text in identities]
    return Prepared(start, payloads, keys, [text.split() for text in identities], problems or {})


def admission(repeats: bool = True, max_contacts: int = 100, max_bytes: int | None = None) -> Admission:
    return Admission(Envelope(b"[", b"]"), Limits(max_contacts, max_bytes), repeats=repeats)


def repeated(row: int) -> Problem:
    return Problem(Kind.REPEATED, f"the same contact as row {row}", of_row=row)


def sent(admission: Admission) -> list[int]:
    batch = admission.flush()
    return [] if batch is None else batch.rows


def test_the_first_row_owns_its_identity() -> None:
    gate = admission()
    assert gate.take(chunk(0, "a", "b", "a")).answer == Answer([Status.SKIPPED], {0: repeated(1)})
    admitted = gate.take(chunk(3, "c", "b"))
    assert (admitted.rows, admitted.answer.problems) == ([4], {0: repeated(2)})
    assert sent(gate) == [0, 1, 3]


@pytest.mark.parametrize("identities", [("a", "a"), ("a z", "a y")])
def test_a_refused_row_owns_nothing(identities: tuple[str, str]) -> None:
    gate = admission()
    admitted = gate.take(chunk(0, *identities, problems={0: BAD}))
    assert (admitted.rows, admitted.answer) == ([0], Answer([Status.REJECTED], {0: BAD}))
    assert sent(gate) == [1]


def test_any_of_several_identities_makes_a_repeat_and_a_repeat_owns_nothing() -> None:
    gate = admission()
    admitted = gate.take(chunk(0, "a b", "b c", "c", "a"))
    assert dict(zip(admitted.rows, admitted.answer.problems.values(), strict=True)) == {1: repeated(1), 3: repeated(1)}
    assert sent(gate) == [0, 2]


def test_rows_without_identity_never_repeat() -> None:
    gate = admission()
    assert gate.take(chunk(0, "", "", "a")).rows == []
    assert sent(gate) == [0, 1, 2]


def test_repeats_are_sent_where_they_are_allowed() -> None:
    gate = admission(repeats=False)
    assert gate.take(chunk(0, "a", "a")).rows == []
    assert sent(gate) == [0, 1]


@pytest.mark.parametrize("first", [0, 1])
def test_what_is_done_keeps_its_identity_and_is_left_out(first: int) -> None:
    gate = admission()
    admitted = gate.take(chunk(0, "a", "b", "a", "c", problems={3: BAD}), {first})
    assert admitted.rows == [2, 3]
    assert sent(gate) == [1 - first]
    assert gate.take(chunk(4, "a"), set()).answer.problems == {0: repeated(1)}


def test_a_contact_that_alone_is_too_large() -> None:
    gate = admission(max_bytes=10)
    large = Prepared(0, [b'"123456"', b'"1234567"', b""], ["a", "b", "c"], [["a"], ["b"], ["c"]], {2: BAD})
    admitted = gate.take(large)
    assert [(row, admitted.answer.problems[at].kind) for at, row in enumerate(admitted.rows)] == [
        (1, Kind.TOO_LARGE),
        (2, Kind.INVALID_VALUE),
    ]
    assert sent(gate) == [0]


def test_full_batches_come_out_as_they_fill() -> None:
    gate = admission(max_contacts=2)
    assert [batch.rows for batch in gate.take(chunk(0, "a", "b", "c")).batches] == [[0, 1]]
    assert gate.oldest == 2
    assert sent(gate) == [2]
    assert gate.oldest is None


def test_pieces_are_joined() -> None:
    whole = chunk(5, "a", "b", "c", problems={2: BAD})
    assert Prepared.joined([chunk(5, "a"), chunk(6, "b", "c", problems={1: BAD})]) == whole


def test_the_digest_covers_all_that_came_before() -> None:
    first, second = chunk(0, "a", "b"), chunk(2, "c")
    end = second.digest(first.digest(b""))
    assert chunk(2, "d").digest(first.digest(b"")) == end  # the same payload
    assert second.digest(chunk(0, "a", "b", problems={0: BAD}).digest(b"")) != end
    assert chunk(0, "a", "b", "c").digest(b"", 2) == first.digest(b"")
