"""What happened to other libraries under fault, each as a test of ours, judged by what the vendor stored.

The failures were measured by running the libraries. What was measured and has no test here:

| library | what was measured | why not here |
|---|---|---|
| openapi-python-client | generating again leaves other files, without a mark | `make generate`, test_generation.py |

bigtable, which did it right, has a test all the same: ours is to go on doing so.
"""

from __future__ import annotations

import importlib
import inspect
import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

import httpx
import pytest

from headcount import Kind, Outcome, Status, load
from headcount.auth import BearerKey, ClientCredentials, Secret
from headcount.destinations import Emarsys, Pabbly, Sinch
from tests.contract.harness import (
    ACCEPTED,
    CREATED,
    EXISTING,
    NOT_SENT,
    REJECTED,
    UNKNOWN,
    contact,
    destination,
    expect,
    key,
    misbehaving,
    run,
)
from tests.contract.vendor_server import Call, VendorServer, in_turn, raw, says

VENDORS = ["emarsys", "pabbly", "sinch"]
GOOD = {"emarsys": CREATED, "pabbly": CREATED, "sinch": ACCEPTED}


def by_hand(vendor: str, server: VendorServer) -> Emarsys | Pabbly | Sinch:
    """A destination at a hand-made server."""
    if vendor == "pabbly":
        return Pabbly(auth=BearerKey(Secret("key")), endpoint=server.url)
    auth = ClientCredentials(server.token_url, "key", Secret("secret"))
    if vendor == "emarsys":
        return Emarsys(auth=auth, endpoint=server.url)
    return Sinch(auth=auth, project_id="project-1", endpoint=server.url)


def accounted(outcomes: list[Outcome], count: int) -> list[Status]:
    """The statuses, after holding the outcomes to the promise: one an input, in order, each with its reason."""
    assert [outcome.index for outcome in outcomes] == list(range(count))
    assert all(outcome.problem for outcome in outcomes if outcome.status.needs_problem)
    return [outcome.status for outcome in outcomes]


# elasticsearch


def test_like_elasticsearch_three_of_ten_items_are_not_answered() -> None:
    """Its `bulk` reports 7 successes and no error, and 3 items vanish; we ask the vendor about the 3."""
    with misbehaving("emarsys", ids_withheld=3) as mock:
        ran = run(mock, "emarsys", 10)
    assert ran.statuses == expect((CREATED, 7), (EXISTING, 3))
    assert ran.stored() == list(range(10))


def test_like_elasticsearch_three_of_ten_items_are_answered_neither_first_nor_when_asked_for() -> None:
    """As before, with a vendor that says nothing of the 3 to the end: they are `unknown`, not gone."""
    items = [contact("pabbly", number) for number in range(10)]

    def answer(call: Call) -> bytes:
        if call.method == "POST":
            return says({"status": "success", "data": {"createdContacts": items[:7], "failedCount": 0}})
        return raw("<html>", 502)

    with VendorServer(answer) as server:
        outcomes = list(load(items, to=by_hand("pabbly", server), deadline=2.0))
    assert accounted(outcomes, 10) == expect((CREATED, 7), (UNKNOWN, 3))


@pytest.mark.parametrize("vendor", VENDORS)
def test_like_elasticsearch_the_second_of_three_chunks_times_out(vendor: str) -> None:
    """It raises in the midst, though told not to, and says nothing of 20 of 30; we account for all 30."""
    with misbehaving(vendor, [{"ending": "hang", "carried_out": True, "nth": 2}]) as mock:
        ran = run(mock, vendor, 30)
    assert ran.error is None
    assert ran.statuses == expect(
        (GOOD[vendor], 10), (UNKNOWN if vendor == "sinch" else EXISTING, 10), (GOOD[vendor], 10)
    )
    assert ran.stored() == list(range(30))


@pytest.mark.parametrize("vendor", VENDORS)
def test_like_elasticsearch_a_429_is_not_tried_again(vendor: str) -> None:
    """It raises at the first 429, though told to try three times; we wait and send again."""
    with misbehaving(vendor, faults=[{"answer": "rate_limited", "nth": 1, "operation": "createContacts"}]) as mock:
        ran = run(mock, vendor, 30)
    assert ran.statuses == [GOOD[vendor]] * 30
    assert ran.answers[429] == 1
    assert ran.stored() == list(range(30))


@pytest.mark.parametrize("ordered", [True, False])
def test_like_elasticsearch_what_was_tried_again_comes_last(ordered: bool) -> None:
    """It tells the outcome of a repeated item after all others; ours come in input order, unless told otherwise."""
    faults = [{"answer": "rate_limited", "nth": 1, "operation": "createContacts", "delay": 0.5}]
    with misbehaving("sinch", faults=faults) as mock:
        contacts = [contact("sinch", number) for number in range(60)]
        outcomes = list(load(contacts, to=destination("sinch", mock.url), max_batch=10, ordered=ordered))
    told = [outcome.index for outcome in outcomes]
    assert sorted(told) == list(range(60))
    assert [outcome.status for outcome in outcomes] == [ACCEPTED] * 60
    assert (told == list(range(60))) is ordered


# google-cloud-firestore


@pytest.mark.parametrize("ending", ["close", "reset_on_accept", "refuse"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_like_firestore_every_rpc_raises(vendor: str, ending: str) -> None:
    """Its `close` returns as if all were well, and 100 writes are lost without a call of the error handler; each of
    ours has its outcome, none of them good."""
    with misbehaving(vendor, [{"ending": ending, "operation": None}]) as mock:
        ran = run(mock, vendor, 100, max_batch=20, deadline=3.0)
    # A small body can be in the kernel's hands when the reset of its connection comes.
    may_have_landed = set() if ending == "refuse" else {UNKNOWN}
    assert {NOT_SENT} <= set(ran.statuses) <= {NOT_SENT} | may_have_landed
    assert ran.report.stop is not None and ran.report.stop.kind is Kind.DEADLINE
    assert ran.report.exit_code == 5
    assert ran.stored() == []


@pytest.mark.parametrize("vendor", ["emarsys", "sinch"])
def test_like_firestore_the_writer_hangs_after_an_outage(vendor: str) -> None:
    """Its count of writes in flight is not lowered by failures, so that it hangs after 559 of 2000; ours ends."""
    faults = [{"status": 503, "first": 20, "last": 28, "operation": "createContacts", "delay": 0.3}]
    with misbehaving(vendor, faults=faults) as mock:
        ran = run(mock, vendor, 2000, max_batch=20, concurrency=8, requests_per_second=1000)
    assert ran.error is None
    # Eight calls were in flight, and then one contact went to see whether the vendor is back.
    lost = 0 if vendor == "emarsys" else 8 * 20 + 1
    assert Counter(ran.statuses) == Counter({GOOD[vendor]: 2000 - lost, UNKNOWN: lost})
    assert len(ran.stored()) == 2000 - lost


# azure-search-documents


@pytest.mark.parametrize(("vendor", "status"), [("emarsys", EXISTING), ("pabbly", EXISTING), ("sinch", UNKNOWN)])
def test_like_azure_search_a_reset_loses_nine_of_ten(vendor: str, status: Status) -> None:
    """It writes 1 and loses 9 without a call of the error handler; ours are all written and all accounted for."""
    with misbehaving(vendor, [{"ending": "reset", "carried_out": True, "nth": 1}]) as mock:
        ran = run(mock, vendor, 10)
    assert ran.statuses == [status] * 10
    assert ran.stored() == list(range(10))


@pytest.mark.parametrize(("vendor", "limit"), [("emarsys", 170), ("pabbly", 150), ("sinch", 500)])
def test_like_azure_search_a_413_never_ends(vendor: str, limit: int) -> None:
    """It sends the halves and the whole again, without end; we send halves, and remember what fits."""
    with misbehaving(vendor, body_limit=limit) as mock:
        ran = run(mock, vendor, 40)
    assert ran.statuses == [GOOD[vendor]] * 40
    assert ran.stored() == list(range(40))
    assert 1 <= ran.answers[413] <= 4
    assert ran.report.requests <= 3 + 16


# boto3


@pytest.mark.parametrize("vendor", VENDORS)
def test_like_boto3_everything_is_unprocessed_for_ever(vendor: str) -> None:
    """It sends 1.5 million calls in a second; we send ever fewer, and end at the deadline."""
    with misbehaving(vendor, faults=[{"status": 429}]) as mock:
        ran = run(mock, vendor, 50, concurrency=4, deadline=2.0)
    assert ran.statuses == [NOT_SENT] * 50
    assert 2 <= ran.answers[429] <= 15
    assert ran.stored() == []


def test_like_boto3_the_body_of_with_raises_before_anything_was_asked_for() -> None:
    """It writes the 10 that it has gathered though the caller's own code has failed; we send nothing."""
    contacts = [contact("sinch", number) for number in range(10)]
    with misbehaving("sinch") as mock:
        with pytest.raises(ZeroDivisionError), load(contacts, to=destination("sinch", mock.url)) as under_way:
            raise ZeroDivisionError
        assert mock.stores["sinch"].writes == []
    assert list(under_way) == []
    assert under_way.so_far().input == 0


def test_like_boto3_the_body_of_with_raises_in_mid_run() -> None:
    """As before, later: the calls in flight are settled and none starts after them."""
    contacts = [contact("sinch", number) for number in range(1000)]
    with misbehaving("sinch") as mock:
        with (
            pytest.raises(ZeroDivisionError),
            load(contacts, to=destination("sinch", mock.url), max_batch=10, concurrency=2) as under_way,
        ):
            next(under_way)
            raise ZeroDivisionError
        stored = len(mock.stores["sinch"].writes)
        report = under_way.so_far()
    assert stored == report.counts[ACCEPTED] <= 50
    assert report.counts[NOT_SENT] == report.input - stored


# qdrant-client


@pytest.mark.parametrize("vendor", VENDORS)
def test_like_qdrant_a_429_does_not_count_as_an_attempt(vendor: str) -> None:
    """It sends 200 calls and more where 3 attempts are allowed, for a `Retry-After` of 0; we slow down ourselves."""
    with misbehaving(vendor, faults=[{"status": 429, "headers": {"Retry-After": "0"}}]) as mock:
        ran = run(mock, vendor, 10, deadline=2.0)
    assert ran.statuses == [NOT_SENT] * 10
    assert 2 <= ran.answers[429] <= 6
    assert {outcome.attempts for outcome in ran.outcomes} == {ran.answers[429]}


def test_like_qdrant_a_lost_connection_is_tried_again_at_once() -> None:
    """It tries again without a pause; we wait for 1 s, then 2 s, then 4 s."""
    with misbehaving("sinch", [{"ending": "reset_on_accept", "operation": None}]) as mock:
        ran = run(mock, "sinch", 10, deadline=3.5)
    assert ran.statuses == [NOT_SENT] * 10
    assert 2 <= len(ran.happened) <= 4


# openai


def test_like_openai_a_read_timeout_is_sent_three_times() -> None:
    """It sends a POST again that the server may have carried out; where that would double contacts we never do."""
    with misbehaving("sinch", [{"ending": "hang", "carried_out": True}]) as mock:
        ran = run(mock, "sinch", 10)
    assert ran.statuses == [UNKNOWN] * 10
    assert ran.kinds(UNKNOWN) == {Kind.TIMEOUT}
    assert len(ran.happened) == 1
    assert ran.stored() == list(range(10))


def test_like_openai_a_read_timeout_is_repeated_where_that_is_harmless() -> None:
    """As before, at a vendor that makes nothing double: after a pause, and never twice in its store."""
    with misbehaving("emarsys", [{"ending": "hang", "carried_out": True, "last": 2}]) as mock:
        ran = run(mock, "emarsys", 10, attempt_timeout=0.3)
    assert ran.statuses == [EXISTING] * 10
    assert ran.kinds(EXISTING) == {Kind.FOUND_AFTER_RESEND}
    assert ran.seconds >= 1 + 2
    assert ran.stored() == list(range(10))


# google-cloud-bigtable, which does it right


@pytest.mark.parametrize("vendor", ["emarsys", "pabbly"])
def test_like_bigtable_entries_without_an_answer_fail(vendor: str) -> None:
    """It says of each of the 3 that no response entry was received; so do we, when asking tells nothing either."""
    items = [contact(vendor, number) for number in range(10)]
    replies = {
        "emarsys": says({"replyCode": 0, "replyText": "OK", "data": {"ids": list(range(1, 8))}}),
        "pabbly": says({"status": "success", "data": {"createdContacts": items[:7], "failedCount": 0}}),
    }

    def answer(call: Call) -> bytes:
        create = call.method == "POST" and not call.path.endswith("checkids")
        return replies[vendor] if create else says({"replyCode": 0, "data": {"contacts": [{"mobile": "1"}] * 25}})

    with VendorServer(answer) as server:
        outcomes = list(load(items, to=by_hand(vendor, server), deadline=10.0))
    statuses = accounted(outcomes, 10)
    # Emarsys' seven ids cannot be told apart by their place, for three of ten are missing.
    wanted = expect((CREATED, 7), (UNKNOWN, 3)) if vendor == "pabbly" else [UNKNOWN] * 10
    assert statuses == wanted
    assert {each.problem.kind for each in outcomes if each.problem} == {Kind.UNANSWERED}
    assert len([call for call in server.calls if call.method == "POST" and call.path.endswith("contacts")]) <= 1


# pinecone


class Poisoned:
    """Refuses whole every batch that holds the contact with this number; takes any other."""

    def __init__(self, number: int, silent_at: int | None = None) -> None:
        self.identity = contact("sinch", number)["channel_identities"][0]["identity"]
        self.silent_at = silent_at
        self.calls = 0
        self.taken: list[str] = []

    def __call__(self, call: Call) -> bytes:
        self.calls += 1
        sent = [each["channel_identities"][0]["identity"] for each in call.json["contacts"]]
        if self.identity in sent:
            return says({"code": 400, "message": "invalid contact", "status": "INVALID_ARGUMENT"}, 400)
        self.taken += sent
        if self.calls == self.silent_at:
            time.sleep(1.5)
            return b""
        return raw("")


def test_like_pinecone_twenty_items_are_blamed_for_one() -> None:
    """It blames the whole batch for one bad item in 100; we take the batch apart and reject that one."""
    vendor = Poisoned(47)
    with VendorServer(vendor) as server:
        outcomes = list(
            load([contact("sinch", n) for n in range(100)], to=by_hand("sinch", server), max_batch=20, concurrency=1)
        )
    assert accounted(outcomes, 100) == expect((ACCEPTED, 47), (REJECTED, 1), (ACCEPTED, 52))
    assert Counter(vendor.taken) == Counter("+" + key("sinch", n).removeprefix("SMS:") for n in range(100) if n != 47)
    assert vendor.calls <= 4 + 2 * 5 + 2


def test_like_pinecone_what_timed_out_is_called_rejected() -> None:
    """It calls both `rejected`, what was refused and what may have landed; we tell them apart."""
    vendor = Poisoned(5, silent_at=1 + 8 + 1)
    with VendorServer(vendor) as server:
        to = by_hand("sinch", server)
        contacts = [contact("sinch", n) for n in range(30)]
        outcomes = list(load(contacts, to=to, max_batch=10, concurrency=1, attempt_timeout=0.7))
    statuses = accounted(outcomes, 30)
    assert statuses[5] is REJECTED
    assert Counter(statuses) == {ACCEPTED: 19, REJECTED: 1, UNKNOWN: 10}
    assert outcomes[5].problem and not outcomes[5].problem.retryable
    lost = [outcome for outcome in outcomes if outcome.status is UNKNOWN]
    assert {each.problem and each.problem.kind for each in lost} == {Kind.TIMEOUT}


# dlt


@pytest.mark.parametrize("vendor", ["emarsys", "sinch"])
def test_like_dlt_a_batch_is_written_twice_after_an_exception(vendor: str) -> None:
    """It writes the rows of the failed batch again, as it documents: 10 of 12,005 are there twice; none of ours is."""
    with misbehaving(vendor, [{"nth": 600, "ending": "reset", "carried_out": True}]) as mock:
        ran = run(mock, vendor, 12_005, concurrency=4, deadline=None, requests_per_second=10_000)
    odd = EXISTING if vendor == "emarsys" else UNKNOWN
    assert Counter(ran.statuses) == {GOOD[vendor]: 11_995, odd: 10}
    assert sorted(write.key for write in ran.writes) == sorted(ran.keys)


# sinch


def test_like_sinch_a_page_with_status_502_loses_its_status() -> None:
    """It raises that the JSON cannot be parsed, with no status, and does not say that the contact may exist."""
    with misbehaving("sinch", faults=[{"answer": "bad_gateway", "carried_out": True}]) as mock:
        ran = run(mock, "sinch", 10)
    assert ran.statuses == [UNKNOWN] * 10
    assert {outcome.problem and outcome.problem.http_status for outcome in ran.outcomes} == {502}
    assert ran.stored() == list(range(10))


# openapi-python-client: through a load, then the clients that our templates make


@pytest.mark.parametrize(("vendor", "status"), [("emarsys", EXISTING), ("pabbly", EXISTING), ("sinch", UNKNOWN)])
def test_like_openapi_python_client_status_520(vendor: str, status: Status) -> None:
    """It raises ValueError, for Python has no name for 520; to us it is an answer that says nothing sure."""
    fault = {"status": 520, "carried_out": True, "nth": 1, "operation": "createContacts"}
    with misbehaving(vendor, faults=[fault]) as mock:
        ran = run(mock, vendor, 20)
    assert ran.error is None
    assert ran.statuses == expect((status, 10), (GOOD[vendor], 10))
    assert ran.stored() == list(range(20))


UNREADABLE_200 = {
    "a page": "<html><body>Sign in</body></html>",
    "a required field missing": '{"data": {}}',
    "a list": "[]",
    "a list of contacts": '[{"id": 1}]',
}
"""An object without any field is what Sinch documents of a success, so the second says something there."""


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("what", UNREADABLE_200)
def test_like_openapi_python_client_an_unreadable_200(vendor: str, what: str) -> None:
    """It raises JSONDecodeError or KeyError, and the contact may exist; we say `unknown`, or ask the vendor."""
    fault = {
        "status": 200,
        "body": UNREADABLE_200[what],
        "carried_out": True,
        "nth": 1,
        "operation": "createContacts",
    }
    with misbehaving(vendor, faults=[fault]) as mock:
        ran = run(mock, vendor, 20)
    assert ran.error is None
    at_sinch = ACCEPTED if what == "a required field missing" else UNKNOWN
    assert ran.statuses == expect((at_sinch if vendor == "sinch" else EXISTING, 10), (GOOD[vendor], 10))
    assert ran.stored() == list(range(20))


WRONG_TYPES = {
    "emarsys": [
        {"replyCode": 0, "data": {"ids": "ten"}},
        {"replyCode": 0, "data": {"ids": [{"id": 7}] * 10}},
        {"replyCode": 0, "data": {"ids": [None] * 10}},
        {"replyCode": 0, "data": {"ids": list(range(10)), "errors": 7}},
        {"replyCode": None, "data": {"ids": list(range(10))}},
    ],
    "pabbly": [
        {"status": "success", "data": {"createdContacts": "ten"}},
        {"status": "success", "data": {"createdContacts": [7, None] * 5}},
        {"status": "success", "data": {"createdContacts": [{"mobile": None}] * 9}},
        {"status": 7, "data": [None] * 10},
    ],
    "sinch": [{"code": "0", "message": 7, "error": {"code": None}}, {"errors": [None]}],
}


@pytest.mark.parametrize(
    ("vendor", "reply"), [(vendor, json.dumps(reply)) for vendor, replies in WRONG_TYPES.items() for reply in replies]
)
def test_like_openapi_python_client_a_200_with_wrong_types(vendor: str, reply: str) -> None:
    """It takes `id: 7, email: null` without a word, for its models do not check types; we believe none of it."""
    with VendorServer(in_turn(raw(reply, content_type="application/json"), b"")) as server:
        contacts = [contact(vendor, number) for number in range(10)]
        outcomes = list(load(contacts, to=by_hand(vendor, server), attempt_timeout=1.0, deadline=2.0))
    assert accounted(outcomes, 10) == [UNKNOWN] * 10
    assert {outcome.vendor_id for outcome in outcomes} == {None}


def test_like_openapi_python_client_a_call_waits_for_ever() -> None:
    """Its clients have no time limit unless one is given; a load has one for each call, 60 s, and here less."""
    assert inspect.signature(load).parameters["attempt_timeout"].default == 60.0
    with misbehaving("sinch", [{"ending": "hang"}]) as mock:
        ran = run(mock, "sinch", 10, attempt_timeout=0.5, deadline=None)
    assert ran.kinds(UNKNOWN) == {Kind.TIMEOUT}
    assert 0.5 <= ran.seconds < 3


CONTACT = {"channel_identities": [{"channel": "SMS", "identity": "+447946000000"}], "language": "EN_GB"}
PROJECT = {"project_id": "project-1"}
CLIENTS: Mapping[str, tuple[str, Mapping[str, str], Any]] = {
    "emarsys": ("create_contacts", {}, {"contacts": [{"3": "ada@example.com"}]}),
    "pabbly_chatflow": ("create_contacts", {}, {"mobile": "447946000000"}),
    "sinch_batch": ("create_contacts", PROJECT, {"contacts": [CONTACT]}),
    "sinch_conversation": ("create_contact", PROJECT, CONTACT),
}
"""A call of each generated client: its module, what is in its path, its body."""


def generated(name: str) -> Any:
    return importlib.import_module(f"headcount_api.clients.{name}")


def errors_of(name: str) -> Any:
    return importlib.import_module(f"headcount_api.clients.{name}.errors")


def call(name: str, server: VendorServer, **settings: Any) -> Any:
    """The response to the call."""
    module, path, body = CLIENTS[name]
    function = importlib.import_module(f"headcount_api.clients.{name}.api.contacts.{module}").sync_detailed
    parameter = inspect.get_annotations(function)["body"]
    request = next(kind for kind in get_args(parameter) or (parameter,) if kind is not list).from_dict(body)
    with generated(name).AuthenticatedClient(server.url, token="token", **settings) as client:
        return function(client=client, body=request, **path)


@pytest.mark.parametrize("name", CLIENTS)
def test_like_openapi_python_client_status_520_in_a_client_of_ours(name: str) -> None:
    """Its client raises ValueError; ours answers with the number, or raises what says it, where that is wanted."""
    with VendorServer(in_turn(raw("<html>", 520))) as server:
        response = call(name, server)
        assert (response.status_code, response.parsed, response.content) == (520, None, b"<html>")
        with pytest.raises(errors_of(name).UnexpectedStatus) as raised:
            call(name, server, raise_on_unexpected_status=True)
    assert raised.value.status_code == 520


@pytest.mark.parametrize("body", ["<html>", '[{"id": 1}]', "7", ""])
@pytest.mark.parametrize(
    ("name", "status"), [("emarsys", 200), ("pabbly_chatflow", 200), ("sinch_conversation", 200), ("sinch_batch", 400)]
)
def test_like_openapi_python_client_an_unreadable_200_in_a_client_of_ours(name: str, status: int, body: str) -> None:
    """Its client raises JSONDecodeError or KeyError; ours one error with status and body, which says that it may
    have been done. Sinch's batch service promises nothing of a success, so there it is a refusal that is read."""
    unreadable = errors_of(name).UnreadableResponse
    with VendorServer(in_turn(raw(body, status))) as server, pytest.raises(unreadable) as raised:
        call(name, server)
    assert (raised.value.status_code, raised.value.content) == (status, body.encode())


@pytest.mark.parametrize("name", CLIENTS)
def test_like_openapi_python_client_a_client_of_ours_waits_for_ever(name: str) -> None:
    """Its client has no time limit where none is given; ours has 60 s, and keeps to another that it is given."""
    client = generated(name).AuthenticatedClient("http://127.0.0.1:9", token="token")
    for each in (client, generated(name).Client("http://127.0.0.1:9")):
        assert each.get_httpx_client().timeout == httpx.Timeout(60.0)
    with VendorServer(lambda _: time.sleep(1) or b"") as server, pytest.raises(httpx.ReadTimeout):
        call(name, server, timeout=httpx.Timeout(0.1))


@pytest.mark.parametrize("name", CLIENTS)
def test_like_openapi_python_client_with_headers_changes_the_original(name: str) -> None:
    """Its copy shares the headers, so that the original sends them too; ours has its own."""
    with VendorServer(in_turn(raw("{}"))) as server:
        original = generated(name).AuthenticatedClient(server.url, token="token", headers={"X-First": "1"})
        original.get_httpx_client()
        copy = original.with_headers({"X-Second": "2"})
        for client in (copy, original):
            with client:
                client.get_httpx_client().get("/contacts")
    with_both, with_one = (set(each.headers) & {"x-first", "x-second"} for each in server.calls)
    assert with_both == {"x-first", "x-second"}
    assert with_one == {"x-first"}
