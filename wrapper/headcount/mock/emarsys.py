"""Emarsys, mocked: contacts under `/api/v2` with WSSE and under `/api/v3` with OAuth2."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Literal

import attrs
from starlette.responses import JSONResponse, PlainTextResponse, Response

from headcount.mock.contract import Node
from headcount.mock.faults import Fault, Switches
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor, seconds_from_now

_WINDOW = timedelta(minutes=5)
_SERVER_ZONES = (timezone(timedelta(hours=1)), timezone(timedelta(hours=2)))
_INTERNAL = ("id", "uid")

Errors = dict[str, dict[str, str]]


@attrs.define(kw_only=True)
class EmarsysSwitches(Switches):
    """How the mocked Emarsys answers.

    empty_errors: `data.errors` when nothing failed (absent, list: vendor-docs; map: inferred).
    ids: the type of the ids of a create (integer: seed; string: vendor-docs, there for updates).
    id_order: the order of the ids (request: seed; reversed: inferred, as no order is promised).
    ids_withheld: how many ids of stored contacts are left out at the end of a reply (inferred).
    unknown_key: what an unknown `key_id` gets: `refused` is 400/2004, `refused_in_200` the same envelope with
        status 200 (both vendor-docs), `pseudo_key` a 200 with `<NO_KEY_ID>` in errors (client-source).
    invalid_contact: a contact that breaks the schema: `refuse` refuses the batch, `item` makes it an error of its
        own with code 2007 (both inferred).
    fields: the field ids of the account (vendor-docs: 2004, 2007); None means that every id exists.
    existing: values of field 3 of contacts that are there from the start.
    rate_limit: the number in `X-RateLimit-Limit` (vendor-docs).
    """

    empty_errors: Literal["absent", "list", "map"] = "absent"
    ids: Literal["integer", "string"] = "integer"
    id_order: Literal["request", "reversed"] = "request"
    ids_withheld: int = 0
    unknown_key: Literal["refused", "refused_in_200", "pseudo_key"] = "refused"
    invalid_contact: Literal["refuse", "item"] = "refuse"
    fields: tuple[str, ...] | None = None
    existing: tuple[str, ...] = ()
    rate_limit: int = 1000


class Emarsys(Vendor[EmarsysSwitches]):
    """Contacts by internal id, found by the value of any field.

    The order of checks, duplicates inside one request (the second is 2009) and ids that ascend in request order are
    inferred; codes and texts are the seed's and the vendor's documents'.
    """

    name = "emarsys"
    specs = ("emarsys",)
    credentials: ClassVar[Mapping[str, str]] = {
        "EMARSYS_CLIENT_ID": "mock-client",
        "EMARSYS_CLIENT_SECRET": "mock-secret",
        "EMARSYS_USERNAME": "mock-user",
        "EMARSYS_SECRET": "mock-secret",
    }
    client = ("EMARSYS_CLIENT_ID", "EMARSYS_CLIENT_SECRET")
    switches_type = EmarsysSwitches

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._next_id = itertools.count(100_000_001)
        self._by_field: dict[str, dict[str, list[int]]] = {}
        for value in self.switches.existing:
            contact_id = next(self._next_id)
            self.store.put(str(contact_id), {"3": value})

    def operations(self) -> Mapping[str, Handler]:
        return {"createContacts": self.create_contacts, "checkContactIds": self.check_contact_ids}

    def opens(self, scheme: Node, call: Call) -> str | None:
        version = "v2" if scheme["type"] == "apiKey" else "v3"
        if call.path.startswith("/api/") and not call.path.startswith(f"/api/{version}/"):
            return f"not the scheme of {call.path[:7]}"
        if scheme["type"] != "apiKey":
            return super().opens(scheme, call)
        header = call.headers.get("x-wsse") or call.headers.get("wsse") or ""
        return wsse_refusal(header, self.environment["EMARSYS_USERNAME"], self.environment["EMARSYS_SECRET"])

    def tolerates(self, call: Call) -> bool:
        contacts = call.body.get("contacts") if isinstance(call.body, dict) else None
        return (
            self.switches.invalid_contact == "item"
            and call.operation.id == "createContacts"
            and isinstance(contacts, list)
            and 0 < len(contacts) <= 1000
            and all(isinstance(contact, dict) for contact in contacts)
            and call.body.get("key_id") not in _INTERNAL
        )

    def error(self, refusal: Refusal, detail: str, call: Call | None) -> Response:
        code, text = {
            Refusal.UNAUTHORIZED: (1, "Unauthorized"),
            Refusal.FORBIDDEN: (1, "Forbidden"),
            Refusal.NOT_FOUND: (1, "Action is invalid."),
            Refusal.METHOD: (1009, "Invalid HTTP method"),
            Refusal.TOO_LARGE: (10001, "Request body too large"),
            Refusal.MEDIA_TYPE: (1010, "Invalid content type"),
            Refusal.MALFORMED: (1010, "Invalid JSON"),
            Refusal.INVALID: (10001, f"Invalid parameter: {detail}"),
        }[refusal]
        if refusal is Refusal.INVALID and call is not None and isinstance(call.body, dict):
            code, text = _known_refusal(call.body) or (code, text)
        return _envelope(code, text, "", refusal.status)

    def answers(self) -> Mapping[str, Answer]:
        """`rate_limited` (429 with X-RateLimit headers) and `database_error` are vendor-docs; `error_in_200` too;
        `rate_limited_text` and `no_key_id` are client-source; `rate_limited_retry_after` is inferred."""
        return {
            **super().answers(),
            "rate_limited": self._rate_limited,
            "rate_limited_retry_after": lambda fault, call: _envelope(
                7003, "Too many requests", "", 429, {"Retry-After": str(fault.wait)}
            ),
            "rate_limited_text": lambda fault, call: PlainTextResponse("Too many requests", 429),
            "database_error": lambda fault, call: _envelope(2011, "Database connection error", "", 500),
            "error_in_200": lambda fault, call: _envelope(2004, "Invalid key field id: 100", "", 200),
            "no_key_id": lambda fault, call: _envelope(0, "OK", _no_key_id("100")),
        }

    def create_contacts(self, call: Call) -> Response:
        """Creates each contact whose key value is new."""
        key_id = str(call.body.get("key_id", "") or "3")
        if not self._has_field(key_id):
            return self._unknown_key(key_id)
        ids: list[int] = []
        errors: Errors = {}
        for index, contact in enumerate(call.body["contacts"]):
            value = contact.get(key_id, "")
            key = value if isinstance(value, str) else "" if value is None else str(value)
            if problem := self._problem(call, contact, key_id, key):
                errors[key] = problem
                continue
            contact_id = next(self._next_id)
            ids.append(contact_id)
            self.write(call, index, key, str(contact_id), contact, contact, "created")
            if not self.switches.forget:
                self._index(contact_id, contact)
        return _envelope(0, "OK", {"ids": self._shown(ids), **self._shown_errors(errors)})

    def check_contact_ids(self, call: Call) -> Response:
        """The ids of the contacts with these values of the key field."""
        key_id = str(call.body["key_id"])
        if key_id not in _INTERNAL and not self._has_field(key_id):
            return self._unknown_key(key_id)
        ids: dict[str, str | list[str]] = {}
        errors: Errors = {}
        for value in call.body["external_ids"]:
            found = [str(each) for each in self._find(key_id, value)]
            if not found:
                errors[value] = {"2008": f"No contact found with the external id: {key_id} - {value}"}
            elif call.body.get("get_multiple_ids"):
                ids[value] = found
            elif len(found) > 1:
                errors[value] = {"2010": f"More contacts found with the external id: {key_id} - {value}"}
            else:
                ids[value] = found[0]
        # An empty PHP array has no keys to tell a map by.
        return _envelope(0, "OK", {"ids": ids or [], "errors": errors or []})

    def _problem(self, call: Call, contact: dict[str, Any], key_id: str, key: str) -> dict[str, str] | None:
        if not key:
            return {"2005": f"No value provided for key field: {key_id}"}
        if isinstance(contact[key_id], list):
            return {"2007": "Scalar expected"}
        if self.switches.fields is not None or call.violation:
            unknown = next((name for name in contact if name != "source_id" and not self._has_field(name)), None)
            if unknown is not None:
                return {"2007": f"Invalid field id: {unknown}"}
        if call.violation and not self.is_contact(contact):
            return {"2007": "Invalid value"}
        if self._find(key_id, key):
            return {"2009": f"Contact with the external id already exists: {key_id}"}
        return None

    def _has_field(self, field_id: str) -> bool:
        return self.switches.fields is None or field_id in self.switches.fields

    def _find(self, field_id: str, value: str) -> list[int]:
        if field_id == "id":
            return [int(value)] if self.store.get(value) is not None else []
        if field_id not in self._by_field:
            values = self._by_field[field_id] = {}
            for contact_id, contact in self.store.contacts.items():
                if field_id in contact:
                    values.setdefault(str(contact[field_id]), []).append(int(contact_id))
        return self._by_field[field_id].get(value, [])

    def _index(self, contact_id: int, contact: Mapping[str, Any]) -> None:
        for field_id, values in self._by_field.items():
            if field_id in contact:
                values.setdefault(str(contact[field_id]), []).append(contact_id)

    def _shown(self, ids: list[int]) -> list[int] | list[str]:
        shown = ids[: len(ids) - self.switches.ids_withheld] if self.switches.ids_withheld else ids
        if self.switches.id_order == "reversed":
            shown = shown[::-1]
        return [str(each) for each in shown] if self.switches.ids == "string" else shown

    def _shown_errors(self, errors: Errors) -> dict[str, Any]:
        if errors:
            return {"errors": errors}
        empty: dict[str, dict[str, Any]] = {"absent": {}, "list": {"errors": []}, "map": {"errors": {}}}
        return empty[self.switches.empty_errors]

    def _unknown_key(self, key_id: str) -> Response:
        if self.switches.unknown_key == "pseudo_key":
            return _envelope(0, "OK", _no_key_id(key_id))
        status = 400 if self.switches.unknown_key == "refused" else 200
        return _envelope(2004, f"Invalid key field id: {key_id}", "", status)

    def _rate_limited(self, fault: Fault, call: Call) -> Response:
        headers = {
            "X-RateLimit-Limit": str(self.switches.rate_limit),
            "X-Ratelimit-Remaining": "0",
            "X-RateLimit-Reset": str(seconds_from_now(fault.wait)),
        }
        return _envelope(7003, "Too many requests", "", 429, headers)


def wsse_refusal(header: str, username: str, secret: str, now: datetime | None = None) -> str | None:
    """Why a WSSE header is refused, or None when it is good.

    Lenient as clients are: parts in any order and case, nonce as text, time with or without a zone (the server's own,
    in summer or winter). Base64 is over the hexadecimal text of the SHA-1, and the time may be five minutes off.
    """
    parts = {name.lower(): value for name, value in re.findall(r'(\w+)\s*=\s*"([^"]*)"', header)}
    if not {"username", "passworddigest", "nonce", "created"} <= parts.keys():
        return "missing WSSE"
    text = parts["nonce"] + parts["created"] + secret
    digest = base64.b64encode(hashlib.sha1(text.encode()).hexdigest().encode()).decode()
    if parts["username"] != username or parts["passworddigest"] != digest:
        return "wrong WSSE"
    try:
        created = datetime.fromisoformat(parts["created"])
    except ValueError:
        return "WSSE time not readable"
    possible = [created] if created.tzinfo else [created.replace(tzinfo=zone) for zone in _SERVER_ZONES]
    moment = now or datetime.now(UTC)
    return None if any(abs(moment - each) <= _WINDOW for each in possible) else "WSSE expired"


def _known_refusal(body: Mapping[str, Any]) -> tuple[int, str] | None:
    """The vendor's own code for a request that breaks the schema, where it has one."""
    contacts, external_ids = body.get("contacts"), body.get("external_ids")
    if isinstance(contacts, list) and len(contacts) > 1000:
        return 1000, "The request exceeded the maximum batch size of 1,000"
    if contacts is not None and body.get("key_id") in _INTERNAL:
        return 2004, "Cannot use internal ID as key on contact creation."
    if isinstance(external_ids, list) and len(external_ids) > 1000:
        return 2002, "Number of external ids exceeds the limit (1000)"
    if external_ids is not None and not isinstance(external_ids, list):
        return 2003, "Array expected"
    if "contacts" not in body and "external_ids" not in body:
        return 10001, "Missing parameter: contacts"
    return None


def _no_key_id(key_id: str) -> dict[str, Any]:
    return {"ids": [], "errors": {"<NO_KEY_ID>": {"2004": f"Invalid key field id: {key_id}"}}}


def _envelope(code: int, text: str, data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"replyCode": code, "replyText": text, "data": data}, status, headers)
