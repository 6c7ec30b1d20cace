"""A vendor's contact against the whole schema of its compiled spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from headcount.outcome import Kind, Problem
from headcount_api import specs

_TEXTS = {
    "additionalProperties": "the vendor's contact has no such field",
    "anyOf": "not one of the forms that the vendor takes",
    "enum": "not one of the values that the vendor takes",
    "maxLength": "longer than the vendor takes",
    "maxItems": "more items than the vendor takes",
    "minItems": "fewer items than the vendor takes",
    "minLength": "shorter than the vendor takes",
    "pattern": "not written as the vendor takes it",
    "propertyNames": "a field name that the vendor does not have",
    "required": "a value that the vendor requires is missing",
    "type": "not of the type that the vendor takes",
}


class SchemaCheck:
    """The check of a JSON value by a schema of a compiled spec, whose `components` its references point into."""

    def __init__(self, schema: Mapping[str, Any], components: Mapping[str, Any]) -> None:
        within = {"components": components}
        values = {keyword: schema[keyword] for keyword in schema if keyword != "propertyNames"}
        self._validator = jsonschema_rs.Draft202012Validator({**schema, **within})
        self._values = jsonschema_rs.Draft202012Validator({"items": values, **within})
        self._names = jsonschema_rs.Draft202012Validator({"items": schema.get("propertyNames", True), **within})

    def passes(self, records: Sequence[Mapping[str, object]]) -> bool:
        """Whether the schema refuses none of the objects. Their names, which are few, are judged once each."""
        return self._names.is_valid([*set().union(*records)]) and self._values.is_valid(records)

    def problem(self, record: object) -> Problem | None:
        """Why the schema refuses the value, or None when it does not. The value is not told."""
        if self._validator.is_valid(record):
            return None
        error = next(iter(self._validator.iter_errors(record)))
        keyword = error.kind.name
        path = ".".join(str(part) for part in error.instance_path)
        kind = Kind.INVALID_VALUE
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            kind = Kind.MISSING_VALUE
            path = ".".join(filter(None, (path, str(error.kind.property))))
        text = _TEXTS.get(keyword, f"refused by the schema's {keyword}")
        return Problem(kind, f"{path}: {text}" if path else text, field=path or None)


class ContactCheck(SchemaCheck):
    """The check of one contact before it is sent, by a schema of a compiled spec.

    `spec` is the name of one in `headcount_api.specs`, or the document itself, for a vendor from outside. `schema` is
    the schema's name.
    """

    def __init__(self, spec: str | Mapping[str, Any], schema: str = "Contact") -> None:
        components = _components(spec)
        super().__init__(components["schemas"][schema], components)


class KeyCheck(SchemaCheck):
    """The check of a contact that is its key alone, as one to delete is.

    `spec` is as in `ContactCheck`, `field` is the key's, and `value` refers to the schema of its value in the spec.
    """

    def __init__(self, spec: str | Mapping[str, Any], field: str, value: str) -> None:
        schema = {
            "type": "object",
            "required": [field],
            "additionalProperties": False,
            "properties": {field: {"$ref": value}},
        }
        super().__init__(schema, _components(spec))


def _components(spec: str | Mapping[str, Any]) -> Mapping[str, Any]:
    document = specs.load(spec) if isinstance(spec, str) else spec
    components: Mapping[str, Any] = document["components"]
    return components


def text_values(record: object, path: Sequence[str] = ()) -> dict[str, str]:
    """Every text and number in a contact, by the field it stands in; what masking needs to know."""
    if isinstance(record, dict):
        return {
            name: text for key, value in record.items() for name, text in text_values(value, (*path, str(key))).items()
        }
    if isinstance(record, list):
        values: dict[str, str] = {}
        for number, value in enumerate(record):
            for name, text in text_values(value, path).items():
                values[name if name not in values else f"{name}.{number}"] = text
        return values
    if record is None or isinstance(record, bool):
        return {}
    return {".".join(path): str(record)}
