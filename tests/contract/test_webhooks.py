"""The receiver of webhooks over real sockets, in processes of its own: what it stores, what it answers, and to whom."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import re
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from headcount import Contact, Status, load
from headcount.auth import Secret
from headcount.destinations import Sinch
from headcount.errors import JournalError, UsageError
from headcount.mock import credentials_environment, serve
from headcount.mock.sinch import Sinch as MockedSinch
from headcount.webhooks import Confirmation, Confirmations, Receiver, from_env
from tests.sockets import unused_port

SECRET = "canary-webhook-secret"
NAME = "x-sinch-webhook-signature"
PROJECT = "e2df3a34-a71b-4448-9db5-a8d2baad28e4"

EVERYTHING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": 1, "handlers": ["stderr"]},
}
"""Settings of logging that leave nothing out."""


def event(external_id: object = "x1", contact_id: object = "01FJA8B466Y0R2GNXD78MD9SM1", **changed: Any) -> bytes:
    """CONTACT_CREATE, laid out as in the vendor's test vector."""
    contact = {
        "id": contact_id,
        "channel_identities": [{"channel": "SMS", "identity": "447700900123", "app_id": ""}],
        "display_name": "Canary Name",
        "email": "canary@example.com",
        "external_id": external_id,
        "metadata": "",
        "language": "EN_US",
    }
    members: dict[str, Any] = {
        "app_id": "",
        "accepted_time": "2021-10-18T17:49:13.813615Z",
        "project_id": PROJECT,
        "contact_create_notification": {"contact": contact},
        "message_metadata": "",
    }
    return json.dumps({**members, **changed}, separators=(",", ":")).encode()


def signed(body: bytes, nonce: str, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery, signed here and now."""
    timestamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b".".join((body, nonce.encode(), timestamp.encode())), hashlib.sha256).digest()
    return {
        NAME: base64.b64encode(digest).decode(),
        f"{NAME}-nonce": nonce,
        f"{NAME}-timestamp": timestamp,
        f"{NAME}-algorithm": "HmacSHA256",
    }


@attrs.define
class Running:
    """A receiver in a process of its own, with its own connection to it."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    log: Path

    @property
    def url(self) -> str:
        return str(self.client.base_url)

    def deliver(self, body: bytes, nonce: str) -> int:
        return self.client.post("/", content=body, headers=signed(body, nonce)).status_code


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        if found := re.search(r"running on (http://\S+)", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.01)
    raise AssertionError(log.read_text(encoding="utf-8"))


@contextmanager
def receiving(path: Path, count: int = 1, *, port: int = 0, **environment: str) -> Iterator[list[Running]]:
    """So many receivers of one file, started as the documents say and ended in good order, logging all they can."""
    variables = {"SINCH_WEBHOOK_SECRET": SECRET, "HEADCOUNT_CONFIRMATIONS": str(path), **environment}
    settings = path.with_name("logging.json")
    settings.write_text(json.dumps(EVERYTHING), encoding="utf-8")
    command = [sys.executable, "-X", "dev", "-m", "uvicorn", "--factory", "headcount.webhooks:from_env"]
    command += ["--port", str(port), "--log-level", "trace", "--log-config", str(settings)]
    with ExitStack() as stack:
        started = []
        for number in range(count):
            log = path.with_name(f"log-{number}")
            with log.open("wb") as output:
                process = subprocess.Popen(command, env=os.environ | variables, stdout=output, stderr=output)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            started.append((process, log))
        yield [
            Running(process, stack.enter_context(httpx.Client(base_url=_address(process, log), timeout=30)), log)
            for process, log in started
        ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "confirmations.sqlite"


def found(path: Path, external_id: str) -> Confirmation | None:
    with Confirmations.read(path, Secret(SECRET)) as confirmations:
        return confirmations.find(external_id, 0)


def test_a_signed_creation_is_stored_and_found_while_the_receiver_runs_and_after(path: Path) -> None:
    before = time.time()
    with receiving(path) as [receiver]:
        reply = receiver.client.post("/any/path?a=b", content=event(), headers=signed(event(), "N1"))
        assert (reply.status_code, reply.content) == (200, b"")
        confirmation = found(path, "x1")
    assert confirmation is not None
    assert confirmation.vendor_id == "01FJA8B466Y0R2GNXD78MD9SM1"
    assert before <= confirmation.received <= time.time()
    assert found(path, "x1") == confirmation
    assert found(path, "x2") is None
    assert "Application shutdown complete" in receiver.log.read_text(encoding="utf-8")
    assert sorted(file.name for file in path.parent.iterdir()) == ["confirmations.sqlite", "log-0", "logging.json"]


def test_what_is_answered_is_durable_though_the_receiver_is_killed(path: Path) -> None:
    with receiving(path) as [receiver]:
        for number in range(20):
            assert receiver.deliver(event(f"x{number}"), f"N{number}") == 200
        receiver.process.kill()
        receiver.process.wait(10)
    assert all(found(path, f"x{number}") for number in range(20))


def test_what_is_not_the_vendors_is_refused_without_a_word(path: Path) -> None:
    body, now = event(), time.time()
    good = signed(body, "N1")
    bad: dict[str, tuple[bytes, dict[str, str]]] = {
        "unsigned": (body, {}),
        "another secret": (body, signed(body, "N1", secret="other")),
        "another body": (body.replace(b"x1", b"x2"), good),
        "another nonce": (body, good | {f"{NAME}-nonce": "N2"}),
        "another time": (body, good | {f"{NAME}-timestamp": str(int(now) + 1)}),
        "another algorithm": (body, good | {f"{NAME}-algorithm": "none"}),
        "half a header": (body, good | {NAME: good[NAME][:20]}),
        "too old": (body, signed(body, "N1", at=now - 330)),
        "from the future": (body, signed(body, "N1", at=now + 330)),
        "no body": (b"", good),
    }
    with receiving(path) as [receiver]:
        replies = [receiver.client.post("/", content=content, headers=headers) for content, headers in bad.values()]
        assert {(reply.status_code, reply.content) for reply in replies} == {(401, b"")}
        heads = [{name for name in reply.headers if name != "date"} for reply in replies]
        assert all(head == heads[0] for head in heads)
        assert found(path, "x1") is None
        assert found(path, "x2") is None
        assert receiver.client.post("/", content=body, headers=good).status_code == 200
    assert found(path, "x1")


def test_only_posts_of_some_size(path: Path) -> None:
    large = event("x1", padding="a" * 64 * 1024)
    whole = event("x2", padding="")
    whole = event("x2", padding="a" * (64 * 1024 - len(whole)))
    assert len(whole) == 64 * 1024
    with receiving(path) as [receiver]:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
            reply = receiver.client.request(method, "/")
            assert (reply.status_code, reply.headers["allow"]) == (405, "POST")
        assert receiver.deliver(large, "N1") == 413
        pieces = (large[start : start + 1000] for start in range(0, len(large), 1000))
        assert receiver.client.post("/", content=pieces, headers=signed(large, "N2")).status_code == 413
        assert receiver.deliver(whole, "N3") == 200
    assert found(path, "x1") is None
    assert found(path, "x2")


IGNORED = {
    "not JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "nested deeply": b"[" * 30_000,
    "not UTF-8": b'{"contact_create_notification": "\xff"}',
    "an update": event(
        contact_create_notification=None, contact_update_notification={"contact": {"external_id": "x1"}}
    ),
    "no contact": event(contact_create_notification={}),
    "no object": event(contact_create_notification=[1]),
    "no external id": event(""),
    "an external id that is null": event(None),
    "an external id that is a number": event(7),
    "an external id that is a list": event(["x1"]),
    "no id": event(contact_id=None),
    "an empty id": event(contact_id=""),
    "an id with a line break": event(contact_id="C1\n"),
    "an id with markup": event(contact_id="<b>"),
    "a very long id": event(contact_id="C" * 65),
    "an id that is true": event(contact_id=True),
    "two contacts in one": event().replace(b'"contact":{', b'"contact":{},"contact":{'),
}


def test_signed_but_not_about_a_creation_that_can_be_matched_is_taken_and_ignored(path: Path) -> None:
    with receiving(path) as [receiver]:
        statuses = {what: receiver.deliver(body, f"N{n}") for n, (what, body) in enumerate(IGNORED.items())}
        assert statuses == dict.fromkeys(IGNORED, 200)
        assert [found(path, external_id) for external_id in ("x1", "7", "", "None", "x")] == [None] * 5


def test_events_of_other_projects_are_ignored_when_the_project_is_known(path: Path) -> None:
    with receiving(path, SINCH_PROJECT_ID=PROJECT) as [receiver]:
        assert receiver.deliver(event("x1"), "N1") == 200
        assert receiver.deliver(event("x2", project_id="other"), "N2") == 200
        assert receiver.deliver(event("x3", project_id=None), "N3") == 200
    assert [found(path, name) is not None for name in ("x1", "x2", "x3")] == [True, False, False]


def test_the_secret_may_stand_in_a_file(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    with receiving(path, SINCH_WEBHOOK_SECRET="", SINCH_WEBHOOK_SECRET_FILE=str(file)) as [receiver]:
        assert receiver.deliver(event(), "N1") == 200


def test_without_settings_nothing_starts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SINCH_WEBHOOK_SECRET", raising=False)
    monkeypatch.setenv("HEADCOUNT_CONFIRMATIONS", str(path))
    with pytest.raises(UsageError, match="no SINCH_WEBHOOK_SECRET"):
        from_env()
    monkeypatch.setenv("SINCH_WEBHOOK_SECRET", SECRET)
    monkeypatch.delenv("HEADCOUNT_CONFIRMATIONS")
    with pytest.raises(UsageError, match="no HEADCOUNT_CONFIRMATIONS"):
        from_env()
    assert not path.exists()


def test_a_replay_is_answered_like_the_first_time_and_changes_nothing(path: Path) -> None:
    body, headers = event(), signed(event(), "N1")
    with receiving(path) as [receiver]:
        first = receiver.client.post("/", content=body, headers=headers)
        before = found(path, "x1")
        again = receiver.client.post("/", content=body, headers=headers)
        assert (first.status_code, first.content) == (again.status_code, again.content) == (200, b"")
        assert receiver.deliver(event(contact_id="C2"), "N1") == 200
    assert found(path, "x1") == before


def test_a_nonce_counts_for_one_of_two_processes_at_once(path: Path) -> None:
    rounds = 40
    with receiving(path, 2) as receivers, ThreadPoolExecutor(2) as both:

        def deliver(number: int, to: int) -> int:
            together.wait()
            return receivers[to].deliver(event(f"x{number}", f"C{to}"), f"N{number}")

        for number in range(rounds):
            together = threading.Barrier(2)
            assert list(both.map(deliver, [number, number], [0, 1])) == [200, 200]
        confirmations = [found(path, f"x{number}") for number in range(rounds)]
    # Had both been stored, two contacts would share an external id, and none could be named.
    assert {each.vendor_id for each in confirmations if each} <= {"C0", "C1"}
    assert None not in confirmations


def test_two_processes_store_what_comes_to_either(path: Path) -> None:
    with receiving(path, 2) as receivers, ThreadPoolExecutor(8) as many:
        numbers = range(200)
        statuses = many.map(lambda n: receivers[n % 2].deliver(event(f"x{n}", f"C{n}"), f"N{n}"), numbers)
        assert {*statuses} == {200}
        with Confirmations.read(path, Secret(SECRET)) as reader:
            for n in numbers:
                confirmation = reader.find(f"x{n}", 0)
                assert confirmation is not None
                assert confirmation.vendor_id == f"C{n}"


def test_what_cannot_be_stored_is_to_be_delivered_again_and_then_is(path: Path) -> None:
    with receiving(path) as [receiver]:
        pid = receiver.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        body, headers = event("x1"), signed(event("x1"), "N1")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
        failed = receiver.client.post("/", content=body, headers=headers)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        assert (failed.status_code, failed.content) == (503, b"")
        assert found(path, "x1") is None
        assert receiver.client.post("/", content=body, headers=headers).status_code == 200
        assert found(path, "x1")


def test_a_file_that_another_program_holds_is_5xx_until_it_lets_go(path: Path) -> None:
    with receiving(path) as [receiver]:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with ThreadPoolExecutor(1) as other:
            stuck = other.submit(receiver.deliver, event("x1"), "N1")
            # The loop is free meanwhile.
            with httpx.Client(base_url=receiver.url, timeout=30) as client:
                assert client.post("/", content=b"{}", headers=signed(b"{}", "N2")).status_code == 200
                assert not stuck.done()
            assert stuck.result() == 503
        assert time.monotonic() - started >= 4
        holder.execute("ROLLBACK")
        holder.close()
        assert receiver.deliver(event("x1"), "N1") == 200
        assert found(path, "x1")


def test_a_file_that_is_something_else_stops_the_start_in_one_clear_line(path: Path) -> None:
    path.write_text("email\nada@example.com\n" * 100, encoding="utf-8")
    with pytest.raises(AssertionError) as raised, receiving(path):
        pass
    assert "headcount.errors.JournalError: confirmations" in str(raised.value).splitlines()[-1]


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(path: Path) -> None:
    with receiving(path) as [receiver]:

        def half() -> Iterator[bytes]:
            yield event()[:50]
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            receiver.client.post("/", content=half(), headers=signed(event(), "N1"))
        assert receiver.deliver(event(), "N1") == 200
    assert "Traceback" not in receiver.log.read_text(encoding="utf-8")


def converse(app: Receiver, scope: dict[str, Any], *messages: dict[str, Any]) -> list[MutableMapping[str, Any]]:
    """What the application sends when it is handed these messages."""
    left, sent = list(messages), list[MutableMapping[str, Any]]()

    async def receive() -> MutableMapping[str, Any]:
        return left.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def test_the_other_scopes_of_a_server(path: Path) -> None:
    confirmations = Confirmations.open(path, Secret(SECRET))
    app = Receiver(confirmations, Secret(SECRET))
    assert converse(app, {"type": "websocket"}, {"type": "websocket.connect"}) == [{"type": "websocket.close"}]
    assert converse(app, {"type": "http", "method": "POST", "headers": []}, {"type": "http.disconnect"}) == []
    with pytest.raises(ValueError, match="morse"):
        converse(app, {"type": "morse"})
    life = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    answered = [message["type"] for message in converse(app, {"type": "lifespan"}, *life)]
    assert answered == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(JournalError, match="closed"):
        confirmations.find("x1", 0)


def test_a_receiver_of_the_callers_own_settings(path: Path) -> None:
    with Confirmations.open(path, Secret(SECRET)) as confirmations:
        now = 1634579400.0
        app = Receiver(confirmations, Secret(SECRET), window=10, max_body=500, wall_clock=lambda: now)

        def status(body: bytes, at: float, nonce: str) -> int:
            headers = [(name.encode(), value.encode()) for name, value in signed(body, nonce, at).items()]
            scope = {"type": "http", "method": "POST", "headers": headers}
            return int(converse(app, scope, {"type": "http.request", "body": body})[0]["status"])

        assert len(event()) <= 500
        edges = [now - 11, now - 10, now + 10, now + 11]
        assert [status(event(), at, f"N{int(at)}") for at in edges] == [401, 200, 200, 401]
        assert status(event("x" * 500), now, "N") == 413
        assert confirmations.find("x1", now) == Confirmation("01FJA8B466Y0R2GNXD78MD9SM1", now)
        for window, size in ((-1, 1), (float("nan"), 1), (1, 0)):
            with pytest.raises(UsageError, match="window"):
                Receiver(confirmations, Secret(SECRET), window=window, max_body=size)


def people(count: int) -> list[Contact]:
    """Every second one with an external id."""
    return [
        Contact(
            external_id=f"canary-row-{n}" if n % 2 else None,
            phone=f"+4477009{n:05d}",
            email=f"canary{n}@example.com",
            name=f"Canary Name {n}",
            language="EN",
        )
        for n in range(count)
    ]


def delivered(mocked: MockedSinch) -> None:
    """Waits until the mock has nothing left to deliver."""
    while mocked.announcements.pending:
        time.sleep(0.01)


@pytest.mark.parametrize(
    "troubles",
    [{}, {"twice": 2, "scatter": 0.3, "nonce": "once"}, {"twice": 3, "late": 5, "late_by": 0.5, "nonce": "each"}],
    ids=["in order", "twice and out of order", "twice and late"],
)
def test_a_load_ends_accepted_and_its_contacts_are_confirmed_by_webhook(
    path: Path,
    troubles: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for variable, value in credentials_environment("sinch").items():
        monkeypatch.setenv(variable, value)
    since = time.time()
    with receiving(path, SINCH_PROJECT_ID="mock-project") as [receiver]:
        webhook = {"target": receiver.url, "secret": SECRET, "per_second": None, "first_retry": 0.05, **troubles}
        with serve("sinch", faults={"sinch": {"webhook": webhook}}) as mock:
            mocked = mock.vendors["sinch"]
            assert isinstance(mocked, MockedSinch)
            counts = load(people(200), to=Sinch.from_env(endpoint=mock.url), max_batch=50).report().counts
            assert counts[Status.ACCEPTED] == 200
            delivered(mocked)
            contacts = mock.stores["sinch"].contacts
        assert mocked.announcements.given_up == []
    ids = {contact["external_id"]: contact_id for contact_id, contact in contacts.items() if contact["external_id"]}
    assert len(ids) == 100
    with Confirmations.read(path, Secret(SECRET)) as confirmations:
        for n in range(200):
            confirmation = confirmations.find(f"canary-row-{n}", since)
            assert (confirmation and confirmation.vendor_id) == ids.get(f"canary-row-{n}")
        assert confirmations.find("", 0) is None
        assert confirmations.find("canary-row-1", time.time()) is None
        kept = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
        held = b"".join(file.read_bytes() for file in kept)
    held += path.read_bytes() + receiver.log.read_bytes() + caplog.text.encode()
    held += "".join(capfd.readouterr()).encode()
    assert ids["canary-row-1"].encode() in held
    for canary in ("canary", "Canary", "4477009", "@example.com", SECRET):
        assert canary.encode() not in held, canary


def test_some_that_are_never_announced_stay_unconfirmed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in credentials_environment("sinch").items():
        monkeypatch.setenv(variable, value)
    with receiving(path) as [receiver]:
        webhook = {"target": receiver.url, "secret": SECRET, "per_second": None, "never": 4}
        with serve("sinch", faults={"sinch": {"webhook": webhook}}) as mock:
            mocked = mock.vendors["sinch"]
            assert isinstance(mocked, MockedSinch)
            load(people(40), to=Sinch.from_env(endpoint=mock.url), concurrency=1).report()
            delivered(mocked)
    # The fourth, eighth ... contact has an odd number, counted from 0.
    confirmed = [n for n in range(40) if found(path, f"canary-row-{n}")]
    assert confirmed == [n for n in range(40) if n % 2 and n % 4 != 3]


def test_deliveries_to_a_receiver_that_is_down_come_when_it_is_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in credentials_environment("sinch").items():
        monkeypatch.setenv(variable, value)
    port = unused_port()
    webhook = {"target": f"http://127.0.0.1:{port}/", "secret": SECRET, "per_second": 100, "first_retry": 0.05}
    with serve("sinch", faults={"sinch": {"webhook": webhook}}) as mock:
        mocked = mock.vendors["sinch"]
        assert isinstance(mocked, MockedSinch)
        with receiving(path, port=port) as [first]:
            load(people(60), to=Sinch.from_env(endpoint=mock.url)).report()
            while len(mocked.announcements.attempts) < 20:
                time.sleep(0.005)
            first.process.kill()
            first.process.wait(10)
        while all(each.status == 200 for each in mocked.announcements.attempts):
            time.sleep(0.005)
        with receiving(path, port=port):
            delivered(mocked)
    assert [n for n in range(60) if found(path, f"canary-row-{n}")] == [n for n in range(60) if n % 2]
