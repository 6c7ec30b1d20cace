"""What the Sinch specs say, against the vendor's operations, events and limits typed here by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from headcount_api.specs import load
from tests.contract.test_specs import EVIDENCE, METHODS, reachable, resolve

Document = dict[str, Any]

SINCH = ["sinch_batch", "sinch_conversation"]
PROJECT = "/v1/projects/{project_id}"
CONTACTS = f"{PROJECT}/contacts"
# The vendor's names for its operations on contacts and on what contact events need, and ours.
OPERATIONS = {
    "sinch_batch": {
        ("POST", CONTACTS): "createContacts",
        ("DELETE", CONTACTS): "deleteContacts",
    },
    "sinch_conversation": {
        ("GET", CONTACTS): "listContacts",
        ("POST", CONTACTS): "createContact",
        ("GET", f"{CONTACTS}/{{contact_id}}"): "getContact",
        ("PATCH", f"{CONTACTS}/{{contact_id}}"): "updateContact",
        ("DELETE", f"{CONTACTS}/{{contact_id}}"): "deleteContact",
        ("POST", f"{CONTACTS}/{{destination_id}}:merge"): "mergeContacts",
        ("POST", f"{CONTACTS}:getChannelProfile"): "getChannelProfile",
        ("GET", f"{CONTACTS}:identityConflicts"): "listIdentityConflicts",
        ("POST", f"{PROJECT}/settings"): "createProjectSettings",
        ("GET", f"{PROJECT}/settings"): "getProjectSettings",
        ("PATCH", f"{PROJECT}/settings"): "updateProjectSettings",
        ("POST", f"{PROJECT}/webhooks"): "createWebhook",
        ("GET", f"{PROJECT}/webhooks/{{webhook_id}}"): "getWebhook",
        ("PATCH", f"{PROJECT}/webhooks/{{webhook_id}}"): "updateWebhook",
        ("DELETE", f"{PROJECT}/webhooks/{{webhook_id}}"): "deleteWebhook",
        ("GET", f"{PROJECT}/apps/{{app_id}}/webhooks"): "listWebhooks",
    },
}
TOKEN = {("POST", "/oauth2/token"): "createToken"}
EVENTS = {
    "CONTACT_CREATE": ("contact_create_notification", {"contact"}),
    "CONTACT_UPDATE": ("contact_update_notification", {"contact"}),
    "CONTACT_DELETE": ("contact_delete_notification", {"contact"}),
    "CONTACT_MERGE": ("contact_merge_notification", {"preserved_contact", "deleted_contact"}),
    "CONTACT_IDENTITIES_DUPLICATION": (
        "duplicated_contact_identities_notification",
        {"duplicated_identities"},
    ),
}
ENVELOPE = {"app_id", "project_id", "accepted_time", "event_time", "message_metadata", "correlation_id"}
SIGNATURE = "x-sinch-webhook-signature"
LINKS = {
    "createContact": {"getContact", "updateContact", "deleteContact", "getChannelProfile"},
    "listContacts": {"listContacts", "getContact", "mergeContacts"},
    "getContact": {"updateContact", "deleteContact"},
    "updateContact": {"getContact", "deleteContact"},
    "mergeContacts": {"getContact"},
    "listIdentityConflicts": {"listIdentityConflicts", "mergeContacts"},
    "createWebhook": {"getWebhook", "updateWebhook", "deleteWebhook", "listWebhooks"},
    "getWebhook": {"updateWebhook", "deleteWebhook"},
    "updateWebhook": {"getWebhook"},
    "listWebhooks": {"getWebhook"},
}


def described(document: Document, section: str = "paths") -> Iterator[tuple[str, str, Document]]:
    """Method, path and operation of everything in a section."""
    for path, item in document[section].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def by_id(document: Document) -> dict[str, tuple[str, Document]]:
    return {each["operationId"]: (path, each) for _, path, each in described(document)}


def allows(document: Document, schema: Document, value: object) -> bool:
    whole = {**schema, "components": document["components"]}
    verdict: bool = jsonschema_rs.Draft202012Validator(whole).is_valid(value)
    return verdict


def takes(name: str, value: object) -> bool:
    document = load("sinch_conversation")
    return allows(document, {"$ref": f"#/components/schemas/{name}"}, value)


def parameter(operation_id: str, name: str) -> Document:
    _, operation = by_id(load("sinch_conversation"))[operation_id]
    (found,) = (each for each in operation["parameters"] if each.get("name") == name)
    return dict(found["schema"])


@pytest.mark.parametrize("name", SINCH)
def test_every_operation_of_the_vendor_is_described_and_no_other(name: str) -> None:
    found = {(method, path): each["operationId"] for method, path, each in described(load(name))}
    assert found == OPERATIONS[name] | TOKEN


def test_there_are_eighteen_operations_besides_the_token_call() -> None:
    assert sum(map(len, OPERATIONS.values())) == 18
    assert len({name for each in OPERATIONS.values() for name in each.values()}) == 18


@pytest.mark.parametrize("name", SINCH)
def test_the_batch_service_takes_tokens_alone_and_the_other_the_key_too(name: str) -> None:
    schemes = [{"BearerAuth"}] if name == "sinch_batch" else [{"BearerAuth"}, {"BasicAuth"}]
    for _, _, each in described(load(name)):
        if each["operationId"] != "createToken":
            assert [set(one) for one in each["security"]] == schemes, each["operationId"]


@pytest.mark.parametrize("trigger", EVENTS)
def test_an_event_is_described_with_its_notification_and_signature(trigger: str) -> None:
    document = load("sinch_conversation")
    (event,) = (each for _, _, each in described(document, "webhooks") if each["summary"] == trigger)
    headers = [resolve(document, each) for each in event["parameters"]]
    assert [each["name"] for each in headers] == [
        SIGNATURE,
        *(f"{SIGNATURE}-{part}" for part in ("nonce", "timestamp", "algorithm")),
    ]
    assert {(each["in"], each["required"], each["x-evidence"]) for each in headers} == {
        ("header", False, "vendor-docs")
    }
    (media,) = event["requestBody"]["content"].values()
    key, members = EVENTS[trigger]
    schema = resolve(document, media["schema"])
    assert schema["properties"].keys() == ENVELOPE | {key}
    assert resolve(document, schema["properties"][key])["properties"].keys() == members
    (example,) = media["examples"].values()
    assert allows(document, media["schema"], example["value"])
    assert example["value"][key].keys() == members
    assert list(event["responses"]) == ["2XX"]


def test_there_are_five_events_and_a_trigger_for_each() -> None:
    document = load("sinch_conversation")
    assert [each["summary"] for _, _, each in described(document, "webhooks")] == list(EVENTS)
    assert sorted(document["components"]["schemas"]["ContactTrigger"]["enum"]) == sorted(EVENTS)


def test_the_recorded_event_is_an_example() -> None:
    (event,) = (
        each for _, _, each in described(load("sinch_conversation"), "webhooks") if each["summary"] == "CONTACT_CREATE"
    )
    assert event["requestBody"]["content"]["application/json"]["examples"]["event"] == {
        "x-evidence": "client-source",
        "value": {
            "app_id": "",
            "accepted_time": "2021-10-18T17:49:13.813615Z",
            "project_id": "e2df3a34-a71b-4448-9db5-a8d2baad28e4",
            "contact_create_notification": {
                "contact": {
                    "id": "01FJA8B466Y0R2GNXD78MD9SM1",
                    "channel_identities": [{"channel": "SMS", "identity": "48123456789", "app_id": ""}],
                    "display_name": "New Test Contact",
                    "email": "new.contact@email.com",
                    "external_id": "",
                    "metadata": "",
                    "language": "EN_US",
                }
            },
            "message_metadata": "",
        },
    }


def test_events_constrain_json_types_only_and_name_their_evidence() -> None:
    document = load("sinch_conversation")
    found: list[Document] = []
    for _, _, event in described(document, "webhooks"):
        assert event["x-evidence"] in EVIDENCE
        for media in event["requestBody"]["content"].values():
            assert all(example["x-evidence"] in EVIDENCE for example in media["examples"].values())
            reachable(document, media["schema"], found)
        assert all(each["x-evidence"] in EVIDENCE for each in event["responses"].values())
    assert len(found) > 20
    for schema in found:
        said = {keyword for keyword in schema if not keyword.startswith("x-")}
        assert said <= {"type", "properties", "items", "$ref", "description"}, schema


def pointed(value: Any, expression: str) -> Any:
    """What a runtime expression about a response's body finds in it."""
    for part in expression.removeprefix("$response.body#/").split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from expressions(each)
    elif isinstance(value, str) and value.startswith("$response"):
        yield value


def test_links_lead_from_one_operation_to_the_next() -> None:
    document = load("sinch_conversation")
    operations = by_id(document)
    found: dict[str, set[str]] = {}
    for name, (_, operation) in operations.items():
        for status, response in operation["responses"].items():
            for reference in response.get("links", {}).values():
                link = resolve(document, reference)
                assert (status, link["x-evidence"]) == ("200", "inferred")
                path, target = operations[link["operationId"]]
                in_query = {each["name"] for each in target.get("parameters", [])}
                in_path = set(re.findall(r"\{(\w+)\}", path))
                assert in_path <= link["parameters"].keys() <= in_path | in_query
                assert ("requestBody" in link) <= ("requestBody" in target)
                (media,) = response["content"].values()
                said = list(expressions({**link["parameters"], "body": link.get("requestBody")}))
                assert said
                for example in media.get("examples", {}).values():
                    assert all(isinstance(pointed(example["value"], each), str) for each in said)
                found.setdefault(name, set()).add(link["operationId"])
    assert found == LINKS


MEMBERS = "channel_identities channel_priority display_name email external_id language metadata".split()


@pytest.mark.parametrize("mask", [*MEMBERS, ",".join(MEMBERS), "email,email"])
def test_a_mask_takes_members_with_commas(mask: str) -> None:
    assert allows(load("sinch_conversation"), parameter("updateContact", "update_mask"), mask)


@pytest.mark.parametrize("mask", ["", "id", "email,", "email metadata", "channel_identities.identity", "*"])
def test_a_mask_takes_nothing_else(mask: str) -> None:
    assert not allows(load("sinch_conversation"), parameter("updateContact", "update_mask"), mask)
    assert not allows(load("sinch_conversation"), parameter("updateWebhook", "update_mask"), mask)


@pytest.mark.parametrize("name", ["listContacts", "listIdentityConflicts"])
def test_a_page_has_at_most_twenty(name: str) -> None:
    size = parameter(name, "page_size")
    assert [allows(load("sinch_conversation"), size, number) for number in (0, 1, 20, 21)] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("https://example.com", True),
        ("http://127.0.0.1:8000/hook?a=b#c", True),
        ("https://example.com/" + "x" * 722, True),
        ("https://example.com/" + "x" * 723, False),
        ("https://conversation-api.sinch.com/", False),
        ("https://conversation-api.eu.prod.sinch.com", False),
        ("https://conversation-api.example.com/", True),
        ("https://example.com/conversation-api.x.sinch.com", True),
        ("wss://example.com", False),
        ("https://", False),
        ("https://example.com/ x", False),
    ],
)
def test_a_webhooks_target(target: str, allowed: bool) -> None:
    assert takes("CreateWebhookRequest", {"app_id": "01HAPP00000000000000000001", "target": target}) is allowed
    assert takes("UpdateWebhookRequest", {"target": target}) is allowed


@pytest.mark.parametrize(
    ("recipient", "allowed"),
    [
        ({"contact_id": "x"}, True),
        ({"identified_by": {"channel_identities": [{"channel": "LINE", "identity": "u"}]}}, True),
        ({}, False),
        ({"contact_id": "x", "identified_by": {"channel_identities": [{"channel": "LINE", "identity": "u"}]}}, False),
        ({"identified_by": {"channel_identities": []}}, False),
        ({"identified_by": {"channel_identities": [{"channel": "VIBER", "identity": "u"}]}}, False),
    ],
)
def test_a_profiles_recipient_is_one_of_two(recipient: object, allowed: bool) -> None:
    body = {"app_id": "01HAPP00000000000000000001", "channel": "VIBER", "recipient": recipient}
    assert takes("GetChannelProfileRequest", body) is allowed


def test_profiles_have_four_channels_and_merging_one_strategy() -> None:
    schemas = load("sinch_conversation")["components"]["schemas"]
    assert sorted(schemas["ProfileChannel"]["enum"]) == ["INSTAGRAM", "LINE", "MESSENGER", "VIBER"]
    assert schemas["MergeStrategy"]["enum"] == ["MERGE"]
    assert schemas["WebhookTargetType"]["enum"] == ["HTTP", "DISMISS"]


@pytest.mark.parametrize("kind", ["bad", "good"])
def test_settings_say_whether_contacts_are_unified(kind: str) -> None:
    bodies = {
        "good": [{"contact_settings": {"unified_contact_id_enabled": each}} for each in (True, False)],
        "bad": [{}, {"contact_settings": {}}, {"contact_settings": {"unified_contact_id_enabled": "true"}}],
    }
    assert {takes("ProjectSettings", body) for body in bodies[kind]} == {kind == "good"}
