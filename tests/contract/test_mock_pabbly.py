"""The mocked Pabbly Chatflow over a real socket: each switch shows its shape, the write log tells the truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from headcount.mock import Fault, Store, serve
from headcount.mock.pabbly import PabblySwitches

PATH = "/api/v1/contacts"
EXISTING = "917000000001"
BOTH = [{"mobile": EXISTING, "name": "Old"}, {"mobile": "917000000002", "name": "New"}]


@contextmanager
def pabbly(**switches: Any) -> Iterator[tuple[httpx.Client, Store]]:
    with (
        serve("pabbly", faults={"pabbly": PabblySwitches(**switches)}) as mock,
        httpx.Client(base_url=mock.url, headers={"Authorization": "Bearer mock-key"}) as client,
    ):
        yield client, mock.stores["pabbly"]


def mobiles(entries: list[dict[str, Any]]) -> list[Any]:
    return [entry.get("mobile") for entry in entries]


def test_the_pages_example_is_created_and_echoed() -> None:
    sent = {
        "mobile": "9179897xxxxx",
        "name": "Alex cron",
        "optin": True,
        "incomingBlocked": False,
        "tags": ["indian", "vegetarian", "engineer"],
        "attributes": [{"name": "city", "value": "bhopal"}],
    }
    with pabbly() as (client, store):
        reply = client.post(PATH, json=[sent])
        assert [(each.request, each.index, each.key, each.contact) for each in store.writes] == [
            (1, 0, "9179897", sent)
        ]
    assert reply.status_code == 200
    assert reply.json() == {
        "status": "success",
        "message": "1 contact saved successfully",
        "data": {
            "createdContacts": [{**sent, "source": "api", "list": ["all"]}],
            "failedCount": 0,
            "failedContacts": [],
        },
    }


def test_one_contact_without_a_list_and_the_api_key() -> None:
    with pabbly() as (client, store):
        assert client.post(PATH, json={"mobile": "1"}).status_code == 200
        refused = client.post(PATH, json={"mobile": "2"}, headers={"Authorization": "Bearer other"})
        assert [each.key for each in store.writes] == ["1"]
    assert (refused.status_code, refused.json()["status"]) == (401, "error")


@pytest.mark.parametrize(
    ("skipped", "created", "failed"),
    [
        ("neither", ["917000000002"], []),
        ("failed", ["917000000002"], [EXISTING]),
        ("created", [EXISTING, "917000000002"], []),
    ],
)
def test_a_contact_that_exists_is_left_alone_and_shown_where_the_switch_says(
    skipped: Any, created: list[str], failed: list[str]
) -> None:
    with pabbly(existing=(EXISTING,), skipped=skipped) as (client, store):
        data = client.post(PATH, params={"onDuplicate": "skip"}, json=BOTH).json()["data"]
        assert [(each.index, each.effect) for each in store.writes] == [(1, "created")]
        assert store.contacts[EXISTING]["name"] == ""
    assert mobiles(data["createdContacts"]) == created
    assert (mobiles(data["failedContacts"]), data["failedCount"]) == (failed, len(failed))


def test_overwriting_replaces_what_is_given_and_reports_it_as_created() -> None:
    with pabbly(existing=(EXISTING,)) as (client, store):
        data = client.post(PATH, params={"onDuplicate": "overwrite"}, json=BOTH).json()["data"]
        assert [(each.index, each.effect) for each in store.writes] == [(0, "updated"), (1, "created")]
        assert (store.created, store.updated) == (1, 1)
        assert store.contacts[EXISTING]["name"] == "Old"
    assert mobiles(data["createdContacts"]) == [EXISTING, "917000000002"]


def test_one_number_is_one_contact_however_it_is_written() -> None:
    with pabbly() as (client, store):
        client.post(PATH, json=[{"mobile": "+91 7000-000001"}, {"mobile": EXISTING}])
        assert list(store.contacts) == [EXISTING]
        found = client.get(f"{PATH}/", params={"mobile": f"+{EXISTING}"}).json()["data"]
    assert (mobiles(found["contacts"]), found["totalCount"]) == ([EXISTING], 1)


@pytest.mark.parametrize(("with_mobile", "entry"), [(True, {"mobile": "none"}), (False, {})])
def test_a_failed_contact_carries_its_mobile_or_not(with_mobile: bool, entry: dict[str, str]) -> None:
    with pabbly(failed_mobile=with_mobile) as (client, _):
        data = client.post(PATH, json=[{"mobile": "none"}, {"mobile": "1"}]).json()["data"]
    assert data["failedContacts"] == [{**entry, "error": "Invalid mobile number"}]
    assert (data["failedCount"], mobiles(data["createdContacts"])) == (1, ["1"])


@pytest.mark.parametrize("status", [200, 400])
def test_all_failed(status: Any) -> None:
    with pabbly(all_failed=status) as (client, store):
        reply = client.post(PATH, json=[{"mobile": "none"}])
        assert store.writes == []
    assert (reply.status_code, reply.json()["status"]) == (status, "error")
    assert reply.json()["data"]["failedCount"] == 1


def test_the_other_envelope() -> None:
    with pabbly(envelope="success") as (client, _):
        good = client.post(PATH, json={"mobile": "1"}).json()
        bad = client.post(PATH, json={"name": "no mobile"})
        refused = client.post(PATH, json={"mobile": "1"}, headers={"Authorization": ""})
    assert (good["success"], mobiles(good["data"]["createdContacts"])) == (True, ["1"])
    assert "status" not in good
    assert (bad.status_code, bad.json()["success"]) == (400, False)
    assert (refused.status_code, refused.json()) == (401, {"success": False, "error": "Invalid API key"})


def test_names_that_the_settings_do_not_have_are_dropped_or_fail() -> None:
    attributes = [
        {"name": "city", "value": "x"},
        {"name": "town", "value": "y"},
        {"name": "city", "value": ""},
    ]
    sent = [{"mobile": "1", "tags": ["a", "b"], "attributes": attributes}, {"mobile": "2", "tags": ["a"]}]
    known: dict[str, Any] = {"tags": ("a",), "attributes": ("city",)}
    with pabbly(**known) as (client, _):
        echoed = client.post(PATH, json=sent).json()["data"]["createdContacts"]
        assert (echoed[0]["tags"], echoed[0]["attributes"]) == (["a"], [{"name": "city", "value": "x"}])
    with pabbly(**known, unknown_names="fail") as (client, store):
        data = client.post(PATH, json=sent).json()["data"]
        assert (mobiles(data["failedContacts"]), mobiles(data["createdContacts"])) == (["1"], ["2"])
        assert [each.index for each in store.writes] == [1]


def test_an_invalid_contact_refuses_the_request_or_fails_alone() -> None:
    sent = [{"mobile": "1", "optin": "yes"}, {"mobile": "2"}]
    with pabbly() as (client, store):
        reply = client.post(PATH, json=sent)
        assert (reply.status_code, reply.json()["status"], store.writes) == (400, "error", [])
    with pabbly(invalid_contact="fail") as (client, store):
        data = client.post(PATH, json=sent).json()["data"]
        assert (mobiles(data["failedContacts"]), [each.index for each in store.writes]) == (["1"], [1])


@pytest.mark.parametrize(
    ("form", "shown"), [("sent", "+91 7000 000003"), ("digits", "917000000003"), ("plus", "+917000000003")]
)
def test_the_echo_writes_the_mobile_in_its_own_way(form: Any, shown: str) -> None:
    with pabbly(echo_mobile=form) as (client, _):
        data = client.post(PATH, json=[{"mobile": "+91 7000 000003"}]).json()["data"]
    assert mobiles(data["createdContacts"]) == [shown]


def test_pages_of_at_most_twenty_five_and_both_ways_to_search() -> None:
    sent = [{"mobile": f"9170000000{number:02}", "name": f"Name {number}"} for number in range(30)]
    with pabbly() as (client, _):
        client.post(PATH, json=sent)
        pages = [client.get(f"{PATH}/", params={"limit": 100, "page": page}).json()["data"] for page in (1, 2, 3)]
        assert [len(page["contacts"]) for page in pages] == [25, 5, 0]
        assert client.get(f"{PATH}/", params={"mobile": "91700000002"}).json()["data"]["contacts"] == []
        named = client.get(f"{PATH}/", params={"name": "name 29"}).json()["data"]["contacts"]
        assert mobiles(named) == ["917000000029"]
        assert client.get(f"{PATH}/", params={"page": 0}).status_code == 400
    with pabbly(mobile_search="partial") as (client, _):
        client.post(PATH, json=sent)
        assert client.get(f"{PATH}/", params={"mobile": "91700000002"}).json()["data"]["totalCount"] == 10


def test_one_resource_has_two_paths_as_the_pages_write_them() -> None:
    with pabbly() as (client, _):
        create, search = client.post(f"{PATH}/", json={"mobile": "1"}), client.get(PATH)
        assert [(each.status_code, each.headers["Allow"]) for each in (create, search)] == [(405, "GET"), (405, "POST")]
        assert client.get("/api/v1/settings/tags/").status_code == 200


def id_of(client: httpx.Client, mobile: str) -> str:
    (contact,) = client.get(f"{PATH}/", params={"mobile": mobile}).json()["data"]["contacts"]
    assert len(contact["_id"]) == 24 and int(contact["_id"], 16)
    return str(contact["_id"])


def test_what_was_created_is_found_by_every_filter() -> None:
    ada: dict[str, Any] = {"mobile": "917000000001", "name": "Ada", "optin": True, "tags": ["a", "b"]}
    ada["attributes"] = [{"name": "city", "value": "Bonn"}, {"name": "age", "value": "30"}]
    bob: dict[str, Any] = {"mobile": "917000000002", "name": "Bob", "incomingBlocked": True, "tags": ["b"]}
    bob["attributes"] = [{"name": "city", "value": "Bonn"}]
    city = {"attributes[0][name]": "city", "attributes[0][value]": "Bonn"}
    both = city | {"attributes[1][name]": "age", "attributes[1][value]": "30"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "MAB"),
        ({"order": 1}, "MAB"),
        ({"order": -1}, "BAM"),
        ({"name": "a"}, "A"),
        ({"mobile": "917000000002"}, "B"),
        ({"tags": "b"}, "AB"),
        ({"tags": "b,a"}, "A"),
        ({"optin": "true"}, "A"),
        ({"optin": "false"}, "MB"),
        ({"incomingBlocked": "true"}, "B"),
        ({"source": "manual"}, "M"),
        ({"source": "csv"}, ""),
        (city, "AB"),
        (both, "A"),
        ({"attributes[1][value]": "30"}, "A"),
        ({"attributes[0][name]": "city", "attributes[0][value]": "30"}, ""),
        ({"limit": 1, "skip": 1}, "A"),
        ({"limit": 1, "skip": 1, "page": 3}, "B"),
        ({"skip": 9}, ""),
    ]
    with pabbly(existing=("917000000003",)) as (client, _):
        client.post(PATH, json=[ada, bob])
        names = {"917000000001": "A", "917000000002": "B", "917000000003": "M"}
        for given, expected in cases:
            listed = client.get(f"{PATH}/", params=given).json()["data"]["contacts"]
            assert "".join(names[each["mobile"]] for each in listed) == expected, given
        for odd in ({"order": 2}, {"optin": "yes"}, {"source": "web"}, {"skip": -1}, {"limit": 0}):
            assert client.get(f"{PATH}/", params=odd).status_code == 400, odd


def test_a_contact_is_read_by_its_id() -> None:
    with pabbly(existing=(EXISTING,)) as (client, _):
        contact_id = id_of(client, EXISTING)
        reply = client.get(f"{PATH}/{contact_id}").json()
        assert (reply["status"], reply["message"]) == ("success", "Contact retrieved successfully.")
        contact = reply["data"]
        assert (contact["_id"], contact["mobile"], contact["source"]) == (contact_id, EXISTING, "manual")
        assert {"settingId", "userId", "status", "list", "createdAt", "updatedAt", "lastActive"} <= contact.keys()
        assert contact == client.get(f"{PATH}/").json()["data"]["contacts"][0]
        unknown = client.get(f"{PATH}/{'0' * 24}")
        assert (unknown.status_code, unknown.json()) == (404, {"status": "error", "message": "Contact not found"})
        assert client.get(f"{PATH}/nobody").status_code == 400


@pytest.mark.parametrize(
    ("update", "changed"),
    [
        ({}, {}),
        ({"name": "New", "optin": False, "incomingBlocked": True},) * 2,
        ({"tags": ["c"]},) * 2,
        ({"tags": []},) * 2,
        ({"tagsToAdd": ["b", "c"]}, {"tags": ["a", "b", "c"]}),
        ({"tagsToAdd": "c, d"}, {"tags": ["a", "b", "c", "d"]}),
        ({"tagsToRemove": ["a", "z"]}, {"tags": ["b"]}),
        ({"tagsToRemove": "a"}, {"tags": ["b"]}),
        ({"tags": ["c"], "tagsToAdd": ["d"], "tagsToRemove": ["c"]}, {"tags": ["d"]}),
        ({"attributes": [{"name": "city", "value": "Rome"}]}, {"attributes": {"city": "Rome", "age": "30"}}),
        ({"attributes": [{"name": "city", "value": ""}]}, {"attributes": {"age": "30"}}),
        ({"attributes": [{"name": "new", "value": "x"}]}, {"attributes": {"city": "Bonn", "age": "30", "new": "x"}}),
        ({"mobile": "+91 7000-000009"}, {"mobile": "917000000009"}),
    ],
)
def test_an_update_changes_what_is_given_and_nothing_else(update: dict[str, Any], changed: dict[str, Any]) -> None:
    attributes = [{"name": "city", "value": "Bonn"}, {"name": "age", "value": "30"}]
    sent = {"mobile": EXISTING, "name": "Old", "optin": True, "tags": ["a", "b"], "attributes": attributes}
    with pabbly() as (client, store):
        client.post(PATH, json=sent)
        contact_id = id_of(client, EXISTING)
        before = client.get(f"{PATH}/{contact_id}").json()["data"]
        reply = client.put(f"{PATH}/{contact_id}", json=update).json()
        after = client.get(f"{PATH}/{contact_id}").json()["data"]
        assert id_of(client, after["mobile"]) == contact_id
        assert len(store.contacts) == 1
        assert [(each.request, each.key, each.contact, each.effect) for each in store.writes[1:]] == [
            (4, EXISTING, update, "updated")
        ]
    assert (reply["status"], reply["message"]) == ("success", "Contact updated successfully")
    assert reply["data"] == after
    for contact in (before, after):
        contact["attributes"] = {each["name"]: each["value"] for each in contact["attributes"]}
        del contact["updatedAt"], contact["lastActive"]
    assert after == before | changed


def test_an_update_that_cannot_be() -> None:
    with pabbly(existing=(EXISTING, "917000000002"), tags=("a",), unknown_names="fail") as (client, store):
        place = f"{PATH}/{id_of(client, EXISTING)}"
        refusals = [
            client.put(f"{PATH}/{'0' * 24}", json={"name": "x"}),
            client.put(place, json={"mobile": "91 7000000002"}),
            client.put(place, json={"mobile": "none"}),
            client.put(place, json={"optin": "true"}),
            client.put(place, json={"tagsToAdd": ["b"]}),
            client.put(place, json={"updateData": {"name": "x"}}),
        ]
        assert [each.status_code for each in refusals] == [404, 409, 400, 400, 400, 400]
        assert {each.json()["status"] for each in refusals} == {"error"}
        assert store.writes == []
        assert client.put(place, json={"tagsToAdd": ["a"], "mobile": EXISTING}).json()["data"]["tags"] == ["a"]


def test_an_updated_mobile_leaves_its_former_one_free() -> None:
    with pabbly(existing=(EXISTING,)) as (client, store):
        client.put(f"{PATH}/{id_of(client, EXISTING)}", json={"mobile": "5"})
        assert list(store.contacts) == ["5"]
        created = client.post(PATH, json={"mobile": EXISTING}).json()["data"]["createdContacts"]
        assert mobiles(created) == [EXISTING]
        assert id_of(client, EXISTING) != id_of(client, "5")


def test_the_lists_and_the_tags_of_the_settings() -> None:
    with pabbly() as (client, _):
        client.post(PATH, json=[{"mobile": "1", "tags": ["b", "a"]}, {"mobile": "2", "tags": ["b"]}])
        lists = client.get(f"{PATH}/lists").json()["data"]
        assert [each["listName"] for each in lists["contactsCount"]] == ["all"]
        assert (lists["totalLists"], lists["totalContactsCount"], lists["unassignedCount"]) == (1, 2, 0)
        tags = client.get("/api/v1/settings/tags").json()["data"]["tags"]
        assert [each["name"] for each in tags] == ["b", "a"]
        assert {len(each["_id"]) for each in tags} == {24}
    with pabbly(tags=("x", "y")) as (client, _):
        tags = client.get("/api/v1/settings/tags").json()["data"]["tags"]
        assert [each["name"] for each in tags] == ["x", "y"]


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ("rate_limited", 429, "Too many requests"),
        ("server_error", 500, "Internal server error"),
        ("error_in_200", 200, "Something went wrong"),
    ],
)
def test_named_answers(answer: str, status: int, message: str) -> None:
    with pabbly(faults=(Fault(answer=answer),)) as (client, store):
        reply = client.post(PATH, json=BOTH)
        assert store.writes == []
    assert (reply.status_code, reply.json()) == (status, {"status": "error", "message": message})
    assert "Retry-After" not in reply.headers


def test_a_rate_limit_with_retry_after() -> None:
    with pabbly(faults=(Fault(answer="rate_limited_retry_after", wait=9),)) as (client, _):
        reply = client.post(PATH, json=BOTH)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "9")
