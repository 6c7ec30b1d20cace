"""The places in a vendor's contact that a column can reach, and how text becomes their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import attrs
import msgspec

from headcount.records.normal import Normal

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
    normal: Normal | None = None
    """Tells by the column which texts need no `read`."""


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

    def identify(self, records: Sequence[Record]) -> tuple[list[str], list[tuple[str, ...]]]:
        """For contacts that pass the check: the key by which the vendor's reply names each, blank where it has none,
        and the texts that no two contacts of a run may share."""
        ...


def objects(names: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
    """The rows of columns as JSON objects with these members; what is None is left out."""
    if not names:
        return [{} for _ in range(count)]
    records: list[Record] = msgspec.to_builtins(list(map(_struct(tuple(names)), *columns)))
    return records


@lru_cache(maxsize=64)
def _struct(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """A struct with these members: by far the cheapest way from columns to objects."""
    members = {f"member_{place}": name for place, name in enumerate(names)}
    fields = [(member, Any, None) for member in members]
    return msgspec.defstruct("Members", fields, rename=members, omit_defaults=True, gc=False)
