"""The contacts of the mocked Chatflow: what a change makes of one, how it is told, and whether a search finds it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

ALL = "all"
"""The list that every contact is on."""
FRESH: Mapping[str, Any] = {
    "name": "",
    "optin": False,
    "incomingBlocked": False,
    "tags": [],
    "attributes": [],
    "source": "api",
    "list": [ALL],
    "status": "active",
}
"""What a contact has of which nothing was said."""

_SEARCHED_ATTRIBUTES = 2

Stored = Mapping[str, Any]


def digits_of(mobile: str) -> str:
    """The digits of a mobile, which are its contact's key."""
    return mobile if mobile.isascii() and mobile.isdigit() else re.sub(r"[^0-9]", "", mobile)


def object_id(*names: object) -> str:
    """An id as the vendor's store makes them, 24 hexadecimal digits; the same for the same names."""
    return hashlib.sha256("/".join(map(str, names)).encode(errors="surrogatepass")).hexdigest()[:24]


def now() -> str:
    """The time as the vendor writes it: ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def stored(contact: Stored, before: Stored | None, contact_id: str) -> dict[str, Any]:
    """A contact as it is held: what is given in the place of what it had."""
    moment = now()
    fresh = {"_id": contact_id, **FRESH, "createdAt": moment}
    kept = {**fresh, **(before or {}), **contact, "updatedAt": moment}
    kept["mobile"] = digits_of(kept["mobile"])
    return kept


def changed(before: Stored, update: Mapping[str, Any]) -> dict[str, Any]:
    """A contact after an update.

    An attribute without a value is taken away, the others stand by name (vendor-docs). That `tagsToAdd` and then
    `tagsToRemove` come after `tags` is inferred, and so is a comma between the tags of a text.
    """
    after = {**before, **{name: update[name] for name in ("name", "optin", "incomingBlocked") if name in update}}
    if "mobile" in update:
        after["mobile"] = digits_of(update["mobile"])
    tags = update.get("tags", before["tags"])
    removed = names_of(update.get("tagsToRemove", ()))
    wanted = dict.fromkeys([*tags, *names_of(update.get("tagsToAdd", ()))])
    after["tags"] = [tag for tag in wanted if tag not in removed]
    values = {each["name"]: each["value"] for each in (*before["attributes"], *update.get("attributes", ()))}
    after["attributes"] = [{"name": name, "value": value} for name, value in values.items() if value]
    return {**after, "updatedAt": now()}


def told(contact: Stored) -> dict[str, Any]:
    """A contact as it is listed and read. Its country code is left out: a mobile does not say where it ends."""
    attributes = [{**each, "_id": object_id(contact["_id"], each["name"])} for each in contact["attributes"]]
    return {
        **contact,
        "attributes": attributes,
        "settingId": object_id("setting"),
        "userId": object_id("user"),
        "broadcastIds": [],
        "lastActive": contact["updatedAt"],
        "__v": 0,
    }


def names_of(tags: str | Sequence[str]) -> list[str]:
    """Tags from a list, or from a text with commas between them."""
    return [text.strip() for text in tags.split(",") if text.strip()] if isinstance(tags, str) else list(tags)


def found(contacts: Iterable[Stored], given: Mapping[str, Any]) -> list[Stored]:
    """The contacts that every given filter but `mobile` finds, in the order asked for.

    Inferred: a name is found by a part of it, whatever its case; of several tags a contact has all; the order is that
    in which the contacts were created.
    """
    name = given.get("name", "").lower()
    tags = names_of(given.get("tags", ""))
    exact = [member for member in ("optin", "incomingBlocked", "source") if member in given]
    attributes = [_wanted(given, number) for number in range(_SEARCHED_ATTRIBUTES)]
    hits = [
        contact
        for contact in contacts
        if name in contact["name"].lower()
        and all(tag in contact["tags"] for tag in tags)
        and all(given[member] == contact[member] for member in exact)
        and all(_has_attribute(contact, wanted) for wanted in attributes)
    ]
    return hits[::-1] if given.get("order") == -1 else hits


def _wanted(given: Mapping[str, Any], number: int) -> dict[str, str]:
    keys = {member: f"attributes[{number}][{member}]" for member in ("name", "value")}
    return {member: given[key] for member, key in keys.items() if key in given}


def _has_attribute(contact: Stored, wanted: Mapping[str, str]) -> bool:
    return not wanted or any(wanted.items() <= each.items() for each in contact["attributes"])
