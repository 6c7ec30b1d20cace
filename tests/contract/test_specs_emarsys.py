"""The spec of Emarsys, counted against what is known of the vendor: lists typed here by hand."""

from __future__ import annotations

from typing import Any

import pytest

from headcount_api.specs import load

SPEC: dict[str, Any] = load("emarsys")

# What the vendor offers around contacts, as method and path, by the operation that has it.
OPERATIONS = {
    "createContacts": "POST /contact",
    "updateContacts": "PUT /contact",
    "getContactData": "POST /contact/getdata",
    "checkContactIds": "POST /contact/checkids",
    "getContactId": "GET /contact/{key}",
    "queryContacts": "GET /contact/query/",
    "filterContacts": "GET /contact/query/{filter}",
    "deleteContacts": "POST /contact/delete",
    "listFields": "GET /field",
    "listTranslatedFields": "GET /field/translate/{language}",
    "listFieldChoices": "GET /field/{fieldId}/choice",
    "listTranslatedFieldChoices": "GET /field/{fieldId}/choice/translate/{language}",
    "listFieldsChoices": "GET /field/choices",
    "listContactSources": "GET /source",
    "createContactSource": "POST /source/create",
    "deleteContactSource": "DELETE /source/{sourceId}",
    "listContactLists": "GET /contactlist",
    "createContactList": "POST /contactlist",
    "addToContactList": "POST /contactlist/{listId}/add",
    "removeFromContactList": "POST /contactlist/{listId}/delete",
    "countContactsInList": "GET /contactlist/{listId}/count",
    "listContactsInList": "GET /contactlist/{listId}/contactIds",
    "deleteContactList": "POST /contactlist/{listId}/deletelist",
    "createToken": "POST /oauth2/token",
}

# HTTP status and reply code, in the words of the vendor's tables; "item" is an error of one contact inside a 200.
REPLY_CODES = """
    200 0, 401 1, 500 1, 400 1, 400 1000, 400 1001, 400 1006, 400 1007, 400 1008, 400 1009, 400 1010, 501 -,
    400 2001, 400 2002, 400 2003, 400 2004, 200 2004, 400 2005, 200 2005, 400 2006, 200 2006, 400 2007, 200 2007,
    400 2008, 404 2008, 200 2008, item 2008, 400 2009, item 2009, 400 2010, 200 2010, item 2010, 500 2011,
    400 2012, 400 2013, 400 2014, 400 2015, 400 2016, 400 2020,
    400 3001, 400 3002, 400 3003, 400 3004, 400 3005, 400 3006, 400 3007, 400 3008, 500 3001, 500 3002, 500 3003,
    500 3004, 500 3005, 429 7003, 400 9001, 400 9002, 400 9003, 500 9004, 400 9005, 400 9006, 400 10001, 202 10001,
    502 -, 503 -
"""
# Those that have more than one meaning, with each of them.
MEANINGS = {
    (400, 2004): {"internal_id_as_key", "key_field_unknown"},
    (400, 2005): {"key_value_missing", "key_value_invalid"},
    (200, 2005): {"key_value_missing", "key_value_invalid"},
    (400, 2006): {"field_unknown", "field_id_empty", "contact_exists"},
    (400, 2007): {
        "choice_unknown",
        "date_malformed",
        "array_expected",
        "scalar_expected",
        "choices_empty",
        "voucher_fixed",
        "field_value_field_unknown",
        "internal_id_set",
    },
}
# What the pages of lists, sources, languages and permissions have beside them.
FURTHER = (
    "404 3006, 400 1002, 400 1003, 500 1003, 400 7001, 400 7002, 500 7003, 403 -, "
    "item 2004, item 2005, item 2007, item 2013"
)

Row = dict[str, Any]


def rows() -> list[Row]:
    found: list[Row] = SPEC["x-reply-codes"]
    return found


def place(row: Row) -> str:
    status = "item" if row.get("item") else row["http"]
    return f"{status} {'-' if row['code'] is None else row['code']}"


def operations() -> dict[str, tuple[str, dict[str, Any]]]:
    return {
        operation["operationId"]: (f"{method.upper()} {path}", operation)
        for path, item in SPEC["paths"].items()
        for method, operation in item.items()
    }


def test_every_endpoint_has_an_operation_and_there_is_no_other() -> None:
    assert {name: where for name, (where, _) in operations().items()} == OPERATIONS


def test_every_reply_code_has_a_name_and_there_is_no_other() -> None:
    known = {each.strip() for each in f"{REPLY_CODES},{FURTHER}".replace("\n", " ").split(",")}
    assert {place(row) for row in rows()} == known


@pytest.mark.parametrize(("where", "names"), MEANINGS.items(), ids=map(str, MEANINGS))
def test_a_code_with_several_meanings_has_a_name_for_each(where: tuple[int, int], names: set[str]) -> None:
    found = [row["name"] for row in rows() if (row["http"], row["code"]) == where and not row.get("item")]
    assert sorted(found) == sorted(names)


def test_every_name_is_given_once_at_each_place_and_says_where_it_is_known_from() -> None:
    seen = [(place(row), row["name"]) for row in rows()]
    assert len(seen) == len(set(seen))
    for row in rows():
        assert row["name"].replace("_", "").isalnum() and row["name"] == row["name"].lower()
        assert row["text"]
        assert row["x-evidence"] in {"seed", "vendor-docs", "client-source", "inferred"}
    seed = {(place(row), row["text"]) for row in rows() if row["x-evidence"] == "seed"}
    assert seed == {
        ("200 0", "OK"),
        ("400 1000", "The request exceeded the maximum batch size of 1,000"),
        ("400 2004", "Cannot use internal ID as key on contact creation."),
        ("item 2009", "Contact with the external id already exists: [id]"),
    }


def refusals(node: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The examples of a response that are refusals, by name."""
    while "$ref" in node:
        node = SPEC["components"]["responses"][node["$ref"].rsplit("/", 1)[1]]
    contents = node.get("content", {}).values()
    examples = [each for content in contents for each in content.get("examples", {}).items()]
    return [(name, each) for name, each in examples if each["value"].get("replyCode")]


def test_examples_of_refusals_use_codes_that_have_a_name() -> None:
    named = {(row["http"], row["code"]) for row in rows() if not row.get("item")}
    codes = {code for _, code in named}
    count = 0
    for name, (_, operation) in operations().items():
        for status, response in operation["responses"].items():
            for example, node in refusals(response):
                code = node["value"]["replyCode"]
                # A code that is known with an error's status only may be inside a 200, too: nobody says so.
                guessed = status == "200" and code in codes and node["x-evidence"] == "inferred"
                assert (int(status), code) in named or guessed, (name, status, example)
                assert node["value"]["data"] == ""
                count += 1
    assert count > 100


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"createToken"}))
def test_every_operation_is_open_to_both_versions(name: str) -> None:
    assert operations()[name][1]["security"] == [{"OAuth2": []}, {"WSSE": []}]


# From where a link leads, and where to.
LINKS = {
    "createContacts": {"getContactData", "updateContacts", "deleteContacts", "checkContactIds", "createContactList"},
    "updateContacts": {"getContactData", "deleteContacts"},
    "getContactData": {"updateContacts", "deleteContacts"},
    "listFields": {"listFieldChoices"},
    "createContactSource": {"createContacts", "deleteContactSource"},
    "createContactList": {"addToContactList", "countContactsInList", "listContactsInList", "deleteContactList"},
    "addToContactList": {"listContactsInList", "removeFromContactList"},
}


def test_links_lead_from_one_operation_to_the_next() -> None:
    found: dict[str, set[str]] = {}
    for name, (_, operation) in operations().items():
        for link in operation["responses"]["200"].get("links", {}).values():
            assert link["operationId"] in OPERATIONS
            assert link["x-evidence"] == "inferred"
            found.setdefault(name, set()).add(link["operationId"])
    assert found == LINKS
