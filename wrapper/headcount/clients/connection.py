"""Carries single calls: one deadline each, authorized, a renewable 401 answered with one more attempt."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from headcount.clients import replies, requests
from headcount.clients.operations import Interface, Operation
from headcount.core.answers import Judgement
from headcount.core.batches import Batch
from headcount.core.exchange import Failure, Reply, Request
from headcount.deadline import Deadline
from headcount.errors import UsageError
from headcount.outcome import Kind
from headcount.transport import Auth, HttpTransport

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds that a call may take unless the caller says otherwise."""
_LONGEST = 86_400.0

Refusal = Callable[[Reply, Batch], Judgement | None]
"""What a reply says that refuses a call, or None for a success. The batch holds what the call told the vendor, for
the masking of texts."""


@attrs.frozen
class Service:
    """One interface of a vendor: what its spec says, where it is, and how its refusals are read."""

    interface: Interface = attrs.field(repr=False)
    url: str
    """What the paths of the spec are appended to."""
    refusal: Refusal = attrs.field(repr=False)


class Connection:
    """The connections and the credentials that the calls of one client share; safe to use from several threads."""

    def __init__(self, auth: Auth, timeout: float = TIMEOUT) -> None:
        """Raises UsageError for a timeout that is none."""
        self.timeout = _seconds(timeout)
        self._transport = HttpTransport(auth)
        self._closed = False

    def deadline(self, timeout: float | None) -> Deadline:
        """The moment by which a call is to end. Raises UsageError for a timeout that is none, or a closed client."""
        if self._closed:
            raise UsageError("the client is closed")
        return Deadline(self.timeout if timeout is None else _seconds(timeout))

    def send(self, request: Request, deadline: Deadline) -> Reply | Failure:
        """The answer; a 401 for a token that has aged is answered with a new one, once."""
        answer = self._send(request, deadline)
        if isinstance(answer, Reply) and answer.status == 401 and answer.renewable:
            answer = self._send(request, deadline)
        return answer

    def close(self) -> None:
        """Ends calls under way, as lost, and closes the connections."""
        self._closed = True
        self._transport.close()

    def _send(self, request: Request, deadline: Deadline) -> Reply | Failure:
        try:
            left = deadline.remaining()
        except TimeoutError:
            return Failure(Kind.TIMEOUT, False, "there was no time left to send the call")
        return self._transport.send(request, left)


class Calls:
    """Carries the generated operations of one service."""

    def __init__(self, connection: Connection, service: Service) -> None:
        self._connection = connection
        self._service = service

    def __call__(
        self,
        method: str,
        path: str,
        request: Callable[[], Mapping[str, Any]],
        read: Callable[[int, Any], T],
        timeout: float | None,
        /,
    ) -> T:
        return self.carry(*self.prepared(method, path, request, timeout), read)

    def prepared(
        self, method: str, path: str, request: Callable[[], Mapping[str, Any]], timeout: float | None
    ) -> tuple[Operation, requests.Asked, Deadline]:
        """A call that may be sent. Raises UsageError for one that may not."""
        deadline = self._connection.deadline(timeout)
        operation = self._service.interface.operation(method, path)
        return operation, requests.asked(operation, request, self._service.url), deadline

    def carry(
        self, operation: Operation, asked: requests.Asked, deadline: Deadline, read: Callable[[int, Any], T]
    ) -> T:
        """Sends the call and reads its reply. Raises HeadcountError."""
        answer = self._connection.send(asked.request, deadline)
        if isinstance(answer, Failure):
            raise replies.failed(operation.name, answer, reads=operation.reads)
        return replies.result(operation, answer, read, lambda: self._service.refusal(answer, asked.told))


class AsyncConnection(Connection):
    """A connection whose calls are awaited. Each runs in a thread of its own, so that it is carried like any other."""

    def __init__(self, auth: Auth, timeout: float = TIMEOUT, concurrency: int = 8) -> None:
        """`concurrency` is how many calls are under way at most. Raises UsageError for a timeout that is none."""
        super().__init__(auth, timeout)
        self._threads = ThreadPoolExecutor(concurrency, "headcount-call")

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises. One whose await is cancelled goes on, unless it has not begun."""
        try:
            future = self._threads.submit(call)
        except RuntimeError:  # it was closed since the deadline was set
            raise UsageError("the client is closed") from None
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        super().close()
        # What waits for a thread is let through: it ends at once, as its caller can tell from an error.
        self._threads.shutdown(wait=False)


class AsyncCalls:
    """Carries the generated operations of one service, awaited."""

    def __init__(self, connection: AsyncConnection, service: Service) -> None:
        self._connection = connection
        self._calls = Calls(connection, service)

    async def __call__(
        self,
        method: str,
        path: str,
        request: Callable[[], Mapping[str, Any]],
        read: Callable[[int, Any], T],
        seconds: float | None,
        /,
    ) -> T:
        # Written before the first await: what the caller changes afterwards is not in it.
        prepared = self._calls.prepared(method, path, request, seconds)
        return await self._connection.run(lambda: self._calls.carry(*prepared, read))


class Client:
    """Single calls to one vendor account, for a `with` block; safe to use from several threads.

    Every call takes `timeout`, the seconds from its start to its end, a token that has to be fetched included; without
    it the client's own counts. Every call raises what `headcount.errors` draws, and nothing else.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Ends calls under way, as lost, and closes the connections; later calls raise UsageError."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient:
    """Single calls to one vendor account, awaited, for an `async with` block.

    It is the client of `with`, whose calls run in threads: as many at a time as the destination's `concurrency`. To
    cancel an await does not take the call back: unless it was still waiting for a thread it goes on, and may have been
    done. Whoever cancels a write knows as much of it as after an UnknownOutcomeError.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def aclose(self) -> None:
        """Ends calls under way, as lost, and closes the connections; later calls raise UsageError."""
        await asyncio.to_thread(self._connection.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _seconds(timeout: float) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise UsageError("a timeout is a number of seconds above 0")
    return min(float(timeout), _LONGEST)
