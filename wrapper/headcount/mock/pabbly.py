"""Pabbly Chatflow, mocked: contacts under `/api/v1`, known by the digits of their mobile."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.faults import Fault, Switches
from headcount.mock.pabbly_contacts import ALL, changed, digits_of, found, names_of, object_id, stored, told
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor

_PAGE = 25
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
        self._mobiles: dict[str, str] = {}
        """The digits by the id of the contact that has them."""
        for mobile in self.switches.existing:
            contact = stored({"mobile": mobile, "source": "manual"}, None, self._next_id())
            self.store.put(contact["mobile"], contact)
            self._mobiles[contact["_id"]] = contact["mobile"]

    def operations(self) -> Mapping[str, Handler]:
        return {
            "createContacts": self.create_contacts,
            "listContacts": self.list_contacts,
            "getContact": self.get_contact,
            "updateContact": self.update_contact,
            "listContactLists": self.list_contact_lists,
            "listTags": self.list_tags,
        }

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
            digits = digits_of(contact["mobile"])
            before = self.store.get(digits)
            on_duplicate = call.parameters.get("onDuplicate") or contact.get("onDuplicate")
            if before is None or on_duplicate == "overwrite":
                after = stored(self._usable(contact), before, self._next_id() if before is None else before["_id"])
                self.write(call, index, digits, digits, contact, after, "updated" if before else "created")
                if not self.switches.forget:
                    self._mobiles[after["_id"]] = digits
                created.append(self._echo(contact, after))
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
        """A page of the contacts that the filters name, at most 25. `page` goes before `skip` (vendor-docs)."""
        given = call.parameters
        contacts = self.store.contacts.values() if not given.get("mobile") else self._by_mobile(given["mobile"])
        hits = found(contacts, given)
        size = min(given.get("limit", _PAGE), _PAGE)
        start = (given["page"] - 1) * size if "page" in given else given.get("skip", 0)
        data = {"contacts": [told(each) for each in hits[start : start + size]], "totalCount": len(hits)}
        return self._success("Contacts retrieved successfully", data)

    def get_contact(self, call: Call) -> Response:
        """The contact with this id."""
        contact = self._by_id(call)
        if contact is None:
            return self.refuse(Refusal.NOT_FOUND, "Contact not found", call)
        return self._success("Contact retrieved successfully.", told(contact))

    def update_contact(self, call: Call) -> Response:
        """Changes the contact with this id. A mobile that another contact has is refused with 409 (inferred)."""
        before = self._by_id(call)
        if before is None:
            return self.refuse(Refusal.NOT_FOUND, "Contact not found", call)
        tags = [*call.body.get("tags", ()), *names_of(call.body.get("tagsToAdd", ()))]
        attributes = call.body.get("attributes", ())
        if self.switches.unknown_names == "fail" and self._names_unknown({"tags": tags, "attributes": attributes}):
            return self.refuse(Refusal.INVALID, "Unknown tag or attribute", call)
        after = self._usable(changed(before, call.body))
        digits, former = after["mobile"], before["mobile"]
        if digits != former and self.store.get(digits) is not None:
            return self._failure(409, "Contact already exists")
        self.write(call, 0, former, digits, call.body, after, "updated")
        if digits != former:
            self.store.drop(former)
        self._mobiles[after["_id"]] = digits
        return self._success("Contact updated successfully", told(after))

    def list_contact_lists(self, call: Call) -> Response:
        """The lists that contacts are on. Of any contact of the mock that is the list of all (seed) and no other."""
        count = len(self.store.contacts)
        lists = [{"_id": object_id("list", ALL), "listName": ALL}]
        data = {"contactsCount": lists, "totalLists": len(lists), "totalContactsCount": count, "unassignedCount": 0}
        return self._success("Contact lists retrieved successfully", data)

    def list_tags(self, call: Call) -> Response:
        """The tags of the settings; where every tag exists, those that a contact has."""
        names = self.switches.tags
        if names is None:
            names = tuple(dict.fromkeys(tag for each in self.store.contacts.values() for tag in each["tags"]))
        tags = [{"_id": object_id("tag", name), "name": name} for name in names]
        return self._success("Tags retrieved successfully", {"tags": tags})

    def _by_id(self, call: Call) -> dict[str, Any] | None:
        return self.store.get(self._mobiles.get(call.parameters["id"], ""))

    def _next_id(self) -> str:
        """An id as the vendor's store makes them: the time, the process, a number."""
        return f"{int(time.time()):08x}5fa1c3e7d0{next(self._numbers):06x}"

    def _by_mobile(self, mobile: str) -> list[dict[str, Any]]:
        digits = digits_of(mobile)
        if self.switches.mobile_search == "partial":
            return [contact for key, contact in self.store.contacts.items() if digits in key]
        contact = self.store.get(digits)
        return [] if contact is None else [contact]

    def _problem(self, call: Call, contact: Any) -> str | None:
        if call.violation and not self.is_contact(contact):
            return "Invalid contact"
        if not digits_of(contact["mobile"]):
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

    def _echo(self, contact: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
        digits = held["mobile"]
        mobile = {"sent": contact["mobile"], "digits": digits, "plus": f"+{digits}"}[self.switches.echo_mobile]
        return {**{name: held[name] for name in _ECHOED}, "mobile": mobile}

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
