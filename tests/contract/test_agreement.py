"""Generated client, wire record and JSON Schema agree on what a body is and whether it is one.

Where a generator is laxer than the schema, differences.txt names it, and the check before sending refuses what it lets
pass. A difference that is new, or that is no more, fails.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_origin

import httpx
import msgspec
import pytest
from hypothesis import given

from headcount.auth import BearerKey, Secret
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import UsageError
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from tests.contract.breaking import broken
from tests.fuzz.client_calls import all_operations, alternatives, arguments, model, snake
from tests.fuzz.spec_values import SPECS, TOKEN, Body, Node, drawn, replies, requests, resolved, validator, values
from tests.sockets import unused_port

DIFFERENCES = Path(__file__).with_name("differences.txt").read_text(encoding="utf-8").splitlines()
"""Spec, schema and generator; then the keywords whose breach it `passes` on, or of which it `drops` what breaks them.
What is not here is refused."""


def text(value: object) -> str:
    """A JSON value as one text: 1, 1.0 and true are three."""
    return json.dumps(value, sort_keys=True)


REQUESTS = [body for spec in SPECS for body in requests(spec)]
REPLIES = list({(body.spec, text(body.schema)): body for spec in SPECS for body in replies(spec)}.values())
OPERATIONS = {(each.spec, each.id): each for each in all_operations()}
REFUSED = (AttributeError, KeyError, TypeError, ValueError)
KEY = BearerKey(Secret("key"))
DESTINATIONS: Mapping[str, Destination] = {
    "emarsys": Emarsys(auth=KEY),
    "pabbly_chatflow": Pabbly(auth=KEY),
    "sinch_batch": Sinch(auth=KEY, project_id="project"),
}
"""By the spec that their contacts are checked against."""
NOWHERE = f"http://127.0.0.1:{unused_port()}"
CLIENTS: Mapping[str, Any] = {
    "emarsys": Emarsys(auth=KEY, endpoint=NOWHERE).client(),
    "pabbly_chatflow": Pabbly(auth=KEY, endpoint=NOWHERE).client(),
    **dict.fromkeys(
        ("sinch_batch", "sinch_conversation"), Sinch(auth=KEY, project_id="project", endpoint=NOWHERE).client()
    ),
}


def operation_module(body: Body) -> Any:
    """The generated module of the operation."""
    package = importlib.import_module(f"headcount_api.clients.{body.spec}.api")
    stem = snake(body.operation)
    (path,) = (path for root in package.__path__ for path in Path(root).glob(f"*/{stem}.py"))
    return importlib.import_module(f"{package.__name__}.{path.parent.name}.{stem}")


@cache
def sender(body: Body) -> tuple[Any, Mapping[str, Any], tuple[Any, ...]]:
    """What builds the client's request, what it wants beside the body, and what the body may be."""
    build = operation_module(body)._get_kwargs
    parameters = inspect.signature(build, eval_str=True).parameters
    others = {name: "any" for name, each in parameters.items() if name != "body" and each.default is each.empty}
    return build, others, alternatives(parameters["body"].annotation)


def by_client(body: Body, value: Any) -> Any:
    """The JSON value that the client sends of this one."""
    build, others, kinds = sender(body)
    sent = build(**others, body=model(kinds, value))
    return sent["json" if "json" in sent else "data"]


def wire_type(body: Body) -> Any:
    module = importlib.import_module(f"headcount_api.wire.{body.spec}")
    return getattr(module, body.schema["$ref"].rsplit("/", 1)[1])


def by_record(body: Body, value: Any) -> Any:
    """The JSON value that the wire record makes of this one."""
    record = msgspec.json.decode(json.dumps(value), type=wire_type(body))
    return msgspec.json.decode(msgspec.json.encode(record))


def holds_odd_number(value: Any) -> bool:
    """A whole number written with a point, which is an integer to JSON Schema and none to msgspec; or one of more
    than 64 bits, which msgspec reads as a float or not at all."""
    if isinstance(value, dict):
        return any(map(holds_odd_number, value.values()))
    if isinstance(value, list):
        return any(map(holds_odd_number, value))
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    return isinstance(value, float) and (value.is_integer() or not math.isfinite(value))


def known(document: Node, schema: Node, value: Any) -> Any:
    """The value without members that the schema does not name: a wire record has no place for them."""
    schema = resolved(document, schema)
    for branch in schema.get("anyOf", ()):
        if validator(document, branch).is_valid(value):
            return known(document, branch, value)
    if isinstance(value, list):
        return [known(document, schema.get("items", {}), each) for each in value]
    if not isinstance(value, dict):
        return value
    members, others = schema.get("properties", {}), schema.get("additionalProperties")
    if not members:
        return {name: known(document, others or {}, each) for name, each in value.items()}
    return {name: known(document, members[name], each) for name, each in value.items() if name in members}


@pytest.mark.parametrize("body", REQUESTS, ids=str)
def test_a_valid_request_is_one_value_to_client_and_record(body: Body) -> None:
    @drawn(25)
    @given(values(body))
    def check(value: Any) -> None:
        assert text(by_client(body, value)) == text(value)
        if not holds_odd_number(value):
            assert text(by_record(body, value)) == text(known(body.document, body.schema, value))

    check()


@pytest.mark.parametrize("body", REPLIES, ids=str)
def test_a_valid_reply_is_one_value_to_client_and_record(body: Body) -> None:
    module, (status, *_) = operation_module(body), body.statuses
    client = importlib.import_module(f"headcount_api.clients.{body.spec}").Client("http://127.0.0.1")

    @drawn(15)
    @given(values(body))
    def check(value: Any) -> None:
        response = httpx.Response(status, content=json.dumps(value).encode())
        parsed = module._build_response(client=client, response=response).parsed
        assert text(parsed if isinstance(value, list) else parsed.to_dict()) == text(value)
        if not holds_odd_number(value):
            assert text(by_record(body, value)) == text(known(body.document, body.schema, value))

    check()


@pytest.mark.parametrize("spec", DESTINATIONS)
def test_a_contact_is_sent_as_it_is_whoever_holds_it(spec: str) -> None:
    """As a mapping, as a wire record and as a client's model."""
    body = Body(spec, "Contact", schema={"$ref": "#/components/schemas/Contact"})
    to = DESTINATIONS[spec]
    models = importlib.import_module(f"headcount_api.clients.{spec}.models")

    @drawn(40)
    @given(values(body))
    def check(value: Any) -> None:
        if holds_odd_number(value):
            return
        record = msgspec.json.decode(json.dumps(value), type=wire_type(body))
        items = [value, record, models.Contact.from_dict(value).to_dict()]
        prepared = Encoder(to.layout, to.check, ColumnMap(to.layout)).records(0, items)
        if to.layout.missing_key(value) is not None:
            assert len(prepared.problems) == 3
        elif not prepared.problems:
            assert {text(json.loads(payload)) for payload in prepared.payloads} == {text(value)}
        else:
            assert "\\ud" in text(value), prepared.problems

    check()


Fates = dict[tuple[str, str, str], set[str]]


def fates(body: Body) -> Fates:
    """By schema, generator and fate, the keywords of which a breach is not refused."""
    judge = validator(body.document, body.schema)
    found: Fates = {}

    @drawn(25)
    @given(values(body))
    def break_one(value: Any) -> None:
        for each in broken(body.document, body.schema, value):
            if judge.is_valid(each.value):
                continue
            for generator, remake in (("client", by_client), ("record", by_record)):
                try:
                    fate = "drops" if judge.is_valid(remake(body, each.value)) else "passes"
                except REFUSED:
                    continue
                found.setdefault((each.schema, generator, fate), set()).add(each.keyword)
                if (generator, fate) == ("client", "passes"):
                    check_not_sent(body, each.value)

    break_one()
    return found


def check_not_sent(body: Body, value: Any) -> None:
    """The wrapper's client refuses what the generated one would send. Nobody listens where it would go."""
    if body.operation == TOKEN:
        return  # the form is not the caller's
    operation = OPERATIONS[body.spec, body.operation]
    given = arguments(operation) | {"body": model(sender(body)[2], value)}
    with pytest.raises(UsageError):
        operation.call(CLIENTS[body.spec], given)


@pytest.mark.parametrize("spec", SPECS)
def test_the_differences_are_those_that_are_named(spec: str) -> None:
    found: Fates = {}
    for body in requests(spec):
        for place, keywords in fates(body).items():
            found.setdefault(place, set()).update(keywords)
    told = [f"{spec} {' '.join(place)} {' '.join(sorted(keywords))}" for place, keywords in sorted(found.items())]
    named = [line for line in DIFFERENCES if line.startswith(f"{spec} ")]
    assert told == named, "differences.txt is to say of this spec:\n" + "\n".join(told)


@pytest.mark.parametrize("spec", DESTINATIONS)
def test_no_load_sends_a_contact_that_breaks_its_schema(spec: str) -> None:
    """As a mapping or as a wire record, which may hold anything: it is judged when it is encoded."""
    to = DESTINATIONS[spec]
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    body = Body(spec, "Contact", schema={"$ref": "#/components/schemas/Contact"})
    judge = validator(body.document, body.schema)
    kind = wire_type(body)

    @drawn(40)
    @given(values(body))
    def check(value: Any) -> None:
        for each in broken(body.document, body.schema, value):
            if judge.is_valid(each.value):
                continue
            items = [each.value]
            if isinstance(each.value, dict) and issubclass(get_origin(kind) or kind, msgspec.Struct):
                fields = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
                record = msgspec.json.decode(json.dumps(value), type=kind)
                for name, member in fields.items():
                    setattr(record, name, each.value.get(member, msgspec.UNSET))
                items.append(record)
            problems = encoder.records(0, items).problems
            assert 0 in problems, each.value
            assert 1 in problems or len(items) == 1 or each.keyword == "additionalProperties", each.value

    check()
