"""What the mocks promise beyond the specs, whose replies constrain JSON types only.

A vendor may add or drop a member; a mock that does so has a fault. So its replies are fuzzed against the spec's schemas
with these members required, these values, and no others than those described.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

Document = dict[str, Any]

OBJECT_ID = {"pattern": "^[0-9a-f]{24}$"}
ULID = {"pattern": "^[0-9A-HJKMNP-TV-Z]{26}$"}
MOMENT = {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
PABBLY_STATUS = {"enum": ["success", "error"]}


@attrs.frozen
class Promise:
    """Of one schema: the members that are always there, and what the values of some keep to.

    extra: members that may come though no schema has them.
    """

    members: str
    values: Mapping[str, Any] = attrs.Factory(dict)
    extra: tuple[str, ...] = ()
    optional: str = ""
    """Described members that may be absent; all others that are described and not in `members` never come."""


def promised(document: Document, promises: Mapping[str, Promise]) -> Document:
    """The document with its reply schemas as strict as the promises."""
    schemas = dict(document["components"]["schemas"])
    for name, promise in promises.items():
        schema = schemas[name]
        wanted = [*promise.members.split(), *promise.optional.split()]
        properties = {member: {**schema["properties"][member], **promise.values.get(member, {})} for member in wanted}
        properties |= {member: {} for member in promise.extra}
        required = promise.members.split()
        schemas[name] = {**schema, "required": required, "properties": properties, "additionalProperties": False}
    return {**document, "components": {**document["components"], "schemas": schemas}}


_TOKEN = Promise("access_token token_type expires_in scope", {"token_type": {"const": "bearer"}})
_TOKEN_ERROR = Promise("error error_description", {"error": {"enum": ["invalid_client", "invalid_request"]}})
_SINCH_STATUS = {"status": {"pattern": "^[A-Z_]+$"}, "code": {"minimum": 400, "maximum": 599}}

PROMISES: Mapping[str, Mapping[str, Promise]] = {
    "sinch_batch": {
        "Token": _TOKEN,
        "TokenError": _TOKEN_ERROR,
        "ErrorReply": Promise("code message status details", _SINCH_STATUS),
    },
    "sinch_conversation": {
        "Token": _TOKEN,
        "TokenError": _TOKEN_ERROR,
        "ErrorReply": Promise("error"),
        "ErrorStatus": Promise("code message status details", _SINCH_STATUS),
        "StoredContact": Promise(
            "id channel_identities channel_priority display_name email external_id language metadata", {"id": ULID}
        ),
        "StoredChannelIdentity": Promise("channel identity app_id"),
        "ContactList": Promise("contacts next_page_token"),
        "ChannelProfile": Promise("profile_name"),
        "IdentityConflictList": Promise("conflicts next_page_token"),
        "IdentityConflict": Promise("identity channels contact_ids", {"contact_ids": {"minItems": 2}}),
        "StoredProjectSettings": Promise("project_id settings"),
        "StoredSettings": Promise("contact_settings"),
        "StoredContactSettings": Promise("unified_contact_id_enabled"),
        "Webhook": Promise("id app_id target target_type triggers", {"id": ULID}, optional="secret client_credentials"),
        "WebhookList": Promise("webhooks"),
    },
    "emarsys": {
        "Token": _TOKEN,
        "TokenError": _TOKEN_ERROR,
        "ErrorReply": Promise("replyCode replyText data", {"replyCode": {"minimum": 1}}),
        **{
            name: Promise("replyCode replyText data")
            for name in """
                CreateContactsReply UpdateContactsReply DeleteContactsReply CheckContactIdsReply GetContactDataReply
                ContactIdReply QueryContactsReply ListFieldsReply ListFieldChoicesReply ListFieldsChoicesReply
                ListContactSourcesReply CreateContactSourceReply DoneReply ListContactListsReply
                CreateContactListReply AddToContactListReply RemoveFromContactListReply CountContactsInListReply
            """.split()
        },
        "CreateContactsResult": Promise("", optional="id ids errors"),
        "UpdateContactsResult": Promise("", optional="id ids errors"),
        "DeleteContactsResult": Promise("", optional="deleted_contacts errors"),
        "CheckContactIdsResult": Promise("ids errors"),
        "ContactData": Promise("errors result"),
        "ContactDataError": Promise("key errorCode errorMsg"),
        "ContactId": Promise("id"),
        "ContactField": Promise("id name application_type string_id"),
        "Choice": Promise("id choice", optional="bit_position"),
        "ContactSource": Promise("id name"),
        "CreatedContactSource": Promise("id"),
        "ContactList": Promise("id name created type"),
        "CreatedContactList": Promise("id", optional="errors"),
        "AddedToContactList": Promise("inserted_contacts errors"),
        "RemovedFromContactList": Promise("deleted_contacts errors"),
    },
    "pabbly_chatflow": {
        "ErrorReply": Promise("status message", {"status": {"const": "error"}}),
        "CreateContactsReply": Promise("status message data", {"status": PABBLY_STATUS}),
        "CreateContactsResult": Promise("createdContacts failedCount failedContacts", {"failedCount": {"minimum": 0}}),
        "FailedContact": Promise("mobile error"),
        "ListContactsReply": Promise("status message data", {"status": {"const": "success"}}),
        "ListContactsResult": Promise(
            "contacts totalCount", {"contacts": {"maxItems": 25}, "totalCount": {"minimum": 0}}
        ),
        "ContactReply": Promise("status message data", {"status": {"const": "success"}}),
        "ListContactListsReply": Promise("status message data", {"status": {"const": "success"}}),
        "ListContactListsResult": Promise("contactsCount totalLists totalContactsCount unassignedCount"),
        "ContactList": Promise("_id listName", {"_id": OBJECT_ID}),
        "ListTagsReply": Promise("status message data", {"status": {"const": "success"}}),
        "ListTagsResult": Promise("tags"),
        "Tag": Promise("_id name", {"_id": OBJECT_ID}),
        # What is optional comes with every contact but one that was just created.
        "StoredContact": Promise(
            "mobile name optin incomingBlocked tags attributes source list",
            {
                "_id": OBJECT_ID,
                "settingId": OBJECT_ID,
                "userId": OBJECT_ID,
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
                "lastActive": MOMENT,
                "source": {"enum": ["api", "csv", "user", "sync", "wa", "manual"]},
                "status": {"const": "active"},
                "list": {"minItems": 1},
            },
            extra=("__v",),
            optional="_id settingId userId broadcastIds status createdAt updatedAt lastActive",
        ),
        "StoredAttribute": Promise("name value", {"_id": OBJECT_ID, "value": {"minLength": 1}}, optional="_id"),
    },
}
