"""Whether one regular expression takes everything that another takes, as far as that can be told for certain."""

from __future__ import annotations

import re

COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
DOUBTFUL = re.compile(r"\\\{|\(\?|\[[^\]]*\{")
"""An escaped brace, a look-around, a brace in a set: where a count may be something else, or may turn the meaning."""


def includes(outer: str, inner: str) -> bool:
    """Whether the two differ in nothing but how often parts may come, and `outer` lets every part come as often."""
    if outer == inner:
        return True
    if DOUBTFUL.search(outer) or DOUBTFUL.search(inner) or COUNT.sub("{}", outer) != COUNT.sub("{}", inner):
        return False
    return all(
        few <= other_few and many >= other_many
        for (few, many), (other_few, other_many) in zip(_counts(outer), _counts(inner), strict=True)
    )


def _counts(pattern: str) -> list[tuple[float, float]]:
    return [
        (int(few), (float("inf") if not many else int(many)) if comma else int(few))
        for few, comma, many in COUNT.findall(pattern)
    ]
