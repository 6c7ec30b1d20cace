"""Pabbly Chatflow, mocked: contacts under `/api/v1`, known by the digits of their mobile."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.faults import Fault, Switches
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor

_PAGE = 25
_FRESH: Mapping[str, Any] = {
    "name": "",
    "optin": False,
    "incomingBlocked": False,
    "tags": [],
    "attributes": [],
    "source": "api",
    "list": ["all"],
    "status": "active",
}
_ECHOED = ("mobile", "name", "optin", "incomingBlocked", "tags", "attributes", "source", "list")


@attrs.define(kw_only=True)
class PabblySwitches(Switches):
    """How the mocked Chatflow answers.

    skipped: where a contact that existed shows: neither (inferred), failed (client-source), created (inferred).
    failed_mobile: an entry of `failedContacts` carries the mobile (inferred), beside `error` (client-source).
    envelope: `status`, `message`, `data` (seed) or `success`, `data` and `success`, `error` (vendor-docs).
    all_failed: the HTTP status when no contact was saved and some failed; the body says `error` (both inferred).
    unknown_names: a tag or an attribute that the settings do not have: `drop` leaves it out, `fail` fails the contact
        (both inferred; the seed says only that it must exist).
    tags, attributes: the names that the settings have (seed: they must exist); None means that every one does.
    invalid_contact: a contact that breaks the schema: `refuse` refuses the request with 400, `fail` makes it an
        entry of `failedContacts` (both inferred).
    echo_mobile: how `createdContacts` write a mobile: as sent, as digits, or with a plus sign (seed: no literal echo).
    mobile_search: whether `?mobile=` finds the whole number or a part (vendor-docs leaves it open; both inferred).
    existing: mobiles of contacts that are there from the start.
    """

    skipped: Literal["neither", "failed", "created"] = "neither"
    failed_mobile: bool = True
    envelope: Literal["status", "success"] = "status"
    all_failed: Literal[200, 400] = 200
    unknown_names: Literal["drop", "fail"] = "drop"
    tags: tuple[str, ...] | None = None
    attributes: tuple[str, ...] | None = None
    invalid_contact: Literal["refuse", "fail"] = "refuse"
    echo_mobile: Literal["sent", "digits", "plus"] = "sent"
    mobile_search: Literal["exact", "partial"] = "exact"
    existing: tuple[str, ...] = ()


class Pabbly(Vendor[PabblySwitches]):
    """Contacts by the digits of their mobile. A mobile without any digit fails (inferred)."""

    name = "pabbly"
    specs = ("pabbly_chatflow",)
    credentials: ClassVar[Mapping[str, str]] = {"PABBLY_API_KEY": "mock-key"}
    switches_type = PabblySwitches

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._numbers = itertools.count(1)
        for mobile in self.switches.existing:
            digits = _digits(mobile)
            self.store.put(digits, self._stored({"mobile": digits}, {"source": "manual"}))

    def operations(self) -> Mapping[str, Handler]:
        return {"createContacts": self.create_contacts, "listContacts": self.list_contacts}

    def opens_token(self, token: str | None, call: Call) -> str | None:
        return None if token == self.environment["PABBLY_API_KEY"] else "Invalid API key"

    def tolerates(self, call: Call) -> bool:
        return (
            self.switches.invalid_contact == "fail"
            and call.operation.id == "createContacts"
            and isinstance(call.body, list | dict)
            and 0 < len(call.body) <= 1000
        )

    def error(self, refusal: Refusal, detail: str, call: Call | None) -> Response:
        return self._failure(refusal.status, detail)

    def answers(self) -> Mapping[str, Answer]:
        """`rate_limited` is vendor-docs, its `Retry-After` inferred; `error_in_200` is client-source."""
        return {
            **super().answers(),
            "rate_limited": lambda fault, call: self._failure(429, "Too many requests"),
            "rate_limited_retry_after": self._retry_after,
            "server_error": lambda fault, call: self._failure(500, "Internal server error"),
            "error_in_200": lambda fault, call: self._failure(200, "Something went wrong"),
        }

    def create_contacts(self, call: Call) -> Response:
        """Creates each contact whose mobile is new; overwrites or skips the others."""
        contacts = call.body if isinstance(call.body, list) else [call.body]
        created: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for index, contact in enumerate(contacts):
            if problem := self._problem(call, contact):
                failed.append(self._failed(contact, problem))
                continue
            digits = _digits(contact["mobile"])
            before = self.store.get(digits)
            on_duplicate = call.parameters.get("onDuplicate") or contact.get("onDuplicate")
            if before is None or on_duplicate == "overwrite":
                stored = self._stored(self._usable(contact), before)
                effect: Literal["created", "updated"] = "updated" if before else "created"
                self.write(call, index, digits, digits, contact, stored, effect)
                created.append(self._echo(contact, stored))
            elif self.switches.skipped == "failed":
                failed.append(self._failed(contact, "Contact already exists"))
            elif self.switches.skipped == "created":
                created.append(self._echo(contact, before))
        data = {"createdContacts": created, "failedCount": len(failed), "failedContacts": failed}
        if failed and not created:
            return self._failure(self.switches.all_failed, "No contact saved", data)
        plural = "contact" if len(created) == 1 else "contacts"
        return self._success(f"{len(created)} {plural} saved successfully", data)

    def list_contacts(self, call: Call) -> Response:
        """A page of the contacts that the filters name, at most 25."""
        given = call.parameters
        found = list(self.store.contacts.values()) if not given.get("mobile") else self._by_mobile(given["mobile"])
        if name := given.get("name", "").lower():
            found = [contact for contact in found if name in contact["name"].lower()]
        size = min(given.get("limit", _PAGE), _PAGE)
        start = (given.get("page", 1) - 1) * size
        data = {"contacts": found[start : start + size], "totalCount": len(found)}
        return self._success("Contacts retrieved successfully", data)

    def _by_mobile(self, mobile: str) -> list[dict[str, Any]]:
        digits = _digits(mobile)
        if self.switches.mobile_search == "partial":
            return [contact for key, contact in self.store.contacts.items() if digits in key]
        contact = self.store.get(digits)
        return [] if contact is None else [contact]

    def _problem(self, call: Call, contact: Any) -> str | None:
        if call.violation and not self.is_contact(contact):
            return "Invalid contact"
        if not _digits(contact["mobile"]):
            return "Invalid mobile number"
        if self.switches.unknown_names == "fail" and self._names_unknown(contact):
            return "Unknown tag or attribute"
        return None

    def _names_unknown(self, contact: Mapping[str, Any]) -> bool:
        names = {each["name"] for each in contact.get("attributes", ())}
        return not (_known(self.switches.tags, contact.get("tags", ())) and _known(self.switches.attributes, names))

    def _usable(self, contact: Mapping[str, Any]) -> dict[str, Any]:
        """The contact with the tags and attributes that the settings have; attributes without a value are ignored."""
        usable = {name: value for name, value in contact.items() if name != "onDuplicate"}
        if "tags" in contact:
            usable["tags"] = [tag for tag in contact["tags"] if _known(self.switches.tags, [tag])]
        if "attributes" in contact:
            usable["attributes"] = [
                each
                for each in contact["attributes"]
                if each["value"] and _known(self.switches.attributes, [each["name"]])
            ]
        return usable

    def _stored(self, contact: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        fresh = {"_id": f"{next(self._numbers):024x}", **_FRESH, "createdAt": now}
        kept = {**fresh, **(before or {}), **contact, "updatedAt": now}
        kept["mobile"] = _digits(kept["mobile"])
        return kept

    def _echo(self, contact: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
        digits = stored["mobile"]
        mobile = {"sent": contact["mobile"], "digits": digits, "plus": f"+{digits}"}[self.switches.echo_mobile]
        return {**{name: stored[name] for name in _ECHOED}, "mobile": mobile}

    def _failed(self, contact: Any, error: str) -> dict[str, Any]:
        mobile = contact.get("mobile") if isinstance(contact, dict) else None
        if self.switches.failed_mobile and isinstance(mobile, str):
            return {"mobile": mobile, "error": error}
        return {"error": error}

    def _success(self, message: str, data: Mapping[str, Any]) -> Response:
        if self.switches.envelope == "success":
            return JSONResponse({"success": True, "data": data})
        return JSONResponse({"status": "success", "message": message, "data": data})

    def _failure(self, status: int, message: str, data: Mapping[str, Any] | None = None) -> Response:
        rest = {} if data is None else {"data": data}
        if self.switches.envelope == "success":
            return JSONResponse({"success": False, "error": message, **rest}, status)
        return JSONResponse({"status": "error", "message": message, **rest}, status)

    def _retry_after(self, fault: Fault, call: Call) -> Response:
        response = self._failure(429, "Too many requests")
        response.headers["Retry-After"] = str(fault.wait)
        return response


def _known(names: Sequence[str] | None, given: Iterable[str]) -> bool:
    return names is None or all(name in names for name in given)


def _digits(mobile: str) -> str:
    return mobile if mobile.isascii() and mobile.isdigit() else re.sub(r"[^0-9]", "", mobile)
