"""The mocked Sinch's single contacts over a real socket: update, delete, merge, profile, conflicts, settings."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from headcount.mock import Store
from tests.contract.test_mock_sinch import PATH, contact, sinch

ABSENT = "01HC0NTACT0000000000000000"
APP = "01HAPP00000000000000000001"
SETTINGS = "/v1/projects/mock-project/settings"
UNIFIED = {"contact_settings": {"unified_contact_id_enabled": True}}


def create(client: httpx.Client, **sent: Any) -> dict[str, Any]:
    reply = client.post(PATH, json={"language": "EN", **sent})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def identity(channel: str, value: str, app_id: str = "") -> dict[str, str]:
    return {"channel": channel, "identity": value, **({"app_id": app_id} if app_id else {})}


def at(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [identity(channel, value) for channel, value in pairs]


def told(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"channel": channel, "identity": value, "app_id": ""} for channel, value in pairs]


def update(client: httpx.Client, contact_id: str, body: Any, mask: str | None = None) -> httpx.Response:
    return client.patch(f"{PATH}/{contact_id}", json=body, params={} if mask is None else {"update_mask": mask})


def merge(client: httpx.Client, kept: str, source: str, **more: Any) -> httpx.Response:
    return client.post(f"{PATH}/{kept}:merge", json={"source_id": source, **more})


def log(store: Store) -> list[tuple[int, int, str, Any, str]]:
    return [(each.request, each.index, each.key, each.contact, each.effect) for each in store.writes]


FULL: dict[str, Any] = {
    "channel_identities": at(("SMS", "+12015550001")),
    "channel_priority": ["SMS"],
    "display_name": "Ada",
    "email": "ada@example.com",
    "external_id": "row-1",
    "language": "EN_US",
    "metadata": "m",
}


@pytest.mark.parametrize(
    ("body", "mask", "changed"),
    [
        ({"display_name": "Eve", "email": "eve@example.com"}, "display_name", {"display_name": "Eve"}),
        ({"display_name": "Eve"}, "display_name,email", {"display_name": "Eve", "email": ""}),
        ({}, "external_id,metadata", {"external_id": "", "metadata": ""}),
        ({}, "display_name", {"display_name": "Unknown"}),
        ({"email": "e@example.com"}, None, {"email": "e@example.com"}),
        ({"email": "", "metadata": "n"}, None, {"metadata": "n"}),
        ({}, None, {}),
        ({"id": ABSENT, "language": "FR"}, None, {"language": "FR"}),
        (
            {"channel_identities": at(("MMS", "+1"), ("SMS", "2"))},
            "channel_identities",
            {"channel_identities": told(("MMS", "1"), ("SMS", "2"))},
        ),
    ],
)
def test_an_update_replaces_what_the_mask_names(body: Any, mask: str | None, changed: dict[str, Any]) -> None:
    with sinch() as (client, store):
        before = create(client, **FULL)
        reply = update(client, before["id"], body, mask)
        assert (reply.status_code, reply.json()) == (200, before | changed)
        assert client.get(f"{PATH}/{before['id']}").json() == before | changed
        assert store.contacts == {before["id"]: before | changed}
        assert log(store)[1:] == [(2, 0, before["id"], body, "updated")]
        assert (store.created, store.updated) == (1, 1)


def test_an_update_without_a_mask_may_replace_everything() -> None:
    with sinch(unmasked_update="all") as (client, _):
        before = create(client, **FULL)
        after = update(client, before["id"], {"email": "e@example.com", "language": "FR"}).json()
        assert update(client, before["id"], {"email": "f@example.com"}, "email").json()["language"] == "FR"
    assert after == {
        "id": before["id"],
        "channel_identities": [],
        "channel_priority": [],
        "display_name": "Unknown",
        "email": "e@example.com",
        "external_id": "",
        "language": "FR",
        "metadata": "",
    }


def test_a_contact_is_found_by_what_it_is_now() -> None:
    def ids(**params: str) -> list[str]:
        return [each["id"] for each in client.get(PATH, params=params).json()["contacts"]]

    with sinch() as (client, _):
        known = create(client, **FULL)["id"]
        update(client, known, {"channel_identities": at(("SMS", "2")), "external_id": "row-2"})
        assert ids(channel="SMS", identity="12015550001") == ids(external_id="row-1") == []
        assert ids(channel="SMS", identity="+2") == ids(external_id="row-2") == [known]


@pytest.mark.parametrize("mask", ["", "id", "email,", ",email", "email, metadata", "channel_identities.identity", "x"])
def test_a_mask_names_members_of_a_contact(mask: str) -> None:
    with sinch() as (client, store):
        known = create(client, **FULL)["id"]
        assert update(client, known, {"email": "e@example.com"}, mask).status_code == 400
        assert store.updated == 0


@pytest.mark.parametrize(
    "body",
    [
        {"language": "UNSPECIFIED"},
        {"metadata": "x" * 1025},
        {"email": None},
        {"name": "Ada"},
        {"channel_identities": at(("FAX", "1"))},
        {"channel_identities": at(("LINE", "1"))},
        [],
    ],
)
def test_an_update_that_breaks_the_schema_changes_nothing(body: Any) -> None:
    with sinch() as (client, store):
        known = create(client, **FULL)["id"]
        assert update(client, known, body).status_code == 400
        assert client.patch(f"{PATH}/{known}", content=b"{}").status_code == 415
        assert store.updated == 0


@pytest.mark.parametrize(("switch", "body"), [("object", b"{}"), ("empty", b"")])
def test_a_deleted_contact_is_gone(switch: str, body: bytes) -> None:
    with sinch(deleted=switch) as (client, store):
        known = create(client, **FULL)["id"]
        reply = client.delete(f"{PATH}/{known}")
        assert (reply.status_code, reply.content) == (200, body)
        assert log(store)[1:] == [(2, 0, known, {"id": known}, "deleted")]
        assert store.contacts == {}
        assert [client.get(PATH, params={"external_id": "row-1"}).json()["contacts"]] == [[]]
        refusals = [
            client.get(f"{PATH}/{known}"),
            client.delete(f"{PATH}/{known}"),
            update(client, known, {"email": "e@example.com"}),
            merge(client, known, create(client, **FULL)["id"]),
        ]
        assert [each.status_code for each in refusals] == [404] * 4
        assert {each.json()["error"]["status"] for each in refusals} == {"NOT_FOUND"}
        assert (store.deleted, store.updated) == (1, 0)


def test_merging_moves_the_identities_of_channels_that_are_missing() -> None:
    with sinch() as (client, store):
        kept = create(
            client,
            channel_identities=at(("SMS", "1"), ("TELEGRAM", "t")),
            channel_priority=["TELEGRAM"],
            display_name="Ada",
            language="EN",
        )
        source = create(
            client,
            channel_identities=at(("SMS", "2"), ("WHATSAPP", "3"), ("MMS", "4"), ("MMS", "5")),
            channel_priority=["MMS", "WHATSAPP"],
            display_name="Eve",
            email="eve@example.com",
            external_id="row-2",
            metadata="m",
            language="FR",
        )
        reply = merge(client, kept["id"], source["id"], strategy="MERGE")
        merged = kept | {
            "channel_identities": told(("SMS", "1"), ("TELEGRAM", "t"), ("WHATSAPP", "3"), ("MMS", "4"), ("MMS", "5")),
            "channel_priority": ["TELEGRAM", "WHATSAPP", "MMS"],
            "email": "eve@example.com",
            "external_id": "row-2",
            "metadata": "m",
        }
        assert (reply.status_code, reply.json()) == (200, merged)
        assert client.get(f"{PATH}/{kept['id']}").json() == merged
        assert client.get(f"{PATH}/{source['id']}").status_code == 404
        assert store.contacts == {kept["id"]: merged}
        sent = {"source_id": source["id"], "strategy": "MERGE"}
        assert log(store)[2:] == [
            (3, 0, kept["id"], sent, "updated"),
            (3, 1, source["id"], {"id": source["id"]}, "deleted"),
        ]
        assert merge(client, kept["id"], source["id"]).status_code == 404
        found = client.get(PATH, params={"channel": "SMS", "identity": "2"}).json()["contacts"]
        assert found == []


def test_merging_copies_only_what_is_empty() -> None:
    with sinch() as (client, _):
        kept = create(client, channel_identities=at(("SMS", "1")), email="ada@example.com")
        source = create(client, **FULL)
        merged = merge(client, kept["id"], source["id"]).json()
    assert merged == kept | {"display_name": "Ada", "external_id": "row-1", "metadata": "m"}


@pytest.mark.parametrize("body", [{}, {"source_id": ""}, {"source_id": 1}, {"source_id": "x", "strategy": "KEEP"}])
def test_what_cannot_be_merged(body: Any) -> None:
    with sinch() as (client, store):
        known = create(client, **FULL)["id"]
        assert client.post(f"{PATH}/{known}:merge", json=body).status_code == 400
        assert merge(client, known, ABSENT).status_code == 404
        assert merge(client, ABSENT, known).status_code == 404
        assert merge(client, known, known).status_code == 400
        assert (store.updated, store.deleted) == (0, 0)


def test_a_colon_is_no_part_of_an_id() -> None:
    with sinch() as (client, _):
        known = create(client, **FULL)["id"]
        assert [client.get(f"{PATH}/{known}{verb}").status_code for verb in ("", ":merge")] == [200, 405]
        assert client.get(f"{PATH}/{known}:merge").headers["Allow"] == "POST"
        assert client.get(f"{PATH}/{known}%3Amerge").status_code == 400
        assert client.get(f"{PATH}:getChannelProfile").headers["Allow"] == "POST"
        assert client.post(f"{PATH}:identityConflicts").headers["Allow"] == "GET"
        assert client.get(f"{PATH}:other").status_code == 404


def profile(client: httpx.Client, channel: str, recipient: Any, app_id: str = APP) -> httpx.Response:
    body = {"app_id": app_id, "channel": channel, "recipient": recipient}
    return client.post(f"{PATH}:getChannelProfile", json=body)


def test_a_profile_is_that_of_a_contact_on_the_channel() -> None:
    by = {"identified_by": {"channel_identities": [identity("SMS", "1"), identity("LINE", "u1")]}}
    with sinch() as (client, _):
        identities = [identity("SMS", "1"), identity("LINE", "u1", APP)]
        known = create(client, channel_identities=identities, display_name="Ada")["id"]
        for recipient in ({"contact_id": known}, by):
            reply = profile(client, "LINE", recipient)
            assert (reply.status_code, reply.json()) == (200, {"profile_name": "Ada"})
            assert profile(client, "LINE", recipient, APP[:-1] + "2").status_code == 404
            assert profile(client, "MESSENGER", recipient).status_code == 404
        assert profile(client, "VIBER", {"contact_id": ABSENT}).status_code == 404


@pytest.mark.parametrize(
    "recipient",
    [
        {},
        {"contact_id": ""},
        {"contact_id": "x", "identified_by": {"channel_identities": at(("SMS", "1"))}},
        {"identified_by": {}},
        {"identified_by": {"channel_identities": []}},
        {"other": 1},
        "x",
    ],
)
def test_a_recipient_is_a_contact_or_identities(recipient: Any) -> None:
    with sinch() as (client, _):
        assert profile(client, "LINE", recipient).status_code == 400
        assert profile(client, "SMS", {"contact_id": "x"}).status_code == 400
        assert profile(client, "LINE", {"contact_id": "x"}, "no-ulid").status_code == 400


def test_conflicts_are_numbers_on_several_contacts() -> None:
    with sinch() as (client, _):
        first = create(client, channel_identities=at(("SMS", "+1"), ("WHATSAPP", "9")))["id"]
        second = create(client, channel_identities=at(("RCS", "1"), ("WHATSAPP", "9")))["id"]
        third = create(client, channel_identities=at(("SMS", "2"), ("MMS", "2")))["id"]
        path = f"{PATH}:identityConflicts"
        conflict = {"identity": "1", "channels": ["SMS", "RCS"], "contact_ids": [first, second]}
        assert client.get(path).json() == {"conflicts": [conflict], "next_page_token": ""}
        create(client, channel_identities=at(("SMS", "2")))
        page = client.get(path, params={"page_size": 1}).json()
        rest = client.get(path, params={"page_size": 1, "page_token": page["next_page_token"]}).json()
        assert (page["conflicts"], rest["next_page_token"]) == ([conflict], "")
        assert rest["conflicts"][0]["contact_ids"][0] == third
        merge(client, first, second)
        assert [each["identity"] for each in client.get(path).json()["conflicts"]] == ["2"]
        assert [client.get(path, params={"page_size": size}).status_code for size in (0, 20, 21)] == [400, 200, 400]
        assert [client.get(each, params={"page_token": "x"}).status_code for each in (PATH, path)] == [404, 404]


def test_a_unified_number_is_on_three_channels() -> None:
    with sinch() as (client, store):
        early = create(client, channel_identities=at(("SMS", "1")))
        reply = client.post(SETTINGS, json=UNIFIED)
        expected = {"project_id": "mock-project", "settings": UNIFIED}
        assert (reply.status_code, reply.json(), client.get(SETTINGS).json()) == (200, expected, expected)
        late = create(client, channel_identities=at(("RCS", "+2"), ("MMS", "3")))
        assert late["channel_identities"] == told(("RCS", "2"), ("MMS", "3"), ("SMS", "2"))
        assert store.writes[1].key == "RCS:2"
        assert client.get(f"{PATH}/{early['id']}").json() == early
        assert update(client, early["id"], {"email": "a"}).json()["channel_identities"] == told(
            ("SMS", "1"), ("MMS", "1"), ("RCS", "1")
        )
        off = {"contact_settings": {"unified_contact_id_enabled": False}}
        assert client.patch(SETTINGS, json=off).json()["settings"] == off
        assert len(create(client, channel_identities=at(("SMS", "4")))["channel_identities"]) == 1


def test_contacts_in_conflict_are_not_unified() -> None:
    with sinch() as (client, _):
        ids = [create(client, channel_identities=at(("SMS", "1")))["id"] for _ in range(2)]
        reply = client.patch(SETTINGS, json=UNIFIED)
        assert (reply.status_code, reply.json()["error"]["status"]) == (409, "FAILED_PRECONDITION")
        assert client.get(SETTINGS).json()["settings"]["contact_settings"]["unified_contact_id_enabled"] is False
        merge(client, *ids)
        assert client.patch(SETTINGS, json=UNIFIED).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("POST", PATH, contact(1)),
        ("GET", f"{PATH}/{ABSENT}", None),
        ("PATCH", f"{PATH}/{ABSENT}", {}),
        ("DELETE", f"{PATH}/{ABSENT}", None),
        ("POST", f"{PATH}/{ABSENT}:merge", {"source_id": "x"}),
        ("POST", f"{PATH}:getChannelProfile", {"app_id": APP, "channel": "LINE", "recipient": {"contact_id": "x"}}),
        ("GET", f"{PATH}:identityConflicts", None),
        ("POST", SETTINGS, UNIFIED),
        ("GET", SETTINGS, None),
        ("PATCH", SETTINGS, UNIFIED),
        ("POST", "/v1/projects/mock-project/webhooks", {"app_id": APP, "target": "https://example.com"}),
        ("GET", f"/v1/projects/mock-project/apps/{APP}/webhooks", None),
        ("GET", "/v1/projects/mock-project/webhooks/x", None),
        ("PATCH", "/v1/projects/mock-project/webhooks/x", {}),
        ("DELETE", "/v1/projects/mock-project/webhooks/x", None),
    ],
)
def test_every_operation_needs_credentials_and_a_project(method: str, path: str, body: Any) -> None:
    with sinch(project="mine", token_calls=1) as (client, store):
        for header in ("", "Bearer other", "Basic eDp5"):
            refused = client.request(method, path, json=body, headers={"Authorization": header})
            assert (refused.status_code, refused.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
            assert "expired" not in refused.headers["WWW-Authenticate"]
        elsewhere = client.request(method, path, json=body)
        assert (elsewhere.status_code, elsewhere.json()["error"]["message"]) == (404, "project not found")
        assert "expired" in client.request(method, path, json=body).headers["WWW-Authenticate"]
        by_key = client.request(method, path, json=body, auth=("mock-key-id", "mock-secret"))
        assert by_key.status_code == 404
        assert store.writes == []
