"""What is put into a mock, or around its replies, to make the faults of `faults.py`."""

from __future__ import annotations

import json
from typing import Any

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.tokens import Tokens, read_basic
from headcount.mock.vendor import Call, Refusal, Vendor
from tests.fuzz.seeding import Reply


def without_locks(vendor: Vendor[Any]) -> None:
    vendor._locked = lambda call: None  # type: ignore[method-assign]


def any_token(vendor: Vendor[Any]) -> None:
    vendor.opens_token = lambda token, call: None if token else "missing token"  # type: ignore[method-assign]


def any_digest(vendor: Vendor[Any]) -> None:
    opens = vendor.opens

    def lenient(scheme: Any, call: Call) -> str | None:
        reason = opens(scheme, call)
        return None if "UsernameToken" in call.headers.get("x-wsse", "") else reason

    vendor.opens = lenient  # type: ignore[method-assign]


def any_secret(vendor: Vendor[Any]) -> None:
    opens = vendor.opens
    user = vendor.environment["EMARSYS_CLIENT_ID"]

    def lenient(scheme: Any, call: Call) -> str | None:
        given = read_basic(call.headers.get("authorization", ""))
        return None if given and given[0] == user else opens(scheme, call)

    vendor.opens = lenient  # type: ignore[method-assign]


def any_scheme(vendor: Vendor[Any]) -> None:
    key = vendor.environment["PABBLY_API_KEY"]
    opens = vendor.opens
    vendor.opens = lambda scheme, call: (  # type: ignore[method-assign]
        None if call.headers.get("authorization", "").endswith(key) else opens(scheme, call)
    )


def one_open_operation(vendor: Vendor[Any]) -> None:
    locked = vendor._locked
    vendor._locked = lambda call: None if call.operation.id == "listTags" else locked(call)  # type: ignore[method-assign]


def no_expiry(vendor: Vendor[Any]) -> None:
    class Lasting(Tokens):
        def refusal(self, token: str, client: str, calls: int | None) -> str | None:
            return super().refusal(token, client, None)

    vendor.tokens = Lasting()


def fails_when_empty(inner: Any, call: Call) -> Response:
    reply = inner(call)
    if json.loads(reply.body)["data"]["contacts"]:
        return reply
    return JSONResponse({"status": "error", "message": "index out of range"}, 500)


def nobody_found(inner: Any, call: Call) -> Response:
    return JSONResponse({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND", "details": []}}, 404)


def keeps_deleted(vendor: Vendor[Any]) -> None:
    inner = vendor.handlers["deleteContact"]
    gone: dict[str, bytes] = {}

    def delete(call: Call) -> Response:
        before = vendor.handlers["getContact"](call)
        if before.status_code == 200:
            gone[call.parameters["contact_id"]] = bytes(before.body)
        return inner(call)

    read = vendor.handlers["getContact"]

    def get(call: Call) -> Response:
        kept = gone.get(call.parameters["contact_id"])
        return Response(kept, media_type="application/json") if kept else read(call)

    vendor.handlers |= {"deleteContact": delete, "getContact": get}


def without_last(member: str | None) -> Any:
    def around(inner: Any, call: Call) -> Response:
        body = call.body
        contacts = body[member] if member else body
        if not isinstance(contacts, list) or len(contacts) < 2:
            return inner(call)
        return inner(attrs.evolve(call, body={**body, member: contacts[:-1]} if member else contacts[:-1]))

    return around


def twice(inner: Any, call: Call) -> Response:
    inner(call)
    return inner(call)


def writes_before_it_looks(vendor: Vendor[Any]) -> None:
    vendor.tolerates = lambda call: True  # type: ignore[method-assign]
    inner = vendor.handlers["createContact"]

    def create(call: Call) -> Response:
        if call.violation is None:
            return inner(call)
        vendor.write(call, 0, "key", "id", {}, {}, "created")
        return vendor.error(Refusal.INVALID, call.violation, call)

    vendor.handlers["createContact"] = create


def ignoring(*names: str) -> Any:
    def around(inner: Any, call: Call) -> Response:
        given = {name: value for name, value in call.parameters.items() if name not in names}
        return inner(attrs.evolve(call, parameters=given))

    return around


def as_if_without(*names: str) -> Any:
    def around(inner: Any, call: Call) -> Response:
        body = {name: value for name, value in call.body.items() if name not in names}
        return inner(attrs.evolve(call, body=body))

    return around


def same_id(vendor: Vendor[Any]) -> None:
    vendor._next_id = lambda: "0" * 24  # type: ignore[attr-defined]


def any_media_type(vendor: Vendor[Any]) -> None:
    for contract in vendor.contracts:
        for operation in contract.operations:
            for validator in list(operation.bodies.values()):
                operation.bodies["text/plain"] = validator  # type: ignore[index]


def plain(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers={**reply.headers, "content-type": "text/html"})


def untyped(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers={k: v for k, v in reply.headers.items() if k != "content-type"})


def cut(reply: Reply) -> Reply:
    return attrs.evolve(reply, body=reply.body[: len(reply.body) // 2])


def without_allow(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers={k: v for k, v in reply.headers.items() if k.lower() != "allow"})


def allowing(methods: str) -> Any:
    return lambda reply: attrs.evolve(without_allow(reply), headers={**without_allow(reply).headers, "allow": methods})


def status(status: int) -> Any:
    return lambda reply: attrs.evolve(reply, status=status)


def keeps_merged(vendor: Vendor[Any]) -> None:
    vendor._remove = lambda *arguments: None  # type: ignore[attr-defined]


def as_if_created(inner: Any, call: Call) -> Response:
    reply = inner(call)
    return JSONResponse({**json.loads(reply.body), "id": "0" * 26}) if reply.status_code == 200 else reply


def fails_the_third_time() -> Any:
    calls = iter(range(1, 1_000_000))

    def around(inner: Any, call: Call) -> Response:
        reply = inner(call)
        return reply if next(calls) % 3 else JSONResponse({"replyCode": 1, "replyText": "gone", "data": ""}, 410)

    return around


def one_late(inner: Any, call: Call) -> Response:
    skip = call.parameters.get("skip", 0) + 1
    return inner(attrs.evolve(call, parameters={**call.parameters, "skip": skip}))


def in_one_project(inner: Any, call: Call) -> Response:
    return inner(attrs.evolve(call, parameters={**call.parameters, "project_id": "3"}))


def only_says_so(inner: Any, call: Call) -> Response:
    return JSONResponse({"replyCode": 0, "replyText": "OK", "data": ""})


def without_values(inner: Any, call: Call) -> Response:
    reply = inner(call)
    value = json.loads(reply.body)
    for row in (value["data"] or {}).get("result") or []:
        row |= {name: None for name in row if name.isdecimal()}
    return JSONResponse(value, reply.status_code)


def one_more(member: str) -> Any:
    def around(inner: Any, call: Call) -> Response:
        value = json.loads(inner(call).body)
        if isinstance(value["data"], dict):
            value["data"][member] += 1
        return JSONResponse(value)

    return around


def without_last_identity(inner: Any, call: Call) -> Response:
    reply = inner(call)
    value = json.loads(reply.body)
    if reply.status_code != 200:
        return reply
    return JSONResponse({**value, "channel_identities": value["channel_identities"][:-1]})
