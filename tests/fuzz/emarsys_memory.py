"""What Emarsys was told and has answered. What a reply leaves open is forgotten, and nothing is concluded from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from tests.fuzz.exchange import Exchange

Fields = dict[str, Any]
INTERNAL = ("id", "uid")
_KEYS = ("key_id", "contact_list_id")


@attrs.define
class EmarsysMemory:
    """The fields of contacts by id, the contacts of lists, and the sources."""

    contacts: dict[str, Fields] = attrs.Factory(dict)
    given: set[str] = attrs.Factory(set)
    """The ids that contacts were given."""
    deleted: set[str] = attrs.Factory(set)
    lists: dict[str, set[str] | None] = attrs.Factory(dict)
    """The contacts of each list; None where they are not all known."""
    sources: set[str] = attrs.Factory(set)
    gone: set[tuple[str, str]] = attrs.Factory(set)
    """Lists and sources that were deleted, by their place in the path."""

    def hold(self, exchange: Exchange) -> None:
        """Compares a reply with what is known, then learns from it. Raises AssertionError."""
        if not exchange.accepted or exchange.reply.get("replyCode", 0) != 0:
            return
        data = exchange.reply.get("data")
        match exchange.operation:
            case "createContacts":
                ids = {*map(str, _ids(data))}
                assert not self.given & ids and len(ids) == len(_ids(data)), "an id twice"
                self._written(exchange.body, data, creating=True)
            case "updateContacts":
                self._written(exchange.body, data, exchange.query.get("create_if_not_exists") == "1")
                self._forget_list(exchange.body)
            case "deleteContacts":
                self._deleted(exchange.body, data)
            case "getContactData":
                self._read(exchange.body, data)
            case "checkContactIds":
                self._looked_up(exchange.body, data["ids"])
                self._forget_list(exchange.body)
            case "queryContacts" | "filterContacts":
                self._queried(exchange, data["result"])
            case _:
                self._of_the_account(exchange, data)

    # Contacts

    def _written(self, body: Fields, data: Fields, creating: bool) -> None:
        contacts = body.get("contacts", [{name: held for name, held in body.items() if name not in _KEYS}])
        ids = [str(each) for each in _ids(data)]
        fresh = {*ids} - self.given
        assert creating or not fresh, "an update creates a contact"
        assert not self.deleted & {*ids}, "the id of a deleted contact"
        self.given |= {*ids}
        if data.get("errors"):
            for own_id in ids:
                self.contacts.pop(own_id, None)
            return
        assert len(ids) == len(contacts), "not an id for each contact"
        for own_id, contact in zip(ids, contacts, strict=True):
            if own_id in fresh or own_id in self.contacts:
                values = {name: held for name, held in contact.items() if name not in INTERNAL}
                self.contacts[own_id] = {**self.contacts.get(own_id, {}), **values}

    def _deleted(self, body: Fields, data: Any) -> None:
        key = _key(body)
        errors = data.get("errors") or {} if isinstance(data, dict) else {}
        values = [_text(each) for each in _listed(body[key])]
        for value in {*values}:
            found = self._with(key, value)
            if value in errors and values.count(value) == 1:
                continue
            sure = len(found) == 1 and value not in errors and key != "uid"
            for own_id in found if sure or key != "uid" else list(self.contacts):
                del self.contacts[own_id]
                self.deleted |= {own_id} if sure else set()
                for name, members in self.lists.items():
                    self.lists[name] = None if members is None or not sure else members - {own_id}
            if not found:
                self.lists = dict.fromkeys(self.lists)

    def _read(self, body: Fields, data: Fields) -> None:
        key = str(body.get("keyId", "") or "id")
        told = {str(row["id"]): row for row in data.get("result") or []}
        for own_id, row in told.items():
            assert own_id not in self.deleted, f"a deleted contact is told: {own_id}"
            for name, value in row.items():
                if name not in INTERNAL and own_id in self.contacts:
                    assert value == (self.contacts[own_id].get(name) or None), f"{own_id}: {name} is another"
        silent = {each["key"] for each in data.get("errors") or []}
        for value in map(_text, body["keyValues"]):
            assert {*self._with(key, value)} <= told.keys() or value in silent, f"not found: {value}"
            assert key != "id" or value not in self.contacts or value in told, f"not found by id: {value}"

    def _looked_up(self, body: Fields, ids: Any) -> None:
        for value in map(_text, body["external_ids"]):
            told = {str(each) for each in _listed(dict(ids).get(value, []))}
            assert not told & self.deleted, f"a deleted contact is found: {value}"
            found = self._with(str(body["key_id"]), value)
            assert len(found) != 1 or {*found} <= told, f"not found: {value}"

    def _queried(self, exchange: Exchange, rows: Iterable[Mapping[str, Any]]) -> None:
        told = [str(row["id"]) for row in rows]
        assert len(told) == len({*told}) and not self.deleted & {*told}, "a contact twice, or a deleted one"
        shown = exchange.query.get("return", "")
        for row in rows:
            known = self.contacts.get(str(row["id"]))
            assert not shown or known is None or row[shown] == (known.get(shown) or None), "a field is another"
        if exchange.operation == "queryContacts" and exchange.query.keys() == {"return"}:
            assert self.contacts.keys() <= {*told} or len(told) >= 10_000, "not all contacts are told"

    def _with(self, key: str, value: str) -> list[str]:
        """The known contacts that this value of the key names."""
        if key == "id":
            return [value] if value in self.contacts else []
        return [own_id for own_id, each in self.contacts.items() if key in each and _text(each[key]) == value != ""]

    # Lists and sources

    def _of_the_account(self, exchange: Exchange, data: Any) -> None:
        kind = exchange.segments[3] if len(exchange.segments) > 3 else ""
        own_id = exchange.segments[4] if len(exchange.segments) > 4 else ""
        if own_id.isdigit():
            assert (kind, own_id) not in self.gone, f"a deleted one is found: {kind} {own_id}"
        match exchange.operation:
            case "createContactList":
                self._new(kind, str(data["id"]), {*self.lists})
                members = self._named(exchange.body) if not data.get("errors") else None
                self.lists[str(data["id"])] = members if "external_ids" in exchange.body else set()
            case "createContactSource":
                self._new(kind, str(data["id"]), self.sources)
                self.sources.add(str(data["id"]))
            case "deleteContactList":
                self.lists.pop(own_id, None)
                self.gone.add((kind, own_id))
            case "deleteContactSource":
                self.sources.discard(own_id)
                self.gone.add((kind, own_id))
            case "listContactLists":
                assert {str(each["id"]) for each in data} == self.lists.keys(), "other lists"
            case "listContactSources":
                assert {str(each["id"]) for each in data} == self.sources, "other sources"
            case "addToContactList" | "removeFromContactList":
                self._changed(own_id, exchange, data)
            case "countContactsInList":
                members = self.lists.get(own_id)
                assert members is None or data == len(members), "another count of contacts in a list"
            case "listContactsInList":
                self._page(own_id, exchange)

    def _new(self, kind: str, own_id: str, there: set[str]) -> None:
        assert own_id not in there and (kind, own_id) not in self.gone, "an id twice"

    def _changed(self, own_id: str, exchange: Exchange, data: Fields) -> None:
        members, named = self.lists.get(own_id), self._named(exchange.body)
        if data.get("errors") or named is None or members is None:
            self.lists[own_id] = None
            return
        adding = exchange.operation == "addToContactList"
        count = data["inserted_contacts"] if adding else data["deleted_contacts"]
        assert count == len(named - members if adding else named & members), "another count of contacts"
        self.lists[own_id] = members | named if adding else members - named

    def _page(self, own_id: str, exchange: Exchange) -> None:
        members, told = self.lists.get(own_id), [str(each) for each in exchange.reply["value"]]
        start = int(exchange.query.get("$skiptoken", 0))
        after = exchange.reply["next"]
        assert not self.deleted & {*told}, "a deleted contact is in a list"
        assert after is None or f"$skiptoken={start + len(told)}&" in f"{after}&", "the next page begins elsewhere"
        if members is not None:
            assert len({*told}) == len(told) and {*told} <= members, "others in a list"
            assert after or start + len(told) >= len(members), "the list ends too early"

    def _named(self, body: Fields) -> set[str] | None:
        """The contacts that are to be in a list, or None where one of them is not known."""
        found = [self._with(_key(body), _text(value)) for value in body.get("external_ids", ())]
        return {each[0] for each in found} if all(len(each) == 1 for each in found) else None

    def _forget_list(self, body: Fields) -> None:
        """A call about contacts may put them on a list besides."""
        if "contact_list_id" in body:
            self.lists[str(body["contact_list_id"])] = None


def _ids(data: Fields) -> list[int | str]:
    ids: list[int | str] = data["ids"] if "ids" in data else [data["id"]]
    return ids


def _key(body: Fields) -> str:
    return str(body.get("key_id", "") or "3")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
