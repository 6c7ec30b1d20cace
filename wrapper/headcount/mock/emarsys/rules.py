"""The vendor's own codes for requests that break the schema (vendor-docs, but for those marked)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headcount.mock.emarsys.contacts import INTERNAL

Known = tuple[int, str]

_LISTS = ("createContactList", "addToContactList", "removeFromContactList")


def known_refusal(operation: str, detail: str, body: Any) -> Known | None:
    """Code and text for a call that is refused because of `detail`, where the vendor has one of its own."""
    if operation in ("queryContacts", "filterContacts"):
        return _of_query(detail)
    if "language" in detail.partition(":")[0] or detail == "missing parameter: language":
        return 1002, "Invalid language code"
    if not isinstance(body, Mapping):
        return None
    if operation in ("createContacts", "updateContacts"):
        return _of_contacts(operation, body)
    if operation in _LISTS:
        return _of_list(operation, body)
    if operation == "checkContactIds":
        return _of_ids(body)
    if operation == "getContactData":
        return _of_data(body)
    if operation == "deleteContacts":
        too_many = any(isinstance(each, list) and len(each) > 1000 for each in body.values())
        return (1000, "The request exceeded the maximum batch size 1,000") if too_many else _of_key(body)
    if operation == "createContactSource" and "name" not in body:
        return 10001, "Missing parameter: name"
    return None


def _of_query(detail: str) -> Known | None:
    if detail.startswith("missing parameter: return"):
        return 2014, "No field specified to return"
    return (2016, "Invalid limit") if detail.startswith("limit:") else None


def _of_contacts(operation: str, body: Mapping[str, Any]) -> Known | None:
    contacts = body.get("contacts")
    creating = operation == "createContacts"
    if isinstance(contacts, list) and len(contacts) > 1000:
        return 1000, f"The request exceeded the maximum batch size {'of ' if creating else ''}1,000"
    if creating and body.get("key_id") in INTERNAL:
        return 2004, "Cannot use internal ID as key on contact creation."
    each: list[Any] = contacts if isinstance(contacts, list) else [body]
    for contact in each:
        if isinstance(contact, Mapping) and (wrong := _of_contact(contact, creating)):
            return wrong
    if "contacts" not in body and not any(name.isdecimal() for name in body):
        return 10001, "Missing parameter: contacts"
    return _of_key(body) if "contacts" not in body else None


def _of_key(body: Mapping[str, Any]) -> Known | None:
    """The default key without a value."""
    return None if "key_id" in body or "3" in body else (2005, "No value provided for key field: 3")


def _of_contact(contact: Mapping[str, Any], creating: bool) -> Known | None:
    for name, value in contact.items():
        if creating and name in INTERNAL:
            return 2007, "Cannot set id or uid on contact creation"
        if value == [] and name.isdecimal():
            return 2007, f"No choice provided for field id: {name}"
        if name == "":
            return 2006, f"Empty field id for value: {value}"
    return None


def _of_list(operation: str, body: Mapping[str, Any]) -> Known | None:
    external_ids = body.get("external_ids", [])
    if operation == "createContactList" and not body.get("name"):
        return 3004, "List name is not set."
    if not isinstance(external_ids, list):
        return 3003, "Invalid datatype for the list of external IDs. Array expected."
    if len(external_ids) > 10_000:
        return 3002, "The list of external IDs exceeds the maximum size."
    return None


def _of_ids(body: Mapping[str, Any]) -> Known | None:
    external_ids = body.get("external_ids")
    if isinstance(external_ids, list) and len(external_ids) > 1000:
        return 2002, "The list of external ids exceeds the maximum size."
    if external_ids is not None and not isinstance(external_ids, list):
        return 2003, "Invalid datatype for the list of external ids. Array expected."
    return (10001, "Missing parameter: external_ids") if external_ids is None else None


def _of_data(body: Mapping[str, Any]) -> Known | None:
    values = body.get("keyValues")
    if values is None:
        return 10001, "Missing parameter: keyValues"
    if not isinstance(values, list):
        return 10001, "keyValues must be an array"
    return (10001, "Max. number of contacts: 1000") if len(values) > 1000 else None
