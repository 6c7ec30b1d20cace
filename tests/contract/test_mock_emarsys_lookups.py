"""Reading contacts of the mocked Emarsys: getdata, checkids, one id, and queries."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.emarsys_mock import ADA, BOB, EVE, create, emarsys, said


def test_data_is_read_by_id_or_by_a_field_with_nothing_for_what_is_empty() -> None:
    with emarsys() as (client, _):
        ada, bob = create(client, {"3": ADA, "1": "Ada", "2": ""}, {"3": BOB})
        by_field = {"keyId": "3", "keyValues": [ADA, BOB], "fields": [1, "2", "3"]}
        data = said(client.post("contact/getdata", json=by_field))[2]
        assert data["errors"] == []
        first, second = data["result"]
        uid = first.pop("uid")
        assert first == {"1": "Ada", "2": None, "3": ADA, "id": str(ada)}
        assert (second["1"], second["id"]) == (None, str(bob))
        assert len(uid) == 10 and uid != second["uid"]
        for key_id, value in (("id", str(ada)), ("uid", uid)):
            whole = said(client.post("contact/getdata", json={"keyId": key_id, "keyValues": [value]}))[2]
            assert whole["result"] == [{"1": "Ada", "2": None, "3": ADA, "id": str(ada), "uid": uid}]
        by_default = said(client.post("contact/getdata", json={"keyValues": [ada]}))[2]
        assert by_default["result"][0]["3"] == ADA


@pytest.mark.parametrize(("switch", "shown"), [("false", {"result": False}), ("absent", {}), ("list", {"result": []})])
@pytest.mark.parametrize(("codes", "code"), [("string", "2008"), ("integer", 2008)])
def test_data_of_nobody(switch: Any, shown: Any, codes: Any, code: Any) -> None:
    with emarsys(no_match=switch, error_codes=codes) as (client, _):
        data = said(client.post("contact/getdata", json={"keyId": 3, "keyValues": [EVE]}))[2]
    text = f"No contact found with the external id: 3 - {EVE}"
    assert data == {"errors": [{"key": EVE, "errorCode": code, "errorMsg": text}], **shown}


def test_data_of_a_key_that_several_have_is_an_error() -> None:
    with emarsys(existing=(ADA, ADA, BOB)) as (client, _):
        data = said(client.post("contact/getdata", json={"keyId": "3", "keyValues": [ADA, BOB]}))[2]
    assert [(each["key"], each["errorCode"]) for each in data["errors"]] == [(ADA, "2010")]
    assert [each["3"] for each in data["result"]] == [BOB]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"keyId": "3"}, "Missing parameter: keyValues"),
        ({"keyValues": ADA}, "keyValues must be an array"),
        ({"keyValues": [str(number) for number in range(1001)]}, "Max. number of contacts: 1000"),
    ],
)
def test_a_request_for_data_that_breaks_the_schema(body: Any, text: str) -> None:
    with emarsys() as (client, _):
        reply = client.post("contact/getdata", json=body)
    assert said(reply) == (400, 10001, "")
    assert reply.json()["replyText"] == text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"key_id": "3", "external_ids": [str(number) for number in range(1001)]}, 2002),
        ({"key_id": "3", "external_ids": ADA}, 2003),
        ({"key_id": "3"}, 10001),
    ],
)
def test_a_look_up_that_breaks_the_schema(body: Any, code: int) -> None:
    with emarsys() as (client, _):
        assert said(client.post("contact/checkids", json=body)) == (400, code, "")


def test_contacts_that_are_looked_up_join_a_list() -> None:
    with emarsys() as (client, _):
        (ada,) = create(client, {"3": ADA})
        list_id = said(client.post("contactlist", json={"name": "all"}))[2]["id"]
        body = {"key_id": "3", "external_ids": [ADA, EVE], "contact_list_id": list_id}
        assert said(client.post("contact/checkids", json=body))[2]["ids"] == {ADA: str(ada)}
        assert client.get(f"contactlist/{list_id}/contactIds").json()["value"] == [ada]
        assert said(client.post("contact/checkids", json={**body, "contact_list_id": 7}))[1] == 2020


@pytest.mark.parametrize("path", ["contact/3={}", "contact/3%3D{}", "contact/3={}/"])
def test_one_id_is_found_by_the_value_of_a_field(path: str) -> None:
    with emarsys() as (client, _):
        (ada,) = create(client, {"3": ADA})
        assert said(client.get(path.format(quote(ADA)))) == (200, 0, {"id": str(ada)})


@pytest.mark.parametrize(("refusals", "status"), [("in_200", 200), ("status", 400)])
def test_one_id_that_cannot_be_told(refusals: Any, status: int) -> None:
    with emarsys(refusals=refusals, existing=(ADA, ADA)) as (client, _):
        assert said(client.get(f"contact/3={ADA}")) == (status, 2010, "")
        assert said(client.get(f"contact/3={EVE}")) == (status, 2008, "")
        assert client.get("contact/3=").status_code == 400
        assert client.get("contact/email=x").status_code == 400


CONTACTS: list[dict[str, Any]] = [
    {"3": ADA, "1": "Ada", "2": "Lovelace"},
    {"3": BOB, "1": "Bob"},
    {"3": EVE, "1": "Ada", "2": ""},
]


@pytest.mark.parametrize("path", ["contact/query/?", "contact/query/"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("return=3", [(0, ADA), (1, BOB), (2, EVE)]),
        ("return=3&1=Ada", [(0, ADA), (2, EVE)]),
        ("return=3&1=Ada&2=Lovelace", [(0, ADA)]),
        ("return=3&2=", [(1, BOB), (2, EVE)]),
        ("return=2", [(0, "Lovelace"), (1, None), (2, None)]),
        ("return=2&excludeempty=true", [(0, "Lovelace")]),
        ("return=2&excludeempty=false&limit=2", [(0, "Lovelace"), (1, None)]),
        ("return=3&limit=1&offset=1", [(1, BOB)]),
        ("return=3&limit=10000&offset=3", []),
    ],
)
def test_a_query_lists_one_field_page_by_page_and_filtered(path: str, query: str, expected: Any) -> None:
    with emarsys() as (client, _):
        ids = create(client, *CONTACTS)
        field = query.partition("&")[0].removeprefix("return=")
        data = said(client.get(path + query))[2]
    assert data == {"errors": [], "result": [{"id": ids[index], field: value} for index, value in expected]}


@pytest.mark.parametrize(
    ("query", "code"),
    [("limit=1", 2014), ("return=3&limit=0", 2016), ("return=3&limit=10001", 2016), ("return=3&offset=-1", 10001)],
)
def test_a_query_that_breaks_the_schema(query: str, code: int) -> None:
    with emarsys() as (client, _):
        assert said(client.get(f"contact/query/?{query}")) == (400, code, "")
        assert client.get(f"contact/query/{query}").status_code == 400


@pytest.mark.parametrize(("refusals", "status"), [("in_200", 200), ("status", 400)])
@pytest.mark.parametrize(("query", "code"), [("return=3&1=Ada", 2015), ("return=7", 2006), ("return=3&7=x", 2006)])
def test_a_query_of_fields_that_are_not_there_or_not_indexed(refusals: Any, status: int, query: str, code: int) -> None:
    with emarsys(refusals=refusals, fields=("1", "2", "3"), indexed=("3",)) as (client, _):
        assert said(client.get(f"contact/query/?{query}")) == (status, code, "")
        assert said(client.get(f"contact/query/{query}")) == (status, code, "")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "contact/getdata", {"keyId": "100", "keyValues": ["x"]}),
        ("POST", "contact/checkids", {"key_id": "100", "external_ids": ["x"]}),
        ("POST", "contact/delete", {"key_id": "100", "100": "x"}),
        ("PUT", "contact", {"key_id": "100", "contacts": [{"100": "x"}]}),
        ("GET", "contact/100=x", None),
        ("POST", "contactlist", {"key_id": "100", "name": "all", "external_ids": []}),
    ],
)
@pytest.mark.parametrize(("switch", "status"), [("refused", 400), ("refused_in_200", 200)])
def test_every_call_refuses_a_key_field_that_is_not_there(
    switch: Any, status: int, method: str, path: str, body: Any
) -> None:
    with emarsys(fields=("3",), unknown_key=switch) as (client, _):
        assert said(client.request(method, path, json=body)) == (status, 2004, "")
