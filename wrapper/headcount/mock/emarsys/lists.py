"""Contact lists: names for sets of contacts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.emarsys.contacts import Contacts, key_of, text_of
from headcount.mock.emarsys.replies import Errors, Refused, ambiguous, envelope, no_value, not_found, nothing_to_tell
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.vendor import Call, Handler, Vendor

_CREATED = "2026-01-02 03:04:05"
_PAGE = 10_000


@attrs.define
class ContactList:
    """A list and the ids of its contacts, in the order in which they came."""

    name: str
    description: str
    members: dict[int, None] = attrs.field(factory=dict)

    def add(self, contact_id: int) -> bool:
        """Whether the contact was not there before."""
        new = contact_id not in self.members
        self.members[contact_id] = None
        return new


class ContactLists:
    """Lists by id, their names unique."""

    def __init__(self, vendor: Vendor[EmarsysSwitches], contacts: Contacts) -> None:
        self._vendor, self._contacts = vendor, contacts
        self._lists: dict[int, ContactList] = {}
        self._next_id = itertools.count(500_001)

    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operationId."""
        return {
            "listContactLists": self.list_lists,
            "createContactList": self.create_list,
            "addToContactList": self.add_contacts,
            "removeFromContactList": self.remove_contacts,
            "countContactsInList": self.count_contacts,
            "listContactsInList": self.list_contacts,
            "deleteContactList": self.delete_list,
        }

    def named_in(self, body: Mapping[str, Any]) -> ContactList | None:
        """The list that a call about contacts names, if it names one; it is refused where there is none such."""
        if "contact_list_id" not in body:
            return None
        found = self._lists.get(body["contact_list_id"])
        if found is None:
            raise Refused(2020, f"Invalid contact list id: {body['contact_list_id']}")
        return found

    def forget_contact(self, contact_id: int) -> None:
        """Takes a contact out of every list, as it is deleted."""
        for each in self._lists.values():
            each.members.pop(contact_id, None)

    def list_lists(self, call: Call) -> Response:
        """Every list, in the order in which they came."""
        return envelope(
            [
                {"id": str(list_id), "name": each.name, "created": _CREATED, "type": 0}
                for list_id, each in self._lists.items()
            ]
        )

    def create_list(self, call: Call) -> Response:
        """A new list, and in it the contacts that are named."""
        name = call.body["name"]
        if any(each.name == name for each in self._lists.values()):
            raise Refused(3005, "Contact list with the requested name already exists.")
        key_id = key_of(call.body)
        self._contacts.check_key(key_id)
        made = ContactList(name, call.body.get("description", ""))
        list_id = next(self._next_id)
        self._lists[list_id] = made
        if "external_ids" not in call.body:
            return envelope({"id": list_id})
        found, errors = self._found(key_id, call.body["external_ids"])
        for contact_id in found:
            made.add(contact_id)
        return envelope({"id": list_id, "errors": errors or []})

    def add_contacts(self, call: Call) -> Response:
        """How many of the contacts were not on the list before."""
        members, key_id = self._named(call)
        found, errors = self._found(key_id, call.body["external_ids"])
        inserted = sum(members.add(contact_id) for contact_id in found)
        return envelope({"inserted_contacts": inserted, "errors": errors or []})

    def remove_contacts(self, call: Call) -> Response:
        """How many of the contacts were on the list."""
        members, key_id = self._named(call)
        found, errors = self._found(key_id, call.body["external_ids"])
        removed = sum(members.members.pop(contact_id, 0) is None for contact_id in found)
        return envelope({"deleted_contacts": removed, "errors": errors or []})

    def count_contacts(self, call: Call) -> Response:
        """How many contacts are on the list."""
        return envelope(len(self._at(call).members))

    def list_contacts(self, call: Call) -> Response:
        """One page of ids, which has no envelope; `next` is the path of the page after it."""
        members = list(self._at(call).members)
        start, size = call.parameters.get("$skiptoken", 0), call.parameters.get("$top", _PAGE)
        rest = f"/contactlist/{call.parameters['listId']}/contactIds?$skiptoken={start + size}&$top={size}"
        page = {"value": members[start : start + size], "next": rest if start + size < len(members) else None}
        return JSONResponse(page)

    def delete_list(self, call: Call) -> Response:
        """The list is gone; its contacts stay."""
        self._at(call)
        del self._lists[call.parameters["listId"]]
        return nothing_to_tell(self._vendor.switches)

    def _at(self, call: Call) -> ContactList:
        found = self._lists.get(call.parameters["listId"])
        if found is None:
            raise Refused(3006, "No contact list found with the specified ID.", 404)
        return found

    def _named(self, call: Call) -> tuple[ContactList, str]:
        list_id = call.parameters["listId"]
        if list_id not in self._lists:
            raise Refused(3004, f"Invalid contact list id: {list_id}")
        key_id = str(call.body["key_id"])
        self._contacts.check_key(key_id)
        return self._lists[list_id], key_id

    def _found(self, key_id: str, values: Sequence[Any]) -> tuple[list[int], Errors]:
        found: list[int] = []
        errors: Errors = {}
        for value in map(text_of, values):
            ids = self._contacts.find(key_id, value)
            if not value:
                errors[value] = no_value(key_id)
            elif not ids:
                errors[value] = not_found(key_id, value)
            elif len(ids) > 1:
                errors[value] = ambiguous(key_id, value)
            else:
                found.append(ids[0])
        return found, errors
