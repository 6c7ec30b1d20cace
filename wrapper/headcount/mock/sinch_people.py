"""The contacts of the mocked Sinch: by project, id, identity and external id, and when each can be seen."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

PHONE_CHANNELS = frozenset({"WHATSAPP", "RCS", "SMS", "VIBERBM", "MMS"})

Contact = Mapping[str, Any]
Place = tuple[str, str, str]
"""Project, channel, and identity as stored."""


@attrs.define
class Person:
    """A contact as the vendor tells it. Numbers count from 1, in the order in which contacts came."""

    number: int
    contact: Contact
    visible_at: float
    gone_at: float = math.inf


class People:
    """Contacts that can be seen from a moment on, and until another one. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._projects: defaultdict[str, dict[str, Person]] = defaultdict(dict)
        self._places: defaultdict[Place, dict[str, Person]] = defaultdict(dict)
        self._external_ids: defaultdict[tuple[str, str], dict[str, Person]] = defaultdict(dict)
        self._leaving: list[tuple[float, str, str]] = []

    def add(self, project: str, contact: Contact, delay: float) -> None:
        """A new contact, seen in `delay` seconds."""
        person = Person(next(self._numbers), contact, self._clock() + delay)
        self._projects[project][contact["id"]] = person
        self._file(project, person)

    def replace(self, project: str, contact: Contact) -> None:
        """Another state of a contact that is there."""
        person = self._projects[project][contact["id"]]
        self._unfile(project, person)
        person.contact = contact
        self._file(project, person)

    def remove(self, project: str, contact_id: str, delay: float) -> None:
        """The contact is gone in `delay` seconds. Until then it is seen, and can no longer be changed."""
        person = self._projects[project][contact_id]
        person.gone_at = self._clock() + delay
        heapq.heappush(self._leaving, (person.gone_at, project, contact_id))
        self._sweep()

    def seen(self, project: str, contact_id: str) -> Contact | None:
        """The contact with this id, as a look-up finds it."""
        person = self._projects[project].get(contact_id)
        return person.contact if person and self._is_seen(person) else None

    def held(self, project: str, contact_id: str) -> Contact | None:
        """The contact with this id, if it is seen and not about to go: one that can be changed."""
        person = self._projects[project].get(contact_id)
        return person.contact if person and self._is_seen(person) and person.gone_at == math.inf else None

    def all(self, project: str) -> list[Person]:
        """All that are seen, in order."""
        self._sweep()
        return self._in_order(self._projects[project].values())

    def at(self, project: str, channel: str, identity: str) -> list[Person]:
        """Those that have this identity, in order."""
        self._sweep()
        return self._in_order(self._places.get((project, channel, stored_identity(channel, identity)), {}).values())

    def named(self, project: str, external_id: str) -> list[Person]:
        """Those with this external id, in order."""
        self._sweep()
        return self._in_order(self._external_ids.get((project, external_id), {}).values())

    def knows(self, project: str, identities: Sequence[Mapping[str, Any]]) -> bool:
        """Whether there is a contact for each of these identities, seen or still to be."""
        self._sweep()
        return all(_key(each) in self._keys_at(_place(project, each)) for each in identities)

    def _keys_at(self, place: Place) -> set[tuple[str, str, str]]:
        found = self._places.get(place, {}).values()
        return {_key(each) for person in found for each in person.contact["channel_identities"]}

    def _is_seen(self, person: Person) -> bool:
        return person.visible_at <= self._clock() < person.gone_at

    def _in_order(self, found: Iterable[Person]) -> list[Person]:
        return sorted(filter(self._is_seen, found), key=lambda person: person.number)

    def _file(self, project: str, person: Person) -> None:
        contact = person.contact
        for each in contact["channel_identities"]:
            self._places[_place(project, each)][contact["id"]] = person
        if contact["external_id"]:
            self._external_ids[project, contact["external_id"]][contact["id"]] = person

    def _unfile(self, project: str, person: Person) -> None:
        contact = person.contact
        for each in contact["channel_identities"]:
            self._places[_place(project, each)].pop(contact["id"], None)
        self._external_ids[project, contact["external_id"]].pop(contact["id"], None)

    def _sweep(self) -> None:
        """Drops those that are gone by now."""
        while self._leaving and self._leaving[0][0] <= self._clock():
            _, project, contact_id = heapq.heappop(self._leaving)
            if person := self._projects[project].pop(contact_id, None):
                self._unfile(project, person)


def stored_identity(channel: str, identity: str) -> str:
    """The identity as it comes back: a phone number loses its plus sign (client-source)."""
    return identity.removeprefix("+") if channel in PHONE_CHANNELS else identity


def _place(project: str, identity: Mapping[str, Any]) -> Place:
    return project, identity["channel"], stored_identity(identity["channel"], identity["identity"])


def _key(identity: Mapping[str, Any]) -> tuple[str, str, str]:
    channel = identity["channel"]
    return channel, stored_identity(channel, identity["identity"]), identity.get("app_id", "")
