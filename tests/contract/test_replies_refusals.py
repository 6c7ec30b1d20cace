"""Refused credentials and rate limits, over real sockets: tokens renewed once, waits obeyed by all workers."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest

from headcount import Outcome, Report, Status, load
from headcount.auth import BearerKey, ClientCredentials, Secret, Wsse
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import CredentialsError
from headcount.inputs import CHUNK
from tests import sockets
from tests.contract.vendor_server import (
    Answer,
    Call,
    VendorServer,
    a_token,
    basic,
    bearer,
    in_turn,
    raw,
    says,
)

ACCEPTED, CREATED, EXISTING = Status.ACCEPTED, Status.CREATED, Status.EXISTING
NOT_SENT, UNKNOWN = Status.NOT_SENT, Status.UNKNOWN
EXPIRED = raw("", 401, www_authenticate='Bearer error="invalid_token", error_description="Jwt expired"')


def sinch(server: VendorServer) -> Sinch:
    auth = ClientCredentials(server.token_url, "the-client", Secret("the-secret"))
    return Sinch(auth=auth, project_id="p", endpoint=server.url)


def emarsys(server: VendorServer, version: int = 3) -> Emarsys:
    oauth = ClientCredentials(server.token_url, "the-client", Secret("the-secret"))
    return Emarsys(auth=oauth if version == 3 else Wsse("user001", Secret("the-secret")), endpoint=server.url)


def pabbly(server: VendorServer) -> Pabbly:
    return Pabbly(auth=BearerKey(Secret("the-key")), endpoint=server.url)


def sinch_contacts(count: int) -> list[dict[str, Any]]:
    return [
        {"channel_identities": [{"channel": "SMS", "identity": f"+1201555{number:04d}"}], "language": "EN"}
        for number in range(count)
    ]


def emarsys_contacts(count: int) -> list[dict[str, Any]]:
    return [{"3": f"p{number}@example.com"} for number in range(count)]


def statuses(outcomes: list[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def refused_to_the_end(contacts: list[Any], to: Destination, **settings: Any) -> tuple[CredentialsError, Report]:
    under_way = load(contacts, to=to, **settings)
    with pytest.raises(CredentialsError) as raised:
        list(under_way)
    return raised.value, under_way.drain()


class Emarsyslike:
    """Creates whoever it is asked to, unless `before` has an answer first."""

    def __init__(self, before: Answer | None = None) -> None:
        self.before = before
        self.writes: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, call: Call) -> bytes:
        first = self.before(call) if self.before else b""
        if first:
            return first
        keys = [contact["3"] for contact in call.json["contacts"]]
        with self.lock:
            start = len(self.writes)
            self.writes += keys
        return says({"replyCode": 0, "replyText": "OK", "data": {"ids": list(range(start, start + len(keys)))}})


# Tokens


def test_one_token_serves_eight_calls_at_once() -> None:
    everybody = threading.Barrier(8)

    def token(call: Call) -> bytes:
        time.sleep(0.2)
        return a_token("only-token")

    def answer(call: Call) -> bytes:
        everybody.wait(10)
        return raw("")

    with VendorServer(answer, token=token) as server:
        outcomes = list(load(sinch_contacts(16), to=sinch(server), max_batch=1, concurrency=8))
    assert statuses(outcomes) == [ACCEPTED] * 16
    (token_call,) = server.token_calls
    assert (token_call.method, token_call.body) == ("POST", b"grant_type=client_credentials")
    assert token_call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert basic(token_call) == "the-client:the-secret"
    assert {bearer(call) for call in server.calls} == {"only-token"}


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_token_that_has_run_out_is_renewed_once_and_the_load_goes_on(concurrency: int) -> None:
    store = Emarsyslike(lambda call: b"" if bearer(call) == "second" or len(server.calls) <= 2 else EXPIRED)
    with VendorServer(store, token=in_turn(a_token("first"), a_token("second"))) as server:
        outcomes = list(load(emarsys_contacts(20), to=emarsys(server), max_batch=1, concurrency=concurrency))
    assert statuses(outcomes) == [CREATED] * 20
    assert sorted(store.writes) == sorted(contact["3"] for contact in emarsys_contacts(20))
    assert len(server.token_calls) == 2


def test_a_token_that_is_always_refused_ends_the_run_with_nothing_doubled() -> None:
    tokens = [a_token(f"token-{number}") for number in range(50)]
    with VendorServer(in_turn(EXPIRED), token=in_turn(*tokens)) as server:
        error, report = refused_to_the_end(sinch_contacts(20), sinch(server), max_batch=1, concurrency=8)
    assert "401" in str(error)
    assert report.counts[NOT_SENT] == 20
    # Each call that had started when the new token was refused may still fetch one.
    assert len(server.token_calls) <= 9
    assert len(server.calls) <= 16


def test_a_token_refused_after_the_first_batch_leaves_that_batch_as_it_was() -> None:
    store = Emarsyslike(lambda call: b"" if len(server.calls) == 1 else raw("", 401))
    with VendorServer(store, token=in_turn(*[a_token(f"t{number}") for number in range(9)])) as server:
        _, report = refused_to_the_end(emarsys_contacts(6), emarsys(server), max_batch=2, concurrency=1)
    assert (report.counts[CREATED], report.counts[NOT_SENT]) == (2, 4)
    assert len(store.writes) == 2


@pytest.mark.parametrize(
    "reply",
    [
        says({"error": "invalid_client", "error_description": "Client authentication failed"}, 401),
        says({"error": "invalid_client"}, 400),
        raw("", 401),
        raw("<html>Forbidden</html>", 403),
    ],
    ids=["401", "400", "empty", "HTML"],
)
def test_a_wrong_client_secret_ends_the_run_before_any_call(reply: bytes) -> None:
    with VendorServer(in_turn(raw("")), token=in_turn(reply)) as server:
        error, report = refused_to_the_end(sinch_contacts(3), sinch(server))
    assert report.counts[NOT_SENT] == 3
    assert ("invalid_client" in str(error)) == (b"invalid_client" in reply)
    assert "the-secret" not in str(error)
    assert not server.calls


def test_a_refused_key_ends_the_run() -> None:
    reply = says({"success": False, "error": "Invalid API key: the-key"}, 401)
    contacts = [{"mobile": f"9198{number:08d}"} for number in range(10)]
    with VendorServer(in_turn(reply)) as server:
        _, report = refused_to_the_end(contacts, pabbly(server), max_batch=1, concurrency=1)
    assert report.counts[NOT_SENT] == 10
    assert [bearer(call) for call in server.calls] == ["the-key"]


# WSSE

WSSE = re.compile(
    r'UsernameToken Username="(?P<user>[^"]+)", PasswordDigest="(?P<digest>[^"]+)", '
    r'Nonce="(?P<nonce>[0-9a-f]{32})", Created="(?P<created>[^"]+)"'
)


def test_the_wsse_header_stands_an_independent_check() -> None:
    nonces = set()

    def checked(call: Call) -> bytes:
        match = WSSE.fullmatch(call.headers.get("x-wsse", ""))
        if match is None or match["user"] != "user001" or match["nonce"] in nonces:
            return raw("", 401)
        nonces.add(match["nonce"])
        created = datetime.fromisoformat(match["created"])
        text = hashlib.sha1((match["nonce"] + match["created"] + "the-secret").encode()).hexdigest()
        fresh = abs((datetime.now(UTC) - created).total_seconds()) < 300
        good = fresh and base64.b64decode(match["digest"]).decode() == text and len(match["digest"]) == 56
        return b"" if good else raw("", 401)

    store = Emarsyslike(checked)
    with VendorServer(store) as server:
        outcomes = list(load(emarsys_contacts(6), to=emarsys(server, version=2), max_batch=2))
    assert statuses(outcomes) == [CREATED] * 6
    assert {call.path for call in server.calls} == {"/api/v2/contact"}
    assert not server.token_calls
    assert len(nonces) == 3


def test_a_wrong_wsse_secret_ends_the_run() -> None:
    reply = says({"replyCode": 1, "replyText": "Unauthorized", "data": ""}, 401)
    with VendorServer(in_turn(reply)) as server:
        error, report = refused_to_the_end(emarsys_contacts(2), emarsys(server, version=2))
    assert "Unauthorized" in str(error)
    assert report.counts[NOT_SENT] == 2


# Rate limits


def http_date(seconds_from_now: float) -> str:
    return formatdate(int(time.time() + seconds_from_now), usegmt=True)


def limited() -> Mapping[str, bytes]:
    now = int(time.time())
    seven = {"replyCode": 7003, "replyText": "Too many requests", "data": ""}
    return {
        "seconds": says(seven, 429, retry_after="1"),
        "a date": says(seven, 429, retry_after=http_date(2), date=http_date(1)),
        "a date by another clock": says(
            seven, 429, retry_after="Tue, 01 Jan 2030 00:00:01 GMT", date="Tue, 01 Jan 2030 00:00:00 GMT"
        ),
        "a reset": says(seven, 429, x_ratelimit_reset=str(now + 11), date=http_date(10)),
        "plain text": raw("Too many requests", 429, content_type="text/plain", retry_after="1"),
        "7003 in a 200": says(seven, 200, retry_after="1"),
        "7003 in a 200 with a reset": says(
            seven, 200, x_ratelimit_reset="1893456001", date="Tue, 01 Jan 2030 00:00:00 GMT"
        ),
        "7003 in a 400": says(seven, 400, retry_after="1"),
    }


@pytest.mark.parametrize("shape", limited())
@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_call_starts_before_the_asked_wait_is_over(shape: str, concurrency: int) -> None:
    refused_at: list[float] = []

    def first_refused(call: Call) -> bytes:
        with store.lock:
            if refused_at:
                return b""
            refused_at.append(time.monotonic())
        return limited()[shape]

    store = Emarsyslike(first_refused)
    with VendorServer(store) as server:
        settings = {"max_batch": 1, "concurrency": concurrency, "requests_per_second": 1000}
        outcomes = list(load(emarsys_contacts(12), to=emarsys(server), **settings))
    assert statuses(outcomes) == [CREATED] * 12
    assert len(store.writes) == len(set(store.writes)) == 12
    # Calls that were on their way when the refusal came are no breach; a quarter of a second covers them.
    later = [call.at - refused_at[0] for call in server.calls if call.at > refused_at[0] + 0.25]
    assert later and min(later) >= 0.95
    assert min(later) < 5


@pytest.mark.parametrize(
    "reply", [says({}, 429), raw("Slow down", 429, retry_after="soon")], ids=["nothing", "nonsense"]
)
def test_without_a_readable_wait_the_call_is_made_again_after_a_while(reply: bytes) -> None:
    with VendorServer(in_turn(reply, reply, raw(""))) as server:
        outcomes = list(load(sinch_contacts(2), to=sinch(server)))
    assert statuses(outcomes) == [ACCEPTED, ACCEPTED]
    first, second, third = (call.at for call in server.calls)
    assert 0.4 < second - first < 1.5
    assert 0.9 < third - second < 3


def test_a_wait_beyond_patience_ends_the_run_and_is_not_shortened() -> None:
    with VendorServer(in_turn(raw("", 429, retry_after="3600"))) as server:
        report = load(sinch_contacts(4), to=sinch(server), max_batch=2, concurrency=1).report()
    assert report.counts[NOT_SENT] == 4
    assert report.stop is not None and report.stop.kind == "rate_limited"
    assert len(server.calls) == 1


def test_a_token_server_that_limits_is_waited_for() -> None:
    token = in_turn(says({"error": "slow_down"}, 429, retry_after="1"), a_token("second"))
    with VendorServer(in_turn(raw("")), token=token) as server:
        outcomes = list(load(sinch_contacts(8), to=sinch(server), max_batch=1, concurrency=4))
    assert statuses(outcomes) == [ACCEPTED] * 8
    first, second = (call.at for call in server.token_calls)
    assert second - first >= 0.95


def test_a_limit_on_read_backs_is_waited_for() -> None:
    create = says({"status": "success", "data": {"createdContacts": [], "failedCount": 0, "failedContacts": []}})
    look_up = in_turn(
        raw("Slow down", 429, retry_after="1"),
        says({"status": "success", "data": {"contacts": [{"_id": "65f1", "mobile": "919800000001"}]}}),
    )
    with VendorServer(lambda call: create if call.method == "POST" else look_up(call)) as server:
        (outcome,) = load([{"mobile": "919800000001"}], to=pabbly(server))
    assert (outcome.status, outcome.vendor_id) == (EXISTING, "65f1")
    assert server.calls[2].at - server.calls[1].at >= 0.95


def test_nothing_left_of_the_limit_holds_the_next_call_though_this_one_succeeded() -> None:
    spent = raw("", x_ratelimit_remaining="0", x_ratelimit_reset="1893456001", date="Tue, 01 Jan 2030 00:00:00 GMT")
    with VendorServer(in_turn(spent, raw(""))) as server:
        outcomes = list(load(sinch_contacts(2), to=sinch(server), max_batch=1, concurrency=1))
    assert statuses(outcomes) == [ACCEPTED, ACCEPTED]
    assert server.calls[1].at - server.calls[0].at >= 0.95


# What comes while calls wait for a token


def slow_token(call: Call) -> bytes:
    time.sleep(2)
    return a_token("only-token")


@pytest.mark.parametrize("vendor", [sinch, emarsys])
def test_no_call_leaves_after_a_stop_that_came_while_it_waited_for_its_token(
    vendor: Callable[[VendorServer], Destination],
) -> None:
    contacts = sinch_contacts(20) if vendor is sinch else emarsys_contacts(20)
    with VendorServer(in_turn(raw("")), token=slow_token) as server:
        under_way = load(contacts, to=vendor(server), max_batch=1, concurrency=8, attempt_timeout=20)
        stopping = threading.Timer(0.5, under_way.stop)
        stopping.start()
        outcomes = list(under_way)
        stopping.join()
        assert under_way.so_far().stop is not None
    assert statuses(outcomes) == [NOT_SENT] * len(outcomes)
    assert {outcome.problem.kind for outcome in outcomes if outcome.problem} == {"stopped"}
    assert len(outcomes) >= 8
    assert len(server.token_calls) == 1
    assert not server.calls


def test_no_call_leaves_after_a_deadline_that_came_while_it_waited_for_its_token() -> None:
    with VendorServer(in_turn(raw("")), token=slow_token) as server:
        settings = {"max_batch": 1, "concurrency": 8, "attempt_timeout": 20, "deadline": 1}
        outcomes = list(load(sinch_contacts(20), to=sinch(server), **settings))
    assert statuses(outcomes) == [NOT_SENT] * 20
    assert {outcome.problem.kind for outcome in outcomes if outcome.problem} == {"deadline"}
    assert not server.calls


def test_no_call_leaves_after_the_deadline_though_the_run_waits_for_its_input() -> None:
    def slow_input() -> Iterator[dict[str, Any]]:
        yield from sinch_contacts(CHUNK)
        time.sleep(2.5)

    with VendorServer(in_turn(raw("")), token=slow_token) as server:
        settings = {"max_batch": 200, "concurrency": 8, "attempt_timeout": 20, "deadline": 1}
        outcomes = list(load(slow_input(), to=sinch(server), **settings))
    assert statuses(outcomes) == [NOT_SENT] * CHUNK
    assert {outcome.problem.kind for outcome in outcomes if outcome.problem} == {"deadline"}
    assert len(server.token_calls) == 1
    assert not server.calls


@pytest.mark.parametrize("attempt_timeout", [60, 3], ids=["waits at the gate", "has no time to wait"])
def test_no_call_leaves_before_an_asked_wait_is_over_that_was_asked_while_it_waited_for_its_token(
    attempt_timeout: float,
) -> None:
    """Sixteen calls go out; when the next come the token has aged, and as it is renewed one of them is told to wait."""
    refused_at: list[float] = []
    lock = threading.Lock()

    def token(call: Call) -> bytes:
        if len(server.token_calls) == 1:
            return a_token("first")
        time.sleep(1)
        return a_token("second")

    def answer(call: Call) -> bytes:
        if bearer(call) == "second":
            return raw("")
        with lock:
            old.append(call)
            place = len(old)
        if place <= 16:
            time.sleep(0.1)
            return raw("")
        if place > 17:
            return EXPIRED
        time.sleep(0.4)
        refused_at.append(time.monotonic())
        return raw("", 429, retry_after="2")

    old: list[Call] = []
    with VendorServer(answer, token=token) as server:
        settings = {"max_batch": 1, "concurrency": 16, "requests_per_second": 1000, "attempt_timeout": attempt_timeout}
        outcomes = list(load(sinch_contacts(200), to=sinch(server), **settings))
    assert statuses(outcomes) == [ACCEPTED] * 200
    assert len(refused_at) == 1 and len(server.token_calls) == 2
    # Calls that were on their way when the refusal came are no breach; a quarter of a second covers them.
    later = [call.at - refused_at[0] for call in server.calls if call.at > refused_at[0] + 0.25]
    assert len(later) > 100
    assert min(later) >= 1.95


def test_calls_that_waited_for_one_token_keep_the_rate() -> None:
    with VendorServer(in_turn(raw("")), token=slow_token) as server:
        settings = {"max_batch": 1, "concurrency": 16, "requests_per_second": 20}
        outcomes = list(load(sinch_contacts(16), to=sinch(server), **settings))
    assert statuses(outcomes) == [ACCEPTED] * 16
    moments = sorted(call.at for call in server.calls)
    # One slot may be taken late, and the next one in time.
    assert moments[-1] - moments[0] >= 14 / 20


# A success that is none


def test_a_success_that_comes_before_the_batch_was_whole_is_no_success() -> None:
    def answers_early(connection: socket.socket) -> None:
        connection.recv(2000)
        connection.sendall(raw("", connection="close"))

    contacts = [contact | {"display_name": "n" * 40_000} for contact in sinch_contacts(300)]
    with sockets.Server(answers_early) as server:
        to = Sinch(auth=BearerKey(Secret("the-key")), project_id="p", endpoint=server.url)
        outcomes = list(load(contacts, to=to, concurrency=1))
    assert set(statuses(outcomes)) == {UNKNOWN}
    assert server.connections == 1
