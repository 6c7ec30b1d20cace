"""The server around the mocks: routes, refusals in each vendor's shape, credentials, oracle, and how it is started."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest

from headcount.errors import UsageError
from headcount.mock import build, credentials_environment, describe, run, serve
from headcount.mock.contract import Contract
from headcount_api import specs

FORM = {"grant_type": "client_credentials"}
PABBLY = {"Authorization": "Bearer mock-key"}
SINCH_PATH = "/v1/projects/mock-project/contacts"
SINCH_BATCH = {"contacts": [{"channel_identities": [{"channel": "SMS", "identity": "1"}], "language": "EN"}]}


def bearer(url: str, client: str, secret: str = "mock-secret") -> dict[str, str]:
    reply = httpx.post(f"{url}/oauth2/token", data=FORM, auth=(client, secret))
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def test_all_vendors_on_one_port_each_with_its_own_store() -> None:
    with serve("emarsys", "pabbly", "sinch") as mock:
        emarsys, sinch = bearer(mock.url, "mock-client"), bearer(mock.url, "mock-key-id")
        contacts = {"contacts": [{"3": "ada@example.com"}]}
        assert httpx.post(f"{mock.url}/api/v3/contact", json=contacts, headers=emarsys).status_code == 200
        assert httpx.post(f"{mock.url}{SINCH_PATH}", json=SINCH_BATCH, headers=sinch).status_code == 200
        assert httpx.post(f"{mock.url}{SINCH_PATH}", json=SINCH_BATCH, headers=emarsys).status_code == 401
        assert httpx.post(f"{mock.url}/api/v3/contact", json=contacts, headers=sinch).status_code == 401
        assert httpx.post(f"{mock.url}/api/v1/contacts", json={"mobile": "1"}, headers=PABBLY).status_code == 200
        keys = {name: [write.key for write in store.writes] for name, store in mock.stores.items()}
        assert mock.stores["sinch"].answers == {200: 2, 401: 1}
    assert keys == {"emarsys": ["ada@example.com"], "pabbly": ["1"], "sinch": ["SMS:1"]}


def test_only_the_named_vendors_are_served() -> None:
    with serve("pabbly") as mock:
        assert list(mock.vendors) == ["pabbly"]
        assert httpx.post(f"{mock.url}/oauth2/token", data=FORM).status_code == 404


def test_one_spec_has_a_port_to_itself() -> None:
    with serve(specs=["sinch_batch"]) as batch, serve(specs=["sinch_conversation"]) as conversation:
        assert list(batch.vendors) == ["sinch"]
        sinch = bearer(batch.url, "mock-key-id")
        created = httpx.post(f"{batch.url}{SINCH_PATH}", json=SINCH_BATCH, headers=sinch)
        listed = httpx.get(f"{batch.url}{SINCH_PATH}", headers=sinch)
        assert (created.status_code, listed.status_code, listed.headers["Allow"]) == (200, 405, "DELETE, POST")
        sinch = bearer(conversation.url, "mock-key-id")
        assert httpx.post(f"{conversation.url}{SINCH_PATH}", json=SINCH_BATCH, headers=sinch).status_code == 400
        assert httpx.get(f"{conversation.url}{SINCH_PATH}", headers=sinch).json()["contacts"] == []
    lines = describe([], "http://127.0.0.1:1", ["pabbly_chatflow"])
    assert lines == ["pabbly: http://127.0.0.1:1/api/v1", "  PABBLY_API_KEY=mock-key"]


def test_a_spec_alone_has_its_token_server_at_its_own_address_too() -> None:
    asked = {"data": FORM, "auth": ("mock-client", "mock-secret")}
    with serve(specs=["emarsys"]) as alone, serve("emarsys") as mock:
        statuses = [httpx.post(f"{each.url}/api/v3/oauth2/token", **asked).status_code for each in (alone, mock)]
        assert httpx.get(f"{alone.url}/api/v3/oauth2/token").headers["Allow"] == "POST"
        assert httpx.post(f"{alone.url}/api/v3/nothing", **asked).status_code == 404
    assert statuses == [200, 404]


def test_the_same_without_a_server() -> None:
    mock = build(specs=["pabbly_chatflow"], faults={"pabbly": {"existing": ["1"]}})

    async def ask(path: str) -> int:
        transport = httpx.ASGITransport(mock.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://mock", headers=PABBLY) as client:
            return (await client.get(path)).status_code

    assert [asyncio.run(ask(path)) for path in ("/api/v1/contacts/", "/api/v3/contact")] == [200, 404]
    assert mock.vendors["pabbly"].store.answers == {200: 1}


@pytest.mark.parametrize(
    ("path", "member"),
    [("/api/v3/nothing", "replyCode"), ("/api/v1/nothing", "status"), ("/v1/projects/a/b/c", "error")],
)
def test_an_unknown_path_is_404_in_the_shape_of_its_vendor(path: str, member: str) -> None:
    with serve() as mock:
        reply = httpx.get(mock.url + path)
    assert reply.status_code == 404
    assert member in reply.json()


def test_an_unknown_path_is_answered_by_the_vendor_whose_paths_are_most_like_it() -> None:
    # The base of this one is the whole of `/v1`; the paths of Sinch, which has no base, say more of it.
    document = {**specs.load("pabbly_chatflow"), "servers": [{"url": "https://other.example/v1/projects"}]}
    assert Contract.compile(document).nearness("/v1/projects/a/b/c") == 2
    assert Contract.of("sinch_batch").nearness("/v1/projects/a/b/c") == 3
    assert Contract.of("sinch_batch").nearness("/v2") == 0


def test_a_wrong_method_is_405_with_what_is_allowed() -> None:
    with serve() as mock:
        pabbly = httpx.delete(f"{mock.url}/api/v1/contacts")
        sinch = httpx.patch(f"{mock.url}{SINCH_PATH}")
        token = httpx.get(f"{mock.url}/oauth2/token")
    assert (pabbly.status_code, pabbly.headers["Allow"]) == (405, "POST")
    assert (sinch.status_code, sinch.headers["Allow"]) == (405, "DELETE, GET, POST")
    assert (token.status_code, token.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"mobile": "1"}', "application/json; charset=utf-8", 200),
        (b'{"mobile": "1"}', "text/plain", 415),
        (b'{"mobile": "1"}', "", 415),
        (b'{"mobile": "1"', "application/json", 400),
        (b"", "application/json", 400),
        (b'{"mobile": "1", "name": NaN}', "application/json", 400),
        (b'{"mobile": "\\ud800"}', "application/json", 400),
        (b'{"mobile": "\\ud83d\\ude00 1"}', "application/json", 200),
        (b'{"mobile": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[1e999]", "application/json", 400),
    ],
)
def test_bodies(content: bytes, media_type: str, status: int) -> None:
    with serve("pabbly") as mock:
        headers = PABBLY | {"Content-Type": media_type}
        reply = httpx.post(f"{mock.url}/api/v1/contacts", content=content, headers=headers)
    assert reply.status_code == status
    assert reply.json()["status"] == ("success" if status == 200 else "error")


def test_a_body_over_the_limit_is_413_and_its_reply_arrives() -> None:
    with serve("pabbly", faults={"pabbly": {"body_limit": 1000}}) as mock:
        huge = [{"mobile": str(number), "name": "x" * 1000} for number in range(1, 3000)]
        reply = httpx.post(f"{mock.url}/api/v1/contacts", json=huge, headers=PABBLY)
        assert mock.stores["pabbly"].writes == []
        small = httpx.post(f"{mock.url}/api/v1/contacts", json={"mobile": "1"}, headers=PABBLY)
    assert (reply.status_code, reply.json()["status"], small.status_code) == (413, "error", 200)


def test_forgetting_keeps_counts_and_nothing_else() -> None:
    with serve("pabbly", faults={"pabbly": {"forget": True}}) as mock:
        for _ in range(2):
            reply = httpx.post(f"{mock.url}/api/v1/contacts", json=[{"mobile": "1"}] * 3, headers=PABBLY)
            assert len(reply.json()["data"]["createdContacts"]) == 3
        store = mock.stores["pabbly"]
        assert (store.created, store.writes, store.contacts, store.answers) == (6, [], {}, {200: 2})


def test_the_log_is_whole_when_many_write_and_one_reads() -> None:
    def send(first: int) -> None:
        with httpx.Client(base_url=mock.url, headers=PABBLY) as client:
            for number in range(first, first + 25):
                client.post("/api/v1/contacts", json={"mobile": str(number)})

    with serve("pabbly") as mock:
        threads = [threading.Thread(target=send, args=(first,)) for first in (100, 200, 300, 400)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            writes = mock.stores["pabbly"].writes
            assert [each.request for each in writes] == list(range(1, len(writes) + 1))
        assert len(mock.stores["pabbly"].writes) == 100


def test_documented_credentials_and_others_in_their_place() -> None:
    assert credentials_environment("emarsys") == {
        "EMARSYS_CLIENT_ID": "mock-client",
        "EMARSYS_CLIENT_SECRET": "mock-secret",
        "EMARSYS_USERNAME": "mock-user",
        "EMARSYS_SECRET": "mock-secret",
    }
    assert credentials_environment("pabbly") == {"PABBLY_API_KEY": "mock-key"}
    assert credentials_environment("sinch") == {
        "SINCH_PROJECT_ID": "mock-project",
        "SINCH_KEY_ID": "mock-key-id",
        "SINCH_KEY_SECRET": "mock-secret",
        "SINCH_REGION": "us",
    }
    # The same client id for two vendors: its token opens both.
    same = {"SINCH_KEY_ID": "one", "EMARSYS_CLIENT_ID": "one", "PABBLY_API_KEY": "two"}
    with serve(credentials=same) as mock:
        token = bearer(mock.url, "one")
        lookup = {"key_id": "3", "external_ids": ["a"]}
        assert httpx.get(f"{mock.url}{SINCH_PATH}", headers=token).status_code == 200
        assert httpx.post(f"{mock.url}/api/v3/contact/checkids", json=lookup, headers=token).status_code == 200
        assert httpx.get(f"{mock.url}/api/v1/contacts/", headers=PABBLY).status_code == 401


def test_lines_for_people() -> None:
    assert describe(["pabbly", "emarsys"], "http://127.0.0.1:1") == [
        "pabbly: http://127.0.0.1:1/api/v1",
        "  PABBLY_API_KEY=mock-key",
        "emarsys: http://127.0.0.1:1/api/v2 http://127.0.0.1:1/api/v3",
        "  EMARSYS_CLIENT_ID=mock-client",
        "  EMARSYS_CLIENT_SECRET=mock-secret",
        "  EMARSYS_USERNAME=mock-user",
        "  EMARSYS_SECRET=mock-secret",
    ]


def test_what_cannot_be_served_is_one_line() -> None:
    with serve("pabbly") as mock:
        taken = int(mock.url.rpartition(":")[2])
        wrong: list[Any] = [
            lambda: serve("nobody").__enter__(),
            lambda: serve(specs=["nothing"]).__enter__(),
            lambda: serve("pabbly", specs=["emarsys"]).__enter__(),
            lambda: serve(faults={"nobody": {}}).__enter__(),
            lambda: serve(port=taken).__enter__(),
            lambda: run(["pabbly"], taken),
            lambda: describe(["nobody"], ""),
            lambda: credentials_environment("nobody"),
        ]
        for start in wrong:
            with pytest.raises(UsageError) as raised:
                start()
            assert "\n" not in str(raised.value)


def test_running_until_a_signal() -> None:
    code = "from headcount.mock import run\nrun(['pabbly'], 0, announce=lambda url: print(url, flush=True))\n"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    url = process.stdout.readline().strip()
    reply = httpx.Client(transport=httpx.HTTPTransport(retries=20)).get(f"{url}/api/v1/contacts/", headers=PABBLY)
    assert reply.status_code == 200
    process.terminate()
    process.communicate(timeout=5)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_the_import_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import headcount.mock"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = result.stderr.strip().splitlines()[-1]
    assert last.endswith(f"headcount.mock needs {missing}: pip install 'headcount[mock]'")
