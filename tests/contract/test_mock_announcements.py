"""The mocked Sinch's webhook, at a server by hand: what it delivers, how it signs, and what goes wrong on order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from headcount.errors import UsageError
from headcount.mock import credentials_environment, serve
from headcount.mock.announcements import Announcements, Attempt, signature
from headcount.mock.sinch import Sinch
from tests import sockets
from tests.contract.vendor_server import Answer, Call, VendorServer, in_turn, raw

PATH = "/v1/projects/mock-project/contacts"
SECRET = "webhook-secret"
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
FAST: dict[str, Any] = {"per_second": None, "first_retry": 0.02}
TAKEN = in_turn(raw(b""))


@contextmanager
def sinch(target: str, webhook: dict[str, Any], **switches: Any) -> Iterator[tuple[httpx.Client, Announcements]]:
    table = {"target": target, "secret": SECRET, **FAST, **webhook}
    user, password = (credentials_environment("sinch")[name] for name in ("SINCH_KEY_ID", "SINCH_KEY_SECRET"))
    with (
        serve("sinch", faults={"sinch": {"webhook": table, **switches}}) as mock,
        httpx.Client(base_url=mock.url) as client,
    ):
        form = {"grant_type": "client_credentials"}
        token = client.post("/oauth2/token", data=form, auth=(user, password)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        vendor = mock.vendors["sinch"]
        assert isinstance(vendor, Sinch)
        yield client, vendor.announcements


def contact(number: int, **others: Any) -> dict[str, Any]:
    identity = {"channel": "SMS", "identity": f"+1201555{number:04}"}
    return {"channel_identities": [identity], "language": "EN_US", "external_id": f"x{number}", **others}


def send(client: httpx.Client, count: int) -> None:
    body = {"contacts": [contact(number) for number in range(1, count + 1)]}
    assert client.post(PATH, json=body).status_code == 200


def settled(announcements: Announcements) -> Announcements:
    """Waits until nothing is left to deliver."""
    while announcements.pending:
        time.sleep(0.005)
    return announcements


def external_id(call: Call) -> str:
    return str(call.json["contact_create_notification"]["contact"]["external_id"])


def nonce(call: Call) -> str:
    return call.headers["x-sinch-webhook-signature-nonce"]


def delivered(count: int, webhook: dict[str, Any], answer: Answer = TAKEN) -> tuple[list[Call], Announcements]:
    """The calls that a batch of so many contacts leads to."""
    with VendorServer(answer) as target, sinch(f"{target.url}/hook", webhook) as (client, announcements):
        send(client, count)
        return target.calls, settled(announcements)


def last_after(count: int, webhook: dict[str, Any]) -> tuple[float, Call]:
    """How many seconds after a batch of so many contacts was sent the last delivery came, and that delivery."""
    with VendorServer(TAKEN) as target, sinch(target.url, webhook) as (client, announcements):
        sent_at = time.monotonic()
        send(client, count)
        settled(announcements)
        return target.calls[-1].at - sent_at, target.calls[-1]


def test_the_official_vector_is_signed_alike() -> None:
    body = (
        b'{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z",'
        b'"project_id":"e2df3a34-a71b-4448-9db5-a8d2baad28e4",'
        b'"contact_create_notification":{"contact":{"id":"01FJA8B466Y0R2GNXD78MD9SM1",'
        b'"channel_identities":[{"channel":"SMS","identity":"48123456789","app_id":""}],'
        b'"display_name":"New Test Contact","email":"new.contact@email.com","external_id":"","metadata":"",'
        b'"language":"EN_US"}},"message_metadata":""}'
    )
    assert signature("foo_secret1234", body, "01FJA8B4A7BM43YGWSG9GBV067", 1634579353) == {
        "x-sinch-webhook-signature": "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE=",
        "x-sinch-webhook-signature-nonce": "01FJA8B4A7BM43YGWSG9GBV067",
        "x-sinch-webhook-signature-timestamp": "1634579353",
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
    }


def test_a_delivery_is_laid_out_and_signed_as_the_vendors_is() -> None:
    sent = contact(1, display_name="Zoë", email="zoe@example.com", metadata="m")
    with VendorServer(TAKEN) as target, sinch(f"{target.url}/hook?a=b", {}) as (client, announcements):
        before = time.time()
        assert client.post(PATH, json={"contacts": [sent]}).status_code == 200
        settled(announcements)
        after = time.time()
        (found,) = client.get(PATH).json()["contacts"]
        (call,) = target.calls
    assert (call.method, call.path, call.query) == ("POST", "/hook", {"a": ["b"]})
    accepted = re.search(rb'"accepted_time":"(.{26}Z)"', call.body)
    assert accepted
    assert before <= datetime.fromisoformat(accepted[1].decode()).timestamp() <= after
    assert call.body.decode() == (
        f'{{"app_id":"","accepted_time":"{accepted[1].decode()}","project_id":"mock-project",'
        f'"contact_create_notification":{{"contact":{{"id":"{found["id"]}",'
        '"channel_identities":[{"channel":"SMS","identity":"12015550001","app_id":""}],'
        '"display_name":"Zoë","email":"zoe@example.com","external_id":"x1","metadata":"m",'
        '"language":"EN_US"}},"message_metadata":""}'
    )
    timestamp = call.headers["x-sinch-webhook-signature-timestamp"]
    assert int(before) <= int(timestamp) <= after
    assert ULID.fullmatch(nonce(call))
    text = b".".join((call.body, nonce(call).encode(), timestamp.encode()))
    digest = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    assert call.headers["x-sinch-webhook-signature"] == digest
    assert call.headers["x-sinch-webhook-signature-algorithm"] == "HmacSHA256"
    assert call.headers["content-type"] == "application/json"


def test_every_contact_is_announced_once_the_single_ones_too() -> None:
    with VendorServer(TAKEN) as target, sinch(target.url, {}) as (client, announcements):
        send(client, 60)
        assert client.post(PATH, json=contact(61)).status_code == 200
        settled(announcements)
    assert sorted(external_id(call) for call in target.calls) == sorted(f"x{n}" for n in range(1, 62))
    assert len({nonce(call) for call in target.calls}) == 61
    assert {attempt.status for attempt in announcements.attempts} == {200}


def test_without_a_secret_nothing_is_signed() -> None:
    (call,), _ = delivered(1, {"secret": None})
    assert not [name for name in call.headers if "signature" in name]


def test_a_contact_is_announced_when_it_becomes_visible() -> None:
    with VendorServer(TAKEN) as target, sinch(target.url, {}, visible_after=0.3) as (client, announcements):
        sent_at = time.monotonic()
        send(client, 1)
        assert announcements.pending == 1
        settled(announcements)
        assert len(client.get(PATH).json()["contacts"]) == 1
    assert target.calls[0].at - sent_at >= 0.3


def test_anything_but_2xx_is_delivered_again_after_twice_the_wait() -> None:
    answers = [raw(b"", status) for status in (503, 500, 404, 401, 301)]
    calls, announcements = delivered(1, {}, in_turn(*answers, b"", raw(b"", 204)))
    assert [(each.number, each.status) for each in announcements.attempts] == [
        (1, 503), (2, 500), (3, 404), (4, 401), (5, 301), (6, 0), (7, 204)
    ]  # fmt: skip
    waits = [later.at - earlier.at for earlier, later in pairwise(calls)]
    assert all(wait >= 0.02 * 2**times for times, wait in enumerate(waits))
    assert {call.body for call in calls} == {calls[0].body}
    assert len({nonce(call) for call in calls}) == 7


def test_a_nonce_may_stay_the_same_through_all_attempts() -> None:
    calls, _ = delivered(1, {"nonce": "once"}, in_turn(raw(b"", 503), raw(b"", 503), raw(b"")))
    assert len(calls) == 3
    assert len({call.headers["x-sinch-webhook-signature"] for call in calls}) == 1


def test_it_gives_up_when_a_wait_would_be_too_long() -> None:
    calls, announcements = delivered(1, {"last_retry": 0.05}, in_turn(raw(b"", 503)))
    assert len(calls) == 3
    assert announcements.given_up == [calls[0].json["contact_create_notification"]["contact"]["id"]]


def test_one_that_gets_no_answer_in_time_is_delivered_again() -> None:
    with (
        sockets.Server(sockets.stay_silent) as target,
        sinch(target.url, {"timeout": 0.1, "last_retry": 0.02}) as (
            client,
            announcements,
        ),
    ):
        send(client, 1)
        settled(announcements)
    assert [(each.number, each.status) for each in announcements.attempts] == [(1, 0), (2, 0)]


def test_some_twice_with_the_same_nonce() -> None:
    calls, _ = delivered(6, {"twice": 3})
    assert sorted(external_id(call) for call in calls) == ["x1", "x2", "x3", "x3", "x4", "x5", "x6", "x6"]
    assert len({(external_id(call), nonce(call), call.body) for call in calls}) == 6


def test_some_never() -> None:
    calls, announcements = delivered(6, {"never": 2})
    assert sorted(external_id(call) for call in calls) == ["x1", "x3", "x5"]
    assert len(announcements.attempts) == 3


def test_some_late() -> None:
    seconds, last = last_after(4, {"late": 4, "late_by": 0.3})
    assert external_id(last) == "x4"
    assert seconds >= 0.3


def test_out_of_order_by_a_chance_that_has_a_seed() -> None:
    def disorder(seed: int) -> list[str]:
        return [external_id(call) for call in delivered(12, {"scatter": 0.4, "seed": seed})[0]]

    orders = [disorder(seed) for seed in (1, 2)]
    in_order = [f"x{n}" for n in range(1, 13)]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(in_order)
    assert in_order not in orders
    assert orders[0] != orders[1]


def test_no_more_than_so_many_a_second() -> None:
    assert last_after(5, {"per_second": 20})[0] >= 4 / 20


def test_deliveries_end_with_the_server() -> None:
    with sockets.Server(sockets.stay_silent) as target:
        with sinch(target.url, {"timeout": 600}) as (client, announcements):
            send(client, 20)
            while target.connections < 8:
                time.sleep(0.005)
        assert announcements.pending == 20
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("headcount")] == []


@pytest.mark.parametrize(
    ("webhook", "what"),
    [
        ({"target": "https://example.com/hook"}, "on this machine"),
        ({"target": "http://192.0.2.1/hook"}, "on this machine"),
        ({"target": "http://127.0.0.1.example.com/"}, "on this machine"),
        ({"target": "ftp://127.0.0.1/"}, "on this machine"),
        ({"target": "http://127.0.0.1:99999/"}, "on this machine"),
        ({"target": "http://127.0.0.1@192.0.2.1/"}, "on this machine"),
        ({"target": "http://127.0.0.1\\@192.0.2.1/"}, "on this machine"),
        ({"target": "http://127.0.0.1/\x00"}, "on this machine"),
        ({"target": "127.0.0.1"}, "on this machine"),
        ({"secret": "canary"}, "target"),
        ({"target": "http://127.0.0.1:1/", "secrte": "canary"}, "sinch.webhook: no switch is called 'secrte'"),
        ({"target": "http://127.0.0.1:1/", "never": 0}, "must be 1 or more"),
        ({"target": "http://127.0.0.1:1/", "per_second": 0}, "above 0"),
        ({"target": "http://127.0.0.1:1/", "nonce": "always"}, "always"),
    ],
)
def test_what_cannot_be_a_webhook_is_one_line(webhook: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what) as raised, serve("sinch", faults={"sinch": {"webhook": webhook}}):
        pass
    assert "\n" not in str(raised.value)
    assert "canary" not in str(raised.value)


def test_attempts_are_told_by_contact() -> None:
    calls, announcements = delivered(1, {})
    contact_id = json.loads(calls[0].body)["contact_create_notification"]["contact"]["id"]
    assert announcements.attempts == [Attempt(contact_id, 1, 200, "CONTACT_CREATE")]
