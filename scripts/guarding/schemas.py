"""Rules for schemas: types that both generators can express, names, and references that end."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from typing import Any

import jsonschema_rs

from guarding.refusals import Refusals, shown
from guarding.walking import Node

SCHEMA_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
PROPERTY_NAME = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@$-]*")
QUOTABLE = re.compile(r'[^"\\\x00-\x1f\x7f]*')
TAKEN_PROPERTIES = frozenset(
    "additional_keys additional_properties cast cls d field_dict from_dict src_dict to_dict to_multipart".split()
)
"""Names that the classes of openapi-python-client need for themselves."""
TAKEN_SCHEMAS = frozenset(
    "Annotated Any AsyncCall AsyncOperations AuthenticatedClient Awaitable BinaryIO Call Callable Client Field File "
    "FileTypes Generator HTTPStatus Literal Mapping Meta Operations Optional Protocol Response Struct T TextIO "
    "TypeAlias TypeVar UNSET Union Unset UnsetType".split()
) | frozenset(dir(builtins))
"""Names that generated modules import, or find without."""
TYPES = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})
_KEYWORDS = {
    "string": "minLength maxLength pattern",
    "integer number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
    "array": "items minItems maxItems uniqueItems",
    "object": "properties required additionalProperties minProperties maxProperties dependentRequired propertyNames",
}
NEEDS = {keyword: frozenset(types.split()) for types, keywords in _KEYWORDS.items() for keyword in keywords.split()}
"""The type without which a keyword is lost."""


def alike(name: str) -> str:
    """What is left of a name once generators have made their names of it."""
    return re.sub(r"[\W_]", "", name.casefold()) or name


def refuse_alike(names: Iterable[tuple[str, int]], what: str, refusals: Refusals) -> None:
    first: dict[str, str] = {}
    for name, line in names:
        other = first.setdefault(alike(name), name)
        if other != name:
            wrong = f"the {what} {shown(other)} and {shown(name)} become one name"
            refusals.add(line, wrong, "names that differ in letters or digits")


def check_schemas(nodes: list[Node], refusals: Refusals) -> None:
    named = {node.name: node for node in nodes if node.named and node.kind == "schema"}
    for node in named.values():
        if not SCHEMA_NAME.fullmatch(node.name) or node.name in TAKEN_SCHEMAS:
            wrong = f"{shown(node.name)} cannot name a schema: it becomes a class"
            refusals.add(node.line(), wrong, "a name like CreateContactsRequest that Python does not use itself")
    refuse_alike(((name, node.line()) for name, node in named.items()), "schemas", refusals)
    known = known_types(named)
    alternatives = {id(branch.value) for node in nodes for branch in branches(node)}
    for node in nodes:
        if types_of(node) == {"null"} and node.kind == "schema" and id(node.value) not in alternatives:
            wrong = "a schema that is null alone: a response of it makes a client that cannot be imported"
            refusals.add(node.line("type"), wrong, 'the other type too, like [string, "null"]')
        if node.kind in ("schema", "assertion"):
            check_pattern(node, refusals)
        if node.kind == "schema" and "$ref" not in node.value:
            check_type(node, refusals)
            check_values(node, refusals)
            check_members(node, refusals)
            check_alternatives(node, known, refusals)
    check_cycles(named, refusals)


def types_of(node: Node) -> set[str]:
    found = node.value.get("type")
    return {each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)}


def known_types(named: dict[str, Node]) -> dict[str, set[str]]:
    """The JSON types of each schema with a name, through its references and alternatives."""
    own = {name: _types_and_references(node.value) for name, node in named.items()}
    users: dict[str, list[str]] = {}
    for name, (_, references) in own.items():
        for each in references:
            users.setdefault(each, []).append(name)
    known = {name: set(types) for name, (types, _) in own.items()}
    waiting = list(known)
    while waiting:
        name = waiting.pop()
        for user in users.get(name, ()):
            if not known[name] <= known[user]:
                known[user] |= known[name]
                waiting.append(user)
    return known


def all_types(schema: Any, known: dict[str, set[str]]) -> set[str]:
    types, references = _types_and_references(schema)
    return types.union(*(known.get(each, set()) for each in references))


def resolved(schema: Any, named: dict[str, Node]) -> dict[str, Any]:
    """A schema, or the one that its references lead to; an empty one where they lead nowhere."""
    met: set[str] = set()
    while isinstance(schema, dict) and "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        if name in met or name not in named:
            return {}
        met.add(name)
        schema = named[name].value
    return schema if isinstance(schema, dict) else {}


def _types_and_references(schema: Any) -> tuple[set[str], set[str]]:
    """The types that a schema says itself, and the names of those that it leaves it to."""
    types: set[str] = set()
    references: set[str] = set()
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, dict):
            continue
        if "$ref" in each:
            references.add(str(each["$ref"]).rsplit("/", 1)[-1])
            continue
        said, inner = each.get("type"), each.get("anyOf")
        types |= {one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str)}
        waiting += inner if isinstance(inner, list) else []
    return types, references


def branches(node: Node) -> list[Node]:
    found = list(enumerate(node.get("anyOf", list)))
    place = node.place.inside.get("anyOf")
    return [Node("schema", each, place.inside[str(n)]) for n, each in found if place and isinstance(each, dict)]


def check_type(node: Node, refusals: Refusals) -> None:
    types = types_of(node)
    declared = node.value.get("type")
    line = node.line("type")
    if "type" in node.value and (
        not types or types - TYPES or (isinstance(declared, list) and len(declared) != len(types))
    ):
        refusals.add(
            line, f"{shown(str(declared))} is no type", f"one of {', '.join(sorted(TYPES))}, or a list of them"
        )
        return
    if len(types) > 1 and types & {"object", "array"}:
        refusals.add(line, "a list of types with object or array in it", "anyOf with a branch for each type")
    for key in node.value:
        if key in NEEDS and not types & NEEDS[key]:
            wanted = " or ".join(sorted(NEEDS[key]))
            refusals.add(node.line(key), f"{key} without the type {wanted} is lost", f"type: {wanted} beside it")
    if "array" in types and "items" not in node.value:
        refusals.add(line, "an array without items", "items: {} where they can be anything")


def check_values(node: Node, refusals: Refusals) -> None:
    if "const" in node.value and (not isinstance(node.value["const"], str) or types_of(node) != {"string"}):
        wrong = "a const that is no text with type: string beside it"
        refusals.add(node.line("const"), wrong, "the type alone, and the value in the description")
    elif not QUOTABLE.fullmatch(node.value.get("const", "")):
        wrong = "a const with a quote, a backslash or a control character: the client compares it with another text"
        refusals.add(node.line("const"), wrong, "an enum of this one value")
    if "enum" not in node.value:
        return
    values = node.get("enum", list)
    line = node.line("enum")
    kinds = {type(value) for value in values}
    if kinds not in ({str}, {int}) or types_of(node) != {"string" if kinds == {str} else "integer"}:
        wrong = "an enum that is not all texts with type: string, or all integers with type: integer"
        refusals.add(line, wrong, 'one of these; null as a branch of an anyOf: {type: "null"}')
        return
    if len(values) != len(set(values)):
        refusals.add(line, "an enum that has a value twice", "each value once")
    if kinds == {str}:
        refuse_alike(((value, node.line("enum", str(n))) for n, value in enumerate(values)), "values", refusals)


def check_members(node: Node, refusals: Refusals) -> None:
    properties = node.get("properties", dict)
    for name in properties:
        line = node.line("properties", name)
        if not PROPERTY_NAME.fullmatch(name) or name in TAKEN_PROPERTIES or name.startswith("__"):
            wrong = f"{shown(name)} cannot name a property: the generated class is lost or broken"
            refusals.add(line, wrong, "additionalProperties with the schema of the value, and no properties")
    refuse_alike(((name, node.line("properties", name)) for name in properties), "properties", refusals)
    if properties and isinstance(node.value.get("additionalProperties"), dict):
        wrong = "additionalProperties with a schema beside properties: the wire record drops them"
        refusals.add(node.line("additionalProperties"), wrong, "false, or one of the two alone")
    met: set[str] = set()
    for number, name in enumerate(node.get("required", list)):
        if isinstance(name, str) and name in met:
            refusals.add(node.line("required", str(number)), f"{shown(name)} is required twice", "it once")
        met.add(str(name))
        if "properties" in node.value and isinstance(name, str) and name not in properties:
            wrong = f"{shown(str(name))} is required and not among the properties"
            refusals.add(node.line("required", str(number)), wrong, "a property of this name too")


def check_alternatives(node: Node, known: dict[str, set[str]], refusals: Refusals) -> None:
    """A record can be read from a union only if the JSON type tells which branch it is."""
    if "anyOf" not in node.value:
        return
    if "type" in node.value:
        refusals.add(node.line("type"), "a type beside anyOf is lost", "the type in each branch")
    seen: set[str] = set()
    for branch in branches(node):
        types = all_types(branch.value, known)
        if not types:
            refusals.add(branch.line(), "a branch of anyOf without a type", "type beside what it has")
        for each in sorted(types & seen):
            refusals.add(branch.line(), f"two branches of anyOf take the type {each}", "one branch for each JSON type")
        seen |= types
    if not seen:
        refusals.add(node.line("anyOf"), "an anyOf without branches", "a list of schemas, one for each JSON type")


def check_pattern(node: Node, refusals: Refusals) -> None:
    if "pattern" in node.value:
        try:
            re.compile(node.get("pattern", str))
            jsonschema_rs.validator_for({"pattern": node.get("pattern", str)})
        except (re.error, OverflowError, RecursionError, ValueError):
            wrong = "a pattern that is no regular expression, or is one in Python or in JSON Schema alone"
            refusals.add(node.line("pattern"), wrong, "one that both compile, like ^[0-9]{3}$")


def check_cycles(named: dict[str, Node], refusals: Refusals) -> None:
    """A schema may hold itself as a member of an object, and in no other way."""
    ahead = {name: sorted(_direct(node.value) & named.keys()) for name, node in named.items()}
    done: set[str] = set()
    for start in ahead:
        path: list[str] = []
        stack = [(start, 0)]
        while stack:
            name, depth = stack.pop()
            del path[depth:]
            if name in path:
                wrong = f"a circle of schemas: {' -> '.join([*path[path.index(name) :], name])}"
                refusals.add(named[name].line(), wrong, "an object that has the schema again as one of its properties")
            elif name not in done:
                path.append(name)
                done.add(name)
                stack += [(each, len(path)) for each in ahead[name]]


def _direct(schema: Any) -> set[str]:
    """The schemas that one is made of, other than as a property: the wire records have classes for those alone."""
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        return {str(schema["$ref"]).rsplit("/", 1)[-1]}
    found = _direct(schema.get("items")) | _direct(schema.get("additionalProperties"))
    branches = schema.get("anyOf")
    for branch in branches if isinstance(branches, list) else []:
        found |= _direct(branch)
    return found
