"""Single calls against a vendor by hand: whatever comes back, an error says what to do next, and nothing else comes."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from headcount import Kind
from headcount.errors import (
    CallError,
    ConflictError,
    CredentialsError,
    EndpointError,
    FatalError,
    HeadcountError,
    NotFoundError,
    RefusedError,
    RetryLaterError,
    UnknownOutcomeError,
    UsageError,
)
from headcount_api.clients.emarsys import models as emarsys
from headcount_api.clients.pabbly_chatflow import models as pabbly
from headcount_api.clients.sinch_batch import models as batch
from headcount_api.clients.sinch_conversation import models as conversation
from tests import sockets
from tests.contract.harness import destination
from tests.contract.vendor_server import UNREADABLE, Answer, VendorServer, a_token, bearer, in_turn, raw, says

SINCH_CONTACT: dict[str, Any] = {
    "channel_identities": [{"channel": "SMS", "identity": "+447946000001"}],
    "language": "EN_GB",
}
EMARSYS_CONTACTS = {"key_id": "3", "contacts": [{"3": "ada@canary.example"}]}

READS: Mapping[str, Callable[[Any], object]] = {
    "sinch": lambda api: api.conversation.get_contact("01HC0NTACT0000000000000001"),
    "emarsys": lambda api: api.check_contact_ids(
        emarsys.CheckContactIdsRequest(key_id="3", external_ids=["ada@canary.example"])
    ),
    "pabbly": lambda api: api.list_contacts(mobile="447946000001", name="Canary"),
}
WRITES: Mapping[str, Callable[[Any], object]] = {
    "sinch": lambda api: api.conversation.create_contact(conversation.Contact.from_dict(SINCH_CONTACT)),
    "sinch batch": lambda api: api.batch.create_contacts(
        batch.CreateContactsRequest.from_dict({"contacts": [SINCH_CONTACT]})
    ),
    "emarsys": lambda api: api.create_contacts(emarsys.CreateContactsRequest.from_dict(EMARSYS_CONTACTS)),
    "pabbly": lambda api: api.create_contacts(pabbly.Contact(mobile="447946000001", name="Canary")),
}
CALLS = [*[(name, call, True) for name, call in READS.items()], *[(name, call, False) for name, call in WRITES.items()]]
each_call = pytest.mark.parametrize(
    ("name", "call", "reads"), CALLS, ids=[f"{name} {'read' if reads else 'write'}" for name, _, reads in CALLS]
)


@contextmanager
def client(name: str, url: str, timeout: float = 5.0) -> Iterator[Any]:
    account: Any = destination(name.split()[0], url)
    with account.client(timeout=timeout) as api:
        yield api


def error_of(name: str, call: Callable[[Any], object], answer: Answer | bytes) -> HeadcountError:
    """What the call raises, to a vendor that answers so."""
    with (
        VendorServer(in_turn(answer) if isinstance(answer, bytes) else answer) as vendor,
        client(name, vendor.url) as api,
    ):
        return raised_by(call, api)


def errors_of(name: str, call: Callable[[Any], object], replies: Mapping[str, bytes]) -> Iterator[tuple[str, Any]]:
    """What the call raises for each of these replies, one after the other."""
    with VendorServer(in_turn(*replies.values())) as vendor, client(name, vendor.url) as api:
        for label in replies:
            yield label, raised_by(call, api)
        assert len(vendor.calls) == len(replies)


def raised_by(call: Callable[[Any], object], api: Any) -> HeadcountError:
    with pytest.raises(HeadcountError) as raised:
        call(api)
    error = raised.value
    for text in (str(error), repr(error)):
        assert "canary" not in text.lower() and "7946000001" not in text, text
    assert error.__context__ is None or "canary" not in str(error.__context__).lower()
    return error


STATUSES: Mapping[int, tuple[type[HeadcountError], type[HeadcountError]]] = {
    301: (EndpointError, UnknownOutcomeError),
    302: (EndpointError, UnknownOutcomeError),
    400: (RefusedError, RefusedError),
    403: (CredentialsError, CredentialsError),
    404: (NotFoundError, NotFoundError),
    405: (EndpointError, EndpointError),
    408: (RetryLaterError, UnknownOutcomeError),
    413: (RefusedError, RefusedError),
    415: (EndpointError, EndpointError),
    418: (RetryLaterError, UnknownOutcomeError),
    429: (RetryLaterError, RetryLaterError),
    500: (RetryLaterError, UnknownOutcomeError),
    502: (RetryLaterError, UnknownOutcomeError),
    503: (RetryLaterError, UnknownOutcomeError),
    520: (RetryLaterError, UnknownOutcomeError),
    999: (RetryLaterError, UnknownOutcomeError),
}
"""What a status means for a call that reads, and for one that writes."""
BODIES = {"empty": "", "HTML": "<html>ada@canary.example</html>", "object": "{}", "text": '"Canary +447946000001"'}


@pytest.mark.parametrize("body", BODIES)
@each_call
def test_a_status_says_what_to_do_next(name: str, call: Callable[[Any], object], reads: bool, body: str) -> None:
    replies = {str(status): raw(BODIES[body], status, location="http://127.0.0.1:9/") for status in STATUSES}
    for status, error in errors_of(name, call, replies):
        assert type(error) is STATUSES[int(status)][0 if reads else 1], (status, error)
        assert status in str(error)
        if isinstance(error, CallError):
            assert error.problem.http_status == int(status)


@each_call
def test_refused_credentials(name: str, call: Callable[[Any], object], reads: bool) -> None:
    assert type(error_of(name, call, raw("ada@canary.example", 401))) is CredentialsError


@each_call
def test_an_unreadable_success_is_no_success(name: str, call: Callable[[Any], object], reads: bool) -> None:
    replies = dict(UNREADABLE)
    if name == "sinch batch":
        del replies["half a surrogate pair"]  # an object that names no error is the batch service's success
    for reply, error in errors_of(name, call, replies):
        assert type(error) is (RetryLaterError if reads else UnknownOutcomeError), (reply, error)
        assert error.problem.kind in (Kind.UNREADABLE_REPLY, Kind.CONNECTION_LOST)


HOSTILE: Mapping[str, bytes] = {
    "a name twice": b'{"replyCode": 0, "replyCode": 0, "id": "1", "status": "success", "data": {}}',
    "members of other types": b'{"replyCode": 0, "replyText": [], "id": {}, "status": 7, "data": [[1]]}',
    "a number without end": b'{"replyCode": 1e999, "id": 1e999, "status": 1e999}',
    "infinity": b'{"replyCode": 0, "id": Infinity, "status": Infinity, "data": -Infinity}',
    "a page of a proxy": b'{"login": "https://proxy.example/ada@canary.example"}',
    "raw surrogates": b'{"replyCode": 0, "id": "\xed\xa0\x80", "status": "success", "data": {"x": "\xed\xa0\x80"}}',
    "an error called a success": b'{"error": {"code": 500, "message": "ada@canary.example"}, "replyCode": 2011}',
}


@each_call
def test_a_hostile_success_comes_out_as_an_error(name: str, call: Callable[[Any], object], reads: bool) -> None:
    of_batch = ("a name twice", "infinity", "an error called a success")
    # For the batch service an object that names no error is a success.
    replies = {key: raw(body) for key, body in HOSTILE.items() if name != "sinch batch" or key in of_batch}
    for reply, error in errors_of(name, call, replies):
        assert type(error) is (RetryLaterError if reads else UnknownOutcomeError), (reply, error)


def test_a_reply_beyond_every_measure_is_not_read_to_its_end() -> None:
    def pour(connection: socket.socket) -> None:
        sockets.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        piece = b" " * 1_000_000
        for _ in range(200):
            connection.sendall(piece)

    with sockets.Server(pour) as vendor, client("pabbly", vendor.url, 30) as api:
        with pytest.raises(RetryLaterError, match="longer than"):
            READS["pabbly"](api)
        with pytest.raises(UnknownOutcomeError, match="longer than"):
            WRITES["pabbly"](api)


def _read_and_reset(connection: socket.socket) -> None:
    sockets.read_request(connection)
    sockets.reset(connection)


def _read_and_wait(connection: socket.socket) -> None:
    sockets.read_request(connection)
    sockets.stay_silent(connection)


@each_call
def test_a_lost_reply_a_reset_and_silence(name: str, call: Callable[[Any], object], reads: bool) -> None:
    expected = RetryLaterError if reads else UnknownOutcomeError

    def hang_up(call: object) -> bytes:
        return b""

    assert type(error_of(name, call, hang_up)) is expected
    if name != "pabbly":
        return  # the others ask the token server first, which a server that only misbehaves has none of
    for handler, kind in ((_read_and_reset, Kind.CONNECTION_LOST), (_read_and_wait, Kind.TIMEOUT)):
        with sockets.Server(handler) as vendor, client(name, vendor.url, 0.3) as api, pytest.raises(expected) as raised:
            call(api)
        assert isinstance(raised.value, CallError) and raised.value.problem.kind is kind


@each_call
def test_nothing_was_done_where_nobody_listens(name: str, call: Callable[[Any], object], reads: bool) -> None:
    with client(name, f"http://127.0.0.1:{sockets.unused_port()}") as api, pytest.raises(RetryLaterError) as raised:
        call(api)
    assert raised.value.problem.retryable and raised.value.wait is None


@each_call
def test_what_the_vendor_asks_to_wait_is_told(name: str, call: Callable[[Any], object], reads: bool) -> None:
    error = error_of(name, call, raw("", 429, retry_after="17"))
    assert isinstance(error, RetryLaterError) and error.wait == 17.0


def test_an_aged_token_is_renewed_once_and_only_once() -> None:
    # The first token works, so that a 401 may mean that it has aged.
    tokens = in_turn(a_token("first"), a_token("second"), a_token("third"))
    replies = in_turn(says({"id": "1"}), says({}, 401), says({"id": "2"}))
    with VendorServer(replies, token=tokens) as vendor, client("sinch", vendor.url) as api:
        assert [READS["sinch"](api).id, READS["sinch"](api).id] == ["1", "2"]  # type: ignore[attr-defined]
        assert [bearer(call) for call in vendor.calls] == ["first", "first", "second"]
    replies = in_turn(says({"id": "1"}), says({}, 401))
    with VendorServer(replies, token=tokens) as vendor, client("sinch", vendor.url) as api:
        READS["sinch"](api)
        with pytest.raises(CredentialsError):
            READS["sinch"](api)
        assert len(vendor.calls) == 3


def test_a_token_server_that_refuses_or_does_not_answer() -> None:
    for reply, expected in (
        (says({"error": "invalid_client"}, 401), CredentialsError),
        (raw("", 503, retry_after="9"), RetryLaterError),
        (raw("", 404), EndpointError),
    ):
        with VendorServer(in_turn(says({})), token=in_turn(reply)) as vendor, client("sinch", vendor.url) as api:
            with pytest.raises(expected) as raised:
                WRITES["sinch"](api)
            assert not vendor.calls
            assert not isinstance(raised.value, RetryLaterError) or raised.value.wait == 9.0


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, 2009, ConflictError),
        (200, 2010, ConflictError),
        (200, 2008, NotFoundError),
        (400, 2008, NotFoundError),
        (400, 2004, RefusedError),
        (200, 2004, RefusedError),
        (200, 2005, RefusedError),
        (400, 1000, RefusedError),
        (400, 10001, RefusedError),
        (400, 2001, RetryLaterError),
        (200, 2011, UnknownOutcomeError),
        (429, 7003, RetryLaterError),
        (400, 1, EndpointError),
        (401, 1, CredentialsError),
        (200, 1, CredentialsError),
        (400, 65536, RefusedError),
    ],
)
def test_the_reply_codes_of_emarsys(status: int, code: int, expected: type[HeadcountError]) -> None:
    reply = says({"replyCode": code, "replyText": "no, ada@canary.example", "data": ""}, status)
    error = error_of("emarsys", WRITES["emarsys"], reply)
    assert type(error) is expected, error
    if isinstance(error, CallError):
        assert (error.problem.code, error.problem.http_status) == (str(code), status)
        assert "createContacts: no, <" in str(error)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": "error", "message": "Contact not saved"}, RefusedError),
        ({"success": False, "error": "Invalid request"}, RefusedError),
        ({"status": "error", "message": "Contact not found"}, NotFoundError),
        ({"status": "error", "message": "447946000001 already exists"}, ConflictError),
        (
            {
                "status": "error",
                "data": {"createdContacts": [], "failedContacts": [{"error": "Contact already exists"}]},
            },
            ConflictError,
        ),
    ],
)
def test_a_refusal_of_pabbly_inside_a_200(body: object, expected: type[HeadcountError]) -> None:
    assert type(error_of("pabbly", WRITES["pabbly"], says(body))) is expected


def test_what_pabbly_saved_is_told_though_the_rest_failed() -> None:
    data = {"createdContacts": [{"mobile": "1"}], "failedCount": 1, "failedContacts": [{"mobile": "2", "error": "no"}]}
    with VendorServer(in_turn(says({"status": "error", "data": data}))) as vendor, client("pabbly", vendor.url) as api:
        reply: Any = WRITES["pabbly"](api)
    assert [each.mobile for each in reply.data.created_contacts] == ["1"]
    assert [each.error for each in reply.data.failed_contacts] == ["no"]


def test_a_documented_conflict_was_not_done() -> None:
    reply = says({"status": "error", "message": "taken"}, 409)
    change = pabbly.UpdateContactRequest(mobile="447946000001")
    with VendorServer(in_turn(reply)) as vendor, client("pabbly", vendor.url) as api:
        with pytest.raises(ConflictError, match="taken"):
            api.update_contact("67a1b2c3d4e5f60718293a4b", change)
        assert len(vendor.calls) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda api: api.conversation.get_contact(""),
        lambda api: api.conversation.get_contact(".."),
        lambda api: api.conversation.get_contact("../webhooks"),
        lambda api: api.conversation.list_contacts(page_size=-1),
        lambda api: api.conversation.list_contacts(channel="PIGEON"),
        lambda api: api.conversation.create_contact({"language": "EN"}),
        lambda api: api.conversation.create_contact(conversation.Contact(channel_identities=[], language="EN")),
        lambda api: api.conversation.create_contact(
            conversation.Contact.from_dict({**SINCH_CONTACT, "display_name": "canary \ud800"})
        ),
        lambda api: api.conversation.create_contact(
            conversation.Contact.from_dict({**SINCH_CONTACT, "metadata": "canary" * 1000})
        ),
        lambda api: api.conversation.get_contact("01HC0NTACT0000000000000001", timeout=0),
        lambda api: api.conversation.get_contact("01HC0NTACT0000000000000001", timeout=float("nan")),
    ],
)
def test_a_call_that_the_spec_refuses_is_not_sent(call: Callable[[Any], object]) -> None:
    with VendorServer(in_turn(says({}))) as vendor, client("sinch", vendor.url) as api:
        with pytest.raises(UsageError) as raised:
            call(api)
        assert not vendor.calls and not vendor.token_calls
    assert "canary" not in str(raised.value) and raised.value.__context__ is None


def test_a_closed_client_sends_nothing() -> None:
    with VendorServer(in_turn(says({}))) as vendor:
        with client("pabbly", vendor.url) as api:
            pass
        with pytest.raises(UsageError, match="closed"):
            READS["pabbly"](api)
        assert not vendor.calls


def test_a_call_has_the_time_that_it_is_given() -> None:
    with (
        sockets.Server(sockets.stay_silent) as vendor,
        client("pabbly", vendor.url, timeout=600) as api,
        pytest.raises(RetryLaterError) as raised,
    ):
        api.list_contacts(timeout=0.2)
    assert raised.value.problem.kind is Kind.TIMEOUT


def test_errors_can_be_copied_between_processes() -> None:
    error = error_of("sinch", READS["sinch"], raw("", 429, retry_after="3"))
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, RetryLaterError) and isinstance(error, RetryLaterError)
    assert (str(copy), copy.problem, copy.wait) == (str(error), error.problem, 3.0)
    assert not isinstance(error, FatalError)
