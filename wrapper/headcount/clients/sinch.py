"""Single calls to Sinch: the batch service and the Conversation service of one project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from headcount.clients.connection import AsyncCalls, AsyncClient, AsyncConnection, Calls, Client, Connection, Service
from headcount.clients.pages import Paging, aevery, every
from headcount.clients.raw import raw_client
from headcount_api.clients.sinch_batch import api as batch
from headcount_api.clients.sinch_batch.client import AuthenticatedClient as BatchClient
from headcount_api.clients.sinch_conversation import api as conversation
from headcount_api.clients.sinch_conversation.client import AuthenticatedClient as ConversationClient
from headcount_api.clients.sinch_conversation.models import (
    Channel,
    ContactList,
    IdentityConflict,
    IdentityConflictList,
    StoredContact,
)
from headcount_api.clients.sinch_conversation.types import UNSET, Unset

_Token = str | Unset


def _next_token(token: _Token, page: ContactList | IdentityConflictList) -> _Token | None:
    return page.next_page_token or None


_CONTACTS: Paging[_Token, ContactList, StoredContact] = Paging(UNSET, lambda page: page.contacts or (), _next_token)
_CONFLICTS: Paging[_Token, IdentityConflictList, IdentityConflict] = Paging(
    UNSET, lambda page: page.conflicts or (), _next_token
)


class SinchBatch(batch.Operations):
    """The batch service, which takes contacts and works on them later."""

    def __init__(self, connection: Connection, service: Service, project_id: str) -> None:
        super().__init__(Calls(connection, service), project_id=project_id)
        self.raw = raw_client(BatchClient, connection, service)


class SinchConversation(conversation.Operations):
    """The Conversation service, one contact a call."""

    def __init__(self, connection: Connection, service: Service, project_id: str) -> None:
        super().__init__(Calls(connection, service), project_id=project_id)
        self.raw = raw_client(ConversationClient, connection, service)

    def iterate_contacts(
        self,
        *,
        page_size: int | Unset = UNSET,
        external_id: str | Unset = UNSET,
        channel: Channel | Unset = UNSET,
        identity: str | Unset = UNSET,
        timeout: float | None = None,
    ) -> Iterator[StoredContact]:
        """Every contact that `list_contacts` has, or those that it finds; `timeout` in seconds is a page's."""
        return every(
            _CONTACTS,
            lambda token: self.list_contacts(
                page_size=page_size,
                page_token=token,
                external_id=external_id,
                channel=channel,
                identity=identity,
                timeout=timeout,
            ),
        )

    def iterate_identity_conflicts(
        self, *, page_size: int | Unset = UNSET, timeout: float | None = None
    ) -> Iterator[IdentityConflict]:
        """Every conflict that `list_identity_conflicts` has; `timeout` in seconds is a page's."""
        return every(
            _CONFLICTS,
            lambda token: self.list_identity_conflicts(page_size=page_size, page_token=token, timeout=timeout),
        )


class SinchClient(Client):
    """The calls of a Sinch project, by service. The `raw` of each is the generated client, authorized, for the
    functions in `headcount_api.clients.sinch_batch.api` and `headcount_api.clients.sinch_conversation.api`.
    """

    def __init__(self, connection: Connection, batch: Service, conversation: Service, project_id: str) -> None:
        super().__init__(connection)
        self.batch = SinchBatch(connection, batch, project_id)
        self.conversation = SinchConversation(connection, conversation, project_id)


class AsyncSinchBatch(batch.AsyncOperations):
    """The batch service, awaited."""

    def __init__(self, connection: AsyncConnection, service: Service, project_id: str) -> None:
        super().__init__(AsyncCalls(connection, service), project_id=project_id)
        self.raw = raw_client(BatchClient, connection, service)


class AsyncSinchConversation(conversation.AsyncOperations):
    """The Conversation service, awaited."""

    def __init__(self, connection: AsyncConnection, service: Service, project_id: str) -> None:
        super().__init__(AsyncCalls(connection, service), project_id=project_id)
        self.raw = raw_client(ConversationClient, connection, service)

    def iterate_contacts(
        self,
        *,
        page_size: int | Unset = UNSET,
        external_id: str | Unset = UNSET,
        channel: Channel | Unset = UNSET,
        identity: str | Unset = UNSET,
        timeout: float | None = None,
    ) -> AsyncIterator[StoredContact]:
        """Every contact that `list_contacts` has, or those that it finds; `timeout` in seconds is a page's."""
        return aevery(
            _CONTACTS,
            lambda token: self.list_contacts(
                page_size=page_size,
                page_token=token,
                external_id=external_id,
                channel=channel,
                identity=identity,
                timeout=timeout,
            ),
        )

    def iterate_identity_conflicts(
        self, *, page_size: int | Unset = UNSET, timeout: float | None = None
    ) -> AsyncIterator[IdentityConflict]:
        """Every conflict that `list_identity_conflicts` has; `timeout` in seconds is a page's."""
        return aevery(
            _CONFLICTS,
            lambda token: self.list_identity_conflicts(page_size=page_size, page_token=token, timeout=timeout),
        )


class AsyncSinchClient(AsyncClient):
    """The calls of a Sinch project, awaited, by service."""

    def __init__(self, connection: AsyncConnection, batch: Service, conversation: Service, project_id: str) -> None:
        super().__init__(connection)
        self.batch = AsyncSinchBatch(connection, batch, project_id)
        self.conversation = AsyncSinchConversation(connection, conversation, project_id)
