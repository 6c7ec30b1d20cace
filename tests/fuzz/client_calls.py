"""Every operation of the specs as a call of the wrapper's clients, with arguments that the spec takes."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from tests.fuzz.spec_values import SPECS, TOKEN, Body, Node, operations, replies, requests, resolved

TEXTS: Mapping[str, str] = {
    "filter": "return=3&1=Ada",
    "key": "3=ada@canary.example",
    "id": "65f0c0ffee00000000c0ffee",
    "language": "en",
    "fields": "1,2",
}
"""The parameters that are no mere names."""


@attrs.frozen
class Operation:
    """One operation, its method in the client, and what its spec says of it."""

    spec: str
    id: str
    verb: str
    node: Node = attrs.field(repr=False, eq=False)

    def __str__(self) -> str:
        return f"{self.spec}-{self.id}"

    @property
    def document(self) -> Node:
        return Body(self.spec, self.id).document

    @property
    def reads(self) -> bool:
        """It changes nothing."""
        return self.verb == "GET" or re.match("(check|get|query|filter|list)[A-Z]", self.id) is not None

    @property
    def method(self) -> str:
        return snake(self.id)

    @property
    def bodies(self) -> list[Body]:
        """Of its replies."""
        return [body for body in replies(self.spec) if body.operation == self.id]

    @property
    def examples(self) -> Sequence[tuple[int, Any]]:
        """Its successes, status and JSON value; None for no body."""
        found: list[tuple[int, Any]] = []
        for status, response in self.node["responses"].items():
            if status.startswith("2"):
                content = resolved(self.document, response).get("content", {}).get("application/json", {})
                values = [each["value"] for each in content.get("examples", {}).values()]
                found += [(int(status), value) for value in values or ([{}] if content else [None])]
        return found

    def schema_of(self, status: int) -> Node | None:
        """The schema of the JSON body with this status; of the first success for a success that is not in the spec."""
        successes = [int(each) for each in self.node["responses"] if each.startswith("2")]
        documented = status if str(status) in self.node["responses"] else min(successes)
        response = resolved(self.document, self.node["responses"][str(documented)])
        schema: Node | None = response.get("content", {}).get("application/json", {}).get("schema")
        return schema

    def call(self, client: Any, given: Mapping[str, Any] | None = None) -> Any:
        """The call on a client of the vendor, with arguments that the spec takes unless others are given: its result,
        or the coroutine of it."""
        service = {"sinch_batch": "batch", "sinch_conversation": "conversation"}.get(self.spec)
        api = client if service is None else getattr(client, service)
        return getattr(api, self.method)(**(given or arguments(self)))


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def all_operations() -> list[Operation]:
    """All but the token calls, which no user makes."""
    return [
        Operation(spec, node["operationId"], verb, node)
        for spec in SPECS
        for verb, _, node in operations(spec)
        if node["operationId"] != TOKEN
    ]


@cache
def arguments(operation: Operation) -> Mapping[str, Any]:
    """What the call has to be given, and nothing else."""
    api = importlib.import_module(f"headcount_api.clients.{operation.spec}.api")
    parameters = inspect.signature(getattr(api.Operations, operation.method), eval_str=True).parameters.values()
    given: dict[str, Any] = {}
    for each in parameters:
        if each.default is not each.empty or each.name == "self":
            continue
        name = each.name.rstrip("_")
        if name == "body":
            given[each.name] = model(alternatives(each.annotation), _example(operation))
        else:
            given[each.name] = 7 if each.annotation is int else TEXTS.get(name, "01HCANARY00000000000000001")
    return given


def _example(operation: Operation) -> Any:
    (body,) = (each for each in requests(operation.spec) if each.operation == operation.id)
    content = resolved(operation.document, operation.node["requestBody"])["content"][body.media_type]
    return next(iter(content["examples"].values()))["value"]


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types of a union; the type itself of what is none."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def model(kinds: tuple[Any, ...], value: Any) -> Any:
    """The JSON value as the generated model among these types, or as a list of them."""
    items = next((get_args(kind)[0] for kind in kinds if get_origin(kind) is list), None)
    if items is not None and isinstance(value, list):
        return [model(alternatives(items), each) for each in value]
    kind = next(kind for kind in kinds if hasattr(kind, "from_dict"))
    return kind.from_dict(value)


def iterations() -> Mapping[str, tuple[str, Callable[[Any], Any]]]:
    """By name, every iterator over pages: the operation whose replies are its pages, and the call."""
    return {
        "emarsys query": ("emarsys-queryContacts", lambda api: api.iterate_query(3)),
        "emarsys filter": ("emarsys-filterContacts", lambda api: api.iterate_query(3, filters={1: "Ada"}, limit=2)),
        "emarsys list": ("emarsys-listContactsInList", lambda api: api.iterate_contacts_in_list(7)),
        "pabbly contacts": ("pabbly_chatflow-listContacts", lambda api: api.iterate_contacts()),
        "sinch contacts": ("sinch_conversation-listContacts", lambda api: api.conversation.iterate_contacts()),
        "sinch conflicts": (
            "sinch_conversation-listIdentityConflicts",
            lambda api: api.conversation.iterate_identity_conflicts(),
        ),
    }
