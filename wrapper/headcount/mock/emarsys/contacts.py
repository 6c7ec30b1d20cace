"""The contacts of the account: in the store by id, and found by the values of their fields."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headcount.mock.emarsys.replies import UnknownKey
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.vendor import Call, Vendor

INTERNAL = ("id", "uid")
"""The keys that the vendor gives itself."""


class Contacts:
    """Contacts by internal id, found by `id`, by `uid` or by the value of any field."""

    def __init__(self, vendor: Vendor[EmarsysSwitches]) -> None:
        self._vendor = vendor
        self._next_id = itertools.count(100_000_001)
        self._by_field: dict[str, dict[str, list[int]]] = {}
        for value in vendor.switches.existing:
            vendor.store.put(str(next(self._next_id)), {"3": value})

    def check_key(self, key_id: str) -> None:
        """Raises UnknownKey when contacts cannot be named by this field."""
        if key_id not in INTERNAL and not self.has_field(key_id):
            raise UnknownKey(key_id)

    def has_field(self, field_id: str) -> bool:
        """Whether the account has this field."""
        fields = self._vendor.switches.fields
        return fields is None or field_id in fields

    def all(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Each contact with its id, in the order in which they came."""
        for contact_id, contact in self._vendor.store.contacts.items():
            yield int(contact_id), contact

    def get(self, contact_id: int) -> Mapping[str, Any]:
        """The contact with this id; nothing where there is none."""
        contact: Mapping[str, Any] = self._vendor.store.get(str(contact_id)) or {}
        return contact

    def find(self, key_id: str, value: str) -> Sequence[int]:
        """The ids of the contacts that have this value of the key."""
        if key_id == "id":
            return [int(value)] if self._vendor.store.get(value) is not None else []
        if key_id not in self._by_field:
            self._by_field[key_id] = {}
            for contact_id, contact in self.all():
                self._enter(key_id, contact_id, contact)
        return self._by_field[key_id].get(value, ())

    def create(self, call: Call, index: int, key: str, contact: Mapping[str, Any]) -> int:
        """Stores a new contact; its id."""
        contact_id = next(self._next_id)
        stored = _values(contact)
        self._vendor.write(call, index, key, str(contact_id), contact, stored, "created")
        if not self._vendor.switches.forget:
            for field_id in self._by_field:
                self._enter(field_id, contact_id, stored)
        return contact_id

    def update(self, call: Call, index: int, key: str, contact_id: int, contact: Mapping[str, Any]) -> None:
        """Replaces the fields that are given and leaves the others."""
        before = self.get(contact_id)
        stored = {**before, **_values(contact)}
        self._vendor.write(call, index, key, str(contact_id), contact, stored, "updated")
        if not self._vendor.switches.forget:
            for field_id in self._by_field:
                if before.get(field_id) != stored.get(field_id):
                    self._leave(field_id, contact_id, before)
                    self._enter(field_id, contact_id, stored)

    def delete(self, call: Call, index: int, key_id: str, key: str, contact_id: int) -> None:
        """Deletes a contact that is there."""
        before = self.get(contact_id)
        self._vendor.remove(call, index, key, str(contact_id), {key_id: key})
        for field_id in self._by_field:
            self._leave(field_id, contact_id, before)

    def _enter(self, field_id: str, contact_id: int, contact: Mapping[str, Any]) -> None:
        if (value := _key(field_id, contact_id, contact)) is not None:
            self._by_field[field_id].setdefault(value, []).append(contact_id)

    def _leave(self, field_id: str, contact_id: int, contact: Mapping[str, Any]) -> None:
        value = _key(field_id, contact_id, contact)
        if value is not None and contact_id in self._by_field[field_id].get(value, ()):
            self._by_field[field_id][value].remove(contact_id)


def uid_of(contact_id: int) -> str:
    """The text that the vendor gives a contact beside its id: ten letters and digits."""
    return hashlib.sha1(str(contact_id).encode()).hexdigest()[:10]


def text_of(value: object) -> str:
    """A value of a field as text; several choices with commas between them."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def key_of(body: Mapping[str, Any]) -> str:
    """The field that a body names its contacts by: the e-mail address where it says nothing."""
    return str(body.get("key_id", "") or "3")


def _key(field_id: str, contact_id: int, contact: Mapping[str, Any]) -> str | None:
    if field_id == "uid":
        return uid_of(contact_id)
    return text_of(contact[field_id]) if field_id in contact else None


def _values(contact: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in contact.items() if name not in INTERNAL}
