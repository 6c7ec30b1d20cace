"""The generated client as it is, for its functions to be used by hand: httpx on top, our transport below."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from headcount.clients import replies
from headcount.clients.connection import AsyncConnection, Connection, Service
from headcount.core.exchange import Failure, Request

C = TypeVar("C")

_OURS = frozenset({"accept-encoding", "authorization", "connection", "content-length", "host", "user-agent"})
"""Headers that the transport sets itself."""


def raw_client(make: Callable[..., C], connection: Connection, service: Service) -> C:
    """A generated `AuthenticatedClient` whose requests the connection carries: authorized, within one deadline, without
    redirects. Its functions give whatever the vendor answers; a call without an answer raises what any other raises.
    """
    carrier: dict[str, Any] = {"transport": _Carrier(connection), "trust_env": False}
    timeout = httpx.Timeout(connection.timeout)
    return make(base_url=service.url, token="", timeout=timeout, httpx_args=carrier)


class _Carrier(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """What httpx hands requests to, in calls that are made and in calls that are awaited."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._carry(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if isinstance(self._connection, AsyncConnection):
            return await self._connection.run(lambda: self._carry(request, body))
        return await asyncio.to_thread(self._carry, request, body)

    def _carry(self, request: httpx.Request, body: bytes) -> httpx.Response:
        # httpx has a limit for each step of a call, this transport one for all of it.
        deadline = self._connection.deadline(request.extensions.get("timeout", {}).get("read"))
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OURS}
        sent = Request(request.method, str(request.url), headers, body)
        answer = self._connection.send(sent, deadline)
        if isinstance(answer, Failure):
            reads = request.method in ("GET", "HEAD")
            raise replies.failed(f"{request.method} by hand", answer, reads=reads)
        return httpx.Response(answer.status, headers=list(answer.headers.items()), content=answer.body)
