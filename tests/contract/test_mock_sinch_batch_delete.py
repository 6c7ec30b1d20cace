"""The mocked Sinch's batch delete over a real socket: what is deleted, when, and what the write log says of it."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from headcount.mock import Fault
from tests.contract.test_mock_sinch import PATH, batch, contact, sinch

ABSENT = "01HC0NTACT0000000000000000"


def create(client: httpx.Client, *numbers: int) -> list[str]:
    return [str(client.post(PATH, json=contact(number)).json()["id"]) for number in numbers]


def delete(client: httpx.Client, ids: Any, **more: Any) -> httpx.Response:
    return client.request("DELETE", PATH, json={"contact_ids": ids}, **more)


def test_contacts_of_a_batch_delete_are_gone_and_the_write_log_has_them() -> None:
    with sinch() as (client, store):
        first, second, third = create(client, 1, 2, 3)
        reply = delete(client, [third, first])
        assert (reply.status_code, reply.text) == (200, "{}")
        assert [client.get(f"{PATH}/{each}").status_code for each in (first, second, third)] == [404, 200, 404]
        assert [each["id"] for each in client.get(PATH).json()["contacts"]] == [second]
        by_identity = client.get(PATH, params={"channel": "SMS", "identity": "12015550001"})
        assert by_identity.json()["contacts"] == []
        assert list(store.contacts) == [second]
        assert [(each.request, each.index, each.key, each.contact, each.effect) for each in store.writes[3:]] == [
            (4, 0, third, {"id": third}, "deleted"),
            (4, 1, first, {"id": first}, "deleted"),
        ]
        assert (store.created, store.deleted) == (3, 2)


def test_an_id_that_no_contact_has_is_passed_over_or_refused() -> None:
    with sinch() as (client, store):
        (known,) = create(client, 1)
        assert delete(client, [ABSENT, known, known]).status_code == 200
        assert delete(client, [known]).status_code == 200
        assert [(each.index, each.key) for each in store.writes[1:]] == [(1, known)]
    with sinch(unknown_ids="refuse") as (client, store):
        (known,) = create(client, 1)
        assert delete(client, [known, ABSENT]).status_code == 404
        assert (store.deleted, client.get(f"{PATH}/{known}").status_code) == (0, 200)


def test_a_contact_is_found_until_it_is_gone_and_cannot_be_changed() -> None:
    with sinch(gone_after=600.0) as (client, store):
        known, other = create(client, 1, 2)
        assert delete(client, [known]).status_code == 200
        assert (store.deleted, list(store.contacts)) == (1, [other])
        assert client.get(f"{PATH}/{known}").status_code == 200
        assert [each["id"] for each in client.get(PATH).json()["contacts"]] == [known, other]
        changes = [
            delete(client, [known]),
            client.delete(f"{PATH}/{known}"),
            client.patch(f"{PATH}/{known}", json={"email": "ada@example.com"}),
            client.post(f"{PATH}/{other}:merge", json={"source_id": known}),
            client.post(f"{PATH}/{known}:merge", json={"source_id": other}),
        ]
        assert [each.status_code for each in changes] == [200, 404, 404, 404, 404]
        assert (store.deleted, store.updated) == (1, 0)


def test_a_contact_is_gone_after_a_while() -> None:
    with sinch(gone_after=0.1) as (client, _):
        (known,) = create(client, 1)
        delete(client, [known])
        while client.get(f"{PATH}/{known}").status_code == 200:
            time.sleep(0.01)
        assert client.get(PATH).json()["contacts"] == []


def test_a_contact_that_cannot_be_seen_yet_is_not_deleted() -> None:
    with sinch(visible_after=60.0) as (client, store):
        client.post(PATH, json=batch(1))
        assert delete(client, list(store.contacts)).status_code == 200
        assert store.deleted == 0


@pytest.mark.parametrize("ids", [[], [""], [1], "x", None, ["x"] * 1001])
def test_one_to_a_thousand_ids(ids: Any) -> None:
    with sinch() as (client, _):
        reply = delete(client, ids)
        assert (reply.status_code, reply.json()["status"]) == (400, "INVALID_ARGUMENT")
        assert delete(client, ["x"] * 1000).status_code == 200


def test_refusals_of_a_batch_delete() -> None:
    with sinch(project="mine", faults=(Fault(nth=6, answer="forbidden"),)) as (client, store):
        assert delete(client, [ABSENT]).status_code == 404
        assert client.request("DELETE", "/v1/projects/mine/contacts", content=b"{").status_code == 415
        body = {"contact_ids": [ABSENT], "force": True}
        assert client.request("DELETE", "/v1/projects/mine/contacts", json=body).status_code == 400
        assert delete(client, [ABSENT], headers={"Authorization": "Bearer other"}).status_code == 401
        assert delete(client, [ABSENT], auth=("mock-key-id", "mock-secret")).status_code == 401
        assert delete(client, [ABSENT]).json()["status"] == "PERMISSION_DENIED"
        assert delete(client, [ABSENT], headers={"Host": "us.conversation.api.sinch.com"}).status_code == 405
        assert store.writes == []


def test_pages_outlive_deletions() -> None:
    with sinch() as (client, _):
        ids = create(client, *range(5))
        first = client.get(PATH, params={"page_size": 2}).json()
        delete(client, ids[:2])
        second = client.get(PATH, params={"page_size": 2, "page_token": first["next_page_token"]}).json()
        assert [each["id"] for each in second["contacts"]] == ids[2:4]


def test_a_deleted_number_is_a_duplicate_no_more() -> None:
    with sinch(duplicates="ignore") as (client, _):
        (known,) = create(client, 1)
        assert client.post(PATH, json=contact(1)).status_code == 400
        delete(client, [known])
        assert client.post(PATH, json=contact(1)).status_code == 200
