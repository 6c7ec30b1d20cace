"""What a spec may be made of, kind of object by kind of object.

A member that is not named here is refused, because neither generator would tell that it passes it over. `LOSES` says
why one that OpenAPI knows is missing here, and what does the same. The pinned generators were run on each; where they
get better, it can come off the list.
"""

from __future__ import annotations

from typing import Final

DATA: Final = ""
"""A value that is not looked into."""

EXTENSIONS = frozenset({"x-evidence", "x-evidence-of"})
"""May stand on every object. Other `x-` members may not: datamodel-codegen obeys some of them, down to imports."""

ALLOWANCE = "x-generators-lose"
ALLOWED = frozenset({"webhooks", "callbacks", "links"})
"""What no generator reads, and a document may hold all the same if it says under `x-generators-lose` who reads it."""

REPLY_CODES = "x-reply-codes"
"""A vendor's own codes in replies, by name: for the wrapper and the mock. Generators pass it over at this place."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Of each kind its members, and of what kind those are: `[x]` is a list of them, `{x}` a mapping from names to them.
SHAPES: dict[str, dict[str, str]] = {
    "document": {
        "openapi": DATA, "info": "info", "servers": "[server]", "tags": "[tag]", "paths": "{path}",
        "components": "components", "webhooks": "{path}", ALLOWANCE: DATA, REPLY_CODES: DATA,
    },
    "info": dict.fromkeys(
        ("title", "version", "summary", "description", "termsOfService", "contact", "license", "x-api-version"), DATA
    ),
    "server": {"url": DATA, "description": DATA, "variables": DATA},
    "tag": {"name": DATA, "description": DATA},
    "components": {
        "schemas": "{schema}", "responses": "{response}", "parameters": "{parameter}", "requestBodies": "{body}",
        "headers": "{header}", "securitySchemes": "{security scheme}", "links": "{link}", "callbacks": "{callback}",
    },
    "path": {"parameters": "[parameter]", **dict.fromkeys(METHODS, "operation")},
    "operation": {
        "operationId": DATA, "tags": DATA, "summary": DATA, "description": DATA, "parameters": "[parameter]",
        "requestBody": "body", "responses": "{response}", "security": DATA, "servers": "[server]",
        "callbacks": "{callback}",
    },
    "parameter": {"name": DATA, "in": DATA, "required": DATA, "description": DATA, "schema": "schema"},
    "body": {"required": DATA, "description": DATA, "content": "{media type}"},
    "media type": {"schema": "schema", "examples": "{example}"},
    "example": {"summary": DATA, "description": DATA, "value": DATA},
    "response": {"description": DATA, "headers": "{header}", "content": "{media type}", "links": "{link}"},
    "header": {"description": DATA, "required": DATA, "schema": "schema"},
    "link": {
        "operationId": DATA, "parameters": DATA, "requestBody": DATA, "description": DATA,
    },
    "security scheme": dict.fromkeys(
        ("type", "description", "name", "in", "scheme", "bearerFormat", "flows", "openIdConnectUrl"), DATA
    ),
    "schema": {
        "type": DATA, "description": DATA, "enum": DATA, "const": DATA,
        "properties": "{schema}", "required": DATA, "additionalProperties": "schema", "items": "schema",
        "anyOf": "[schema]",
        # On the wire record alone, or lost; whatever is sent is checked against the compiled schema first.
        **dict.fromkeys(
            (
                "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
                "dependentRequired",
            ),
            DATA,
        ),
        "propertyNames": "assertion", "not": "assertion",
        "if": "assertion", "then": "assertion", "else": "assertion",
    },
}  # fmt: skip
SHAPES["assertion"] = {key: kind.replace("schema", "assertion") for key, kind in SHAPES["schema"].items()}
"""A schema that only the check before sending reads: what generators make of it does not matter."""

_TYPES: dict[str, str] = {
    "a text": "description summary title name in operationId url pattern termsOfService version",
    "a list": "enum tags security",
    "a whole number": "minLength maxLength minItems maxItems minProperties maxProperties",
    "a number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
    "true or false": "uniqueItems required",
}
TYPES = {key: kind for kind, keys in _TYPES.items() for key in keys.split()}
"""What values are that are not looked into."""
FITS: dict[str, tuple[type, ...]] = {
    "a text": (str,), "a list": (list,), "a whole number": (int,), "a number": (int, float), "true or false": (bool,),
}  # fmt: skip

SECTIONS = {
    "schema": "schemas", "assertion": "schemas", "response": "responses", "parameter": "parameters",
    "body": "requestBodies", "header": "headers", "link": "links", "callback": "callbacks",
}  # fmt: skip
"""Where in `components` a `$ref` in place of each kind leads."""

_ONE = "one anyOf, or one object with all the members"
_NAMED = "a schema of its own under components/schemas and a $ref to it"
_DESCRIPTION = "the same in the description"

LOSES: dict[str, dict[str, str]] = {
    "document": {
        "security": "security on each operation",
        "externalDocs": _DESCRIPTION,
        "jsonSchemaDialect": "nothing: the dialect of OpenAPI 3.1",
    },
    "components": {
        "examples": "each example where it is used",
        "pathItems": "the path under paths",
    },
    "path": {
        "servers": "servers on each operation",
        "$ref": "the path itself",
        "summary": "a summary on each operation",
        "description": "a description on each operation",
        "query": "one of " + ", ".join(METHODS),
    },
    "operation": {"deprecated": _DESCRIPTION, "externalDocs": _DESCRIPTION},
    "parameter": {
        "content": "a schema; what is more than text, in the body",
        "style": "no style: simple in a path or header, form in a query",
        "explode": "no explode: a list in a query repeats its name",
        "allowReserved": "nothing: everything is percent-encoded",
        "allowEmptyValue": "nothing",
        "deprecated": _DESCRIPTION,
        "example": _DESCRIPTION,
        "examples": _DESCRIPTION,
    },
    "media type": {"encoding": "application/json, or text members alone", "example": "examples, with a name for it"},
    "example": {"externalValue": "the value itself", "$ref": "the example itself"},
    "header": {"style": "no style", "explode": "no explode", "content": "a schema", "deprecated": _DESCRIPTION},
    "schema": {
        "default": "the default in the description: the client would send it unasked",
        "format": "a pattern, or the description: text would become dates, files or UUIDs",
        "title": "no title: the name under components/schemas is the name",
        "oneOf": "anyOf",
        "allOf": _ONE,
        "discriminator": _ONE,
        "nullable": 'type: [string, "null"]',
        "patternProperties": "additionalProperties with a schema, and propertyNames with a pattern",
        "unevaluatedProperties": "additionalProperties: false",
        "unevaluatedItems": "items",
        "prefixItems": "items, or an object",
        "additionalItems": "items",
        "contains": "items, or the description",
        "dependentSchemas": "if and then",
        "dependencies": "if and then",
        "$defs": _NAMED,
        "definitions": _NAMED,
        "$id": _NAMED,
        "$anchor": _NAMED,
        "$dynamicRef": _NAMED,
        "$schema": "nothing: the dialect of OpenAPI 3.1",
        "$comment": "a YAML comment",
        "readOnly": "one schema for what is sent and one for what is answered",
        "writeOnly": "one schema for what is sent and one for what is answered",
        "contentMediaType": _DESCRIPTION,
        "contentEncoding": _DESCRIPTION,
        "deprecated": _DESCRIPTION,
        "example": "examples of the media type",
        "examples": "examples of the media type",
        "externalDocs": _DESCRIPTION,
        "xml": "nothing: bodies are JSON",
    },
}
LOSES["assertion"] = LOSES["schema"]
