"""ULIDs, of which the mocked Sinch makes its ids and nonces: 26 characters that sort by time."""

from __future__ import annotations

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(moment: float, number: int) -> str:
    """A ULID of a Unix time in seconds, with a number in decimal digits in the place of chance."""
    milliseconds = int(moment * 1000)
    return "".join(_CROCKFORD[milliseconds >> shift & 31] for shift in range(45, -1, -5)) + f"{number:016}"
