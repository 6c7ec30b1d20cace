"""What the mocked Sinch makes of a contact: as it is stored, updated, merged with another, unified, in conflict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headcount.mock.sinch_people import Contact, stored_identity

MEMBERS: Mapping[str, Any] = {
    "channel_identities": (),
    "channel_priority": (),
    "display_name": "Unknown",
    "email": "",
    "external_id": "",
    "language": "UNSPECIFIED",
    "metadata": "",
}
"""Each member of a contact that can be sent, and what it is where it is empty (client-source)."""
_UNIFIED = ("SMS", "MMS", "RCS")
"""The channels that share a phone number (vendor-docs)."""


def stored(contact_id: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A new contact as it comes back."""
    return {"id": contact_id, **{name: _member(name, sent) for name in MEMBERS}}


def updated(contact: Contact, sent: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """The contact with these members replaced, each as a whole (client-source). With None it is the members that were
    sent and are not empty (inferred from what clients expect)."""
    chosen = [name for name in MEMBERS if sent.get(name)] if names is None else names
    return {**contact, **{name: _member(name, sent) for name in chosen}}


def merged(kept: Contact, source: Contact) -> dict[str, Any]:
    """The contact that is kept: identities move on channels that it lacks, and their channels go to the bottom of its
    priority; what is empty is copied (vendor-docs). That the default name and language count as empty is inferred."""
    channels = {each["channel"] for each in kept["channel_identities"]}
    moved = [each for each in source["channel_identities"] if each["channel"] not in channels]
    priority = dict.fromkeys([*kept["channel_priority"], *(each["channel"] for each in moved)])
    copied = {name: source[name] for name, empty in MEMBERS.items() if isinstance(empty, str) and kept[name] == empty}
    lists = {"channel_identities": [*kept["channel_identities"], *moved], "channel_priority": list(priority)}
    return {**kept, **copied, **lists}


def unified(contact: Contact) -> dict[str, Any]:
    """The contact with its first number on SMS, MMS or RCS on all three (vendor-docs)."""
    identities = contact["channel_identities"]
    numbers = [each["identity"] for each in identities if each["channel"] in _UNIFIED]
    missing = [name for name in _UNIFIED if name not in {each["channel"] for each in identities}]
    added = [{"channel": name, "identity": numbers[0], "app_id": ""} for name in missing if numbers]
    return {**contact, "channel_identities": [*identities, *added]}


def conflicts(contacts: Iterable[Contact]) -> list[dict[str, Any]]:
    """The numbers that several contacts have on SMS, MMS or RCS, in the order in which they came (vendor-docs)."""
    holders: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for contact in contacts:
        for each in contact["channel_identities"]:
            if each["channel"] in _UNIFIED:
                channels, ids = holders.setdefault(each["identity"], ({}, {}))
                channels[each["channel"]] = ids[contact["id"]] = None
    return [
        {"identity": identity, "channels": list(channels), "contact_ids": list(ids)}
        for identity, (channels, ids) in holders.items()
        if len(ids) > 1
    ]


def _member(name: str, sent: Mapping[str, Any]) -> Any:
    value = sent.get(name) or MEMBERS[name]
    if name == "channel_identities":
        return [
            {
                "channel": each["channel"],
                "identity": stored_identity(each["channel"], each["identity"]),
                "app_id": each.get("app_id", ""),
            }
            for each in value
        ]
    return value if isinstance(value, str) else list(value)
