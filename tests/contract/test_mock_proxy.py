"""The proxy in front of the mocks: what each fault of the network does to the bytes, and whether the vendor sees it."""

from __future__ import annotations

import gc
import json
import signal
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from headcount.errors import UsageError
from headcount.mock import Fault, FaultProxy, MockServer, Network, read_faults_file, serve
from tests import sockets
from tests.cli.command import Command

PATH = "/api/v1/contacts"
REFUSED, CUT, SILENT = "refused", "reset", "silent"


@contextmanager
def network(*faults: Any, **vendor: Any) -> Iterator[MockServer]:
    """Pabbly behind a network with these faults."""
    with serve("pabbly", faults={"network": {"faults": faults}, "pabbly": vendor}) as mock:
        yield mock


def port_of(mock: MockServer) -> int:
    return int(mock.url.rpartition(":")[2])


def proxy_of(mock: MockServer) -> FaultProxy:
    assert mock.proxy is not None
    return mock.proxy


def keys(mock: MockServer) -> list[str]:
    return [write.key for write in mock.stores["pabbly"].writes]


def request(mobile: str = "1", padding: int = 0) -> bytes:
    body = json.dumps({"mobile": mobile, "name": "x" * padding}).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer mock-key\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def raw(mock: MockServer, mobile: str = "1", *, timeout: float = 5) -> bytes | str:
    """All bytes that one POST gets on a connection of its own, or how the connection ended without any."""
    try:
        with socket.create_connection(("127.0.0.1", port_of(mock)), timeout=timeout) as connection:
            connection.sendall(request(mobile))
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received
    except ConnectionRefusedError:
        return REFUSED
    except TimeoutError:
        return SILENT
    except OSError:  # the reset may come before the sending, or the end of it
        return CUT


def statuses(mock: MockServer, calls: int) -> list[int | str]:
    """The status of each of these calls, made over one connection while it lasts."""
    seen: list[int | str] = []
    with httpx.Client(base_url=mock.url, headers={"Authorization": "Bearer mock-key"}, timeout=5) as client:
        for number in range(1, calls + 1):
            try:
                seen.append(client.post(PATH, json={"mobile": str(number)}).status_code)
            except httpx.TransportError as error:
                seen.append(type(error).__name__)
    return seen


def test_without_faults_it_hands_on_bytes_as_they_are() -> None:
    with network() as mock, serve("pabbly") as plain:
        behind, direct = raw(mock), raw(plain)
        assert isinstance(behind, bytes) and isinstance(direct, bytes)
        assert behind.partition(b"\r\n")[0] == direct.partition(b"\r\n")[0] == b"HTTP/1.1 200 OK"
        assert len(behind) == len(direct)
        assert statuses(mock, 3) == [200, 200, 200]
        assert keys(mock) == ["1", "2", "3"]
        assert proxy_of(mock).happened == []
        assert proxy_of(mock).connections == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"nth": 2}, [200, 503, 200, 200, 200, 200]),
        ({"first": 2, "last": 4}, [200, 503, 503, 503, 200, 200]),
        ({"every": 3}, [200, 200, 503, 200, 200, 503]),
    ],
)
def test_schedules_of_calls(fault: dict[str, int], expected: list[int]) -> None:
    with network({"status": 503, **fault}) as mock:
        assert statuses(mock, 6) == expected
        assert keys(mock) == [str(number) for number, status in enumerate(expected, start=1) if status == 200]
        happened = [number for number, status in enumerate(expected, start=1) if status == 503]
        assert [(each.number, each.handed_on) for each in proxy_of(mock).happened] == [(at, False) for at in happened]


def test_a_fault_of_one_operation_counts_that_operation_alone() -> None:
    with network(Fault(operation="listContacts", nth=2, status=503)) as mock:
        assert statuses(mock, 2) == [200, 200]
        headers = {"Authorization": "Bearer mock-key"}
        assert [httpx.get(f"{mock.url}{PATH}/", headers=headers).status_code for _ in range(3)] == [200, 503, 200]


def test_token_calls_are_counted_by_name_only() -> None:
    faults = {"faults": [Fault(nth=1, status=503), Fault(operation="createToken", nth=2, status=418)]}
    with serve("sinch", faults={"network": faults}) as mock:
        form, key = {"grant_type": "client_credentials"}, ("mock-key-id", "mock-secret")
        replies = [httpx.post(f"{mock.url}/oauth2/token", data=form, auth=key).status_code for _ in range(3)]
        call = httpx.post(f"{mock.url}/v1/projects/p/contacts", json={})
    assert replies == [200, 418, 200]
    assert call.status_code == 503


# Connections


def test_a_refused_connection_and_the_next_when_the_time_is_over() -> None:
    with network(Fault(ending="refuse", nth=2, delay=0.4)) as mock:
        assert isinstance(raw(mock, "1"), bytes)
        began = time.monotonic()
        while (answer := raw(mock, "2")) == REFUSED:
            time.sleep(0.02)
        assert time.monotonic() - began >= 0.3
        assert isinstance(answer, bytes)
        assert isinstance(raw(mock, "3"), bytes)
        assert keys(mock) == ["1", "2", "3"]
        assert [each.number for each in proxy_of(mock).happened] == [2]


def test_a_port_that_refuses_from_the_start_and_ever_after() -> None:
    with network(Fault(ending="refuse")) as mock:
        assert [raw(mock) for _ in range(3)] == [REFUSED] * 3
        assert keys(mock) == []


def test_a_kept_connection_outlives_a_refusal_of_others() -> None:
    with network(Fault(ending="refuse", nth=2)) as mock:
        assert statuses(mock, 3) == [200, 200, 200]
        assert raw(mock) == REFUSED


def test_a_reset_on_accept() -> None:
    with network(Fault(ending="reset_on_accept", first=1, last=2)) as mock:
        assert [raw(mock), raw(mock)] == [CUT, CUT]
        assert isinstance(raw(mock, "3"), bytes)
        assert keys(mock) == ["3"]
        assert [(each.number, each.handed_on) for each in proxy_of(mock).happened] == [(1, False), (2, False)]


# Requests


@pytest.mark.parametrize(("ending", "seen"), [("reset", CUT), ("hang", SILENT)])
@pytest.mark.parametrize("size", [0, 5])
def test_what_ends_within_the_body_of_a_request_never_reaches_the_vendor(ending: str, seen: str, size: int) -> None:
    with network({"ending": ending, "size": size, "nth": 1}) as mock:
        with socket.create_connection(("127.0.0.1", port_of(mock)), timeout=0.3) as connection:
            head, _, body = request().partition(b"\r\n\r\n")
            connection.sendall(head + b"\r\n\r\n" + body[:5])
            if ending == "reset":
                with pytest.raises(ConnectionResetError):
                    connection.recv(1)
            else:
                with pytest.raises(TimeoutError):
                    connection.recv(1)
        assert isinstance(raw(mock, "2"), bytes)
        assert keys(mock) == ["2"]


def test_a_reset_while_a_large_body_is_sent() -> None:
    with network(Fault(ending="reset", size=100_000)) as mock:
        connection = socket.create_connection(("127.0.0.1", port_of(mock)), timeout=5)
        with connection, pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(request(padding=8_000_000))
        assert keys(mock) == []


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize(("ending", "seen"), [("close", b""), ("reset", CUT), ("hang", SILENT)])
def test_no_reply_to_a_whole_request(ending: str, seen: bytes | str, carried_out: bool) -> None:
    with network({"ending": ending, "carried_out": carried_out, "nth": 1}) as mock:
        with socket.create_connection(("127.0.0.1", port_of(mock)), timeout=0.4) as connection:
            connection.sendall(request())
            try:
                assert connection.recv(1) == seen
            except ConnectionResetError:
                assert seen == CUT
            except TimeoutError:
                assert seen == SILENT
        assert keys(mock) == ["1"] * carried_out
        assert [each.handed_on for each in proxy_of(mock).happened] == [carried_out]
        assert isinstance(raw(mock, "2"), bytes)


def test_a_body_of_unsaid_length_is_refused() -> None:
    with network() as mock:
        reply = httpx.post(mock.url + PATH, content=iter([b"{}"]))
        assert reply.status_code == 411


# Replies


def whole_reply() -> bytes:
    with network() as mock:
        reply = raw(mock)
    assert isinstance(reply, bytes)
    return reply


@pytest.mark.parametrize("size", [0, 9, 60, 200])
def test_a_reply_is_cut_after_so_many_bytes(size: int) -> None:
    with network(Fault(ending="truncate", size=size)) as mock:
        cut = raw(mock)
        assert isinstance(cut, bytes)
        assert (len(cut), cut[:9]) == (size, b"HTTP/1.1 "[:size])
        assert keys(mock) == ["1"]


def test_a_reply_is_cut_in_half() -> None:
    with network(Fault(ending="truncate")) as mock:
        cut = raw(mock)
        assert isinstance(cut, bytes)
        head, _, body = cut.partition(b"\r\n\r\n")
        assert b"200 OK" in head
        assert len(body) == len(whole_reply().partition(b"\r\n\r\n")[2]) // 2


def test_a_dripping_head_and_a_dripping_body() -> None:
    arrivals: list[list[tuple[float, int]]] = []
    for ending in ("drip_head", "drip_body"):
        with network(Fault(ending=ending, size=50, delay=0.02)) as mock:
            with socket.create_connection(("127.0.0.1", port_of(mock)), timeout=5) as connection:
                connection.sendall(request())
                connection.shutdown(socket.SHUT_WR)
                pieces = []
                while piece := connection.recv(65536):
                    pieces.append((time.monotonic(), len(piece)))
            assert keys(mock) == ["1"]
        arrivals.append(pieces)
    size = len(whole_reply())
    head = size - len(whole_reply().partition(b"\r\n\r\n")[2])
    for pieces, first in zip(arrivals, (50, head), strict=True):
        assert sum(length for _, length in pieces) == size
        assert first <= pieces[0][1] <= first + 50
        assert pieces[-1][0] - pieces[0][0] >= 0.02 * ((size - first) // 50 - 1)


@pytest.mark.parametrize(("ending", "spoilt"), [("garble_head", 0), ("garble_body", 1)])
def test_garbled_bytes(ending: str, spoilt: int) -> None:
    with network({"ending": ending, "size": 4}) as mock:
        reply = raw(mock)
        assert keys(mock) == ["1"]
    assert isinstance(reply, bytes)
    head, _, body = reply.partition(b"\r\n\r\n")
    assert (head[:8], body[:9])[spoilt] not in (b"HTTP/1.1", b'{"status"')
    assert (head[4:8], body[4:9])[spoilt] == (b"/1.1", b'atus"')[spoilt]
    assert (head[:8], body[:9])[1 - spoilt] == (b"HTTP/1.1", b'{"status"')[1 - spoilt]


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_literal_reply_in_the_vendors_place(carried_out: bool) -> None:
    fault = Fault(status=307, headers={"Location": "/there"}, body="gone", carried_out=carried_out)
    with network(fault) as mock:
        reply = httpx.post(mock.url + PATH, json={"mobile": "1"}, headers={"Authorization": "Bearer mock-key"})
        assert keys(mock) == ["1"] * carried_out
    assert (reply.status_code, reply.headers["Location"], reply.text) == (307, "/there", "gone")


def test_a_late_reply() -> None:
    with network(Fault(delay=0.3)) as mock:
        began = time.monotonic()
        assert statuses(mock, 1) == [200]
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_bomb_and_a_compressed_one(carried_out: bool) -> None:
    for ending in ("bomb", "gzip_bomb"):
        with network({"ending": ending, "size": 3_000_000, "carried_out": carried_out}) as mock:
            reply = raw(mock)
            assert keys(mock) == ["1"] * carried_out
        assert isinstance(reply, bytes)
        head, _, body = reply.partition(b"\r\n\r\n")
        if ending == "gzip_bomb":
            assert b"Content-Encoding: gzip" in head and len(body) < 10_000
            body = zlib.decompress(body, wbits=31)
        assert body == b"0" * 3_000_000


def test_a_reply_without_end_goes_on_until_the_client_leaves(caplog: pytest.LogCaptureFixture) -> None:
    with network(Fault(ending="bomb", nth=1)) as mock:
        with socket.create_connection(("127.0.0.1", port_of(mock)), timeout=5) as connection:
            connection.sendall(request())
            received = 0
            while received < 5_000_000:
                received += len(connection.recv(1 << 20))
        assert isinstance(raw(mock, "2"), bytes)
    gc.collect()
    assert caplog.records == []


# Behind and around it


@pytest.mark.parametrize(("ending", "seen"), [("close", b""), ("reset", CUT)])
def test_faults_of_the_vendor_come_through(ending: str, seen: bytes | str) -> None:
    with network(faults=[{"ending": ending, "carried_out": True}]) as mock:
        assert raw(mock) == seen
        assert keys(mock) == ["1"]


def test_a_cut_reply_of_the_vendor_comes_through_cut() -> None:
    with network(faults=[{"ending": "truncate"}]) as mock:
        cut = raw(mock)
    assert isinstance(cut, bytes)
    head, _, body = cut.partition(b"\r\n\r\n")
    assert int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) // 2 == len(body)


def test_it_stands_in_front_of_any_server() -> None:
    with (
        sockets.Server(sockets.answering(sockets.reply(200, b"one"), sockets.reply(204))) as server,
        FaultProxy(server.port, Network(faults=(Fault(nth=3, status=503),))) as proxy,
        httpx.Client(base_url=proxy.url) as client,
    ):
        assert [client.get("/").status_code for _ in range(4)] == [200, 204, 503, 204]


def test_faults_may_change_while_it_runs() -> None:
    with network() as mock:
        assert statuses(mock, 1) == [200]
        proxy_of(mock).network.faults = (Fault(status=503),)
        assert statuses(mock, 1) == [503]


def test_many_connections_at_once() -> None:
    with network(Fault(every=2, delay=0.05)) as mock:
        threads = [threading.Thread(target=raw, args=(mock, str(number))) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(keys(mock)) == sorted(map(str, range(20)))


def test_a_proxy_that_is_left_while_it_keeps_silent_ends_at_once() -> None:
    with network(Fault(ending="hang")) as mock:
        connection = socket.create_connection(("127.0.0.1", port_of(mock)))
        connection.sendall(request())
        time.sleep(0.1)
        left = time.monotonic()
    assert time.monotonic() - left < 2
    connection.close()


def test_the_table_of_a_faults_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text('[[network.faults]]\nnth = 2\nending = "garble_head"\n[[pabbly.faults]]\nnth = 3\nstatus = 503\n')
    with serve("pabbly", faults=read_faults_file(path)) as mock:
        assert statuses(mock, 3) == [200, "RemoteProtocolError", 503]


def test_the_command_serves_it_until_a_signal(tmp_path: Path) -> None:
    command = Command(tmp_path)
    command.write("faults.toml", '[[network.faults]]\nfirst = 2\nending = "hang"\n')
    process = command.start("mock", "pabbly", "--faults", "faults.toml")
    assert process.stdout is not None
    port = int(process.stdout.readline().decode().partition("127.0.0.1:")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request("1"))
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        connection.sendall(request("2"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and b"Traceback" not in err


@pytest.mark.parametrize(
    ("tables", "word"),
    [
        ({"network": {"faults": [{"answer": "html"}]}}, "answers"),
        ({"network": {"faults": [{"ending": "drip_body", "size": 0}]}}, "size"),
        ({"network": {"faults": [{"ending": "reset", "size": 1, "carried_out": True}]}}, "carried out"),
        ({"network": {"faults": [{"ending": "explode"}]}}, "explode"),
        ({"network": {"forget": True}}, "'forget'"),
        ({"pabbly": {"faults": [{"ending": "bomb"}]}}, "[network]"),
        ({"pabbly": {"faults": [{"ending": "reset", "size": 1}]}}, "[network]"),
    ],
)
def test_a_wrong_fault_is_named_in_one_line(tables: Any, word: str) -> None:
    with pytest.raises(UsageError) as raised, serve("pabbly", faults=tables):
        pass
    assert word in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_port_that_is_taken_is_named() -> None:
    with (
        sockets.Server(sockets.stay_silent) as server,
        pytest.raises(UsageError, match=str(server.port)),
        serve("pabbly", port=server.port, faults={"network": {}}),
    ):
        pass
