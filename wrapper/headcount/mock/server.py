"""Serves the mocks over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import attrs
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from headcount.errors import UsageError
from headcount.mock.application import TRANSPORT, Application
from headcount.mock.contract import Contract
from headcount.mock.faults import NETWORK, Network, read_switches
from headcount.mock.proxy import HOST, FaultProxy, listen
from headcount.mock.registry import vendor_names, vendor_type
from headcount.mock.store import Store
from headcount.mock.tokens import Tokens
from headcount.mock.vendor import Vendor


@attrs.frozen
class MockServer:
    """A running server: its address, the vendors behind it by name, and the proxy in front, if it has one."""

    url: str
    vendors: Mapping[str, Vendor[Any]]
    proxy: FaultProxy | None = None

    @property
    def stores(self) -> dict[str, Store]:
        """What each vendor holds, with its write log."""
        return {name: vendor.store for name, vendor in self.vendors.items()}


@contextmanager
def serve(
    *vendors: str,
    specs: Collection[str] = (),
    port: int = 0,
    faults: Mapping[str, Any] | None = None,
    credentials: Mapping[str, str] | None = None,
) -> Iterator[MockServer]:
    """Serves the named vendors, or all, on one port of 127.0.0.1 in a daemon thread, ready when entered.

    specs: names in `headcount_api.specs`: nothing but their operations is served then, and without vendors named those
        that have them. A token server's paths are then at the vendor's address, too. Each call of `serve` has its own
        state.
    port: 0 takes a free one.
    faults: the vendors' switches by vendor name, each as its switches class or as plain data; and under `network`
        the faults of the network, which have a proxy stand in front.
    credentials: values to take instead of the documented ones, by environment name (`SINCH_KEY_ID`).
    Raises UsageError for an unknown vendor, spec or switch, or a port that cannot be had.
    """
    running, listener, server = _prepare(build(*vendors, specs=specs, faults=faults, credentials=credentials), port)
    thread = threading.Thread(target=server.run, args=([listener],), name="headcount-mock", daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.002)
        with running.proxy or nullcontext():
            yield running
    finally:
        server.stop()
        thread.join()
        listener.close()


def run(
    vendors: Sequence[str],
    port: int,
    faults: Mapping[str, Any] | None = None,
    announce: Callable[[str], None] | None = None,
    specs: Collection[str] = (),
) -> None:
    """Serves as `serve` does, but in this thread until a signal comes; `announce` is told the address first."""
    running, listener, server = _prepare(build(*vendors, specs=specs, faults=faults), port)
    with running.proxy or nullcontext():
        if announce:
            announce(running.url)
        server.run([listener])


def credentials_environment(vendor: str) -> dict[str, str]:
    """The documented credentials of a mocked vendor, as the environment variables that headcount reads."""
    return dict(vendor_type(vendor).credentials)


def describe(vendors: Sequence[str], url: str, specs: Collection[str] = ()) -> list[str]:
    """Lines for people: the base addresses of each vendor at this server, and its credentials."""
    lines = []
    for kind in _kinds(vendors, specs):
        name = kind.name
        served = [spec for spec in kind.specs if not specs or spec in specs]
        bases = dict.fromkeys(base for spec in served for base in Contract.of(spec).bases)
        lines.append(f"{name}: {' '.join(url + base for base in bases)}")
        lines += [f"  {variable}={value}" for variable, value in kind.credentials.items()]
    return lines


@attrs.frozen
class Built:
    """What a port serves: the vendors by name, the application over them, and the faults of the network before it."""

    vendors: Mapping[str, Vendor[Any]]
    application: Application
    network: Network | None = None


def build(
    *vendors: str,
    specs: Collection[str] = (),
    faults: Mapping[str, Any] | None = None,
    credentials: Mapping[str, str] | None = None,
) -> Built:
    """The same as `serve` serves, without a server: `.application` is an ASGI application for a test client.

    Faults that end a connection need a server. Raises UsageError as `serve` does.
    """
    settings = dict(faults or {})
    network = settings.pop(NETWORK, None)
    for name in settings:
        vendor_type(name)
    tokens = Tokens()
    kinds = _kinds(vendors, specs)
    mocked = {kind.name: kind(settings.get(kind.name), credentials, tokens) for kind in kinds}
    switches = None if network is None else read_switches(Network, network, NETWORK)
    return Built(mocked, Application(list(mocked.values()), specs), switches)


def _kinds(vendors: Sequence[str], specs: Collection[str]) -> list[type[Vendor[Any]]]:
    kinds = [vendor_type(name) for name in dict.fromkeys(vendors or vendor_names())]
    known = [spec for kind in kinds for spec in kind.specs if isinstance(spec, str)]
    if unknown := next((spec for spec in specs if spec not in known), None):
        raise UsageError(f"no spec is called {unknown!r}; there are {', '.join(known)}")
    return [kind for kind in kinds if not specs or any(spec in specs for spec in kind.specs)]


def _prepare(built: Built, port: int) -> tuple[MockServer, socket.socket, _Server]:
    switches = built.network
    listener = listen(port if switches is None else 0)
    own_port = int(listener.getsockname()[1])
    proxy = None
    if switches is not None:
        contracts = [contract for vendor in built.vendors.values() for contract in vendor.contracts]
        proxy = FaultProxy(own_port, switches, operations=partial(_operations, contracts), port=port)
    config = uvicorn.Config(
        built.application,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        backlog=512,
    )
    url = proxy.url if proxy else f"http://{HOST}:{own_port}"
    return MockServer(url, built.vendors, proxy), listener, _Server(config)


def _operations(contracts: Sequence[Contract], method: str, path: str) -> set[str]:
    """What a request of this method and path may mean."""
    matches = [match for contract in contracts for match in contract.match(path)]
    return {match.operation.id for match in matches if match.operation.method == method}


class _Server(uvicorn.Server):
    """Ends as soon as it is told to, and its connections with it: a test double has nobody to be polite to."""

    _wake: asyncio.Event
    _loop: asyncio.AbstractEventLoop

    def stop(self) -> None:
        """Ends the server from another thread."""
        self.should_exit = True
        if self.started:
            self._loop.call_soon_threadsafe(self._wake.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._wake, self._loop = asyncio.Event(), asyncio.get_running_loop()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in self.servers:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class _Protocol(H11Protocol):
    """Hands the connection's transport to the application, which no ASGI extension does."""

    # The base class of asyncio takes every kind of transport; a server on TCP, as uvicorn's, is given this one.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _with_transport(self.app, transport)


def _with_transport(app: Any, transport: asyncio.Transport) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        scope[TRANSPORT] = transport
        await app(scope, receive, send)

    return wrapped
