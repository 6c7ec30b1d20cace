"""The faults that are seeded into the mocks, one at a time, and the check that has to find each."""

from __future__ import annotations

import json
from typing import Any

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.tokens import Tokens, read_basic
from headcount.mock.vendor import Call, Refusal, Vendor
from tests.fuzz.campaign import PROBES, STATEFUL
from tests.fuzz.seeding import (
    Fault,
    Reply,
    drop_member,
    handler,
    json_of,
    parameter,
    replies,
    schema,
    set_member,
    without,
)

BATCH, CONVERSATION, EMARSYS, EMARSYS_V2, PABBLY = (
    "sinch_batch",
    "sinch_conversation",
    "emarsys",
    "emarsys_v2",
    "pabbly_chatflow",
)
REFUSED, TAKEN = "invalid_is_refused", "valid_is_taken"
NEGATIVE, POSITIVE = "negative_data_rejection", "positive_data_acceptance"
SCHEMA, STATUS, TYPE = "response_schema_conformance", "status_code_conformance", "content_type_conformance"
MANY = ("createContacts",)


def _without_locks(vendor: Vendor[Any]) -> None:
    vendor._locked = lambda call: None  # type: ignore[method-assign]


def _any_token(vendor: Vendor[Any]) -> None:
    vendor.opens_token = lambda token, call: None if token else "missing token"  # type: ignore[method-assign]


def _any_digest(vendor: Vendor[Any]) -> None:
    opens = vendor.opens

    def lenient(scheme: Any, call: Call) -> str | None:
        reason = opens(scheme, call)
        return None if "UsernameToken" in call.headers.get("x-wsse", "") else reason

    vendor.opens = lenient  # type: ignore[method-assign]


def _any_secret(vendor: Vendor[Any]) -> None:
    opens = vendor.opens
    user = vendor.environment["EMARSYS_CLIENT_ID"]

    def lenient(scheme: Any, call: Call) -> str | None:
        given = read_basic(call.headers.get("authorization", ""))
        return None if given and given[0] == user else opens(scheme, call)

    vendor.opens = lenient  # type: ignore[method-assign]


def _any_scheme(vendor: Vendor[Any]) -> None:
    key = vendor.environment["PABBLY_API_KEY"]
    opens = vendor.opens
    vendor.opens = lambda scheme, call: (  # type: ignore[method-assign]
        None if call.headers.get("authorization", "").endswith(key) else opens(scheme, call)
    )


def _one_open_operation(vendor: Vendor[Any]) -> None:
    locked = vendor._locked
    vendor._locked = lambda call: None if call.operation.id == "listTags" else locked(call)  # type: ignore[method-assign]


def _no_expiry(vendor: Vendor[Any]) -> None:
    class Lasting(Tokens):
        def refusal(self, token: str, client: str, calls: int | None) -> str | None:
            return super().refusal(token, client, None)

    vendor.tokens = Lasting()


def _fails_when_empty(inner: Any, call: Call) -> Response:
    reply = inner(call)
    if json.loads(reply.body)["data"]["contacts"]:
        return reply
    return JSONResponse({"status": "error", "message": "index out of range"}, 500)


def _nobody_found(inner: Any, call: Call) -> Response:
    return JSONResponse({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND", "details": []}}, 404)


def _keeps_deleted(vendor: Vendor[Any]) -> None:
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


def _without_last(member: str | None) -> Any:
    def around(inner: Any, call: Call) -> Response:
        body = call.body
        contacts = body[member] if member else body
        if not isinstance(contacts, list) or len(contacts) < 2:
            return inner(call)
        return inner(attrs.evolve(call, body={**body, member: contacts[:-1]} if member else contacts[:-1]))

    return around


def _twice(inner: Any, call: Call) -> Response:
    inner(call)
    return inner(call)


def _writes_before_it_looks(vendor: Vendor[Any]) -> None:
    vendor.tolerates = lambda call: True  # type: ignore[method-assign]
    inner = vendor.handlers["createContact"]

    def create(call: Call) -> Response:
        if call.violation is None:
            return inner(call)
        vendor.write(call, 0, "key", "id", {}, {}, "created")
        return vendor.error(Refusal.INVALID, call.violation, call)

    vendor.handlers["createContact"] = create


def _ignoring(*names: str) -> Any:
    def around(inner: Any, call: Call) -> Response:
        given = {name: value for name, value in call.parameters.items() if name not in names}
        return inner(attrs.evolve(call, parameters=given))

    return around


def _as_if_without(*names: str) -> Any:
    def around(inner: Any, call: Call) -> Response:
        body = {name: value for name, value in call.body.items() if name not in names}
        return inner(attrs.evolve(call, body=body))

    return around


def _same_id(vendor: Vendor[Any]) -> None:
    vendor._next_id = lambda: "0" * 24  # type: ignore[attr-defined]


def _any_media_type(vendor: Vendor[Any]) -> None:
    for contract in vendor.contracts:
        for operation in contract.operations:
            for validator in list(operation.bodies.values()):
                operation.bodies["text/plain"] = validator  # type: ignore[index]


def _plain(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers={**reply.headers, "content-type": "text/html"})


def _untyped(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers={k: v for k, v in reply.headers.items() if k != "content-type"})


def _cut(reply: Reply) -> Reply:
    return attrs.evolve(reply, body=reply.body[: len(reply.body) // 2])


def _without_allow(reply: Reply) -> Reply:
    return attrs.evolve(reply, headers={k: v for k, v in reply.headers.items() if k.lower() != "allow"})


def _allowing(methods: str) -> Any:
    return lambda reply: attrs.evolve(
        _without_allow(reply), headers={**_without_allow(reply).headers, "allow": methods}
    )


def _status(status: int) -> Any:
    return lambda reply: attrs.evolve(reply, status=status)


FAULTS = (
    # Limits and rules of requests
    Fault(
        name="a batch may be of any size",
        target=BATCH,
        operations=MANY,
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("CreateContactsRequest", without("maxItems"), "properties", "contacts"),
    ),
    Fault(
        name="a batch may be one too large",
        target=BATCH,
        operations=MANY,
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("CreateContactsRequest", lambda node: node.update(maxItems=1001), "properties", "contacts"),
    ),
    Fault(
        name="a batch may not have its last contact",
        target=BATCH,
        operations=MANY,
        found_by=POSITIVE,
        edit=schema("CreateContactsRequest", lambda node: node.update(maxItems=999), "properties", "contacts"),
    ),
    Fault(
        name="an empty batch is taken",
        target=BATCH,
        operations=MANY,
        found_by=NEGATIVE,
        edit=schema("CreateContactsRequest", without("minItems"), "properties", "contacts"),
    ),
    Fault(
        name="metadata of any length",
        target=CONVERSATION,
        operations=("createContact",),
        found_by=NEGATIVE,
        edit=schema("Contact", without("maxLength"), "properties", "metadata"),
    ),
    Fault(
        name="any text is a channel",
        target=CONVERSATION,
        operations=("createContact",),
        found_by=NEGATIVE,
        edit=schema("Channel", without("enum")),
    ),
    Fault(
        name="any text is a way with duplicates",
        target=PABBLY,
        operations=MANY,
        found_by=NEGATIVE,
        edit=parameter("createContacts", "onDuplicate", enum=None),
    ),
    Fault(
        name="one way with duplicates is refused",
        target=PABBLY,
        operations=MANY,
        found_by=POSITIVE,
        edit=parameter("createContacts", "onDuplicate", enum=["skip"]),
    ),
    Fault(
        name="a page before the first",
        target=PABBLY,
        operations=("listContacts",),
        found_by=NEGATIVE,
        edit=parameter("listContacts", "page", minimum=None),
    ),
    Fault(
        name="a switch as text",
        target=PABBLY,
        operations=MANY,
        found_by=NEGATIVE,
        edit=schema("Contact", without("type"), "properties", "optin"),
    ),
    Fault(
        name="members that nobody knows",
        target=PABBLY,
        operations=("updateContact",),
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("UpdateContactRequest", without("additionalProperties")),
    ),
    Fault(
        name="a list of texts may hold numbers",
        target=PABBLY,
        operations=("updateContact",),
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("UpdateContactRequest", without("items"), "properties", "tags"),
    ),
    Fault(
        name="text is taken for JSON",
        target=PABBLY,
        operations=MANY,
        phases=PROBES,
        found_by="media_type_is_refused",
        patch=_any_media_type,
    ),
    Fault(
        name="one channel more",
        target=BATCH,
        operations=MANY,
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("Channel", lambda node: node["enum"].append("FAX")),
    ),
    Fault(
        name="one language less",
        target=BATCH,
        operations=MANY,
        phases=PROBES,
        found_by=TAKEN,
        edit=schema("Language", lambda node: node["enum"].remove("ZU")),
    ),
    Fault(
        name="no channel needs an app",
        target=CONVERSATION,
        operations=("createContact",),
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("ChannelIdentity", without("if", "then")),
    ),
    Fault(
        name="fields by name",
        target=EMARSYS,
        operations=MANY,
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("Contact", without("propertyNames")),
    ),
    Fault(
        name="one contact too many in a look-up",
        target=EMARSYS,
        operations=("checkContactIds",),
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("CheckContactIdsRequest", lambda node: node.update(maxItems=1001), "properties", "external_ids"),
    ),
    Fault(
        name="a mobile without a digit",
        target=PABBLY,
        operations=("updateContact",),
        phases=PROBES,
        found_by=REFUSED,
        edit=schema("UpdateContactRequest", without("pattern"), "properties", "mobile"),
    ),
    # Credentials
    Fault(
        name="the digest is not compared",
        target=EMARSYS_V2,
        operations=("checkContactIds",),
        phases=PROBES,
        found_by="credentials_are_refused",
        patch=_any_digest,
    ),
    Fault(
        name="the secret is not compared",
        target=EMARSYS,
        operations=("createToken",),
        phases=PROBES,
        found_by="credentials_are_refused",
        patch=_any_secret,
    ),
    Fault(
        name="a token under any scheme",
        target=PABBLY,
        operations=("listTags",),
        phases=PROBES,
        found_by="credentials_are_refused",
        patch=_any_scheme,
    ),
    Fault(
        name="nobody asks for credentials",
        target=EMARSYS,
        operations=("createContacts",),
        found_by="ignored_auth",
        patch=_without_locks,
    ),
    Fault(
        name="any token opens",
        target=CONVERSATION,
        operations=("createContact",),
        found_by="ignored_auth",
        patch=_any_token,
    ),
    Fault(
        name="one operation is open",
        target=PABBLY,
        operations=("listTags",),
        found_by="ignored_auth",
        patch=_one_open_operation,
    ),
    Fault(
        name="an expired token opens",
        target=BATCH,
        operations=MANY,
        found_by="TokenLife",
        switches={"token_calls": 20},
        patch=_no_expiry,
    ),
    # Replies
    Fault(
        name="a count as text",
        target=PABBLY,
        operations=MANY,
        found_by=SCHEMA,
        wrap=json_of("/contacts", set_member("data", "failedCount", to=str)),
    ),
    Fault(
        name="null for an empty list",
        target=PABBLY,
        operations=MANY,
        found_by=SCHEMA,
        wrap=json_of("/contacts", set_member("data", "failedContacts", to=lambda held: held or None)),
    ),
    Fault(
        name="the next page as a number",
        target=CONVERSATION,
        operations=("listContacts",),
        found_by=SCHEMA,
        wrap=json_of("/contacts", set_member("next_page_token", to=0)),
    ),
    Fault(
        name="ids in an object",
        target=EMARSYS,
        operations=MANY,
        found_by=SCHEMA,
        wrap=json_of("/contact", set_member("data", "ids", to={}), method="POST"),
    ),
    Fault(
        name="a member is missing",
        target=PABBLY,
        operations=("listContacts",),
        found_by=SCHEMA,
        wrap=json_of("/contacts/", drop_member("data", "totalCount")),
    ),
    Fault(
        name="a member that no spec has",
        target=PABBLY,
        operations=("listTags",),
        found_by=SCHEMA,
        wrap=json_of("/settings/tags", lambda value: {**value, "debug": True}),
    ),
    Fault(
        name="a word for success that is none",
        target=PABBLY,
        operations=("listContactLists",),
        found_by=SCHEMA,
        wrap=json_of("/contacts/lists", set_member("status", to="ok")),
    ),
    Fault(
        name="an error without its code",
        target=CONVERSATION,
        operations=("createContact",),
        found_by=SCHEMA,
        wrap=json_of("/contacts", drop_member("error", "code"), status=400),
    ),
    Fault(
        name="half a reply",
        target=EMARSYS,
        operations=MANY,
        found_by=SCHEMA,
        wrap=replies(_cut, status=200, path="/contact"),
    ),
    Fault(
        name="JSON called HTML",
        target=EMARSYS,
        operations=("checkContactIds",),
        found_by=TYPE,
        wrap=replies(_plain, status=200),
    ),
    Fault(
        name="a reply of no type",
        target=PABBLY,
        operations=("listTags",),
        found_by=TYPE,
        wrap=replies(_untyped, status=200),
    ),
    Fault(
        name="a refusal of another type",
        target=BATCH,
        operations=MANY,
        found_by=TYPE,
        wrap=replies(_plain, status=400),
    ),
    Fault(
        name="created is 201",
        target=PABBLY,
        operations=MANY,
        found_by=STATUS,
        wrap=replies(_status(201), status=200),
    ),
    Fault(
        name="invalid is 422",
        target=CONVERSATION,
        operations=("createContact",),
        found_by=STATUS,
        wrap=replies(_status(422), status=400),
    ),
    Fault(
        name="an error when nothing is found",
        target=PABBLY,
        operations=("listContacts",),
        found_by="not_a_server_error",
        patch=handler("listContacts", _fails_when_empty),
    ),
    # Methods
    Fault(
        name="a wrong method without what is allowed",
        target=EMARSYS,
        operations=("checkContactIds",),
        found_by="unsupported_method",
        wrap=replies(_without_allow, status=405),
    ),
    Fault(
        name="a wrong method is not found",
        target=PABBLY,
        operations=("listTags",),
        found_by="unsupported_method",
        wrap=replies(_status(404), status=405),
    ),
    Fault(
        name="another method is said to be allowed",
        target=BATCH,
        operations=("createContacts", "deleteContacts"),
        found_by="allow_header_conformance",
        wrap=replies(_allowing("GET"), status=405),
    ),
    # What is stored and told
    Fault(
        name="the last of a batch is lost",
        target=BATCH,
        operations=MANY,
        found_by="Effects",
        patch=handler("createContacts", _without_last("contacts")),
    ),
    Fault(
        name="a contact is stored twice",
        target=CONVERSATION,
        operations=("createContact",),
        found_by="Effects",
        patch=handler("createContact", _twice),
    ),
    Fault(
        name="what is refused is stored",
        target=CONVERSATION,
        operations=("createContact",),
        found_by="Effects",
        patch=_writes_before_it_looks,
    ),
    Fault(
        name="the last of a list is lost",
        target=PABBLY,
        operations=MANY,
        found_by="Remembers",
        patch=handler("createContacts", _without_last(None)),
    ),
    Fault(
        name="tags are no filter",
        target=PABBLY,
        operations=("createContacts", "listContacts", "listTags"),
        phases=STATEFUL,
        found_by="Remembers",
        patch=handler("listContacts", _ignoring("tags")),
    ),
    Fault(
        name="a new name is lost",
        target=PABBLY,
        operations=("createContacts", "listContacts", "updateContact"),
        phases=STATEFUL,
        found_by="Remembers",
        patch=handler("updateContact", _as_if_without("name")),
    ),
    Fault(
        name="two contacts with one id",
        target=PABBLY,
        operations=("createContacts", "listContacts"),
        phases=STATEFUL,
        found_by="Remembers",
        patch=_same_id,
    ),
    Fault(
        name="a created contact is not found",
        target=CONVERSATION,
        operations=("createContact", "getContact"),
        phases=STATEFUL,
        found_by="ensure_resource_availability",
        patch=handler("getContact", _nobody_found),
    ),
    Fault(
        name="a deleted contact is still there",
        target=CONVERSATION,
        operations=("createContact", "getContact", "deleteContact"),
        phases=STATEFUL,
        found_by="use_after_free",
        patch=_keeps_deleted,
    ),
    Fault(
        name="pages without an end",
        target=CONVERSATION,
        operations=("createContact", "listContacts"),
        phases=STATEFUL,
        found_by="Remembers",
        wrap=json_of("/contacts", set_member("next_page_token", to="1"), method="GET"),
    ),
)
