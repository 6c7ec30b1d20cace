"""The ways in which a vendor may answer otherwise, as its mock's switches have them, and which checks make sense then.

A check stays on unless the switch is there to break what it says; then the reason stands beside it. What the mocks
promise, and what they remember, is said of the defaults, and not of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from headcount.mock.faults import Fault

NEGATIVE, POSITIVE = "negative_data_rejection", "positive_data_acceptance"
CREATES = ("createContacts",)

_OF_THE_DEFAULTS = {
    "Remembers": "what is remembered is what the default replies tell",
    "Effects": "what is written is what the default replies tell",
}
_TOLD_INSIDE_200 = {NEGATIVE: "what breaks the schema is told contact by contact, in a 200"}
_ONE_ANSWER = {
    NEGATIVE: "every call gets this answer",
    POSITIVE: "every call gets this answer",
    "ignored_auth": "every call gets this answer, with credentials and without",
    "not_a_server_error": "the answer may be a server's error",
}
_REFUSES = {POSITIVE: ("400",)}


@attrs.frozen
class Variant:
    """Switches that are set together. `without` and `also` are those of a campaign."""

    target: str
    switches: Mapping[str, Any]
    operations: Sequence[str] = ()
    without: Mapping[str, str] = attrs.Factory(dict)
    also: Mapping[str, Sequence[str]] = attrs.Factory(dict)

    def __str__(self) -> str:
        named = {name: "" if name == "faults" else value for name, value in self.switches.items()}
        answers = [fault.answer for fault in self.switches.get("faults", ())]
        return "-".join([self.target, *(f"{name}-{value}" for name, value in named.items()), *map(str, answers)])


def _of_all(target: str, operations: Sequence[str], token_calls: bool) -> list[Variant]:
    """The switches that every vendor has."""
    too_large = {NEGATIVE: ("413",), POSITIVE: ("413",)}
    variants = [
        Variant(target, {"forget": True}, operations),
        Variant(target, {"body_limit": 60}, operations, also=too_large),
    ]
    # A token that has expired is refused, whatever is sent with it, so that little else is seen but the 401.
    return [*variants, Variant(target, {"token_calls": 10}, operations)] if token_calls else variants


_SINCH_CHANGES = ("createContact", "updateContact", "deleteContact", "mergeContacts", "listContacts", "getContact")
_SINCH_WEBHOOKS = ("createWebhook", "updateWebhook", "deleteWebhook", "listWebhooks")
_EMARSYS_CONTACTS = ("createContacts", "updateContacts", "deleteContacts", "getContactData", "checkContactIds")

VARIANTS: tuple[Variant, ...] = (
    *_of_all("sinch_batch", (), token_calls=True),
    *_of_all("sinch_conversation", _SINCH_CHANGES, token_calls=True),
    *_of_all("emarsys", _EMARSYS_CONTACTS, token_calls=True),
    *_of_all("pabbly_chatflow", (), token_calls=False),
    Variant("sinch_batch", {"errors": "nested"}),
    Variant("sinch_batch", {"accepted": "empty"}),
    Variant("sinch_batch", {"invalid_contact": "drop"}, CREATES, without=_TOLD_INSIDE_200),
    Variant("sinch_batch", {"duplicates": "ignore"}),
    Variant("sinch_batch", {"visible_after": 60.0, "gone_after": 60.0}),
    Variant("sinch_batch", {"unknown_ids": "refuse"}),
    Variant("sinch_batch", {"project": "mock-project"}),
    Variant("sinch_conversation", {"deleted": "empty"}, _SINCH_CHANGES),
    Variant("sinch_conversation", {"duplicates": "ignore"}, _SINCH_CHANGES, also=_REFUSES),
    Variant("sinch_conversation", {"unmasked_update": "all"}, _SINCH_CHANGES),
    Variant("sinch_conversation", {"duplicate_targets": "store"}, _SINCH_WEBHOOKS),
    Variant("sinch_conversation", {"project": "mock-project"}, _SINCH_CHANGES),
    Variant("sinch_conversation", {"announce_duplicates": True}, _SINCH_CHANGES),
    Variant("sinch_conversation", {"webhook": {"target": "http://127.0.0.1:9/", "triggers": []}}, _SINCH_CHANGES),
    Variant("sinch_conversation", {"deliveries": {}}, _SINCH_WEBHOOKS),
    Variant("emarsys", {"refusals": "status"}, also=_REFUSES),
    Variant("emarsys", {"empty_errors": "list"}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"empty_errors": "map"}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"empty_data": "text"}),
    Variant("emarsys", {"empty_data": "list"}),
    Variant("emarsys", {"ids": "string", "id_order": "reversed"}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"ids_withheld": 1}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"fields": ["1", "2", "3"]}, also=_REFUSES),
    Variant("emarsys", {"fields": ["3"], "unknown_key": "refused_in_200"}, also=_REFUSES),
    Variant("emarsys", {"fields": ["3"], "unknown_key": "pseudo_key"}, also=_REFUSES),
    Variant("emarsys", {"invalid_contact": "item"}, CREATES, without=_TOLD_INSIDE_200),
    Variant("emarsys", {"no_match": "absent"}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"no_match": "list"}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"error_codes": "integer"}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"none_deleted": "refused"}, _EMARSYS_CONTACTS, also=_REFUSES),
    Variant("emarsys", {"typed": True}, _EMARSYS_CONTACTS, also=_REFUSES),
    Variant("emarsys", {"indexed": ["3"]}, ("queryContacts", "filterContacts"), also=_REFUSES),
    Variant("emarsys", {"sources": ["1"]}, _EMARSYS_CONTACTS, also=_REFUSES),
    Variant("emarsys", {"existing": ["ada@example.com"]}),
    Variant("emarsys", {"races": 5}, _EMARSYS_CONTACTS),
    Variant("emarsys", {"enforce_rate_limit": True, "rate_limit": 100}),
    Variant("pabbly_chatflow", {"skipped": "failed", "existing": ["9179897"]}),
    Variant("pabbly_chatflow", {"skipped": "created", "existing": ["9179897"]}),
    Variant("pabbly_chatflow", {"failed_mobile": False}),
    Variant("pabbly_chatflow", {"envelope": "success"}),
    Variant("pabbly_chatflow", {"all_failed": 400}, also=_REFUSES),
    Variant("pabbly_chatflow", {"unknown_names": "fail", "tags": ["indian"], "attributes": ["city"]}, also=_REFUSES),
    Variant("pabbly_chatflow", {"unknown_names": "drop", "tags": ["indian"], "attributes": ["city"]}),
    Variant("pabbly_chatflow", {"invalid_contact": "fail"}, CREATES, without=_TOLD_INSIDE_200),
    Variant("pabbly_chatflow", {"echo_mobile": "digits"}),
    Variant("pabbly_chatflow", {"echo_mobile": "plus"}),
    Variant("pabbly_chatflow", {"mobile_search": "partial"}),
)

NOT_DOCUMENTED: Mapping[object, str] = {
    "html": "a page of something between",
    "bad_gateway": "a page of something between",
    "unavailable": "a page of something between",
    "redirect": "no vendor documents one, and nobody may follow it",
    ("sinch_batch", "not_implemented"): "501 is documented for the Conversation API alone",
    ("emarsys", "unsupported_method"): "501 is in the table of codes, and at no operation",
}
"""Named answers that a spec does not describe, of every vendor or of one."""


def answers(target: str, names: Sequence[str]) -> list[Variant]:
    """One variant for each of a vendor's named answers: every call of one operation gets it."""
    operation = {"sinch_conversation": "createContact"}.get(target, "createContacts")
    return [
        Variant(target, {"faults": (Fault(answer=name, operation=operation),)}, (operation,), without=_ONE_ANSWER)
        for name in names
        if name not in NOT_DOCUMENTED and (target, name) not in NOT_DOCUMENTED
    ]


def off(variant: Variant) -> dict[str, str]:
    """The checks that are off for a variant, each with the reason."""
    return {**_OF_THE_DEFAULTS, **variant.without}
