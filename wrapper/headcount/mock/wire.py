"""HTTP/1.1 as bytes, as far as a proxy that breaks it has to know."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import attrs

from headcount.mock.faults import Fault

_PIECE = 65536


@attrs.frozen
class RequestHead:
    """The head of a request. `length` is that of its body, None where the head does not say it in one number."""

    content: bytes
    method: str
    path: str
    length: int | None

    @classmethod
    def read(cls, content: bytes) -> RequestHead:
        """The head in these bytes; never raises."""
        method, _, rest = content.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        headers = _headers(content)
        length = None if "transfer-encoding" in headers else _number(headers.get("content-length", "0"))
        return cls(content, method, path, length)


def reply_length(head: bytes, method: str) -> int | None:
    """The bytes of the body behind this head of a reply; None where only its end tells."""
    status = _number(head[9:12].decode("latin-1"))
    if method == "HEAD" or status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        return 0
    return _number(_headers(head).get("content-length", ""))


def split(message: bytes) -> tuple[bytes, bytes]:
    """Head, with the blank line, and body."""
    head, blank, body = message.partition(b"\r\n\r\n")
    return head + blank, body


def literal(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """A reply with a Content-Length."""
    return _head(status, {"Content-Length": str(len(body)), **headers}) + body


def garbled(content: bytes, size: int | None) -> bytes:
    """The content with its first `size` bytes turned into others."""
    size = 8 if size is None else size
    return bytes(byte ^ 0xA5 for byte in content[:size]) + content[size:]


def bomb(fault: Fault) -> Iterator[bytes]:
    """The pieces of a reply of `fault.size` zeros, or zeros without end, which its close alone ends."""
    compressor = zlib.compressobj(wbits=31) if fault.ending == "gzip_bomb" else None
    headers = {"Content-Type": "application/json", "Connection": "close", **fault.headers}
    if compressor:
        headers["Content-Encoding"] = "gzip"
    yield _head(fault.status or 200, headers)
    left = fault.size
    while left is None or left > 0:
        piece = b"0" * (_PIECE if left is None else min(left, _PIECE))
        left = None if left is None else left - len(piece)
        yield compressor.compress(piece) if compressor else piece
    if compressor:
        yield compressor.flush()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    known = {each.value: each.phrase for each in HTTPStatus}
    lines = [f"HTTP/1.1 {status} {known.get(status, '')}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
