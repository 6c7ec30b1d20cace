"""The places in a vendor's contact that a column can reach, and how text becomes their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

Record = dict[str, object]
"""A contact in its vendor's shape, as JSON."""

Reader = Callable[[str], object]
"""Makes the text of a cell the value of a field; raises Refused."""


@attrs.frozen
class Field:
    """A place in a vendor's contact. `read` is None where the text goes in as it is."""

    path: str
    read: Reader | None = None
    takes_list: bool = False
    """A JSON source may give the list itself instead of its text."""


class Layout(Protocol):
    """How a vendor's contact is built from columns. Each destination has one for its settings."""

    @property
    def neutral(self) -> Mapping[str, str]:
        """The path that each neutral field reaches; `attributes.` stands for all attributes."""
        ...

    @property
    def key_paths(self) -> Sequence[str]:
        """The paths of which a column must reach one (a trailing dot stands for all below it)."""
        ...

    def field(self, path: str) -> Field:
        """The field at a path. Raises UsageError for a path that the vendor's contact does not have."""
        ...

    def records(self, paths: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
        """The `count` contacts of a chunk, from the values of each path by column; None is absent."""
        ...

    def missing_key(self, record: Record) -> str | None:
        """The field that the contact lacks to be identified by, or None when it has what it needs."""
        ...

    def key(self, record: Record) -> str:
        """What the vendor's reply names the contact by."""
        ...

    def identities(self, record: Record) -> Sequence[str]:
        """The texts that no two contacts of a run may share."""
        ...
