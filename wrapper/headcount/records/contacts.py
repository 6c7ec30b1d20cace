"""Contacts as rows of the neutral columns, and back; objects of attributes as columns of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from headcount.contact import Contact
from headcount.outcome import Kind, Problem
from headcount.records.mapping import ATTRIBUTES
from headcount.records.rows import Cell, Rows

_UNREADABLE = Problem(Kind.INVALID_VALUE, "a value that cannot be read as text")
_BOOLEANS: Mapping[str, Any] = {"true": True, "false": False}
_PLAIN_FIELDS = ("external_id", "email", "phone", "name", "given_name", "surname", "language")


def contact_rows(start: int, contacts: Sequence[Contact]) -> Rows:
    """Contacts as a chunk of the neutral columns that any of them fills."""
    columns: dict[str, list[Cell]] = {}
    problems: dict[int, Problem] = {}
    for at, contact in enumerate(contacts):
        try:
            cells = _cells(contact)
        except Exception:  # noqa: BLE001 a value may be an object of the caller's, or a number of any length
            problems[at] = _UNREADABLE
            continue
        for name, cell in cells:
            columns.setdefault(name, [None] * len(contacts))[at] = cell
    lines = range(start + 1, start + 1 + len(contacts))
    return Rows(start, tuple(columns), list(columns.values()), lines, problems)


def _cells(contact: Contact) -> list[tuple[str, Cell]]:
    tags: object = contact.tags
    if isinstance(tags, (list, tuple)):
        tags = list(tags) or None
    elif isinstance(tags, (set, frozenset)):
        tags = sorted(map(str, tags)) or None
    fields: list[tuple[str, object]] = [(name, getattr(contact, name)) for name in (*_PLAIN_FIELDS, "consent")]
    fields.append(("tags", tags))
    attributes: object = contact.attributes
    if isinstance(attributes, Mapping):
        fields += [(f"{ATTRIBUTES}{name}", value) for name, value in attributes.items()]
    else:
        fields.append((ATTRIBUTES.removesuffix("."), attributes))
    return [(name, cell) for name, value in fields if (cell := _cell(value)) is not None]


def is_neutral(record: object) -> bool:
    """Whether a JSON value is an object of neutral fields alone, as `contact_rows` writes a Contact."""
    names = {*_PLAIN_FIELDS, "consent", "tags"}
    return isinstance(record, dict) and all(name in names or name.startswith(ATTRIBUTES) for name in record)


def contact_of(record: Mapping[str, Any]) -> Contact:
    """The Contact that `contact_rows` wrote as this record."""
    consent = record.get("consent")
    return Contact(
        **{name: record.get(name) for name in _PLAIN_FIELDS},
        consent=_BOOLEANS.get(consent, consent) if isinstance(consent, str) else consent,
        tags=record.get("tags"),
        attributes={
            name.removeprefix(ATTRIBUTES): value for name, value in record.items() if name.startswith(ATTRIBUTES)
        },
    )


def flat_attributes(rows: Rows) -> Rows:
    """The rows with the objects of a column `attributes` taken apart into columns `attributes.NAME`."""
    name = ATTRIBUTES.removesuffix(".")
    if name not in rows.columns:
        return rows
    columns = dict(zip(rows.columns, rows.cells, strict=True))
    cells = columns.pop(name)
    others: list[Cell] = [None if isinstance(cell, dict) else cell for cell in cells]
    if any(cell is not None for cell in others):
        columns[name] = others
    own: dict[str, list[Cell]] = {}
    for at, cell in enumerate(cells):
        for key, value in cell.items() if isinstance(cell, dict) else ():
            path = ATTRIBUTES + key
            if path not in own:
                own[path] = list(columns.get(path, [None] * len(rows)))
            if own[path][at] is None:
                own[path][at] = _cell(value)
    columns |= own
    return attrs.evolve(rows, columns=tuple(columns), cells=list(columns.values()))


def _cell(value: object) -> Cell:
    """A value as a cell: text unless it is a list or an object; what is blank is absent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return value
    if not isinstance(value, (str, int, float, type(None))):
        return {}  # no text stands for it, and no field takes an object
    text = "" if value is None else str(value)
    return None if not text or text.isspace() else text
