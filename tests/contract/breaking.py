"""Breaks a value that keeps to a schema, one keyword at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import attrs

from tests.fuzz.spec_values import Node, resolved

_OTHER_TYPES: tuple[Any, ...] = ("text", 7, 0.5, True, None, [], {})


@attrs.frozen
class Broken:
    """A value that breaks one keyword of a schema with a name."""

    schema: str
    keyword: str
    value: Any = attrs.field(repr=False)


def broken(document: Node, schema: Node, value: Any) -> Iterator[Broken]:
    """The value broken in every place where a keyword can be.

    Some that come may keep to the schema all the same, or break more of it than the keyword: the caller's validator
    knows.
    """
    yield from _broken(document, schema, value, "?")


def _broken(document: Node, schema: Node, value: Any, name: str) -> Iterator[Broken]:
    name = schema["$ref"].rsplit("/", 1)[1] if "$ref" in schema else name
    schema = resolved(document, schema)
    for keyword, bad in _here(schema, value):
        yield Broken(name, keyword, bad)
    for branch in schema.get("anyOf", ()):
        yield from _broken(document, branch, value, name)
    if isinstance(value, dict):
        members = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        for member, inner in value.items():
            of_member = members.get(member, others if isinstance(others, dict) else {})
            for each in _broken(document, of_member, inner, name):
                yield attrs.evolve(each, value={**value, member: each.value})
    if isinstance(value, list):
        for place, inner in enumerate(value[:3]):
            for each in _broken(document, schema.get("items", {}), inner, name):
                yield attrs.evolve(each, value=[*value[:place], each.value, *value[place + 1 :]])


def _here(schema: Node, value: Any) -> Iterator[tuple[str, Any]]:
    """The keywords of this schema with a value that breaks each."""
    if "type" in schema:
        for other in _OTHER_TYPES:
            yield "type", other
    if "enum" in schema or "const" in schema:
        keyword = "enum" if "enum" in schema else "const"
        yield keyword, "not one of them"
        yield keyword, -4711
    for forbidden in schema.get("not", {}).get("enum", ()):
        yield "not", forbidden
    if isinstance(value, dict):
        yield from _in_object(schema, value)
    if isinstance(value, list):
        if "minItems" in schema:
            yield "minItems", value[: schema["minItems"] - 1]
        if "maxItems" in schema and value:
            yield "maxItems", [copy.deepcopy(value[0]) for _ in range(schema["maxItems"] + 1)]
        if schema.get("uniqueItems") and value:
            yield "uniqueItems", [value[0], value[0]]
    if isinstance(value, str):
        if "minLength" in schema:
            yield "minLength", value[: schema["minLength"] - 1]
        if "maxLength" in schema:
            yield "maxLength", "x" * (schema["maxLength"] + 1)
        if "pattern" in schema:
            yield "pattern", "\n"
            yield "pattern", "!"
        if "format" in schema:
            yield "format", "no such form"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if "minimum" in schema:
            yield "minimum", schema["minimum"] - 1
        if "maximum" in schema:
            yield "maximum", schema["maximum"] + 1


def _in_object(schema: Node, value: Node) -> Iterator[tuple[str, Any]]:
    for member in schema.get("required", ()):
        yield "required", {name: each for name, each in value.items() if name != member}
    for member in schema.get("then", {}).get("required", ()):
        for cause in _causes(schema["if"]):
            yield "if", {name: each for name, each in (value | cause).items() if name != member}
    if schema.get("additionalProperties", True) is False:
        yield "additionalProperties", value | {"no_such_member": "text"}
    if "minProperties" in schema:
        yield "minProperties", {}
    if "maxProperties" in schema and value:
        more = {str(number): next(iter(value.values())) for number in range(schema["maxProperties"] + 1)}
        yield "maxProperties", value | more
    if "propertyNames" in schema:
        yield "propertyNames", value | {"no such name": "text"}


def _causes(condition: Node) -> Iterator[Node]:
    """Members that meet the condition of an `if`."""
    for member, schema in condition.get("properties", {}).items():
        for value in schema.get("enum", [schema["const"]] if "const" in schema else []):
            yield {member: value}
