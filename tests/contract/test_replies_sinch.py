"""What a load makes of Sinch's fields and replies: the page's field list one field at a time, then the replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from headcount import Contact, Kind, Outcome, Status, load
from headcount.auth import ClientCredentials, Secret
from headcount.destinations import Sinch
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from tests.contract.vendor_server import UNREADABLE, Call, VendorServer, in_turn, raw, says

ACCEPTED, REJECTED, UNKNOWN = Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN
NOT_SENT, CREATED = Status.NOT_SENT, Status.CREATED

CHANNELS = (
    "WHATSAPP RCS SMS MESSENGER VIBERBM MMS INSTAGRAM TELEGRAM KAKAOTALK KAKAOTALKCHAT LINE WECHAT APPLEBC"
).split()
APP_SCOPED = ("MESSENGER", "INSTAGRAM", "LINE", "WECHAT")
LANGUAGES = (
    "AF SQ AR AZ BN BG CA ZH ZH_CN ZH_HK ZH_TW HR CS DA NL EN EN_GB EN_US ET FIL FI FR DE EL GU HA HE HI HU ID GA "
    "IT JA KN KK KO LO LV LT MK MS ML MR NB FA PL PT PT_BR PT_PT PA RO RU SR SK SL ES ES_AR ES_ES ES_MX SW SV TA TE "
    "TH TR UK UR UZ VI ZU"
).split()
BODY_LIMIT = 1024


def sinch(server: VendorServer, **settings: Any) -> Sinch:
    auth = ClientCredentials(server.token_url, "key", Secret("secret"))
    return Sinch(auth=auth, project_id="project-1", endpoint=server.url, **settings)


def contact(number: int = 1, **fields: Any) -> dict[str, Any]:
    identity = {"channel": "SMS", "identity": f"+1201555{number:04d}"}
    return {"channel_identities": [identity], "language": "EN_US"} | fields


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in contact().items() if name != field}


def on(channel: str, **fields: Any) -> dict[str, Any]:
    return contact(channel_identities=[{"channel": channel, "identity": "someone", **fields}])


def run(server: VendorServer, items: list[Any], *, channel: str = "SMS", **settings: Any) -> list[Outcome]:
    """All outcomes, which must be one for each input, in order."""
    outcomes = list(load(items, to=sinch(server, channel=channel), **settings))
    assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    assert all(outcome.problem is not None for outcome in outcomes if outcome.status.needs_problem)
    return outcomes


def statuses(outcomes: list[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def sent(server: VendorServer) -> list[dict[str, Any]]:
    return [item for call in server.calls for item in call.json["contacts"]]


def taking(call: Call) -> bytes:
    return raw("")


# The page's fields, one at a time


def test_the_lists_of_the_page_are_whole() -> None:
    assert (len(set(CHANNELS)), len(set(LANGUAGES))) == (13, 70)


GOOD: Mapping[str, dict[str, Any]] = {
    "the required fields only": contact(),
    "channel_priority": contact(channel_priority=["SMS", "WHATSAPP"]),
    "channel_priority with all channels": contact(channel_priority=CHANNELS),
    "channel_priority empty": contact(channel_priority=[]),
    "display_name": contact(display_name="Ada Lovelace"),
    "display_name empty": contact(display_name=""),
    "email": contact(email="ada@example.com"),
    "external_id": contact(external_id="1001"),
    "metadata": contact(metadata='{"source": "import"}'),
    "metadata of 1024": contact(metadata="m" * 1024),
    "metadata of 1024 beyond the basic plane": contact(metadata="\U0001f600" * 1024),
    "two identities": contact(
        channel_identities=[{"channel": channel, "identity": "+12015550001"} for channel in ("SMS", "MMS")]
    ),
    "app_id where none is needed": on("SMS", app_id="01EXAMPLE0APP0ID0000000000"),
}


@pytest.mark.parametrize("item", GOOD.values(), ids=GOOD.keys())
def test_a_contact_that_keeps_to_the_page_is_sent_as_it_is(item: dict[str, Any]) -> None:
    with VendorServer(taking) as server:
        assert statuses(run(server, [item])) == [ACCEPTED]
    assert sent(server) == [item]
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/v1/projects/project-1/contacts")
    assert call.headers["content-type"] == "application/json"


BAD: Mapping[str, tuple[dict[str, Any], str]] = {
    "no channel_identities": (without("channel_identities"), "channel_identities"),
    "channel_identities empty": (contact(channel_identities=[]), "channel_identities"),
    "channel_identities one object": (
        contact(channel_identities={"channel": "SMS", "identity": "1"}),
        "channel_identities",
    ),
    "no channel": (contact(channel_identities=[{"identity": "1"}]), "channel_identities.0.channel"),
    "another channel": (on("VIBER"), "channel_identities.0.channel"),
    "a channel in lower case": (on("sms"), "channel_identities.0.channel"),
    "no identity": (contact(channel_identities=[{"channel": "SMS"}]), "channel_identities.0.identity"),
    "identity a number": (
        contact(channel_identities=[{"channel": "SMS", "identity": 12015550001}]),
        "channel_identities.0.identity",
    ),
    "app_id a number": (on("LINE", app_id=7), "channel_identities.0.app_id"),
    "no language": (without("language"), "language"),
    "language empty": (contact(language=""), "language"),
    "another language": (contact(language="EN_AU"), "language"),
    "the language of replies": (contact(language="UNSPECIFIED"), "language"),
    "channel_priority a text": (contact(channel_priority="SMS"), "channel_priority"),
    "channel_priority with another channel": (contact(channel_priority=["SMS", "VIBER"]), "channel_priority.1"),
    "display_name a number": (contact(display_name=1), "display_name"),
    "email a list": (contact(email=["ada@example.com"]), "email"),
    "external_id a number": (contact(external_id=1001), "external_id"),
    "metadata of 1025": (contact(metadata="m" * 1025), "metadata"),
    "metadata an object": (contact(metadata={"source": "import"}), "metadata"),
}


@pytest.mark.parametrize(("item", "field"), BAD.values(), ids=BAD.keys())
def test_a_contact_that_does_not_keep_to_the_page_is_rejected_unsent(item: dict[str, Any], field: str) -> None:
    with VendorServer(taking) as server:
        outcomes = run(server, [item, contact(2)])
    assert statuses(outcomes) == [REJECTED, ACCEPTED]
    problem = outcomes[0].problem
    assert problem is not None
    assert problem.field == field
    assert problem.http_status is None
    assert outcomes[0].attempts == 0
    assert sent(server) == [contact(2)]


def test_a_field_that_the_page_does_not_have_is_rejected() -> None:
    with VendorServer(taking) as server:
        assert statuses(run(server, [contact(first_name="Ada")])) == [REJECTED]


@pytest.mark.parametrize("channel", CHANNELS)
def test_app_scoped_channels_and_no_others_require_an_app_id(channel: str) -> None:
    app = {"app_id": "01EXAMPLE0APP0ID0000000000"}
    with VendorServer(taking) as server:
        outcomes = run(server, [on(channel), on(channel, **app), on(channel, app_id="")], repeats=False)
    scoped = channel in APP_SCOPED
    assert statuses(outcomes) == [REJECTED if scoped else ACCEPTED, ACCEPTED, REJECTED if scoped else ACCEPTED]
    if scoped:
        assert outcomes[0].problem is not None
        assert (outcomes[0].problem.kind, outcomes[0].problem.field) == (
            Kind.MISSING_VALUE,
            "channel_identities.0.app_id",
        )


def test_every_language_of_the_page_is_taken() -> None:
    items = [contact(number, language=language) for number, language in enumerate(LANGUAGES)]
    with VendorServer(taking) as server:
        assert statuses(run(server, items)) == [ACCEPTED] * 70
    assert [item["language"] for item in sent(server)] == LANGUAGES


def test_every_language_of_the_page_is_taken_from_a_contact() -> None:
    spellings = LANGUAGES + [language.replace("_", "-") for language in LANGUAGES]
    items = [Contact(phone=f"+1201555{number:04d}", language=text) for number, text in enumerate(spellings)]
    with VendorServer(taking) as server:
        assert statuses(run(server, items, max_batch=70, concurrency=1)) == [ACCEPTED] * 140
    assert [item["language"] for item in sent(server)] == LANGUAGES * 2


PHONE_CHANNELS = ("WHATSAPP", "RCS", "SMS", "VIBERBM", "MMS")


@pytest.mark.parametrize("channel", PHONE_CHANNELS)
def test_a_contacts_phone_is_its_identity_on_the_channel(channel: str) -> None:
    person = Contact(
        phone="+1 (201) 555-0123",
        language="en-US",
        name="Ada Lovelace",
        email="ada@example.com",
        external_id="1001",
    )
    with VendorServer(taking) as server:
        assert statuses(run(server, [person], channel=channel)) == [ACCEPTED]
    assert sent(server) == [
        {
            "channel_identities": [{"channel": channel, "identity": "+12015550123"}],
            "language": "EN_US",
            "display_name": "Ada Lovelace",
            "email": "ada@example.com",
            "external_id": "1001",
        }
    ]


@pytest.mark.parametrize(
    ("person", "kind", "field"),
    [
        (Contact(language="EN"), Kind.MISSING_KEY, "channel_identities"),
        (Contact(phone="+12015550123"), Kind.MISSING_VALUE, "language"),
        (Contact(phone="+12015550123", language="tlh"), Kind.INVALID_VALUE, "language"),
        (Contact(phone="4.47911E+11", language="EN"), Kind.DAMAGED_VALUE, "channel_identities.SMS"),
        (Contact(phone="call me", language="EN"), Kind.INVALID_VALUE, "channel_identities.SMS"),
    ],
    ids=["no phone", "no language", "no such language", "damaged phone", "no phone number"],
)
def test_a_contact_that_lacks_what_the_page_requires_is_rejected(person: Contact, kind: Kind, field: str) -> None:
    with VendorServer(taking) as server:
        (outcome,) = run(server, [person])
    assert outcome.status is REJECTED and outcome.problem is not None
    assert (outcome.problem.kind, outcome.problem.field) == (kind, field)
    assert not server.calls


def test_no_more_than_a_thousand_go_in_one_call() -> None:
    with VendorServer(taking) as server:
        report = load((contact(number) for number in range(2500)), to=sinch(server), concurrency=1).report()
    assert report.counts[ACCEPTED] == 2500
    assert [len(call.json["contacts"]) for call in server.calls] == [1000, 1000, 500]


# What a success may look like

SUCCESSES: Mapping[str, bytes] = {
    "empty": raw(""),
    "white space": raw(" \r\n\t"),
    "an empty object": says({}),
    "no content": raw("", 204),
    "accepted": raw("", 202),
    "created": says({}, 201),
    "other fields": says({"batch_id": "01H", "contacts": [{"id": "1"}], "anything": None}),
    "a message": says({"message": "accepted", "status": "PENDING"}),
    "a code of success": says({"code": 0, "message": "OK", "status": "OK", "details": []}),
    "no error": says({"error": None}),
    "half a surrogate pair in what is not read": UNREADABLE["half a surrogate pair"],
    "without a content type": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "called plain text": raw("{}", content_type="text/plain"),
}


@pytest.mark.parametrize("reply", SUCCESSES.values(), ids=SUCCESSES.keys())
def test_a_success_is_accepted_and_never_created(reply: bytes) -> None:
    with VendorServer(in_turn(reply)) as server:
        outcomes = run(server, [contact(1), contact(2)])
    assert statuses(outcomes) == [ACCEPTED, ACCEPTED]
    assert [outcome.problem for outcome in outcomes] == [None, None]
    assert len(server.calls) == 1


AMBIGUOUS: Mapping[str, bytes] = {
    **{name: reply for name, reply in UNREADABLE.items() if name != "half a surrogate pair"},
    "an error inside a 200": says({"code": 7, "message": "denied", "status": "PERMISSION_DENIED", "details": []}),
    "an error without a message": says({"code": 403, "status": "PERMISSION_DENIED"}),
    "a nested error inside a 200": says({"error": {"code": 7, "message": "denied", "status": "PERMISSION_DENIED"}}),
    "an error as text inside a 200": says({"error": "denied"}),
    "errors inside a 200": says({"errors": [{"code": 7}]}),
    "an error twice": raw('{"error": {"code": 7}, "error": null}'),
    "500": says({"error": {"code": 500, "status": "INTERNAL_ERROR", "message": "oops"}}, 500),
    "501": says({}, 501),
    "502": raw("<html>Bad gateway</html>", 502),
    "503": says({"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}, 503),
    "409": says({}, 409),
    "hung up": b"",
}


@pytest.mark.parametrize("reply", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_may_have_landed_is_unknown_and_never_sent_again(reply: bytes) -> None:
    with VendorServer(in_turn(reply)) as server:
        outcomes = run(server, [contact(1), contact(2)])
    assert statuses(outcomes) == [UNKNOWN, UNKNOWN]
    assert len(server.calls) == 1
    assert all(outcome.problem and outcome.problem.detail for outcome in outcomes)


def test_an_unavailable_service_costs_the_batch_that_it_had() -> None:
    with VendorServer(in_turn(says({}, 503), raw(""))) as server:
        outcomes = run(server, [contact(number) for number in range(6)], max_batch=2, concurrency=1)
    assert statuses(outcomes) == [UNKNOWN, UNKNOWN, ACCEPTED, ACCEPTED, ACCEPTED, ACCEPTED]
    assert len(sent(server)) == 6


# Refusals


class Refusing:
    """Refuses whole every batch that holds one of `bad` (numbers), with the reply; takes any other."""

    def __init__(self, bad: set[int], reply: bytes) -> None:
        self.bad = {contact(number)["channel_identities"][0]["identity"] for number in bad}
        self.reply = reply
        self.taken: list[str] = []

    def __call__(self, call: Call) -> bytes:
        identities = [item["channel_identities"][0]["identity"] for item in call.json["contacts"]]
        if self.bad.intersection(identities):
            return self.reply
        self.taken += identities
        return raw("")


VIOLATION = {
    "@type": "type.googleapis.com/google.rpc.BadRequest",
    "field_violations": [{"field": "contacts[0].email", "description": "ada@example.com is no address"}],
}
REFUSALS: Mapping[str, tuple[bytes, str | None, str, str | None]] = {
    "flat": (
        says({"code": 400, "message": "Invalid argument", "status": "INVALID_ARGUMENT", "details": []}, 400),
        "INVALID_ARGUMENT",
        "Invalid argument",
        None,
    ),
    "nested": (
        says({"error": {"code": 400, "message": "Invalid argument", "status": "INVALID_REQUEST"}}, 400),
        "INVALID_REQUEST",
        "Invalid argument",
        None,
    ),
    "without a status": (says({"code": 3, "message": "Invalid argument"}, 400), "3", "Invalid argument", None),
    "code as text": (says({"code": "E17", "message": "Invalid argument"}, 400), "E17", "Invalid argument", None),
    "a text": (says({"error": "Invalid argument"}, 400), None, "Invalid argument", None),
    "field violations": (
        says({"error": {"code": 400, "message": "Bad", "status": "INVALID_ARGUMENT", "details": [VIOLATION]}}, 400),
        "INVALID_ARGUMENT",
        "Bad: <masked> is no address",
        "contacts[0].email",
    ),
    "the contact's own values": (
        says({"code": 400, "message": "number +12015550002 is bad", "status": "INVALID_ARGUMENT"}, 400),
        "INVALID_ARGUMENT",
        "number <channel_identities.identity> is bad",
        None,
    ),
    "details of any sort": (
        says({"code": 400, "message": "Bad", "status": "X", "details": [None, 7, {"field_violations": [3]}, {}]}, 400),
        "X",
        "Bad",
        None,
    ),
    "empty": (raw("", 400), None, "HTTP 400", None),
    "HTML": (raw("<html>Bad request</html>", 400), None, "HTTP 400", None),
    "a code that is a person": (
        says({"code": 400, "message": "Bad", "status": "ada@example.com is bad"}, 400),
        "400",
        "Bad",
        None,
    ),
}


@pytest.mark.parametrize(("reply", "code", "detail", "field"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refused_batch_costs_only_the_contact_that_caused_it(
    reply: bytes, code: str | None, detail: str, field: str | None
) -> None:
    vendor = Refusing({2}, reply)
    with VendorServer(vendor) as server:
        outcomes = run(server, [contact(number) for number in range(5)])
    assert statuses(outcomes) == [ACCEPTED, ACCEPTED, REJECTED, ACCEPTED, ACCEPTED]
    problem = outcomes[2].problem
    assert problem is not None
    assert (problem.code, problem.detail, problem.field, problem.http_status) == (code, detail, field, 400)
    assert problem.kind is (Kind.INVALID_VALUE if field else Kind.REFUSED)
    assert len(vendor.taken) == len(set(vendor.taken)) == 4


def test_several_bad_contacts_in_a_thousand_cost_themselves_only() -> None:
    bad = {0, 13, 14, 500, 871, 999}
    vendor = Refusing(bad, says({"code": 400, "message": "Invalid", "status": "INVALID_ARGUMENT"}, 400))
    with VendorServer(vendor) as server:
        outcomes = run(server, [contact(number) for number in range(1000)])
    assert {outcome.index for outcome in outcomes if outcome.status is REJECTED} == bad
    assert sum(outcome.status is ACCEPTED for outcome in outcomes) == 994
    assert len(vendor.taken) == len(set(vendor.taken)) == 994
    assert len(server.calls) < 150


def test_a_cause_common_to_all_ends_the_run_after_few_calls() -> None:
    refusal = says({"error": {"code": 400, "message": "Quota used up", "status": "FAILED_PRECONDITION"}}, 400)
    with VendorServer(in_turn(refusal)) as server:
        under_way = load([contact(number) for number in range(1000)], to=sinch(server))
        with pytest.raises(BatchRefusedError, match="FAILED_PRECONDITION"):
            list(under_way)
        counts = under_way.drain().counts
    assert counts[ACCEPTED] == counts[UNKNOWN] == 0
    assert counts[NOT_SENT] + counts[REJECTED] == 1000
    assert len(server.calls) <= 1 + 2 + 4 + 8


FORBIDDEN: Mapping[str, bytes] = {
    "flat": says({"code": 403, "message": "", "status": "PERMISSION_DENIED", "details": []}, 403),
    "nested": says({"error": {"code": 403, "message": "", "status": "PERMISSION_DENIED", "details": []}}, 403),
    "billing": says({"code": 403, "message": "limit", "status": "BILLING_CREDIT_LIMIT_BREACHED"}, 403),
    "empty": raw("", 403),
    "HTML": raw("<html>Forbidden</html>", 403),
}


@pytest.mark.parametrize("reply", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_forbidden_call_ends_the_run_with_nothing_taken(reply: bytes) -> None:
    with VendorServer(in_turn(reply)) as server:
        under_way = load([contact(number) for number in range(10)], to=sinch(server), max_batch=5, concurrency=1)
        with pytest.raises(CredentialsError) as raised:
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 10
    assert len(server.calls) == 1
    for status in (b"PERMISSION_DENIED", b"BILLING_CREDIT_LIMIT_BREACHED"):
        assert (status in reply) == (status.decode() in str(raised.value))


@pytest.mark.parametrize("status", [404, 405, 415])
def test_a_wrong_address_ends_the_run_with_nothing_taken(status: int) -> None:
    reply = says({"code": 404, "message": "no such app", "status": "NOT_FOUND"}, status)
    with VendorServer(in_turn(reply)) as server:
        under_way = load([contact(number) for number in range(3)], to=sinch(server))
        with pytest.raises(EndpointError, match="NOT_FOUND"):
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    with VendorServer(in_turn(raw("", status, location="/elsewhere"))) as server:
        under_way = load([contact(number) for number in range(3)], to=sinch(server))
        with pytest.raises(EndpointError):
            list(under_way)
        assert under_way.drain().counts[UNKNOWN] == 3
    assert [call.path for call in server.calls] == ["/v1/projects/project-1/contacts"]


def test_what_is_too_large_is_halved_and_one_that_is_too_large_alone_is_rejected() -> None:
    taken: list[str] = []

    def answer(call: Call) -> bytes:
        if len(call.body) > BODY_LIMIT:
            return raw("", 413)
        taken.extend(item["channel_identities"][0]["identity"] for item in call.json["contacts"])
        return raw("")

    items = [contact(number) for number in range(20)]
    items[7]["display_name"] = "x" * BODY_LIMIT
    with VendorServer(answer) as server:
        outcomes = run(server, items)
    assert [outcome.index for outcome in outcomes if outcome.status is not ACCEPTED] == [7]
    assert outcomes[7].status is REJECTED and outcomes[7].problem is not None
    assert (outcomes[7].problem.kind, outcomes[7].problem.http_status) == (Kind.TOO_LARGE, 413)
    assert len(taken) == len(set(taken)) == 19
