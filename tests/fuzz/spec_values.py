"""Bodies drawn from the schemas of the specs, of every request and every reply: valid ones and invalid ones.

FUZZ_EXAMPLES and FUZZ_SEED, as `make fuzz` sets them, have more drawn, from that seed; without them the same ones are
drawn each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, TypeVar

import attrs
import hypothesis
import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from headcount_api import specs

Node = dict[str, Any]
Test = TypeVar("Test", bound=Callable[..., Any])

SPECS = ("emarsys", "pabbly_chatflow", "sinch_batch", "sinch_conversation")
TOKEN = "createToken"
JSON = "application/json"
MORE = int(os.environ.get("FUZZ_EXAMPLES") or 0) // 200
"""How many times as many are drawn as by default; 0 for these and no others."""
SEED = int(os.environ.get("FUZZ_SEED") or 0)


def drawn(count: int) -> Callable[[Test], Test]:
    """The test draws so many examples."""

    def decorate(test: Test) -> Test:
        run = settings(
            max_examples=count * max(MORE, 1),
            deadline=None,
            database=None,
            derandomize=not MORE,
            suppress_health_check=list(HealthCheck),
        )(test)
        if not MORE:
            return run
        print(f"FUZZ_SEED={SEED}")
        return hypothesis.seed(SEED)(run)

    return decorate


@attrs.frozen
class Body:
    """The body of a request, or of the replies of some statuses, of one operation and in one media type."""

    spec: str
    operation: str
    statuses: tuple[int, ...] = ()
    media_type: str = JSON
    schema: Node = attrs.field(factory=dict, repr=False, eq=False)

    def __str__(self) -> str:
        return "-".join((self.spec, self.operation, *map(str, self.statuses[:1])))

    @property
    def document(self) -> Node:
        return specs.load(self.spec)


def operations(spec: str) -> Iterator[tuple[str, str, Node]]:
    """Method, path template and node of each operation of a spec."""
    for path, item in specs.load(spec)["paths"].items():
        for method, node in item.items():
            if isinstance(node, dict) and "operationId" in node:
                yield method.upper(), path, node


def requests(spec: str) -> list[Body]:
    """The bodies of the requests of a spec."""
    document = specs.load(spec)
    return [
        Body(spec, node["operationId"], media_type=media_type, schema=content["schema"])
        for _, _, node in operations(spec)
        for media_type, content in resolved(document, node.get("requestBody", {})).get("content", {}).items()
    ]


def replies(spec: str) -> list[Body]:
    """The JSON bodies of the replies of a spec: one for each operation and schema, with its statuses."""
    document = specs.load(spec)
    found: dict[tuple[str, str], Body] = {}
    for _, _, node in operations(spec):
        for status, response in node["responses"].items():
            content = resolved(document, response).get("content", {}).get(JSON)
            if content is not None:
                key = (node["operationId"], json.dumps(content["schema"], sort_keys=True))
                known = found.get(key) or Body(spec, node["operationId"], schema=content["schema"])
                found[key] = attrs.evolve(known, statuses=(*known.statuses, int(status)))
    return list(found.values())


def resolved(document: Node, node: Node) -> Node:
    """What a node stands for."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def values(body: Body, *, valid: bool = True) -> st.SearchStrategy[Any]:
    """JSON values that keep to the body's schema, or do not; each is checked again by another validator."""
    return _values(body.spec, json.dumps(body.schema), valid)


@cache
def _values(spec: str, schema: str, valid: bool) -> st.SearchStrategy[Any]:
    # A reply has no strategy of its own, so that it is put where a request's body stands.
    document = specs.load(spec)
    operation = {
        "requestBody": {"required": True, "content": {JSON: {"schema": json.loads(schema)}}},
        "responses": {"200": {"description": "OK"}},
    }
    mirror = {
        "openapi": "3.1.0",
        "info": {"title": "mirror", "version": "1"},
        "paths": {"/mirror": {"post": operation}},
        "components": {"schemas": document["components"]["schemas"]},
    }
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    cases = schemathesis.openapi.from_dict(mirror)["/mirror"]["POST"].as_strategy(generation_mode=mode)
    judge = validator(document, json.loads(schema))
    return cases.map(lambda case: case.body).filter(partial(_judged, judge, valid))


def _judged(judge: jsonschema_rs.Validator, valid: bool, value: object) -> bool:
    """Some of the values that break a schema are no JSON at all, or break it in the form of a text alone."""
    try:
        return judge.is_valid(json.loads(json.dumps(value))) is valid
    except (TypeError, ValueError):
        return False


def validator(document: Node, schema: Node) -> jsonschema_rs.Validator:
    """What judges values by a schema of the document."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
