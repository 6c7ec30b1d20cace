"""Clients that nobody here wrote work with the mocks over real sockets: the vendor's own `sinch`, and `pymarsys`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pymarsys import Emarsys, SyncConnection
from sinch import SinchClient
from sinch.domains.authentication.exceptions import AuthenticationException
from sinch.domains.conversation.api.v1.exceptions import ConversationException

from headcount.mock import MockServer, credentials_environment, serve
from headcount.mock.sinch import Sinch
from tests.contract.vendor_server import Call, VendorServer, in_turn, raw

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
SECRET = "webhook-secret"


def sinch_client(mock: MockServer, **others: Any) -> Any:
    """The vendor's client, with both of its hosts set to the mock."""
    known = credentials_environment("sinch")
    names = {"key_id": "SINCH_KEY_ID", "key_secret": "SINCH_KEY_SECRET", "project_id": "SINCH_PROJECT_ID"}
    client = SinchClient(**({argument: known[name] for argument, name in names.items()} | others))
    client.configuration.auth_origin = client.configuration.conversation_origin = mock.url
    return client


@pytest.fixture
def sinch() -> Iterator[Any]:
    with serve("sinch") as mock:
        yield sinch_client(mock).conversation.contacts


def sms(number: int) -> dict[str, str]:
    return {"channel": "SMS", "identity": f"+1201555{number:04}"}


def created(sinch: Any, *numbers: int, **members: Any) -> list[str]:
    """The ids of new contacts with these numbers."""
    return [sinch.create(channel_identities=[sms(each)], language="EN_US", **members).id for each in numbers]


def test_sinch_creates_a_contact_and_gets_it(sinch: Any) -> None:
    made = sinch.create(
        channel_identities=[sms(1), {"channel": "LINE", "identity": "line-1", "app_id": "app"}],
        channel_priority=["LINE", "SMS"],
        language="EN_US",
        display_name="Zoë",
        email="zoe@example.com",
        external_id="x1",
        metadata="m",
    )
    assert ULID.fullmatch(made.id)
    got = sinch.get(made.id)
    assert got == made
    assert [(each.channel, each.identity, each.app_id) for each in got.channel_identities] == [
        ("SMS", "12015550001", ""),
        ("LINE", "line-1", "app"),
    ]
    assert (got.channel_priority, got.language, got.display_name) == (["LINE", "SMS"], "EN_US", "Zoë")
    assert (got.email, got.external_id, got.metadata) == ("zoe@example.com", "x1", "m")


def test_sinch_lists_in_pages(sinch: Any) -> None:
    ids = created(sinch, *range(1, 6))
    first = sinch.list(page_size=2)
    assert (len(first.content()), first.has_next_page) == (2, True)
    assert [contact.id for contact in sinch.list(page_size=2).iterator()] == ids
    assert [contact.id for contact in sinch.list().iterator()] == ids
    last = first.next_page().next_page()
    assert ([contact.id for contact in last.content()], last.has_next_page) == ([ids[-1]], False)
    assert last.next_page() is None


def test_sinch_lists_what_it_looks_for(sinch: Any) -> None:
    (wanted,) = created(sinch, 1, external_id="x1")
    created(sinch, 2)
    assert [contact.id for contact in sinch.list(external_id="x1").content()] == [wanted]
    assert [contact.id for contact in sinch.list(channel="SMS", identity="+12015550001").content()] == [wanted]
    assert sinch.list(external_id="x2").content() == []


def test_sinch_is_told_what_is_wrong(sinch: Any) -> None:
    for call, status, text in (
        (lambda: sinch.create(channel_identities=[sms(1)], language="KLINGON"), 400, "INVALID_ARGUMENT"),
        (lambda: sinch.create(channel_identities=[], language="EN_US"), 400, "INVALID_ARGUMENT"),
        (lambda: sinch.get("01W4FFL35P4NC4K35C0NTACT01"), 404, "contact not found  NOT_FOUND"),
        (lambda: sinch.list(channel="SMS"), 400, "INVALID_ARGUMENT"),
    ):
        with pytest.raises(ConversationException) as refused:
            call()
        assert (refused.value.response_status_code, text in str(refused.value)) == (status, True)


def test_sinch_fetches_a_token_anew_when_it_has_run_out() -> None:
    with serve("sinch", faults={"sinch": {"token_calls": 2}}) as mock:
        contacts = sinch_client(mock).conversation.contacts
        assert len(set(created(contacts, *range(1, 6)))) == 5
        assert mock.stores["sinch"].answers == {200: 5 + 3, 401: 2}  # three of them are tokens


def test_sinch_is_refused_with_a_wrong_secret() -> None:
    with serve("sinch") as mock, pytest.raises(AuthenticationException):
        created(sinch_client(mock, key_secret="wrong").conversation.contacts, 1)


def test_sinch_takes_the_signature_of_a_webhook() -> None:
    with VendorServer(in_turn(raw(b""))) as receiver:
        webhook = {"target": f"{receiver.url}/hook", "secret": SECRET}
        with serve("sinch", faults={"sinch": {"webhook": webhook}}) as mock:
            client = sinch_client(mock)
            (contact_id,) = created(client.conversation.contacts, 1, display_name="Zoë")
            (call,) = delivered(mock, receiver)
    events = client.conversation.sinch_events(SECRET)
    assert events.validate_authentication_header(call.headers, call.body)
    event = events.parse_event(call.body, call.headers)
    assert event.project_id == "mock-project"
    assert event.contact_create_notification["contact"]["id"] == contact_id
    assert not client.conversation.sinch_events("another").validate_authentication_header(call.headers, call.body)
    assert not events.validate_authentication_header(call.headers, call.body.replace(b"Zo", b"zo"))


def delivered(mock: MockServer, receiver: VendorServer) -> list[Call]:
    """The webhooks that came, once none is on its way."""
    vendor = mock.vendors["sinch"]
    assert isinstance(vendor, Sinch)
    while vendor.announcements.pending:
        time.sleep(0.005)
    return receiver.calls


@pytest.fixture
def pymarsys() -> Iterator[Any]:
    known = credentials_environment("emarsys")
    with serve("emarsys") as mock:
        yield Emarsys(SyncConnection(known["EMARSYS_USERNAME"], known["EMARSYS_SECRET"], f"{mock.url}/"))


def data(reply: Any) -> Any:
    """What a reply that calls itself a success holds."""
    assert (reply["replyCode"], reply["replyText"]) == (0, "OK")
    return reply["data"]


def test_pymarsys_creates_contacts_and_finds_their_ids(pymarsys: Any) -> None:
    ada, bob = {3: "ada@example.com", 2: "Lovelace"}, {3: "bob@example.com", 2: "Stone"}
    ids = data(pymarsys.contacts.create_many([ada, bob], key_id=3))["ids"]
    assert len(set(ids)) == 2
    again = data(pymarsys.contacts.create_many([bob]))
    assert again["ids"] == [] and list(again["errors"]) == ["bob@example.com"]
    found = data(pymarsys.contacts.check_ids(3, ["ada@example.com", "bob@example.com", "eve@example.com"]))
    assert found["ids"] == {"ada@example.com": str(ids[0]), "bob@example.com": str(ids[1])}
    assert list(found["errors"]) == ["eve@example.com"]


def test_pymarsys_is_refused_with_a_wrong_secret() -> None:
    with serve("emarsys") as mock:
        contacts = Emarsys(SyncConnection("mock-user", "wrong", f"{mock.url}/")).contacts
        with pytest.raises(requests.HTTPError, match="401"):
            contacts.create_many([{3: "ada@example.com"}])
