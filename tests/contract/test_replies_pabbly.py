"""What a load makes of Pabbly Chatflow's replies: a hand-made server says them, the outcomes are written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from headcount import Contact, Outcome, Status, load
from headcount.auth import BearerKey, Secret
from headcount.destinations import Pabbly
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from tests.contract.vendor_server import UNREADABLE, Answer, Call, VendorServer, bearer, in_turn, raw, says

CREATED, EXISTING, REJECTED = Status.CREATED, Status.EXISTING, Status.REJECTED
UNKNOWN, NOT_SENT = Status.UNKNOWN, Status.NOT_SENT

PAGE_CONTACT = {
    "mobile": "9179897xxxxx",
    "name": "Alex cron",
    "optin": True,
    "incomingBlocked": False,
    "tags": ["indian", "vegetarian", "engineer"],
    "attributes": [{"name": "city", "value": "bhopal"}],
}
PAGE_REPLY = """
{
    "status": "success",
    "message": "1 contact saved successfully",
    "data": {
        "createdContacts": [
            {
                "mobile": "917697xxxxx",
                "name": "Alex cron",
                "optin": true,
                "incomingBlocked": false,
                "tags": [
                    "indian",
                    "vegetarian",
                    "engineer"
                ],
                "attributes": [
                    {
                        "name": "city",
                        "value": "bhopal"
                    }
                ],
                "source": "api",
                "list": [
                    "all",
                    "sups"
                ]
            }
        ],
        "failedCount": 0,
        "failedContacts": []
    }
}
"""
A, B, C = "919800000001", "919800000002", "919800000003"


def saved(*mobiles: object, **members: Any) -> dict[str, Any]:
    """The `data` of a success."""
    created = [{"mobile": mobile, "source": "api", "list": ["all"]} for mobile in mobiles]
    return {"createdContacts": created, "failedCount": 0, "failedContacts": []} | members


def ok(data: object, **members: Any) -> bytes:
    return says({"status": "success", "message": "contacts saved successfully", "data": data} | members)


def found(*contacts: object, **members: Any) -> bytes:
    data = {"contacts": list(contacts), "totalCount": len(contacts)} | members
    return says({"status": "success", "message": "Contacts retrieved successfully", "data": data})


def stored(mobile: object) -> dict[str, Any]:
    return {"_id": "65f000000000000000000001", "mobile": mobile, "name": "Somebody", "source": "api"}


def two_calls(create: Answer | bytes, look_up: Answer | bytes | Mapping[str, bytes] = b"") -> Answer:
    """Answers creates and look-ups apart, look-ups by the mobile that they ask for if it is a map."""

    def answer(call: Call) -> bytes:
        if call.method == "POST":
            return create if isinstance(create, bytes) else create(call)
        if isinstance(look_up, Mapping):
            return look_up[call.query["mobile"][0]]
        return look_up if isinstance(look_up, bytes) else look_up(call)

    return answer


def pabbly(server: VendorServer, **settings: Any) -> Pabbly:
    return Pabbly(auth=BearerKey(Secret("key")), endpoint=server.url, **settings)


def people(*mobiles: str) -> list[dict[str, str]]:
    return [{"mobile": mobile} for mobile in mobiles]


def run(server: VendorServer, items: list[Any], **settings: Any) -> list[Outcome]:
    """All outcomes, which must be one for each input, in order."""
    outcomes = list(load(items, to=pabbly(server), **settings))
    assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    assert all(outcome.problem is not None for outcome in outcomes if outcome.status.needs_problem)
    return outcomes


def statuses(outcomes: list[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def details(outcomes: list[Outcome]) -> list[str | None]:
    return [outcome.problem.detail if outcome.problem else None for outcome in outcomes]


def creates(server: VendorServer) -> list[Call]:
    return [call for call in server.calls if call.method == "POST"]


def look_ups(server: VendorServer) -> list[str]:
    return [call.query["mobile"][0] for call in server.calls if call.method == "GET"]


# The vendor's own example


def test_the_pages_example_is_one_created() -> None:
    with VendorServer(two_calls(raw(PAGE_REPLY, content_type="application/json"))) as server:
        outcomes = run(server, [PAGE_CONTACT])
    assert outcomes == [Outcome(0, CREATED, None, None, attempts=1)]
    (call,) = server.calls
    assert (call.method, call.path, call.query) == ("POST", "/api/v1/contacts", {"onDuplicate": ["skip"]})
    assert call.json == [PAGE_CONTACT]
    assert bearer(call) == "key"


def test_a_contact_reaches_the_pages_fields() -> None:
    person = Contact(
        phone="+91 98000 00001",
        name="Alex cron",
        consent=True,
        tags=["indian", "vegetarian"],
        attributes={"city": "bhopal"},
    )
    with VendorServer(two_calls(ok(saved(A)))) as server:
        assert statuses(run(server, [person])) == [CREATED]
    assert server.calls[0].json == [
        {
            "mobile": A,
            "name": "Alex cron",
            "optin": True,
            "tags": ["indian", "vegetarian"],
            "attributes": [{"name": "city", "value": "bhopal"}],
        }
    ]


# Successes


@pytest.mark.parametrize(
    "reply",
    [
        ok(saved(A, B)),
        says({"success": True, "data": saved(A, B)}),
        says({"data": saved(A, B)}),
        says({"status": "SUCCESS", "data": saved(A, B)}, 201),
        ok(saved("+91 98000-00001", "0091 98000 00002")),
        ok(saved(int(A), int(B))),
        ok(saved(B, A)),
        ok(saved("917697xxxxx", "917697xxxxx")),
        ok({"createdContacts": [{}, {}]}),
        ok(saved(A, B, failedCount=None, failedContacts=None)),
        ok(saved(A, B, failedCount="0")),
        ok(saved("9800000001", B)),
    ],
    ids=[
        "as documented",
        "success and data",
        "data only",
        "201",
        "another notation",
        "numbers",
        "another order",
        "masked",
        "empty echoes",
        "no failures named",
        "failedCount as text",
        "no dialing code",
    ],
)
def test_as_many_created_as_were_sent_means_all_unless_others_are_named(reply: bytes) -> None:
    with VendorServer(two_calls(reply)) as server:
        assert statuses(run(server, people(A, B))) == [CREATED, CREATED]
    assert len(server.calls) == 1


@pytest.mark.parametrize("echo", [(A, A), (A, "+91 98111 11111")], ids=["one twice", "a stranger"])
def test_as_many_created_as_were_sent_are_not_all_when_others_are_named(echo: tuple[str, str]) -> None:
    with VendorServer(two_calls(ok(saved(*echo)), ok({"contacts": []}))) as server:
        first, second = run(server, people(A, B))
    assert first.status is CREATED
    assert second.status not in (CREATED, REJECTED)


def test_more_created_than_sent_are_matched_by_mobile() -> None:
    with VendorServer(two_calls(ok(saved(A, C, B)))) as server:
        assert statuses(run(server, people(A, B))) == [CREATED, CREATED]


def test_more_created_than_sent_that_name_nobody_are_read_back() -> None:
    reply = ok(saved("911", "912", "913"))
    with VendorServer(two_calls(reply, {A: found(stored(A)), B: found()})) as server:
        outcomes = run(server, people(A, B))
    assert statuses(outcomes) == [EXISTING, NOT_SENT]
    assert sorted(look_ups(server)) == [A, B]


# Contacts that failed

FAILURES: Mapping[str, tuple[dict[str, Any], list[Status], list[str | None]]] = {
    "with a mobile": (
        saved(A, C, failedCount=1, failedContacts=[{"mobile": B, "error": "Invalid tag"}]),
        [CREATED, REJECTED, CREATED],
        [None, "Invalid tag", None],
    ),
    "with a mobile in another notation": (
        saved(A, C, failedCount=1, failedContacts=[{"mobile": "+91 98000 00002", "error": "Invalid tag"}]),
        [CREATED, REJECTED, CREATED],
        [None, "Invalid tag", None],
    ),
    "without a mobile": (
        saved(A, C, failedCount=1, failedContacts=[{"error": f"{B} has an invalid tag"}]),
        [CREATED, REJECTED, CREATED],
        [None, "<mobile> has an invalid tag", None],
    ),
    "text as message": (
        saved(A, C, failedCount=1, failedContacts=[{"mobile": B, "message": "Invalid tag"}]),
        [CREATED, REJECTED, CREATED],
        [None, "Invalid tag", None],
    ),
    "counted only": (
        saved(A, C, failedCount=1),
        [CREATED, REJECTED, CREATED],
        [None, "the vendor names no reason", None],
    ),
    "counted as text": (
        saved(A, C, failedCount="1"),
        [CREATED, REJECTED, CREATED],
        [None, "the vendor names no reason", None],
    ),
    "listed and not counted": (
        saved(A, C, failedContacts=[{"error": "Invalid tag"}]),
        [CREATED, REJECTED, CREATED],
        [None, "Invalid tag", None],
    ),
    "listed as texts": (
        saved(A, C, failedCount=1, failedContacts=["Invalid tag"]),
        [CREATED, REJECTED, CREATED],
        [None, "Invalid tag", None],
    ),
    "listed as mobiles": (
        saved(failedCount=3, failedContacts=[C, B, A]),
        [REJECTED, REJECTED, REJECTED],
        ["<mobile>", "<mobile>", "<mobile>"],
    ),
    "without anything": (
        saved(A, C, failedCount=1, failedContacts=[{}]),
        [CREATED, REJECTED, CREATED],
        [None, "the vendor names no reason", None],
    ),
    "as a duplicate": (
        saved(A, C, failedCount=1, failedContacts=[{"mobile": B, "error": "Duplicate contact"}]),
        [CREATED, EXISTING, CREATED],
        [None, "Duplicate contact", None],
    ),
    "as existing, without a mobile": (
        saved(A, C, failedCount=1, failedContacts=[{"error": "Contact already exists"}]),
        [CREATED, EXISTING, CREATED],
        [None, "Contact already exists", None],
    ),
    "for a tag of which none exists": (
        saved(A, C, failedCount=1, failedContacts=[{"error": "No tag of this name exists"}]),
        [CREATED, REJECTED, CREATED],
        [None, "No tag of this name exists", None],
    ),
    "all": (
        saved(failedCount=3, failedContacts=[{"error": "Invalid tag"}] * 3),
        [REJECTED, REJECTED, REJECTED],
        ["Invalid tag", "Invalid tag", "Invalid tag"],
    ),
    "two for reasons that differ": (
        saved(A, failedCount=2, failedContacts=[{"error": "Invalid tag"}, {"error": "Invalid attribute"}]),
        [CREATED, REJECTED, REJECTED],
        [None, *["one of several reasons; the vendor does not say whose is which"] * 2],
    ),
    "with nothing created": (
        {"createdContacts": None, "failedCount": 3, "failedContacts": [{"mobile": m, "error": m} for m in (A, B, C)]},
        [REJECTED, REJECTED, REJECTED],
        ["<mobile>", "<mobile>", "<mobile>"],
    ),
}


@pytest.mark.parametrize(("data", "expected", "texts"), FAILURES.values(), ids=FAILURES.keys())
def test_failed_contacts_are_told_with_the_vendors_reason(
    data: dict[str, Any], expected: list[Status], texts: list[str | None]
) -> None:
    with VendorServer(two_calls(ok(data))) as server:
        outcomes = run(server, people(A, B, C))
    assert statuses(outcomes) == expected
    assert details(outcomes) == texts
    assert len(server.calls) == 1


@pytest.mark.parametrize("mobile", [A, A[2:]])
def test_who_is_created_and_failed_at_once_is_read_back(mobile: str) -> None:
    data = saved(mobile, B, failedCount=1, failedContacts=[{"mobile": A, "error": "Invalid mobile number"}])
    with VendorServer(two_calls(ok(data), found(stored(A)))) as server:
        assert [outcome.status for outcome in run(server, people(A, B))] == [Status.EXISTING, Status.CREATED]
    with VendorServer(two_calls(ok(data), raw("", 500))) as server:
        outcomes = run(server, people(A, B), deadline=0.5)
        assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN, Status.CREATED]


def test_failures_of_two_sorts_without_a_mobile_are_told_apart_by_a_read_back() -> None:
    failed = [{"error": "Duplicate contact"}, {"error": "Invalid tag"}]
    create = ok(saved(A, failedCount=2, failedContacts=failed))
    with VendorServer(two_calls(create, {B: found(), C: found(stored(C))})) as server:
        assert statuses(run(server, people(A, B, C))) == [CREATED, REJECTED, EXISTING]
    assert sorted(look_ups(server)) == [B, C]


UNSURE: Mapping[str, dict[str, Any]] = {
    "neither created nor failed": saved(A),
    "one created, named in no way": saved("911"),
    "a failure for nobody": saved(A, failedCount=1, failedContacts=[{"mobile": "911", "error": "Invalid"}] * 2),
    "a count that is none": saved(A, failedCount="many"),
    "a count that is none beside a list": saved(A, failedCount="many", failedContacts=[{"error": "Invalid tag"}]),
    "a count below zero": saved(A, failedCount=-1),
    "fewer failures than are missing": saved(failedCount=1, failedContacts=[{"error": "Invalid tag"}]),
    "more failures than are missing": saved(A, failedCount=7),
    "created and failed strays": saved("911", failedCount=1, failedContacts=[{"error": "Invalid"}]),
    "an odd echo": {"createdContacts": [{"mobile": A}, None], "failedCount": 0, "failedContacts": []},
    "odd echoes only": {"createdContacts": [None, 7], "failedCount": 0, "failedContacts": []},
    "nothing at all": saved(),
}


@pytest.mark.parametrize("data", UNSURE.values(), ids=UNSURE.keys())
def test_who_is_neither_created_nor_failed_is_read_back(data: dict[str, Any]) -> None:
    told = {A: found(stored(A)), B: found(stored("9" + B), stored(B))}
    with VendorServer(two_calls(ok(data), told)) as server:
        outcomes = run(server, people(A, B))
    named = any(isinstance(entry, dict) and entry["mobile"] == A for entry in data["createdContacts"])
    assert statuses(outcomes) == [CREATED if named else EXISTING, EXISTING]
    assert outcomes[1].vendor_id == "65f000000000000000000001"
    assert sorted(look_ups(server)) == ([B] if named else [A, B])
    assert len(creates(server)) == 1


@pytest.mark.parametrize("data", UNSURE.values(), ids=UNSURE.keys())
def test_what_no_read_back_settles_is_unknown_and_never_created(data: dict[str, Any]) -> None:
    with VendorServer(two_calls(ok(data), says({"status": "error", "message": "No"}))) as server:
        outcomes = run(server, people(A, B))
    assert outcomes[1].status is UNKNOWN
    assert outcomes[0].status in (CREATED, UNKNOWN)
    assert len(creates(server)) == 1


LOOK_UPS: Mapping[str, tuple[bytes, Status]] = {
    "found": (found(stored(B)), EXISTING),
    "found in another notation": (found(stored("+91 98000 00002")), EXISTING),
    "found as a number": (found(stored(int(B))), EXISTING),
    "found with the other envelope": (says({"success": True, "data": {"contacts": [stored(B)]}}), EXISTING),
    "found on a full page": (found(*[stored(f"{B}{n}") for n in range(24)], stored(B)), EXISTING),
    "not found": (found(), NOT_SENT),
    "only longer numbers": (found(stored(B + "7"), stored("1" + B)), NOT_SENT),
    "a full page of others": (found(*[stored(f"{B}{n}") for n in range(25)]), UNKNOWN),
    "an odd entry": (found(None), UNKNOWN),
    "an entry without a mobile": (found({"_id": "1"}), UNKNOWN),
    "refused inside a 200": (says({"status": "error", "message": "No"}), UNKNOWN),
    "refused with the other envelope": (says({"success": False, "error": "No"}), UNKNOWN),
    "refused": (says({"status": "error", "message": "No"}, 400), UNKNOWN),
    "no such path": (raw("", 404), UNKNOWN),
}


@pytest.mark.parametrize(("reply", "status"), LOOK_UPS.values(), ids=LOOK_UPS.keys())
def test_a_read_back_settles_only_what_it_shows(reply: bytes, status: Status) -> None:
    with VendorServer(two_calls(ok(saved(A)), reply)) as server:
        assert statuses(run(server, people(A, B))) == [CREATED, status]
    (call,) = [call for call in server.calls if call.method == "GET"]
    assert (call.path, call.query) == ("/api/v1/contacts/", {"mobile": [B]})


def test_a_redirected_read_back_ends_the_run() -> None:
    with VendorServer(two_calls(ok(saved(A)), raw("", 301, location="/contacts"))) as server:
        under_way = load(people(A, B), to=pabbly(server))
        with pytest.raises(EndpointError):
            list(under_way)
        counts = under_way.drain().counts
    assert (counts[CREATED], counts[UNKNOWN]) == (1, 1)


@pytest.mark.parametrize(
    "reply",
    [*UNREADABLE.values(), raw("", 503), says({"data": [stored(B)]}), says({"status": "success"}), found(contacts=7)],
    ids=[*UNREADABLE, "unavailable", "a list for data", "no data", "contacts a number"],
)
def test_a_read_back_that_cannot_be_read_leaves_it_unknown(reply: bytes) -> None:
    with VendorServer(two_calls(ok(saved(A)), reply)) as server:
        assert statuses(run(server, people(A, B), deadline=2.0)) == [CREATED, UNKNOWN]


# Refusals


class Refusing:
    """Refuses whole every batch with one of these mobiles, with the reply; creates any other."""

    def __init__(self, bad: set[str], reply: bytes | Callable[[set[str]], bytes]) -> None:
        self.bad = bad
        self.reply = reply
        self.taken: list[str] = []

    def __call__(self, call: Call) -> bytes:
        mobiles = [contact["mobile"] for contact in call.json]
        bad = self.bad.intersection(mobiles)
        if bad:
            return self.reply if isinstance(self.reply, bytes) else self.reply(bad)
        self.taken += mobiles
        return ok(saved(*mobiles))


REFUSALS: Mapping[str, tuple[bytes, str]] = {
    "400": (says({"status": "error", "message": "Invalid tag"}, 400), "Invalid tag"),
    "400 with the other envelope": (says({"success": False, "error": "Invalid tag"}, 400), "Invalid tag"),
    "400 with empty lists": (says({"status": "error", "message": "Invalid tag", "data": saved()}, 400), "Invalid tag"),
    "400 with HTML": (raw("<html>Bad request</html>", 400), "HTTP 400"),
    "400 with nothing": (raw("", 400), "HTTP 400"),
    "status error in a 200": (says({"status": "error", "message": "Invalid tag"}), "Invalid tag"),
    "success false in a 200": (says({"success": False, "error": "Invalid tag"}), "Invalid tag"),
    "status error in a 200 with empty lists": (
        says({"status": "error", "message": "Invalid tag", "data": saved()}),
        "Invalid tag",
    ),
    "both envelopes at odds": (says({"success": True, "status": "error", "message": "Invalid tag"}), "Invalid tag"),
    "the contact's own number": (says({"status": "error", "message": f"{B} is bad"}, 400), "<mobile> is bad"),
}


@pytest.mark.parametrize(("reply", "detail"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_batch_costs_only_the_contact_that_caused_it(reply: bytes, detail: str) -> None:
    vendor = Refusing({B}, reply)
    with VendorServer(two_calls(vendor)) as server:
        outcomes = run(server, people(A, B, C))
    assert statuses(outcomes) == [CREATED, REJECTED, CREATED]
    assert details(outcomes)[1] == detail
    assert sorted(vendor.taken) == [A, C]


@pytest.mark.parametrize("status", [200, 400])
def test_a_whole_refusal_as_a_duplicate_is_existing(status: int) -> None:
    vendor = Refusing({B}, says({"status": "error", "message": "Contact already exists"}, status))
    with VendorServer(two_calls(vendor)) as server:
        assert statuses(run(server, people(A, B, C))) == [CREATED, EXISTING, CREATED]


@pytest.mark.parametrize("status", [200, 400])
def test_a_failure_that_lists_everybody_gives_each_its_reason(status: int) -> None:
    failed = [{"mobile": A, "error": "Invalid tag"}, {"error": "Duplicate contact"}]
    data = {"createdContacts": [], "failedCount": 2, "failedContacts": failed}
    with VendorServer(two_calls(says({"status": "error", "message": "No", "data": data}, status))) as server:
        outcomes = run(server, people(A, B))
    assert statuses(outcomes) == [REJECTED, EXISTING]
    assert details(outcomes) == ["Invalid tag", "Duplicate contact"]
    assert len(server.calls) == 1


def test_a_400_that_lists_some_as_failed_is_taken_apart() -> None:
    def refuse(bad: set[str]) -> bytes:
        failed = [{"mobile": mobile, "error": "Invalid tag"} for mobile in bad]
        return says({"status": "error", "data": {"failedCount": len(bad), "failedContacts": failed}}, 400)

    vendor = Refusing({B}, refuse)
    with VendorServer(two_calls(vendor)) as server:
        outcomes = run(server, people(A, B, C))
    assert statuses(outcomes) == [CREATED, REJECTED, CREATED]
    assert details(outcomes)[1] == "Invalid tag"


@pytest.mark.parametrize("status", [200, 400])
def test_what_a_failure_lists_as_created_is_created_and_the_rest_is_read_back(status: int) -> None:
    reply = says({"status": "error", "message": "Something failed", "data": saved(A, "911")}, status)
    with VendorServer(two_calls(reply, {B: found()})) as server:
        assert statuses(run(server, people(A, B))) == [CREATED, NOT_SENT]


def test_the_reason_of_the_whole_stands_in_for_those_without_one() -> None:
    data = {"createdContacts": [], "failedCount": 2, "failedContacts": []}
    reply = says({"status": "error", "message": "Your plan has ended", "data": data})
    with VendorServer(two_calls(reply)) as server:
        outcomes = run(server, people(A, B))
    assert statuses(outcomes) == [REJECTED, REJECTED]
    assert details(outcomes) == ["Your plan has ended"] * 2


def test_a_cause_common_to_all_ends_the_run_after_few_calls() -> None:
    mobiles = [f"9198{number:08d}" for number in range(500)]
    with VendorServer(two_calls(says({"status": "error", "message": "Your plan has ended"}, 400))) as server:
        under_way = load(people(*mobiles), to=pabbly(server))
        with pytest.raises(BatchRefusedError, match="Your plan has ended"):
            list(under_way)
        counts = under_way.drain().counts
    assert counts[NOT_SENT] + counts[REJECTED] == 500
    assert len(server.calls) <= 1 + 2 + 4 + 8


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (says({"status": "error", "message": "Invalid API key"}, 401), CredentialsError),
        (says({"success": False, "error": "Invalid API key"}, 401), CredentialsError),
        (raw("", 401), CredentialsError),
        (raw("", 403), CredentialsError),
        (says({"message": "Not found"}, 404), EndpointError),
        (raw("", 405), EndpointError),
    ],
    ids=["401", "401 with the other envelope", "401 with nothing", "403", "404", "405"],
)
def test_what_no_batch_escapes_ends_the_run_with_nothing_taken(reply: bytes, error: type[Exception]) -> None:
    with VendorServer(two_calls(reply)) as server:
        under_way = load(people(A, B, C), to=pabbly(server), max_batch=1, concurrency=1)
        with pytest.raises(error) as raised:
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 3
    assert len(server.calls) == 1
    assert (b"Invalid API key" in reply) == ("Invalid API key" in str(raised.value))


def test_a_redirect_is_not_followed_and_what_was_sent_is_unknown() -> None:
    with VendorServer(two_calls(raw("", 308, location="/api/v1/contacts/"))) as server:
        under_way = load(people(A), to=pabbly(server))
        with pytest.raises(EndpointError):
            list(under_way)
        assert under_way.drain().counts[UNKNOWN] == 1
    assert len(server.calls) == 1


# What may have landed

ODD: Mapping[str, bytes] = {
    **UNREADABLE,
    "a message only": says({"status": "success", "message": "2 contacts saved successfully"}),
    "data a list": ok([{"mobile": A}, {"mobile": B}]),
    "createdContacts a number": ok({"createdContacts": 2}),
    "createdContacts missing": ok({"failedCount": 0, "failedContacts": []}),
    "createdContacts twice": raw('{"data": {"createdContacts": [{}], "createdContacts": [{}, {}]}}'),
    "success inside a 500": raw(PAGE_REPLY, 500),
    "502": raw("Bad gateway", 502),
    "503": raw("", 503),
    "hung up": b"",
}


@pytest.mark.parametrize("reply", ODD.values(), ids=ODD.keys())
def test_an_unreadable_reply_is_settled_by_a_read_back(reply: bytes) -> None:
    with VendorServer(two_calls(reply, {A: found(stored(A)), B: found(stored(B))})) as server:
        assert statuses(run(server, people(A, B))) == [EXISTING, EXISTING]
    assert len(creates(server)) == 1


@pytest.mark.parametrize("reply", ODD.values(), ids=ODD.keys())
def test_an_unreadable_reply_that_nothing_settles_is_unknown(reply: bytes) -> None:
    with VendorServer(two_calls(reply, raw("", 404))) as server:
        assert statuses(run(server, people(A, B), deadline=3)) == [UNKNOWN, UNKNOWN]
    assert len(creates(server)) == 1


def test_what_a_read_back_does_not_find_is_sent_again() -> None:
    create = in_turn(raw("", 502), ok(saved(B)))
    with VendorServer(two_calls(create, {A: found(stored(A)), B: found()})) as server:
        assert statuses(run(server, people(A, B))) == [EXISTING, CREATED]
    assert [[contact["mobile"] for contact in call.json] for call in creates(server)] == [[A, B], [B]]
