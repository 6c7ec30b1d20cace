"""The ASGI application: from a request's bytes to a vendor, and the reply, or its fault, back to the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from headcount.mock.contract import Match
from headcount.mock.faults import Fault
from headcount.mock.payload import Payload
from headcount.mock.proxy import reset_on_close
from headcount.mock.vendor import Call, Refusal, Vendor

TRANSPORT = "headcount.mock.transport"
"""Where the server puts the connection's transport into the scope, for faults that end it."""

Found = tuple[Vendor[Any], Match]


class Application:
    """The mocked vendors of one port, with all their specs or those named."""

    def __init__(self, vendors: Sequence[Vendor[Any]], specs: Collection[str] = ()) -> None:
        self._by_spec = bool(specs)
        self._served = [
            (vendor, contract)
            for vendor in vendors
            for spec, contract in zip(vendor.specs, vendor.contracts, strict=True)
            if not specs or spec in specs
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
        headers = Headers(scope=scope)
        at_path = self._at(path)
        # A vendor's own host name, where a client sends it, says which service is meant.
        host = headers.get("host", "")
        at_path = [found for found in at_path if host in found[1].operation.hosts] or at_path
        limit = at_path[0][0].switches.body_limit if at_path else 0
        content, too_large = await _body(receive, limit)
        payload = Payload.read(content, headers.get("content-type", ""), too_large=too_large)
        usable = [found for found in at_path if found[1].operation.method == scope["method"]]
        if not usable:
            await self._nothing(path, at_path)(scope, receive, send)
            return
        vendor, match = _choose(usable, payload, headers)
        number, fault = vendor.begin(match.operation)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        call = Call(number, match.operation, path, headers)
        if fault and fault.replaces_reply:
            if fault.carried_out:
                vendor.respond(call, match.path_parameters, query, payload)
            response = vendor.faulty(fault, call)
        else:
            response = vendor.respond(call, match.path_parameters, query, payload)
        if fault:
            await _deliver(vendor, fault, response, scope, receive, send)
        else:
            vendor.store.count_answer(response.status_code)
            await response(scope, receive, send)

    def _at(self, path: str) -> list[Found]:
        found = [(vendor, match) for vendor, contract in self._served for match in contract.match(path)]
        if found or not self._by_spec:
            return found
        # Tools know one address for a whole document, so that they look for the token server's paths there, too.
        return [
            (vendor, match)
            for vendor, contract in self._served
            for base in contract.bases
            if base and path.startswith(f"{base}/")
            for match in contract.match(path.removeprefix(base))
        ]

    def _nothing(self, path: str, at_path: Sequence[Found]) -> Response:
        """The answer where no operation is: 405 with `Allow`, or 404 by the vendor whose paths are most like it."""
        if at_path:
            vendor, match = at_path[0]
            call = Call(0, match.operation, path, Headers())
            response = vendor.refuse(Refusal.METHOD, "method not allowed", call)
            response.headers["Allow"] = ", ".join(sorted({match.operation.method for _, match in at_path}))
        else:
            near = [
                ((contract.nearness(path), len(base)), vendor)
                for vendor, contract in self._served
                for base in contract.bases
                if f"{path}/".startswith(f"{base}/")
            ]
            if not near:
                return JSONResponse({"message": "not found"}, 404)
            vendor = max(near, key=lambda each: each[0])[1]
            response = vendor.refuse(Refusal.NOT_FOUND, "not found")
        vendor.store.count_answer(response.status_code)
        return response


def _choose(usable: Sequence[Found], payload: Payload, headers: Headers) -> Found:
    """The vendor, told apart by the client credentials where two have the path, and its operation."""
    vendor = next((vendor for vendor, _ in usable if vendor.owns(headers)), usable[0][0])
    return vendor, vendor.choose([match for owner, match in usable if owner is vendor], payload)


async def _body(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """The request's body. What is beyond the limit is read and dropped, so that the reply is not lost in a reset."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        if not message.get("more_body"):
            break
    return b"".join(chunks), size > limit


async def _deliver(
    vendor: Vendor[Any], fault: Fault, response: Response, scope: Scope, receive: Receive, send: Send
) -> None:
    answered = fault.ending in ("reply", "truncate")
    vendor.store.count_answer(response.status_code if answered else 0)
    await asyncio.sleep(fault.delay)
    if fault.ending == "reply":
        await response(scope, receive, send)
        return
    transport: asyncio.Transport = scope[TRANSPORT]
    if fault.ending == "truncate":
        await _send_half(response, send)
    if fault.ending == "reset":
        reset_on_close(transport.get_extra_info("socket"))
        transport.abort()
    elif fault.ending != "hang":
        transport.close()
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()


async def _send_half(response: Response, send: Send) -> None:
    body = bytes(response.body)
    headers = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
    # An empty body has no half: two bytes are promised and none comes.
    headers.append((b"content-length", str(len(body) or 2).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
