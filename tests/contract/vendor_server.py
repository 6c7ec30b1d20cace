"""A vendor by hand: a socket server that answers what a test tells it to, and remembers every call.

It shares nothing with `headcount.mock`, so that the two cannot be wrong together.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from tests import sockets


@attrs.frozen
class Call:
    """A request as it came in; `at` is of the monotonic clock."""

    at: float
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Call], bytes]


class VendorServer(sockets.Server):
    """Answers each call with what `answer` makes of it, token calls with `token`; empty bytes hang up, as does
    a reply with Connection: close."""

    def __init__(self, answer: Answer, *, token: Answer | None = None) -> None:
        super().__init__(self._converse)
        self._answer = answer
        self._token = token or in_turn(a_token("first-token"))
        self._lock = threading.Lock()
        self.calls: list[Call] = []
        """All but the token calls."""
        self.token_calls: list[Call] = []

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def calls_to(self, ending: str) -> list[Call]:
        """The calls to paths with this ending."""
        return [call for call in self.calls if call.path.endswith(ending)]

    def _converse(self, connection: socket.socket) -> None:
        while True:
            head, body = sockets.read_request(connection)
            if not head:
                return
            method, target, _ = head.split("\r\n", 1)[0].split(" ")
            url = urlsplit(target)
            query = parse_qs(url.query, keep_blank_values=True)
            call = Call(time.monotonic(), method, url.path, query, sockets.headers_of(head), body)
            is_token = url.path == "/oauth2/token"
            with self._lock:
                (self.token_calls if is_token else self.calls).append(call)
            reply = (self._token if is_token else self._answer)(call)
            if not reply:
                return
            connection.sendall(reply)
            if b"\r\nConnection: close\r\n" in reply:
                return


def in_turn(*replies: bytes) -> Answer:
    """These replies one after the other, the last again and again."""
    lock = threading.Lock()
    left = list(replies)

    def answer(call: Call) -> bytes:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return answer


def says(value: object, status: int = 200, **headers: str) -> bytes:
    """A reply with a JSON body; `retry_after="1"` is the header Retry-After."""
    return raw(json.dumps(value).encode(), status, content_type="application/json; charset=utf-8", **headers)


def raw(body: bytes | str, status: int = 200, **headers: str) -> bytes:
    """A reply with any body."""
    data = body if isinstance(body, bytes) else body.encode()
    return sockets.reply(status, data, {name.replace("_", "-"): value for name, value in headers.items()})


def a_token(text: str, **members: Any) -> bytes:
    """A token server's success."""
    return says({"access_token": text, "token_type": "bearer", "expires_in": 3600, "scope": ""} | members)


def bearer(call: Call) -> str:
    """The token that a call came with."""
    return call.headers.get("authorization", "").removeprefix("Bearer ")


def basic(call: Call) -> str:
    """The user and password that a token call came with."""
    return base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()


NESTED = b"[" * 200_000 + b"]" * 200_000

UNREADABLE: Mapping[str, bytes] = {
    "not JSON": raw("<html><body>Sign in</body></html>", content_type="text/html"),
    "HTML called JSON": raw("<html></html>", content_type="application/json"),
    "cut short": raw('{"replyCode": 0, "status": "success", "data": {"ids": [1, 2], "createdContacts": [{"mob'),
    "NaN": raw('{"replyCode": 0, "status": "success", "code": NaN}'),
    "deep nesting": raw(NESTED),
    "deep nesting inside": raw(b'{"replyCode": 0, "status": "success", "data": ' + NESTED + b"}"),
    "an integer of 5000 digits": raw('{"replyCode": 0, "data": {"ids": [' + "9" * 5000 + "]}}"),
    "half a surrogate pair": raw('{"replyCode": 0, "status": "success", "message": "\\ud800"}'),
    "not UTF-8": raw(b'{"replyCode": 0, "status": "success", "message": "\xff\xfe"}'),
    "two documents": raw('{"replyCode": 0} {"replyCode": 0}'),
    "null": raw("null"),
    "a number": raw("7"),
    "a text": raw('"OK"'),
    "true": raw("true"),
    "a list": raw("[]"),
    "a body shorter than announced": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\nConnection: close\r\n\r\n{}",
    "compressed, unasked": raw(b"\x1f\x8b\x08\x00", content_encoding="gzip"),
    "not HTTP": b"SMTP ready\r\n\r\n",
}
"""Replies with status 200, or none, that say nothing to anybody."""
