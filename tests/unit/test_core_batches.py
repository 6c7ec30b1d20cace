"""Batches by count and by exact size, and what they are taken apart into."""

from __future__ import annotations

import json
import random

import pytest

from headcount.core.batches import Answer, Batch, Batcher, Envelope, Limits
from headcount.core.bisect import halves
from headcount.outcome import Kind, Problem, Status

ENVELOPE = Envelope(b'{"key_id":"3","contacts":[', b"]}")


def payload(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


def batches(limits: Limits, payloads: list[bytes], pieces: int = 1) -> list[Batch]:
    batcher, full = Batcher(ENVELOPE, limits), []
    step = -(-len(payloads) // pieces) or 1
    for start in range(0, len(payloads), step):
        stop = min(start + step, len(payloads))
        rows = range(start, stop)
        full += batcher.add_all(rows, [f"k{row}" for row in rows], payloads[start:stop])
    last = batcher.flush()
    return full if last is None else [*full, last]


@pytest.mark.parametrize("sizes", [[2], [2, 3], [10, 2, 7, 7]])
def test_the_size_is_the_length_of_the_body_byte_for_byte(sizes: list[int]) -> None:
    payloads = [payload(size) for size in sizes]
    body = ENVELOPE.body(payloads)
    assert ENVELOPE.size(sum(sizes), len(sizes)) == len(body)
    assert json.loads(body)["contacts"] == [json.loads(piece) for piece in payloads]


def test_an_empty_body_has_its_size_too() -> None:
    assert ENVELOPE.size(0, 0) == len(ENVELOPE.body([]))


def test_by_count() -> None:
    made = batches(Limits(3), [payload(5)] * 8)
    assert [batch.rows for batch in made] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert made[1].keys == ["k3", "k4", "k5"]


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_by_bytes_at_the_boundary(spare: int) -> None:
    payloads = [payload(size) for size in (9, 4, 6)]
    whole = len(ENVELOPE.body(payloads))
    made = batches(Limits(1000, whole + spare), payloads)
    assert [len(batch) for batch in made] == ([3] if spare >= 0 else [2, 1])


@pytest.mark.parametrize("seed", range(30))
def test_every_batch_is_within_the_limits_and_could_take_no_more(seed: int) -> None:
    chance = random.Random(seed)
    payloads = [payload(chance.randint(2, 40)) for _ in range(chance.randint(1, 60))]
    limits = Limits(chance.randint(1, 12), chance.randint(len(ENVELOPE.body([payload(40)])), 200))
    made = batches(limits, payloads, pieces=chance.randint(1, 9))
    assert [piece for batch in made for piece in batch.payloads] == payloads
    assert [row for batch in made for row in batch.rows] == list(range(len(payloads)))
    for batch, following in zip(made, [*made[1:], None], strict=True):
        assert len(batch) <= limits.max_contacts
        assert len(ENVELOPE.body(batch.payloads)) <= limits.max_bytes  # type: ignore[operator]
        if following is not None:
            one_more = ENVELOPE.body([*batch.payloads, following.payloads[0]])
            assert len(batch) == limits.max_contacts or len(one_more) > limits.max_bytes  # type: ignore[operator]


def test_one_at_a_time_is_the_same_as_many() -> None:
    payloads = [payload(size) for size in (9, 4, 6, 30, 2, 2, 2)]
    limits = Limits(3, 60)
    batcher = Batcher(ENVELOPE, limits)
    single = [batch for row, piece in enumerate(payloads) for batch in batcher.add_all([row], [f"k{row}"], [piece])]
    assert [*single, batcher.flush()] == batches(limits, payloads)
    assert batcher.flush() is None


@pytest.mark.parametrize(("spare", "fits"), [(-1, False), (0, True)])
def test_what_fits_alone(spare: int, fits: bool) -> None:
    limits = Limits(1000, len(ENVELOPE.body([payload(10)])) + spare)
    batcher = Batcher(ENVELOPE, limits)
    assert batcher.fits_alone(payload(10)) is fits
    if not fits:
        with pytest.raises(ValueError, match="row 5 does not fit alone"):
            batcher.add_all([4], ["k4"], [payload(10)])


def test_the_oldest_row_that_waits() -> None:
    batcher = Batcher(ENVELOPE, Limits(2))
    assert batcher.oldest is None
    batcher.add_all([3, 4, 7], ["a", "b", "c"], [payload(5)] * 3)
    assert (batcher.oldest, len(batcher)) == (7, 1)
    batcher.flush()
    assert batcher.oldest is None


@pytest.mark.parametrize(("size", "first", "second"), [(2, 1, 1), (3, 2, 1), (1000, 500, 500), (7, 4, 3)])
def test_halves(size: int, first: int, second: int) -> None:
    batch = Batch(list(range(size)), [f"k{row}" for row in range(size)], [b"%d" % row for row in range(size)])
    one, other = halves(batch)
    assert (len(one), len(other)) == (first, second)
    assert one.rows + other.rows == batch.rows
    assert one.keys + other.keys == batch.keys
    assert one.payloads + other.payloads == batch.payloads


def test_batches_are_joined_in_the_order_of_their_rows() -> None:
    batch = Batch([1, 4, 6, 9], ["a", "b", "c", "d"], [b"1", b"4", b"6", b"9"])
    assert Batch.joined([batch.pick([2, 3]), batch.part(0, 2)]) == batch


def test_an_answer_is_picked_apart_with_its_problems_and_ids() -> None:
    problem = Problem(Kind.EXISTS)
    answer = Answer([Status.CREATED, Status.EXISTING, Status.CREATED], {1: problem}, ["1", None, "3"])
    picked = answer.pick([1, 2])
    assert picked == Answer([Status.EXISTING, Status.CREATED], {0: problem}, [None, "3"])


def test_no_payload_shows_in_a_repr() -> None:
    assert "secret" not in repr(Batch([0], ["k0"], [b'{"3":"secret"}']))
