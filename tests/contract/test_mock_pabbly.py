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
        assert client.post(f"{PATH}/", json={"mobile": "1"}).status_code == 200
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
        assert client.get(PATH, params={"mobile": "91700000002"}).json()["data"]["contacts"] == []
        assert mobiles(client.get(PATH, params={"name": "name 29"}).json()["data"]["contacts"]) == ["917000000029"]
        assert client.get(PATH, params={"page": 0}).status_code == 400
    with pabbly(mobile_search="partial") as (client, _):
        client.post(PATH, json=sent)
        assert client.get(PATH, params={"mobile": "91700000002"}).json()["data"]["totalCount"] == 10


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
