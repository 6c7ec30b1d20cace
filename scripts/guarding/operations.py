"""Rules for paths, operations, parameters, bodies and responses."""

from __future__ import annotations

import keyword
import re
from typing import Any

from guarding.reading import Spec
from guarding.refusals import Refusals, shown
from guarding.schemas import alike, all_types, known_types, refuse_alike, resolved
from guarding.shapes import METHODS
from guarding.walking import Node

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
OPERATION_ID = re.compile(r"[a-z][A-Za-z0-9]*")
PATH = re.compile(r"(/([A-Za-z0-9._~:@-]|\{[A-Za-z][A-Za-z0-9_]*\})*)+")
STATUS = re.compile(r"[2-5]([0-9][0-9]|XX)")
EMPTY = frozenset({"204", "205", "304"})
"""The statuses that HTTP gives no body."""
PARAMETER_NAME = re.compile(r"[A-Za-z$][]A-Za-z0-9_.[$-]*")
TAKEN_PARAMETERS = frozenset(
    "body client cookies headers httpx kwargs params quote response self url cast unset".split()
)
"""Names that the functions of openapi-python-client need for themselves."""
IGNORED_HEADERS = frozenset({"accept", "authorization", "content-type"})
TRANSPORT_HEADERS = frozenset("connection content-length cookie host te trailer transfer-encoding upgrade".split())
PLACES = {
    "path": frozenset({"string", "integer"}),
    "query": frozenset({"string", "integer", "number", "boolean", "array"}),
    "header": frozenset({"string", "integer", "number", "boolean"}),
    "cookie": frozenset({"string"}),
}
"""The JSON types that the client sends as OpenAPI has them: a boolean in a path, for one, becomes `True`."""
JSON_TYPE = re.compile(r"application/([a-z0-9.-]+\+)?json")
FORMS = {
    "application/x-www-form-urlencoded": frozenset({"string", "integer", "number", "boolean", "array"}),
    "multipart/form-data": frozenset({"string", "integer", "number", "object", "array"}),
}
"""The JSON types of the members that the client writes as a form has them."""
BODY_TYPES = ("application/json", *FORMS)


def check_operations(spec: Spec, nodes: list[Node], refusals: Refusals) -> None:
    components = {(node.kind, node.name): node for node in nodes if node.named}
    schemas = {node.name: node for node in nodes if node.named and node.kind == "schema"}
    known = known_types(schemas)
    operations: list[tuple[str, int]] = []
    for node in nodes:
        if node.named and node.kind != "schema" and not IDENTIFIER.fullmatch(node.name):
            wrong = f"{shown(node.name)} cannot name {node.kind}s: it is no identifier"
            refusals.add(node.line(), wrong, "letters, digits and underscores")
        if "$ref" in node.value:
            continue
        if node.kind == "operation":
            operations.append((node.get("operationId", str), node.line("operationId")))
            check_operation(node, components, refusals)
        elif node.kind == "parameter":
            check_parameter(node, schemas, known, refusals)
        elif node.kind == "body":
            check_body(node, schemas, known, refusals)
        elif node.kind == "response":
            check_response(node, known, refusals)
        elif node.kind == "media type" and "schema" not in node.value:
            refusals.add(node.line(), "a media type without a schema", "schema: {} where it can be anything")
    names = sorted(name for name, _ in operations)
    for name, line in operations:
        if names.count(name) > 1:
            refusals.add(line, f"the operationId {shown(name)} stands twice", "another one: one of them is lost")
    refuse_alike(operations, "operations", refusals)
    check_paths(spec, components, refusals)


def check_operation(node: Node, components: dict[tuple[str, str], Node], refusals: Refusals) -> None:
    name = node.value.get("operationId")
    if not isinstance(name, str) or not OPERATION_ID.fullmatch(name) or keyword.iskeyword(alike(name)):
        wrong = f"the operationId {shown(str(name))} cannot name a module"
        refusals.add(node.line("operationId"), wrong, "a name like createContacts")
    tags = node.value.get("tags")
    tag = tags[0] if isinstance(tags, list) and len(tags) == 1 else None
    if not isinstance(tag, str) or not IDENTIFIER.fullmatch(tag) or keyword.iskeyword(tag.lower()):
        wrong = "an operation whose tags are not one identifier: the first becomes its package, others are lost"
        refusals.add(node.line("tags"), wrong, "tags with one name, like [Contacts]")
    if not node.get("responses", dict):
        refusals.add(node.line("responses"), "an operation without responses", "what it answers, by status")
    for status in node.get("responses", dict):
        if not STATUS.fullmatch(status):
            wrong = f"the status {shown(status)}: it is lost, or hides statuses that are not described"
            refusals.add(node.line("responses", status), wrong, '"200", "4XX" or the like, in quotes')
        if status in EMPTY:
            refuse_content(node, status, components, refusals)
    for number, each in enumerate(node.get("security", list)):
        line = node.line("security", str(number))
        if not isinstance(each, dict) or not each:
            refusals.add(line, "security that is optional is lost", "no security, and the scheme in the description")
            continue
        for scheme in each:
            if ("security scheme", scheme) not in components:
                wrong = f"the security scheme {shown(scheme)} does not exist"
                refusals.add(line, wrong, "one of those under components/securitySchemes")


def refuse_content(operation: Node, status: str, components: dict[tuple[str, str], Node], refusals: Refusals) -> None:
    response = operation.get("responses", dict)[status]
    if isinstance(response, dict) and "$ref" in response:
        named = components.get(("response", str(response["$ref"]).rsplit("/", 1)[-1]))
        response = named.value if named else {}
    if isinstance(response, dict) and response.get("content"):
        wrong = f"content of a {status}, which comes without a body: the client fails to read it"
        refusals.add(operation.line("responses", status), wrong, "a description alone")


def check_parameter(node: Node, schemas: dict[str, Node], known: dict[str, set[str]], refusals: Refusals) -> None:
    name, place = node.get("name", str), node.value.get("in")
    if place not in ("path", "query", "header", "cookie"):
        refusals.add(node.line("in"), "a parameter in no known place", "in: path, query, header or cookie")
    if not PARAMETER_NAME.fullmatch(name) or alike(name) in TAKEN_PARAMETERS:
        wrong = f"{shown(name)} cannot name a parameter: the generated function is broken"
        refusals.add(node.line("name"), wrong, "another name, if the vendor takes one, or the parameter in the wrapper")
    if place == "header" and name.lower() in IGNORED_HEADERS:
        refusals.add(node.line("name"), f"the header {name} as a parameter", "a security scheme or a media type")
    if place == "header" and name.lower() in TRANSPORT_HEADERS:
        refusals.add(node.line("name"), f"the header {name} as a parameter", "no parameter: the transport sets it")
    if place == "path" and node.value.get("required") is not True:
        refusals.add(node.line("required"), "a path parameter that is not required", "required: true")
    if "schema" not in node.value:
        refusals.add(node.line(), "a parameter without a schema", "schema with a type")
        return
    taken = PLACES.get(str(place))
    if taken is None:
        return
    line = node.line("schema")
    types = all_types(node.value["schema"], known)
    if not types:
        refusals.add(line, "a parameter of any type", f"a type: {_listed(taken)}")
    if types - taken:
        wrong = f"a parameter in the {place} that is {_listed(types - taken)} is not sent as OpenAPI has it"
        refusals.add(line, wrong, f"{_listed(taken)}, or a parameter for each member, or a body")
    items = resolved(node.value["schema"], schemas).get("items")
    if "array" in types & taken and all_types(items, known) & {"object", "array", "null"}:
        wrong = "a list of objects, lists or nulls as a parameter is not sent as OpenAPI has it"
        refusals.add(line, wrong, "a list of texts or numbers, or a body")


def _listed(types: frozenset[str] | set[str]) -> str:
    return " or ".join(sorted(types))


def check_body(node: Node, schemas: dict[str, Node], known: dict[str, set[str]], refusals: Refusals) -> None:
    content = node.get("content", dict)
    if len(content) != 1:
        wrong = f"a request body with {len(content)} media types: the client sends all or none of them"
        refusals.add(node.line("content"), wrong, "the one media type that is sent")
    for media, value in content.items():
        line = node.line("content", media)
        if media not in BODY_TYPES and not JSON_TYPE.fullmatch(media):
            wrong = f"a request body of the type {shown(media)} has no client"
            refusals.add(line, wrong, " or ".join(BODY_TYPES))
        schema = value.get("schema") if isinstance(value, dict) else None
        if "null" in all_types(schema, known):
            refusals.add(line, "a request body that may be null: the client sends none", "a body that is not required")
        if media in FORMS:
            check_form(schema, media, line, schemas, known, refusals)


def check_form(
    schema: Any, media: str, line: int, schemas: dict[str, Node], known: dict[str, set[str]], refusals: Refusals
) -> None:
    schema = resolved(schema, schemas)
    if all_types(schema, known) != {"object"}:
        refusals.add(line, "a form that is no object: the client fails to send it", "type: object with properties")
        return
    properties = schema.get("properties")
    members = list(properties.items()) if isinstance(properties, dict) else []
    more = schema.get("additionalProperties")
    members += [("additionalProperties", more)] if isinstance(more, dict) else []
    for name, member in members:
        types = all_types(member, known)
        inside = all_types(resolved(member, schemas).get("items"), known)
        if not types or types - FORMS[media] or inside - FORMS[media] or "array" in inside:
            wrong = f"the member {shown(name)} of a form, which the client does not write as one"
            refusals.add(line, wrong, f"{_listed(FORMS[media] - {'array'})}, or a list of these")


def check_response(node: Node, known: dict[str, set[str]], refusals: Refusals) -> None:
    """Of several media types the client reads the first; text beside JSON is left to the caller."""
    for number, (media, value) in enumerate(node.get("content", dict).items()):
        line = node.line("content", media)
        if JSON_TYPE.fullmatch(media):
            if number:
                refusals.add(
                    line, f"the media type {shown(media)} is not the first and is lost", "JSON first, and once"
                )
        elif not media.startswith("text/"):
            refusals.add(
                line, f"a response of the type {shown(media)} has no reader", "application/json, or text/plain"
            )
        elif all_types(value.get("schema") if isinstance(value, dict) else None, known) != {"string"}:
            refusals.add(line, f"a response of the type {shown(media)} that is no text", "schema: {type: string}")


def check_paths(spec: Spec, components: dict[tuple[str, str], Node], refusals: Refusals) -> None:
    paths = spec.document.get("paths")
    taken: dict[tuple[str, str], str] = {}
    for path, item in paths.items() if isinstance(paths, dict) else ():
        place = spec.place.inside["paths"].inside[path]
        if not PATH.fullmatch(path):
            wrong = f"the path {shown(path)}"
            refusals.add(place.line, wrong, "one that begins with / and has {names}, without query or quotes")
        node = Node("path", item if isinstance(item, dict) else {}, place)
        for method in METHODS:
            if method not in node.value:
                continue
            key = (re.sub(r"\{[^{}]*\}", "{}", path).rstrip("/"), method)
            other = taken.setdefault(key, path)
            if other != path:
                wrong = f"{method} {shown(path)} and {method} {shown(other)} cannot be told apart"
                refusals.add(node.line(method), wrong, "one of them")
            operation = Node("operation", node.get(method, dict), place.inside[method])
            check_parameters(path, node, operation, components, refusals)


def check_parameters(
    path: str, item: Node, operation: Node, components: dict[tuple[str, str], Node], refusals: Refusals
) -> None:
    """The parameters of one operation: those of its path, replaced by its own of the same name and place."""
    found: dict[tuple[Any, str], int] = {}
    for owner in (item, operation):
        own: set[tuple[Any, str]] = set()
        for number, each in enumerate(owner.get("parameters", list)):
            value = each if isinstance(each, dict) else {}
            if "$ref" in value:
                named = components.get(("parameter", str(value["$ref"]).rsplit("/", 1)[-1]))
                value = named.value if named else {}
            key = (str(value.get("in")), str(value.get("name")))
            line = owner.line("parameters", str(number))
            if key in own:
                refusals.add(line, f"the {key[0]} parameter {shown(key[1])} stands twice", "one of the two")
            own.add(key)
            found[key] = line
    first: dict[str, tuple[Any, str]] = {}
    for key, line in found.items():
        other = first.setdefault(alike(key[1]), key)
        if other != key:
            wrong = (
                f"the {other[0]} parameter {shown(other[1])} and the {key[0]} parameter {shown(key[1])} become one name"
            )
            refusals.add(line, wrong, "names that differ in letters or digits")
    wanted = re.findall(r"\{([^{}]*)\}", path)
    given = sorted(name for place, name in found if place == "path")
    if sorted(wanted) != given:
        wrong = f"{shown(path)} has the parameters {sorted(wanted)}, and {given} are described"
        refusals.add(operation.line(), wrong, "each name in braces once, and a parameter with in: path for it")
