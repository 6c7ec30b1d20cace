"""What is said and shown of a record that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from headcount.outcome import Kind, Problem

CELL_LIMIT = 1_000_000
"""The most bytes of one cell."""

_SHOWN = 1000
_LOOKS_PERSONAL = re.compile(r"@|\d{7}")


def malformed(what: str) -> Problem:
    """The text cannot be taken apart into cells."""
    return Problem(Kind.MALFORMED_ROW, what)


def not_utf8(where: str) -> Problem:
    """Bytes that are no text."""
    return Problem(Kind.DAMAGED_VALUE, f"a byte that is not UTF-8 in {where}")


def has_nul(where: str) -> Problem:
    """A NUL character: people never type it."""
    return Problem(Kind.DAMAGED_VALUE, f"a NUL character in {where}")


def too_large(what: str, limit: int = CELL_LIMIT) -> Problem:
    """More bytes than one cell, or one record, may have."""
    return Problem(Kind.TOO_LARGE, f"{what} is over {limit:,} bytes")


def column(position: int, name: str = "") -> str:
    """How messages call the column at `position` (from 0).

    In a file without a header the first record stands where the names should be, so a name that
    could be somebody's address or number is left out.
    """
    shown = 0 < len(name) <= 60 and name.isprintable() and not _LOOKS_PERSONAL.search(name)
    return f'column {position + 1} "{name}"' if shown else f"column {position + 1}"


def readable(cells: Iterable[bytes]) -> list[str]:
    """The texts of a damaged record: bad bytes become U+FFFD, a cell over the limit is cut."""
    return [_cut(cell) if len(cell) > CELL_LIMIT else cell.decode(errors="replace") for cell in cells]


def _cut(cell: bytes) -> str:
    return cell[: 4 * _SHOWN].decode(errors="replace")[:_SHOWN] + "\N{HORIZONTAL ELLIPSIS}"
