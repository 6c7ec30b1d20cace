"""What each vendor was told and has answered, kept apart from the mock: later answers must agree with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from tests.fuzz.emarsys_memory import EmarsysMemory
from tests.fuzz.exchange import Exchange

Contact = Mapping[str, Any]

_MOST_WEBHOOKS = 5
"""Of one app (vendor-docs)."""


class Memory(Protocol):
    """The contacts of one vendor as its replies have told them."""

    def hold(self, exchange: Exchange) -> None:
        """Compares a reply with what is known, then learns from it. Raises AssertionError."""


@attrs.define
class SinchMemory:
    """Contacts and webhooks by project and id. Of an update the reply is taken as it is, but for what was sent."""

    contacts: dict[tuple[str, str], Contact] = attrs.Factory(dict)
    webhooks: dict[tuple[str, str], Contact] = attrs.Factory(dict)
    order: dict[tuple[str, str], int] = attrs.Factory(dict)
    """In which contacts were created."""
    pages: dict[tuple[str, str], int] = attrs.Factory(dict)
    """The last contact before the page of a token, by its place in that order."""

    def hold(self, exchange: Exchange) -> None:
        project = exchange.segments[3] if len(exchange.segments) > 3 else ""
        own_id = exchange.segments[5].split(":")[0] if len(exchange.segments) > 5 else ""
        key, reply = (project, own_id), exchange.reply
        match exchange.operation, exchange.status:
            case "getContact" | "updateContact" | "deleteContact", 404:
                assert key not in self.contacts, f"a contact that is there is not found: {own_id}"
            case "createContact", 200:
                assert (project, reply["id"]) not in self.contacts, "an id twice"
                _reflects(reply, exchange.body, ("language", "metadata", "email", "display_name"))
                self.contacts[project, reply["id"]] = reply
                self.order[project, reply["id"]] = len(self.order)
            case "getContact", 200:
                assert reply == self.contacts.get(key), f"read otherwise than written: {own_id}"
            case "updateContact", 200:
                self._update(key, exchange)
            case "deleteContact", 200:
                assert self.contacts.pop(key, None) is not None, f"a contact that was not there is deleted: {own_id}"
            case "mergeContacts", 200:
                source = self.contacts.pop((project, exchange.body["source_id"]), None)
                assert key in self.contacts and source is not None, "merged contacts that were not there"
                _merged(reply, self.contacts[key], source)
                self.contacts[key] = reply
            case "listContacts", 200:
                self._listed(project, exchange)
            case _:
                self._webhook(project, key, exchange)

    def _webhook(self, project: str, key: tuple[str, str], exchange: Exchange) -> None:
        reply = exchange.reply
        match exchange.operation, exchange.status:
            case "getWebhook" | "updateWebhook" | "deleteWebhook", 404:
                assert key not in self.webhooks, "a webhook that is there is not found"
            case "createWebhook", 200:
                _reflects(reply, exchange.body, ("app_id", "target", "target_type", "triggers"))
                self.webhooks[project, reply["id"]] = reply
                of_app = [own for (own, _), each in self.webhooks.items() if each["app_id"] == reply["app_id"]]
                assert of_app.count(project) <= _MOST_WEBHOOKS, "more webhooks than an app may have"
            case "getWebhook", 200:
                assert reply == self.webhooks.get(key), "a webhook read otherwise than written"
            case "updateWebhook", 200:
                assert key in self.webhooks and reply["id"] == key[1], "an update of a webhook that was not there"
                self.webhooks[key] = reply
            case "deleteWebhook", 200:
                assert self.webhooks.pop(key, None) is not None, "a webhook that was not there is deleted"
            case "listWebhooks", 200:
                app = exchange.segments[5]
                known = [each for (own, _), each in self.webhooks.items() if own == project and each["app_id"] == app]
                assert sorted(map(str, reply["webhooks"])) == sorted(map(str, known)), "other webhooks are listed"

    def _update(self, key: tuple[str, str], exchange: Exchange) -> None:
        before, reply = self.contacts.get(key), exchange.reply
        assert before is not None, "an update of a contact that was not there"
        mask = exchange.query.get("update_mask")
        named = set(exchange.body) if mask is None else {name.strip() for name in mask.split(",")}
        chosen = named & {"language", "metadata", "email", "external_id"} & {k for k, v in exchange.body.items() if v}
        _reflects(reply, exchange.body, tuple(chosen))
        for name in ("id", "language", "metadata", "email", "external_id", "display_name"):
            assert name in named or reply[name] == before[name], f"{name} changed, which was not named"
        self.contacts[key] = reply

    def _listed(self, project: str, exchange: Exchange) -> None:
        listed, following = exchange.reply["contacts"], exchange.reply["next_page_token"]
        for contact in listed:
            assert contact == self.contacts.get((project, contact["id"])), f"listed otherwise: {contact['id']}"
        query = exchange.query
        size = int(query.get("page_size", 10))
        assert len(listed) == size if following else len(listed) <= size, "a page of another size"
        if "channel" in query or query.get("external_id") == "":
            return  # Which identities are alike, and what an empty one finds, is not documented.
        wanted, token = query.get("external_id"), query.get("page_token") or ""
        last = self.pages.get((project, token)) if token else -1
        if last is None:
            return
        known = [
            own_id
            for (own, own_id), each in self.contacts.items()
            if own == project and wanted in (None, each["external_id"]) and self.order[own, own_id] > last
        ]
        assert [contact["id"] for contact in listed] == known[:size], "other contacts are listed"
        assert bool(following) == (len(known) > size), "another end of the list"
        if following:
            self.pages[project, following] = self.order[project, known[size - 1]]


@attrs.define
class PabblyMemory:
    """Contacts by the digits of their mobile, and these by id."""

    contacts: dict[str, Contact] = attrs.Factory(dict)
    mobiles: dict[str, str] = attrs.Factory(dict)

    def hold(self, exchange: Exchange) -> None:
        own_id = exchange.segments[-1]
        match exchange.operation, exchange.status:
            case "getContact" | "updateContact", 404:
                assert own_id not in self.mobiles, f"a contact that is there is not found: {own_id}"
            case "createContacts", 200:
                for contact in exchange.reply["data"]["createdContacts"]:
                    self.contacts[_digits(contact["mobile"])] = _pabbly(contact)
                self._created(exchange)
            case "getContact", 200:
                contact = exchange.reply["data"]
                assert contact["_id"] == own_id, "another contact"
                self._known(contact)
            case "updateContact", 200:
                self._updated(own_id, exchange)
            case "listContacts", 200:
                self._listed(exchange)
            case "listTags", 200:
                names = {tag["name"] for tag in exchange.reply["data"]["tags"]}
                assert names == {tag for each in self.contacts.values() for tag in each["tags"]}, "other tags"
            case "listContactLists", 200:
                assert exchange.reply["data"]["totalContactsCount"] == len(self.contacts), "another count"

    def _created(self, exchange: Exchange) -> None:
        data = exchange.reply["data"]
        assert data["failedCount"] == len(data["failedContacts"]), "failedCount is not that of failedContacts"
        sent = exchange.body if isinstance(exchange.body, list) else [exchange.body]
        if len(sent) == 1 and data["createdContacts"]:
            _reflects(data["createdContacts"][0], sent[0], ("mobile", "name", "optin", "incomingBlocked", "tags"))
        for contact in sent:
            if digits := _digits(contact["mobile"]):
                assert digits in self.contacts, "neither created nor there"

    def _known(self, contact: Contact) -> None:
        digits = contact["mobile"]
        assert _pabbly(contact) == self.contacts.get(digits), f"told otherwise than written: {digits}"
        assert self.mobiles.setdefault(contact["_id"], digits) == digits, "an id of two contacts"

    def _updated(self, own_id: str, exchange: Exchange) -> None:
        contact, update = exchange.reply["data"], exchange.body
        assert contact["_id"] == own_id, "another contact"
        mobile = self.mobiles.get(own_id, contact["mobile"])
        former = self.contacts.get(mobile) if mobile == contact["mobile"] else self.contacts.pop(mobile, None)
        assert former is not None, "an update of a contact that was not there"
        _reflects(contact, update, ("name", "optin", "incomingBlocked"))
        if not update.keys() & {"tagsToAdd", "tagsToRemove"}:
            assert set(contact["tags"]) == set(update.get("tags", former["tags"])), "other tags"
        for name in ("name", "optin", "incomingBlocked"):
            assert name in update or contact[name] == former[name], f"{name} changed, which was not named"
        attributes = {each["name"]: each["value"] for each in update.get("attributes", ())}
        kept = dict(former["attributes"]) | attributes
        expected = sorted((name, value) for name, value in kept.items() if value)
        assert sorted(_pabbly(contact)["attributes"]) == expected, "other attributes"
        self.mobiles[own_id] = contact["mobile"]
        self.contacts[contact["mobile"]] = _pabbly(contact)

    def _listed(self, exchange: Exchange) -> None:
        data, query = exchange.reply["data"], exchange.query
        for contact in data["contacts"]:
            self._known(contact)
        expected = [each["mobile"] for each in self.contacts.values() if _fits(each, query)]
        assert data["totalCount"] == len(expected), "another count of contacts found"
        if query.get("order") == "-1":
            expected.reverse()
        size = min(int(query.get("limit", 25)), 25)
        start = (int(query["page"]) - 1) * size if "page" in query else int(query.get("skip", 0))
        listed = [each["mobile"] for each in data["contacts"]]
        assert listed == expected[start : start + size], "other contacts are listed"


def _fits(contact: Contact, query: Mapping[str, str]) -> bool:
    """Whether a contact is one of those asked for, as the mock's documentation has it."""
    flags = {name: query[name] == "true" for name in ("optin", "incomingBlocked") if name in query}
    tags = [tag.strip() for tag in query.get("tags", "").split(",") if tag.strip()]
    attributes = [
        (query.get(f"attributes[{number}][name]"), query.get(f"attributes[{number}][value]")) for number in (0, 1)
    ]
    return (
        query.get("name", "").lower() in contact["name"].lower()
        and (not query.get("mobile") or _digits(query["mobile"]) == contact["mobile"])
        and all(contact[name] == value for name, value in flags.items())
        and query.get("source", contact["source"]) == contact["source"]
        and set(tags) <= set(contact["tags"])
        and all(
            (name, value) == (None, None)
            or any(name in (None, own) and value in (None, text) for own, text in contact["attributes"])
            for name, value in attributes
        )
    )


def _pabbly(contact: Contact) -> Contact:
    kept = {name: contact[name] for name in ("name", "optin", "incomingBlocked", "tags", "source")}
    attributes = [(each["name"], each["value"]) for each in contact["attributes"]]
    return {**kept, "mobile": _digits(contact["mobile"]), "attributes": attributes}


def _digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def _merged(reply: Contact, kept: Contact, source: Contact) -> None:
    """The destination keeps what it has, and gets what it lacks (vendor-docs)."""
    channels = {each["channel"] for each in kept["channel_identities"]}
    moved = [each for each in source["channel_identities"] if each["channel"] not in channels]
    assert reply["id"] == kept["id"], "the destination is not kept"
    told, expected = reply["channel_identities"], [*kept["channel_identities"], *moved]
    assert all(each in told for each in expected), "an identity is lost in a merge"
    for name in ("email", "external_id", "metadata"):
        assert reply[name] == (kept[name] or source[name]), f"{name} is neither kept nor copied in a merge"


def _reflects(reply: Contact, sent: Contact, names: tuple[str, ...]) -> None:
    for name in names:
        assert name not in sent or not sent[name] or reply[name] == sent[name], f"{name} is not what was sent"


MEMORIES: Mapping[str, Callable[[], Memory]] = {
    "sinch_conversation": SinchMemory,
    "emarsys": EmarsysMemory,
    "pabbly_chatflow": PabblyMemory,
}
