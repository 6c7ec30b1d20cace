"""Emarsys' reply codes: what kind of problem each one is, together with the HTTP status that it comes with.

The vendor uses a number for several things and with several statuses, so neither says it alone. The errors of single
contacts, inside a reply of status 200, have the same numbers with the same sense as refusals of whole requests inside
one. Codes and texts are in `x-reply-codes` of specs/emarsys.yaml, with their evidence.
"""

from __future__ import annotations

from collections.abc import Mapping

from headcount.outcome import Kind

_LONGEST = 10
"""Digits that no code has."""
KINDS: Mapping[tuple[int, int | None], Kind] = {
    (200, 1): Kind.FORBIDDEN,
    (400, 1): Kind.REFUSED,
    (401, 1): Kind.FORBIDDEN,
    (500, 1): Kind.UNAVAILABLE,
    (400, 1000): Kind.TOO_LARGE,
    (400, 1001): Kind.INVALID_VALUE,
    (400, 1002): Kind.INVALID_VALUE,
    (400, 1003): Kind.UNAVAILABLE,
    (500, 1003): Kind.UNAVAILABLE,
    (400, 1006): Kind.MISSING_VALUE,
    (400, 1007): Kind.INVALID_VALUE,
    (400, 1008): Kind.INVALID_VALUE,
    (400, 1009): Kind.REFUSED,
    (400, 1010): Kind.REFUSED,
    (400, 2001): Kind.UNAVAILABLE,
    (400, 2002): Kind.TOO_LARGE,
    (400, 2003): Kind.INVALID_VALUE,
    (200, 2004): Kind.INVALID_VALUE,
    (400, 2004): Kind.INVALID_VALUE,
    (200, 2005): Kind.MISSING_KEY,
    (400, 2005): Kind.MISSING_KEY,
    (200, 2006): Kind.INVALID_VALUE,
    (400, 2006): Kind.INVALID_VALUE,
    (200, 2007): Kind.INVALID_VALUE,
    (400, 2007): Kind.INVALID_VALUE,
    (200, 2008): Kind.NOT_FOUND,
    (400, 2008): Kind.NOT_FOUND,
    (404, 2008): Kind.NOT_FOUND,
    (200, 2009): Kind.EXISTS,
    (400, 2009): Kind.EXISTS,
    (200, 2010): Kind.CONFLICT,
    (400, 2010): Kind.CONFLICT,
    (200, 2011): Kind.UNAVAILABLE,
    (500, 2011): Kind.UNAVAILABLE,
    (400, 2012): Kind.INVALID_VALUE,
    (200, 2013): Kind.INVALID_VALUE,
    (400, 2013): Kind.INVALID_VALUE,
    (400, 2014): Kind.MISSING_VALUE,
    (400, 2015): Kind.INVALID_VALUE,
    (400, 2016): Kind.INVALID_VALUE,
    (400, 2020): Kind.NOT_FOUND,
    (400, 3001): Kind.REFUSED,
    (500, 3001): Kind.MISSING_VALUE,
    (400, 3002): Kind.TOO_LARGE,
    (500, 3002): Kind.TOO_LARGE,
    (400, 3003): Kind.INVALID_VALUE,
    (500, 3003): Kind.INVALID_VALUE,
    (400, 3004): Kind.INVALID_VALUE,
    (500, 3004): Kind.MISSING_VALUE,
    (400, 3005): Kind.EXISTS,
    (500, 3005): Kind.EXISTS,
    (400, 3006): Kind.NOT_FOUND,
    (404, 3006): Kind.NOT_FOUND,
    (400, 3007): Kind.MISSING_VALUE,
    (400, 3008): Kind.REFUSED,
    (400, 7001): Kind.EXISTS,
    (400, 7002): Kind.NOT_FOUND,
    (429, 7003): Kind.RATE_LIMITED,
    (500, 7003): Kind.UNAVAILABLE,
    (400, 9001): Kind.INVALID_VALUE,
    (400, 9002): Kind.EXISTS,
    (400, 9003): Kind.INVALID_VALUE,
    (500, 9004): Kind.REFUSED,
    (400, 9005): Kind.MISSING_VALUE,
    (400, 9006): Kind.INVALID_VALUE,
    (202, 10001): Kind.UNAVAILABLE,
    (400, 10001): Kind.INVALID_VALUE,
    (403, None): Kind.FORBIDDEN,
    (501, None): Kind.UNAVAILABLE,
    (502, None): Kind.UNAVAILABLE,
    (503, None): Kind.UNAVAILABLE,
}
"""By status and code; None is an answer without a code, and 200 also that of a contact's own error.

Where one pair has several meanings, which only the text tells apart, the kind is that of most of them. 200 with 1 and
with 2011 are not documented; they are here to be read as with the statuses that are.
"""


def kind_of(status: int, code: int | str | None) -> Kind | None:
    """What kind of problem an answer with this HTTP status and reply code is; None where neither is known.

    A code that is known with status 400 means the same where it comes inside a 200, as the vendor documents of some.
    """
    text = str(code)
    number = int(text) if text.isdecimal() and len(text) < _LONGEST else None
    kind = KINDS.get((status, number))
    if kind is None and 200 <= status <= 299:
        kind = KINDS.get((200, number), KINDS.get((400, number)))
    return kind if kind is not None else KINDS.get((status, None))
