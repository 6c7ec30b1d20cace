"""What a vendor in good order answers to the calls of a load, and what an answer, in order or not, says of contacts.

The second is an oracle: it shares nothing with the destinations, and grants a good status to a contact only where the
vendor's own words can be read so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import unquote

import attrs

from headcount import Status
from tests.contract.harness import contact
from tests.contract.vendor_server import Call
from tests.fuzz.bad_replies import Answer

Exchange = tuple[Call, Answer]
Words = dict[int, set[Status]]
"""By the number of a contact, the good statuses that the vendor's answers allow."""
Fails = Callable[[int], bool]
CREATED, UPDATED, ACCEPTED = Status.CREATED, Status.UPDATED, Status.ACCEPTED


@attrs.frozen
class Vendor:
    """How the calls of a destination in one mode are answered, and how its answers are read."""

    contact: Callable[[int], Mapping[str, Any]]
    good: Callable[[Call, Fails], tuple[int, Any]]
    words: Callable[[Sequence[Exchange], int], Words]
    operations: Sequence[tuple[str, str]]
    """Spec and operationId of the calls."""


def read(answer: Answer) -> Any:
    """The JSON value of an answer; `...` where it has none that is beyond doubt."""
    if answer.status is None or answer.body is None:
        return ...
    try:
        return json.loads(answer.body, object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError):
        return ...


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("which one?")
    return dict(pairs)


def _never(name: str) -> NoReturn:
    raise ValueError(name)


def is_success(answer: Answer) -> bool:
    return answer.status is not None and answer.status // 100 == 2


def members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# Emarsys


def email(number: int) -> str:
    return f"p{number}@example.com"


def _folded(key: object) -> str:
    return str(key).strip().casefold()


def _emarsys_good(call: Call, fails: Fails) -> tuple[int, Any]:
    if call.path.endswith("/checkids"):
        keys = call.json["external_ids"]
        found = {key: str(1000 + _number(key)) for at, key in enumerate(keys) if not fails(at)}
        errors = {
            key: {"2008": f"No contact found with the external id: 3 - {key}"} for key in keys if key not in found
        }
        return 200, _envelope({"ids": found or [], "errors": errors or []})
    if call.path.endswith("/delete"):
        keys = call.json["3"]
        errors = {key: {"2008": "No contact found with the external id: 3"} for at, key in enumerate(keys) if fails(at)}
        return 200, _envelope({"deleted_contacts": len(keys) - len(errors), "errors": errors or []})
    keys = [each["3"] for each in call.json["contacts"]]
    code = (
        {"2008": "No contact found"}
        if call.method == "PUT"
        else {"2009": "Contact with the external id already exists: 3"}
    )
    errors = {key: code for at, key in enumerate(keys) if fails(at)}
    ids = [1000 + _number(key) for key in keys if key not in errors]
    return 200, _envelope({"ids": ids} | ({"errors": errors} if errors else {}))


def _envelope(data: Any) -> Any:
    return {"replyCode": 0, "replyText": "OK", "data": data}


def _number(key: str) -> int:
    return int(re.sub(r"\D", "", key))


def _emarsys_words(mode: str) -> Callable[[Sequence[Exchange], int], Words]:
    def of_id(value: Any) -> Status:
        # In the reply to an upsert the id of a new contact is a number, that of an old one a text.
        new = mode == "create" or (mode == "upsert" and isinstance(value, int))
        return CREATED if new else UPDATED

    def words(exchanges: Sequence[Exchange], count: int) -> Words:
        told: dict[str, set[Status]] = {email(at): set() for at in range(count)}
        ids_of_calls: dict[str, dict[str, Status]] = {key: {} for key in told}
        for call, answer in exchanges:
            reply = members(read(answer))
            if not is_success(answer) or str(reply.get("replyCode")) not in ("0", "0.0", "-0.0", "False"):
                continue
            data = members(reply.get("data"))
            if call.path.endswith("/checkids"):
                for name, ids in members(data.get("ids")).items():
                    known = ids_of_calls.get(_folded(name), {})
                    told.get(_folded(name), set()).update(known[text] for text in map(str, _flat(ids)) if text in known)
                continue
            deletes = call.path.endswith("/delete")
            keys = call.json["3"] if deletes else [each["3"] for each in call.json["contacts"]]
            errors = data.get("errors")
            named = {_folded(key) for key in members(errors)} if not isinstance(errors, list) else set()
            rest = [key for key in keys if key not in named]
            ids = {str(each): of_id(each) for each in _flat(data.get("ids"))}
            for key in keys:
                ids_of_calls[key].update(ids)
            if deletes and str(data.get("deleted_contacts", len(rest) if len(keys) == 1 else None)) == str(len(rest)):
                ids = {"": UPDATED}
            elif deletes or len([*_flat(data.get("ids"))]) != len(rest):
                continue
            for key in rest:
                told[key].update(ids.values())
        return {at: told[email(at)] for at in range(count)}

    return words


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    elif value is not None:
        yield value


# Pabbly


def mobile(number: int) -> str:
    return f"4479460{number:05}"


def _digits(value: Any) -> str:
    return re.sub(r"\D", "", str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _pabbly_good(call: Call, fails: Fails) -> tuple[int, Any]:
    if call.method == "GET":
        (wanted,) = call.query["mobile"]
        contacts = [] if fails(0) else [{"_id": "c1", "mobile": wanted, "name": "Zoë"}]
        return 200, {"status": "success", "message": "OK", "data": {"contacts": contacts, "totalCount": len(contacts)}}
    numbers = [each["mobile"] for each in call.json]
    failed = [each for at, each in enumerate(numbers) if fails(at)]
    created = [{"mobile": each, "name": "Zoë"} for each in numbers if each not in failed]
    listed = [{"mobile": each, "error": "Contact already exists"} for each in failed]
    data = {"createdContacts": created, "failedContacts": listed, "failedCount": len(failed)}
    return 200, {"status": "success", "message": "Contacts created", "data": data}


def _pabbly_words(status: Status) -> Callable[[Sequence[Exchange], int], Words]:
    def words(exchanges: Sequence[Exchange], count: int) -> Words:
        told: dict[int, set[Status]] = {at: set() for at in range(count)}
        for call, answer in exchanges:
            if call.method == "GET" or not (is_success(answer) or answer.status == 400):
                continue
            data = members(members(read(answer)).get("data"))
            saved = [each.get("mobile") for each in entries(data.get("createdContacts")) if isinstance(each, dict)]
            numbers = [_digits(each) for each in saved]
            failed = max(len(entries(data.get("failedContacts"))), int(_digits(data.get("failedCount"))[:6] or 0))
            # An entry that is no whole number may speak of anyone, where enough is said for all to be meant; one
            # without its country speaks of whose number ends so.
            anonymous = [each for each in saved if len(_digits(each)) < 7 or re.search(r"[^\W\d_]", str(each))]
            carried = [_digits(each["mobile"]) for each in call.json]
            for at in range(count):
                ends = any(len(each) >= 7 and each[-7:] == mobile(at)[-7:] for each in numbers)
                if mobile(at) in carried and (ends or (anonymous and len(saved) + failed >= len(carried))):
                    told[at].add(status)
        return told

    return words


# Sinch


def external_id(number: int) -> str | None:
    """Every second contact has one."""
    return f"x{number}" if number % 2 else None


def sinch_contact(number: int) -> Mapping[str, Any]:
    own = external_id(number)
    return contact("sinch", number) | ({"external_id": own} if own else {})


def sinch_id(number: int) -> str:
    return f"01HV0000000000000000000{number:03}"


def _sinch_good(call: Call, fails: Fails) -> tuple[int, Any]:
    if call.method in ("POST", "DELETE"):
        return 200, {}
    last = unquote(call.path.rsplit("/", 1)[1])
    if last != "contacts":
        gone = {"error": {"code": 404, "message": "contact not found", "status": "NOT_FOUND", "details": []}}
        return (404, gone) if not fails(0) else (200, _sinch_stored(last, "SMS", "447946000000", ""))
    query = {name: values[0] for name, values in call.query.items()}
    stored = _sinch_stored(
        sinch_id(0), query.get("channel", "SMS"), query.get("identity", "447946000000"), query.get("external_id", "")
    )
    return 200, {"contacts": [] if fails(0) else [stored], "next_page_token": ""}


def _sinch_stored(contact_id: str, channel: str, identity: str, own: str) -> Any:
    identities = [{"channel": channel, "identity": identity.removeprefix("+"), "app_id": ""}]
    return {"id": contact_id, "channel_identities": identities, "external_id": own, "language": "EN_GB"}


def _reads_like_an_error(value: Any) -> bool:
    value = members(value)
    return bool(value.get("error") or value.get("errors")) or str(value.get("code")) not in ("None", "0", "200", "OK")


def _is_taken(answer: Answer) -> bool:
    if not is_success(answer) or answer.body is None:
        return False
    value = read(answer)
    return not answer.body.strip() or (isinstance(value, dict) and not _reads_like_an_error(value))


def _sinch_words(exchanges: Sequence[Exchange], count: int) -> Words:
    told: dict[int, set[Status]] = {at: set() for at in range(count)}
    for call, answer in exchanges:
        for at in range(count):
            if call.method == "POST" and sinch_contact(at) in call.json["contacts"] and _is_taken(answer):
                told[at].add(ACCEPTED)
            found = entries(members(read(answer)).get("contacts")) if is_success(answer) else []
            asked = call.method == "GET" and call.query.get("external_id") == [external_id(at)]
            if asked and any(members(each).get("external_id") == external_id(at) for each in found):
                told[at].add(CREATED)
    return told


def _sinch_delete_words(exchanges: Sequence[Exchange], count: int) -> Words:
    told: dict[int, set[Status]] = {at: set() for at in range(count)}
    for call, answer in exchanges:
        for at in range(count):
            if call.method == "DELETE" and sinch_id(at) in call.json["contact_ids"] and _is_taken(answer):
                told[at].add(ACCEPTED)
            gone = answer.status == 404 and _reads_like_an_error(read(answer))
            if call.method == "GET" and call.path.endswith(f"/{sinch_id(at)}") and gone:
                told[at].add(UPDATED)
    return told


_SINCH = ("sinch_batch", "createContacts"), ("sinch_conversation", "listContacts")
VENDORS: Mapping[tuple[str, str], Vendor] = {
    **{
        ("emarsys", mode): Vendor(
            lambda at: {"3": email(at)},
            _emarsys_good,
            _emarsys_words(mode),
            [("emarsys", operation), ("emarsys", "checkContactIds")],
        )
        for mode, operation in (
            ("create", "createContacts"),
            ("upsert", "updateContacts"),
            ("update", "updateContacts"),
            ("delete", "deleteContacts"),
        )
    },
    **{
        ("pabbly", mode): Vendor(
            lambda at: {"mobile": mobile(at)},
            _pabbly_good,
            _pabbly_words(status),
            [("pabbly_chatflow", "createContacts"), ("pabbly_chatflow", "listContacts")],
        )
        for mode, status in (("create", CREATED), ("upsert", UPDATED))
    },
    ("sinch", "create"): Vendor(sinch_contact, _sinch_good, _sinch_words, _SINCH),
    ("sinch", "delete"): Vendor(
        lambda at: {"id": sinch_id(at)},
        _sinch_good,
        _sinch_delete_words,
        [("sinch_batch", "deleteContacts"), ("sinch_conversation", "getContact")],
    ),
}
"""By destination and mode."""
