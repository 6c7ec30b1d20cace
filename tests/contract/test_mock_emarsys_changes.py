"""Single creates, updates, upserts and deletions of the mocked Emarsys: replies, refusals, and the write log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.emarsys_mock import ADA, BOB, EVE, create, emarsys, said


def not_found(value: str, key: str = "3") -> dict[str, str]:
    return {"2008": f"No contact found with the external id: {key} - {value}"}


def test_one_contact_is_created_from_the_body_itself() -> None:
    with emarsys() as (client, store):
        status, code, data = said(client.post("contact", json={"key_id": "3", "3": ADA, "1": "Ada", "source_id": "1"}))
        (written,) = store.writes
        assert store.contacts == {str(data["id"]): {"3": ADA, "1": "Ada", "source_id": "1"}}
    assert (status, code) == (200, 0)
    assert isinstance(data["id"], int)
    assert (written.key, written.effect, written.contact) == (ADA, "created", {"3": ADA, "1": "Ada", "source_id": "1"})


def test_one_contact_is_keyed_by_the_email_where_no_key_is_named_and_by_another_field_where_it_is() -> None:
    with emarsys() as (client, store):
        assert said(client.post("contact", json={"3": ADA}))[1] == 0
        assert said(client.post("contact", json={"key_id": 37, "37": "+12015550100"}))[1] == 0
        assert [each.key for each in store.writes] == [ADA, "+12015550100"]


@pytest.mark.parametrize(("refusals", "status"), [("in_200", 200), ("status", 400)])
@pytest.mark.parametrize(
    ("body", "code"), [({"3": ADA}, 2009), ({"key_id": "37", "3": BOB}, 2005), ({"3": ["1", "2"]}, 2007)]
)
def test_one_contact_that_cannot_be_created_is_a_refusal(refusals: Any, status: int, body: Any, code: int) -> None:
    with emarsys(refusals=refusals, existing=(ADA,)) as (client, store):
        assert said(client.post("contact", json=body)) == (status, code, "")
        assert store.writes == []


def test_an_update_replaces_what_is_given_and_leaves_the_rest() -> None:
    with emarsys() as (client, store):
        ada, bob = create(client, {"3": ADA, "1": "Ada", "2": "Byron"}, {"3": BOB, "1": "Bob"})
        contacts = [{"3": ADA, "2": "Lovelace"}, {"3": BOB, "1": ""}]
        assert said(client.put("contact", json={"key_id": "3", "contacts": contacts})) == (
            200,
            0,
            {"ids": [str(ada), str(bob)]},
        )
        assert store.contacts[str(ada)] == {"3": ADA, "1": "Ada", "2": "Lovelace"}
        assert store.contacts[str(bob)] == {"3": BOB, "1": ""}
        assert [(each.request, each.index, each.key, each.contact, each.effect) for each in store.writes[2:]] == [
            (2, 0, ADA, contacts[0], "updated"),
            (2, 1, BOB, contacts[1], "updated"),
        ]


def test_an_update_tells_what_is_missing_ambiguous_or_without_key_contact_by_contact() -> None:
    with emarsys(existing=(ADA, BOB, BOB)) as (client, store):
        contacts = [{"3": EVE, "2": "E"}, {"3": BOB, "2": "B"}, {"2": "N"}, {"3": ADA, "2": "A"}]
        status, code, data = said(client.put("contact", json={"contacts": contacts}))
        assert [each.key for each in store.writes] == [ADA]
    assert (status, code, len(data["ids"])) == (200, 0, 1)
    assert data["errors"] == {
        EVE: not_found(EVE),
        BOB: {"2010": f"More contacts found with the external id: 3 - {BOB}"},
        "": {"2005": "No value provided for key field: 3"},
    }


def test_an_upsert_creates_who_is_missing_and_the_ids_say_which() -> None:
    with emarsys(existing=(ADA,)) as (client, store):
        contacts = [{"3": ADA, "1": "Ada"}, {"3": BOB, "1": "Bob"}]
        reply = client.put("contact", params={"create_if_not_exists": 1}, json={"contacts": contacts})
        old, new = said(reply)[2]["ids"]
        assert isinstance(old, str) and isinstance(new, int)
        assert [each.effect for each in store.writes] == ["updated", "created"]
        assert store.contacts[str(new)] == {"3": BOB, "1": "Bob"}
        again = client.put("contact?create_if_not_exists=1", json={"contacts": contacts})
        assert said(again)[2]["ids"] == [old, str(new)]
        assert (store.created, store.updated) == (1, 3)


def test_nothing_is_created_unless_it_is_asked_for() -> None:
    with emarsys() as (client, store):
        for query in ({}, {"create_if_not_exists": 0}):
            data = said(client.put("contact", params=query, json={"contacts": [{"3": ADA}]}))[2]
            assert data == {"ids": [], "errors": {ADA: not_found(ADA)}}
        assert client.put("contact", params={"create_if_not_exists": 2}, json={"3": ADA}).status_code == 400
        assert store.writes == []


def test_one_contact_is_updated_or_created_from_the_body_itself() -> None:
    with emarsys() as (client, store):
        (ada,) = create(client, {"3": ADA})
        assert said(client.put("contact", json={"3": ADA, "1": "Ada"})) == (200, 0, {"id": str(ada)})
        new = said(client.put("contact?create_if_not_exists=1", json={"key_id": 3, "3": BOB}))[2]["id"]
        assert isinstance(new, int)
        assert said(client.put("contact", json={"3": EVE})) == (200, 2008, "")
        assert store.contacts == {str(ada): {"3": ADA, "1": "Ada"}, str(new): {"3": BOB}}


@pytest.mark.parametrize("key", ["id", "uid"])
def test_contacts_are_updated_by_what_the_vendor_gave_them(key: str) -> None:
    with emarsys() as (client, store):
        (ada,) = create(client, {"3": ADA})
        shown = said(client.post("contact/getdata", json={"keyValues": [str(ada)]}))[2]["result"][0]
        body = {"key_id": key, "contacts": [{key: shown[key], "3": BOB}]}
        assert said(client.put("contact", json=body))[2] == {"ids": [str(ada)]}
        assert store.contacts == {str(ada): {"3": BOB}}
        assert said(client.get(f"contact/3={ADA}"))[1] == 2008
        assert said(client.get(f"contact/3={BOB}"))[2] == {"id": str(ada)}
        created = client.put("contact", params={"create_if_not_exists": 1}, json=body)
        assert said(created) == (200, 2004, "")
        with_id = {"contacts": [{"3": EVE, key: "1"}]}
        data = said(client.put("contact", params={"create_if_not_exists": 1}, json=with_id))[2]
        assert data["errors"] == {EVE: {"2007": "Cannot set id or uid on contact creation"}}


def test_an_upsert_can_be_told_of_a_contact_that_is_not_there() -> None:
    with emarsys(races=1) as (client, store):
        once = said(client.put("contact?create_if_not_exists=1", json={"contacts": [{"3": ADA}]}))[2]
        assert once["errors"] == {ADA: {"2009": "Contact with the external id already exists: 3"}}
        assert store.writes == []
        assert len(said(client.put("contact?create_if_not_exists=1", json={"contacts": [{"3": ADA}]}))[2]["ids"]) == 1


def test_updated_contacts_join_a_list_that_exists() -> None:
    with emarsys() as (client, store):
        (ada,) = create(client, {"3": ADA})
        list_id = said(client.post("contactlist", json={"name": "all"}))[2]["id"]
        body = {"contact_list_id": list_id, "contacts": [{"3": ADA}, {"3": BOB}]}
        assert list(said(client.put("contact", json=body))[2]["errors"]) == [BOB]
        assert client.get(f"contactlist/{list_id}/contactIds").json()["value"] == [ada]
        writes = len(store.writes)
        assert said(client.put("contact", json={**body, "contact_list_id": 7})) == (200, 2020, "")
        assert len(store.writes) == writes


def test_deletions_tell_who_was_there_and_take_them_out_of_everything() -> None:
    with emarsys() as (client, store):
        ada, bob = create(client, {"3": ADA}, {"3": BOB})
        list_id = said(client.post("contactlist", json={"name": "all", "external_ids": [ADA, BOB]}))[2]["id"]
        reply = client.post("contact/delete", json={"key_id": "3", "3": [ADA, EVE]})
        assert said(reply) == (200, 0, {"deleted_contacts": 1, "errors": {EVE: not_found(EVE)}})
        assert list(store.contacts) == [str(bob)]
        (deleted,) = [each for each in store.writes if each.effect == "deleted"]
        assert (deleted.request, deleted.index, deleted.key, dict(deleted.contact)) == (3, 0, ADA, {"3": ADA})
        assert client.get(f"contactlist/{list_id}/contactIds").json()["value"] == [bob]
        assert said(client.get(f"contact/3={ADA}"))[1] == 2008
        assert said(client.post("contact/getdata", json={"keyValues": [str(ada)]}))[2]["result"] is False
        (again,) = create(client, {"3": ADA})
        assert again not in (ada, bob)


def test_a_key_that_several_contacts_have_deletes_none_of_them() -> None:
    with emarsys(existing=(ADA, ADA, BOB)) as (client, store):
        data = said(client.post("contact/delete", json={"3": [ADA, BOB, BOB]}))[2]
        assert data["deleted_contacts"] == 1
        assert [list(each) for each in data["errors"].values()] == [["2010"], ["2008"]]
        assert [each["3"] for each in store.contacts.values()] == [ADA, ADA]


@pytest.mark.parametrize(("refusals", "status"), [("in_200", 200), ("status", 404)])
def test_one_contact_is_deleted_by_one_value(refusals: Any, status: int) -> None:
    with emarsys(refusals=refusals, existing=(ADA,)) as (client, store):
        assert said(client.post("contact/delete", json={"3": ADA})) == (200, 0, {})
        assert said(client.post("contact/delete", json={"3": ADA})) == (status, 2008, "")
        assert len(store.writes) == 1


def test_one_contact_is_deleted_by_its_id() -> None:
    with emarsys() as (client, store):
        ada, bob = create(client, {"3": ADA}, {"3": BOB})
        assert said(client.post("contact/delete", json={"key_id": "id", "id": ada}))[1] == 0
        assert list(store.contacts) == [str(bob)]


@pytest.mark.parametrize(
    ("switch", "code", "data"),
    [
        ("items", 0, {"deleted_contacts": 0, "errors": {ADA: not_found(ADA), BOB: not_found(BOB)}}),
        ("refused", 2008, ""),
    ],
)
def test_deletions_of_whom_nobody_is_there(switch: Any, code: int, data: Any) -> None:
    with emarsys(none_deleted=switch) as (client, _):
        assert said(client.post("contact/delete", json={"key_id": "3", "3": [ADA, BOB]})) == (200, code, data)


@pytest.mark.parametrize(
    ("body", "code"), [({"key_id": "37", "3": ADA}, 2005), ({"3": ADA, "contact_list_id": 7}, 2020)]
)
def test_a_deletion_without_a_value_of_its_key_or_from_no_list_is_refused(body: Any, code: int) -> None:
    with emarsys(existing=(ADA,)) as (client, store):
        assert said(client.post("contact/delete", json=body)) == (200, code, "")
        assert store.writes == []


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", "contact", {"contacts": [{"3": f"{number}@example.com"} for number in range(1001)]}, 1000),
        ("PUT", "contact", {"contacts": []}, 10001),
        ("PUT", "contact", {"contacts": [{"email": ADA}]}, 10001),
        ("PUT", "contact", {"contacts": [{"3": ADA, "0": []}]}, 2007),
        ("PUT", "contact", {"1": "Ada"}, 2005),
        ("PUT", "contact", {"3": ADA, "contacts": [{"3": ADA}]}, 10001),
        ("PUT", "contact", {"3": ADA, "contact_list_id": "7"}, 10001),
        ("POST", "contact", {"key_id": "id", "id": "1"}, 2004),
        ("POST", "contact", {"3": ADA, "id": "1"}, 2007),
        ("POST", "contact", {"3": ADA, "": "x"}, 2006),
        ("POST", "contact", {"1": "Ada"}, 2005),
        ("POST", "contact/delete", {"3": [f"{number}@example.com" for number in range(1001)]}, 1000),
        ("POST", "contact/delete", {"3": []}, 10001),
        ("POST", "contact/delete", {"key_id": "37"}, 10001),
        ("POST", "contact/delete", {"key_id": ["3"], "3": ADA}, 10001),
        ("POST", "contact/delete", {"3": ADA, "name": "Ada"}, 10001),
        ("POST", "contact/delete", {"1": "Ada"}, 2005),
    ],
)
def test_what_breaks_the_schema_is_a_400_by_the_vendors_code(method: str, path: str, body: Any, code: int) -> None:
    with emarsys(existing=(ADA,)) as (client, store):
        assert said(client.request(method, path, json=body)) == (400, code, "")
        assert store.writes == []


def test_an_update_may_have_8_megabytes_and_a_create_10() -> None:
    body = {"contacts": [{"3": ADA, "1": "x" * 8_500_000}]}
    with emarsys() as (client, store):
        assert client.put("contact", json=body).status_code == 413
        assert store.writes == []
        assert client.post("contact", json=body).status_code == 200
        assert client.post("contact", json={"contacts": [{"3": BOB, "1": "x" * 10_500_000}]}).status_code == 413


@pytest.mark.parametrize(("switch", "empty"), [("map", {}), ("text", ""), ("list", [])])
def test_the_data_of_a_deletion_is_empty_in_one_way_or_another(switch: Any, empty: Any) -> None:
    with emarsys(empty_data=switch, existing=(ADA,)) as (client, _):
        assert said(client.post("contact/delete", json={"3": ADA})) == (200, 0, empty)


def test_values_are_held_to_the_types_of_their_fields() -> None:
    contacts = [
        {"3": "a@example.com", "31": 3},
        {"3": "b@example.com", "0": "1"},
        {"3": "c@example.com", "4": "1.2.2000"},
        {"3": "d@example.com", "1": ["1"]},
        {"3": "e@example.com", "31": "1", "0": ["1", "2"], "4": "2000-02-01", "5": "2"},
    ]
    with emarsys(typed=True) as (client, store):
        errors = said(client.post("contact", json={"contacts": contacts}))[2]["errors"]
        assert [each.key for each in store.writes] == ["e@example.com"]
    assert [text for each in errors.values() for text in each.values()] == [
        "Invalid choice id for field id: 31",
        "Invalid data format for field id: 0. Array expected",
        "Invalid date format for field id: 4",
        "Invalid data format for field id: 1. Scalar expected.",
    ]
    assert {code for each in errors.values() for code in each} == {"2007"}


def test_sources_are_looked_at_where_the_account_is_said_to_have_some() -> None:
    with emarsys(sources=("7",)) as (client, _):
        made = said(client.post("source/create", json={"name": "shop"}))[2]["id"]
        contacts = [{"3": ADA, "source_id": 7}, {"3": BOB, "source_id": str(made)}, {"3": EVE, "source_id": "8"}]
        data = said(client.post("contact", json={"contacts": contacts}))[2]
    assert len(data["ids"]) == 2
    assert data["errors"] == {EVE: {"2013": "Invalid source id: 8"}}


def test_only_contacts_are_judged_one_by_one() -> None:
    with emarsys(invalid_contact="item", existing=(ADA,)) as (client, store):
        for body in (
            {"contacts": [{"3": ADA}], "contact_list_id": {}},
            {"contacts": [{"3": ADA}], "key_id": []},
            {"contacts": [{"3": ADA}], "name": "all"},
            {"contacts": []},
            {"contacts": ["3"]},
        ):
            assert client.put("contact", json=body).status_code == 400
        assert store.writes == []


def test_the_pseudo_key_is_of_lists_of_contacts_alone() -> None:
    with emarsys(unknown_key="pseudo_key", fields=("3",)) as (client, _):
        many = {"key_id": "100", "contacts": [{"100": "x"}]}
        for method in ("POST", "PUT"):
            data = said(client.request(method, "contact", json=many))[2]
            assert data == {"ids": [], "errors": {"<NO_KEY_ID>": {"2004": "Invalid key field id: 100"}}}
        assert said(client.post("contact", json={"key_id": "100", "100": "x"})) == (200, 2004, "")
        assert said(client.get("contact/100=x")) == (200, 2004, "")
