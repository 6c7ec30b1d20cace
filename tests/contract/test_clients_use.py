"""Single calls as they are used: pages, threads, awaits, the generated client by hand, endpoints by service."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from headcount.auth import BearerKey, ClientCredentials, Secret, Wsse
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.errors import CredentialsError, RetryLaterError, UnknownOutcomeError, UsageError
from headcount.mock import serve
from headcount_api.clients.emarsys import models as emarsys
from headcount_api.clients.pabbly_chatflow import models as pabbly
from headcount_api.clients.pabbly_chatflow.api.contacts import create_contacts, list_contacts
from headcount_api.clients.sinch_batch.models import DeleteContactsRequest
from headcount_api.clients.sinch_conversation import models as conversation
from headcount_api.clients.sinch_conversation.api.contacts import get_contact
from headcount_api.clients.sinch_conversation.types import UNSET
from tests.contract.harness import destination
from tests.contract.vendor_server import Call, VendorServer, a_token, in_turn, raw, says


def sinch_contact(number: int) -> conversation.Contact:
    identity = conversation.ChannelIdentity(channel="SMS", identity=f"+4479460{number:05}")
    return conversation.Contact([identity], "EN_GB")


def account(vendor: str, url: str) -> Any:
    return destination(vendor, url)


# Pages


def test_the_pages_of_every_list_are_turned_called_and_awaited() -> None:
    async def awaited(iteration: Any) -> list[Any]:
        return [each async for each in iteration]

    with serve("sinch", "pabbly", "emarsys") as mock:
        sinch, pabbly_account, emarsys_account = (account(each, mock.url) for each in ("sinch", "pabbly", "emarsys"))
        with sinch.client() as api, pabbly_account.client() as chat, emarsys_account.client() as mail:
            ids = [api.conversation.create_contact(sinch_contact(number)).id for number in range(25)]
            # A number that two contacts have is a conflict.
            api.conversation.create_contact(sinch_contact(0))
            mobiles = [f"4479460{number:05}" for number in range(60)]
            chat.create_contacts([pabbly.Contact(mobile=mobile) for mobile in mobiles])
            people = [{"3": f"p{number}@example.com", "1": "odd" if number % 2 else "even"} for number in range(25)]
            made = mail.create_contacts(emarsys.CreateContactsRequest.from_dict({"key_id": "3", "contacts": people}))
            new = {"name": "all", "key_id": "3", "external_ids": [each["3"] for each in people]}
            listed = mail.create_contact_list(emarsys.CreateContactListRequest.from_dict(new)).data.id

            def walk(api: Any, chat: Any, mail: Any) -> list[Any]:
                return [
                    api.conversation.iterate_contacts(page_size=7),
                    api.conversation.iterate_identity_conflicts(page_size=1),
                    chat.iterate_contacts(order=-1),
                    mail.iterate_query(3, limit=7),
                    mail.iterate_query(3, filters={1: "odd"}, limit=7),
                    mail.iterate_contacts_in_list(int(listed), top=7),
                ]

            called = [list(each) for each in walk(api, chat, mail)]

        async def main() -> list[Any]:
            async with (
                sinch.async_client() as api,
                pabbly_account.async_client() as chat,
                emarsys_account.async_client() as mail,
            ):
                return [await awaited(each) for each in walk(api, chat, mail)]

        assert asyncio.run(main()) == called
    contacts, conflicts, chat_contacts, everyone, odd, members = called
    assert {each.id for each in contacts} >= set(ids) and len(contacts) == 26
    assert [each.identity.removeprefix("+") for each in conflicts] == ["447946000000"]
    assert [each.mobile for each in chat_contacts] == mobiles[::-1]
    assert sorted(each["3"] for each in everyone) == sorted(each["3"] for each in people)
    assert sorted(each["3"] for each in odd) == sorted(each["3"] for each in people if each["1"] == "odd")
    assert {str(each) for each in members} == {str(each) for each in made.data.ids}


@pytest.mark.parametrize("awaited", [False, True])
def test_what_a_list_is_narrowed_by_reaches_the_vendor(awaited: bool) -> None:
    asked: dict[str, Any] = {"mobile": "44794", "name": "Ada", "tags": "vip,new", "order": -1, "source": "api"}
    flags = {"optin": True, "incoming_blocked": False}
    empty = {"status": "success", "data": {"contacts": []}}

    async def drained(vendor: Any) -> None:
        async with vendor.async_client() as api:
            assert [each async for each in api.iterate_contacts(**asked, **flags)] == []

    with VendorServer(in_turn(says(empty))) as server:
        if awaited:
            asyncio.run(drained(account("pabbly", server.url)))
        else:
            with account("pabbly", server.url).client() as api:
                assert list(api.iterate_contacts(**asked, **flags)) == []
        (call,) = server.calls
    expected = asked | {"order": "-1", "optin": "true", "incomingBlocked": "false", "page": "1"}
    assert call.query == {name: [value] for name, value in expected.items()}


def test_a_page_is_fetched_when_it_is_needed() -> None:
    with serve("sinch") as mock, account("sinch", mock.url).client() as api:
        for number in range(6):
            api.conversation.create_contact(sinch_contact(number))
        before = sum(mock.stores["sinch"].answers.values())
        iteration = api.conversation.iterate_contacts(page_size=2)
        assert sum(mock.stores["sinch"].answers.values()) == before
        next(iteration), next(iteration)
        assert sum(mock.stores["sinch"].answers.values()) == before + 1


@pytest.mark.parametrize(
    ("vendor", "reply", "iterate"),
    [
        ("sinch", {"contacts": [{"id": "1"}], "next_page_token": "a"}, lambda api: api.conversation.iterate_contacts()),
        ("pabbly", {"status": "success", "data": {"contacts": [{"_id": "1"}]}}, lambda api: api.iterate_contacts()),
        (
            "emarsys",
            {"replyCode": 0, "data": {"errors": [], "result": [{"id": 1, "3": "x"}]}},
            lambda api: api.iterate_query(3),
        ),
        ("emarsys", {"value": [1], "next": "/contactlist/1/contactIds"}, lambda api: api.iterate_contacts_in_list(1)),
        ("emarsys", {"value": [1], "next": "?$skiptoken=x"}, lambda api: api.iterate_contacts_in_list(1)),
        ("emarsys", {"value": [1], "next": "?$skiptoken=-1"}, lambda api: api.iterate_contacts_in_list(1)),
    ],
)
def test_a_list_that_does_not_go_on_ends_in_an_error(vendor: str, reply: object, iterate: Any) -> None:
    with VendorServer(in_turn(says(reply))) as server, account(vendor, server.url).client() as api:
        with pytest.raises(RetryLaterError, match="does not go on"):
            list(iterate(api))
        assert len(server.calls) <= 3


# Threads and awaits


def test_one_client_serves_several_threads() -> None:
    with serve("sinch") as mock, account("sinch", mock.url).client() as api, ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: api.conversation.create_contact(sinch_contact(number)).id, range(40)))
        assert len(set(made)) == 40
        assert list(threads.map(lambda each: api.conversation.get_contact(each).id, made)) == made


def test_awaits_run_side_by_side() -> None:
    meeting = threading.Barrier(4, timeout=10)

    def answer(call: Call) -> bytes:
        meeting.wait()  # each call is answered when all have come
        return says({"status": "success", "data": {"contacts": []}})

    async def main(url: str) -> list[Any]:
        async with account("pabbly", url).async_client() as api:
            return await asyncio.gather(*(api.list_contacts() for _ in range(4)))

    with VendorServer(answer) as server:
        assert len(asyncio.run(main(server.url))) == 4


def test_a_cancelled_await_does_not_take_the_call_back() -> None:
    arrived, let_go, done = threading.Event(), threading.Event(), threading.Event()

    def answer(call: Call) -> bytes:
        arrived.set()
        let_go.wait(10)
        done.set()
        return says({"status": "success", "data": {"createdContacts": []}})

    async def main(url: str) -> None:
        async with account("pabbly", url).async_client() as api:
            call = asyncio.create_task(api.create_contacts(pabbly.Contact(mobile="447946000001")))
            await asyncio.to_thread(arrived.wait, 10)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            let_go.set()
            assert await asyncio.to_thread(done.wait, 10)

    with VendorServer(answer) as server:
        asyncio.run(main(server.url))
        assert len(server.calls) == 1


def test_an_await_that_is_cancelled_before_its_turn_sends_nothing() -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def answer(call: Call) -> bytes:
        arrived.set()
        let_go.wait(10)
        return says({"status": "success", "data": {"contacts": []}})

    async def main(url: str) -> None:
        one_at_a_time = Pabbly(auth=BearerKey(Secret("mock-key")), endpoint=url)
        one_at_a_time.concurrency = 1
        async with one_at_a_time.async_client() as api:
            first = asyncio.create_task(api.list_contacts(name="first"))
            await asyncio.to_thread(arrived.wait, 10)
            second = asyncio.create_task(api.list_contacts(name="second"))
            await asyncio.sleep(0)
            second.cancel()
            late = asyncio.create_task(api.list_contacts(name="late", timeout=0.05))
            await asyncio.sleep(0.1)
            let_go.set()
            await first
            with pytest.raises(RetryLaterError, match="no time left"):
                await late

    with VendorServer(answer) as server:
        asyncio.run(main(server.url))
        assert [call.query["name"] for call in server.calls] == [["first"]]


@pytest.mark.parametrize("write", [False, True])
def test_closing_ends_what_is_under_way(write: bool) -> None:
    arrived, let_go, gave_up = threading.Event(), threading.Event(), threading.Event()

    def answer(call: Call) -> bytes:
        arrived.set()
        if not let_go.wait(10):
            gave_up.set()
        return b""

    async def main(url: str) -> None:
        api = account("pabbly", url).async_client(timeout=600)
        call = api.create_contacts(pabbly.Contact(mobile="447946000001")) if write else api.list_contacts()
        task = asyncio.create_task(call)
        await asyncio.to_thread(arrived.wait, 10)
        await api.aclose()
        with pytest.raises(UnknownOutcomeError if write else RetryLaterError):
            await task
        assert not gave_up.is_set()
        with pytest.raises(UsageError, match="closed"):
            await api.list_contacts()

    with VendorServer(answer) as server:
        asyncio.run(main(server.url))
        let_go.set()


# The generated client by hand


def test_generated_functions_work_by_hand_with_the_clients_connection() -> None:
    with serve("pabbly") as mock:
        with account("pabbly", mock.url).client() as api:
            made = create_contacts.sync_detailed(client=api.raw, body=[pabbly.Contact(mobile="447946000001")])
            assert made.status_code == 200
            page = list_contacts.sync(client=api.raw, mobile="447946000001")
            assert isinstance(page, pabbly.ListContactsReply) and page.data and page.data.contacts
            assert [each.mobile for each in page.data.contacts] == ["447946000001"]
            # Statuses are the caller's to read; what a copy of the client changes leaves its connection alone.
            impatient = api.raw.with_timeout(httpx.Timeout(5))
            assert list_contacts.sync_detailed(client=impatient, page=0).status_code == 400
            assert "mock-key" not in repr(api.raw)

        async def main() -> Any:
            async with account("pabbly", mock.url).async_client() as api:
                return await list_contacts.asyncio(client=api.raw)

        assert len(asyncio.run(main()).data.contacts) == 1


def test_by_hand_too_the_token_is_renewed_redirects_are_not_followed_and_time_runs_out() -> None:
    def by_hand(server: VendorServer, **how: Any) -> Any:
        with account("sinch", server.url).client(**how) as api:
            return get_contact.sync_detailed("p", "1", client=api.conversation.raw)

    tokens = in_turn(a_token("first"), a_token("second"))
    with VendorServer(in_turn(says({}, 401), says({"id": "1"})), token=tokens) as server:
        assert by_hand(server).parsed.id == "1"
    with VendorServer(in_turn(raw("", 302, location="/elsewhere"))) as server:
        assert by_hand(server).status_code == 302
        assert len(server.calls) == 1

    def silence(call: Call) -> bytes:
        time.sleep(1)
        return b""

    with VendorServer(silence) as server, pytest.raises(RetryLaterError):
        by_hand(server, timeout=0.3)
    with VendorServer(silence) as server, account("pabbly", server.url).client(timeout=600) as api:
        hurried = api.raw.with_timeout(httpx.Timeout(0.3))
        with pytest.raises(RetryLaterError, match="in time"):
            list_contacts.sync(client=hurried)


# Where it goes


def test_each_service_has_the_address_that_it_is_given() -> None:
    found = says({"id": "1"})
    with (
        VendorServer(in_turn(found)) as conversation_server,
        VendorServer(in_turn(raw(""))) as batch_server,
        VendorServer(in_turn(raw("")), token=in_turn(a_token("t"))) as auth_server,
    ):
        endpoint = {"conversation": conversation_server.url, "batch": batch_server.url}
        auth = ClientCredentials(auth_server.token_url, "id", Secret("secret"))
        with Sinch(auth=auth, project_id="our-project", endpoint=endpoint).client() as api:
            api.conversation.get_contact("01HC0NTACT0000000000000001")
            api.batch.delete_contacts(_ids("01HC0NTACT0000000000000001"))
        assert [call.path for call in conversation_server.calls] == [
            "/v1/projects/our-project/contacts/01HC0NTACT0000000000000001"
        ]
        assert [(call.method, call.path) for call in batch_server.calls] == [
            ("DELETE", "/v1/projects/our-project/contacts")
        ]
        assert len(auth_server.token_calls) == 1


def _ids(*ids: str) -> Any:
    return DeleteContactsRequest(contact_ids=list(ids))


def test_version_2_of_emarsys_is_called_with_wsse() -> None:
    reply = says({"replyCode": 0, "replyText": "OK", "data": []})
    with VendorServer(in_turn(reply)) as server:
        with Emarsys(auth=Wsse("user", Secret("secret-of-wsse")), endpoint=server.url).client() as api:
            assert api.list_contact_lists().data == []
        (call,) = server.calls
        assert call.path == "/api/v2/contactlist" and call.headers["x-wsse"].startswith("UsernameToken ")


def test_a_query_is_written_as_the_vendor_reads_it() -> None:
    with VendorServer(in_turn(says({"status": "success", "data": {"contacts": []}}))) as server:
        with account("pabbly", server.url).client() as api:
            api.list_contacts(optin=True, incoming_blocked=False, name="A&B =+é/", page=2)
        assert server.calls[0].query == {
            "optin": ["true"],
            "incomingBlocked": ["false"],
            "name": ["A&B =+é/"],
            "page": ["2"],
        }
        assert (server.calls[0].path, server.calls[0].method, server.calls[0].body) == ("/api/v1/contacts/", "GET", b"")


def test_what_is_unset_is_not_sent() -> None:
    with VendorServer(in_turn(says({"id": "1"}))) as server, account("sinch", server.url).client() as api:
        api.conversation.create_contact(
            conversation.Contact(
                [conversation.ChannelIdentity(channel="SMS", identity="+447946000001")], "EN_GB", email=UNSET
            )
        )
        assert set(server.calls[0].json) == {"channel_identities", "language"}
        assert server.calls[0].headers["content-type"] == "application/json"


def test_wrong_credentials_are_not_shown() -> None:
    with serve("pabbly") as mock:
        wrong = Pabbly(auth=BearerKey(Secret("canary-of-a-key")), endpoint=mock.url)
        with wrong.client() as api, pytest.raises(CredentialsError) as raised:
            api.list_tags()
    assert "canary" not in repr(raised.value)
