"""Single calls to Pabbly Chatflow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from headcount.clients.connection import AsyncCalls, AsyncClient, AsyncConnection, Calls, Client, Connection, Service
from headcount.clients.pages import Paging, aevery, every
from headcount.clients.raw import raw_client
from headcount_api.clients.pabbly_chatflow.api import AsyncOperations, Operations
from headcount_api.clients.pabbly_chatflow.client import AuthenticatedClient
from headcount_api.clients.pabbly_chatflow.models import (
    ListContactsOrder,
    ListContactsReply,
    ListContactsSource,
    StoredContact,
)
from headcount_api.clients.pabbly_chatflow.types import UNSET, Unset


def _contacts(page: ListContactsReply) -> Sequence[StoredContact]:
    return (page.data and page.data.contacts) or ()


def _next_page(number: int, page: ListContactsReply) -> int | None:
    # How long a full page is, is the vendor's to say; an empty one is the end by any reading.
    return number + 1 if _contacts(page) else None


_CONTACTS = Paging(1, _contacts, _next_page)


class PabblyClient(Operations, Client):
    """The calls of a Pabbly Chatflow account. A refusal inside a 200 raises like any other.

    `raw` is the generated client, authorized, for the functions in `headcount_api.clients.pabbly_chatflow.api`.
    """

    def __init__(self, connection: Connection, service: Service) -> None:
        Operations.__init__(self, Calls(connection, service))
        Client.__init__(self, connection)
        self.raw = raw_client(AuthenticatedClient, connection, service)

    def iterate_contacts(
        self,
        *,
        mobile: str | Unset = UNSET,
        name: str | Unset = UNSET,
        tags: str | Unset = UNSET,
        order: ListContactsOrder | Unset = UNSET,
        optin: bool | Unset = UNSET,
        incoming_blocked: bool | Unset = UNSET,
        source: ListContactsSource | Unset = UNSET,
        timeout: float | None = None,
    ) -> Iterator[StoredContact]:
        """Every contact that `list_contacts` has, or those that it finds; `timeout` in seconds is a page's."""
        return every(
            _CONTACTS,
            lambda page: self.list_contacts(
                mobile=mobile,
                name=name,
                tags=tags,
                order=order,
                optin=optin,
                incoming_blocked=incoming_blocked,
                source=source,
                page=page,
                timeout=timeout,
            ),
        )


class AsyncPabblyClient(AsyncOperations, AsyncClient):
    """The same, awaited."""

    def __init__(self, connection: AsyncConnection, service: Service) -> None:
        AsyncOperations.__init__(self, AsyncCalls(connection, service))
        AsyncClient.__init__(self, connection)
        self.raw = raw_client(AuthenticatedClient, connection, service)

    def iterate_contacts(
        self,
        *,
        mobile: str | Unset = UNSET,
        name: str | Unset = UNSET,
        tags: str | Unset = UNSET,
        order: ListContactsOrder | Unset = UNSET,
        optin: bool | Unset = UNSET,
        incoming_blocked: bool | Unset = UNSET,
        source: ListContactsSource | Unset = UNSET,
        timeout: float | None = None,
    ) -> AsyncIterator[StoredContact]:
        """Every contact that `list_contacts` has, or those that it finds; `timeout` in seconds is a page's."""
        return aevery(
            _CONTACTS,
            lambda page: self.list_contacts(
                mobile=mobile,
                name=name,
                tags=tags,
                order=order,
                optin=optin,
                incoming_blocked=incoming_blocked,
                source=source,
                page=page,
                timeout=timeout,
            ),
        )
