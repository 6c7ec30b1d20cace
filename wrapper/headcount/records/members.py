"""The layout of most vendors' contacts: one JSON object with a member for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from headcount.errors import UsageError
from headcount.records.fields import Field, Record


@attrs.frozen
class MemberLayout:
    """A contact is an object whose members are `fields`; `key_field` is the one that identifies it.

    A field whose path ends with a dot, such as `attributes.`, is an object with members of any name, each read alike.
    `neutral` says which field a neutral column reaches. `folds_case` is whether two keys that differ in upper and
    lower case alone are one to the vendor. `vendor` is its name, for people.
    """

    vendor: str
    fields: Sequence[Field]
    neutral: Mapping[str, str]
    key_field: str
    folds_case: bool = False

    @property
    def key_paths(self) -> Sequence[str]:
        return (self.key_field,)

    def field(self, path: str) -> Field:
        for field in self.fields:
            if path == field.path and not path.endswith("."):
                return field
            if field.path.endswith(".") and path.startswith(field.path) and path != field.path:
                return attrs.evolve(field, path=path)
        names = ", ".join(f"{field.path}NAME" if field.path.endswith(".") else field.path for field in self.fields)
        raise UsageError(f"{path!r} is no field of {self.vendor}; the fields are {names}")

    def records(self, paths: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
        records: list[Record] = [{} for _ in range(count)]
        for path, column in zip(paths, columns, strict=True):
            owner, dot, name = path.partition(".")
            inside = bool(dot) and any(field.path == owner + dot for field in self.fields)
            for record, value in zip(records, column, strict=True):
                if value is None:
                    continue
                if inside:
                    members: Any = record.setdefault(owner, {})
                    members[name] = value
                else:
                    record[path] = value
        return records

    def missing_key(self, record: Record) -> str | None:
        value = record.get(self.key_field)
        return self.key_field if value is None or str(value).strip() == "" else None

    def identify(self, records: Sequence[Record]) -> tuple[list[str], list[tuple[str, ...]]]:
        texts = [str(record.get(self.key_field, "")) for record in records]
        own = [text.strip().casefold() if self.folds_case else text.strip() for text in texts]
        keys = [text if identity else "" for text, identity in zip(texts, own, strict=True)]
        return keys, list(zip(own, strict=True))
