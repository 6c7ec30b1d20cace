"""The words of a review: how grave a change is, where it stands, who says so."""

from __future__ import annotations

from enum import IntEnum

import attrs


class Severity(IntEnum):
    """What a change asks of the spec's version."""

    NONE = 0
    PATCH = 1
    """Nothing that is sent, accepted or generated changes its meaning."""
    MINOR = 2
    """Everything that worked goes on working; something is added or promised."""
    MAJOR = 3
    """Something that worked can stop working: a call, a contact, the reading of a reply, the code of a caller."""

    def __str__(self) -> str:
        return self.name.lower()


@attrs.frozen
class Change:
    """One change of one spec, in words of what it means.

    pointer: of the changed value, in the new document, or in the old one where it is gone (`removed`).
    text: Markdown that is safe as it is. by: `wire`, `models`, `golden` or `Redocly`.
    """

    severity: Severity
    pointer: str
    removed: bool
    text: str
    by: str = "wire"
    line: int = 0


class Unusable(Exception):
    """Why no review could be made, in one line: the command was called wrongly, or something is not installed."""
