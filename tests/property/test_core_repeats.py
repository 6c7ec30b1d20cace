"""The table of keys behaves as a dictionary would, and stays small."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.core import repeats
from headcount.core.repeats import KeyTable


@pytest.fixture(scope="module")
def small_layers() -> Iterator[None]:
    """Sizes so small that a few dozen keys fill every layer several times over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_FIRST_FILTER", 16)
        patch.setattr(repeats, "_SECOND_FILTER", 64)
        patch.setattr(repeats, "_LATELY", 8)
        patch.setattr(repeats, "_SHARDS", 2)
        patch.setattr(repeats, "_PAGE", 2 * repeats._ENTRY)
        yield


class Hashed(str):
    """A key whose hash the test chooses."""

    def __new__(cls, code: int) -> Hashed:
        return super().__new__(cls, hex(code))

    def __hash__(self) -> int:
        return int(self, 16) - (1 << 64 if int(self, 16) >> 63 else 0)


class Model:
    """The same promises, kept by a dictionary."""

    def __init__(self) -> None:
        self.owners: dict[str, int] = {}

    def claim_all(self, keys: list[str | None], first_row: int) -> dict[int, int]:
        earlier = {}
        for at, key in enumerate(keys):
            if key is not None and (owner := self.owners.setdefault(key, first_row + at)) != first_row + at:
                earlier[at] = owner
        return earlier

    def claim_groups(self, groups: list[list[str]], first_row: int) -> bool:
        claims: dict[str, int] = {}
        for row, group in enumerate(groups, first_row):
            if any(self.owners.get(key, claims.get(key, row)) != row for key in group):
                return False
            claims |= dict.fromkeys(group, row)
        self.owners |= claims
        return True


plain_keys = st.one_of(st.text(max_size=3), st.integers(0, 200).map("person{}@example.com".format))
# Hashes that differ in few bits: they meet in the filter, in the parts and in the shards.
close_hashes = st.builds(
    lambda low, middle, high: Hashed(low | middle << 32 | high << 55),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 8),  # not 0: that is the empty text's hash
)
keys = st.one_of(plain_keys, close_hashes)
calls = st.one_of(
    st.tuples(st.just("claim_all"), st.lists(st.one_of(keys, st.none()), max_size=40)),
    st.tuples(st.just("claim_groups"), st.lists(st.lists(keys, max_size=3), max_size=12)),
    st.tuples(st.just("owner"), keys),
)


@settings(deadline=None)
@given(st.lists(calls, max_size=40), st.integers(0, 2**31))
def test_any_mix_of_calls_answers_as_a_dictionary_would(
    small_layers: None, script: list[tuple[str, Any]], row: int
) -> None:
    table, model = KeyTable(), Model()
    for verb, what in script:
        if verb == "claim_all":
            assert table.claim_all(what, row) == model.claim_all(what, row)
            row += len(what)
        elif verb == "claim_groups":
            assert table.claim_groups(what, row) == model.claim_groups(what, row)
            row += len(what)
        else:
            assert table.owner(what) == model.owners.get(what)
    for key, owner in model.owners.items():
        assert table.owner(key) == owner


def test_every_layer_keeps_its_keys_while_it_grows(small_layers: None) -> None:
    table = KeyTable()
    for first in range(0, 3000, 100):
        fresh: list[str | None] = [f"person{row}@example.com" for row in range(first, first + 100)]
        assert table.claim_all(fresh, first) == {}
        assert table.claim_all(fresh, 10_000) == {at: first + at for at in range(100)}
    assert [table.owner(f"person{row}@example.com") for row in range(3000)] == list(range(3000))


def test_keys_stay_apart_at_full_size() -> None:
    table, rows = KeyTable(), 200_000
    for first in range(0, rows, 1000):
        assert table.claim_all([f"person{row}@example.com" for row in range(first, first + 1000)], first) == {}
    again: list[str | None] = [f"person{row}@example.com" for row in range(0, rows, 97)]
    assert table.claim_all(again, rows) == {at: at * 97 for at in range(len(again))}
    assert table.owner("nobody@example.com") is None


def test_the_first_of_equal_keys_in_one_call_owns_them_and_none_owns_nothing() -> None:
    table = KeyTable()
    assert table.claim_all(["a"], 1) == {}
    assert table.claim_all(["b", None, "b", "a", None, "b"], 10) == {2: 10, 3: 1, 5: 10}
    assert table.claim_all([None, None], 20) == {}
    assert table.claim_all([], 30) == {}
    assert table.owner("b") == 10


@pytest.mark.parametrize("bit", range(64))
def test_hashes_that_differ_in_one_bit_are_different_keys(small_layers: None, bit: int) -> None:
    table, code = KeyTable(), 0x0123_4567_89AB_CDEF
    assert table.claim_all([Hashed(code)], 7) == {}
    assert table.claim_all([Hashed(code ^ 1 << bit)], 8) == {}
    assert table.claim_all([Hashed(code), Hashed(code ^ 1 << bit)], 9) == {0: 7, 1: 8}


def test_two_neighbours_that_together_look_like_a_third_key_are_not_taken_for_it(small_layers: None) -> None:
    table, first_row = KeyTable(), 0x44332211
    left, right = Hashed(0x7F00_0000_0000_0011), Hashed(0x7F00_0000_0077_6655)
    table.claim_all([left, right], first_row)
    # In memory left's row and right's first bytes are this key's bytes, and left has set its bits in the filter.
    between = Hashed(0x7F77_6655_4433_2211)
    assert table.owner(between) is None
    assert table.claim_all([between], 5) == {}
    assert (table.owner(left), table.owner(right), table.owner(between)) == (first_row, first_row + 1, 5)


def test_a_row_that_four_bytes_cannot_hold_is_refused_and_claims_nothing() -> None:
    table = KeyTable()
    with pytest.raises(OverflowError):
        table.claim_all(["a", "b"], 2**32 - 1)
    assert table.claim_all(["a"], 2**32 - 1) == {}
    assert table.owner("a") == 2**32 - 1
    assert table.owner("b") is None


GROWTH = """
from pathlib import Path
from headcount.core.repeats import KeyTable

def memory(kind):
    return int(Path("/proc/self/status").read_text().split(kind + ":")[1].split()[0]) * 1024

table = KeyTable()
for first in range(0, 1_000_000, 1000):
    if first == 100_000:
        before = memory("VmRSS")
    table.claim_all([f"person{row}@example.com" for row in range(first, first + 1000)], first)
print((memory("VmHWM") - before) / 900_000)
"""


def test_a_row_costs_at_most_sixteen_bytes_of_the_process() -> None:
    answer = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert float(answer.stdout) <= 16
