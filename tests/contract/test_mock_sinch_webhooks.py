"""The mocked Sinch's managed webhooks over a real socket: their limits, and the events that they get."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from headcount.errors import UsageError
from headcount.mock import serve
from headcount.mock.announcements import NOTIFICATIONS, Announcements
from headcount.mock.sinch import Sinch
from tests.contract.test_mock_announcements import FAST, settled
from tests.contract.test_mock_sinch import PATH, contact, sinch, token
from tests.contract.vendor_server import Answer, Call, VendorServer, in_turn, raw

PROJECT = "/v1/projects/mock-project"
HOOKS = f"{PROJECT}/webhooks"
APP, OTHER_APP = "01HAPP00000000000000000001", "01HAPP00000000000000000002"
SECRET = "managed-secret"
ALL = list(NOTIFICATIONS)
TAKEN = in_turn(raw(b""))


def hook(target: str = "https://example.com/hook", **others: Any) -> dict[str, Any]:
    return {"app_id": APP, "target": target, **others}


def of_app(client: httpx.Client, app_id: str = APP) -> list[dict[str, Any]]:
    return list(client.get(f"{PROJECT}/apps/{app_id}/webhooks").json()["webhooks"])


def test_a_webhook_is_made_found_changed_and_deleted() -> None:
    credentials = {"client_id": "id", "client_secret": "secret", "endpoint": "https://example.com/token"}
    with sinch() as (client, store):
        first = client.post(HOOKS, json=hook(triggers=ALL, secret=SECRET, client_credentials=credentials)).json()
        second = client.post(HOOKS, json=hook("https://example.com/2", target_type="DISMISS")).json()
        assert len(first["id"]) == 26
        assert first == {
            "id": first["id"],
            "app_id": APP,
            "target": "https://example.com/hook",
            "target_type": "HTTP",
            "triggers": ALL,
            "secret": SECRET,
            "client_credentials": credentials,
        }
        assert (second["target_type"], second["triggers"], second["secret"]) == ("DISMISS", [], "")
        assert of_app(client) == [first, second]
        assert of_app(client, OTHER_APP) == []
        path = f"{HOOKS}/{first['id']}"
        assert client.get(path).json() == first
        body = {"triggers": ["CONTACT_DELETE"], "secret": "new"}
        changed = first | {"triggers": ["CONTACT_DELETE"]}
        assert client.patch(path, json=body, params={"update_mask": "triggers"}).json() == changed
        cleared = client.patch(path, json={}, params={"update_mask": "secret,client_credentials,target"}).json()
        assert cleared == {name: value for name, value in changed.items() if name != "client_credentials"} | {
            "secret": ""
        }
        moved = client.patch(path, json={"app_id": OTHER_APP, "target_type": "DISMISS"}).json()
        assert client.get(path).json() == moved == cleared | {"app_id": OTHER_APP, "target_type": "DISMISS"}
        assert (of_app(client), of_app(client, OTHER_APP)) == ([second], [moved])
        reply = client.delete(path)
        assert (reply.status_code, reply.content) == (200, b"{}")
        gone = [client.get(path), client.delete(path), client.patch(path, json={"secret": "x"})]
        assert [each.status_code for each in gone] == [404] * 3
        assert client.get(f"/v1/projects/other/webhooks/{second['id']}").status_code == 404
        assert store.writes == []


def test_an_app_has_each_target_once() -> None:
    with sinch() as (client, _):
        first = client.post(HOOKS, json=hook()).json()
        reply = client.post(HOOKS, json=hook())
        assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert client.post(HOOKS, json=hook(app_id=OTHER_APP)).status_code == 200
        second = client.post(HOOKS, json=hook("https://example.com/2")).json()
        target = {"target": "https://example.com/hook"}
        assert client.patch(f"{HOOKS}/{second['id']}", json=target).status_code == 400
        assert client.get(f"{HOOKS}/{second['id']}").json() == second
        assert client.patch(f"{HOOKS}/{first['id']}", json=target).status_code == 200
    with sinch(duplicate_targets="store") as (client, _):
        assert [client.post(HOOKS, json=hook()).status_code for _ in range(2)] == [200, 200]


def test_an_app_has_at_most_five() -> None:
    with sinch() as (client, _):
        targets = [f"https://example.com/{number}" for number in range(6)]
        made = [client.post(HOOKS, json=hook(target)) for target in targets]
        assert [each.status_code for each in made] == [200] * 5 + [409]
        assert made[5].json()["error"]["status"] == "FAILED_PRECONDITION"
        other = client.post(HOOKS, json=hook(targets[5], app_id=OTHER_APP)).json()
        assert client.patch(f"{HOOKS}/{other['id']}", json={"app_id": APP}).status_code == 409
        assert client.patch(f"{HOOKS}/{made[0].json()['id']}", json={"secret": "x"}).status_code == 200
        client.delete(f"{HOOKS}/{made[0].json()['id']}")
        assert client.post(HOOKS, json=hook(targets[5])).status_code == 200


LONGEST = "https://example.com/" + "x" * 722


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"target": LONGEST}, 200),
        ({"target": LONGEST + "x"}, 400),
        ({"target": "http://127.0.0.1:8000/hook?a=b"}, 200),
        ({"target": "https://example.com"}, 200),
        ({"target": "https://conversation-api.example.com/"}, 200),
        ({"target": "https://conversation-api.sinch.com.example.com/"}, 200),
        ({"target": "https://conversation-api.prod.sinch.com/hook"}, 400),
        ({"target": "https://conversation-api.eu.prod.sinch.com:443"}, 400),
        ({"target": "http://conversation-api.us.sinch.com?x"}, 400),
        ({"target": "ftp://example.com/"}, 400),
        ({"target": "example.com"}, 400),
        ({"target": ""}, 400),
        ({"target": None}, 400),
        ({"triggers": ["CONTACT_CREATE", "CONTACT_CREATE"]}, 200),
        ({"triggers": ["UNSPECIFIED_TRIGGER"]}, 400),
        ({"triggers": "CONTACT_CREATE"}, 400),
        ({"target_type": "GRPC"}, 400),
        ({"app_id": "no-ulid"}, 400),
        ({"app_id": APP.lower()}, 400),
        ({"client_credentials": {"client_id": "id"}}, 400),
        ({"id": "x"}, 400),
    ],
)
def test_what_a_webhook_may_be(changes: dict[str, Any], status: int) -> None:
    with sinch() as (client, _):
        assert client.post(HOOKS, json=hook() | changes).status_code == status
        known = client.post(HOOKS, json=hook("https://example.com/2", app_id=OTHER_APP)).json()["id"]
        assert client.patch(f"{HOOKS}/{known}", json=changes).status_code == status
        for required in ("app_id", "target"):
            body = {name: value for name, value in hook("https://example.com/3").items() if name != required}
            assert client.post(HOOKS, json=body).status_code == 400


@pytest.mark.parametrize("mask", ["", "id", "secret,", "client_credentials.client_id"])
def test_a_mask_names_members_of_a_webhook(mask: str) -> None:
    with sinch() as (client, _):
        known = client.post(HOOKS, json=hook()).json()
        path = f"{HOOKS}/{known['id']}"
        assert client.patch(path, json={"secret": "x"}, params={"update_mask": mask}).status_code == 400
        assert client.get(path).json() == known


@contextmanager
def listening(
    answer: Answer = TAKEN, triggers: list[str] = ALL, deliveries: dict[str, Any] | None = None, **switches: Any
) -> Iterator[tuple[httpx.Client, list[Call], Announcements]]:
    """A managed webhook of these triggers: the client that made it, what it gets, and what the mock knows of it."""
    switches = {"deliveries": FAST | (deliveries or {}), **switches}
    with (
        VendorServer(answer) as target,
        serve("sinch", faults={"sinch": switches}) as mock,
        httpx.Client(base_url=mock.url) as client,
    ):
        client.headers["Authorization"] = f"Bearer {token(client)}"
        sent = hook(f"{target.url}/hook", triggers=triggers, secret=SECRET)
        assert client.post(HOOKS, json=sent).status_code == 200
        vendor = mock.vendors["sinch"]
        assert isinstance(vendor, Sinch)
        yield client, target.calls, vendor.announcements


def told(stored: dict[str, Any]) -> dict[str, Any]:
    """A contact as events tell it: without a priority that is empty."""
    return {name: value for name, value in stored.items() if name != "channel_priority" or value}


def notifications(calls: list[Call]) -> list[tuple[str, Any]]:
    """What the events say, each by the name of its notification, in a settled order."""
    envelope = {"app_id", "accepted_time", "project_id", "message_metadata"}
    found = []
    for call in calls:
        (name,) = call.json.keys() - envelope
        found.append((name, call.json[name]))
    return sorted(found, key=lambda each: each[0])


def hold_signed(call: Call) -> None:
    header = "x-sinch-webhook-signature"
    nonce, timestamp = call.headers[f"{header}-nonce"], call.headers[f"{header}-timestamp"]
    text = b".".join((call.body, nonce.encode(), timestamp.encode()))
    digest = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    assert call.headers[header] == digest
    assert call.headers[f"{header}-algorithm"] == "HmacSHA256"


def test_each_trigger_has_its_event_signed_with_the_webhooks_secret() -> None:
    with listening(announce_duplicates=True) as (client, calls, announcements):
        kept = client.post(PATH, json=contact(1)).json()
        source = client.post(PATH, json=contact(1, channel_priority=["SMS"])).json()
        update = {"display_name": "Ada", "channel_identities": [{"channel": "MMS", "identity": "9"}]}
        updated = client.patch(f"{PATH}/{kept['id']}", json=update).json()
        merged = client.post(f"{PATH}/{kept['id']}:merge", json={"source_id": source["id"]}).json()
        assert client.delete(f"{PATH}/{kept['id']}").status_code == 200
        settled(announcements)
        assert {call.json["app_id"] for call in calls} == {""}
        assert {call.json["project_id"] for call in calls} == {"mock-project"}
        for call in calls:
            hold_signed(call)
    shared = [{"channel": "SMS", "contact_ids": [kept["id"], source["id"]]}]
    found = notifications(calls)
    creates = [content["contact"]["id"] for name, content in found if name == "contact_create_notification"]
    assert sorted(creates) == sorted([kept["id"], source["id"]])
    assert [each for each in found if each[0] != "contact_create_notification"] == [
        ("contact_delete_notification", {"contact": told(merged)}),
        ("contact_merge_notification", {"preserved_contact": told(merged), "deleted_contact": told(source)}),
        ("contact_update_notification", {"contact": told(updated)}),
        ("duplicated_contact_identities_notification", {"duplicated_identities": shared}),
    ]
    assert sorted(each.trigger for each in announcements.attempts) == sorted([*ALL, "CONTACT_CREATE"])


def test_a_webhook_gets_the_events_of_its_triggers_alone() -> None:
    with listening(triggers=["CONTACT_DELETE"]) as (client, calls, announcements):
        known = client.post(PATH, json=contact(1)).json()["id"]
        client.patch(f"{PATH}/{known}", json={"email": "a"})
        client.request("DELETE", PATH, json={"contact_ids": [known]})
        settled(announcements)
    assert [name for name, _ in notifications(calls)] == ["contact_delete_notification"]


def test_a_batch_delete_has_an_event_for_each_contact_once_it_is_gone() -> None:
    with listening(triggers=["CONTACT_DELETE"], gone_after=0.2) as (client, calls, announcements):
        known = [client.post(PATH, json=contact(number)).json() for number in range(3)]
        client.request("DELETE", PATH, json={"contact_ids": [each["id"] for each in known[:2]] * 2})
        assert announcements.pending == 2
        settled(announcements)
        assert [client.get(f"{PATH}/{each['id']}").status_code for each in known] == [404, 404, 200]
    assert [content["contact"] for _, content in notifications(calls)] == [told(each) for each in known[:2]]


def test_what_is_not_taken_is_sent_again() -> None:
    with listening(in_turn(raw(b"", 503), raw(b"", 500), raw(b""))) as (client, calls, announcements):
        client.post(PATH, json=contact(1))
        settled(announcements)
    assert [(each.number, each.status) for each in announcements.attempts] == [(1, 503), (2, 500), (3, 200)]
    assert len({call.body for call in calls}) == 1
    assert len({call.headers["x-sinch-webhook-signature-nonce"] for call in calls}) == 3


def test_a_webhook_that_is_dismissed_changed_or_deleted_gets_no_more() -> None:
    with listening() as (client, calls, announcements):
        (webhook,) = of_app(client)
        path = f"{HOOKS}/{webhook['id']}"
        client.patch(path, json={"target_type": "DISMISS"})
        client.post(PATH, json=contact(1))
        client.patch(path, json={"target_type": "HTTP", "triggers": ["CONTACT_UPDATE"]})
        client.post(PATH, json=contact(2))
        client.delete(path)
        known = client.post(PATH, json=contact(3)).json()["id"]
        client.patch(f"{PATH}/{known}", json={"email": "a"})
        settled(announcements)
    assert calls == []


def test_events_go_to_this_machine_alone_and_to_webhooks_of_the_project() -> None:
    with listening(deliveries={"per_second": None}) as (client, calls, announcements):
        for target in ("https://example.com/hook", "http://192.0.2.1/hook", "https://127.0.0.1/hook"):
            assert client.post(HOOKS, json=hook(target, triggers=ALL)).status_code == 200
        client.post("/v1/projects/other/contacts", json=contact(1))
        client.post(PATH, json=contact(2))
        settled(announcements)
    assert len(calls) == len(announcements.attempts) == 1


def test_without_a_secret_the_events_of_a_managed_webhook_are_not_signed() -> None:
    with listening() as (client, calls, announcements):
        (webhook,) = of_app(client)
        client.patch(f"{HOOKS}/{webhook['id']}", json={}, params={"update_mask": "secret"})
        client.post(PATH, json=contact(1))
        settled(announcements)
    assert [name for name in calls[0].headers if "signature" in name] == []


def test_the_switch_and_managed_webhooks_both_get_an_event() -> None:
    with VendorServer(TAKEN) as switched:
        own = {"target": switched.url, "triggers": ["CONTACT_UPDATE"], **FAST}
        with listening(webhook=own) as (client, calls, announcements):
            known = client.post(PATH, json=contact(1)).json()["id"]
            client.patch(f"{PATH}/{known}", json={"email": "a"})
            settled(announcements)
        assert [name for name, _ in notifications(switched.calls)] == ["contact_update_notification"]
    assert len(calls) == 2


def test_nothing_is_announced_where_nothing_was_done() -> None:
    with listening(announce_duplicates=True) as (client, calls, announcements):
        client.post(PATH, json={"language": "EN"})
        client.patch(f"{PATH}/x", json={"email": "a"})
        client.delete(f"{PATH}/x")
        client.post(f"{PATH}/x:merge", json={"source_id": "y"})
        client.request("DELETE", PATH, json={"contact_ids": ["x"]})
        settled(announcements)
    assert calls == []


@pytest.mark.parametrize(
    ("switches", "what"),
    [
        ({"deliveries": {"never": 0}}, "1 or more"),
        ({"deliveries": {"target": "x"}}, "no switch is called 'target'"),
        ({"webhook": {"target": "http://127.0.0.1/", "triggers": ["CONTACT"]}}, "no trigger is called 'CONTACT'"),
    ],
)
def test_what_cannot_be_switched_is_one_line(switches: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what), serve("sinch", faults={"sinch": switches}):
        pass
