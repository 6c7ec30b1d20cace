"""Which cells of a column are normal already, told for the whole column at once.

Where a function here says true, the one of `headcount.records.normalise` that goes with it answers the text itself.
Where it says false nothing is known.
"""

# pyarrow brings no types, and makes the functions of its compute module when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import attrs
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from headcount.records import normalise
from headcount.records.columns import TextColumn


@attrs.frozen
class Normal:
    """`tell` takes an Arrow array of texts and answers one of truth values; `value` makes a normal text the value."""

    tell: Callable[[pa.Array], pa.Array]
    value: Callable[[str], object] | None = None


# The bounds of the parts of an address hold by themselves in so short a text, and cost much in an expression.
_SHORT_EMAIL = 64
_EMAIL = (
    r"^[A-Za-z0-9_+\-]+(?:\.[A-Za-z0-9_+\-]+)?(?:\.[A-Za-z0-9_+\-]+)?"
    r"@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z][A-Za-z]+$"
)
_NO_MAIL = (".arpa", ".invalid", ".local", ".localhost", ".onion", ".test")
_UNDAMAGED_PHONE = r"^\+?[0-9][0-9 ()/\-]*[0-9]$"


def odd(cells: Sequence[str], normal: Normal) -> list[int]:
    """The positions of the texts that are not known to be normal."""
    if isinstance(cells, TextColumn):
        array = cells.texts
    else:
        try:
            array = pa.array(cells, pa.string())
        except (UnicodeEncodeError, pa.ArrowException):  # half a character, or too much for one array
            return list(range(len(cells)))
    mask = normal.tell(array)
    return [] if pc.all(mask).as_py() else pc.indices_nonzero(pc.invert(mask)).to_pylist()


def _emails(cells: pa.Array) -> pa.Array:
    """Of `normalise.email`."""
    normal = pc.and_(pc.less_equal(pc.binary_length(cells), _SHORT_EMAIL), pc.match_substring_regex(cells, _EMAIL))
    lowered = pc.ascii_lower(cells)
    for domain in _NO_MAIL:
        normal = pc.and_not(normal, pc.ends_with(lowered, domain))
    return normal


def _undamaged_phones(cells: pa.Array) -> pa.Array:
    """Of `normalise.undamaged_phone`."""
    return pc.match_substring_regex(cells, _UNDAMAGED_PHONE)


def _phones(cells: pa.Array) -> pa.Array:
    """Of `normalise.phone`, whatever its region."""
    starts = pc.unique(pc.utf8_slice_codeunits(cells, 0, 4)).to_pylist()
    codes = {normalise.dialing_code(start[1:]) for start in starts if start.startswith("+")}
    possible, trunk = _expressions(frozenset(code for code in codes if code))
    written = pc.match_substring_regex(cells, possible)
    return written if trunk is None else pc.and_not(written, pc.match_substring_regex(cells, trunk))


@cache
def _expressions(codes: frozenset[str]) -> tuple[str, str | None]:
    """What the possible numbers of these dialing codes match, and which of them have a trunk prefix written in vain."""
    possible, trunk = [], []
    for code in sorted(codes):
        lengths, prefix = normalise.numbering_plan(code)
        possible.append(f"{code}(?:{'|'.join(f'[0-9]{{{length}}}' for length in sorted(lengths))})")
        if prefix is not None:
            trunk.append(f"{code}(?:{prefix.pattern})")
    return rf"^\+(?:{'|'.join(possible)})$" if possible else "^$.", rf"^\+(?:{'|'.join(trunk)})" if trunk else None


EMAIL = Normal(_emails)
PHONE = Normal(_phones)
PHONE_DIGITS = Normal(_phones, lambda text: text[1:])
"""As `normalise.phone_digits` of a number with its plus sign."""
UNDAMAGED_PHONE = Normal(_undamaged_phones)
