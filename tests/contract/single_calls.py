"""Every operation of every spec as a call that a user would make, each on what the ones before it left behind.

The same steps serve the client that is called and the one that is awaited: what a step returns is a result of the one
and a coroutine of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from headcount_api.clients.emarsys import models as emarsys
from headcount_api.clients.pabbly_chatflow import models as pabbly
from headcount_api.clients.sinch_batch import models as batch
from headcount_api.clients.sinch_conversation import models as conversation

Seen = dict[str, Any]
"""The results of the steps before, by operationId."""


@attrs.frozen
class Step:
    """One call; `holds` says of its result whether it is the right one."""

    operation: str
    call: Callable[[Any, Seen], Any]
    holds: Callable[[Any, Seen], bool]


APP = "01HAPP00000000000000000001"
SMS, LINE = "+447946000001", "U0000000000000000000000000000000a"


def _contact(channel: str, identity: str, **members: Any) -> dict[str, Any]:
    return {"channel_identities": [{"channel": channel, "identity": identity, **members}], "language": "EN_GB"}


CONVERSATION = [
    Step(
        "createContact",
        lambda api, _: api.create_contact(
            conversation.Contact.from_dict({**_contact("SMS", SMS), "display_name": "Ada"})
        ),
        lambda contact, _: contact.display_name == "Ada" and contact.language == "EN_GB",
    ),
    Step(
        "getContact",
        lambda api, seen: api.get_contact(seen["createContact"].id),
        lambda contact, seen: contact == seen["createContact"],
    ),
    Step(
        "updateContact",
        lambda api, seen: api.update_contact(
            seen["createContact"].id,
            conversation.UpdateContactRequest.from_dict({"display_name": "Grace"}),
            update_mask="display_name",
        ),
        lambda contact, _: contact.display_name == "Grace",
    ),
    Step(
        "listContacts",
        lambda api, _: api.list_contacts(channel="SMS", identity=SMS),
        lambda page, seen: [each.id for each in page.contacts] == [seen["createContact"].id],
    ),
    Step(
        "listIdentityConflicts",
        lambda api, _: api.list_identity_conflicts(page_size=10),
        lambda page, _: not page.conflicts,
    ),
    Step(
        "createContact",
        lambda api, _: api.create_contact(conversation.Contact.from_dict(_contact("LINE", LINE, app_id=APP))),
        lambda contact, _: contact.channel_identities[0].identity == LINE,
    ),
    Step(
        "getChannelProfile",
        lambda api, seen: api.get_channel_profile(
            conversation.GetChannelProfileRequest.from_dict(
                {"app_id": APP, "recipient": {"contact_id": seen["createContact"].id}, "channel": "LINE"}
            )
        ),
        lambda profile, seen: profile.profile_name == seen["createContact"].display_name,
    ),
    Step(
        "mergeContacts",
        lambda api, seen: api.merge_contacts(
            seen["createContact"].id,
            conversation.MergeContactsRequest.from_dict({"source_id": seen["updateContact"].id}),
        ),
        lambda contact, _: {each.channel for each in contact.channel_identities} == {"LINE", "SMS"},
    ),
    Step(
        "deleteContact",
        lambda api, seen: api.delete_contact(seen["mergeContacts"].id),
        lambda nothing, _: nothing is None,
    ),
    Step(
        "createProjectSettings",
        lambda api, _: api.create_project_settings(_settings(True)),
        lambda settings, _: settings.settings.contact_settings.unified_contact_id_enabled is True,
    ),
    Step(
        "updateProjectSettings",
        lambda api, _: api.update_project_settings(_settings(False)),
        lambda settings, _: settings.settings.contact_settings.unified_contact_id_enabled is False,
    ),
    Step(
        "getProjectSettings",
        lambda api, _: api.get_project_settings(),
        lambda settings, seen: settings == seen["updateProjectSettings"],
    ),
    Step(
        "createWebhook",
        lambda api, _: api.create_webhook(
            conversation.CreateWebhookRequest.from_dict(
                {
                    "app_id": APP,
                    "target": "http://127.0.0.1:9/sinch",
                    "target_type": "HTTP",
                    "triggers": ["CONTACT_CREATE"],
                    "secret": "secret-of-a-hook",
                }
            )
        ),
        lambda webhook, _: webhook.triggers == ["CONTACT_CREATE"],
    ),
    Step(
        "getWebhook",
        lambda api, seen: api.get_webhook(seen["createWebhook"].id),
        lambda webhook, seen: webhook.id == seen["createWebhook"].id,
    ),
    Step(
        "listWebhooks",
        lambda api, _: api.list_webhooks(APP),
        lambda page, seen: [each.id for each in page.webhooks] == [seen["createWebhook"].id],
    ),
    Step(
        "updateWebhook",
        lambda api, seen: api.update_webhook(
            seen["createWebhook"].id,
            conversation.UpdateWebhookRequest.from_dict({"target": "http://127.0.0.1:9/other"}),
            update_mask="target",
        ),
        lambda webhook, _: webhook.target == "http://127.0.0.1:9/other",
    ),
    Step(
        "deleteWebhook",
        lambda api, seen: api.delete_webhook(seen["createWebhook"].id),
        lambda nothing, _: nothing is None,
    ),
]


def _settings(unified: bool) -> conversation.ProjectSettings:
    return conversation.ProjectSettings.from_dict({"contact_settings": {"unified_contact_id_enabled": unified}})


BATCH = [
    Step(
        "createContacts",
        lambda api, _: api.create_contacts(
            batch.CreateContactsRequest.from_dict({"contacts": [_contact("SMS", "+447946000002")]})
        ),
        lambda nothing, _: nothing is None,
    ),
    Step(
        "deleteContacts",
        lambda api, _: api.delete_contacts(
            batch.DeleteContactsRequest.from_dict({"contact_ids": ["01HC0NTACT0000000000000001"]})
        ),
        lambda nothing, _: nothing is None,
    ),
]

ADA = "ada@example.com"


def _members(kind: Any, **more: Any) -> Any:
    return kind.from_dict({"key_id": "3", "external_ids": [ADA], **more})


EMARSYS = [
    Step(
        "createContacts",
        lambda api, _: api.create_contacts(
            emarsys.CreateContactsRequest.from_dict({"key_id": "3", "contacts": [{"3": ADA}]})
        ),
        lambda reply, _: len(reply.data.ids) == 1 and not reply.data.errors,
    ),
    Step(
        "updateContacts",
        lambda api, _: api.update_contacts(
            emarsys.UpdateContactsRequest.from_dict({"key_id": "3", "contacts": [{"3": ADA, "1": "Ada"}]})
        ),
        lambda reply, _: len(reply.data.ids) == 1,
    ),
    Step(
        "checkContactIds",
        lambda api, _: api.check_contact_ids(_members(emarsys.CheckContactIdsRequest)),
        lambda reply, _: ADA in reply.data.ids.additional_properties,
    ),
    Step(
        "getContactData",
        lambda api, _: api.get_contact_data(
            emarsys.GetContactDataRequest.from_dict({"keyId": "3", "keyValues": [ADA], "fields": [1, 3]})
        ),
        lambda reply, _: [each["1"] for each in reply.data.result] == ["Ada"],
    ),
    Step(
        "getContactId",
        lambda api, _: api.get_contact_id(f"3={ADA}"),
        lambda reply, seen: str(reply.data.id) == str(seen["createContacts"].data.ids[0]),
    ),
    Step(
        "queryContacts",
        lambda api, _: api.query_contacts(return_=3, limit=10, excludeempty=True),
        lambda reply, _: [each["3"] for each in reply.data.result] == [ADA],
    ),
    Step(
        "filterContacts",
        lambda api, _: api.filter_contacts("return=3&1=Nobody"),
        lambda reply, _: not reply.data.result,
    ),
    Step("listFields", lambda api, _: api.list_fields(), lambda reply, _: bool(reply.data)),
    Step("listTranslatedFields", lambda api, _: api.list_translated_fields("en"), lambda reply, _: bool(reply.data)),
    Step("listFieldChoices", lambda api, _: api.list_field_choices(31), lambda reply, _: bool(reply.data)),
    Step(
        "listTranslatedFieldChoices",
        lambda api, _: api.list_translated_field_choices(31, "en"),
        lambda reply, seen: len(reply.data) == len(seen["listFieldChoices"].data),
    ),
    Step(
        "listFieldsChoices",
        lambda api, _: api.list_fields_choices(fields="31", language="en"),
        lambda reply, _: bool(reply.data),
    ),
    Step(
        "createContactSource",
        lambda api, _: api.create_contact_source(emarsys.CreateContactSourceRequest(name="spring")),
        lambda reply, _: reply.data.id is not None,
    ),
    Step(
        "listContactSources",
        lambda api, _: api.list_contact_sources(),
        lambda reply, _: "spring" in [each.name for each in reply.data],
    ),
    Step(
        "deleteContactSource",
        lambda api, seen: api.delete_contact_source(seen["createContactSource"].data.id),
        lambda reply, _: reply.reply_code == 0,
    ),
    Step(
        "createContactList",
        lambda api, _: api.create_contact_list(emarsys.CreateContactListRequest.from_dict({"name": "readers"})),
        lambda reply, _: reply.data.id is not None,
    ),
    Step(
        "listContactLists",
        lambda api, _: api.list_contact_lists(),
        lambda reply, _: [each.name for each in reply.data] == ["readers"],
    ),
    Step(
        "addToContactList",
        lambda api, seen: api.add_to_contact_list(_list(seen), _members(emarsys.ContactListMembersRequest)),
        lambda reply, _: str(reply.data.inserted_contacts) == "1",
    ),
    Step(
        "countContactsInList",
        lambda api, seen: api.count_contacts_in_list(_list(seen)),
        lambda reply, _: str(reply.data) == "1",
    ),
    Step(
        "listContactsInList",
        lambda api, seen: api.list_contacts_in_list(_list(seen), top=10),
        lambda reply, seen: [str(each) for each in reply.value] == [str(seen["createContacts"].data.ids[0])],
    ),
    Step(
        "removeFromContactList",
        lambda api, seen: api.remove_from_contact_list(_list(seen), _members(emarsys.ContactListMembersRequest)),
        lambda reply, _: str(reply.data.deleted_contacts) == "1",
    ),
    Step(
        "deleteContactList",
        lambda api, seen: api.delete_contact_list(_list(seen)),
        lambda reply, _: reply.reply_code == 0,
    ),
    Step(
        "deleteContacts",
        lambda api, _: api.delete_contacts(emarsys.DeleteContactsRequest.from_dict({"key_id": "3", "3": [ADA]})),
        lambda reply, _: reply.reply_code == 0,
    ),
]


def _list(seen: Seen) -> int:
    return int(seen["createContactList"].data.id)


MOBILE = "447946000001"
PABBLY = [
    Step(
        "createContacts",
        lambda api, _: api.create_contacts([pabbly.Contact(mobile=MOBILE, name="Ada")], on_duplicate="skip"),
        lambda reply, _: [each.mobile for each in reply.data.created_contacts] == [MOBILE],
    ),
    Step(
        "listContacts",
        lambda api, _: api.list_contacts(mobile=MOBILE),
        lambda reply, _: [each.mobile for each in reply.data.contacts] == [MOBILE],
    ),
    Step(
        "updateContact",
        lambda api, seen: api.update_contact(
            seen["listContacts"].data.contacts[0].field_id, pabbly.UpdateContactRequest(name="Grace")
        ),
        lambda reply, _: reply.data.name == "Grace",
    ),
    Step(
        "getContact",
        lambda api, seen: api.get_contact(seen["listContacts"].data.contacts[0].field_id),
        lambda reply, _: reply.data.name == "Grace",
    ),
    Step("listContactLists", lambda api, _: api.list_contact_lists(), lambda reply, _: bool(reply.data)),
    Step("listTags", lambda api, _: api.list_tags(), lambda reply, _: bool(reply.data)),
]

STEPS: Mapping[str, tuple[str, str | None, Sequence[Step]]] = {
    "sinch_conversation": ("sinch", "conversation", CONVERSATION),
    "sinch_batch": ("sinch", "batch", BATCH),
    "emarsys": ("emarsys", None, EMARSYS),
    "pabbly_chatflow": ("pabbly", None, PABBLY),
}
"""By spec: the vendor, the attribute of its client that has the calls, and the steps."""
