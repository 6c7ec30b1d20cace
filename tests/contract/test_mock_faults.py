"""Faults by schedule, over raw and real sockets, and the files that they are read from."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from headcount.errors import UsageError
from headcount.mock import Fault, MockServer, read_faults_file, serve

PATH = "/api/v1/contacts"


@contextmanager
def pabbly(*faults: Any, **switches: Any) -> Iterator[tuple[httpx.Client, MockServer]]:
    with (
        serve("pabbly", faults={"pabbly": {"faults": faults, **switches}}) as mock,
        httpx.Client(base_url=mock.url, headers={"Authorization": "Bearer mock-key"}, timeout=5) as client,
    ):
        yield client, mock


def statuses(client: httpx.Client, calls: int) -> list[int]:
    return [client.post(PATH, json={"mobile": str(number)}).status_code for number in range(1, calls + 1)]


def raw_exchange(mock: MockServer) -> bytes:
    """All bytes that one POST gets back; raises what the socket raises."""
    body = b'{"mobile":"1"}'
    head = f"POST {PATH} HTTP/1.1\r\nHost: mock\r\nAuthorization: Bearer mock-key\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", int(mock.url.rpartition(":")[2])), timeout=5) as connection:
        connection.sendall(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"nth": 2}, [200, 503, 200, 200, 200, 200]),
        ({"first": 2, "last": 4}, [200, 503, 503, 503, 200, 200]),
        ({"first": 5}, [200, 200, 200, 200, 503, 503]),
        ({"every": 3}, [200, 200, 503, 200, 200, 503]),
    ],
)
def test_schedules(fault: dict[str, int], expected: list[int]) -> None:
    with pabbly({"status": 503, **fault}) as (client, mock):
        assert statuses(client, 6) == expected
        stored = [number for number, status in enumerate(expected, start=1) if status == 200]
        writes = mock.stores["pabbly"].writes
        assert [(each.request, each.key) for each in writes] == [(number, str(number)) for number in stored]
        assert mock.stores["pabbly"].answers == {200: expected.count(200), 503: expected.count(503)}


def test_the_first_fault_that_falls_on_a_call_happens() -> None:
    with pabbly(Fault(nth=2, status=500), Fault(status=503)) as (client, _):
        assert statuses(client, 3) == [503, 500, 503]


def test_a_fault_of_one_operation_counts_that_operation_alone() -> None:
    with pabbly(Fault(operation="createContacts", nth=2, status=503)) as (client, mock):
        assert client.get(f"{PATH}/").status_code == 200
        assert statuses(client, 3) == [200, 503, 200]
        assert [each.request for each in mock.stores["pabbly"].writes] == [2, 4]


def test_a_fault_of_the_token_call() -> None:
    fault = Fault(operation="createToken", nth=1, status=429, body="slow down", headers={"Retry-After": "1"})
    with serve("sinch", faults={"sinch": {"faults": [fault]}}) as mock:
        form, key = {"grant_type": "client_credentials"}, ("mock-key-id", "mock-secret")
        replies = [httpx.post(f"{mock.url}/oauth2/token", data=form, auth=key) for _ in range(2)]
    assert [each.status_code for each in replies] == [429, 200]
    assert (replies[0].text, replies[0].headers["Retry-After"]) == ("slow down", "1")


def test_a_literal_reply() -> None:
    fault = Fault(status=418, headers={"X-Odd": "yes", "Content-Type": "text/x-odd"}, body="té")
    with pabbly(fault) as (client, _):
        reply = client.post(PATH, json={"mobile": "1"})
    assert (reply.status_code, reply.content) == (418, "té".encode())
    assert (reply.headers["X-Odd"], reply.headers["Content-Type"]) == ("yes", "text/x-odd")


@pytest.mark.parametrize(
    ("answer", "status", "media_type"),
    [("html", 200, "text/html"), ("bad_gateway", 502, "text/html"), ("unavailable", 503, "text/html")],
)
def test_pages_of_something_in_between(answer: str, status: int, media_type: str) -> None:
    with pabbly(Fault(answer=answer)) as (client, mock):
        reply = client.post(PATH, json={"mobile": "1"})
        assert mock.stores["pabbly"].writes == []
    assert reply.status_code == status
    assert reply.headers["Content-Type"].startswith(media_type)
    assert reply.text.startswith("<html>")


def test_a_redirect_and_one_to_a_place_of_the_callers() -> None:
    faults = (
        Fault(nth=1, answer="redirect"),
        Fault(nth=2, answer="redirect", status=301, headers={"Location": "/there"}),
    )
    with pabbly(*faults) as (client, mock):
        first, second = (client.post(PATH, json={"mobile": "1"}) for _ in range(2))
        assert mock.stores["pabbly"].writes == []
    assert (first.status_code, first.headers["Location"]) == (307, "http://127.0.0.1:9/elsewhere")
    assert (second.status_code, second.headers["Location"]) == (301, "/there")


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_reply_that_is_replaced_before_or_after_the_contact_is_stored(carried_out: bool) -> None:
    with pabbly(Fault(status=500, carried_out=carried_out)) as (client, mock):
        assert client.post(PATH, json={"mobile": "1"}).status_code == 500
        assert len(mock.stores["pabbly"].writes) == carried_out


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_close_without_a_reply(carried_out: bool) -> None:
    with pabbly(Fault(ending="close", carried_out=carried_out, nth=1)) as (client, mock):
        assert raw_exchange(mock) == b""
        assert len(mock.stores["pabbly"].writes) == carried_out
        assert mock.stores["pabbly"].answers == {0: 1}
        assert client.post(PATH, json={"mobile": "2"}).status_code == 200


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_reset_without_a_reply(carried_out: bool) -> None:
    with pabbly(Fault(ending="reset", carried_out=carried_out)) as (_, mock):
        with pytest.raises(ConnectionResetError):
            raw_exchange(mock)
        assert len(mock.stores["pabbly"].writes) == carried_out


def test_a_truncated_reply_is_the_true_one_cut_in_half() -> None:
    with pabbly(Fault(nth=1, ending="truncate")) as (_, mock):
        head, _, body = raw_exchange(mock).partition(b"\r\n\r\n")
        assert len(mock.stores["pabbly"].writes) == 1
    assert head.startswith(b"HTTP/1.1 200")
    promised = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert body.startswith(b'{"status":"success"')
    assert len(body) == promised // 2


@pytest.mark.parametrize("carried_out", [False, True])
def test_silence(carried_out: bool) -> None:
    with pabbly(Fault(nth=1, ending="hang", carried_out=carried_out)) as (client, mock):
        with pytest.raises(httpx.ReadTimeout):
            client.post(PATH, json={"mobile": "1"}, timeout=0.3)
        assert len(mock.stores["pabbly"].writes) == carried_out
        assert client.post(PATH, json={"mobile": "2"}).status_code == 200


def test_a_server_that_is_left_while_it_keeps_silent_ends_at_once() -> None:
    with pabbly(Fault(ending="hang")) as (_, mock):
        connection = socket.create_connection(("127.0.0.1", int(mock.url.rpartition(":")[2])))
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: mock\r\nContent-Length: 0\r\n\r\n".encode())
        time.sleep(0.1)
        left = time.monotonic()
    assert time.monotonic() - left < 2
    connection.close()


def test_a_delay() -> None:
    with pabbly(Fault(nth=1, delay=0.3)) as (client, mock):
        began = time.monotonic()
        assert client.post(PATH, json={"mobile": "1"}).status_code == 200
        assert time.monotonic() - began >= 0.3
        assert len(mock.stores["pabbly"].writes) == 1


def test_switches_may_change_while_the_mock_runs() -> None:
    with pabbly() as (client, mock):
        assert statuses(client, 1) == [200]
        mock.vendors["pabbly"].switches.faults = (Fault(status=503),)
        assert statuses(client, 1) == [503]


def test_files_of_faults(tmp_path: Path) -> None:
    toml = tmp_path / "faults.toml"
    toml.write_text('[pabbly]\nskipped = "failed"\n[[pabbly.faults]]\nnth = 1\nstatus = 503\n', encoding="utf-8")
    same = tmp_path / "faults.json"
    same.write_text(json.dumps({"pabbly": {"skipped": "failed", "faults": [{"nth": 1, "status": 503}]}}))
    assert read_faults_file(toml) == read_faults_file(same)
    settings = read_faults_file(toml)["pabbly"]
    with pabbly(*settings.pop("faults"), **settings) as (client, _):
        assert statuses(client, 2) == [503, 200]
        again = client.post(PATH, json={"mobile": "2"}).json()
    assert again["data"]["failedCount"] == 1


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"skiped": "failed"}, "'skiped'"),
        ({"skipped": "never"}, "'never'"),
        ({"forget": "yes"}, "forget"),
        ({"faults": [{"nht": 1}]}, "'nht'"),
        ({"faults": [{"nth": "1"}]}, "nth"),
        ({"faults": [{"every": 0}]}, "every"),
        ({"faults": [{"answer": "nonsense"}]}, "'nonsense'"),
        ({"faults": [{"operation": "nonsense"}]}, "'nonsense'"),
        ({"faults": 3}, "faults"),
        (7, "pabbly"),
    ],
)
def test_a_wrong_switch_is_named_in_one_line(settings: Any, word: str) -> None:
    with pytest.raises(UsageError) as raised, serve("pabbly", faults={"pabbly": settings}):
        pass
    assert word in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content"), [("a.toml", b"= 1"), ("a.json", b"{"), ("a.json", b"[1]"), ("a.toml", b"\xff")]
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for wrong in (path, tmp_path / "missing.toml"):
        with pytest.raises(UsageError) as raised:
            read_faults_file(wrong)
        assert wrong.name in str(raised.value)
        assert "\n" not in str(raised.value)
