"""Not run: what a type checker is to know of single calls. An ignore that nothing needs is an error of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.errors import NotFoundError, RetryLaterError
from headcount.outcome import Problem
from headcount_api.clients.emarsys import models as emarsys
from headcount_api.clients.emarsys.client import AuthenticatedClient
from headcount_api.clients.pabbly_chatflow import models as pabbly
from headcount_api.clients.sinch_conversation import models as conversation
from headcount_api.clients.sinch_conversation.types import Unset


def called(mail: Emarsys, chat: Pabbly, sinch: Sinch) -> None:
    with mail.client(timeout=5) as api:
        reply = api.check_contact_ids(emarsys.CheckContactIdsRequest(key_id="3", external_ids=["a"]), timeout=1.5)
        assert_type(reply, emarsys.CheckContactIdsReply)
        assert_type(api.iterate_contacts_in_list(1), Iterator[int | str])
        assert_type(api.raw, AuthenticatedClient)
        api.check_contact_ids(emarsys.Contact())  # type: ignore[arg-type]
        api.check_contact_ids()  # type: ignore[call-arg]
        api.no_such_call()  # type: ignore[attr-defined]
    with chat.client() as contacts:
        assert_type(contacts.create_contacts([pabbly.Contact(mobile="1")]), pabbly.CreateContactsReply)
        contacts.create_contacts([], on_duplicate="merge")  # type: ignore[arg-type]
    with sinch.client() as project:
        contact = project.conversation.get_contact("1")
        assert_type(contact, conversation.StoredContact)
        assert_type(contact.display_name, str | Unset)
        assert_type(project.conversation.iterate_contacts(), Iterator[conversation.StoredContact])
        print(project.conversation.delete_contact("1"))  # type: ignore[func-returns-value]
        project.conversation.get_contact("1", project_id="p")  # type: ignore[call-arg]


async def awaited(mail: Emarsys, sinch: Sinch) -> None:
    async with sinch.async_client() as project:
        assert_type(await project.conversation.get_contact("1"), conversation.StoredContact)
        assert_type(project.conversation.iterate_contacts(), AsyncIterator[conversation.StoredContact])
    async with mail.async_client() as api:
        assert_type(await api.list_fields(), emarsys.ListFieldsReply)
        print(api.list_fields().data)  # type: ignore[attr-defined]


def failed(error: RetryLaterError | NotFoundError) -> None:
    assert_type(error.problem, Problem)
    if isinstance(error, RetryLaterError):
        assert_type(error.wait, float | None)
