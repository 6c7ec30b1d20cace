"""The mocked Sinch over a real socket: two services over one store, and each switch's shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from headcount.mock import Fault, Store, serve
from headcount.mock.sinch import SinchSwitches

PATH = "/v1/projects/mock-project/contacts"


@contextmanager
def sinch(**switches: Any) -> Iterator[tuple[httpx.Client, Store]]:
    with (
        serve("sinch", faults={"sinch": SinchSwitches(**switches)}) as mock,
        httpx.Client(base_url=mock.url) as client,
    ):
        client.headers["Authorization"] = f"Bearer {token(client)}"
        yield client, mock.stores["sinch"]


def token(client: httpx.Client) -> str:
    form = {"grant_type": "client_credentials"}
    reply = client.post("/oauth2/token", data=form, auth=("mock-key-id", "mock-secret"))
    return str(reply.json()["access_token"])


def contact(number: int, **others: Any) -> dict[str, Any]:
    identity = {"channel": "SMS", "identity": f"+1201555{number:04}"}
    return {"channel_identities": [identity], "language": "EN_US", **others}


def batch(*numbers: int) -> dict[str, Any]:
    return {"contacts": [contact(number) for number in numbers]}


def test_a_batch_is_taken_and_its_contacts_are_found_by_identity_external_id_and_id() -> None:
    sent = contact(1, external_id="row-1", metadata="m")
    with sinch() as (client, store):
        reply = client.post(PATH, json={"contacts": [contact(0), sent]})
        assert (reply.status_code, reply.text) == (200, "{}")
        by_identity = client.get(PATH, params={"channel": "SMS", "identity": "+12015550001"}).json()
        by_external_id = client.get(PATH, params={"external_id": "row-1"}).json()
        found = by_identity["contacts"][0]
        by_id = client.get(f"{PATH}/{found['id']}").json()
        assert [(each.request, each.index, each.key, each.contact) for each in store.writes] == [
            (1, 0, "SMS:12015550000", contact(0)),
            (1, 1, "SMS:12015550001", sent),
        ]
    assert by_identity == by_external_id == {"contacts": [found], "next_page_token": ""}
    assert by_id == found
    assert len(found.pop("id")) == 26
    assert found == {
        "channel_identities": [{"channel": "SMS", "identity": "12015550001", "app_id": ""}],
        "channel_priority": [],
        "display_name": "Unknown",
        "email": "",
        "external_id": "row-1",
        "language": "EN_US",
        "metadata": "m",
    }


def test_a_body_without_contacts_is_the_conversation_services() -> None:
    with sinch() as (client, store):
        created = client.post(PATH, json=contact(1, display_name="Ada"))
        assert (created.status_code, created.json()["display_name"]) == (200, "Ada")
        refused = client.post(PATH, json={"language": "EN_US"})
        assert store.created == 1
    assert refused.status_code == 400
    assert refused.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_the_services_own_host_names_tell_them_apart() -> None:
    with sinch() as (client, _):
        as_batch = {"Host": "eu.conversationbatch.api.sinch.com"}
        assert client.post(PATH, json=contact(1), headers=as_batch).json()["code"] == 400
        assert client.get(PATH, headers=as_batch).status_code == 405
        assert client.get(PATH, headers={"Host": "eu.conversation.api.sinch.com"}).status_code == 200


def test_pages_of_at_most_twenty() -> None:
    with sinch() as (client, store):
        client.post(PATH, json=batch(*range(23)))
        first = client.get(PATH, params={"page_size": 20}).json()
        second = client.get(PATH, params={"page_size": 20, "page_token": first["next_page_token"]}).json()
        assert [each["id"] for each in first["contacts"] + second["contacts"]] == list(store.contacts)
        assert (len(first["contacts"]), second["next_page_token"]) == (20, "")
        assert len(client.get(PATH).json()["contacts"]) == 10
        assert client.get(PATH, params={"page_size": 21}).status_code == 400
        assert client.get(PATH, params={"channel": "SMS"}).status_code == 400


def test_projects_do_not_see_each_other() -> None:
    with sinch(project="mine") as (client, _):
        assert client.post("/v1/projects/mine/contacts", json=batch(1)).status_code == 200
        assert client.post(PATH, json=batch(1)).status_code == 404
    with sinch() as (client, _):
        client.post(PATH, json=batch(1))
        assert client.get("/v1/projects/other/contacts").json()["contacts"] == []


def test_errors_are_flat_or_nested() -> None:
    flat = {"code": 403, "message": "", "status": "PERMISSION_DENIED", "details": []}
    refused = (Fault(answer="forbidden"),)
    with sinch(faults=refused) as (client, _):
        reply = client.post(PATH, json=batch(1))
        assert (reply.status_code, reply.json()) == (403, flat)
    with sinch(faults=refused, errors="nested") as (client, _):
        assert client.post(PATH, json=batch(1)).json() == {"error": flat}


def test_the_conversation_services_errors_and_the_token_servers_keep_their_shapes() -> None:
    faults = (
        Fault(operation="listContacts", answer="rate_limited"),
        Fault(operation="createToken", nth=2, answer="unauthorized"),
    )
    with sinch(faults=faults) as (client, _):
        assert client.get(PATH).json()["error"]["code"] == 429
        refused = client.post("/oauth2/token", data={"grant_type": "client_credentials"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_an_empty_body_for_a_batch_that_was_taken() -> None:
    with sinch(accepted="empty") as (client, store):
        reply = client.post(PATH, json=batch(1))
        assert store.created == 1
    assert (reply.status_code, reply.content) == (200, b"")


def test_a_bad_contact_refuses_the_batch_or_is_dropped_in_silence() -> None:
    body = {"contacts": [contact(1), contact(2, metadata="x" * 1025), contact(3)]}
    with sinch() as (client, store):
        reply = client.post(PATH, json=body)
        assert (reply.status_code, reply.json()["code"], store.writes) == (400, 400, [])
    with sinch(invalid_contact="drop") as (client, store):
        assert client.post(PATH, json=body).status_code == 200
        assert [each.index for each in store.writes] == [0, 2]


def test_duplicates_are_stored_twice_or_ignored() -> None:
    with sinch() as (client, store):
        client.post(PATH, json=batch(1, 1))
        client.post(PATH, json=batch(1))
        assert [each.key for each in store.writes] == ["SMS:12015550001"] * 3
        assert len(store.contacts) == 3
    with sinch(duplicates="ignore") as (client, store):
        assert client.post(PATH, json=batch(1, 1, 2)).status_code == 200
        assert [each.index for each in store.writes] == [0, 2]
        assert client.post(PATH, json=contact(1)).status_code == 400


def test_a_batch_is_found_only_after_a_while() -> None:
    with sinch(visible_after=60.0) as (client, store):
        client.post(PATH, json=batch(1))
        (contact_id,) = store.contacts
        assert client.get(PATH).json()["contacts"] == []
        assert client.get(f"{PATH}/{contact_id}").status_code == 404


def test_a_token_expires_after_so_many_calls_and_a_new_one_opens() -> None:
    with sinch(token_calls=2) as (client, store):
        assert [client.post(PATH, json=batch(n)).status_code for n in range(3)] == [200, 200, 401]
        expired = client.post(PATH, json=batch(3))
        client.headers["Authorization"] = f"Bearer {token(client)}"
        assert client.post(PATH, json=batch(4)).status_code == 200
        assert store.answers == {200: 5, 401: 2}
    assert "expired" in expired.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer other", "Basic bW9jay1rZXktaWQ6bW9jay1zZWNyZXQ="])
def test_the_batch_service_takes_its_tokens_only(header: str) -> None:
    with sinch() as (client, store):
        reply = client.post(PATH, json=batch(1), headers={"Authorization": header})
        assert store.writes == []
    assert (reply.status_code, reply.json()["status"]) == (401, "UNAUTHENTICATED")
    assert "expired" not in reply.headers["WWW-Authenticate"]


def test_the_conversation_service_takes_the_key_and_its_secret_too() -> None:
    with sinch() as (client, _):
        assert client.get(PATH, auth=("mock-key-id", "mock-secret")).status_code == 200
        assert client.get(PATH, auth=("mock-key-id", "other")).status_code == 401


def test_the_token_server() -> None:
    good, bad = {"grant_type": "client_credentials"}, {"grant_type": "password"}
    with sinch() as (client, _):
        reply = client.post("/oauth2/token", data=good, auth=("mock-key-id", "mock-secret"))
        assert (reply.json()["expires_in"], reply.json()["scope"]) == (3600, "")
        refused = client.post("/oauth2/token", data=good, auth=("mock-key-id", "wrong"))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert client.post("/oauth2/token", data=bad, auth=("mock-key-id", "mock-secret")).status_code == 400


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        ("unauthorized", 401, "UNAUTHENTICATED"),
        ("token_expired", 401, "UNAUTHENTICATED"),
        ("billing", 403, "BILLING_CREDIT_LIMIT_BREACHED"),
        ("bad_request", 400, "INVALID_ARGUMENT"),
        ("not_found", 404, "NOT_FOUND"),
        ("rate_limited", 429, "RESOURCE_EXHAUSTED"),
        ("server_error", 500, "INTERNAL_ERROR"),
        ("not_implemented", 501, "INTERNAL_ERROR"),
    ],
)
def test_named_answers(answer: str, status: int, word: str) -> None:
    with sinch(faults=(Fault(answer=answer),)) as (client, store):
        reply = client.post(PATH, json=batch(1))
        assert store.writes == []
    assert (reply.status_code, reply.json()["status"]) == (status, word)
    assert "Retry-After" not in reply.headers


def test_how_long_to_wait_is_told_in_details_or_in_a_header() -> None:
    faults = (
        Fault(nth=1, answer="rate_limited_retry_info", wait=5),
        Fault(nth=2, answer="rate_limited_retry_after", wait=6),
    )
    with sinch(faults=faults) as (client, _):
        info = client.post(PATH, json=batch(1)).json()["details"]
        assert info == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}]
        assert client.post(PATH, json=batch(1)).headers["Retry-After"] == "6"
