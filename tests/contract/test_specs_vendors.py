"""The facts in the specs, against the vendors' pages typed here by hand."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from headcount_api.specs import load

Document = dict[str, Any]


def operation(document: Document, operation_id: str) -> Document:
    found = [
        each
        for item in document["paths"].values()
        for each in item.values()
        if isinstance(each, dict) and each["operationId"] == operation_id
    ]
    return found[0]


def allows(spec: str, schema: str, value: object) -> bool:
    """Whether the compiled schema takes the value."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": load(spec)["components"]}
    verdict: bool = jsonschema_rs.Draft202012Validator(whole).is_valid(value)
    return verdict


CHANNELS = """
    WHATSAPP RCS SMS MESSENGER VIBERBM MMS INSTAGRAM TELEGRAM KAKAOTALK KAKAOTALKCHAT LINE WECHAT APPLEBC
""".split()
LANGUAGES = """
    AF SQ AR AZ BN BG CA ZH ZH_CN ZH_HK ZH_TW HR CS DA NL EN EN_GB EN_US ET FIL FI FR DE EL GU HA HE HI HU ID
    GA IT JA KN KK KO LO LV LT MK MS ML MR NB FA PL PT PT_BR PT_PT PA RO RU SR SK SL ES ES_AR ES_ES ES_MX SW
    SV TA TE TH TR UK UR UZ VI ZU
""".split()
SINCH = ["sinch_batch", "sinch_conversation"]


def sinch_contact(**changes: object) -> dict[str, object]:
    identities = [{"channel": "SMS", "identity": "+12015550100"}]
    contact: dict[str, object] = {"channel_identities": identities, "language": "EN", **changes}
    return {key: value for key, value in contact.items() if value is not None}


@pytest.mark.parametrize("name", SINCH)
def test_sinch_channels_and_languages_are_those_of_the_page(name: str) -> None:
    schemas = load(name)["components"]["schemas"]
    assert schemas["Channel"]["enum"] == CHANNELS and len(CHANNELS) == 13
    assert schemas["Language"]["enum"] == LANGUAGES and len(LANGUAGES) == 70


@pytest.mark.parametrize("name", SINCH)
@pytest.mark.parametrize("channel", CHANNELS)
def test_sinch_app_scoped_channels_need_an_app(name: str, channel: str) -> None:
    identity = {"channel": channel, "identity": "x"}
    app_scoped = channel in {"MESSENGER", "INSTAGRAM", "LINE", "WECHAT"}
    assert allows(name, "Contact", sinch_contact(channel_identities=[identity])) is not app_scoped
    assert allows(name, "Contact", sinch_contact(channel_identities=[{**identity, "app_id": "a"}]))


@pytest.mark.parametrize("name", SINCH)
@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"display_name": "", "email": "no address", "external_id": "1", "metadata": "x" * 1024}, True),
        ({"channel_priority": ["SMS", "RCS"]}, True),
        ({"metadata": "x" * 1025}, False),
        ({"metadata": {}}, False),
        ({"channel_priority": ["FAX"]}, False),
        ({"channel_identities": []}, False),
        ({"channel_identities": None}, False),
        ({"channel_identities": [{"channel": "FAX", "identity": "1"}]}, False),
        ({"channel_identities": [{"channel": "SMS"}]}, False),
        ({"channel_identities": [{"channel": "SMS", "identity": ""}]}, False),
        ({"channel_identities": [{"channel": "SMS", "identity": 1}]}, False),
        ({"language": None}, False),
        ({"language": "UNSPECIFIED"}, False),
        ({"language": "en"}, False),
        ({"e_mail": "a@example.com"}, False),
    ],
)
def test_sinch_contact(name: str, changes: dict[str, object], allowed: bool) -> None:
    assert allows(name, "Contact", sinch_contact(**changes)) is allowed


@pytest.mark.parametrize(("count", "allowed"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_sinch_batch_takes_one_to_a_thousand(count: int, allowed: bool) -> None:
    assert allows("sinch_batch", "CreateContactsRequest", {"contacts": [sinch_contact()] * count}) is allowed


@pytest.mark.parametrize(("count", "allowed"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_sinch_batch_deletes_one_to_a_thousand(count: int, allowed: bool) -> None:
    assert allows("sinch_batch", "DeleteContactsRequest", {"contact_ids": ["x"] * count}) is allowed


@pytest.mark.parametrize("name", ["createContacts", "deleteContacts"])
def test_sinch_batch_success_has_no_body(name: str) -> None:
    assert "content" not in operation(load("sinch_batch"), name)["responses"]["200"]


def test_sinch_error_holds_both_shapes() -> None:
    shape = {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": []}
    for name in SINCH:
        for body in (shape, {"error": shape}):
            assert allows(name, "ErrorReply", body)
        assert not allows(name, "ErrorReply", {"code": "403"})
        assert not allows(name, "ErrorReply", {"error": {"code": "403"}})


EMARSYS_REQUEST = {
    "key_id": "3",
    "contacts": [
        {"3": "erik.selvig@example.com", "2": "Selvig", "source_id": "1234"},
        {"3": "ian.boothby@example.com", "2": "Boothby"},
        {"3": "james.rhodes@example.com", "2": "Rhodes", "source_id": "5678"},
        {"3": "pepper.potts@example.com", "2": "Potts"},
    ],
}
EMARSYS_REPLY = {
    "replyCode": 0,
    "replyText": "OK",
    "data": {
        "ids": [123, 456],
        "errors": {
            "james.rhodes@example.com": {"2009": "Contact with the external id already exists: 3"},
            "pepper.potts@example.com": {"2009": "Contact with the external id already exists: 3"},
        },
    },
}


def test_emarsys_page_payloads_are_examples() -> None:
    create = operation(load("emarsys"), "createContacts")
    sent = create["requestBody"]["content"]["application/json"]["examples"]
    answered = create["responses"]["200"]["content"]["application/json"]["examples"]
    refused = create["responses"]["400"]["content"]["application/json"]["examples"]
    assert EMARSYS_REQUEST in [example["value"] for example in sent.values()]
    assert EMARSYS_REPLY in [example["value"] for example in answered.values()]
    refusals = [
        (example["value"]["replyCode"], example["value"]["replyText"]) for example in refused.values()
    ]
    assert (1000, "The request exceeded the maximum batch size of 1,000") in refusals
    assert (2004, "Cannot use internal ID as key on contact creation.") in refusals


@pytest.mark.parametrize(
    ("contact", "allowed"),
    [
        ({"3": "a@example.com", "31": 1, "7": 1.5, "0": ["1", "2"], "source_id": "12"}, True),
        ({"3": ""}, True),
        ({"source_id": 12}, True),
        ({}, False),
        ({"email": "a@example.com"}, False),
        ({"3x": "a"}, False),
        ({"x3": "a"}, False),
        ({"": "a"}, False),
        ({"id": "1"}, False),
        ({"31": True}, False),
        ({"3": None}, False),
        ({"0": []}, False),
        ({"0": [1]}, False),
        ({"3": {}}, False),
    ],
)
def test_emarsys_contact(contact: dict[str, object], allowed: bool) -> None:
    assert allows("emarsys", "Contact", contact) is allowed


@pytest.mark.parametrize(
    ("key", "allowed"),
    [("3", True), (3, True), ("10569", True), ("id", False), ("uid", False), (None, False), (True, False)],
)
def test_emarsys_key(key: object, allowed: bool) -> None:
    assert allows("emarsys", "CreateContactsRequest", {"key_id": key, "contacts": [{"3": "a"}]}) is allowed


@pytest.mark.parametrize(("count", "allowed"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_emarsys_takes_one_to_a_thousand(count: int, allowed: bool) -> None:
    assert allows("emarsys", "CreateContactsRequest", {"contacts": [{"3": "a"}] * count}) is allowed


@pytest.mark.parametrize("errors", [{}, [], {"": {"2005": "x"}}, {"<NO_KEY_ID>": {"2004": "x"}}])
def test_emarsys_reply_takes_errors_in_each_shape(errors: object) -> None:
    reply = {"replyCode": 0, "replyText": "OK", "data": {"ids": [1, "2"], "errors": errors}}
    assert allows("emarsys", "CreateContactsReply", reply)


def test_emarsys_reply_takes_a_refusal_and_refuses_other_types() -> None:
    assert allows("emarsys", "CreateContactsReply", {"replyCode": 2004, "replyText": "no", "data": ""})
    assert not allows("emarsys", "CreateContactsReply", {"replyCode": "0"})
    assert not allows("emarsys", "CreateContactsReply", {"data": {"errors": {"a": "b"}}})


def test_emarsys_has_both_versions_in_one_document() -> None:
    document = load("emarsys")
    version = document["servers"][0]["variables"]["version"]
    assert version["default"] == "v3" and set(version["enum"]) == {"v2", "v3"}
    assert document["components"]["securitySchemes"]["WSSE"]["name"] == "X-WSSE"
    for operation_id in ("createContacts", "checkContactIds"):
        schemes = [set(each) for each in operation(document, operation_id)["security"]]
        assert schemes == [{"OAuth2"}, {"WSSE"}]
    limits = document["components"]["responses"]["TooManyRequests"]["headers"]
    assert {"X-RateLimit-Limit", "X-Ratelimit-Remaining", "X-RateLimit-Reset"} <= limits.keys()


PABBLY_CONTACT = {
    "mobile": "9179897xxxxx",
    "name": "Alex cron",
    "optin": True,
    "incomingBlocked": False,
    "tags": ["indian", "vegetarian", "engineer"],
    "attributes": [{"name": "city", "value": "bhopal"}],
}
PABBLY_REPLY = {
    "status": "success",
    "message": "1 contact saved successfully",
    "data": {
        "createdContacts": [
            {**PABBLY_CONTACT, "mobile": "917697xxxxx", "source": "api", "list": ["all", "sups"]}
        ],
        "failedCount": 0,
        "failedContacts": [],
    },
}


def test_pabbly_page_payloads_are_examples() -> None:
    create = operation(load("pabbly_chatflow"), "createContacts")
    sent = create["requestBody"]["content"]["application/json"]["examples"]
    answered = create["responses"]["200"]["content"]["application/json"]["examples"]
    bodies = [example["value"] for example in sent.values()]
    assert [PABBLY_CONTACT] in bodies and {"mobile": "{{mobile}}"} in bodies
    assert PABBLY_REPLY in [example["value"] for example in answered.values()]


@pytest.mark.parametrize(
    ("contact", "allowed"),
    [
        (PABBLY_CONTACT, True),
        ({"mobile": "+91 98 97"}, True),
        ({"mobile": "1", "tags": [], "attributes": []}, True),
        ({"mobile": ""}, False),
        ({"mobile": 9179897}, False),
        ({"name": "Alex"}, False),
        ({"mobile": "1", "optin": "true"}, False),
        ({"mobile": "1", "incomingBlocked": "false"}, False),
        ({"mobile": "1", "tags": "indian"}, False),
        ({"mobile": "1", "attributes": {"city": "bhopal"}}, False),
        ({"mobile": "1", "attributes": [{"name": "city"}]}, False),
        ({"mobile": "1", "onDuplicate": "skip"}, True),
        ({"mobile": "1", "onDuplicate": "merge"}, False),
    ],
)
def test_pabbly_contact(contact: dict[str, object], allowed: bool) -> None:
    assert allows("pabbly_chatflow", "Contact", contact) is allowed
    assert allows("pabbly_chatflow", "CreateContactsRequest", contact) is allowed
    assert allows("pabbly_chatflow", "CreateContactsRequest", [contact]) is allowed


@pytest.mark.parametrize(("count", "allowed"), [(0, False), (1000, True), (1001, False)])
def test_pabbly_takes_a_list_up_to_a_thousand(count: int, allowed: bool) -> None:
    assert allows("pabbly_chatflow", "CreateContactsRequest", [{"mobile": "1"}] * count) is allowed


def test_pabbly_on_duplicate_is_a_query_parameter() -> None:
    (parameter,) = operation(load("pabbly_chatflow"), "createContacts")["parameters"]
    assert (parameter["name"], parameter["in"]) == ("onDuplicate", "query")
    assert parameter["schema"]["enum"] == ["skip", "overwrite"]


def test_pabbly_operations_are_those_of_its_pages() -> None:
    document = load("pabbly_chatflow")
    found = {
        (method, path, each["operationId"], each["x-evidence"])
        for path, item in document["paths"].items()
        for method, each in item.items()
        if method != "parameters"
    }
    assert found == {
        ("post", "/contacts", "createContacts", "seed"),
        ("put", "/contacts/{id}", "updateContact", "vendor-docs"),
        ("get", "/contacts/", "listContacts", "vendor-docs"),
        ("get", "/contacts/{id}", "getContact", "vendor-docs"),
        ("get", "/contacts/lists", "listContactLists", "inferred"),
        ("get", "/settings/tags", "listTags", "inferred"),
    }


def test_pabbly_filters_are_those_of_its_page() -> None:
    parameters = operation(load("pabbly_chatflow"), "listContacts")["parameters"]
    assert [each["name"] for each in parameters] == """
        name mobile tags order optin incomingBlocked source limit page skip
        attributes[0][name] attributes[0][value] attributes[1][name] attributes[1][value]
    """.split()
    by_name = {each["name"]: each["schema"] for each in parameters}
    assert by_name["source"]["enum"] == ["api", "csv", "user", "sync", "wa", "manual"]
    assert by_name["order"]["enum"] == [-1, 1]


def test_pabbly_links_lead_from_a_created_contact_to_its_update() -> None:
    document = load("pabbly_chatflow")
    links = {
        (name, link["operationId"])
        for name in ("createContacts", "listContacts", "getContact", "updateContact", "listTags")
        for link in operation(document, name)["responses"]["200"]["links"].values()
    }
    assert links == {
        ("createContacts", "listContacts"),
        ("listContacts", "getContact"),
        ("listContacts", "updateContact"),
        ("getContact", "updateContact"),
        ("getContact", "listContacts"),
        ("updateContact", "getContact"),
        ("listTags", "listContacts"),
    }


@pytest.mark.parametrize(
    ("update", "allowed"),
    [
        ({}, True),
        ({"mobile": "+91 98", "name": "", "optin": True, "incomingBlocked": False, "tags": []}, True),
        ({"attributes": [{"name": "city", "value": ""}], "tagsToAdd": ["a"], "tagsToRemove": "a"}, True),
        ({"mobile": "none"}, False),
        ({"optin": "true"}, False),
        ({"tags": "a"}, False),
        ({"tagsToAdd": [1]}, False),
        ({"onDuplicate": "skip"}, False),
        ({"updateData": {}}, False),
        ([{}], False),
    ],
)
def test_pabbly_update(update: object, allowed: bool) -> None:
    assert allows("pabbly_chatflow", "UpdateContactRequest", update) is allowed


def test_pabbly_reply_takes_both_envelopes() -> None:
    for reply in ({"success": False, "error": "no"}, {"status": "error", "message": "no"}):
        assert allows("pabbly_chatflow", "CreateContactsReply", reply)
        assert allows("pabbly_chatflow", "ErrorReply", reply)
    assert not allows("pabbly_chatflow", "CreateContactsReply", {"data": {"failedCount": "0"}})


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("sinch_batch", "https://auth.sinch.com"),
        ("sinch_conversation", "https://auth.sinch.com"),
        ("emarsys", "https://auth.emarsys.net"),
    ],
)
def test_token_call(name: str, server: str) -> None:
    document = load(name)
    token = operation(document, "createToken")
    assert document["paths"]["/oauth2/token"]["post"] is token
    assert [each["url"] for each in token["servers"]] == [server]
    assert token["security"] == [{"BasicAuth": []}]
    assert list(token["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]
    assert allows(name, "TokenRequest", {"grant_type": "client_credentials"})
    assert not allows(name, "TokenRequest", {"grant_type": "password"})
    assert not allows(name, "TokenRequest", {})
