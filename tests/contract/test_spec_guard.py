"""The guard: four specs pass, and each thing that a generator would lose or trip over is refused by line and words."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from guarding import reading
from spec_guard import Refused, find_specs, read_spec

ROOT = Path(__file__).resolve().parents[2]
SPECS = [path for path in sorted((ROOT / "specs").glob("*.yaml")) if path.name != "redocly.yaml"]

SMALL = """\
openapi: 3.1.0
info: {title: Small, version: 1.0.0}
servers:
  - url: https://example.com
paths:
  /things/{thing_id}:
    parameters:
      - {name: thing_id, in: path, required: true, schema: {type: string}}
    post:
      operationId: createThing
      tags: [Things]
      security:
        - Bearer: []
      parameters:
        - {name: mode, in: query, schema: {type: string, enum: [fast, slow]}}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Thing"}
      responses:
        "200":
          description: Done.
          content:
            application/json:
              schema: {$ref: "#/components/schemas/Reply"}
components:
  securitySchemes:
    Bearer: {type: http, scheme: bearer}
  schemas:
    Thing:
      type: object
      required: [name]
      additionalProperties: false
      properties:
        name: {type: string}
        size: {type: integer}
    Reply:
      type: object
      properties:
        things:
          type: array
          items: {$ref: "#/components/schemas/Thing"}
"""
NAME = "        name: {type: string}\n"
SIZE = "        size: {type: integer}\n"
REPLY = "    Reply:\n"
BODY = '"#/components/schemas/Thing"}\n      r'
JSON_BODY = '          application/json:\n            schema: {$ref: "#/components/schemas/Thing"}\n'
JSON_REPLY = '            application/json:\n              schema: {$ref: "#/components/schemas/Reply"}\n'
PARAMETER = "        - {name: mode, in: query, schema: {type: string, enum: [fast, slow]}}\n"


def added(after: str, more: str) -> tuple[str, str]:
    return after, after + more


def size(schema: str) -> tuple[str, str]:
    return SIZE, f"        size: {schema}\n"


def parameter(text: str) -> tuple[str, str]:
    return added(PARAMETER, f"        - {text}\n")


def form(kind: str, schema: str) -> tuple[str, str]:
    media = {"urlencoded": "application/x-www-form-urlencoded", "multipart": "multipart/form-data"}[kind]
    return JSON_BODY, f"          {media}: {{schema: {schema}}}\n"


def schemas(text: str) -> tuple[str, str]:
    return REPLY, text + REPLY


# What is edited, the text that stands on the refused line, words of the refusal and of what to write instead.
EDITS: list[tuple[tuple[str, str], str, str, str]] = [
    # YAML that is more than JSON
    (size("&size {type: integer}"), "&size", "anchor 'size'", "$ref"),
    (size("*size"), "*size", "alias 'size'", "$ref"),
    (size("!!python/name:os.system x"), "!!python", "the tag", "the value alone"),
    (size("! x"), "! x", "the tag '!'", "the value alone"),
    (size("{<<: {type: integer}}"), "<<", "a merge key", "$ref"),
    (added(SIZE, NAME), "name: {type: string}\n    Reply", "'name' stands twice, first on line 36", "one of the two"),
    (('"200":', "200:"), "200:", "the key '200' without quotes", '"200"'),
    (("[fast, slow]", "[NO, SE]"), "[NO, SE]", "'NO' without quotes", '"NO" where it is text'),
    (("[fast, slow]", "[y, n]"), "[y, n]", "'y' without quotes", '"y"'),
    (("[fast, slow]", "[off, slow]"), "[off, slow]", "'off' without quotes", '"off"'),
    (("Done.", "2026-01-02"), "2026-01-02", "without quotes", '"2026-01-02"'),
    (("Done.", "0o7"), "0o7", "without quotes", '"0o7"'),
    (("Done.", "007"), "007", "without quotes", '"007"'),
    (("Done.", "1e3"), "1e3", "without quotes", '"1e3"'),
    (("Done.", "12:30:45"), "12:30:45", "without quotes", '"12:30:45"'),
    (("Done.", ".inf"), ".inf", "without quotes", '".inf"'),
    (("Done.", ".NaN"), ".NaN", "without quotes", '".NaN"'),
    (("Done.", "~"), "description: ~", "without quotes", "null"),
    (("Done.", ""), "description: \n", "without a value", "no key"),
    (size("{type: integer, maximum: 9007199254740993}"), "9007199254740993", "the number", "9007199254740991"),
    (size("{type: number, maximum: 1.0e+999}"), "1.0e+999", "the number", "finite"),
    (("Done.", '"a\\u202eb"'), "u202e", "RIGHT-TO-LEFT OVERRIDE", "without it"),
    (("Done.", "a\u2066b"), "a\u2066b", "LEFT-TO-RIGHT ISOLATE", "without it"),
    (("Done.", "Done. # \u200b"), "# \u200b", "ZERO WIDTH SPACE", "without it"),
    (("Done.", '"\\ud800"'), "ud800", "U+D800", "without it"),
    (("Done.", '"\\0"'), "\\0", "U+0000", "without it"),
    (("Done.\n", "Done.\r\n"), "Done.", "U+000D", "line feed"),
    (("components:", "...\n---\ncomponents:"), "---", "a second YAML document", "one document"),
    (("openapi: 3.1.0", "%YAML 1.1\n---\nopenapi: 3.1.0"), "%YAML", "a YAML directive", "without it"),
    (("Done.", "[Done."), "content:\n            application/json:\n              schema", "not YAML", "parser"),
    # Limits
    (("Done.", "[" * 41 + "]" * 41), "[[[", "nested deeper than 40", "named schema"),
    (("Done.", "y" * 20_000), "yyy", "longer than 16384 characters", "shorter"),
    (("Done.", "[" + "1," * 31_000 + "1]"), "1,1,1", "more than 30000 values", "two specs"),
    (("Done.", "{" + "k" * 300 + ": 1}"), "kkk", "key longer than 256", "name"),
    # References
    ((BODY, '"https://example.com/x"}\n      r'), "https://example.com/x", "out", "#/"),
    ((BODY, "other.yaml#/Thing}\n      r"), "other.yaml", "leads out", "#/components"),
    ((BODY, '"file:///etc/passwd"}\n      r'), "/etc/passwd", "leads out", "#/comp"),
    ((BODY, '"#/components/schemas/%54hing"}\n      r'), "%54", "leads to nothing", "Thing"),
    ((BODY, '"#/components/schemas/Thin"}\n      r'), 'Thin"', "leads to nothing", "Thing"),
    (
        size('{$ref: "#/components/schemas/Thing/properties/name"}'),
        "/properties/name",
        "leads to nothing",
        "one of: Reply, Thing",
    ),
    (size('{$ref: "#/paths"}'), "#/paths", "leads to nothing", "components/schemas"),
    (size("{$ref: 7}"), "$ref: 7", "leads out", "components/schemas"),
    (size('{$ref: "#/components/schemas/Reply", maxLength: 3}'), "maxLength", "beside a $ref is lost", "all of it"),
    (schemas('    Loop: {$ref: "#/components/schemas/Loop"}\n'), "Loop:", "Loop -> Loop", "one of its properties"),
    (schemas('    Loop: {type: array, items: {$ref: "#/components/schemas/Loop"}}\n'), "Loop:", "a circle", "propert"),
    (
        schemas('    Loop: {anyOf: [{type: string}, {$ref: "#/components/schemas/Loop"}]}\n'),
        "Loop:",
        "a circle",
        "propert",
    ),
    (
        schemas('    Loop: {type: object, additionalProperties: {$ref: "#/components/schemas/Loop"}}\n'),
        "Loop:",
        "a circle of schemas: Loop -> Loop",
        "one of its properties",
    ),
    # Names
    (schemas("    'x; import os': {type: object}\n"), "import os", "cannot name a schema", "CreateContactsRequest"),
    (schemas("    Unset: {type: object}\n"), "Unset", "cannot name a schema", "CreateContactsRequest"),
    (schemas("    TH_ing: {type: object}\n"), "TH_ing", "cannot name a schema", "name like"),
    (schemas("    THing: {type: object}\n"), "THing", "become one name", "differ"),
    (("createThing", "../createThing"), "../createThing", "cannot name a module", "createContacts"),
    (("createThing", "import"), "import", "cannot name a module", "createContacts"),
    (("      operationId: createThing\n", ""), "post:", "cannot name a module", "createContacts"),
    (("[Things]", "[Things, More]"), "[Things, More]", "others are lost", "tags with one name"),
    (("[Things]", "[my things/..]"), "[my things/..]", "not one identifier", "tags with one name"),
    (("      tags: [Things]\n", ""), "post:", "not one identifier", "tags with one name"),
    (added(SIZE, "        Na-me: {type: string}\n"), "Na-me", "'name' and 'Na-me' become one name", "differ"),
    (added(SIZE, "        to_dict: {type: string}\n"), "to_dict", "cannot name a property", "additionalProperties"),
    (added(SIZE, "        additional_properties: {}\n"), "additional_properties", "cannot name a prop", "additionalP"),
    (added(SIZE, "        __class__: {type: string}\n"), "__class__", "cannot name a property", "additionalProperties"),
    (added(SIZE, '        "31": {type: string}\n'), '"31"', "cannot name a property", "additionalProperties"),
    (parameter("{name: body, in: query, schema: {type: string}}"), "name: body", "cannot name a parameter", "another"),
    (parameter("{name: Mode, in: header, schema: {type: string}}"), "name: Mode", "become one name", "differ"),
    (
        parameter("{name: mode, in: query, schema: {type: string}}"),
        "{type: string}}\n      requestB",
        "stands twice",
        "one",
    ),
    # Schemas that are lost or misread
    (size("true"), "size: true", "a schema that is no mapping", "{} for any value"),
    (size("{type: array, items: false}"), "items: false", "a schema that is no mapping", "{} for any value"),
    (size("{type: boolean, const: true}"), "const", "a const that is no text", "the type alone"),
    (size("{type: integer, const: 3}"), "const", "a const that is no text", "the type alone"),
    (size("{type: string, default: a}"), "default", "default in a schema", "send it unasked"),
    (size("{type: string, format: date-time}"), "format", "format in a schema", "pattern"),
    (size("{type: string, title: Hello}"), "title: H", "title in a schema", "no title"),
    (size("{oneOf: [{type: string}, {type: integer}]}"), "oneOf", "oneOf in a schema", "anyOf"),
    (size("{anyOf: [{type: string}, {type: string, pattern: ^x}]}"), "anyOf", "two branches", "one branch"),
    (
        size('{anyOf: [{type: object}, {$ref: "#/components/schemas/Thing"}]}'),
        "anyOf",
        "take the type object",
        "one branch",
    ),
    (size("{allOf: [{type: object}]}"), "allOf", "allOf in a schema", "one object"),
    (size("{type: object, patternProperties: {}}"), "patternP", "patternProperties in a schema", "propertyNames"),
    (size("{type: object, properties: {a: {}}, additionalProperties: {}}"), "a: {}", "beside properties", "alone"),
    (size("{type: object, additionalProperties: true}"), "true}\n    Reply", "no mapping", "no such member"),
    (size("{type: object, $defs: {}}"), "$defs", "$defs in a schema", "components/schemas"),
    (size("{type: string, nullable: true}"), "nullable", "nullable in a schema", '[string, "null"]'),
    (size("{enum: [a, 1, null]}"), "enum: [a", "an enum that is not all texts", "anyOf"),
    (size('{type: [string, "null"], enum: [a]}'), "enum: [a", "an enum that is not all texts", "anyOf"),
    (size("{type: boolean, enum: [true]}"), "enum: [t", "an enum that is not all texts", "anyOf"),
    (size("{type: string, enum: [a b, a-b]}"), "a-b", "'a b' and 'a-b' become one name", "differ"),
    (size("{type: string, enum: [a, a]}"), "[a, a]", "a value twice", "once"),
    (size("{type: array}"), "type: array}", "an array without items", "items: {}"),
    (size('{type: "null"}'), "size:", "null alone", '[string, "null"]'),
    (size("{minLength: 3}"), "minLength", "without the type string is lost", "type: string"),
    (size("{type: text}"), "type: text", "no type", "string"),
    (size("{type: [object, string]}"), "[object", "a list of types with object", "anyOf"),
    (size("{type: string, pattern: '('}"), "pattern", "no regular expression", "both compile"),
    (size(r"{type: string, pattern: 'a\Z'}"), "pattern", "in Python or in JSON Schema alone", "both compile"),
    (size(r"{type: string, pattern: '\p{L}'}"), "pattern", "in Python or in JSON Schema alone", "both compile"),
    (size("{type: string, pattern: '(?:a{1000}){1000}'}"), "pattern", "no regular expression", "both compile"),
    (size("{\n          type: integer\n        }"), "        }", "not indented", "indented farther"),
    (("required: [name]", "required: [\n      name]"), "      name]", "not indented", "indented farther"),
    (size("{type: string, minLength: -1}"), "minLength", "that nothing can have", "a positive one"),
    (size("{type: integer, multipleOf: 0}"), "multipleOf", "that nothing can have", "a positive one"),
    (("required: [name]", "required: [name, name]"), "required: [name", "'name' is required twice", "it once"),
    (("    Reply:\n", "    UNSET: {type: object}\n    Reply:\n"), "UNSET:", "cannot name a schema", "a name like"),
    (("    Reply:\n", "    ValueError: {type: object}\n    Reply:\n"), "ValueError:", "cannot name a schema", "a name"),
    (("    Reply:\n", "    Operations: {type: object}\n    Reply:\n"), "Operations:", "cannot name a schema", "a name"),
    (("required: [name]", "required: [nome]"), "[nome]", "'nome' is required and not among", "a property"),
    (size("{type: string, customTypePath: os.system}"), "customTypePath", "no member 'customTypePath'", "one of"),
    (size("{type: string, x-python-import: {module: os}}"), "x-python", "no member 'x-python-import'", "one of"),
    (size('{type: string, const: "a\\"b"}'), "const", "a const with a quote", "an enum of this one value"),
    (size('{type: string, const: "a\\\\b"}'), "const", "a const with a quote", "an enum of this one value"),
    (size('{type: integer, description: "<iframe src=x>"}'), 'description: "<i', "HTML in it: '<iframe", "Markdown"),
    (("title: Small", "title: a<!--"), "title: a", "HTML in it", "Markdown"),
    (("scheme: bearer", "scheme: bearer, description: '{% if true %}'"), "Bearer: {", "HTML in it: '{% if", "Markdown"),
    (
        ("scheme: bearer", "scheme: bearer, flows: {password: {scopes: {all: </p>}}}"),
        "Bearer: {type",
        "HTML in it: '</p>'",
        "Markdown",
    ),
    (size("{type: string, contains: {}}"), "contains", "contains in a schema", "items"),
    (("required: [name]", "required: name"), "required: name", "no list of texts", "a list"),
    (size("{type: string, minLength: true}"), "minLength", "not a whole number", "a whole number"),
    # Operations that are lost or misread
    ((JSON_BODY, JSON_BODY.replace("application/json", "text/csv")), "text/csv", "has no client", "application/json"),
    (
        added(JSON_BODY, "          application/x-www-form-urlencoded: {schema: {}}\n"),
        "content:\n          app",
        "2 media types",
        "the one",
    ),
    (('"200":', '"2xx":'), '"2xx"', "the status '2xx'", "4XX"),
    (('"200":', "default:"), "default:", "the status 'default'", "4XX"),
    (('"200":', '"600":'), '"600"', "the status '600'", "4XX"),
    (('"200":', '"1XX":'), '"1XX"', "the status '1XX'", "4XX"),
    (('"200":', '"204":'), '"204"', "content of a 204", "a description alone"),
    (
        (JSON_REPLY, JSON_REPLY.replace("application/json", "text/plain")),
        "text/plain",
        "that is no text",
        "type: string",
    ),
    (
        (JSON_BODY, JSON_BODY.replace("{$ref", '{anyOf: [{type: "null"}, {$ref').replace("}\n", "}]}\n")),
        "application/json",
        "may be null",
        "not required",
    ),
    (form("urlencoded", "{type: array, items: {type: string}}"), "application/x", "no object", "type: object"),
    (
        form("urlencoded", "{type: object, properties: {a: {type: object}}}"),
        "application/x",
        "the member 'a'",
        "a list",
    ),
    (
        form("urlencoded", "{type: object, properties: {a: {type: array, items: {type: [string, 'null']}}}}"),
        "application/x",
        "the member 'a'",
        "a list",
    ),
    (
        form("urlencoded", "{type: object, additionalProperties: {}}"),
        "application/x",
        "'additionalProperties'",
        "a list",
    ),
    (
        form("multipart", "{type: object, properties: {a: {type: boolean}}}"),
        "multipart",
        "the member 'a'",
        "integer or number",
    ),
    (
        ("required: true, schema: {type: string}", "required: true, schema: {type: boolean}"),
        "- {name: thing_id",
        "in the path that is boolean",
        "integer or string",
    ),
    (parameter('{name: X-A, in: header, schema: {type: [string, "null"]}}'), "X-A", "that is null", "string"),
    (parameter("{name: a, in: cookie, schema: {type: integer}}"), "in: cookie", "that is integer", "string"),
    (parameter("{name: a, in: query, schema: {}}"), "name: a", "of any type", "a type"),
    (
        parameter("{name: a, in: query, schema: {type: array, items: {type: object}}}"),
        "name: a",
        "a list of objects",
        "a list of texts",
    ),
    (parameter("{name: Host, in: header, schema: {type: string}}"), "Host", "the header Host", "the transport sets it"),
    (
        added("          description: Done.\n", "          links: {next: {operationId: createThing}}\n"),
        "links:",
        "read by no generator",
        "x-generators-lose: {links",
    ),
    (
        added("[Things]\n", "      callbacks: {done: {'{$request.body#/url}': {}}}\n"),
        "callbacks:",
        "read by no generator",
        "x-generators-lose: {callbacks",
    ),
    (("paths:\n", "webhooks: {}\npaths:\n"), "webhooks", "read by no generator", "x-generators-lose: {webhooks"),
    (
        ("paths:\n", "x-generators-lose: {links: The wrapper follows them.}\npaths:\n"),
        "lose",
        "not used",
        "no such entry",
    ),
    (
        ("paths:\n", "webhooks: {}\nx-generators-lose: {webhooks: yes we do}\npaths:\n"),
        "lose",
        "no reason",
        "who reads",
    ),
    (("paths:\n", "security: [{Bearer: []}]\npaths:\n"), "security: [", "security in a document", "each operation"),
    (("    post:\n", "    servers: []\n    post:\n"), "servers: []", "servers in a path", "each operation"),
    (("    post:\n", "    $ref: '#/x'\n    post:\n"), "$ref: '#/x'", "$ref in a path", "the path itself"),
    (("    post:\n", "    query: {}\n    post:\n"), "query: {}", "query in a path", "one of get"),
    (("        - Bearer: []\n", "        - {}\n"), "- {}", "optional is lost", "no security"),
    (("        - Bearer: []\n", "        - Nope: []\n"), "Nope", "'Nope' does not exist", "securitySchemes"),
    (("thing_id, in: path", "other_id, in: path"), "post:", "['thing_id'], and ['other_id']", "in: path"),
    (("/things/{thing_id}:", "/things/{thing_id}?a=b:"), "?a=b", "the path", "without query"),
    (parameter("{name: a, in: query, content: {}}"), "content: {}", "content in a parameter", "a schema"),
    (
        parameter("{name: a, in: query, style: form, schema: {type: string}}"),
        "style",
        "style in a parameter",
        "no style",
    ),
    (
        parameter("{name: a, in: query, schema: {type: object}}"),
        "type: object}}\n      req",
        "that is object",
        "a parameter for each",
    ),
    (parameter("{name: Accept, in: header, schema: {type: string}}"), "Accept", "the header Accept", "media type"),
    (
        added("            application/json:\n", "              encoding: {}\n"),
        "encoding",
        "encoding in a media type",
        "text",
    ),
    (
        added("            application/json:\n", "              examples: {a: {externalValue: x}}\n"),
        "externalV",
        "in an example",
        "the value",
    ),
    (
        added("            application/json:\n", "              examples: {a: {value: {$ref: x}}}\n"),
        "$ref: x",
        "a $ref inside",
        "without one",
    ),
    (("openapi: 3.1.0", "openapi: 3.0.3"), "3.0.3", "not an OpenAPI 3.1 document", "3.1.0"),
]


REFERENCE_BOMB = "".join(
    f'    S{n}: {{anyOf: [{{$ref: "#/components/schemas/S{n + 1}"}}, {{$ref: "#/components/schemas/S{n + 1}"}}]}}\n'
    for n in range(2_000)
)


def write(folder: Path, text: str) -> Path:
    path = folder / "specs" / "small.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return path


def edited(edit: tuple[str, str]) -> str:
    assert SMALL.count(edit[0]) >= 1, edit
    return SMALL.replace(*edit, 1)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_specs_pass_and_are_what_yaml_makes_of_them(path: Path) -> None:
    assert read_spec(path).document == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_small_spec_passes(tmp_path: Path) -> None:
    assert read_spec(write(tmp_path, SMALL)).document == yaml.safe_load(SMALL)


@pytest.mark.parametrize(("edit", "at", "wrong", "instead"), EDITS, ids=[f"{n}-{e[2]}" for n, e in enumerate(EDITS)])
def test_a_refusal_names_the_line_what_is_wrong_and_what_to_write(
    tmp_path: Path, edit: tuple[str, str], at: str, wrong: str, instead: str
) -> None:
    text = edited(edit)
    line = text.count("\n", 0, text.index(at)) + 1
    with pytest.raises(Refused) as raised:
        read_spec(write(tmp_path, text))
    found = [each for each in raised.value.refusals if each.where == f"specs/small.yaml:{line}" and wrong in each.wrong]
    assert found, f"line {line} expected\n{raised.value}"
    assert any(instead in each.instead for each in found), raised.value
    assert str(found[0]) in str(raised.value).splitlines()
    assert len(raised.value.refusals) <= 3, raised.value


@pytest.mark.parametrize(
    "edit",
    [
        size('{$ref: "#/components/schemas/Thing"}'),
        size('{type: object, additionalProperties: {$ref: "#/components/schemas/Thing"}}'),
        size("{\n          type: string, description: two\n           lines\n         }"),
        size("{type: string, description: a < b and 3<4, const: it's}"),
        added("            application/json:\n", "              examples: {a: {value: {description: <b>}}}\n"),
        size('{type: [string, "null"]}'),
        size("{type: string, const: client_credentials}"),
        size('{anyOf: [{type: string, enum: [fast]}, {type: "null"}]}'),
        size("{type: string, not: {enum: [id, 1, null]}, if: {maxLength: 3}, then: {pattern: ^x}}"),
        size("{type: object, minProperties: 1, propertyNames: {pattern: ^x}}"),
        size("{anyOf: [{type: string}, {type: integer}, {type: array, items: {}}]}"),
        added(SIZE, "        class: {type: string}\n        _id: {type: string}\n        self: {type: string}\n"),
        ("paths:\n", "webhooks: {}\nx-generators-lose: {webhooks: The wrapper receives them.}\npaths:\n"),
        ("paths:\n", "x-reply-codes:\n  - {http: 400, code: 1000, name: bad_key}\npaths:\n"),
        ("paths:\n", 'paths:\n  /things/{thing_id}/:\n    get:\n      operationId: getThing\n      tags: [Things]\n'
         '      parameters: [{name: thing_id, in: path, required: true, schema: {type: string}}]\n'
         '      responses: {"200": {description: Done.}}\n'),
    ],
)  # fmt: skip
def test_what_the_generators_keep_or_the_check_before_sending_holds_passes(
    tmp_path: Path, edit: tuple[str, str]
) -> None:
    read_spec(write(tmp_path, edited(edit)))


def test_two_paths_that_a_server_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    more = "  /things/{other}/:\n" + SMALL[SMALL.index("    parameters:") : SMALL.index("components:")]
    text = SMALL.replace("components:\n", more.replace("thing_id", "other") + "components:\n", 1)
    with pytest.raises(Refused) as raised:
        read_spec(write(tmp_path, text))
    assert "cannot be told apart" in str(raised.value)
    assert "the operationId 'createThing' stands twice" in str(raised.value)


def test_all_refusals_come_together_and_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = edited(size("{type: string, format: date}")).replace("createThing", "import").replace('"200":', '"999":')
    with pytest.raises(Refused) as raised:
        read_spec(write(tmp_path, text))
    lines = [int(each.where.rsplit(":", 1)[1]) for each in raised.value.refusals]
    assert lines == sorted(lines)
    assert lines == [10, 22, 37]


def test_no_more_refusals_come_than_a_reader_can_bear(tmp_path: Path) -> None:
    with pytest.raises(Refused) as raised:
        read_spec(write(tmp_path, "".join(f"k{n}: &a{n} {{}}\n" for n in range(500))))
    assert [each.where for each in raised.value.refusals] == [f"specs/small.yaml:{n}" for n in range(1, 101)]


def test_a_pointer_gives_the_line_of_its_key(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path, SMALL))
    assert spec.name == "small"
    assert spec.line_of("") == 1
    assert spec.line_of("/paths/~1things~1{thing_id}/post/operationId") == 10
    assert spec.line_of("#/components/schemas/Reply/properties/things/items/$ref") == 43
    assert spec.line_of("/paths/~1things~1{thing_id}/post/parameters/0/schema/enum/1") == 15
    assert spec.line_of("/components/schemas/Thing/properties/gone/type") == 35


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "not a mapping"),
        (b"- a\n", "not a mapping"),
        (b"a: \xff\n", "not UTF-8"),
        ("openapi: 3.1.0\n".encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbfopenapi: 3.1.0\n", "U+FEFF"),
        (b"a: b\n" * 60_000, "larger than 262144 bytes"),
        (b"a: " + b"9" * 5_000, "finite"),
        (b'a: "\\U00110000"', "not YAML"),
    ],
)
def test_bytes_that_are_no_spec_are_refused(tmp_path: Path, data: bytes, wrong: str) -> None:
    path = write(tmp_path, "")
    path.write_bytes(data)
    with pytest.raises(Refused, match=wrong.replace("+", r"\+")):
        read_spec(path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "link.yaml"
    path.symlink_to(write(tmp_path, SMALL))
    with pytest.raises(Refused, match="not a file of its own"):
        read_spec(path)


def test_specs_are_found_by_looking(tmp_path: Path) -> None:
    for name in ("b.yaml", "a_b.yaml", "redocly.yaml", "README.md"):
        (tmp_path / name).touch()
    assert [path.name for path in find_specs(tmp_path)] == ["a_b.yaml", "b.yaml"]
    for name in ("c.yml", "import.yaml", "C-d.yaml"):
        (tmp_path / name).touch()
        with pytest.raises(Refused, match="becomes no module"):
            find_specs(tmp_path)
        (tmp_path / name).unlink()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


def test_a_bomb_of_references_is_refused_too(tmp_path: Path) -> None:
    text = SMALL.replace("    Reply:\n", f"{REFERENCE_BOMB}    S2000: {{type: object}}\n    Reply:\n")
    path = write(tmp_path, text)
    command = [sys.executable, "-c", LIMITED, "10", str(ROOT / "scripts"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "two branches of anyOf take the type object" in done.stdout


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (512 * 1024**2,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
sys.path.insert(0, sys.argv[2])
from spec_guard import main
sys.exit(main(sys.argv[3:]))
"""


def test_the_alias_bomb_is_refused_in_a_second_and_512_mb(tmp_path: Path) -> None:
    assert BOMB.count("\n") == 12
    path = write(tmp_path, BOMB)
    command = [sys.executable, "-c", LIMITED, "1", str(ROOT / "scripts"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("specs/small.yaml:1: anchor 'a'; write this instead: ")


def answer(path: Path, data: bytes) -> None:
    """Whatever is in the file: a spec of plain values within the limits, or a refusal."""
    path.write_bytes(data)
    try:
        spec = read_spec(path)
    except Refused as refused:
        assert 1 <= len(refused.refusals) <= 100
        for each in refused.refusals:
            assert each.where.startswith(f"{path.parent.name}/{path.name}:")
            assert "\n" not in str(each)
            assert str(each).isprintable()
        return
    assert len(data) <= reading.MAX_BYTES
    assert spec.document == yaml.safe_load(data.decode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_spec_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    answer(tmp_path_factory.getbasetemp() / "bytes.yaml", data)


PIECES = [
    "&a ",
    "*a",
    "!!str ",
    "? ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "|\n",
    ">-\n",
    "%TAG ! x\n",
    "---\n",
    "...\n",
    "~",
    "null",
    "true",
    "7",
    "1.5",
    "{}",
    "[]",
    '""',
    "\t",
    "\n",
    "  ",
    "# ",
    "$ref: ",
    "9" * 30,
    '"#/components/schemas/Reply"',
    "anyOf: ",
    "type: ",
    "required: ",
    "x-generators-lose: ",
    "\u202e",
    "\x00",
    "\U0001f600",
    "<<: ",
    "[[[[[[",
]


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_a_mutated_spec_is_a_spec_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, seed: int, count: int) -> None:
    """Lines moved, dropped and doubled, values replaced: documents that parse, and are not what OpenAPI has."""
    chance = random.Random(seed)
    lines = SMALL.splitlines(keepends=True)
    for _ in range(count):
        n = chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind == 0:
            lines[n] = lines[n][: lines[n].find(":") + 1] + " " + chance.choice(PIECES) + "\n"
        elif kind == 1:
            lines.insert(n, lines[chance.randrange(len(lines))])
        elif kind == 2:
            del lines[n]
        elif kind == 3:
            lines[n] = chance.choice(["  ", " ", "    "]) + lines[n]
        elif kind == 4:
            lines[n] = lines[n].removeprefix("  ")
        else:
            at = chance.randrange(len(lines[n]))
            lines[n] = lines[n][:at] + chance.choice(PIECES) + lines[n][at + chance.randrange(3) :]
    answer(tmp_path_factory.getbasetemp() / "mutated.yaml", "".join(lines).encode())


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=4)
    | st.sampled_from(["object", "Thing", "query"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), VALUES)
def test_a_value_of_another_type_is_refused_and_not_tripped_over(
    tmp_path_factory: pytest.TempPathFactory, seed: int, value: object
) -> None:
    chance = random.Random(seed)
    document = yaml.safe_load(chance.choice([SMALL, *(path.read_text(encoding="utf-8") for path in SPECS[:1])]))
    node = document
    while True:
        key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or chance.random() < 0.15:
            node[key] = value
            break
        node = node[key]
    answer(tmp_path_factory.getbasetemp() / "types.yaml", json.dumps(document, indent=1).encode())
