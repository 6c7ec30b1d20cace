"""Contact lists, sources and fields of the mocked Emarsys, and what every call has in common."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.contract.emarsys_mock import ADA, BOB, EVE, create, emarsys, said


def test_a_list_is_created_filled_counted_emptied_and_deleted() -> None:
    with emarsys() as (client, _):
        ada, bob = create(client, {"3": ADA}, {"3": BOB})
        made = said(client.post("contactlist", json={"key_id": "3", "name": "all", "external_ids": [ADA, EVE]}))[2]
        list_id = made["id"]
        missing = {EVE: {"2008": f"No contact found with the external id: 3 - {EVE}"}}
        assert made == {"id": list_id, "errors": missing} and isinstance(list_id, int)
        at = f"contactlist/{list_id}"
        add = {"key_id": "3", "external_ids": [ADA, BOB, EVE]}
        assert said(client.post(f"{at}/add", json=add))[2] == {"inserted_contacts": 1, "errors": missing}
        assert said(client.get(f"{at}/count"))[2] == 2
        assert client.get(f"{at}/contactIds").json() == {"value": [ada, bob], "next": None}
        remove = {"key_id": "id", "external_ids": [ada]}
        assert said(client.post(f"{at}/delete", json=remove))[2] == {"deleted_contacts": 1, "errors": []}
        assert said(client.post(f"{at}/delete", json=remove))[2] == {"deleted_contacts": 0, "errors": []}
        assert client.get(f"{at}/contactIds").json()["value"] == [bob]
        (listed,) = said(client.get("contactlist"))[2]
        assert (listed["id"], listed["name"]) == (str(list_id), "all")
        assert said(client.post(f"{at}/deletelist")) == (200, 0, {})
        assert said(client.get("contactlist"))[2] == []
        assert said(client.get(f"contact/3={BOB}"))[2] == {"id": str(bob)}


def test_a_list_without_contacts_has_no_errors_and_one_whose_contacts_were_all_found_has_none() -> None:
    with emarsys() as (client, _):
        create(client, {"3": ADA})
        assert said(client.post("contactlist", json={"name": "a"}))[2].keys() == {"id"}
        assert said(client.post("contactlist", json={"name": "b", "external_ids": [ADA]}))[2]["errors"] == []


@pytest.mark.parametrize(("count", "expected"), [(5, 3), (4, 2), (1, 1)])
def test_the_contacts_of_a_list_come_in_pages_that_name_the_next_one(count: int, expected: int) -> None:
    with emarsys() as (client, _):
        ids = create(client, *({"3": f"{number}@example.com"} for number in range(count)))
        body = {"key_id": "id", "name": "all", "external_ids": ids}
        list_id = said(client.post("contactlist", json=body))[2]["id"]
        found: list[int] = []
        path: str | None = f"/contactlist/{list_id}/contactIds?$top=2"
        pages = 0
        while path:
            page = client.get(path.removeprefix("/")).json()
            found += page["value"]
            path = page["next"]
            pages += 1
    assert (found, pages) == (ids, expected)


@pytest.mark.parametrize(("refusals", "add", "read"), [("in_200", 200, 200), ("status", 400, 404)])
def test_a_list_that_is_not_there(refusals: Any, add: int, read: int) -> None:
    with emarsys(refusals=refusals) as (client, _):
        body = {"key_id": "3", "external_ids": [ADA]}
        for path in ("add", "delete"):
            assert said(client.post(f"contactlist/7/{path}", json=body)) == (add, 3004, "")
        assert said(client.get("contactlist/7/count")) == (read, 3006, "")
        assert said(client.get("contactlist/7/contactIds")) == (read, 3006, "")
        assert said(client.post("contactlist/7/deletelist")) == (read, 3006, "")


@pytest.mark.parametrize(("refusals", "status"), [("in_200", 200), ("status", 400)])
def test_names_of_lists_and_sources_are_taken_once(refusals: Any, status: int) -> None:
    with emarsys(refusals=refusals) as (client, _):
        for path, code in (("contactlist", 3005), ("source/create", 7001)):
            assert said(client.post(path, json={"name": "all"}))[:2] == (200, 0)
            assert said(client.post(path, json={"name": "all"})) == (status, code, "")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("contactlist", {"external_ids": []}, 3004),
        ("contactlist", {"name": ""}, 3004),
        ("contactlist", {"name": "all", "external_ids": ADA}, 3003),
        ("contactlist", {"name": "all", "external_ids": [str(number) for number in range(10_001)]}, 3002),
        ("contactlist/7/add", {"key_id": "3", "external_ids": ADA}, 3003),
        ("contactlist/7/delete", {"key_id": "3", "external_ids": [str(number) for number in range(10_001)]}, 3002),
        ("contactlist/x/add", {"key_id": "3", "external_ids": []}, 10001),
        ("source/create", {}, 10001),
        ("source/create", {"name": ""}, 10001),
    ],
)
def test_what_breaks_the_schema_is_a_400_by_the_vendors_code(path: str, body: Any, code: int) -> None:
    with emarsys() as (client, _):
        assert said(client.post(path, json=body)) == (400, code, "")


def test_ten_thousand_contacts_pass_the_limit_of_a_list() -> None:
    with emarsys() as (client, _):
        body = {"name": "all", "external_ids": [str(number) for number in range(10_000)]}
        status, code, data = said(client.post("contactlist", json=body))
    assert (status, code, len(data["errors"])) == (200, 0, 10_000)


@pytest.mark.parametrize(("refusals", "status"), [("in_200", 200), ("status", 400)])
def test_sources_are_created_listed_and_deleted(refusals: Any, status: int) -> None:
    with emarsys(refusals=refusals) as (client, _):
        first, second = (said(client.post("source/create", json={"name": name}))[2]["id"] for name in ("a", "b"))
        assert said(client.get("source"))[2] == [{"id": str(first), "name": "a"}, {"id": str(second), "name": "b"}]
        assert said(client.delete(f"source/{first}")) == (200, 0, {})
        assert said(client.get("source"))[2] == [{"id": str(second), "name": "b"}]
        assert said(client.delete(f"source/{first}")) == (status, 7002, "")


def test_every_account_has_the_fields_of_the_vendors_list() -> None:
    with emarsys() as (client, _):
        fields = said(client.get("field"))[2]
        assert said(client.get("field/translate/de"))[2] == fields
        assert said(client.get("field/translate/xx")) == (400, 1002, "")
    assert [each["id"] for each in fields] == [str(number) for number in range(49)]
    kinds = {each["id"]: (each["name"], each["application_type"]) for each in fields}
    assert kinds["0"] == ("Interests", "interests")
    assert kinds["1"] == ("First Name", "shorttext")
    assert kinds["3"] == ("E-Mail", "longtext")
    assert kinds["4"] == ("Date of Birth", "birthdate")
    assert kinds["5"] == ("Gender", "singlechoice")
    assert kinds["31"] == ("Opt-In", "special")
    assert kinds["40"] == ("Anniversary", "date")


def test_an_account_can_have_other_fields() -> None:
    with emarsys(fields=("3", "405067")) as (client, _):
        assert [each["id"] for each in said(client.get("field"))[2]] == ["3", "405067"]
        assert said(client.get("field/1/choice")) == (200, 1007, "")


def test_choices_of_one_field_and_of_several() -> None:
    gender = [{"id": "1", "choice": "Male", "bit_position": 0}, {"id": "2", "choice": "Female", "bit_position": 1}]
    with emarsys() as (client, _):
        assert said(client.get("field/5/choice"))[2] == gender
        assert said(client.get("field/5/choice/translate/fr"))[2] == gender
        several = said(client.get("field/choices", params={"fields": "5,1", "language": "en"}))[2]
        assert several == {"5": gender, "1": []}
        for path in ("field/777/choice", "field/choices?fields=5,777&language=en"):
            assert said(client.get(path)) == (200, 1007, "")
        for path in ("field/x/choice", "field/choices?fields=5;1&language=en", "field/choices?fields=5"):
            assert client.get(path).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "contact", {"3": ADA}),
        ("PUT", "contact", {"3": ADA}),
        ("POST", "contact/delete", {"3": ADA}),
        ("POST", "contact/getdata", {"keyValues": ["1"]}),
        ("POST", "contact/checkids", {"key_id": "3", "external_ids": [ADA]}),
        ("GET", f"contact/3={ADA}", None),
        ("GET", "contact/query/?return=3", None),
        ("GET", "field", None),
        ("GET", "field/5/choice", None),
        ("GET", "source", None),
        ("POST", "source/create", {"name": "shop"}),
        ("DELETE", "source/101", None),
        ("GET", "contactlist", None),
        ("POST", "contactlist", {"name": "all"}),
        ("POST", "contactlist/1/add", {"key_id": "3", "external_ids": []}),
        ("GET", "contactlist/1/contactIds", None),
    ],
)
def test_no_call_is_let_in_without_a_token_or_with_one_that_expired(method: str, path: str, body: Any) -> None:
    with emarsys(token_calls=1) as (client, store):
        assert client.request(method, path, json=body).status_code == 200
        written = len(store.writes)
        assert said(client.request(method, path, json=body)) == (401, 1, "")
        del client.headers["Authorization"]
        assert said(client.request(method, path, json=body)) == (401, 1, "")
        assert len(store.writes) == written


def test_a_rate_limit_is_told_with_every_reply_and_enforced() -> None:
    with emarsys(enforce_rate_limit=True, rate_limit=2) as (client, store):
        before = int(time.time())
        replies = [client.post("contact", json={"3": f"{number}@example.com"}) for number in range(3)]
        assert store.created == 2
    assert [each.status_code for each in replies] == [200, 200, 429]
    assert [each.headers["X-Ratelimit-Remaining"] for each in replies] == ["1", "0", "0"]
    assert {each.headers["X-RateLimit-Limit"] for each in replies} == {"2"}
    resets = {int(each.headers["X-RateLimit-Reset"]) for each in replies}
    assert len(resets) == 1 and before + 60 <= resets.pop() <= time.time() + 60
    assert said(replies[2]) == (429, 7003, "")


def test_without_the_switch_nothing_is_told_of_a_rate_limit() -> None:
    with emarsys(rate_limit=1) as (client, _):
        replies = [client.get("field") for _ in range(3)]
    assert {each.status_code for each in replies} == {200}
    assert not any("X-RateLimit-Limit" in each.headers for each in replies)
