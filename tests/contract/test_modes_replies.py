"""What loads that update, upsert or delete make of replies: a hand-made server says them, the outcomes are by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from headcount import Kind, Outcome, Status, load, reconcile
from headcount.auth import BearerKey, ClientCredentials, Secret
from headcount.core.batches import Batch
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from tests.contract.vendor_server import UNREADABLE, Call, VendorServer, in_turn, raw, says

CREATED, UPDATED, ACCEPTED = Status.CREATED, Status.UPDATED, Status.ACCEPTED
REJECTED, UNKNOWN, NOT_SENT = Status.REJECTED, Status.UNKNOWN, Status.NOT_SENT
A, B, C = "a@example.com", "b@example.com", "c@example.com"
ABSENT = {"2008": "No contact found with the external id: 3 - x"}
SEVERAL = {"2010": "More contacts found with the external id: 3 - x"}
EXISTS = {"2009": "Contact with the external id already exists: 3"}
NOBODY: Mapping[str, Any] = {"ids": [], "errors": dict.fromkeys((A, B, C), ABSENT)}
Reply = bytes | Callable[[Call], bytes]


def ok(data: object) -> bytes:
    return says({"replyCode": 0, "replyText": "OK", "data": data})


def refused(code: object, text: str = "No", status: int = 200) -> bytes:
    return says({"replyCode": code, "replyText": text, "data": ""}, status)


def emarsys(server: VendorServer, **options: Any) -> Emarsys:
    auth = ClientCredentials(server.token_url, "client", Secret("secret"))
    return Emarsys(auth=auth, endpoint=server.url, **options)


def calls(main: Reply, look_up: Reply = b"") -> Callable[[Call], bytes]:
    """Answers the mode's call and look-ups apart."""

    def answer(call: Call) -> bytes:
        said = look_up if call.path.endswith("/checkids") or call.method == "GET" else main
        return said if isinstance(said, bytes) else said(call)

    return answer


def run(server: VendorServer, mode: str, *keys: str, **settings: Any) -> list[Outcome]:
    rows = [{"3": key} if mode == "delete" else {"3": key, "1": "Ann"} for key in keys]
    outcomes = list(load(rows, to=emarsys(server), mode=mode, **settings))
    assert [outcome.index for outcome in outcomes] == list(range(len(rows)))
    assert all(outcome.problem is not None for outcome in outcomes if outcome.status.needs_problem)
    return outcomes


def told(outcomes: list[Outcome]) -> list[tuple[Status, str | None]]:
    return [(outcome.status, outcome.vendor_id) for outcome in outcomes]


def kinds(outcomes: list[Outcome]) -> list[Kind | None]:
    return [outcome.problem and outcome.problem.kind for outcome in outcomes]


# What is sent


@pytest.mark.parametrize(
    ("mode", "method", "path", "query", "body"),
    [
        ("update", "PUT", "/api/v3/contact", {}, {"key_id": "3", "contacts": [{"3": A, "1": "Ann"}]}),
        (
            "upsert",
            "PUT",
            "/api/v3/contact",
            {"create_if_not_exists": ["1"]},
            {"key_id": "3", "contacts": [{"3": A, "1": "Ann"}]},
        ),
        ("delete", "POST", "/api/v3/contact/delete", {}, {"key_id": "3", "3": [A]}),
    ],
)
def test_what_emarsys_is_sent(
    mode: str, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any]
) -> None:
    with VendorServer(calls(ok({"ids": ["1"], "deleted_contacts": 1}))) as server:
        assert [outcome.status for outcome in run(server, mode, A)] == [UPDATED]
    (call,) = server.calls
    assert (call.method, call.path, call.query, call.json) == (method, path, query, body)


def test_a_load_in_a_mode_leaves_the_destination_as_it_was() -> None:
    with VendorServer(calls(ok({"ids": ["1"]}))) as server:
        to = emarsys(server)
        loads = [load([{"3": A}], to=to, mode=mode) for mode in ("update", "create", "update")]
        for each, method in zip(loads, ("PUT", "POST", "PUT"), strict=True):
            list(each)
            assert server.calls[-1].method == method


# Ids of updates and upserts

IDS: Mapping[str, tuple[list[Any], list[tuple[Status, str | None]]]] = {
    "texts": (["11", "12"], [(UPDATED, "11"), (UPDATED, "12")]),
    "numbers": ([11, 12], [(CREATED, "11"), (CREATED, "12")]),
    "texts in lists": ([["11"], ["12"]], [(UPDATED, "11"), (UPDATED, "12")]),
    "several in a list": ([["11", "17"], "12"], [(UPDATED, None), (UPDATED, "12")]),
    "several numbers in a list": ([[11, 17], "12"], [(UPDATED, None), (UPDATED, "12")]),
    "a number in a list": ([[11], 12], [(CREATED, "11"), (CREATED, "12")]),
}


@pytest.mark.parametrize(("ids", "upserted"), IDS.values(), ids=IDS.keys())
def test_the_type_of_its_id_says_whether_an_upserted_contact_is_new(
    ids: list[Any], upserted: list[tuple[Status, str | None]]
) -> None:
    with VendorServer(calls(ok({"ids": ids, "errors": []}))) as server:
        assert told(run(server, "upsert", A, B)) == upserted
        assert told(run(server, "update", A, B)) == [(UPDATED, vendor_id) for _, vendor_id in upserted]
    assert not server.calls_to("checkids")


@pytest.mark.parametrize("ids", [["11", 12], [12, "11"]])
def test_where_some_are_new_a_look_up_says_which(ids: list[Any]) -> None:
    with VendorServer(calls(ok({"ids": ids}), ok({"ids": {A: "12", B: "11"}}))) as server:
        assert told(run(server, "upsert", A, B)) == [(CREATED, "12"), (UPDATED, "11")]
    assert len(server.calls_to("checkids")) == 1


def test_one_id_is_not_of_two_new_contacts() -> None:
    with VendorServer(calls(ok({"ids": [11, 11]}), ok({"ids": {A: "11", B: "12"}}))) as server:
        assert told(run(server, "upsert", A, B)) == [(CREATED, "11"), (UNKNOWN, "12")]
    with VendorServer(calls(ok({"ids": [11, 11]}), ok({"ids": {A: "11", B: "11"}}))) as server:
        assert told(run(server, "upsert", A, B)) == [(UNKNOWN, "11"), (UNKNOWN, "11")]


@pytest.mark.parametrize("look_up", [*UNREADABLE.values(), raw("", 404)], ids=[*UNREADABLE, "404"])
def test_where_the_look_up_fails_nobody_is_called_new(look_up: bytes) -> None:
    with VendorServer(calls(ok({"ids": ["11", 12]}), look_up)) as server:
        outcomes = run(server, "upsert", A, B, deadline=0.5)
    assert {outcome.status for outcome in outcomes} == {UNKNOWN}


ODD: Mapping[str, object] = {
    "too few": {"ids": ["11"]},
    "none": {"ids": []},
    "missing": {},
    "data empty": "",
    "a map": {"ids": {"0": "11", "2": "12"}},
    "null": {"ids": ["11", None]},
    "true": {"ids": [True, "12"]},
    "empty": {"ids": ["", "12"]},
    "an empty list": {"ids": [[], "12"]},
    "a person": {"ids": [A, "12"]},
    "too many": {"ids": ["11", "12", "13"]},
    "an error for nobody": {"ids": ["11", "12"], "errors": {"x@example.com": ABSENT}},
    "errors a text": {"ids": ["11", "12"], "errors": "something went wrong"},
}
BELIEVED = {"too few", "too many", "an error for nobody", "errors a text"}
"""Those whose ids are ids, so that a look-up that finds one tells of a change."""


@pytest.mark.parametrize("mode", ["update", "upsert"])
@pytest.mark.parametrize("name", ODD)
def test_ids_that_do_not_add_up_are_looked_up_and_no_change_is_made_up(mode: str, name: str) -> None:
    with VendorServer(calls(ok(ODD[name]), ok({"ids": {A: "11", B: "99"}, "errors": []}))) as server:
        outcomes = run(server, mode, A, B)
    assert told(outcomes) == [(UPDATED if name in BELIEVED else UNKNOWN, "11"), (UNKNOWN, "99")]
    assert len(server.calls_to("checkids")) == 1


@pytest.mark.parametrize(
    ("mode", "error", "status", "kind"),
    [
        ("update", ABSENT, REJECTED, Kind.NOT_FOUND),
        ("update", SEVERAL, REJECTED, Kind.CONFLICT),
        ("update", EXISTS, REJECTED, Kind.CONFLICT),
        ("update", {"2007": "Invalid choice id"}, REJECTED, Kind.INVALID_VALUE),
        ("upsert", SEVERAL, REJECTED, Kind.CONFLICT),
        ("upsert", {"2005": "No value"}, REJECTED, Kind.MISSING_KEY),
        ("upsert", {"4711": "New"}, REJECTED, Kind.REFUSED),
        ("upsert", {"2009": "exists", "2007": "Invalid date"}, REJECTED, Kind.INVALID_VALUE),
        ("upsert", EXISTS, NOT_SENT, Kind.EXISTS),
        ("delete", ABSENT, REJECTED, Kind.NOT_FOUND),
        ("delete", SEVERAL, REJECTED, Kind.CONFLICT),
        ("delete", "No", REJECTED, Kind.REFUSED),
    ],
)
def test_the_error_of_one_contact_is_its_own(mode: str, error: object, status: Status, kind: Kind) -> None:
    def answer(call: Call) -> bytes:
        return ok({"ids": ["11"] if A in str(call.json) else [], "deleted_contacts": 1, "errors": {B: error}})

    with VendorServer(calls(answer)) as server:
        first, second = run(server, mode, A, B)
    assert (first.status, second.status) == (UPDATED, status)
    assert second.problem is not None and second.problem.kind is kind


@pytest.mark.parametrize("as_item", [True, False])
def test_a_lost_race_is_run_again(as_item: bool) -> None:
    lost = ok({"ids": [], "errors": {A: EXISTS}}) if as_item else refused(2009, "already exists")
    with VendorServer(calls(in_turn(lost, lost, ok({"ids": [11]})))) as server:
        (outcome,) = run(server, "upsert", A)
    assert (outcome.status, outcome.vendor_id, outcome.attempts) == (CREATED, "11", 3)


# Refusals of the whole


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("mode", ["update", "delete"])
def test_a_refusal_for_want_of_the_only_contact_is_its_own(mode: str, status: int) -> None:
    text = f"No contact found with the external id: 3 - {A}"
    with VendorServer(calls(refused(2008, text, status))) as server:
        (outcome,) = run(server, mode, A)
    assert outcome.status is REJECTED
    assert outcome.problem is not None
    assert (outcome.problem.kind, outcome.problem.code, outcome.problem.http_status) == (Kind.NOT_FOUND, "2008", status)
    assert outcome.problem.detail == "No contact found with the external id: 3 - <3>"


@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_update_refused_whole_for_one_contact_is_asked_about(status: int) -> None:
    there = ok({"ids": {A: "11"}, "errors": {B: ABSENT, C: SEVERAL}})
    with VendorServer(calls(refused(2008, "No contact found", status), there)) as server:
        outcomes = run(server, "update", A, B, C)
    assert told(outcomes) == [(NOT_SENT, "11"), (REJECTED, None), (REJECTED, None)]
    assert kinds(outcomes) == [Kind.UNANSWERED, Kind.NOT_FOUND, Kind.CONFLICT]


@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_delete_that_finds_none_rejects_them_all(status: int) -> None:
    with VendorServer(calls(refused(2008, "No contact found", status))) as server:
        outcomes = run(server, "delete", A, B, C)
    assert [outcome.status for outcome in outcomes] == [REJECTED] * 3
    assert kinds(outcomes) == [Kind.NOT_FOUND] * 3
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(1, "Unauthorized", 401), CredentialsError),
        (raw("", 403), CredentialsError),
        (raw("nothing here", 404), EndpointError),
        (refused(1, "Action is invalid.", 404), EndpointError),
        (raw("", 405), EndpointError),
        (refused(2004, "Invalid key field id: 3"), BatchRefusedError),
        (ok({"ids": [], "errors": {"<NO_KEY_ID>": {"2004": "Invalid key field id: 3"}}}), BatchRefusedError),
    ],
)
@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
def test_what_no_batch_escapes_ends_the_run(mode: str, reply: bytes, error: type[Exception]) -> None:
    with VendorServer(calls(reply)) as server:
        under_way = load([{"3": A}, {"3": B}], to=emarsys(server), mode=mode)
        with pytest.raises(error):
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 2


# What a delete answers

DELETED: Mapping[str, tuple[object, list[Status]]] = {
    "as many as were sent": ({"deleted_contacts": 2}, [UPDATED] * 2),
    "the same as text": ({"deleted_contacts": "2", "errors": []}, [UPDATED] * 2),
    "one, and the other not": ({"deleted_contacts": 1, "errors": {B: ABSENT}}, [UPDATED, REJECTED]),
    "neither": ({"deleted_contacts": 0, "errors": {A: ABSENT, B: SEVERAL}}, [REJECTED] * 2),
}


@pytest.mark.parametrize(("data", "expected"), DELETED.values(), ids=DELETED.keys())
def test_a_delete_that_adds_up_is_believed(data: object, expected: list[Status]) -> None:
    with VendorServer(calls(ok(data))) as server:
        assert [outcome.status for outcome in run(server, "delete", A, B)] == expected
    assert len(server.calls) == 1


@pytest.mark.parametrize("data", [{}, "", [], {"errors": {}}, {"deleted_contacts": 1}], ids=repr)
def test_one_contact_is_deleted_by_a_success(data: object) -> None:
    with VendorServer(calls(ok(data))) as server:
        assert told(run(server, "delete", A)) == [(UPDATED, None)]
    assert len(server.calls) == 1


LEFT_OVER: Mapping[str, tuple[object, Mapping[str, Any], list[tuple[Status, Kind | None]]]] = {
    "no count, all gone": ("", NOBODY, [(UPDATED, None)] * 3),
    "no count, one there": (
        {},
        {"ids": {B: "12"}, "errors": {A: ABSENT, C: ABSENT}},
        [(UPDATED, None), (NOT_SENT, Kind.UNANSWERED), (UPDATED, None)],
    ),
    "one skipped for its key": (
        {"deleted_contacts": 2},
        {"ids": [], "errors": {A: ABSENT, B: SEVERAL, C: ABSENT}},
        [(UPDATED, None), (REJECTED, Kind.CONFLICT), (UPDATED, None)],
    ),
    "fewer than are gone": ({"deleted_contacts": 2}, NOBODY, [(UNKNOWN, Kind.NOT_FOUND)] * 3),
    "more than were sent": ({"deleted_contacts": 9}, NOBODY, [(UNKNOWN, Kind.NOT_FOUND)] * 3),
    "an error for nobody": (
        {"deleted_contacts": 2, "errors": {"x@example.com": ABSENT}},
        {"ids": {B: "12"}, "errors": {A: ABSENT, C: ABSENT}},
        [(UPDATED, None), (NOT_SENT, Kind.UNANSWERED), (UPDATED, None)],
    ),
    "no count, an error for nobody": ({"errors": {"x@example.com": ABSENT}}, NOBODY, [(UNKNOWN, Kind.NOT_FOUND)] * 3),
    "no count, errors in a list": (
        {"errors": [{"key": A, "errorCode": "2008", "errorMsg": "No contact found"}]},
        NOBODY,
        [(UNKNOWN, Kind.NOT_FOUND)] * 3,
    ),
    "no count, errors a text": ({"errors": "two were not found"}, NOBODY, [(UNKNOWN, Kind.NOT_FOUND)] * 3),
    "a count that is none": ({"deleted_contacts": [A]}, NOBODY, [(UNKNOWN, Kind.NOT_FOUND)] * 3),
    "a silent look-up": ({"deleted_contacts": 2}, {"ids": []}, [(UNKNOWN, Kind.UNANSWERED)] * 3),
}


@pytest.mark.parametrize(("data", "there", "expected"), LEFT_OVER.values(), ids=LEFT_OVER.keys())
def test_a_delete_that_does_not_add_up_is_asked_about(
    data: object, there: Mapping[str, Any], expected: list[tuple[Status, Kind | None]]
) -> None:
    with VendorServer(calls(ok(data), ok(there))) as server:
        outcomes = run(server, "delete", A, B, C)
    assert list(zip([outcome.status for outcome in outcomes], kinds(outcomes), strict=True)) == expected
    assert len(server.calls_to("checkids")) == 1


READABLE = "half a surrogate pair"
"""A success that lacks its data."""


@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
@pytest.mark.parametrize("name", sorted(UNREADABLE.keys() - {READABLE}))
def test_what_cannot_be_read_is_sent_again(mode: str, name: str) -> None:
    last = ok({"ids": ["11"], "deleted_contacts": 1})
    with VendorServer(calls(in_turn(UNREADABLE[name], last))) as server:
        (outcome,) = run(server, mode, A)
    assert (outcome.status, outcome.attempts) == (UPDATED, 2)


@pytest.mark.parametrize(
    ("mode", "there", "status"),
    [
        ("update", {"ids": {A: "11"}}, UNKNOWN),
        ("upsert", {"ids": {A: "11"}}, UNKNOWN),
        ("delete", {"ids": {A: "11"}}, NOT_SENT),
        ("delete", NOBODY, UPDATED),
    ],
)
def test_a_success_without_data_is_asked_about(mode: str, there: Mapping[str, Any], status: Status) -> None:
    with VendorServer(calls(UNREADABLE[READABLE], ok(there))) as server:
        (outcome,) = run(server, mode, A)
    assert (outcome.status, outcome.attempts) == (status, 1)


# Sinch

ID = "01HC0NTACT0000000000000001"


def sinch(server: VendorServer) -> Destination:
    auth = ClientCredentials(server.token_url, "client", Secret("secret"))
    return Sinch(auth=auth, project_id="p", endpoint=server.url)


def test_what_sinch_is_sent() -> None:
    with VendorServer(calls(raw(""))) as server:
        (outcome,) = load([{"id": ID}], to=sinch(server), mode="delete")
    (call,) = server.calls
    assert (call.method, call.path, call.json) == ("DELETE", "/v1/projects/p/contacts", {"contact_ids": [ID]})
    assert outcome.status is ACCEPTED


NOT_FOUND = {"code": 404, "message": "Contact not found", "status": "NOT_FOUND", "details": []}
LOOK_UPS: Mapping[str, tuple[bytes, Status, Kind | None]] = {
    "gone": (says({"error": NOT_FOUND}, 404), UPDATED, None),
    "gone, flat": (says(NOT_FOUND, 404), UPDATED, None),
    "still there": (says({"id": ID}), ACCEPTED, Kind.UNCONFIRMED),
    "another": (says({"id": "01HC0NTACT0000000000000002"}), ACCEPTED, Kind.UNCONFIRMED),
    "nobody": (says({}), ACCEPTED, Kind.UNCONFIRMED),
    "a page that is not there": (raw("<html>not found</html>", 404), ACCEPTED, Kind.UNCONFIRMED),
    "an empty 404": (raw("", 404), ACCEPTED, Kind.UNCONFIRMED),
    "a 404 without an error": (says({}, 404), ACCEPTED, Kind.UNCONFIRMED),
}


@pytest.mark.parametrize(("reply", "status", "kind"), LOOK_UPS.values(), ids=LOOK_UPS.keys())
def test_a_deletion_is_confirmed_by_sinchs_word_alone(
    tmp_path: Path, reply: bytes, status: Status, kind: Kind | None
) -> None:
    with VendorServer(calls(raw(""), reply)) as server:
        load([{"id": ID}], to=sinch(server), mode="delete", run_dir=tmp_path / "run").report()
        report = reconcile(tmp_path / "run", to=sinch(server))
        asked = server.calls[-1]
    assert (asked.method, asked.path) == ("GET", f"/v1/projects/p/contacts/{ID}")
    assert report.counts[status] == 1
    assert [group.kind for group in report.problems] == ([] if kind is None else [kind])


def test_an_id_is_no_path() -> None:
    odd = "../x?y=1#z"
    to = Sinch(auth=BearerKey(Secret("k")), project_id="p").in_mode("delete")
    assert to.look_up(Batch([0], [odd], [b"{}"])).url.endswith("/v1/projects/p/contacts/..%2Fx%3Fy%3D1%23z")


# Pabbly


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"createdContacts": [{"mobile": "447946000001"}, {"mobile": "447946000002"}]}, [UPDATED, UPDATED]),
        (
            {"createdContacts": [{"mobile": "447946000001"}], "failedContacts": [{"mobile": "447946000002"}]},
            [UPDATED, REJECTED],
        ),
        (
            {
                "createdContacts": [{"mobile": "447946000001"}],
                "failedContacts": [{"mobile": "447946000002", "error": "Contact already exists"}],
            },
            [UPDATED, REJECTED],
        ),
    ],
)
def test_pabbly_upserts_without_a_word_on_what_is_new(data: Mapping[str, Any], expected: list[Status]) -> None:
    people = [{"mobile": "447946000001"}, {"mobile": "447946000002"}]
    with VendorServer(calls(says({"status": "success", "data": data}))) as server:
        to = Pabbly(auth=BearerKey(Secret("k")), endpoint=server.url)
        assert [outcome.status for outcome in load(people, to=to, mode="upsert")] == expected
    (call,) = server.calls
    assert (call.method, call.path, call.query) == ("POST", "/api/v1/contacts", {"onDuplicate": ["overwrite"]})


@pytest.mark.parametrize(("mode", "word"), [("create", "skip"), ("upsert", "overwrite")])
def test_a_contact_that_contradicts_the_mode_is_not_sent_to_pabbly(mode: str, word: str) -> None:
    people = [{"mobile": f"44794600000{at}", "onDuplicate": each} for at, each in enumerate(("skip", "overwrite"))]
    sent = [each for each in people if each["onDuplicate"] == word]
    with VendorServer(calls(says({"status": "success", "data": {"createdContacts": sent}}))) as server:
        to = Pabbly(auth=BearerKey(Secret("k")), endpoint=server.url)
        outcomes = list(load(people, to=to, mode=mode))
    assert [call.json for call in server.calls] == [sent]
    refused = [outcome for outcome, each in zip(outcomes, people, strict=True) if each not in sent]
    assert [(each.status, each.problem and each.problem.field) for each in refused] == [(REJECTED, "onDuplicate")]


def test_a_contact_of_which_pabbly_says_nothing_stays_open_though_it_is_there() -> None:
    found = says({"status": "success", "data": {"contacts": [{"mobile": "447946000002", "_id": "65"}]}})
    saved = says({"status": "success", "data": {"createdContacts": [{"mobile": "447946000001"}]}})
    people = [{"mobile": "447946000001"}, {"mobile": "447946000002"}]
    with VendorServer(calls(saved, found)) as server:
        to = Pabbly(auth=BearerKey(Secret("k")), endpoint=server.url)
        assert [outcome.status for outcome in load(people, to=to, mode="upsert")] == [UPDATED, UNKNOWN]
