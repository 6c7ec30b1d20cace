"""Replies that no vendor promises: drawn from a spec, made from a good one by damage, or hostile from the start."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from tests.fuzz.spec_values import Body, values

JSON_TYPE = ("Content-Type", "application/json")
CLOSE = ("Connection", "close")
Headers = tuple[tuple[str, str], ...]


@attrs.frozen
class Answer:
    """A reply on the wire, and what of it is one: its status and body, None where HTTP has no reading of it."""

    wire: bytes = attrs.field(repr=lambda wire: repr(wire[:400]))
    status: int | None = None
    body: bytes | None = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, status: int, body: bytes, headers: Headers = (JSON_TYPE,)) -> Answer:
        """A reply in good order, whatever it says."""
        coded = any(name.lower() == "content-encoding" and value not in ("", "identity") for name, value in headers)
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in headers)]
        wire = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        if status in (204, 304):  # never with a body: what follows is no part of it
            return cls(wire, status, b"")
        return cls(wire, status, None if coded else body)


@attrs.frozen
class Plan:
    """Makes the answer to a call, given what a vendor in good order would say: status and JSON value."""

    what: tuple[Any, ...]
    """For people."""
    answer: Callable[[int, Any], Answer] = attrs.field(repr=False)


STATUSES = (
    *(200, 201, 202, 203, 204, 205, 206, 207, 226, 299),
    *(300, 301, 302, 303, 304, 307, 308, 399),
    *(400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 418, 421, 422, 425, 429, 431, 451, 499),
    *(500, 501, 502, 503, 504, 505, 507, 520, 599, 600, 700, 999),
)

HEADERS: Sequence[tuple[str, str]] = (
    *(("Content-Type", value) for value in ("text/html", "text/plain", "application/json; charset=utf-16", "", "?")),
    *(("Content-Encoding", value) for value in ("gzip", "br", "identity", "", "gzip, gzip", "aes128gcm")),
    *(("Retry-After", value) for value in ("0", "2", "1e9", "-1", "99999999999", "soon", "")),
    ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),
    *(("X-RateLimit-Reset", value) for value in ("0", "4000000000", "-5", "nan")),
    *(("X-Ratelimit-Remaining", value) for value in ("0", "7", "none")),
    *(("Date", value) for value in ("Sun, 06 Nov 1994 08:49:37 GMT", "yesterday", "Fri, 31 Dec 9999 23:59:59 -9999")),
    ("WWW-Authenticate", 'Bearer error="invalid_token", error_description="Jwt expired at 2024-07-08T22:12:28Z"'),
    ("Location", "http://127.0.0.1:1/elsewhere"),
    ("Set-Cookie", "a=b"),
    ("X-Bytes", "\x80\xff"),
    CLOSE,
)  # fmt: skip

HOSTILE: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "HTML": b"<!doctype html><html><body>Sign in</body></html>",
    "plain text": b"Too many requests",
    "null": b"null",
    "a number": b"7",
    "a text": b'"OK"',
    "true": b"true",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a list of lists": b"[[[]], [{}], [null]]",
    "a lone brace": b"{",
    "NaN": b'{"replyCode": NaN, "data": {"ids": [NaN]}, "failedCount": NaN}',
    "Infinity": b'{"replyCode": -Infinity, "data": Infinity}',
    "a huge exponent": b'{"replyCode": 1e999, "failedCount": 1e999, "code": 1e999}',
    "an integer of 5000 digits": b'{"replyCode": ' + b"9" * 5000 + b', "data": {"ids": [' + b"9" * 5000 + b"]}}",
    "an integer of 30 digits": b'{"replyCode": 0, "data": {"ids": [' + b"7" * 30 + b"]}}",
    "half a surrogate pair": b'{"replyCode": 0, "replyText": "\\ud800", "message": "\\udfff", "\\ud800": 1}',
    "not UTF-8": b'{"replyCode": 0, "message": "\xff\xfe"}',
    "UTF-16": '{"replyCode": 0}'.encode("utf-16"),
    "UTF-32": '{"replyCode": 0}'.encode("utf-32"),
    "NUL": b'{"replyCode": 0, "message": "\\u0000"}\x00',
    "deep lists": b"[" * 200_000 + b"]" * 200_000,
    "deep lists, not ended": b"[" * 200_000,
    "deep objects": b'{"data":' * 100_000 + b"1" + b"}" * 100_000,
    "deep inside": b'{"replyCode": 0, "status": "success", "data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a name twice": b'{"replyCode": 1, "replyCode": 0, "success": false, "success": true, "data": {"ids": [1]}}',
    "a name twice inside": b'{"replyCode": 0, "data": {"ids": [1], "ids": []}, "error": {"code": 1, "code": 2}}',
    "two documents": b'{"replyCode": 0} {"replyCode": 0}',
    "a trailing comma": b'{"replyCode": 0,}',
    "a comment": b'{"replyCode": 0 /* fine */}',
    "single quotes": b"{'replyCode': 0}",
    "gzip": gzip.compress(b'{"replyCode": 0}'),
    "many members": b"{" + b",".join(b'"m%d": %d' % (n, n) for n in range(20_000)) + b"}",
    "a long text": b'{"message": "' + b"already exists " * 50_000 + b'", "status": "error"}',
    "a million spaces": b" " * 1_000_000 + b"{}",
}  # fmt: skip
"""Bodies that say nothing, or nothing that can be believed."""


def _raw(head: str, body: bytes = b"", status: int | None = None, reading: bytes | None = None) -> Answer:
    return Answer(head.replace("\n", "\r\n").encode("latin-1") + body, status, reading)


def raw_answers(status: int, body: bytes) -> Mapping[str, Answer]:
    """What a server might write that should have said this."""
    length = f"Content-Length: {len(body)}\n"
    good = f"HTTP/1.1 {status} OK\n{length}\n"
    closing = f"HTTP/1.1 {status} OK\nConnection: close\n"
    half = body[: len(body) // 2]
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    flood = "".join(f"X-{number}: {number}\n" for number in range(1_000))
    return {
        "hangs up": Answer(b""),
        "not HTTP": _raw("SMTP ready\nConnection: close\n\n"),
        "a bare status line": _raw(f"HTTP/1.1 {status} OK\nConnection: close\n"),
        "no end of the head": _raw(closing + "Content-Le"),
        "shorter than announced": _raw(closing + f"Content-Length: {len(body) + 9}\n\n", body),
        "longer than announced": _raw(closing + f"Content-Length: {len(half)}\n\n", body, status, half),
        "a length that is none": _raw(closing + "Content-Length: many\n\n", body),
        "a length below zero": _raw(closing + "Content-Length: -1\n\n", body),
        "two lengths": _raw(closing + f"Content-Length: {len(body)}\nContent-Length: 1\n\n", body),
        "chunks": _raw(closing + "Transfer-Encoding: chunked\n\n", chunks, status, body),
        "chunks, cut short": _raw(closing + "Transfer-Encoding: chunked\n\n", chunks[:-7]),
        "chunks of nonsense": _raw(closing + "Transfer-Encoding: chunked\n\n", b"xyz\r\n" + body),
        "to the end of the connection": _raw(closing + "\n", body, status, body),
        "HTTP/1.0": _raw(f"HTTP/1.0 {status} OK\nConnection: close\n\n", body, status, body),
        "HTTP/9.9": _raw(f"HTTP/9.9 {status} OK\nConnection: close\n{length}\n", body, status, body),
        "a status of letters": _raw(f"HTTP/1.1 OK\nConnection: close\n{length}\n", body),
        "a status of four digits": _raw(f"HTTP/1.1 2000 OK\nConnection: close\n{length}\n", body),
        "a status below a hundred": _raw(f"HTTP/1.1 020 OK\nConnection: close\n{length}\n", body),
        "continue first": _raw("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\n\n" + good, body, status, body),
        "continue for ever": _raw("HTTP/1.1 100 Continue\n\n" * 2_000 + good, body, status, body),
        "another protocol": _raw("HTTP/1.1 101 Switching Protocols\nUpgrade: tls\nConnection: close\n\n", body),
        "a line without a colon": _raw(closing + f"nonsense\n{length}\n", body),
        "a thousand headers": _raw(closing + flood + length + "\n", body, status, body),
        "twenty thousand headers": _raw(closing + flood * 20 + length + "\n", body),
        "a header of 200 kB": _raw(closing + f"X: {'x' * 200_000}\n{length}\n", body),
        "a second reply": _raw(good, body + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", status, body),
    }


RAW = tuple(raw_answers(200, b"{}"))


def plans(bodies: Sequence[Body]) -> st.SearchStrategy[Plan]:
    """Ways to answer; `bodies` are those that the spec has for the calls that are to be answered."""
    kinds = [
        st.just(AS_IT_SHOULD_BE),
        *[_damaged()] * 4,
        *[_from_spec(bodies)] * 3,
        _hostile(),
        st.sampled_from(RAW).map(as_raw),
    ]
    return st.integers(0, len(kinds) - 1).flatmap(lambda number: kinds[number])


AS_IT_SHOULD_BE = Plan(("good",), lambda status, value: Answer.of(status, _dumped(value)))


def as_status(status: int) -> Plan:
    """As it should be, but for the status."""
    return Plan(("good", status), lambda _, value: Answer.of(status, _dumped(value)))


def as_raw(name: str) -> Plan:
    """As it should be, but for HTTP."""
    return Plan((name,), lambda status, value: raw_answers(status, _dumped(value))[name])


def always(status: int | None, body: bytes, headers: Headers = (JSON_TYPE,)) -> Plan:
    """This, whatever it should be; without a status that which it should have."""
    return Plan((status, body[:200], headers), lambda good, _: Answer.of(status or good, body, headers))


def _from_spec(bodies: Sequence[Body]) -> st.SearchStrategy[Plan]:
    def of(body: Body) -> st.SearchStrategy[Plan]:
        statuses = st.sampled_from(body.statuses) | st.sampled_from(STATUSES)
        drawn = values(body) | values(body, valid=False)
        return st.builds(always, statuses, drawn.map(_dumped), _headers())

    return st.sampled_from(bodies).flatmap(of)


def _hostile() -> st.SearchStrategy[Plan]:
    statuses = st.none() | st.sampled_from(STATUSES)
    return st.builds(always, statuses, st.sampled_from(list(HOSTILE)).map(lambda name: HOSTILE[name]), _headers())


def _headers() -> st.SearchStrategy[Headers]:
    plain: Headers = (JSON_TYPE,)
    return st.just(plain) | st.lists(st.sampled_from(HEADERS), max_size=4).map(tuple)


# Damage

_WORDS = (
    "ids errors replyCode replyText data status success message error createdContacts failedContacts failedCount "
    "contacts mobile id _id deleted_contacts <NO_KEY_ID> code details external_id"
).split()
_SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2009, 2008, 10**30, 0.0, 0.5, -1e300),
    *("", "0", "1", "OK", "error", "success", "2009", "already exists", "\ud800", "\x00\x1b[31m", "x" * 3000),
    *([], {}, [{}], {"2009": "exists"}, {"2008": ""}, {"2011": None}, [{"2007": "Scalar expected"}]),
)  # fmt: skip
_TELLING: tuple[tuple[str, Any], ...] = (
    *(("replyCode", value) for value in (1, 1000, 1010, 2004, 2008, 2009, 2011, 7003, "0", "1", -1)),
    *(("status", "error"), ("success", False), ("success", True), ("error", "no"), ("code", 3), ("error", {"code": 5})),
    *(("ids", []), ("ids", [7]), ("ids", ["7", 8]), ("errors", {"": {"2005": ""}}), ("deleted_contacts", 1)),
    *(("failedCount", 1), ("failedContacts", [{"error": "exists"}]), ("contacts", []), ("external_id", "x1")),
    *(("mobile", "447946099999"), ("mobile", "4479460xxxxx"), ("mobile", 6000000), ("mobile", None)),
)
"""Members that change what a reply says."""
_PLACE = st.integers(0, 40)
Step = tuple[str, int, Any]
_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("replace"), _PLACE, st.sampled_from(_SCALARS)),
    st.tuples(st.just("rename"), _PLACE, st.sampled_from(_WORDS)),
    st.tuples(st.just("say"), _PLACE, st.sampled_from(_TELLING)),
    st.tuples(st.just("add"), _PLACE, st.tuples(st.sampled_from(_WORDS), st.sampled_from(_SCALARS))),
    st.tuples(st.sampled_from(["remove", "double", "wrap", "write", "upper", "reverse", "move"]), _PLACE, _PLACE),
)
_CUTS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "whole": lambda body, at: body,
    "cut": lambda body, at: body[: -1 - at % max(1, len(body))],
    "BOM": lambda body, at: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body, at: body.decode("utf-8", "replace").encode("utf-16-le"),
    "twice": lambda body, at: body + body,
    "name twice": lambda body, at: body.replace(b"{", b'{"data": {}, "data": 1, ', 1),
    "bytes": lambda body, at: body[:at] + b"\xff\x00" + body[at:],
    "gzip": lambda body, at: gzip.compress(body),
    "newlines": lambda body, at: b"\n" + body + b"\r\n\n",
}


def _damaged() -> st.SearchStrategy[Plan]:
    def plan(status: int | None, steps: list[Step], cut: str, at: int, headers: Headers) -> Plan:
        def answer(good: int, value: Any) -> Answer:
            for step in steps:
                value = damaged(value, *step)
            return Answer.of(status or good, _CUTS[cut](_dumped(value), at), headers)

        return Plan((status, *steps, cut, at, *headers), answer)

    return st.builds(
        plan,
        st.none() | st.none() | st.sampled_from(STATUSES),
        st.lists(_STEPS, max_size=3),
        st.just("whole") | st.sampled_from(list(_CUTS)),
        st.integers(0, 60),
        _headers(),
    )


def damaged(value: Any, what: str, place: int, extra: Any) -> Any:
    """The value with one of its parts damaged: the one at this place, counted through."""
    root = [json.loads(json.dumps(value))]
    places = list(_places(root))
    if what == "say":
        # Where such a member stands already, or in the outermost object.
        places = [each for each in places if each[1] == extra[0]] or places[:1]
    holder, key = places[place % len(places)]
    part = holder[key]
    match what:
        case "replace":
            holder[key] = extra
        case "say" if key == extra[0]:
            holder[key] = extra[1]
        case "remove":
            del holder[key]
        case "double" if isinstance(holder, list):
            holder.insert(key, json.loads(json.dumps(part)))
        case "wrap":
            holder[key] = [part]
        case "write":
            holder[key] = json.dumps(part)
        case "upper" if isinstance(part, str):
            holder[key] = part.upper()
        case "upper" if isinstance(part, dict):
            holder[key] = {name.upper(): each for name, each in part.items()}
        case "reverse" if isinstance(part, list):
            part.reverse()
        case "rename" if isinstance(holder, dict):
            holder[extra] = holder.pop(key)
        case "say" | "add" if isinstance(part, dict):
            part[extra[0]] = extra[1]
        case "add" if isinstance(part, list):
            part.append(extra[1])
        case "move":
            other, name = places[extra % len(places)]
            holder[key], other[name] = other[name], part
            if not _is_tree(root):
                return value
    return root[0] if root else None


def _is_tree(value: Any) -> bool:
    try:
        json.dumps(value)
    except (ValueError, RecursionError):
        return False
    return True


def _places(holder: Any) -> Any:
    """Each place of a value, as the object or list that has it and the name or number there."""
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], (dict, list)):
            yield from _places(holder[key])


def _dumped(value: Any) -> bytes:
    """JSON as lenient as Python writes it: halves of surrogate pairs escaped; None is no body at all."""
    return b"" if value is None else json.dumps(value).encode()
