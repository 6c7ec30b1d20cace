"""Single calls to Emarsys."""

from __future__ import annotations

from headcount.clients.connection import AsyncCalls, AsyncClient, AsyncConnection, Calls, Client, Connection, Service
from headcount.clients.raw import raw_client
from headcount_api.clients.emarsys.api import AsyncOperations, Operations
from headcount_api.clients.emarsys.client import AuthenticatedClient


class EmarsysClient(Operations, Client):
    """The calls of an Emarsys account. A refusal inside a 200 raises like any other.

    `raw` is the generated client, authorized, for the functions in `headcount_api.clients.emarsys.api`.
    """

    def __init__(self, connection: Connection, service: Service) -> None:
        Operations.__init__(self, Calls(connection, service))
        Client.__init__(self, connection)
        self.raw = raw_client(AuthenticatedClient, connection, service)


class AsyncEmarsysClient(AsyncOperations, AsyncClient):
    """The same, awaited."""

    def __init__(self, connection: AsyncConnection, service: Service) -> None:
        AsyncOperations.__init__(self, AsyncCalls(connection, service))
        AsyncClient.__init__(self, connection)
        self.raw = raw_client(AuthenticatedClient, connection, service)
