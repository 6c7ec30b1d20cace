"""Which column reaches which field of the vendor's contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from headcount.errors import UsageError
from headcount.records.fields import Field, Layout
from headcount.records.masking import mask

ATTRIBUTES = "attributes."
_NAME = "name"
_NAME_PARTS = ("given_name", "surname")


@attrs.frozen
class Binding:
    """A field, the columns it takes (their texts joined by a blank when several), and what fills its gaps."""

    field: Field
    columns: tuple[str, ...]
    fill: str | None = None


@attrs.frozen
class Routing:
    """Where the columns of a chunk go; `unused` names those that reach nothing."""

    bindings: tuple[Binding, ...]
    unused: tuple[str, ...]


class ColumnMap:
    """Neutral columns reach the vendor's fields by their names; `mapped` (field to column) adds or overrides;
    `constants` (field to text) fill what is absent. A field is a path of the vendor's contact or a neutral name.
    """

    def __init__(
        self,
        layout: Layout,
        mapped: Mapping[str, str] | None = None,
        constants: Mapping[str, str] | None = None,
    ) -> None:
        """Raises UsageError for a field that the vendor's contact does not have."""
        self._layout = layout
        self._mapped = {self._path(name): column for name, column in (mapped or {}).items()}
        self._constants = {self._path(name): value for name, value in (constants or {}).items()}
        for path in (*self._mapped, *self._constants):
            layout.field(path)

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raises UsageError when a mapped column is not there, or none of them reaches the key."""
        for path, column in self._mapped.items():
            if column not in columns:
                raise UsageError(f"there is no column {column!r} for {path}; the columns are {listed(columns)}")
        routing = self.routing(columns)
        keys = self._layout.key_paths
        if not any(_reaches(binding.field.path, keys) for binding in routing.bindings):
            wanted = " or ".join(sorted(name for name, path in self._layout.neutral.items() if _reaches(path, keys)))
            hint = f"a column named {wanted}, or " if wanted else ""
            raise UsageError(
                f"no column reaches the key ({', '.join(keys)}): it takes {hint}--map {keys[0]}=COLUMN; "
                f"the columns are {listed(columns)}"
            )

    def routing(self, columns: Sequence[str]) -> Routing:
        """Where these columns go."""
        taken: dict[str, list[str]] = {}
        for column in columns:
            path = self._path_of_column(column, columns)
            if path is not None:
                taken.setdefault(path, []).append(column)
        for names in taken.values():
            names.sort(key=lambda name: name == _NAME_PARTS[-1])  # the given name goes before the surname
        taken |= {path: [column] for path, column in self._mapped.items() if column in columns}
        used = {column for names in taken.values() for column in names}
        paths = [*taken, *(path for path in self._constants if path not in taken)]
        bindings = tuple(
            Binding(self._layout.field(path), tuple(taken.get(path, ())), self._constants.get(path)) for path in paths
        )
        return Routing(bindings, tuple(column for column in columns if column not in used))

    def _path_of_column(self, column: str, columns: Sequence[str]) -> str | None:
        neutral = self._layout.neutral
        if column in _NAME_PARTS and _NAME in columns and neutral.get(column) == neutral.get(_NAME):
            return None
        if column.startswith(ATTRIBUTES) and ATTRIBUTES in neutral:
            return neutral[ATTRIBUTES] + column.removeprefix(ATTRIBUTES)
        return neutral.get(column)

    def _path(self, name: str) -> str:
        return self._layout.neutral.get(name, name)


def _reaches(path: str, keys: Sequence[str]) -> bool:
    return any(path == key or (key.endswith(".") and path.startswith(key)) for key in keys)


def listed(columns: Sequence[str]) -> str:
    """The first dozen names, fit to print: a header can hold control characters, and a file without one, people."""
    shown = ", ".join(mask(column, {}) for column in columns[:12])
    return f"{shown}, ... ({len(columns)} in all)" if len(columns) > 12 else shown
