"""The calls that create, change and delete contacts.

Duplicates inside one request (the second is 2009), ids that ascend in request order, and the name of the count of
deleted contacts are inferred; codes and texts are the seed's and the vendor's documents'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from headcount.mock.emarsys.contacts import INTERNAL, Contacts, key_of, text_of
from headcount.mock.emarsys.fields import value_problem
from headcount.mock.emarsys.lists import ContactLists
from headcount.mock.emarsys.replies import (
    Errors,
    Refused,
    ambiguous,
    envelope,
    exists,
    no_value,
    not_found,
    nothing_to_tell,
    refused_with,
)
from headcount.mock.emarsys.sources import Sources
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.vendor import Call, Handler, Vendor

Problem = dict[str, str]
"""What is wrong with one contact: the message by its code."""


class ContactCalls:
    """POST and PUT contact, and POST contact/delete."""

    def __init__(
        self, vendor: Vendor[EmarsysSwitches], contacts: Contacts, lists: ContactLists, sources: Sources
    ) -> None:
        self._vendor, self._contacts, self._lists, self._sources = vendor, contacts, lists, sources
        self._races = vendor.switches.races

    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operationId."""
        return {
            "createContacts": self.create_contacts,
            "updateContacts": self.update_contacts,
            "deleteContacts": self.delete_contacts,
        }

    def create_contacts(self, call: Call) -> Response:
        """Creates each contact whose key value is new; or the one contact that is the body itself."""
        key_id = key_of(call.body)
        self._contacts.check_key(key_id)
        if "contacts" not in call.body:
            made = self._create(call, 0, key_id, _single(call.body))
            if isinstance(made, dict):
                raise refused_with(made)
            return envelope({"id": self._shown([made])[0]})
        ids: list[int | str] = []
        errors: Errors = {}
        for index, contact in enumerate(call.body["contacts"]):
            made = self._create(call, index, key_id, contact)
            if isinstance(made, dict):
                errors[text_of(contact.get(key_id))] = made
            else:
                ids.append(made)
        return envelope({"ids": self._shown(ids), **self._shown_errors(errors)})

    def update_contacts(self, call: Call) -> Response:
        """Changes each contact that is there; with `create_if_not_exists` creates the others."""
        key_id = key_of(call.body)
        creating = call.parameters.get("create_if_not_exists") == 1
        if creating and key_id in INTERNAL:
            raise Refused(2004, "Cannot use id or uid as key on contact creation")
        self._contacts.check_key(key_id)
        members = self._lists.named_in(call.body)
        if "contacts" not in call.body:
            made = self._update(call, 0, key_id, _single(call.body), creating)
            if isinstance(made, dict):
                raise refused_with(made)
            if members is not None:
                members.add(int(made))
            return envelope({"id": self._shown([made])[0]})
        ids: list[int | str] = []
        errors: Errors = {}
        for index, contact in enumerate(call.body["contacts"]):
            made = self._update(call, index, key_id, contact, creating)
            if isinstance(made, dict):
                errors[text_of(contact.get(key_id))] = made
                continue
            ids.append(made)
            if members is not None:
                members.add(int(made))
        return envelope({"ids": self._shown(ids), **self._shown_errors(errors)})

    def delete_contacts(self, call: Call) -> Response:
        """Deletes the contact, or each of the contacts, with this value of the key; none where several have it."""
        key_id = key_of(call.body)
        self._contacts.check_key(key_id)
        self._lists.named_in(call.body)  # refused where there is none such
        if key_id not in call.body:
            raise refused_with(no_value(key_id))
        values = call.body[key_id]
        if not isinstance(values, list):
            if problem := self._delete(call, 0, key_id, text_of(values)):
                raise refused_with(problem, 404 if "2008" in problem else 400)
            return nothing_to_tell(self._vendor.switches)
        errors: Errors = {}
        deleted = 0
        for index, value in enumerate(values):
            if problem := self._delete(call, index, key_id, text_of(value)):
                errors[text_of(value)] = problem
            else:
                deleted += 1
        if not deleted and self._vendor.switches.none_deleted == "refused":
            raise Refused(2008, "No contact found with the specified external id.")
        return envelope({"deleted_contacts": deleted, **self._shown_errors(errors)})

    def _shown_errors(self, errors: Errors) -> dict[str, Any]:
        if errors:
            return {"errors": errors}
        empty: dict[str, dict[str, Any]] = {"absent": {}, "list": {"errors": []}, "map": {"errors": {}}}
        return empty[self._vendor.switches.empty_errors]

    def _create(self, call: Call, index: int, key_id: str, contact: Mapping[str, Any]) -> int | Problem:
        key = text_of(contact.get(key_id))
        if problem := self._problem(call, contact, key_id, key):
            return problem
        if self._contacts.find(key_id, key):
            return exists(key_id)
        return self._contacts.create(call, index, key, contact)

    def _update(
        self, call: Call, index: int, key_id: str, contact: Mapping[str, Any], creating: bool
    ) -> int | str | Problem:
        """The id: a text where the contact was there, as the vendor has it. Otherwise what is wrong."""
        key = text_of(contact.get(key_id))
        if problem := self._problem(call, contact, key_id, key):
            return problem
        found = self._contacts.find(key_id, key)
        if len(found) > 1:
            return ambiguous(key_id, key)
        if found:
            self._contacts.update(call, index, key, found[0], contact)
            return str(found[0])
        if not creating:
            return not_found(key_id, key)
        if any(name in contact for name in INTERNAL):
            return {"2007": "Cannot set id or uid on contact creation"}
        if self._races:
            self._races -= 1
            return exists(key_id)
        return self._contacts.create(call, index, key, contact)

    def _delete(self, call: Call, index: int, key_id: str, key: str) -> Problem | None:
        if not key:
            return no_value(key_id)
        found = self._contacts.find(key_id, key)
        if not found:
            return not_found(key_id, key)
        if len(found) > 1:
            return ambiguous(key_id, key)
        self._lists.forget_contact(found[0])
        self._contacts.delete(call, index, key_id, key, found[0])
        return None

    def _problem(self, call: Call, contact: Mapping[str, Any], key_id: str, key: str) -> Problem | None:
        if not key:
            return no_value(key_id)
        if isinstance(contact[key_id], list):
            return {"2007": f"Invalid data format for field id: {key_id}. Scalar expected."}
        for field_id, value in contact.items():
            if field_id == "source_id":
                if not self._sources.has(value):
                    return {"2013": f"Invalid source id: {text_of(value)}"}
            elif field_id not in INTERNAL and not self._contacts.has_field(field_id):
                return {"2007": f"Invalid field id: {field_id}"}
            elif self._vendor.switches.typed and (wrong := value_problem(field_id, value)):
                return {"2007": wrong}
        if call.violation and not self._vendor.is_contact(contact):
            return {"2007": "Invalid value"}
        return None

    def _shown(self, ids: list[int | str] | list[int]) -> list[int | str]:
        withheld = self._vendor.switches.ids_withheld
        shown: list[int | str] = [*(ids[: len(ids) - withheld] if withheld and len(ids) > 1 else ids)]
        if self._vendor.switches.id_order == "reversed":
            shown = shown[::-1]
        return [str(each) for each in shown] if self._vendor.switches.ids == "string" else shown


def _single(body: Mapping[str, Any]) -> dict[str, Any]:
    """The contact that is a body itself."""
    return {name: value for name, value in body.items() if name not in ("key_id", "contact_list_id")}
