"""What is read of a spec for a single call, on a spec made for it."""

from __future__ import annotations

from typing import Any

import pytest

from headcount.clients.operations import Interface, Operation, interface
from headcount.clients.requests import asked
from headcount.destinations.base import Texts
from headcount.errors import UsageError
from headcount_api import specs

THING = {"type": "object", "properties": {"id": {"type": "string"}}}


def operation(
    method: str = "get", path: str = "/things/{thingId}", name: str = "getThing", **members: Any
) -> Operation:
    raw = {"operationId": name, "responses": {"200": content(THING)}, **members}
    return Interface({"paths": {path: {method: raw}}, "components": {}}).operation(method, path)


def content(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def parameter(name: str, place: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema}


@pytest.mark.parametrize(
    ("method", "name", "reads"),
    [
        ("get", "createThing", True),
        ("post", "checkThings", True),
        ("post", "getThingData", True),
        ("post", "queryThings", True),
        ("post", "createThing", False),
        ("post", "getawayFromThing", False),
        ("post", "listenToThing", False),
        ("put", "updateThing", False),
        ("delete", "deleteThing", False),
        ("patch", "mergeThings", False),
    ],
)
def test_what_only_asks_is_told_by_its_method_and_its_verb(method: str, name: str, reads: bool) -> None:
    assert operation(method, name=name).reads is reads


def test_the_operations_of_the_specs_that_only_ask() -> None:
    asks = {
        each["operationId"]
        for name in ("emarsys", "pabbly_chatflow", "sinch_batch", "sinch_conversation")
        for path, item in specs.load(name)["paths"].items()
        for method, each in item.items()
        if method == "post" and interface(name).operation(method, path).reads
    }
    assert asks == {"checkContactIds", "getChannelProfile", "getContactData"}


def test_an_operation_is_found_whatever_its_values_are_called() -> None:
    both = Interface({"paths": {"/a/{b}": {"get": {"responses": {}}}, "/a/b": {"get": {"responses": {}}}}})
    assert both.operation("get", "/a/{other_name}").name == "GET /a/{b}"
    assert both.operation("get", "/a/b").name == "GET /a/b"
    with pytest.raises(UsageError, match="the spec has no POST /a/b"):
        both.operation("post", "/a/b")


def test_values_of_a_path() -> None:
    path = operation(path="/p/{project}/things/{thingId}:merge")
    assert path.path_values("/p/x/things/a%2Fb%3A:merge") == {"project": "x", "thingId": "a/b:"}
    for changed in ("/p/x/things/:merge", "/p/../things/a:merge", "/p/x/things/%2E%2e:merge", "/p/./things/a:merge"):
        with pytest.raises(UsageError, match="changes the path"):
            path.path_values(changed)
    for other in ("/p/x/things/a", "/p/x/y/things/a:merge", "/p/x/things/a:merge?b=c"):
        with pytest.raises(UsageError, match="not one"):
            path.path_values(other)


def test_parameters_are_checked_where_the_spec_knows_them() -> None:
    shared = {"$ref": "#/components/parameters/Size"}
    document = {
        "paths": {
            "/things/{number}": {
                "parameters": [parameter("number", "path", type="integer", minimum=1)],
                "get": {"responses": {}, "parameters": [shared]},
            }
        },
        "components": {
            "parameters": {"Size": parameter("size", "query", **{"$ref": "#/components/schemas/Size"})},
            "schemas": {"Size": {"type": "integer", "maximum": 9}},
        },
    }
    found = Interface(document).operation("get", "/things/{number}")
    found.check_parameters("path", {"number": "7"})
    found.check_parameters("query", {"size": 9, "unknown": object()})
    for place, values in (("path", {"number": "0"}), ("path", {"number": "x"}), ("query", {"size": 10})):
        with pytest.raises(UsageError, match="GET /things"):
            found.check_parameters(place, values)


def test_a_success_is_read_by_its_status_its_range_or_the_first() -> None:
    other = {"type": "object", "properties": {"name": {"type": "string"}}}
    ranged = operation(responses={"200": content(THING), "2XX": content(other), "204": {"description": "none"}})
    assert ranged.answers(200, {"id": "1"}) and not ranged.answers(200, {"name": "1"})
    assert ranged.answers(207, {"name": "1"}) and ranged.reply_check(204) is None
    first = operation(responses={"201": content(THING), "400": content(other)})
    assert first.answers(200, {"id": "1"}) and not first.answers(200, {"name": "1"})
    assert operation(responses={"400": content(other)}).reply_check(200) is None


def test_nothing_answers_a_question_and_no_change() -> None:
    assert operation("get").answers(200, {})
    assert not operation("post", name="createThing").answers(200, {})
    assert not operation("get").answers(200, {"login": "here"})
    assert operation("get").answers(200, [])  # its type is for the schema to refuse


@pytest.mark.parametrize(("status", "refuses"), [(409, True), (408, False), (422, False), (500, False), (200, False)])
def test_a_refusal_is_what_the_spec_has_as_one(status: int, refuses: bool) -> None:
    documented = operation(responses={key: {"description": ""} for key in ("200", "408", "409", "500")})
    assert documented.refuses_with(status) is refuses


def test_a_request_is_written_and_what_it_tells_is_kept_from_texts() -> None:
    arguments = {
        "method": "post",
        "url": "/things/3%3Dada%40example.com",
        "params": {"flag": True, "many": ["x y", "é"], "n": 1},
        "json": {"name": "Ada Lovelace"},
        "headers": {"Content-Type": "application/json"},
    }
    written = asked(operation("post", name="updateThing"), lambda: arguments, "https://vendor.example/v1")
    request = written.request
    assert (request.method, request.body) == ("POST", b'{"name":"Ada Lovelace"}')
    assert request.url == "https://vendor.example/v1/things/3%3Dada%40example.com?flag=true&many=x+y&many=%C3%A9&n=1"
    assert request.headers == {"Accept": "application/json", "Content-Type": "application/json"}
    text = Texts(written.told).masked("Lovelace is not 3=ada@example.com, who is ada lovelace or x y")
    assert text == "<masked> is not <thingId>, who is <name> or <many>"
    pieces = asked(operation(), lambda: {"method": "get", "url": "/things/1%3DAda"}, "https://vendor.example")
    assert Texts(pieces.told).masked("nobody is called Ada here") == "nobody is called <thingId.1> here"


@pytest.mark.parametrize("body", [{"n": float("nan")}, {"n": float("inf")}, {"n": "\ud800"}, {"n": object()}, {1j: 1}])
def test_what_is_no_json_is_not_sent(body: Any) -> None:
    arguments = {"method": "post", "url": "/things/1", "json": body}
    with pytest.raises(UsageError, match="a value is not of its type") as raised:
        asked(operation("post"), lambda: arguments, "https://vendor.example")
    assert raised.value.__context__ is None
