from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.records.masking import mask


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (
            "Contact with the external id already exists: 3",
            {},
            "Contact with the external id already exists: 3",
        ),
        ("Invalid value: Selvig", {"2": "Selvig"}, "Invalid value: <2>"),
        ("invalid value: SELVIG!", {"2": "Selvig"}, "invalid value: <2>!"),
        ("no contact erik@example.com here", {"3": "erik@example.com"}, "no contact <3> here"),
        ("erik@example.com", {"1": "erik", "3": "erik@example.com"}, "<3>"),
        ("other: ian.boothby@example.org.", {}, "other: <masked>"),
        ("/contact/?3=ian%40example.org&limit=5", {}, "/contact/?3=<masked>&limit=5"),
        ("ann.lee@example.org", {"1": "Ann"}, "<1><masked>"),
        ("mobile 917989712345 exists", {}, "mobile <masked> exists"),
        ("mobile +91 79897-12345 exists", {"mobile": "917989712345"}, "mobile <masked> exists"),
        ("call (415) 555.0132 now", {}, "call <masked> now"),
        ("٠٧٩١١١٢٣٤٥٦", {}, "<masked>"),
        ("batch of 1,000 (code 100001)", {}, "batch of 1,000 (code 100001)"),
        ("Listing for Li: failed", {"name": "Li"}, "Listing for <name>: failed"),
        ("A value", {"name": "A"}, "A value"),
        ("Name 王小明 too long", {"name": "王小明"}, "Name <name> too long"),
        ("two\nlines\t here", {"name": "two\nlines"}, "<name> here"),
        ("\x1b[31mred\x1b[0m\x07 \x9b1mbold \u202eabc\u202c z\u200bw \x00", {}, "red bold abc zw"),
        ("\x1b]0;title\x07text", {}, "text"),
        ("e\x00rik", {"1": "erik"}, "<1>"),
        ("\x1b[1" + "m" + "x", {}, "x"),
        ("İstanbul is not İzmir", {"city": "İzmir"}, "İstanbul is not <city>"),
    ],
)
def test_mask(text: str, values: dict[str, str], expected: str) -> None:
    assert mask(text, values) == expected


def test_at_most_300_characters() -> None:
    assert mask("ab " * 100, {}) == ("ab " * 100).strip()
    assert mask("abcd " * 100, {}) == ("abcd " * 100)[:299] + "…"


@given(st.text(), st.text(min_size=4), st.text())
def test_a_value_never_stays(before: str, value: str, after: str) -> None:
    masked = mask(before + value + after, {"f": value})
    assert len(masked) <= 300
    plain = mask(value, {})
    if len(plain) >= 4 and plain.isascii() and "<" not in plain and "f" not in plain.lower():
        assert plain.lower() not in masked.lower()


@given(st.text())
def test_what_is_kept_can_be_printed(text: str) -> None:
    masked = mask(text, {})
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in masked)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "@",
        "1",
        "1-",
        "a@",
        "(",
        " ",
        "\x1b",
        "\x1b]",
        "\x1b[0",
        "ab",
        "+",
        "<",
        "1 - - - ",
        "é",
        "\u202e",
        "%4",
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    values = {"a": "a" * 1000 + "b", "b": "ab" * 500, "c": "aa", "d": piece * 400_000}
    began = time.process_time()
    assert len(mask(text, values)) <= 300
    assert time.process_time() - began < 4
