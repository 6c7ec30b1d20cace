"""What a mocked vendor holds, and the log of what was done to it: the oracle that a load is judged by."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import attrs

Effect = Literal["created", "updated", "deleted"]


@attrs.frozen
class Write:
    """One contact that was really stored, changed or deleted.

    request: number of the API call, counted from 1 per vendor, token calls left out.
    index: position of the contact in the request, from 0.
    key: the vendor's key of the contact, as text.
    contact: the contact as it was sent; of a deleted one, what named it.
    """

    request: int
    index: int
    key: str
    contact: Mapping[str, Any]
    effect: Effect


@attrs.define
class Store:
    """Contacts by the vendor's id, the write log and the counts. Every reading is safe while the mock runs."""

    _contacts: dict[str, Any] = attrs.field(factory=dict, init=False)
    _writes: list[Write] = attrs.field(factory=list, init=False)
    _effects: Counter[str] = attrs.field(factory=Counter, init=False)
    _answers: Counter[int] = attrs.field(factory=Counter, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def put(self, contact_id: str, contact: Any) -> None:
        """Holds a contact without logging it: one that was there before."""
        with self._lock:
            self._contacts[contact_id] = contact

    def write(self, contact_id: str, contact: Any, write: Write, *, forget: bool) -> None:
        """Stores or replaces a contact and logs it; with `forget` only counts it."""
        with self._lock:
            self._effects[write.effect] += 1
            if not forget:
                self._contacts[contact_id] = contact
                self._writes.append(write)

    def remove(self, contact_id: str, write: Write, *, forget: bool = False) -> None:
        """Deletes a contact, if it is there, and logs it; with `forget` only counts it."""
        with self._lock:
            self._effects[write.effect] += 1
            self._contacts.pop(contact_id, None)
            if not forget:
                self._writes.append(write)

    def drop(self, contact_id: str) -> None:
        """Forgets a contact without logging it: it is held under another id now."""
        with self._lock:
            self._contacts.pop(contact_id, None)

    def get(self, contact_id: str) -> Any | None:
        """The contact with this id, or None."""
        return self._contacts.get(contact_id)

    def count_answer(self, status: int) -> None:
        """Counts one request by the HTTP status of its answer; 0 stands for no answer."""
        with self._lock:
            self._answers[status] += 1

    @property
    def contacts(self) -> dict[str, Any]:
        """The contacts by the vendor's id, in the order in which they came."""
        with self._lock:
            return dict(self._contacts)

    @property
    def writes(self) -> list[Write]:
        """The write log so far."""
        with self._lock:
            return list(self._writes)

    @property
    def created(self) -> int:
        """How many contacts were created."""
        return self._effects["created"]

    @property
    def updated(self) -> int:
        """How many times a contact was changed."""
        return self._effects["updated"]

    @property
    def deleted(self) -> int:
        """How many contacts were deleted."""
        return self._effects["deleted"]

    @property
    def answers(self) -> dict[int, int]:
        """Requests by HTTP status, token calls included; 0 stands for those that got no answer."""
        with self._lock:
            return dict(self._answers)
