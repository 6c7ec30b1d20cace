"""Sockets for httpcore that keep one deadline for a whole exchange.

httpcore's own timeouts bound single reads and writes, so a server that drips a byte at a time holds a call
for ever. Here every operation on the socket gets just the time that is left of the exchange.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from headcount.core.exchange import Failure

Gate = Callable[[float], Failure | None]
"""Waits, for so many seconds at most, until a call may leave; answers why it may not."""

_MISMATCHES = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNSUPPORTED_PROTOCOL", "HTTP_REQUEST"})
"""OpenSSL's reasons for a server that does not speak TLS, or not ours, on this port."""


class TlsRefused(httpcore.ConnectError):
    """The server's certificate or its TLS cannot be accepted; another attempt would end the same."""


class NotLetThrough(Exception):
    """The gate kept a call; nothing of it has left."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class Deadline:
    """A moment `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._moment = time.monotonic() + seconds

    def remaining(self) -> float:
        """The seconds left, more than 0. Raises TimeoutError when there are none."""
        left = self._moment - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens the sockets of one worker. `deadline` belongs to the exchange under way.

    The look-up of a host name keeps the resolver's own time limit: it cannot be interrupted.
    """

    def __init__(self) -> None:
        self.deadline = Deadline(0)
        self.ended = False
        """The server closed its side during the exchange under way."""
        self._gate: Gate | None = None
        self._begun = False
        self._replaced = False
        self._streams: set[DeadlineStream] = set()
        self._aborted = False

    def begin(self, deadline: Deadline, gate: Gate | None = None) -> None:
        """Starts an exchange that ends by `deadline`; its first byte leaves when `gate` lets it."""
        self.deadline = deadline
        self.ended = False
        self._gate = gate
        self._begun = False
        self._replaced = False

    def before_write(self, stream: DeadlineStream) -> None:
        """Holds the exchange's first byte back until the gate lets it through, and off a stream on which something
        came before it, which would be taken for its reply: httpcore is made to open another one, once.

        Raises NotLetThrough, TimeoutError, and ConnectError when something came on the other stream too.
        """
        if self._begun:
            return
        if self._gate is not None:
            # Half of the time that is left, so that the call does not leave with too little for its answer.
            failure = self._gate(self.deadline.remaining() / 2)
            if failure is not None:
                raise NotLetThrough(failure)
        if not stream.silent():
            if self._replaced:
                raise httpcore.ConnectError(f"{stream.server}: it spoke or closed before it was asked")
            self._replaced = True
            raise httpcore.ConnectionNotAvailable
        self._begun = True

    def abort(self) -> None:
        """Ends whatever the sockets are doing, from any thread, and opens no more."""
        self._aborted = True
        for stream in list(self._streams):
            stream.shut_down()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            stream = DeadlineStream(self._connect(host, port), self, f"{host}:{port}")
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host}:{port}") from error
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise httpcore.ConnectError(f"{host}:{port}: {reason}") from error
        self.add(stream)
        return stream

    def _connect(self, host: str, port: int) -> socket.socket:
        """Tries the addresses of the host in order; each gets an equal share of the time left."""
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        problem: OSError = OSError("no address")
        for index, (family, kind, protocol, _, address) in enumerate(addresses):
            share = self.deadline.remaining() / (len(addresses) - index)
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(share)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                problem = error
            else:
                return connection
        raise problem

    def add(self, stream: DeadlineStream) -> None:
        """Takes note of an open stream."""
        self._streams.add(stream)
        if self._aborted:
            stream.shut_down()

    def discard(self, stream: DeadlineStream) -> None:
        """Forgets a stream that is closed."""
        self._streams.discard(stream)


class DeadlineStream(httpcore.NetworkStream):
    """One connection whose every operation ends by its backend's deadline."""

    def __init__(self, connection: socket.socket, backend: DeadlineBackend, server: str) -> None:
        self._socket = connection
        self._backend = backend
        self.server = server
        """Its host and port."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._socket.settimeout(self._backend.deadline.remaining())
            data = self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout from error
        except OSError as error:
            raise httpcore.ReadError from error
        self._backend.ended = not data
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Returns when the kernel has taken the last byte."""
        rest = memoryview(buffer)  # TLS takes 16 kB at a time: slices of bytes would copy megabytes each
        try:
            self._backend.before_write(self)
            while rest:
                self._socket.settimeout(self._backend.deadline.remaining())
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error
        except OSError as error:
            raise httpcore.WriteError from error

    def silent(self) -> bool:
        """Neither bytes nor the end have come. Takes a byte that has, so that the stream is of no use then."""
        try:
            self._socket.settimeout(0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        self._backend.discard(self)
        self._socket.close()

    def shut_down(self) -> None:
        """Ends both directions; a read or write in another thread returns at once."""
        try:
            # Not SSLSocket.shutdown: it would switch the reading thread to the raw bytes.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            pass

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            self._socket.settimeout(self._backend.deadline.remaining())
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            self.close()
            raise httpcore.ConnectTimeout(f"{server_hostname} with TLS") from error
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise TlsRefused(f"{server_hostname}: {error.verify_message}") from error
        except (OSError, ValueError) as error:
            self.close()
            reason = getattr(error, "reason", None)
            if reason in _MISMATCHES:
                raise TlsRefused(f"{server_hostname}: it does not speak TLS on this port") from error
            raise httpcore.ConnectError(f"{server_hostname} with TLS: {reason or type(error).__name__}") from error
        self._backend.discard(self)
        stream = DeadlineStream(secured, self._backend, self.server)
        self._backend.add(stream)
        return stream

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of an idle connection: readable means that the server closed it
            return _readable(self._socket)
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        return None


def _readable(connection: socket.socket) -> bool:
    if connection.fileno() < 0:
        return True
    poll = select.poll()  # select.select fails from descriptor 1024 on
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
