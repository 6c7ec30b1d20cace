"""Values a hair away from valid ones: what Schemathesis, which draws far and wide, seldom hits.

Every value is made of one that a schema takes, by changing one place as the schema there suggests. Whether it keeps to
the schema still is for a validator to say: some do, and must be taken.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

_OTHERS: tuple[Any, ...] = (None, True, 0, 1.5, "x", "true", [], ["x"], {}, {"x": "x"})
_NAMES = ("unknown", "email", "ID", "3x", "x3", "03", "", " 3", "é")
_MOST = 2000


def neighbours(document: Document, schema: Schema, value: Any) -> Iterator[Any]:
    """The values around this one, which the schema takes."""
    for changed in _around(document, schema, value):
        if changed is not value:
            yield copy.deepcopy(changed)


def _around(document: Document, schema: Schema, value: Any) -> Iterator[Any]:
    for node in _readings(document, schema):
        yield from node.get("enum", ())
        if "const" in node:
            yield node["const"]
        if isinstance(value, str):
            yield from _texts(node, value)
        elif isinstance(value, list):
            yield from _lists(document, node, value)
        elif isinstance(value, dict):
            yield from _objects(document, node, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield from _numbers(node, value)
    yield from _OTHERS


def _readings(document: Document, schema: Schema) -> Iterator[Schema]:
    """The schema, what it refers to, its alternatives and its conditions."""
    if "$ref" in schema:
        node: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        yield from _readings(document, node)
    else:
        yield schema
    for keyword in ("anyOf", "if", "then", "else"):
        held = schema.get(keyword, [])
        for each in held if isinstance(held, list) else [held]:
            yield from _readings(document, each)


def _texts(node: Schema, value: str) -> Iterator[Any]:
    yield from (
        value.lower(),
        value.upper(),
        value.title(),
        f"{value} ",
        f" {value}",
        f"{value}\n",
        f"{value}x",
        value[:-1],
    )
    for length in _bounds(node, "minLength", "maxLength"):
        yield "x" * length
    if value.isascii() and value.isdigit():
        yield int(value)
    yield from ("", "-", "0", "FAX", "٣")


def around_text(node: Schema, value: str) -> list[str]:
    """Texts a hair away from this one."""
    return [each for each in _texts(node, value) if isinstance(each, str) and each]


def _lists(document: Document, node: Schema, value: list[Any]) -> Iterator[Any]:
    for length in _bounds(node, "minItems", "maxItems"):
        if length <= _MOST:
            yield (value * (length // len(value) + 1) if value else ["x"] * length)[:length]
    for odd in _OTHERS:
        yield [*value, odd]
    yield from ([*value, *value], {"0": value[0]} if value else {})
    items = node.get("items", {})
    for place in sorted({0, len(value) - 1}) if value else ():
        for changed in _around(document, items, value[place]):
            yield [*value[:place], changed, *value[place + 1 :]]


def _objects(document: Document, node: Schema, value: dict[str, Any]) -> Iterator[Any]:
    for name in value:
        yield {each: held for each, held in value.items() if each != name}
    others = next(iter(value.values()), "x")
    for name in _NAMES:
        yield {**value, name: others}
    yield {**value, "unknown": None}
    yield [value]
    properties, rest = node.get("properties", {}), node.get("additionalProperties")
    for name, held in value.items():
        inner = properties.get(name, rest if isinstance(rest, Mapping) else None)
        if inner is not None:
            for changed in _around(document, inner, held):
                yield {**value, name: changed}
    for name, inner in properties.items():
        if name not in value:
            for node_of in _readings(document, inner):
                for odd in (*node_of.get("enum", ()), *_OTHERS):
                    yield {**value, name: odd}


def _numbers(node: Schema, value: float) -> Iterator[Any]:
    yield from (value + 1, value - 1, -value, value + 0.5, str(value), float(value), -0.0)
    yield from (2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**30)
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if keyword in node:
            yield from (node[keyword] - 1, node[keyword], node[keyword] + 1)


def _bounds(node: Schema, least: str, most: str) -> Iterator[int]:
    if least in node:
        yield from (max(node[least] - 1, 0), node[least])
    if most in node:
        yield from (node[most], node[most] + 1)


def texts(document: Document, schema: Schema) -> Iterator[str]:
    """Texts around those that a parameter in path or query takes."""
    for node in _readings(document, schema):
        yield from (str(value) for value in node.get("enum", ()))
        yield from (f"{value}x" for value in node.get("enum", ()))
        yield from (str(value).swapcase() for value in node.get("enum", ()))
        for number in _numbers(node, 1):
            yield str(number)
        for length in _bounds(node, "minLength", "maxLength"):
            yield "x" * length
    yield from ("true", "True", "false", "1", "0", "-0", "1e0", "0x1", " 1", "1.0", "null", "x", "0" * 24, "g" * 24)
    yield from ("0" * 23, "0" * 25, "A" * 24)
