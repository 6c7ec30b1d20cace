"""What one call answers for everything that a network and a server can do to it."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from headcount.auth import BearerKey, Secret
from headcount.core.exchange import Failure, Reply, Request
from headcount.errors import EndpointError, UsageError
from headcount.outcome import Kind
from headcount.transport import HttpTransport, check_endpoint
from tests.sockets import (
    CERTIFICATE,
    Handler,
    Server,
    answering,
    client_tls,
    headers_of,
    read_request,
    reply,
    reset,
    server_tls,
    stay_silent,
    unused_port,
)

SMALL = b'[{"email": "ada@canary.example"}]'
LARGE = b"x" * (16 * 1024 * 1024)  # beyond what both sockets' buffers hold
KEY = "canary-key"


@contextmanager
def transport(**options: object) -> Iterator[HttpTransport]:
    opened = HttpTransport(BearerKey(Secret(KEY)), **options)  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        opened.close()


def post(url: str, body: bytes = SMALL) -> Request:
    return Request("POST", f"{url}/api/contacts", {"Content-Type": "application/json"}, body)


def call(handler: Handler, body: bytes = SMALL, timeout: float = 5.0, **options: object) -> Reply | Failure:
    """What one call to a server with this handler answers."""
    with Server(handler) as server, transport(**options) as carrier:
        return carrier.send(post(server.url, body), timeout)


def after_request(what: bytes) -> Handler:
    """Reads the whole request, says `what` and closes."""

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(what)

    return handler


def outcome(answer: Reply | Failure) -> tuple[Kind, bool]:
    assert isinstance(answer, Failure), answer
    assert answer.fatal is None
    return answer.kind, answer.handed_over


# What goes over the wire


def test_a_request_carries_its_headers_its_authorization_and_its_bytes() -> None:
    seen: list[tuple[str, bytes]] = []

    def handler(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(reply(200, b"{}", {"X-RateLimit-Reset": "7", "Date": "today"}))

    with Server(handler) as server, transport() as carrier:
        answer = carrier.send(post(server.url), 5)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body, answer.renewable, answer.handed_over) == (200, b"{}", False, True)
    assert answer.headers["x-ratelimit-reset"] == "7"
    ((head, body),) = seen
    assert head.startswith("POST /api/contacts HTTP/1.1\r\n")
    assert body == SMALL
    sent = headers_of(head)
    assert sent["authorization"] == f"Bearer {KEY}"
    assert sent["content-type"] == "application/json"
    assert sent["accept-encoding"] == "identity"
    assert sent["host"] == f"127.0.0.1:{server.port}"
    assert sent["user-agent"].startswith("headcount/")
    assert "cookie" not in sent


def test_a_get_keeps_its_query_and_has_no_body() -> None:
    heads: list[str] = []

    def handler(connection: socket.socket) -> None:
        heads.append(read_request(connection)[0])
        connection.sendall(reply(200, b"[]"))

    with Server(handler) as server, transport() as carrier:
        carrier.send(Request("GET", f"{server.url}/contacts/?mobile=4912345&a=%2B", {}), 5)
    assert heads[0].startswith("GET /contacts/?mobile=4912345&a=%2B HTTP/1.1\r\n")
    assert "content-length" not in headers_of(heads[0])


def test_one_connection_serves_the_calls_of_a_thread_without_cookies() -> None:
    heads: list[str] = []

    def handler(connection: socket.socket) -> None:
        while head := read_request(connection)[0]:
            heads.append(head)
            connection.sendall(reply(200, b"{}", {"Set-Cookie": "a=b"}))

    with Server(handler) as server, transport() as carrier:
        for _ in range(3):
            assert isinstance(carrier.send(post(server.url), 5), Reply)
        assert server.connections == 1
    assert "cookie" not in headers_of(heads[2])


def test_each_thread_has_a_connection_of_its_own() -> None:
    together = threading.Barrier(3, timeout=5)

    def handler(connection: socket.socket) -> None:
        while read_request(connection)[0]:
            together.wait()  # answers only when three requests are there at the same time
            connection.sendall(reply(200))

    with Server(handler) as server, transport() as carrier:
        answers: list[Reply | Failure] = []
        threads = [threading.Thread(target=lambda: answers.append(carrier.send(post(server.url), 5))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections == 3
    assert [isinstance(answer, Reply) and answer.status for answer in answers] == [200, 200, 200]


def test_the_connection_of_a_thread_that_has_ended_is_closed() -> None:
    closed = threading.Semaphore(0)

    def until_closed(connection: socket.socket) -> None:
        while read_request(connection)[0]:
            connection.sendall(reply(200))
        closed.release()

    with Server(until_closed) as server, transport() as carrier:
        for _ in range(5):
            caller = threading.Thread(target=carrier.send, args=(post(server.url), 5.0))
            caller.start()
            caller.join()
        assert all(closed.acquire(timeout=5) for _ in range(4))
        answer = carrier.send(post(server.url), 5.0)
        assert isinstance(answer, Reply) and answer.status == 200


def test_a_kept_alive_connection_that_the_server_closed_is_replaced() -> None:
    closed = threading.Event()

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply(200, b"{}"))
        connection.close()
        closed.set()

    with Server(handler) as server, transport() as carrier:
        for _ in range(3):
            closed.clear()
            answer = carrier.send(post(server.url), 5)
            assert isinstance(answer, Reply) and answer.status == 200
            assert closed.wait(5)
        assert server.connections == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_reply_and_is_not_followed(status: int) -> None:
    with Server(answering(reply(200))) as elsewhere, transport() as carrier:
        with Server(answering(reply(status, b"", {"Location": elsewhere.url}))) as server:
            answer = carrier.send(post(server.url), 5)
        assert isinstance(answer, Reply) and answer.status == status
        assert answer.headers["location"] == elsewhere.url
        assert elsewhere.connections == 0


def test_the_environment_s_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answering(reply(502))) as proxy, Server(answering(reply(200))) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with transport() as carrier:
            answer = carrier.send(post(server.url), 5)
        assert proxy.connections == 0
    assert isinstance(answer, Reply) and answer.status == 200


# No connection


def test_a_refused_connection_hands_nothing_over() -> None:
    port = unused_port()
    with transport() as carrier:
        answer = carrier.send(post(f"http://127.0.0.1:{port}"), 5)
    assert outcome(answer) == (Kind.UNAVAILABLE, False)
    assert isinstance(answer, Failure) and f"127.0.0.1:{port}" in answer.detail


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example"])
def test_an_unknown_host_hands_nothing_over(host: str) -> None:
    with transport() as carrier:
        assert outcome(carrier.send(post(f"https://{host}"), 5)) == (Kind.UNAVAILABLE, False)


def test_a_connection_that_is_not_made_in_time_hands_nothing_over() -> None:
    # A full accept queue leaves further connection attempts unanswered.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, transport() as carrier:
        queued = [socket.socket() for _ in range(4)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        began = time.monotonic()
        answer = carrier.send(post(f"http://127.0.0.1:{server.getsockname()[1]}"), 0.4)
        assert time.monotonic() - began < 1.5
        for one in queued:
            one.close()
    assert outcome(answer) == (Kind.TIMEOUT, False)


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_a_reset_on_accept_is_a_failure(body: bytes) -> None:
    answer = call(reset, body)
    assert isinstance(answer, Failure) and answer.fatal is None
    assert answer.kind in (Kind.CONNECTION_LOST, Kind.UNAVAILABLE)  # it may come before connect() returns
    assert not (answer.handed_over and body == LARGE)


# The connection breaks


def test_a_reset_in_mid_upload_leaves_the_body_not_handed_over() -> None:
    def handler(connection: socket.socket) -> None:
        connection.recv(100_000)
        reset(connection)

    assert outcome(call(handler, LARGE)) == (Kind.CONNECTION_LOST, False)


@pytest.mark.parametrize("body", [SMALL, LARGE, b""])
def test_a_reset_after_the_request_was_read_is_ambiguous(body: bytes) -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        reset(connection)

    assert outcome(call(handler, body)) == (Kind.CONNECTION_LOST, True)


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_a_close_after_the_request_was_read_is_ambiguous(body: bytes) -> None:
    assert outcome(call(after_request(b""), body)) == (Kind.CONNECTION_LOST, True)


@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_a_reply_cut_short_is_ambiguous(beginning: bytes) -> None:
    assert outcome(call(after_request(beginning))) == (Kind.CONNECTION_LOST, True)


# Replies that cannot be read


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe no HTTP at all\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 300_000,
    ],
)
def test_a_garbage_reply_is_ambiguous(garbage: bytes) -> None:
    assert outcome(call(after_request(garbage))) == (Kind.UNREADABLE_REPLY, True)


def test_a_compressed_good_reply_is_unreadable() -> None:
    handler = answering(reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}))
    assert outcome(call(handler)) == (Kind.UNREADABLE_REPLY, True)
    plain = call(answering(reply(200, b"{}", {"Content-Encoding": "identity"})))
    assert isinstance(plain, Reply) and plain.body == b"{}"


def test_a_reply_over_the_cap_is_unreadable_and_its_rest_is_not_read() -> None:
    sent = 0
    stopped = threading.Event()

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while not stopped.is_set():
                sent += connection.send(b"x" * 65536)
        except OSError:
            stopped.set()

    with Server(endless) as server, transport(max_reply_bytes=1_000_000) as carrier:
        assert outcome(carrier.send(post(server.url), 10)) == (Kind.UNREADABLE_REPLY, True)
        assert stopped.wait(5), "the connection was left open"
    assert sent < 32 * 1024 * 1024


def test_a_reply_of_just_the_cap_is_read() -> None:
    answer = call(answering(reply(200, b"x" * 1000)), max_reply_bytes=1000)
    assert isinstance(answer, Reply) and len(answer.body) == 1000
    assert outcome(call(answering(reply(200, b"x" * 1001)), max_reply_bytes=1000)) == (
        Kind.UNREADABLE_REPLY,
        True,
    )


@pytest.mark.parametrize(
    "tail",
    [
        b"Content-Length: 100\r\n\r\n{}",
        b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        b"Content-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_outside_2xx_the_status_counts_even_if_the_body_is_unreadable(tail: bytes) -> None:
    head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"
    answer = call(after_request(head + tail), max_reply_bytes=1000)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.headers["retry-after"], answer.body) == (429, "7", b"")


def test_interim_and_bodiless_replies_are_read() -> None:
    answer = call(after_request(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))
    assert isinstance(answer, Reply) and (answer.status, answer.body) == (204, b"")
    answer = call(after_request(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"))
    assert isinstance(answer, Reply) and answer.body == b"until the end"


# Answers before the upload ends


def test_a_413_in_mid_upload_is_a_reply() -> None:
    def handler(connection: socket.socket) -> None:
        connection.recv(100_000)
        connection.sendall(reply(413, b"too large", {"Connection": "close"}))

    for _ in range(5):
        answer = call(handler, LARGE)
        assert isinstance(answer, Reply), answer
        assert (answer.status, answer.body, answer.handed_over) == (413, b"too large", False)


# Time


def elapsed(handler: Handler, body: bytes = SMALL, timeout: float = 0.5) -> tuple[Reply | Failure, float]:
    with Server(handler) as server, transport() as carrier:
        began = time.monotonic()
        answer = carrier.send(post(server.url, body), timeout)
        return answer, time.monotonic() - began


def read_and_stay_silent(connection: socket.socket) -> None:
    read_request(connection)
    stay_silent(connection)


def drip(data: bytes) -> Handler:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return handler


@pytest.mark.parametrize(
    "handler",
    [
        stay_silent,
        read_and_stay_silent,
        drip(reply(200, b"{}" * 100)),
        drip(reply(200, b"{}", {"X-Long": "a" * 1000})[:60] + b"a" * 100),
    ],
    ids=["never reads", "never answers", "drips the head", "drips on"],
)
def test_no_whole_reply_in_time_is_ambiguous(handler: Handler) -> None:
    answer, seconds = elapsed(handler)
    assert outcome(answer) == (Kind.TIMEOUT, True)
    assert 0.45 < seconds < 1.2


def test_a_dripped_body_ends_in_time() -> None:
    def handler(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.05)

    answer, seconds = elapsed(handler)
    assert outcome(answer) == (Kind.TIMEOUT, True)
    assert 0.45 < seconds < 1.2


def test_an_upload_that_is_not_taken_in_time_is_not_handed_over() -> None:
    answer, seconds = elapsed(stay_silent, LARGE)
    assert outcome(answer) == (Kind.TIMEOUT, False)
    assert 0.45 < seconds < 1.2


def test_an_upload_that_is_taken_slowly_ends_in_time() -> None:
    def handler(connection: socket.socket) -> None:
        while connection.recv(200_000):
            time.sleep(0.05)

    answer, seconds = elapsed(handler, LARGE)
    assert outcome(answer) == (Kind.TIMEOUT, False)
    assert 0.45 < seconds < 1.2


def test_a_call_that_ended_in_failure_does_not_touch_the_next() -> None:
    """The late reply to a call must never be read as the reply to the one after it."""
    first = threading.Event()

    def handler(connection: socket.socket) -> None:
        while read_request(connection)[0]:
            if not first.is_set():
                first.set()
                time.sleep(0.6)
                connection.sendall(reply(200, b"late"))
            else:
                connection.sendall(reply(200, b"right"))

    with Server(handler) as server, transport() as carrier:
        assert isinstance(carrier.send(post(server.url), 0.3), Failure)
        answer = carrier.send(post(server.url), 5)
        assert isinstance(answer, Reply) and answer.body == b"right"
        assert server.connections == 2


# TLS


def test_a_trusted_certificate_is_spoken_to() -> None:
    body = bytes(range(256)) * 20_000
    seen: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        while (request := read_request(connection))[0]:
            seen.append(request[1])
            connection.sendall(reply(200, b"{}"))

    with Server(handler, tls=server_tls()) as server, transport(tls=client_tls()) as carrier:
        for _ in range(2):
            answer = carrier.send(post(server.url, body), 10)
            assert isinstance(answer, Reply), answer
        assert server.connections == 1
    assert seen == [body, body]


def test_an_untrusted_certificate_is_fatal_and_nothing_is_sent() -> None:
    seen: list[str] = []
    with (
        Server(lambda c: seen.append(read_request(c)[0]), tls=server_tls()) as server,
        transport() as carrier,
    ):
        answer = carrier.send(post(server.url), 5)
    assert isinstance(answer, Failure)
    assert not answer.handed_over
    assert isinstance(answer.fatal, EndpointError)
    assert "certificate" in str(answer.fatal)
    assert seen == []


def test_another_host_s_certificate_is_fatal() -> None:
    with Server(answering(reply(200)), tls=server_tls()) as server, transport(tls=client_tls()) as carrier:
        answer = carrier.send(post(f"https://127.0.0.2:{server.port}"), 5)
        assert outcome(answer) == (Kind.UNAVAILABLE, False)  # listens on 127.0.0.1 only
    with socket.create_server(("127.0.0.2", 0)) as listener, transport(tls=client_tls()) as carrier:
        port = listener.getsockname()[1]

        def serve() -> None:
            raw, _ = listener.accept()
            try:
                server_tls().wrap_socket(raw, server_side=True).close()
            except OSError:
                raw.close()

        thread = threading.Thread(target=serve)
        thread.start()
        answer = carrier.send(post(f"https://127.0.0.2:{port}"), 5)
        thread.join()
    assert isinstance(answer, Failure)
    assert isinstance(answer.fatal, EndpointError) and not answer.handed_over


def test_tls_to_a_plain_port_is_fatal() -> None:
    with Server(lambda c: c.sendall(reply(400))) as server, transport() as carrier:
        answer = carrier.send(post(f"https://127.0.0.1:{server.port}"), 5)
    assert isinstance(answer, Failure)
    assert isinstance(answer.fatal, EndpointError) and not answer.handed_over


def test_a_handshake_that_is_reset_or_silent_may_be_tried_again() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(4096)
        reset(connection)

    with Server(hang_up) as server, transport() as carrier:
        answer = carrier.send(post(f"https://127.0.0.1:{server.port}"), 5)
    assert outcome(answer) == (Kind.UNAVAILABLE, False)
    with Server(stay_silent) as server, transport() as carrier:
        began = time.monotonic()
        answer = carrier.send(post(f"https://127.0.0.1:{server.port}"), 0.4)
        assert time.monotonic() - began < 1.2
    assert outcome(answer) == (Kind.TIMEOUT, False)


def test_breaks_and_time_limits_hold_under_tls() -> None:
    context = client_tls()

    def close_early(connection: socket.socket) -> None:
        read_request(connection)

    with Server(close_early, tls=server_tls()) as server, transport(tls=context) as carrier:
        assert outcome(carrier.send(post(server.url), 5)) == (Kind.CONNECTION_LOST, True)
    with Server(read_and_stay_silent, tls=server_tls()) as server, transport(tls=context) as carrier:
        assert outcome(carrier.send(post(server.url), 0.4)) == (Kind.TIMEOUT, True)
    with Server(stay_silent, tls=server_tls()) as server, transport(tls=context) as carrier:
        assert outcome(carrier.send(post(server.url, LARGE), 0.4)) == (Kind.TIMEOUT, False)


def test_a_context_that_does_not_verify_is_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(UsageError):
        HttpTransport(BearerKey(Secret(KEY)), tls=context)


def test_authorities_that_cannot_be_read_are_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authorities.pem")
    with pytest.raises(UsageError):
        HttpTransport(BearerKey(Secret(KEY)))


# Closing


def test_no_key_of_a_connection_is_written_for_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authorities, keys = tmp_path / "authorities.pem", tmp_path / "keys"
    authorities.write_text(CERTIFICATE, encoding="ascii")
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with Server(answering(reply(200, b"{}")), tls=server_tls()) as server, transport() as carrier:
        assert isinstance(carrier.send(post(server.url), 5), Reply)
    written = keys.read_text(encoding="ascii").splitlines() if keys.exists() else []
    assert [line for line in written if not line.startswith("#")] == []


def test_closing_ends_the_calls_under_way_at_once() -> None:
    received = threading.Event()

    def handler(connection: socket.socket) -> None:
        read_request(connection)
        received.set()
        stay_silent(connection)

    with Server(handler) as server, transport() as carrier:
        answers: list[Reply | Failure] = []
        thread = threading.Thread(target=lambda: answers.append(carrier.send(post(server.url), 30)))
        thread.start()
        assert received.wait(5)
        began = time.monotonic()
        carrier.close()
        thread.join(5)
        assert time.monotonic() - began < 1
        assert outcome(answers[0]) == (Kind.CONNECTION_LOST, True)
        assert outcome(carrier.send(post(server.url), 5)) == (Kind.STOPPED, False)
        assert server.connections == 1


# Bytes that are no reply to what was asked


def extra_after_first(extra: bytes, asked: list[bytes]) -> Handler:
    """Answers the first request of all, with more than that in one piece; reads the second and answers nothing."""

    def handler(connection: socket.socket) -> None:
        while (request := read_request(connection))[0]:
            asked.append(request[1])
            if len(asked) == 2:
                return
            connection.sendall(reply(200, b"{}") + (extra if len(asked) == 1 else b""))

    return handler


EXTRA = {
    "the reply again": reply(200, b"{}"),
    "a refusal": reply(429),
    "the beginning of a reply": b"HTTP/1.1 200 OK\r\nContent-Le",
    "garbage": b"garbage\r\n\r\n",
    "a line break": b"\r\n",
    "one more byte": b"x",
    "an interim reply": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("extra", EXTRA.values(), ids=EXTRA)
def test_what_comes_after_a_reply_is_not_the_next_one(extra: bytes, tls: bool) -> None:
    asked: list[bytes] = []
    handler = extra_after_first(extra, asked)
    with (
        Server(handler, tls=server_tls() if tls else None) as server,
        transport(**({"tls": client_tls()} if tls else {})) as carrier,
    ):
        assert isinstance(carrier.send(post(server.url), 5), Reply)
        assert outcome(carrier.send(post(server.url), 5)) == (Kind.CONNECTION_LOST, True)
        assert isinstance(carrier.send(post(server.url), 5), Reply)
        assert len(asked) == server.connections == 3


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n" + reply(429),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + reply(429),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(200, b"{}") + reply(429),
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
        reply(200, b"{}", {"Connection": "close"}),
    ],
    ids=["204 with a body", "chunked and more", "two lengths", "after an interim reply", "HTTP/1.0", "closed"],
)
def test_a_connection_whose_reply_was_not_clean_is_not_used_again(first: bytes) -> None:
    with Server(answering(first)) as server, transport() as carrier:
        for _ in range(3):
            answer = carrier.send(post(server.url), 5)
            assert isinstance(answer, Reply) and answer.status in (200, 204)
        assert server.connections == 3


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_reply_that_comes_between_two_requests_is_not_the_next_one(tls: bool) -> None:
    said = threading.Event()

    def handler(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or the second comes with the next request
        while read_request(connection)[0]:
            connection.sendall(reply(200, b"{}"))
            connection.sendall(reply(429))
            said.set()

    with (
        Server(handler, tls=server_tls() if tls else None) as server,
        transport(**({"tls": client_tls()} if tls else {})) as carrier,
    ):
        for _ in range(3):
            answer = carrier.send(post(server.url), 5)
            assert isinstance(answer, Reply) and answer.status == 200
            assert said.wait(5)
            said.clear()
        assert server.connections == 3


def test_a_server_that_speaks_before_it_is_asked_is_handed_nothing() -> None:
    asked: list[str] = []
    spoken = threading.Event()

    def handler(connection: socket.socket) -> None:
        connection.sendall(reply(200, b"{}"))
        spoken.set()
        asked.append(read_request(connection)[0])

    def gate(seconds: float) -> None:
        assert spoken.wait(seconds)
        spoken.clear()

    with Server(handler) as server, transport() as carrier:
        answer = carrier.send(post(server.url), 5, gate)
        assert outcome(answer) == (Kind.UNAVAILABLE, False)
        assert server.connections == 2
    assert set(asked) <= {""}


# Nothing that shows


def test_representations_show_no_headers_and_no_body() -> None:
    request = Request("POST", "https://h.example/contacts", {"X": "canary"}, b"canary")
    shown = repr(request) + repr(Reply(200, {"set-cookie": "canary"}, b"canary"))
    assert "POST" in shown and "200" in shown and "canary" not in shown


def test_no_failure_and_no_log_holds_what_was_sent_or_answered(caplog: pytest.LogCaptureFixture) -> None:
    echo = b"ada@canary.example " + KEY.encode() + b"\r\n\r\n"
    with caplog.at_level(logging.DEBUG):
        answers = [
            call(after_request(echo)),
            call(after_request(b"HTTP/1.1 200 OK\r\nContent-Length: " + echo)),
            call(after_request(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + echo)),
            call(reset),
            call(answering(reply(200, echo))),
        ]
    assert [type(answer) for answer in answers] == [Failure, Failure, Failure, Failure, Reply]
    for text in [*map(repr, answers), *(a.detail for a in answers if isinstance(a, Failure)), caplog.text]:
        assert "canary" not in text


def test_requests_and_answers_do_not_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Reply(200, {}, b"").status = 201  # type: ignore[misc]


# Endpoints


@pytest.mark.parametrize(
    "url",
    [
        "https://api.emarsys.net",
        "https://eu.conversation.api.sinch.com/v1/",
        "https://example.com:8443",
        "https://bücher.example",
        "https://[2001:db8::1]:443",
        "http://127.0.0.1:8080",
        "http://127.8.9.10/api",
        "http://localhost:80",
        "http://[::1]:9",
    ],
)
def test_a_usable_endpoint(url: str) -> None:
    check_endpoint(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.emarsys.net",
        "/api",
        "http://api.emarsys.net",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1\\@example.com",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:canary@example.com",
        "https://example.com?canary=1",
        "https://example.com/#canary",
        "https://example.com/?",
        "https://exa mple.com",
        "https://example.com\n",
        "https://example.com\r\nX: y",
        "https://example..com",
        "https://" + "a" * 64 + ".com",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:port",
    ],
)
def test_an_endpoint_that_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_endpoint(url)
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_secret_that_the_reply_quotes_is_taken_out_of_it(status: int) -> None:
    secret = "Canary/k&y+4711"
    said = (
        f'{{"a": "{secret}", "b": "x{secret.upper()}x", "c": "Canary%2fk%26y%2B4711 Canary%252Fk%2526y%252B4711", '
        '"d": "canary", "e": "Canary\\/k&y+4711 Canary\\\\/k&y+4711 Canary/k&amp;y+4711"}'
    ).encode()
    carrier = HttpTransport(BearerKey(Secret(secret)))
    with Server(answering(reply(status, said))) as server:
        answer = carrier.send(post(server.url), 5)
        carrier.close()
    assert isinstance(answer, Reply)
    assert answer.body == b'{"a": "***", "b": "x***x", "c": "*** ***", "d": "canary", "e": "*** *** ***"}'


def test_a_secret_as_short_as_a_word_of_the_vendors_leaves_the_reply_as_it_is() -> None:
    carrier = HttpTransport(BearerKey(Secret("data")))
    with Server(answering(reply(200, b'{"data": {}}'))) as server:
        answer = carrier.send(post(server.url), 5)
        carrier.close()
    assert isinstance(answer, Reply) and answer.body == b'{"data": {}}'
