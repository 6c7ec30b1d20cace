"""The calls that read contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response

from headcount.mock.emarsys.contacts import INTERNAL, Contacts, text_of, uid_of
from headcount.mock.emarsys.lists import ContactLists
from headcount.mock.emarsys.replies import (
    Errors,
    Refused,
    ambiguous,
    envelope,
    no_value,
    not_found,
    refused_with,
)
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.vendor import Call, Handler, Vendor

_MOST = 10_000


class Lookups:
    """POST contact/getdata, POST contact/checkids, GET contact/{key} and GET contact/query."""

    def __init__(self, vendor: Vendor[EmarsysSwitches], contacts: Contacts, lists: ContactLists) -> None:
        self._vendor, self._contacts, self._lists = vendor, contacts, lists

    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operationId."""
        return {
            "getContactData": self.get_contact_data,
            "checkContactIds": self.check_contact_ids,
            "getContactId": self.get_contact_id,
            "queryContacts": self.query_contacts,
            "filterContacts": self.filter_contacts,
        }

    def get_contact_data(self, call: Call) -> Response:
        """The fields of the contacts with these values of the key; all their fields where none are named."""
        key_id = str(call.body.get("keyId", "") or "id")
        self._contacts.check_key(key_id)
        fields = [str(field_id) for field_id in call.body.get("fields", ())]
        for field_id in fields:
            if field_id not in INTERNAL and not self._contacts.has_field(field_id):
                raise Refused(2006, f"Invalid field id: {field_id}")
        result: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for value in map(text_of, call.body["keyValues"]):
            found = self._contacts.find(key_id, value)
            if len(found) == 1:
                result.append(self._shown(found[0], fields))
                continue
            problem = ambiguous(key_id, value) if found else not_found(key_id, value)
            ((code, text),) = problem.items()
            shown = int(code) if self._vendor.switches.error_codes == "integer" else code
            errors.append({"key": value, "errorCode": shown, "errorMsg": text})
        none: dict[str, dict[str, Any]] = {"false": {"result": False}, "absent": {}, "list": {"result": []}}
        shown_result = {"result": result} if result else none[self._vendor.switches.no_match]
        return envelope({"errors": errors, **shown_result})

    def check_contact_ids(self, call: Call) -> Response:
        """The ids of the contacts with these values of the key field; they join a list where one is named."""
        key_id = str(call.body["key_id"])
        self._contacts.check_key(key_id)
        members = self._lists.named_in(call.body)
        ids: dict[str, str | list[str]] = {}
        errors: Errors = {}
        for value in map(text_of, call.body["external_ids"]):
            found = self._contacts.find(key_id, value)
            if not found:
                errors[value] = not_found(key_id, value)
                continue
            if len(found) > 1 and not call.body.get("get_multiple_ids"):
                errors[value] = ambiguous(key_id, value)
                continue
            if members is not None:
                for contact_id in found:
                    members.add(contact_id)
            ids[value] = [*map(str, found)] if call.body.get("get_multiple_ids") else str(found[0])
        # An empty PHP array has no keys to tell a map by.
        return envelope({"ids": ids or [], "errors": errors or []})

    def get_contact_id(self, call: Call) -> Response:
        """The id of the one contact with this value of the key, both in the path."""
        key_id, _, value = call.parameters["key"].partition("=")
        self._contacts.check_key(key_id)
        if not value:
            raise refused_with(no_value(key_id))
        found = self._contacts.find(key_id, value)
        if len(found) != 1:
            raise refused_with(ambiguous(key_id, value) if found else not_found(key_id, value))
        return envelope({"id": str(found[0])})

    def query_contacts(self, call: Call) -> Response:
        """A page of the values of one field, of all contacts or of those with given values of other fields."""
        asked = {name: text_of(value) for name, value in call.parameters.items()}
        return self._query(asked, [(name, value) for name, value in call.query if name.isdecimal()])

    def filter_contacts(self, call: Call) -> Response:
        """The same, everything in the path."""
        pairs = parse_qsl(call.parameters["filter"], keep_blank_values=True)
        return self._query(dict(pairs), [(name, value) for name, value in pairs if name.isdecimal()])

    def _query(self, asked: Mapping[str, str], filters: Sequence[tuple[str, str]]) -> Response:
        shown = asked["return"]
        limit, offset = int(asked.get("limit", _MOST)), int(asked.get("offset", 0))
        if not 1 <= limit <= _MOST:
            raise Refused(2016, "Invalid limit")
        for field_id in (shown, *(name for name, _ in filters)):
            if not self._contacts.has_field(field_id):
                raise Refused(2006, f"Invalid field id: {field_id}")
        indexed = self._vendor.switches.indexed
        for name, _ in filters:
            if indexed is not None and name not in indexed:
                raise Refused(2015, f"No index on column {name}")
        found = [
            {"id": contact_id, shown: contact.get(shown) or None}
            for contact_id, contact in self._contacts.all()
            if all(text_of(contact.get(name)) == value for name, value in filters)
            and (asked.get("excludeempty", "").lower() != "true" or contact.get(shown))
        ]
        return envelope({"errors": [], "result": found[offset : offset + limit]})

    def _shown(self, contact_id: int, fields: Sequence[str]) -> dict[str, Any]:
        contact = self._contacts.get(contact_id)
        own = {"id": str(contact_id), "uid": uid_of(contact_id)}
        named = fields or [name for name in contact if name != "source_id"]
        return {**{name: contact.get(name) or None for name in named}, **own}
