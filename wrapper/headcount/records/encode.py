"""Rows and records to bytes: the one encoder. A contact becomes JSON here, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, cast

import attrs
import msgspec

from headcount.core.prepared import Prepared
from headcount.outcome import Kind, Problem
from headcount.records.check import SchemaCheck
from headcount.records.columns import TextColumn
from headcount.records.contacts import flat_attributes
from headcount.records.fields import Field, Layout, Record
from headcount.records.mapping import ColumnMap, Routing, listed
from headcount.records.members import MemberLayout
from headcount.records.normal import odd
from headcount.records.normalise import Refused
from headcount.records.rows import Cell, Rows

T = TypeVar("T")
_NO_TEXT = Problem(Kind.INVALID_VALUE, "a text is wanted, not a list or an object")


class Encoder:
    """Makes chunks of contacts ready to send: mapped, normalised, checked against the spec, encoded.

    `warnings` gathers, once each, what the caller should be told: the columns that reach nothing.
    """

    def __init__(self, layout: Layout, check: SchemaCheck, columns: ColumnMap) -> None:
        self._layout = layout
        self._check = check
        self._columns = columns
        self._routings: dict[tuple[str, ...], Routing] = {}
        self._encode = msgspec.json.Encoder().encode
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._unused: set[str] = set()
        self.warnings: list[str] = []

    def rows(self, rows: Rows) -> Prepared:
        """Encode a chunk of columns."""
        rows = flat_attributes(rows)
        routing = self._routing(rows.columns)
        cells = dict(zip(rows.columns, rows.cells, strict=True))
        problems = dict(rows.problems)
        values = []
        for binding in routing.bindings:
            column: Sequence[Cell] = _joined([cells[name] for name in binding.columns], len(rows))
            if binding.fill is not None:
                column = [binding.fill if cell is None else cell for cell in column]
            values.append(_read(column, binding.field, problems))
        records = self._layout.records([binding.field.path for binding in routing.bindings], values, len(rows))
        return self._prepared(rows.index, records, problems)

    def records(self, start: int, items: Sequence[object]) -> Prepared:
        """Encode contacts that are in the vendor's shape already: wire records, or mappings of field to value."""
        problems: dict[int, Problem] = {}
        records: list[Record] = []
        for at, item in enumerate(items):
            record: object = None
            try:
                # What is checked is what will be sent: NaN, say, turns into null here.
                record = msgspec.json.decode(self._encode(_text_keys(item)))
            except (TypeError, ValueError, OverflowError, RecursionError):
                problems[at] = Problem(Kind.INVALID_VALUE, "the contact cannot be written as JSON")
            if not isinstance(record, dict):
                problems.setdefault(at, Problem(Kind.INVALID_VALUE, "neither a Contact nor a mapping of fields"))
                record = {}
            records.append(record)
        return self._prepared(start, records, problems)

    def _routing(self, columns: tuple[str, ...]) -> Routing:
        routing = self._routings.get(columns)
        if routing is None:
            routing = self._routings[columns] = self._columns.routing(columns)
            unused = [column for column in routing.unused if column not in self._unused]
            if unused:
                self._unused.update(unused)
                what = "column" if len(unused) == 1 else "columns"
                verb = "reaches" if len(unused) == 1 else "reach"
                named = f"the {what} {listed(unused)} {verb} nothing"
                alone = isinstance(self._layout, MemberLayout) and len(self._layout.fields) == 1
                hint = "" if alone else f"; --map FIELD={listed(unused[:1])} would send it"
                self.warnings.append(named + hint)
        return routing

    def _prepared(self, start: int, records: list[Record], problems: dict[int, Problem]) -> Prepared:
        count = len(records)
        places = [at for at in range(count) if at not in problems] if problems else range(count)
        contacts = [records[at] for at in places] if problems else records
        found = self._encoded(contacts)
        if found is None:
            refused = {at: problem for at in places if (problem := self._problem(records[at])) is not None}
            problems |= refused
            places = [at for at in places if at not in refused]
            found = self._encoded([records[at] for at in places])
            assert found is not None, "each of these contacts has passed alone"
        payloads, keys, identities = found
        if len(places) < count:
            payloads, keys = _spread(payloads, places, count, b""), _spread(keys, places, count, "")
            identities = _spread(identities, places, count, ())
        return Prepared(start, payloads, keys, identities, problems)

    def _encoded(self, contacts: list[Record]) -> tuple[list[bytes], list[str], list[tuple[str, ...]]] | None:
        """Payloads, keys and identities; None if one of the contacts may not be sent as it is."""
        if not self._check.passes(contacts):
            return None
        keys, identities = self._layout.identify(contacts)
        if "" in keys:
            return None
        try:
            payloads = self._encode_lines(contacts).split(b"\n")
        except UnicodeEncodeError:
            return None
        del payloads[-1]  # what stands behind the last line's end
        return payloads, keys, identities

    def _problem(self, record: Record) -> Problem | None:
        """Why a contact may not be sent as it is, or None."""
        missing = self._layout.missing_key(record)
        if missing is not None:
            return _missing(missing)
        problem = self._check.problem(record)
        if problem is None:
            try:
                self._encode(record)
            except UnicodeEncodeError:
                problem = Problem(Kind.INVALID_VALUE, "the text holds half a character; JSON has none")
        return problem


def _spread(values: list[T], places: Sequence[int], count: int, nothing: T) -> list[T]:
    """The values at these places among `count`, and nothing elsewhere."""
    spread = [nothing] * count
    for at, value in zip(places, values, strict=True):
        spread[at] = value
    return spread


def _joined(columns: Sequence[Sequence[Cell]], count: int) -> Sequence[Cell]:
    """One column of several: the texts of a row joined by a blank."""
    if len(columns) == 1:
        return columns[0]
    if not columns:
        return [None] * count
    if all(map(_is_full, columns)):
        return list(map(" ".join, cast(Iterable[tuple[str, ...]], zip(*columns, strict=True))))
    return [" ".join(cell for cell in cells if isinstance(cell, str)) or None for cells in zip(*columns, strict=True)]


def _is_full(column: Sequence[Cell]) -> bool:
    """Whether all its cells are texts."""
    return not column.texts.null_count if isinstance(column, TextColumn) else set(map(type, column)) == {str}


def _read(column: Sequence[Cell], field: Field, problems: dict[int, Problem]) -> Sequence[object]:
    """The values of a field; a text that it refuses becomes a problem of its row."""
    if field.read is None:
        return column
    places: Sequence[int] = range(len(column))
    texts = cast(Sequence[str], column)
    if not _is_full(column):
        for at, cell in enumerate(column):
            if isinstance(cell, (list, dict)) and not (field.takes_list and isinstance(cell, list)):
                problems.setdefault(at, _of_field(_NO_TEXT, field.path))
        places = [at for at, cell in enumerate(column) if isinstance(cell, str)]
        texts = [cell for cell in column if isinstance(cell, str)]
    values: list[object] = [*column]
    if field.normal is not None and 2 * len(set(texts)) > len(texts):
        odd_ones = odd(texts, field.normal)
        if field.normal.value is not None:
            for at, text in zip(places, texts, strict=True):
                values[at] = field.normal.value(text)
        places, texts = [places[at] for at in odd_ones], [texts[at] for at in odd_ones]
    readings: dict[str, object] = {}
    refusals: dict[str, Problem] = {}
    for text in set(texts):
        try:
            readings[text] = field.read(text)
        except Refused as refused:
            readings[text], refusals[text] = text, _of_field(refused.problem, field.path)
    for at, text in zip(places, texts, strict=True):
        values[at] = readings[text]
        if text in refusals:
            problems.setdefault(at, refusals[text])
    return values


def _of_field(problem: Problem, path: str) -> Problem:
    return attrs.evolve(problem, detail=f"{path}: {problem.detail}", field=path)


def _missing(field: str) -> Problem:
    return Problem(Kind.MISSING_KEY, f"{field}: the value that identifies the contact is missing", field=field)


def _text_keys(item: object) -> object:
    """A mapping with its field names as text: Emarsys' numeric field ids are often written as numbers."""
    return {str(key): value for key, value in item.items()} if isinstance(item, Mapping) else item
