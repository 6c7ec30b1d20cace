"""Clients that nobody here wrote work with the mocks over real sockets: the vendor's own `sinch`, and `pymarsys`."""

from __future__ import annotations

import re
import time
from collections import Counter
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
APP = "01EB37HMH1M6SV18BSNS3G135H"
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


def test_sinch_updates_what_is_given_and_nothing_else(sinch: Any) -> None:
    (contact_id,) = created(sinch, 1, display_name="Zoe", email="zoe@example.com", metadata="m")
    updated = sinch.update(contact_id, display_name="Zoë", email="")
    assert (updated.display_name, updated.email, updated.metadata) == ("Zoë", "", "m")
    assert sinch.get(contact_id) == updated
    moved = sinch.update(contact_id, channel_identities=[sms(2)], language="FR")
    assert ([each.identity for each in moved.channel_identities], moved.language) == (["12015550002"], "FR")
    assert sinch.list(channel="SMS", identity="+12015550001").content() == []


def test_sinch_deletes_a_contact(sinch: Any) -> None:
    first, second = created(sinch, 1, 2)
    assert sinch.delete(first) is None
    assert [contact.id for contact in sinch.list().iterator()] == [second]
    for call in (sinch.get, sinch.delete):
        with pytest.raises(ConversationException, match="NOT_FOUND"):
            call(first)


def test_sinch_merges_two_contacts(sinch: Any) -> None:
    (kept,) = created(sinch, 1, display_name="Ada")
    line = {"channel": "LINE", "identity": "line-2", "app_id": "app"}
    other = sinch.create(channel_identities=[sms(2), line], language="FR", email="ada@example.com").id
    merged = sinch.merge_contact(kept, other)
    assert (merged.id, merged.display_name, merged.email) == (kept, "Ada", "ada@example.com")
    assert [(each.channel, each.identity) for each in merged.channel_identities] == [
        ("SMS", "12015550001"),
        ("LINE", "line-2"),
    ]
    with pytest.raises(ConversationException, match="NOT_FOUND"):
        sinch.get(other)


def test_sinch_asks_for_a_profile_in_each_of_its_ways(sinch: Any) -> None:
    line = {"channel": "LINE", "identity": "line-1", "app_id": APP}
    contact_id = sinch.create(channel_identities=[line], language="EN_US", display_name="Zoë").id
    recipient = {"channel": "LINE", "identity": "line-1"}
    by_id = sinch.get_channel_profile_by_contact_id(APP, "LINE", contact_id)
    by_identity = sinch.get_channel_profile_by_channel_identity(APP, "LINE", [recipient])
    assert by_id.profile_name and by_id == by_identity
    assert sinch.get_channel_profile(APP, "LINE", {"contact_id": contact_id}) == by_id


def test_sinch_lists_numbers_that_several_contacts_have(sinch: Any) -> None:
    first, second, third = created(sinch, 1, 1, 2)
    fourth = sinch.create(channel_identities=[{**sms(2), "channel": "MMS"}], language="EN_US").id
    found = {each.identity: set(each.contact_ids) for each in sinch.list_identity_conflicts(page_size=1).iterator()}
    assert found == {"12015550001": {first, second}, "12015550002": {third, fourth}}


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


def test_sinch_takes_the_signatures_of_webhooks() -> None:
    with VendorServer(in_turn(raw(b""))) as receiver:
        webhook = {"target": f"{receiver.url}/hook", "secret": SECRET}
        with serve("sinch", faults={"sinch": {"webhook": webhook}}) as mock:
            client = sinch_client(mock)
            contacts = client.conversation.contacts
            kept, merged, deleted = created(contacts, 1, 2, 3, display_name="Zoë")
            contacts.update(kept, email="zoe@example.com")
            contacts.merge_contact(kept, merged)
            contacts.delete(deleted)
            calls = delivered(mock, receiver)
    events = client.conversation.sinch_events(SECRET)
    told = Counter[str]()
    for call in calls:
        assert events.validate_authentication_header(call.headers, call.body)
        assert not client.conversation.sinch_events("another").validate_authentication_header(call.headers, call.body)
        assert not events.validate_authentication_header(call.headers, call.body.replace(b"Zo", b"zo"))
        event = events.parse_event(call.body, call.headers)
        assert event.project_id == "mock-project"
        told.update(name for name in event.model_extra if name.endswith("_notification"))
    assert told == {
        "contact_create_notification": 3,
        "contact_update_notification": 1,
        "contact_merge_notification": 1,
        "contact_delete_notification": 1,
    }


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


def refused(reply: Any) -> int:
    """The code of a refusal inside a success, which this client takes for one."""
    assert (reply["data"], reply["replyText"] == "OK") == ("", False)
    return int(reply["replyCode"])


def test_pymarsys_creates_one_contact(pymarsys: Any) -> None:
    ada = {3: "ada@example.com", 2: "Lovelace"}
    contact_id = data(pymarsys.contacts.create(ada))["id"]
    assert data(pymarsys.contacts.check_ids(3, ["ada@example.com"]))["ids"] == {"ada@example.com": str(contact_id)}
    assert refused(pymarsys.contacts.create(ada)) == 2009


def test_pymarsys_reads_what_it_wrote(pymarsys: Any) -> None:
    data(pymarsys.contacts.create_many([{3: "ada@example.com", 1: "Ada"}, {3: "bob@example.com", 1: "Bob"}], key_id=3))
    got = data(pymarsys.contacts.get_data(3, ["ada@example.com", "eve@example.com"], [1, 3]))
    assert [(each["1"], each["3"]) for each in got["result"]] == [("Ada", "ada@example.com")]
    assert len(got["errors"]) == 1
    found = data(pymarsys.contacts.query(1, (3, "bob@example.com")))
    assert [each["1"] for each in found["result"]] == ["Bob"]
    page = data(pymarsys.contacts.query(3, limit=1, offset=1))
    assert [each["3"] for each in page["result"]] == ["bob@example.com"]


def test_pymarsys_updates_and_upserts(pymarsys: Any) -> None:
    contacts = pymarsys.contacts
    made = data(contacts.create({3: "ada@example.com", 1: "Ada"}))["id"]
    assert str(data(contacts.update({3: "ada@example.com", 1: "Augusta"}, key_id=3))["id"]) == str(made)
    assert refused(contacts.update({3: "bob@example.com", 1: "Bob"}, key_id=3)) == 2008
    assert data(contacts.update({3: "bob@example.com", 1: "Bob"}, key_id=3, upsert=True))["id"]
    people = [{3: name, 1: "X"} for name in ("ada@example.com", "eve@example.com")]
    updated = data(contacts.update_many(3, people))
    assert (len(updated["ids"]), list(updated["errors"])) == (1, ["eve@example.com"])
    assert len(data(contacts.update_many(3, people, upsert=True))["ids"]) == 2
    got = data(contacts.get_data(3, ["ada@example.com", "bob@example.com", "eve@example.com"], [1]))["result"]
    assert [each["1"] for each in got] == ["X", "Bob", "X"]


def test_pymarsys_deletes_a_contact(pymarsys: Any) -> None:
    data(pymarsys.contacts.create({3: "ada@example.com"}))
    data(pymarsys.contacts.delete({3: "ada@example.com"}, key_id=3))
    assert refused(pymarsys.contacts.delete({3: "ada@example.com"}, key_id=3)) == 2008
    assert list(data(pymarsys.contacts.check_ids(3, ["ada@example.com"]))["errors"]) == ["ada@example.com"]


def test_pymarsys_lists_fields_and_their_choices(pymarsys: Any) -> None:
    fields = {str(each["id"]): each for each in data(pymarsys.contact_fields.list())}
    assert "e-mail" in fields["3"]["name"].lower().replace("email", "e-mail")
    assert {str(each["id"]) for each in data(pymarsys.contact_fields.list(translate_id="en"))} == set(fields)
    assert {str(each["id"]) for each in data(pymarsys.contact_fields.list_choice(31))} >= {"1", "2"}


def test_pymarsys_is_told_of_calls_that_are_not_in_the_spec(pymarsys: Any) -> None:
    """Histories, new fields, and a look-up whose parameter has the key field for its name: getContactId has it in the
    path."""
    for call in (
        lambda: pymarsys.contacts.get_internal_id(3, "ada@example.com"),
        lambda: pymarsys.contacts.get_history([1]),
        lambda: pymarsys.contact_fields.create("Shoe size", "shorttext"),
        lambda: pymarsys.contact_fields.last_change(3, "ada@example.com", 31),
    ):
        with pytest.raises(requests.HTTPError, match=r"40[045]"):
            call()


def test_pymarsys_is_refused_with_a_wrong_secret() -> None:
    with serve("emarsys") as mock:
        contacts = Emarsys(SyncConnection("mock-user", "wrong", f"{mock.url}/")).contacts
        with pytest.raises(requests.HTTPError, match="401"):
            contacts.create_many([{3: "ada@example.com"}])
