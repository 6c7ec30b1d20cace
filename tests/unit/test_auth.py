"""Keys, WSSE and tokens: what is sent, when it is made anew, and what a refusal leads to."""

from __future__ import annotations

import base64
import copy
import pickle
import socket
import threading
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest

from headcount.auth import BearerKey, ClientCredentials, Secret, Wsse, wsse_header
from headcount.core.exchange import Failure, Reply, Request
from headcount.errors import CredentialsError, EndpointError, UsageError
from headcount.outcome import Kind
from headcount.transport import Authorization, Exchange, HttpTransport
from tests.sockets import Server, answering, headers_of, read_request, reply, stay_silent, unused_port

SECRET = "canary-secret"


def no_exchange(request: Request, timeout: float) -> Reply | Failure:
    raise AssertionError("no call was expected")


class Clock:
    """Seconds that pass when told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


# Secrets and fixed keys


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(SECRET)
    assert secret.reveal() == SECRET
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", repr([secret])]
    assert all("***" in text and "canary" not in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)


@pytest.mark.parametrize("text", ["", "canary\n", "canary\r\nX: y", "can\x00ary", "canary\x7f", "\tcanary"])
def test_a_secret_that_no_header_should_carry_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Secret(text)
    assert "canary" not in str(caught.value)


def test_a_bearer_key_is_sent_as_it_is_and_stays_refused() -> None:
    auth = BearerKey(Secret("pabbly-key"))
    authorization = auth.authorize(no_exchange, 1)
    assert authorization.headers == {"Authorization": "Bearer pabbly-key"}
    assert "pabbly" not in repr(authorization)
    refused = Reply(401, {}, b"")
    assert auth.review(refused, authorization) == refused
    for text in ("two words", "schlüssel"):
        with pytest.raises(UsageError):
            BearerKey(Secret(text))


# WSSE


def test_the_wsse_header_of_the_published_algorithm() -> None:
    header = wsse_header(
        "customer001",
        Secret("customersecret"),
        nonce="d36e316282959a9ed4c89851497a717f",
        created="2026-01-02T03:04:05Z",
    )
    assert header == (
        'UsernameToken Username="customer001", '
        'PasswordDigest="MjRmOTBkNmVhODBjNWE5Yzc2NzBkNTI3MjlhNmYwZDg4ZTYwODU1NA==", '
        'Nonce="d36e316282959a9ed4c89851497a717f", Created="2026-01-02T03:04:05Z"'
    )


def test_wsse_is_made_anew_for_every_call() -> None:
    clock = Clock(1767323045.0)  # 2026-01-02T03:04:05Z
    nonces = iter(["d36e316282959a9ed4c89851497a717f", "0" * 32])
    auth = Wsse("customer001", Secret("customersecret"), wall_clock=clock, nonce=lambda: next(nonces))
    first = auth.authorize(no_exchange, 1).headers["X-WSSE"]
    assert "MjRmOTBkNmVhODBjNWE5Yzc2NzBkNTI3MjlhNmYwZDg4ZTYwODU1NA==" in first
    clock.now += 60
    second = auth.authorize(no_exchange, 1).headers["X-WSSE"]
    assert 'Created="2026-01-02T03:05:05Z"' in second
    assert 'Nonce="00000000000000000000000000000000"' in second


def test_wsse_nonces_are_32_hex_characters_and_do_not_repeat() -> None:
    auth = Wsse("customer001", Secret("s"))
    nonces = {auth.authorize(no_exchange, 1).headers["X-WSSE"].split('Nonce="')[1][:33] for _ in range(50)}
    assert len(nonces) == 50
    for nonce in nonces:
        assert nonce[32] == '"' and int(nonce[:32], 16) >= 0


@pytest.mark.parametrize("name", ["", 'a"b', "a b", "a\r\nb", "ü", "a\\"])
def test_a_wsse_user_name_that_breaks_the_header_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Wsse(name, Secret("s"))


def refusal_at(seconds: float) -> Reply:
    return Reply(401, {"date": formatdate(seconds, usegmt=True)}, b"")


@pytest.mark.parametrize(("skew", "words"), [(600, "600 s behind"), (-86400, "86400 s ahead of")])
def test_a_clock_that_is_off_is_corrected_once_by_the_vendor_s_date(skew: int, words: str) -> None:
    clock = Clock(1767323045.0)
    auth = Wsse("customer001", Secret("s"), wall_clock=clock)
    first, beside = auth.authorize(no_exchange, 1), auth.authorize(no_exchange, 1)
    assert auth.review(refusal_at(clock.now + skew), first).renewable
    assert auth.review(refusal_at(clock.now + skew), beside).renewable  # another worker, the same cause

    corrected = auth.authorize(no_exchange, 1)
    (expected,) = {600: ["2026-01-02T03:14:05Z"], -86400: ["2026-01-01T03:04:05Z"]}[skew]
    assert f'Created="{expected}"' in corrected.headers["X-WSSE"]
    final = auth.review(refusal_at(clock.now + skew), corrected)
    assert not final.renewable
    assert final.hint is not None and words in final.hint


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 99 Jan 2026 99:99:99 GMT", "now", "in time"])
def test_a_wsse_refusal_with_the_clock_right_or_unknown_is_final(date: str | None) -> None:
    clock = Clock(1767323045.0)
    auth = Wsse("customer001", Secret("s"), wall_clock=clock)
    authorization = auth.authorize(no_exchange, 1)
    texts = {"now": formatdate(clock.now, usegmt=True), "in time": formatdate(clock.now - 200, usegmt=True)}
    headers = {} if date is None else {"date": texts.get(date, date)}
    assert not auth.review(Reply(401, headers, b""), authorization).renewable


# Client credentials


class TokenServer:
    """Counts its calls and answers as told; the token's number is the call's."""

    def __init__(self, expires_in: object = 3600) -> None:
        self.calls: list[Request] = []
        self.expires_in = expires_in
        self.answer: Callable[[], Reply | Failure] | None = None

    def __call__(self, request: Request, timeout: float) -> Reply | Failure:
        self.calls.append(request)
        if self.answer:
            return self.answer()
        body = f'{{"access_token": "token-{len(self.calls)}", "token_type": "bearer", "expires_in": 3600}}'
        if self.expires_in != 3600:
            body = body.replace("3600", str(self.expires_in))
        return Reply(200, {}, body.encode())


def credentials(clock: Clock | None = None, url: str = "https://auth.example.com/oauth2/token") -> ClientCredentials:
    return ClientCredentials(url, "key-id", Secret(SECRET), clock=clock or Clock())


def bearer(auth: ClientCredentials, server: Exchange) -> tuple[str, Authorization]:
    authorization = auth.authorize(server, 5)
    assert isinstance(authorization, Authorization), authorization
    return authorization.headers["Authorization"], authorization


def failure(auth: ClientCredentials, server: Exchange) -> Failure:
    answer = auth.authorize(server, 5)
    assert isinstance(answer, Failure)
    assert not answer.handed_over
    assert "canary" not in repr(answer) + answer.detail + str(answer.fatal)
    return answer


def test_the_token_call_is_a_form_with_http_basic() -> None:
    seen: list[tuple[str, bytes]] = []

    def handler(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(reply(200, b'{"access_token": "t0ken", "token_type": "bearer", "expires_in": 3599}'))

    with Server(handler) as tokens, Server(answering(reply(200, b"{}"))) as api:
        carrier = HttpTransport(credentials(url=f"{tokens.url}/oauth2/token"))
        answer = carrier.send(Request("POST", f"{api.url}/contacts", {}, b"{}"), 5)
        carrier.close()
    assert isinstance(answer, Reply) and answer.status == 200
    ((head, body),) = seen
    assert head.startswith("POST /oauth2/token HTTP/1.1\r\n")
    assert body == b"grant_type=client_credentials"
    sent = headers_of(head)
    assert sent["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(sent["authorization"].removeprefix("Basic ")) == b"key-id:canary-secret"


def test_a_token_is_used_until_shortly_before_it_runs_out() -> None:
    clock, server = Clock(), TokenServer()
    auth = credentials(clock)
    assert bearer(auth, server)[0] == "Bearer token-1"
    clock.now += 3600 - 61
    assert bearer(auth, server)[0] == "Bearer token-1"
    clock.now += 2
    assert bearer(auth, server)[0] == "Bearer token-2"
    assert len(server.calls) == 2


def test_a_lifetime_counts_from_when_the_token_was_asked_for() -> None:
    clock, server = Clock(), TokenServer(expires_in=100)
    auth = credentials(clock)

    def slow(request: Request, timeout: float) -> Reply | Failure:
        clock.now += 50
        return server(request, timeout)

    bearer(auth, slow)
    clock.now += 39  # the margin of so short a life is a tenth of it
    assert bearer(auth, server)[0] == "Bearer token-1"
    clock.now += 2
    assert bearer(auth, server)[0] == "Bearer token-2"


@pytest.mark.parametrize(
    ("member", "seconds"),
    [
        ('"expires_in": 100', 100),
        ('"expires_in": "100"', 100),
        ('"expires_in": 100.0, "scope": "", "more": [1]', 100),
        ('"token_type": "BEARER"', 3600),
        ('"expires_in": null', 3600),
        ('"expires_in": true', 3600),
        ('"expires_in": "soon"', 3600),
        ('"expires_in": -5', 3600),
        ('"expires_in": 0', 3600),
        ('"expires_in": NaN', 3600),
        ('"expires_in": 1' + "0" * 400, 3600),
        ('"expires_in": {}', 3600),
        ('"expires_in": 1e9', 86400),
    ],
)
def test_the_token_reply_is_read_leniently(member: str, seconds: float) -> None:
    clock, server = Clock(), TokenServer()
    auth = credentials(clock)
    server.answer = lambda: Reply(200, {}, f'{{"access_token": "first", {member}}}'.encode())
    assert bearer(auth, server)[0] == "Bearer first"
    server.answer = None
    clock.now += seconds * 0.89 if seconds <= 600 else seconds - 61
    assert bearer(auth, server)[0] == "Bearer first"
    clock.now += seconds * 0.11 if seconds <= 600 else 61
    assert bearer(auth, server)[0] == "Bearer token-2"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"access_token": null}',
        b'{"access_token": ""}',
        b'{"access_token": 7}',
        b'{"access_token": "two words"}',
        b'{"access_token": "a\\r\\nX-Evil: 1"}',
        b'{"access_token": "\xff"}',
        b'{"access_token": "t\xc3\xb6ken"}',
        b"[" * 200_000,
    ],
)
def test_an_unreadable_token_reply_may_be_asked_for_again(body: bytes) -> None:
    server = TokenServer()
    server.answer = lambda: Reply(200, {}, body)
    auth = credentials()
    answer = failure(auth, server)
    assert (answer.kind, answer.fatal) == (Kind.UNAVAILABLE, None)
    server.answer = None
    assert bearer(auth, server)[0] == "Bearer token-2"


def test_a_token_that_came_before_the_request_was_whole_is_not_ours() -> None:
    server = TokenServer()
    server.answer = lambda: Reply(200, {}, b'{"access_token": "stale"}', handed_over=False)
    auth = credentials()
    assert failure(auth, server).kind is Kind.UNAVAILABLE
    server.answer = None
    assert bearer(auth, server)[0] == "Bearer token-2"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_fatal_and_name_the_vendor_s_code(status: int) -> None:
    server = TokenServer()
    body = b'{"error": "invalid_client", "error_description": "canary-secret is wrong", "error_hint": "canary"}'
    server.answer = lambda: Reply(status, {}, body)
    answer = failure(credentials(), server)
    assert answer.kind is Kind.FORBIDDEN
    assert isinstance(answer.fatal, CredentialsError)
    assert "invalid_client" in str(answer.fatal) and str(status) in str(answer.fatal)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"error": "canary-secret"}',
        b'{"error": "CANARY-SECRET"}',
        b'{"error": "canary"}',
        b'{"error": {"code": 1}}',
        b'{"error": "can\\nary"}',
    ],
)
def test_refused_credentials_without_a_usable_code(body: bytes) -> None:
    server = TokenServer()
    server.answer = lambda: Reply(401, {}, body)
    answer = failure(credentials(), server)
    assert isinstance(answer.fatal, CredentialsError)
    assert "\n" not in str(answer.fatal)
    assert "canary" not in repr(answer).lower()


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 405, 410, 415])
def test_an_address_that_gives_no_tokens_is_fatal(status: int) -> None:
    server = TokenServer()
    server.answer = lambda: Reply(status, {"location": "https://canary.example"}, b"")
    assert isinstance(failure(credentials(), server).fatal, EndpointError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, Kind.RATE_LIMITED),
        (408, Kind.UNAVAILABLE),
        (500, Kind.UNAVAILABLE),
        (503, Kind.UNAVAILABLE),
        (520, Kind.UNAVAILABLE),
    ],
)
def test_a_busy_token_server_may_be_asked_again_when_it_says(status: int, kind: Kind) -> None:
    server = TokenServer()
    server.answer = lambda: Reply(status, {"retry-after": "7", "date": "d"}, b"")
    clock = Clock()
    auth = credentials(clock)
    answer = failure(auth, server)
    assert (answer.kind, answer.fatal) == (kind, None)
    assert (answer.headers["retry-after"], answer.headers["date"]) == ("7", "d")
    server.answer = None
    clock.now += 6.9
    assert failure(auth, server) == answer
    assert len(server.calls) == 1
    clock.now += 0.1
    assert bearer(auth, server)[0] == "Bearer token-2"


def test_a_token_server_that_cannot_be_reached_is_not_fatal() -> None:
    with Server(answering(reply(200))) as api:
        carrier = HttpTransport(credentials(url=f"http://127.0.0.1:{unused_port()}/oauth2/token"))
        answer = carrier.send(Request("POST", api.url, {}, b"{}"), 5)
        carrier.close()
        assert api.connections == 0
    assert isinstance(answer, Failure)
    assert (answer.kind, answer.handed_over, answer.fatal) == (Kind.UNAVAILABLE, False, None)


def test_a_silent_token_server_takes_half_the_time_and_hands_nothing_over() -> None:
    with Server(stay_silent) as tokens, Server(answering(reply(200))) as api:
        carrier = HttpTransport(credentials(url=f"{tokens.url}/oauth2/token"))
        began = time.monotonic()
        answer = carrier.send(Request("POST", api.url, {}, b"{}"), 2.0)
        assert 0.9 < time.monotonic() - began < 1.7
        carrier.close()
        assert api.connections == 0
    assert isinstance(answer, Failure)
    assert (answer.kind, answer.handed_over, answer.fatal) == (Kind.UNAVAILABLE, False, None)


def in_threads(count: int, action: Callable[[], object]) -> list[object]:
    answers: list[object] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait(5)
        answers.append(action())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return answers


def test_many_callers_at_the_start_cause_one_token_call() -> None:
    with_token: list[str] = []

    def api(connection: socket.socket) -> None:
        while head := read_request(connection)[0]:
            with_token.append(headers_of(head)["authorization"])
            connection.sendall(reply(200, b"{}"))

    token = reply(200, b'{"access_token": "t0ken", "expires_in": 3600}')
    with Server(answering(token)) as tokens, Server(api) as server:
        carrier = HttpTransport(credentials(url=f"{tokens.url}/oauth2/token"))
        answers = in_threads(8, lambda: carrier.send(Request("POST", server.url, {}, b"{}"), 5))
        carrier.close()
        assert tokens.connections == 1
    assert [isinstance(answer, Reply) and answer.status for answer in answers] == [200] * 8
    assert with_token == ["Bearer t0ken"] * 8


def test_callers_who_wait_share_the_failure_of_the_one_who_asked() -> None:
    asked = threading.Event()
    release = threading.Event()
    server = TokenServer()

    def slow(request: Request, timeout: float) -> Reply | Failure:
        asked.set()
        assert release.wait(5)
        server.answer = lambda: Reply(503, {}, b"")
        return server(request, timeout)

    auth = credentials()
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(auth.authorize(slow, 5))) for _ in range(4)]
    threads[0].start()
    assert asked.wait(5)
    for thread in threads[1:]:
        thread.start()
    impatient = auth.authorize(no_exchange, 0.05)
    assert isinstance(impatient, Failure) and impatient.kind is Kind.UNAVAILABLE
    release.set()
    for thread in threads:
        thread.join(5)
    assert len(server.calls) == 1
    assert [isinstance(answer, Failure) and answer.kind for answer in answers] == [Kind.UNAVAILABLE] * 4


def test_a_stale_token_is_renewed_once_however_many_workers_held_it() -> None:
    server = TokenServer()
    auth = credentials()
    held = [bearer(auth, server)[1] for _ in range(8)]
    assert auth.review(Reply(200, {}, b""), held[0]).status == 200
    refused = Reply(401, {}, b"")
    for authorization in held[:4]:
        assert auth.review(refused, authorization).renewable
    assert bearer(auth, server)[0] == "Bearer token-2"
    for authorization in held[4:]:  # late refusals of the old token leave the new one alone
        assert auth.review(refused, authorization).renewable
    assert bearer(auth, server)[0] == "Bearer token-2"
    assert len(server.calls) == 2


def test_a_renewed_token_that_is_refused_at_once_is_not_renewed_again() -> None:
    server = TokenServer()
    auth = credentials()
    refused = Reply(401, {}, b"")
    assert auth.review(refused, bearer(auth, server)[1]).renewable
    for _ in range(3):
        assert not auth.review(refused, bearer(auth, server)[1]).renewable


def test_a_renewed_token_that_worked_may_be_renewed_when_it_ages() -> None:
    server = TokenServer()
    auth = credentials()
    refused = Reply(401, {}, b"")
    assert auth.review(refused, bearer(auth, server)[1]).renewable
    renewed = bearer(auth, server)[1]
    assert not auth.review(Reply(200, {}, b""), renewed).renewable
    assert auth.review(refused, renewed).renewable
    assert bearer(auth, server)[0] == "Bearer token-3"


def test_a_401_over_the_wire_is_renewable_and_the_next_call_has_a_new_token() -> None:
    issued = 0
    seen: list[str] = []

    def tokens(connection: socket.socket) -> None:
        nonlocal issued
        while read_request(connection)[0]:
            issued += 1
            connection.sendall(reply(200, f'{{"access_token": "t{issued}", "expires_in": 3600}}'.encode()))

    def api(connection: socket.socket) -> None:
        while head := read_request(connection)[0]:
            seen.append(headers_of(head)["authorization"])
            connection.sendall(reply(401 if len(seen) == 2 else 200, b"{}"))

    with Server(tokens) as auth_server, Server(api) as server:
        carrier = HttpTransport(credentials(url=f"{auth_server.url}/oauth2/token"))
        answers = [carrier.send(Request("POST", server.url, {}, b"{}"), 5) for _ in range(3)]
        carrier.close()
    assert [(a.status, a.renewable) for a in answers if isinstance(a, Reply)] == [
        (200, False),
        (401, True),
        (200, False),
    ]
    assert seen == ["Bearer t1", "Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(
    ("url", "client_id"),
    [
        ("http://auth.example.com/oauth2/token", "id"),
        ("https://auth.example.com/oauth2/token?canary=1", "id"),
        ("https://auth.example.com/oauth2/token", ""),
        ("https://auth.example.com/oauth2/token", "a:b"),
        ("https://auth.example.com/oauth2/token", "a\nb"),
    ],
)
def test_client_credentials_that_cannot_be_used_are_refused(url: str, client_id: str) -> None:
    with pytest.raises(UsageError):
        ClientCredentials(url, client_id, Secret(SECRET))


def test_representations_hold_no_token_and_no_secret() -> None:
    server = TokenServer()
    auth = credentials()
    authorization = bearer(auth, server)[1]
    for thing in (auth, authorization, authorization.basis, server.calls[0], BearerKey(Secret(SECRET))):
        assert "token-1" not in repr(thing) and "canary" not in repr(thing)
