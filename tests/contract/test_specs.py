"""The specs: valid, supported by evidence, and kept to what both generators can read."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from headcount_api import specs
from headcount_api.specs import load

NAMES = sorted(file.name.removesuffix(".json") for file in files(specs).iterdir() if file.name.endswith(".json"))
METHODS = ["get", "put", "post", "delete", "patch"]
EVIDENCE = {"seed", "vendor-docs", "client-source", "inferred"}

# What the three vendor pages say, typed from them; nothing else, of whatever vendor, may claim their authority.
SEED_FACTS = {
    "sinch_batch": {
        "operation createContacts",
        "parameter project_id",
        "response createContacts 200",
        "response Unauthorized",
        "response Forbidden",
        "security BearerAuth",
    },
    "sinch_conversation": set(),
    "emarsys": {
        "operation createContacts",
        "response createContacts 200",
        "response createContacts 400",
        "example createContacts request four_contacts",
        "example createContacts 200 ids_and_errors",
        "example createContacts 400 too_many",
        "example createContacts 400 internal_id",
    },
    "pabbly_chatflow": {
        "server https://chatflow.pabbly.com/api/v1",
        "operation createContacts",
        "response createContacts 200",
        "security BearerAuth",
        "example createContacts request list_of_contacts",
        "example createContacts request one_contact",
        "example createContacts 200 created",
    },
}

Document = dict[str, Any]


def operations(document: Document) -> Iterator[Document]:
    for item in document["paths"].values():
        yield from (item[method] for method in METHODS if method in item)


def resolve(document: Document, node: Document) -> Document:
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def media(owner: str, node: Document) -> Iterator[tuple[str, Document]]:
    for content in node.get("content", {}).values():
        yield owner, content


def all_media(document: Document) -> Iterator[tuple[str, Document]]:
    """Each request and response body, by a name that says where it stands."""
    for each in operations(document):
        yield from media(f"{each['operationId']} request", each.get("requestBody", {}))
        for status, response in each["responses"].items():
            yield from media(f"{each['operationId']} {status}", response)
    for name, response in document["components"].get("responses", {}).items():
        yield from media(name, response)


def facts(document: Document) -> Iterator[tuple[str, Document]]:
    """Each node that has to name its evidence."""
    components = document["components"]
    for server in document["servers"]:
        yield f"server {server['url']}", server
    for item in document["paths"].values():
        for parameter in item.get("parameters", []):
            if "$ref" not in parameter:
                yield f"parameter {parameter['name']}", parameter
    for each in operations(document):
        yield f"operation {each['operationId']}", each
        for server in each.get("servers", []):
            yield f"server {server['url']}", server
        for parameter in each.get("parameters", []):
            yield f"parameter {parameter['name']}", parameter
        for status, response in each["responses"].items():
            if "$ref" not in response:
                yield f"response {each['operationId']} {status}", response
    for name, scheme in components["securitySchemes"].items():
        yield f"security {name}", scheme
    for parameter in components.get("parameters", {}).values():
        yield f"parameter {parameter['name']}", parameter
    for name, response in components["responses"].items():
        yield f"response {name}", response
        for header, value in response.get("headers", {}).items():
            if "$ref" not in value:
                yield f"header {name} {header}", value
    for name, header in components["headers"].items():
        yield f"header {name}", header
    for owner, content in all_media(document):
        for name, example in content.get("examples", {}).items():
            yield f"example {owner} {name}", example


def children(schema: Document) -> Iterator[Document]:
    yield from schema.get("properties", {}).values()
    for keyword in ("items", "propertyNames", "not", "if", "then", "else"):
        if keyword in schema:
            yield schema[keyword]
    for keyword in ("anyOf", "oneOf", "allOf"):
        yield from schema.get(keyword, [])
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


def walk(schema: Document) -> Iterator[Document]:
    yield schema
    for child in children(schema):
        yield from walk(child)


def reachable(document: Document, schema: Document, seen: list[Document]) -> None:
    for node in walk(schema):
        if "$ref" in node:
            target = resolve(document, node)
            if not any(target is each for each in seen):
                seen.append(target)
                reachable(document, target, seen)
        elif not any(node is each for each in seen):
            seen.append(node)


def schemas_of(document: Document, *, replies: bool) -> list[Document]:
    seen: list[Document] = []
    for owner, content in all_media(document):
        if owner.endswith(" request") is not replies:
            reachable(document, content["schema"], seen)
    return seen


def every_schema(document: Document) -> Iterator[Document]:
    for schema in document["components"]["schemas"].values():
        yield from walk(schema)
    for _, content in all_media(document):
        yield from walk(content["schema"])


@pytest.mark.parametrize("name", NAMES)
def test_spec_is_valid_openapi(name: str) -> None:
    validate(load(name))


@pytest.mark.parametrize("name", NAMES)
def test_examples_follow_their_schemas(name: str) -> None:
    document = load(name)
    count = 0
    for owner, content in all_media(document):
        schema = {**content["schema"], "components": document["components"]}
        check = jsonschema_rs.Draft202012Validator(schema)
        for key, example in content.get("examples", {}).items():
            assert check.is_valid(example["value"]), f"{owner} {key}"
            count += 1
    assert count >= 5


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_names_its_evidence(name: str) -> None:
    for label, node in facts(load(name)):
        assert node.get("x-evidence") in EVIDENCE, label
    for label, schema in load(name)["components"]["schemas"].items():
        assert schema.get("x-evidence") in EVIDENCE, label


@pytest.mark.parametrize("name", NAMES)
def test_only_what_the_vendor_page_says_claims_it(name: str) -> None:
    claimed = {label for label, node in facts(load(name)) if node["x-evidence"] == "seed"}
    assert claimed == SEED_FACTS.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_evidence_of_a_keyword_stands_beside_that_keyword(name: str) -> None:
    for schema in every_schema(load(name)):
        for keyword, source in schema.get("x-evidence-of", {}).items():
            assert keyword in schema
            assert source in EVIDENCE


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_generator_misreads(name: str) -> None:
    document = load(name)
    for schema in every_schema(document):
        assert not schema.keys() & {"patternProperties", "default", "format", "allOf", "nullable", "$defs"}, (
            schema
        )
        if "properties" in schema:
            assert schema.get("additionalProperties", False) is False, schema
        for keyword in ("anyOf", "oneOf"):
            branches = [resolve(document, branch) for branch in schema.get(keyword, [])]
            assert sum(branch.get("type") == "object" for branch in branches) <= 1, schema
        values = [str(value).lower().replace("-", "_").replace(" ", "_") for value in schema.get("enum", [])]
        assert len(values) == len(set(values))
        for child in children(schema):
            assert isinstance(child, dict)


@pytest.mark.parametrize("name", NAMES)
def test_replies_constrain_json_types_only(name: str) -> None:
    found = schemas_of(load(name), replies=True)
    assert len(found) > 5
    for schema in found:
        said = {keyword for keyword in schema if not keyword.startswith("x-")}
        assert said <= {"type", "properties", "items", "additionalProperties", "anyOf", "$ref", "description"}
        assert schema.get("additionalProperties") is not False


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_has_its_refusals(name: str) -> None:
    document = load(name)
    for each in operations(document):
        label = each["operationId"]
        expected = {"400", "401", "403", "404", "429", "500", "503"}
        expected |= {"413", "415"} if "requestBody" in each else set()
        assert expected <= each["responses"].keys(), label
        assert any(status.startswith("2") for status in each["responses"]), label
        headers = resolve(document, each["responses"]["429"])["headers"]
        assert "Retry-After" in headers, label
        assert each["security"], label
