"""Tiny servers on real sockets, each doing one thing to whoever calls."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

Handler = Callable[[socket.socket], None]

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5oZWFkY291
bnQgdGVzdDAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowGTEXMBUG
A1UEAwwOaGVhZGNvdW50IHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARn
IPGgDiGRVZH0m8pGrY4TJHyAW+2v9eMsuq4cUque976txhXC1BES2jFLvM9OuYvv
/4/1q22VEfLn50R+/mJBo14wXDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQE
AwIChDAdBgNVHQ4EFgQUeya45NAm5GsKKJ6CFOspEZWkKpwwGgYDVR0RBBMwEYIJ
bG9jYWxob3N0hwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIQCv2SkkjaPjfVh63e11
ccKIoCVuUeDQkBNBOn4m/LB9XgIgLbWct1yoGnDVHuGjlEgsVciRISD60D8m6o8h
VleEk1U=
-----END CERTIFICATE-----
"""
"""Self-signed, for localhost and 127.0.0.1; the key is beside it, so it is worth nothing elsewhere."""

_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3saDImUKXmZMH7Mi
E/NxvtJjI/3Z6CpbC9u6X4O9POGhRANCAARnIPGgDiGRVZH0m8pGrY4TJHyAW+2v
9eMsuq4cUque976txhXC1BES2jFLvM9OuYvv/4/1q22VEfLn50R+/mJB
-----END PRIVATE KEY-----
"""


class Server:
    """Accepts connections on 127.0.0.1 and gives each to `handler` in a thread of its own, then closes it."""

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._socket.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._open: list[socket.socket] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the caller hung up, or the test ended
            if self._tls:
                raw, connection = connection, self._tls.wrap_socket(connection, server_side=True)
                self._open[self._open.index(raw)] = connection
            self._handler(connection)
        connection.close()


def read_request(connection: socket.socket) -> tuple[str, bytes]:
    """Head and body of the next request; ("", b"") when the caller has closed."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return "", b""
        data += piece
    raw, _, body = data.partition(b"\r\n\r\n")
    head = raw.decode("latin-1")
    length = int(headers_of(head).get("content-length", "0"))
    while len(body) < length:
        piece = connection.recv(1 << 20)
        if not piece:
            return "", b""
        body += piece
    return head, bytes(body)


def headers_of(head: str) -> dict[str, str]:
    """The headers of a request head, names in lower case."""
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.lower(): value.strip() for name, _, value in lines}


def reply(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A reply with a Content-Length."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answering(*replies: bytes) -> Handler:
    """Answers the requests of each connection in turn, the last reply again and again."""

    def handler(connection: socket.socket) -> None:
        count = 0
        while read_request(connection)[0]:
            connection.sendall(replies[min(count, len(replies) - 1)])
            count += 1

    return handler


def stay_silent(connection: socket.socket) -> None:
    """Neither reads nor answers until the test ends."""
    poll = select.poll()
    poll.register(connection, 0)  # only that both sides are shut wakes it
    poll.poll(10_000)


def reset(connection: socket.socket) -> None:
    """Closes with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def server_tls() -> ssl.SSLContext:
    """The server's side of TLS, with CERTIFICATE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "server.pem")
        file.write_text(_KEY + CERTIFICATE, encoding="ascii")
        context.load_cert_chain(file)
    return context


def client_tls() -> ssl.SSLContext:
    """The caller's side, which trusts CERTIFICATE and nothing else."""
    return ssl.create_default_context(cadata=CERTIFICATE)
