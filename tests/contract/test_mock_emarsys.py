"""The mocked Emarsys over a real socket: each switch shows its shape, and the write log tells the truth."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headcount.mock import Fault
from headcount.mock.emarsys import wsse_refusal
from tests.contract.emarsys_mock import mocked as emarsys

PATH = "/api/v3/contact"
DUPLICATE = {"2009": "Contact with the external id already exists: 3"}
TWO = {"key_id": "3", "contacts": [{"3": "ada@example.com", "2": "Lovelace"}, {"3": "bob@example.com"}]}


def wsse(created: str, *, secret: str = "mock-secret", nonce: str = "d36e316282959a9ed4c89851497a717f") -> str:
    digest = base64.b64encode(hashlib.sha1(f"{nonce}{created}{secret}".encode()).hexdigest().encode()).decode()
    return f'UsernameToken Username="mock-user", PasswordDigest="{digest}", Nonce="{nonce}", Created="{created}"'


def utc(minutes: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_pages_example_creates_two_and_finds_two() -> None:
    contacts = [
        {"3": "erik.selvig@example.com", "2": "Selvig", "source_id": "1234"},
        {"3": "ian.boothby@example.com", "2": "Boothby"},
        {"3": "james.rhodes@example.com", "2": "Rhodes", "source_id": "5678"},
        {"3": "pepper.potts@example.com", "2": "Potts"},
    ]
    with emarsys(existing=("james.rhodes@example.com", "pepper.potts@example.com")) as (client, store):
        reply = client.post(PATH, json={"key_id": "3", "contacts": contacts})
        writes = store.writes
    assert reply.status_code == 200
    body = reply.json()
    assert (body["replyCode"], body["replyText"]) == (0, "OK")
    first, second = body["data"]["ids"]
    assert isinstance(first, int) and first < second
    errors = {"james.rhodes@example.com": DUPLICATE, "pepper.potts@example.com": DUPLICATE}
    assert body["data"]["errors"] == errors
    assert [(each.request, each.index, each.key, each.contact) for each in writes] == [
        (1, 0, "erik.selvig@example.com", contacts[0]),
        (1, 1, "ian.boothby@example.com", contacts[1]),
    ]


def test_the_second_of_a_key_inside_one_request_is_a_duplicate_and_the_first_is_stored() -> None:
    contacts = [{"3": "ada@example.com", "2": "A"}, {"3": "ada@example.com", "2": "B"}]
    with emarsys() as (client, store):
        data = client.post(PATH, json={"contacts": contacts}).json()["data"]
        assert [each.contact["2"] for each in store.writes] == ["A"]
    assert len(data["ids"]) == 1
    assert data["errors"] == {"ada@example.com": DUPLICATE}


def test_contacts_without_a_key_share_one_error_under_the_empty_text() -> None:
    with emarsys() as (client, store):
        data = client.post(PATH, json={"contacts": [{"2": "A"}, {"3": "", "2": "B"}]}).json()["data"]
        assert store.writes == []
    assert data == {"ids": [], "errors": {"": {"2005": "No value provided for key field: 3"}}}


@pytest.mark.parametrize(("shape", "shown"), [("absent", {}), ("list", {"errors": []}), ("map", {"errors": {}})])
def test_errors_of_a_request_without_any(shape: Any, shown: Mapping[str, Any]) -> None:
    with emarsys(empty_errors=shape) as (client, _):
        data = client.post(PATH, json=TWO).json()["data"]
    ids = data.pop("ids")
    assert (len(ids), data) == (2, shown)


def test_ids_as_strings_reversed_and_fewer_than_were_stored() -> None:
    with emarsys(ids="string", id_order="reversed") as (client, store):
        ids = client.post(PATH, json=TWO).json()["data"]["ids"]
        assert ids == list(store.contacts)[::-1]
    with emarsys(ids_withheld=1) as (client, store):
        assert len(client.post(PATH, json=TWO).json()["data"]["ids"]) == 1
        assert store.created == 2


@pytest.mark.parametrize(
    ("switch", "status", "code", "data"),
    [
        ("refused", 400, 2004, ""),
        ("refused_in_200", 200, 2004, ""),
        ("pseudo_key", 200, 0, {"ids": [], "errors": {"<NO_KEY_ID>": {"2004": "Invalid key field id: 100"}}}),
    ],
)
def test_an_unknown_key_field(switch: Any, status: int, code: int, data: Any) -> None:
    with emarsys(fields=("2", "3"), unknown_key=switch) as (client, store):
        reply = client.post(PATH, json={**TWO, "key_id": 100})
        assert store.writes == []
    assert (reply.status_code, reply.json()["replyCode"], reply.json()["data"]) == (status, code, data)


def test_an_unknown_field_fails_its_contact_alone() -> None:
    contacts = [{"3": "ada@example.com", "777": "x"}, {"3": "bob@example.com"}]
    with emarsys(fields=("3",)) as (client, _):
        data = client.post(PATH, json={"contacts": contacts}).json()["data"]
    assert data["errors"] == {"ada@example.com": {"2007": "Invalid field id: 777"}}


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (
            {"contacts": [{"3": f"{number}@example.com"} for number in range(1001)]},
            1000,
            "The request exceeded the maximum batch size of 1,000",
        ),
        ({**TWO, "key_id": "uid"}, 2004, "Cannot use internal ID as key on contact creation."),
        ({"key_id": "3"}, 10001, "Missing parameter: contacts"),
    ],
)
def test_a_request_refused_whole_stores_nothing(body: Any, code: int, text: str) -> None:
    with emarsys() as (client, store):
        reply = client.post(PATH, json=body)
        assert store.writes == []
    assert reply.status_code == 400
    assert reply.json() == {"replyCode": code, "replyText": text, "data": ""}


def test_an_invalid_contact_refuses_the_batch_or_is_an_item() -> None:
    contacts = [{"3": "ada@example.com", "31": True}, {"3": "bob@example.com"}]
    with emarsys() as (client, store):
        assert client.post(PATH, json={"contacts": contacts}).status_code == 400
        assert store.writes == []
    with emarsys(invalid_contact="item") as (client, store):
        reply = client.post(PATH, json={"contacts": contacts})
        assert [each.key for each in store.writes] == ["bob@example.com"]
    assert reply.status_code == 200
    assert reply.json()["data"]["errors"] == {"ada@example.com": {"2007": "Invalid value"}}


def test_an_invalid_contact_of_an_update_is_an_item_too() -> None:
    contacts = [{"3": "ada@example.com", "31": True}, {"3": "bob@example.com", "1": "Bob"}]
    with emarsys(invalid_contact="item", existing=("ada@example.com", "bob@example.com")) as (client, store):
        data = client.put(PATH, json={"contacts": contacts}).json()["data"]
        assert [(each.key, each.effect) for each in store.writes] == [("bob@example.com", "updated")]
    assert data["errors"] == {"ada@example.com": {"2007": "Invalid value"}}


def test_ids_are_looked_up_by_any_field() -> None:
    contacts = [{"3": "ada@example.com", "1": "Ada"}, {"3": "eve@example.com", "1": "Ada"}]
    with emarsys() as (client, _):
        ids = [str(each) for each in client.post(PATH, json={"contacts": contacts}).json()["data"]["ids"]]
        known = {"key_id": "3", "external_ids": ["ada@example.com"]}
        assert client.post(f"{PATH}/checkids", json=known).json()["data"] == {
            "ids": {"ada@example.com": ids[0]},
            "errors": [],
        }
        unknown = {"key_id": "3", "external_ids": ["no@example.com"]}
        assert client.post(f"{PATH}/checkids/", json=unknown).json()["data"]["ids"] == []
        several = {"key_id": 1, "external_ids": ["Ada"], "get_multiple_ids": True}
        assert client.post(f"{PATH}/checkids", json=several).json()["data"]["ids"] == {"Ada": ids}
        ambiguous = client.post(f"{PATH}/checkids", json={"key_id": 1, "external_ids": ["Ada"]})
        assert list(ambiguous.json()["data"]["errors"]["Ada"]) == ["2010"]


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ("unauthorized", 401, '{"replyCode":1,"replyText":"Unauthorized","data":""}'),
        ("forbidden", 403, '{"replyCode":1,"replyText":"Forbidden","data":""}'),
        ("rate_limited_text", 429, "Too many requests"),
        ("database_error", 500, '{"replyCode":2011,"replyText":"Database connection error","data":""}'),
        ("unsupported_method", 501, "This feature has not been implemented yet."),
        ("error_in_200", 200, '{"replyCode":2004,"replyText":"Invalid key field id: 100","data":""}'),
    ],
)
def test_named_answers(answer: str, status: int, text: str) -> None:
    with emarsys(faults=(Fault(nth=1, answer=answer),)) as (client, store):
        reply = client.post(PATH, json=TWO)
        assert store.writes == []
        assert client.post(PATH, json=TWO).json()["replyCode"] == 0
    assert (reply.status_code, reply.text) == (status, text)


def test_rate_limits_by_the_vendors_headers_or_by_retry_after() -> None:
    faults = (
        Fault(nth=1, answer="rate_limited", wait=30),
        Fault(nth=2, answer="rate_limited_retry_after", wait=7),
    )
    with emarsys(faults=faults) as (client, _):
        before = int(time.time())
        first, second = client.post(PATH, json=TWO), client.post(PATH, json=TWO)
    assert (first.status_code, first.json()["replyCode"]) == (429, 7003)
    assert (first.headers["X-RateLimit-Limit"], first.headers["X-Ratelimit-Remaining"]) == ("1000", "0")
    assert before + 30 <= int(first.headers["X-RateLimit-Reset"]) <= time.time() + 30
    assert "Retry-After" not in first.headers
    assert second.headers["Retry-After"] == "7"


def test_wsse_opens_version_2_and_a_token_version_3_and_not_the_other_way_round() -> None:
    with emarsys() as (client, store):
        bearer = client.headers.pop("Authorization")
        digest = {"X-WSSE": wsse(utc())}
        assert client.post("/api/v2/contact/", json=TWO, headers=digest).status_code == 200
        assert client.post("/api/v3/contact", json=TWO, headers=digest).status_code == 401
        assert client.post("/api/v2/contact", json=TWO, headers={"Authorization": bearer}).status_code == 401
        assert client.post("/api/v3/contact", json=TWO, headers={"Authorization": bearer}).status_code == 200
        assert [each.request for each in store.writes] == [1, 1]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "contact/?create_if_not_exists=1", TWO),
        ("POST", "contact/getdata/", {"keyId": "3", "keyValues": ["ada@example.com"]}),
        ("POST", "contact/checkids", {"key_id": "3", "external_ids": ["ada@example.com"]}),
        ("GET", "contact/query/?return=3", None),
        ("POST", "contact/delete/", {"3": ["ada@example.com"]}),
        ("GET", "field/translate/en", None),
        ("GET", "source", None),
        ("POST", "contactlist/", {"name": "all"}),
    ],
)
def test_every_kind_of_call_is_there_in_version_2(method: str, path: str, body: Any) -> None:
    with emarsys() as (client, _):
        del client.headers["Authorization"]
        assert client.request(method, f"/api/v2/{path}", json=body).status_code == 401
        reply = client.request(method, f"/api/v2/{path}", json=body, headers={"X-WSSE": wsse(utc())})
    assert (reply.status_code, reply.json()["replyCode"]) == (200, 0)


@pytest.mark.parametrize(
    "header",
    [
        lambda: wsse(utc(-6)),
        lambda: wsse(utc(6)),
        lambda: wsse(utc(), secret="other"),
        lambda: "",
        lambda: 'UsernameToken Username="mock-user"',
    ],
    ids=["old", "early", "forged", "missing", "cut"],
)
def test_wsse_that_is_old_early_forged_or_missing_is_refused(header: Callable[[], str]) -> None:
    with emarsys() as (client, _):
        reply = client.post("/api/v2/contact", json=TWO, headers={"X-WSSE": header()})
    assert (reply.status_code, reply.json()["replyCode"]) == (401, 1)


def test_the_fact_sheets_digest_is_accepted_in_every_way_that_clients_write_it() -> None:
    digest = "MjRmOTBkNmVhODBjNWE5Yzc2NzBkNTI3MjlhNmYwZDg4ZTYwODU1NA=="
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    nonce, created = "d36e316282959a9ed4c89851497a717f", "2026-01-02T03:04:05Z"
    for header in (
        f'UsernameToken Username="u", PasswordDigest="{digest}", Nonce="{nonce}", Created="{created}"',
        f'UsernameToken Username="u",PasswordDigest="{digest}",Created="{created}",nonce="{nonce}"',
    ):
        assert wsse_refusal(header, "u", "customersecret", moment) is None
        assert wsse_refusal(header, "u", "customersecret", moment + timedelta(seconds=301)) is not None
        assert wsse_refusal(header, "v", "customersecret", moment) is not None


@pytest.mark.parametrize("created", ["2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05+0000", "2026-01-02T04:04:05"])
def test_wsse_times_as_clients_write_them(created: str) -> None:
    header = wsse(created, secret="s")
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert wsse_refusal(header, "mock-user", "s", moment) is None
