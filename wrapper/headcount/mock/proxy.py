"""A proxy in front of a server on this machine, which does to connections and bytes what networks do.

It hands a request on when it has the whole of it, or not at all: what the server stored is what became of it.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs

from headcount.errors import UsageError
from headcount.mock.faults import Calls, Fault, Network
from headcount.mock.wire import RequestHead, bomb, garbled, literal, reply_length, split

HOST = "127.0.0.1"
_NO_LINGER = struct.pack("ii", 1, 0)
_PIECE = 65536


@attrs.frozen
class Happening:
    """A fault that happened: to a call, or, of a connection, to the connection of this number.

    handed_on: the server got the whole request, whatever became of its reply.
    """

    number: int
    fault: Fault
    handed_on: bool


class FaultProxy:
    """Listens on a port of 127.0.0.1, in a thread of its own while it is entered, and hands on to another.

    `upstream` is the port of the server behind it. `operations` names what a method and path may mean, for faults of
    one operation. `network` holds the faults. `port` 0 takes a free one. Requests must say their Content-Length.
    """

    def __init__(
        self,
        upstream: int,
        network: Network,
        *,
        operations: Callable[[str, str], Collection[str]] = lambda method, path: (),
        port: int = 0,
    ) -> None:
        """Raises UsageError for a port that cannot be had."""
        self.network = network
        self._upstream = upstream
        self._operations = operations
        self._listener = listen(port)
        self.port = int(self._listener.getsockname()[1])
        self._happened: list[Happening] = []
        self._calls = Calls()
        self._connections = 0
        self._conversations: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="headcount-proxy", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def happened(self) -> list[Happening]:
        """The faults that have happened so far, in order."""
        return list(self._happened)

    @property
    def connections(self) -> int:
        """How many connections were accepted, or refused as one, so far."""
        return self._connections

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        accepting = asyncio.create_task(self._accept())
        await self._stop.wait()
        tasks = [accepting, *self._conversations]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._listener.close()

    async def _accept(self) -> None:
        while True:
            number = self._connections + 1
            fault = self._fault_of_connection(number)
            if fault and fault.ending == "refuse":
                self._listener.close()
                self._note(number, fault)
                self._ready.set()
                await asyncio.sleep(fault.delay or math.inf)
                self._listener = listen(self.port)
                continue
            self._ready.set()
            connection, _ = await self._loop.sock_accept(self._listener)
            fault = self._fault_of_connection(number)
            if fault and fault.ending == "reset_on_accept":
                self._note(number, fault)
                reset_on_close(connection)
                connection.close()
                continue
            self._connections = number
            task = asyncio.create_task(self._serve(connection))
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)

    def _fault_of_connection(self, number: int) -> Fault | None:
        return next((fault for fault in self.network.faults if fault.of_connections and fault.falls_on(number)), None)

    def _note(self, number: int, fault: Fault, *, handed_on: bool = False) -> None:
        if fault.of_connections:
            self._connections = number
        self._happened.append(Happening(number, fault, handed_on))

    async def _serve(self, connection: socket.socket) -> None:
        client = Peer(*await asyncio.open_connection(sock=connection))
        server: Peer | None = None
        try:
            server = Peer(*await asyncio.open_connection(HOST, self._upstream))
            while await self._exchange(client, server):
                pass
        except ConnectionResetError:
            client.reset()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            for peer in (client, server):
                if peer:
                    peer.close()

    async def _exchange(self, client: Peer, server: Peer) -> bool:
        """One request and what becomes of it; False when the connection is to end."""
        head = RequestHead.read(await client.head())
        if head.length is None:
            await client.send(literal(411, {"Connection": "close"}, b""))
            return False
        fault = self._calls.begin(self._operations(head.method, head.path), self.network.faults)
        number = self._calls.number(fault.operation) if fault else 0
        if fault and fault.cuts_request:
            self._note(number, fault)
            await client.read(min(fault.size or 0, head.length))
            return await _end(client, fault)
        request = head.content + await client.read(head.length)
        handed_on = fault is None or not fault.replaces_reply or fault.carried_out
        if fault:
            self._note(number, fault, handed_on=handed_on)
        reply, whole = b"", True
        if handed_on:
            await server.send(request)
            reply, whole = await server.reply(head.method)
        if fault is None:
            await client.send(reply)
            return whole
        return await _deliver(client, fault, reply) and whole


class Peer:
    """One end that the proxy speaks to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """A head with the blank line behind it. Raises EOFError when none comes."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def read(self, size: int) -> bytes:
        """So many bytes. Raises EOFError when fewer come."""
        return await self._reader.readexactly(size)

    async def reply(self, method: str) -> tuple[bytes, bool]:
        """A server's reply, or what came of it; and whether it came whole and leaves the connection open."""
        head = await self.head()
        while head.startswith(b"HTTP/1.1 1"):
            head = await self.head()
        length = reply_length(head, method)
        if length is None:
            return head + await self._reader.read(), False
        try:
            return head + await self.read(length), b"\r\nconnection: close\r\n" not in head.lower()
        except asyncio.IncompleteReadError as cut:
            return head + cut.partial, False

    async def send(self, content: bytes) -> None:
        """Sends it, waiting while the peer takes no more."""
        self._writer.write(content)
        await self._writer.drain()

    async def silence(self) -> None:
        """Returns when the peer has left."""
        while await self._reader.read(_PIECE):
            pass

    def reset(self) -> None:
        """Ends the connection with RST, if it is still there."""
        with suppress(OSError):
            reset_on_close(self._writer.get_extra_info("socket"))
        self._writer.transport.abort()

    def close(self) -> None:
        """Ends the connection in good order, if it is still there."""
        with suppress(OSError):
            self._writer.close()


async def _end(client: Peer, fault: Fault) -> bool:
    """Ends the connection without a reply."""
    await asyncio.sleep(fault.delay)
    if fault.ending == "reset":
        client.reset()
    elif fault.ending == "hang":
        await client.silence()
    return False


async def _deliver(client: Peer, fault: Fault, reply: bytes) -> bool:
    """What the fault lets the client have of the reply, or in its place; False when the connection is to end."""
    if fault.ending in ("close", "reset", "hang"):
        return await _end(client, fault)
    if fault.status is not None:
        reply = literal(fault.status, fault.headers, (fault.body or "").encode())
    head, body = split(reply)
    match fault.ending:
        case "drip_head":
            return await _drip(client, reply, fault)
        case "drip_body":
            await client.send(head)
            return await _drip(client, body, fault)
        case "garble_head":
            reply = garbled(reply, fault.size)
        case "garble_body":
            reply = head + garbled(body, fault.size)
        case "truncate":
            await asyncio.sleep(fault.delay)
            await client.send(reply[: len(head) + len(body) // 2 if fault.size is None else fault.size])
            return False
        case "bomb" | "gzip_bomb":
            await asyncio.sleep(fault.delay)
            for piece in bomb(fault):
                await client.send(piece)
            return False
    await asyncio.sleep(fault.delay)
    await client.send(reply)
    return True


async def _drip(client: Peer, content: bytes, fault: Fault) -> bool:
    size = fault.size or 1
    for start in range(0, len(content), size):
        await client.send(content[start : start + size])
        await asyncio.sleep(fault.delay)
    return True


def listen(port: int) -> socket.socket:
    """A socket that listens on this port of 127.0.0.1, or on a free one for 0. Raises UsageError."""
    # With its protocol named, so that asyncio sends without delay on what it accepts.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise UsageError(f"port {port}: {error.strerror}") from None
    return listener


def reset_on_close(connection: socket.socket) -> None:
    """Has the connection end with RST when it is closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
