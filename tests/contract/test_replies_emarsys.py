"""What a load makes of Emarsys' replies: a hand-made server says them, the outcomes are written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from headcount import Contact, Kind, Outcome, Status, load
from headcount.auth import ClientCredentials, Secret
from headcount.destinations import Emarsys
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from tests.contract.vendor_server import UNREADABLE, Answer, Call, VendorServer, in_turn, raw, says

CREATED, EXISTING, REJECTED = Status.CREATED, Status.EXISTING, Status.REJECTED
UNKNOWN, NOT_SENT = Status.UNKNOWN, Status.NOT_SENT

PAGE_CONTACTS: list[dict[str, str]] = [
    {"3": "erik.selvig@example.com", "2": "Selvig", "source_id": "1234"},
    {"3": "ian.boothby@example.com", "2": "Boothby"},
    {"3": "james.rhodes@example.com", "2": "Rhodes", "source_id": "5678"},
    {"3": "pepper.potts@example.com", "2": "Potts"},
]
PAGE_REPLY = """
   {
     "replyCode": 0,
     "replyText": "OK",
     "data":
     {
       "ids":
       [
         123,
         456
       ],
       "errors":
       {
         "james.rhodes@example.com":
         {
           "2009": "Contact with the external id already exists: 3"
         },
         "pepper.potts@example.com":
         {
           "2009": "Contact with the external id already exists: 3"
         }
       }
     }
   }
"""
EXISTS = {"2009": "Contact with the external id already exists: 3"}
ABSENT = {"2008": "No contact found with the external id: 3 - x"}
A, B, C = "a@example.com", "b@example.com", "c@example.com"


def ok(data: object) -> bytes:
    return says({"replyCode": 0, "replyText": "OK", "data": data})


def refused(code: object, text: str = "No", status: int = 200, **headers: str) -> bytes:
    return says({"replyCode": code, "replyText": text, "data": ""}, status, **headers)


def emarsys(server: VendorServer, **settings: Any) -> Emarsys:
    auth = ClientCredentials(server.token_url, "client", Secret("secret"))
    return Emarsys(auth=auth, endpoint=server.url, **settings)


def two_calls(create: Answer | bytes, check: Answer | bytes = b"") -> Answer:
    """Answers creates and checkids apart; without `check` a look-up is hung up on."""

    def answer(call: Call) -> bytes:
        said = check if call.path.endswith("/contact/checkids") else create
        return said if isinstance(said, bytes) else said(call)

    return answer


def contacts(*keys: str) -> list[dict[str, str]]:
    return [{"3": key} for key in keys]


def run(server: VendorServer, items: list[Any], **settings: Any) -> list[Outcome]:
    """All outcomes, which must be one for each input, in order."""
    outcomes = list(load(items, to=emarsys(server), **settings))
    assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    assert all(outcome.problem is not None for outcome in outcomes if outcome.status.needs_problem)
    return outcomes


def statuses(outcomes: list[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def told(outcomes: list[Outcome]) -> list[tuple[Status, str | None]]:
    return [(outcome.status, outcome.vendor_id) for outcome in outcomes]


def code_of(outcome: Outcome) -> str | None:
    assert outcome.problem is not None
    return outcome.problem.code


class Store:
    """A vendor that keeps what it takes, in request order, and refuses whole batches that hold `poison`."""

    def __init__(self, *, poison: Mapping[str, bytes] | None = None, stored: Mapping[str, int] | None = None) -> None:
        self.poison = poison or {}
        self.stored: dict[str, int] = dict(stored or {})
        self.writes: list[str] = []

    def __call__(self, call: Call) -> bytes:
        keys = [contact["3"] for contact in call.json["contacts"]]
        for key in keys:
            if key in self.poison:
                return self.poison[key]
        ids, errors = [], {}
        for key in keys:
            if key in self.stored:
                errors[key] = EXISTS
                continue
            self.writes.append(key)
            self.stored[key] = 1000 + len(self.stored)
            ids.append(self.stored[key])
        return ok({"ids": ids, "errors": errors or []})


# The vendor's own example


@pytest.mark.parametrize(
    "items",
    [
        PAGE_CONTACTS,
        [{int(key) if key.isdigit() else key: value for key, value in item.items()} for item in PAGE_CONTACTS],
        [Contact(email=item["3"], surname=item["2"]) for item in PAGE_CONTACTS],
    ],
    ids=["mappings", "mappings with numbers as names", "Contacts"],
)
def test_the_pages_example_is_two_created_and_two_existing(items: list[Any]) -> None:
    with VendorServer(two_calls(raw(PAGE_REPLY, content_type="application/json"))) as server:
        outcomes = run(server, items)
    assert told(outcomes) == [(CREATED, "123"), (CREATED, "456"), (EXISTING, None), (EXISTING, None)]
    for outcome in outcomes[2:]:
        assert outcome.problem is not None
        assert (outcome.problem.kind, outcome.problem.code) == (Kind.EXISTS, "2009")
        assert outcome.problem.detail == "Contact with the external id already exists: 3"
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/api/v3/contact")
    assert call.json["key_id"] == "3"
    expected = PAGE_CONTACTS if isinstance(items[0], dict) else [{"3": i["3"], "2": i["2"]} for i in PAGE_CONTACTS]
    assert call.json["contacts"] == expected


def test_the_report_of_the_pages_example_adds_up() -> None:
    with VendorServer(two_calls(raw(PAGE_REPLY))) as server:
        report = load(PAGE_CONTACTS, to=emarsys(server)).report()
    assert report.identity == (
        "4 input = 2 created + 0 updated + 2 existing + 0 accepted + 0 rejected + 0 skipped + 0 unknown + 0 not_sent"
    )


# Ids beside errors, in every shape


@pytest.mark.parametrize("errors", ["absent", None, [], {}, "", False], ids=repr)
def test_no_errors_in_every_shape_means_that_all_are_created(errors: object) -> None:
    data: dict[str, object] = {"ids": [11, 12]}
    if errors != "absent":
        data["errors"] = errors
    with VendorServer(two_calls(ok(data))) as server:
        assert told(run(server, contacts(A, B))) == [(CREATED, "11"), (CREATED, "12")]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([11, 12], ["11", "12"]),
        (["11", "12"], ["11", "12"]),
        (["11", 12], ["11", "12"]),
        ([["11"], [12]], ["11", "12"]),
        ([2**70, 12], ["1180591620717411303424", "12"]),
    ],
)
def test_ids_come_as_numbers_and_texts_alone_or_in_a_list(ids: object, expected: list[str]) -> None:
    with VendorServer(two_calls(ok({"ids": ids, "errors": []}))) as server:
        assert told(run(server, contacts(A, B))) == [(CREATED, expected[0]), (CREATED, expected[1])]


@pytest.mark.parametrize("ids", [[], None, "absent"], ids=repr)
def test_no_ids_and_an_error_for_each_means_that_none_is_created(ids: object) -> None:
    data: dict[str, object] = {"errors": {A: EXISTS, B: {"2007": "Invalid field id: 99"}}}
    if ids != "absent":
        data["ids"] = ids
    with VendorServer(two_calls(ok(data))) as server:
        outcomes = run(server, contacts(A, B))
    assert statuses(outcomes) == [EXISTING, REJECTED]
    assert [code_of(outcome) for outcome in outcomes] == ["2009", "2007"]


def test_a_map_of_numbered_keys_that_became_a_list_still_names_its_contacts() -> None:
    reply = ok({"ids": [77], "errors": [EXISTS, {"2007": "Invalid date"}]})
    with VendorServer(two_calls(reply)) as server:
        items = [{"10569": "0"}, {"10569": "1"}, {"10569": "2"}]
        outcomes = list(load(items, to=emarsys(server, key_field=10569)))
    assert told(outcomes) == [(EXISTING, None), (REJECTED, None), (CREATED, "77")]


@pytest.mark.parametrize(
    "key", ["A@EXAMPLE.COM", "a@Example.com", " a@example.com "], ids=["upper", "mixed", "with blanks"]
)
def test_an_error_key_in_another_case_names_its_contact(key: str) -> None:
    with VendorServer(two_calls(ok({"ids": [12], "errors": {key: EXISTS}}))) as server:
        assert told(run(server, contacts(A, B))) == [(EXISTING, None), (CREATED, "12")]


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (EXISTS, EXISTING, Kind.EXISTS, "2009"),
        ({"2005": "No value provided for key field: 3"}, REJECTED, Kind.MISSING_KEY, "2005"),
        ({"2006": "Invalid field id"}, REJECTED, Kind.INVALID_VALUE, "2006"),
        ({"2007": "Invalid choice id"}, REJECTED, Kind.INVALID_VALUE, "2007"),
        ({"1008": "Invalid value"}, REJECTED, Kind.INVALID_VALUE, "1008"),
        ({"2010": "More contacts found with the external id: 3"}, REJECTED, Kind.CONFLICT, "2010"),
        ({"2013": "Invalid source id: 9"}, REJECTED, Kind.INVALID_VALUE, "2013"),
        ({"4711": "Something new"}, REJECTED, Kind.REFUSED, "4711"),
        ("Something without a code", REJECTED, Kind.REFUSED, None),
        (["Something in a list"], REJECTED, Kind.REFUSED, None),
        ([{"2007": "Invalid choice id"}], REJECTED, Kind.INVALID_VALUE, "2007"),
        ({"2009": "exists", "2007": "Invalid date"}, REJECTED, Kind.INVALID_VALUE, "2007"),
        ({"2007": "Invalid date", "2009": "exists"}, REJECTED, Kind.INVALID_VALUE, "2007"),
    ],
)
def test_the_error_of_one_contact_is_its_own(error: object, status: Status, kind: Kind, code: str | None) -> None:
    with VendorServer(two_calls(ok({"ids": [11], "errors": {B: error}}))) as server:
        outcomes = run(server, contacts(A, B))
    assert told(outcomes) == [(CREATED, "11"), (status, None)]
    problem = outcomes[1].problem
    assert problem is not None
    assert (problem.kind, problem.code, problem.http_status) == (kind, code, 200)


def test_the_vendors_text_is_told_without_the_contacts_own_values() -> None:
    text = f"Contact {B} with phone +49 151 1234567 of x@y.org: Lovelace is\x1b[31m odd"
    with VendorServer(two_calls(ok({"ids": [], "errors": {B: {"2007": text}}}))) as server:
        (outcome,) = run(server, [{"3": B, "2": "Lovelace"}])
    assert outcome.problem is not None
    assert outcome.problem.detail == "Contact <3> with phone <masked> of <masked>: <2> is odd"


def test_a_code_that_is_no_code_is_not_kept() -> None:
    with VendorServer(two_calls(ok({"ids": [], "errors": {A: {f"{A} is bad": "sorry"}}}))) as server:
        (outcome,) = run(server, contacts(A))
    assert outcome.status is REJECTED
    assert A not in repr(outcome)


# What does not add up is read back, once

AMBIGUOUS_DATA: Mapping[str, object] = {
    "too few ids": {"ids": [11]},
    "too many ids": {"ids": [11, 12, 13]},
    "no ids": {"ids": []},
    "ids null": {"ids": None},
    "ids missing": {},
    "ids a map with gaps": {"ids": {"0": 11, "2": 12}},
    "an id twice": {"ids": [11, 11]},
    "an id null": {"ids": [11, None]},
    "an id true": {"ids": [11, True]},
    "an id empty": {"ids": [11, ""]},
    "an id of two": {"ids": [11, ["12", "13"]]},
    "an id that is a person": {"ids": ["11", A]},
    "an error for nobody": {"ids": [11, 12], "errors": {"stranger@example.com": EXISTS}},
    "an error for nobody, adding up": {"ids": [11], "errors": {"stranger@example.com": EXISTS}},
    "an error for an empty key": {"ids": [11], "errors": {"": {"2005": "No value provided for key field: 3"}}},
    "errors a text": {"ids": [11, 12], "errors": "something went wrong"},
    "errors a number": {"ids": [11, 12], "errors": 3},
    "errors true": {"ids": [11, 12], "errors": True},
    "errors a list of texts": {"ids": [11, 12], "errors": ["something went wrong"]},
    "an error that says nothing": {"ids": [11], "errors": {B: []}},
    "a batch error beside ids": {"ids": [11, 12], "errors": {"<NO_KEY_ID>": {"2004": "Invalid key field id: 3"}}},
}


NOT_BELIEVED = (
    "ids a map with gaps",
    "an id null",
    "an id true",
    "an id empty",
    "an id of two",
    "an id that is a person",
)
"""Lists with an id that is none: the good id beside it is not believed either."""


@pytest.mark.parametrize("name", AMBIGUOUS_DATA)
def test_ids_that_cannot_be_told_apart_are_read_back_once(name: str) -> None:
    data = AMBIGUOUS_DATA[name]
    check = ok({"ids": {A: "11", B: "999"}, "errors": []})
    with VendorServer(two_calls(ok(data), check)) as server:
        outcomes = run(server, contacts(A, B))
    first, second = outcomes
    assert first.vendor_id == "11" and second.vendor_id == "999"
    believed = "11" in json.dumps(data) and name not in NOT_BELIEVED
    assert first.status is (CREATED if believed else EXISTING)
    assert second.status is EXISTING
    (look_up,) = server.calls_to("/contact/checkids")
    assert (look_up.method, look_up.json) == ("POST", {"key_id": "3", "external_ids": [A, B]})
    assert len(server.calls_to("/contact")) == 1


@pytest.mark.parametrize("data", AMBIGUOUS_DATA.values(), ids=AMBIGUOUS_DATA.keys())
def test_what_no_read_back_settles_is_unknown_and_never_created(data: object) -> None:
    with VendorServer(two_calls(ok(data), refused(10001, "Missing parameter", 400))) as server:
        outcomes = run(server, contacts(A, B))
    assert statuses(outcomes) == [UNKNOWN, UNKNOWN]
    assert [outcome.vendor_id for outcome in outcomes] == [None, None]
    assert len(server.calls_to("/contact/checkids")) == 1


LOOK_UPS: Mapping[str, tuple[bytes, list[tuple[Status, str | None]]]] = {
    "both found": (ok({"ids": {A: "11", B: "12"}}), [(CREATED, "11"), (EXISTING, "12")]),
    "ids in lists": (ok({"ids": {A: ["11"], B: ["12"]}, "errors": []}), [(CREATED, "11"), (EXISTING, "12")]),
    "ids as numbers": (ok({"ids": {A: 11, B: 12}, "errors": {}}), [(CREATED, "11"), (EXISTING, "12")]),
    "several for one key": (ok({"ids": {A: ["11", "17"], B: "12"}}), [(EXISTING, None), (EXISTING, "12")]),
    "in another case": (ok({"ids": {A.upper(): "11", B: "12"}}), [(CREATED, "11"), (EXISTING, "12")]),
    "one absent": (ok({"ids": {A: "11"}, "errors": {B: ABSENT}}), [(CREATED, "11"), (NOT_SENT, None)]),
    "none found": (ok({"ids": [], "errors": {A: ABSENT, B: ABSENT}}), [(NOT_SENT, None), (NOT_SENT, None)]),
    "one not mentioned": (ok({"ids": {A: "11"}, "errors": []}), [(CREATED, "11"), (UNKNOWN, None)]),
    "found and absent at once": (
        ok({"ids": {A: "11", B: "12"}, "errors": {B: ABSENT}}),
        [(CREATED, "11"), (UNKNOWN, None)],
    ),
    "another error": (
        ok({"ids": {A: "11"}, "errors": {B: {"2010": "More contacts found"}}}),
        [(CREATED, "11"), (UNKNOWN, None)],
    ),
    "ids empty": (ok({"ids": [], "errors": []}), [(UNKNOWN, None), (UNKNOWN, None)]),
    "ids a plain list": (ok({"ids": ["11", "12"], "errors": []}), [(UNKNOWN, None), (UNKNOWN, None)]),
    "data empty": (ok(""), [(UNKNOWN, None), (UNKNOWN, None)]),
    "refused inside a 200": (refused(2004, "Invalid key field id: 3"), [(UNKNOWN, None), (UNKNOWN, None)]),
    "refused": (refused(2003, "Array expected", 400), [(UNKNOWN, None), (UNKNOWN, None)]),
    "not found at all": (refused(2008, "No contact found", 404), [(UNKNOWN, None), (UNKNOWN, None)]),
    "no such path": (raw("nothing here", 404), [(UNKNOWN, None), (UNKNOWN, None)]),
    "too large": (raw("", 413), [(UNKNOWN, None), (UNKNOWN, None)]),
}


@pytest.mark.parametrize(("check", "expected"), LOOK_UPS.values(), ids=LOOK_UPS.keys())
def test_a_read_back_settles_only_what_it_names(check: bytes, expected: list[tuple[Status, str | None]]) -> None:
    with VendorServer(two_calls(ok({"ids": ["11"]}), check)) as server:
        assert told(run(server, contacts(A, B))) == expected
    assert len(server.calls_to("/contact/checkids")) == 1


def test_a_redirected_read_back_ends_the_run() -> None:
    with VendorServer(two_calls(ok({"ids": ["11"]}), raw("", 302, location="/elsewhere"))) as server:
        under_way = load(contacts(A, B), to=emarsys(server))
        with pytest.raises(EndpointError):
            list(under_way)
        assert under_way.drain().counts[UNKNOWN] == 2


@pytest.mark.parametrize("reply", [*UNREADABLE.values(), raw("", 503)], ids=[*UNREADABLE, "unavailable"])
def test_a_read_back_that_cannot_be_read_leaves_it_unknown(reply: bytes) -> None:
    with VendorServer(two_calls(ok({"ids": ["11"]}), reply)) as server:
        outcomes = run(server, contacts(A, B), deadline=2.0)
    assert statuses(outcomes) == [UNKNOWN, UNKNOWN]


def test_an_error_of_the_vendors_store_is_read_back() -> None:
    create = ok({"ids": [11], "errors": {B: {"2011": "Database connection error"}}})
    with VendorServer(two_calls(create, ok({"ids": {B: "12"}, "errors": []}))) as server:
        assert told(run(server, contacts(A, B))) == [(CREATED, "11"), (EXISTING, "12")]
    assert server.calls_to("checkids")[0].json["external_ids"] == [B]


# Successes that say nothing

SILENT: Mapping[str, bytes] = {
    "data empty": ok(""),
    "data a list": ok([]),
    "data null": ok(None),
    "data missing": says({"replyCode": 0, "replyText": "OK"}),
}


@pytest.mark.parametrize("reply", SILENT.values(), ids=SILENT.keys())
def test_a_success_without_data_is_read_back(reply: bytes) -> None:
    with VendorServer(two_calls(reply, ok({"ids": {A: "11"}, "errors": {B: ABSENT}}))) as server:
        outcomes = run(server, contacts(A, B))
    assert told(outcomes) == [(EXISTING, "11"), (NOT_SENT, None)]
    assert len(server.calls_to("/contact")) == 1


@pytest.mark.parametrize(
    "reply",
    [
        *UNREADABLE.values(),
        says({"replyText": "OK", "data": {"ids": [11, 12]}}),
        says({"replyCode": None, "data": {"ids": [11, 12]}}),
        says({"replyCode": "fine", "data": {"ids": [11, 12]}}),
        says({"replyCode": True, "data": {"ids": [11, 12]}}),
        says({"replyCode": [], "data": {"ids": [11, 12]}}),
        raw('{"replyCode": 2010, "replyCode": 0, "data": {"ids": [11, 12]}}'),
        raw('{"replyCode": 0, "data": {"ids": [11, 12], "ids": [13, 14]}}'),
        raw("", 204),
        raw('{"replyCode": 0, "data": {"ids": [11, 12]}}', 500),
        raw("Bad gateway", 502),
        raw("", 409),
    ],
    ids=[
        *UNREADABLE,
        "replyCode missing",
        "replyCode null",
        "replyCode a word",
        "replyCode true",
        "replyCode a list",
        "replyCode twice",
        "ids twice",
        "no content",
        "success inside a 500",
        "bad gateway",
        "a conflict",
    ],
)
def test_an_unreadable_reply_leaves_contacts_unknown(reply: bytes) -> None:
    with VendorServer(two_calls(reply)) as server:
        outcomes = run(server, contacts(A, B), deadline=2.0)
    assert statuses(outcomes) == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("code", ["0", 0.0])
def test_a_reply_code_may_come_as_another_type(code: object) -> None:
    reply = says({"replyCode": code, "data": {"ids": [11, 12]}})
    with VendorServer(two_calls(reply)) as server:
        assert told(run(server, contacts(A, B))) == [(CREATED, "11"), (CREATED, "12")]


def test_the_content_type_of_a_reply_is_not_what_is_read() -> None:
    reply = raw('{"replyCode": 0, "data": {"ids": [11, 12]}}', content_type="text/html")
    with VendorServer(two_calls(reply)) as server:
        assert statuses(run(server, contacts(A, B))) == [CREATED, CREATED]


def test_what_may_have_landed_is_sent_again_and_owned() -> None:
    store = Store()

    def create(call: Call) -> bytes:
        stored = store(call)
        return stored if len(server.calls) > 1 else raw("Bad gateway", 502)

    with VendorServer(two_calls(create)) as server:
        outcomes = run(server, contacts(A, B))
    assert statuses(outcomes) == [EXISTING, EXISTING]
    assert [outcome.problem and outcome.problem.kind for outcome in outcomes] == [Kind.FOUND_AFTER_RESEND] * 2
    assert store.writes == [A, B]


# Refusals of the whole


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["2005", "2006", "2007", "2010", "4711", 2013])
def test_a_refusal_of_the_whole_costs_only_the_contact_that_caused_it(status: int, code: object) -> None:
    store = Store(poison={B: refused(code, f"No, {B}", status)})
    with VendorServer(two_calls(store)) as server:
        outcomes = run(server, contacts(A, B, C))
    assert statuses(outcomes) == [CREATED, REJECTED, CREATED]
    problem = outcomes[1].problem
    assert problem is not None
    assert (problem.code, problem.detail, problem.http_status) == (str(code), "No, <3>", status)
    assert store.writes == [A, C]


def test_a_refusal_under_no_key_with_another_code_costs_the_contact_that_caused_it() -> None:
    refusal = ok({"ids": [], "errors": {"<NO_KEY_ID>": {"INVALID": "Bad value"}}})
    with VendorServer(two_calls(Store(poison={B: refusal}))) as server:
        outcomes = run(server, contacts(A, B, C))
    assert statuses(outcomes) == [CREATED, REJECTED, CREATED]
    assert code_of(outcomes[1]) == "INVALID"


def test_a_refusal_of_the_whole_as_a_duplicate_is_existing() -> None:
    store = Store(poison={B: refused(2009, "Contact with the external id already exists: 3", 400)})
    with VendorServer(two_calls(store)) as server:
        assert statuses(run(server, contacts(A, B, C))) == [CREATED, EXISTING, CREATED]


def test_several_bad_contacts_in_a_large_batch_cost_themselves_only() -> None:
    keys = [f"p{number}@example.com" for number in range(40)]
    bad = {keys[number]: refused(2007, "Invalid date", 400) for number in (0, 1, 17, 39)}
    store = Store(poison=bad)
    with VendorServer(two_calls(store)) as server:
        outcomes = run(server, contacts(*keys))
    assert [outcome.index for outcome in outcomes if outcome.status is REJECTED] == [0, 1, 17, 39]
    assert sorted(store.writes) == sorted(set(keys) - set(bad))


@pytest.mark.parametrize(
    "reply",
    [
        refused(2004, "Invalid key field id: 3"),
        refused(2004, "Cannot use internal ID as key on contact creation.", 400),
        refused("2004", "Invalid key field id: 3", 400),
        refused(1010, "The body is not JSON", 400),
        refused(10001, "Missing parameter: contacts", 400),
        ok({"ids": [], "errors": {"<NO_KEY_ID>": {"2004": "Invalid key field id: 3"}}}),
        ok({"errors": {"<NO_KEY_ID>": "Invalid key field id: 3"}}),
    ],
    ids=["2004 in a 200", "2004", "2004 as text", "1010", "10001", "<NO_KEY_ID>", "<NO_KEY_ID> with a text"],
)
def test_a_cause_common_to_all_ends_the_run_at_once(reply: bytes) -> None:
    code = "1010" if b"1010" in reply else "10001" if b"10001" in reply else "2004"
    with VendorServer(two_calls(reply)) as server:
        under_way = load(contacts(*(f"p{n}@example.com" for n in range(20))), to=emarsys(server), max_batch=10)
        with pytest.raises(BatchRefusedError, match=code):
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 20
    assert len(server.calls) <= 2


def test_an_unknown_refusal_of_every_part_ends_the_run_after_a_few_calls() -> None:
    people = contacts(*(f"p{number}@example.com" for number in range(500)))
    with VendorServer(two_calls(refused(4711, "Maintenance", 400))) as server:
        under_way = load(people, to=emarsys(server))
        with pytest.raises(BatchRefusedError, match="4711"):
            list(under_way)
    assert len(server.calls) <= 1 + 2 + 4 + 8


def test_a_batch_that_is_too_large_is_halved() -> None:
    store = Store()

    def create(call: Call) -> bytes:
        few = len(call.json["contacts"]) <= 3
        return store(call) if few else refused(1000, "The request exceeded the maximum batch size of 1,000", 400)

    keys = [f"p{number}@example.com" for number in range(10)]
    with VendorServer(two_calls(create)) as server:
        assert statuses(run(server, contacts(*keys))) == [CREATED] * 10
    assert sorted(store.writes) == keys


def test_an_error_of_the_vendors_store_for_all_is_sent_again() -> None:
    store = Store()
    create = in_turn(refused(2011, "Database connection error", 500), b"")

    def answer(call: Call) -> bytes:
        return create(call) if len(server.calls) == 1 else store(call)

    with VendorServer(two_calls(answer)) as server:
        assert statuses(run(server, contacts(A, B))) == [CREATED, CREATED]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(1, "Unauthorized", 401), CredentialsError),
        (refused(1, "Credentials are invalid"), CredentialsError),
        (raw("", 403), CredentialsError),
        (refused(1, "Action foo is invalid.", 400), EndpointError),
        (raw("nothing here", 404), EndpointError),
        (raw("", 405), EndpointError),
        (raw("", 415), EndpointError),
    ],
    ids=["401", "unauthorized in a 200", "403", "bad path", "404", "405", "415"],
)
def test_what_no_batch_escapes_ends_the_run_with_nothing_taken(reply: bytes, error: type[Exception]) -> None:
    with VendorServer(two_calls(reply)) as server:
        under_way = load(contacts(A, B), to=emarsys(server))
        with pytest.raises(error):
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 2


def test_a_redirect_is_not_followed_and_what_was_sent_is_unknown() -> None:
    with VendorServer(two_calls(raw("", 307, location="/api/v3/contact/"))) as server:
        under_way = load(contacts(A, B), to=emarsys(server))
        with pytest.raises(EndpointError):
            list(under_way)
        assert under_way.drain().counts[UNKNOWN] == 2
    assert len(server.calls) == 1
