"""What Sinch's replies say of contacts, in each mode.

The batch service answers with an empty success and works asynchronously: what it takes is `accepted`. What is said of
replies is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
from headcount.core.batches import Answer, Batch
from headcount.core.exchange import Reply
from headcount.destinations.base import SILENT, Texts, decoded, identifier, identifier_of
from headcount.outcome import Kind, Problem, Status

_EXTERNAL_ID = "external_id\n"


class _Found(msgspec.Struct):
    contacts: list[Any] | None = None


class _Contact(msgspec.Struct):
    id: Any = None


class _Error(msgspec.Struct):
    code: Any = None
    message: Any = None
    status: Any = None
    details: Any = None
    error: Any = None
    errors: Any = None

    @property
    def is_one(self) -> bool:
        """Whether it reads like an error; 0 and 200 are codes of success."""
        return bool(self.error or self.errors) or str(self.code) not in ("None", "0", "200", "OK")


def read(batch: Batch, reply: Reply, mode: str) -> Judgement:
    """What the reply to a mode's call says."""
    judgement = _read(batch, reply)
    return _with_absence(batch, reply, judgement) if mode == "delete" else judgement


def read_look_up(batch: Batch, reply: Reply, hint: object, mode: str) -> Judgement:
    """What the reply to a look-up says. `hint` is the status that the contact has had so far."""
    return (_read_by_id if mode == "delete" else _read_list)(batch, reply, hint)


def read_call(told: Batch, reply: Reply) -> Judgement | None:
    """What the reply to a single call says if it refuses it; None for a success."""
    judgement = _read(told, reply)
    return None if judgement.meaning is Meaning.ANSWERED else judgement


def _read(batch: Batch, reply: Reply) -> Judgement:
    if reply.successful and not reply.body.strip():
        return Judgement(Meaning.ANSWERED, Answer.same(len(batch), Status.ACCEPTED))
    outer = decoded(reply.body, _Error)
    if outer is None:
        return judge_status(reply)
    if reply.successful:
        # The page documents no field of a success, so an object says it, unless it reads like an error.
        if outer.is_one:
            return unreadable(reply, "the reply is a success and an error at once")
        return Judgement(Meaning.ANSWERED, Answer.same(len(batch), Status.ACCEPTED))
    nested = outer.error if isinstance(outer.error, dict) else None
    error = outer if nested is None else msgspec.convert(nested, _Error)
    message = error.message if isinstance(error.message, str) else outer.error
    texts = Texts(batch)
    named, violation = _violation(error.details)
    field = texts.field(named)
    text = ": ".join(part for part in (message, violation) if isinstance(part, str) and part)
    judgement = judge_status(reply, texts.masked(text), texts.code(error.status) or texts.code(error.code))
    if judgement.meaning is Meaning.REFUSED and judgement.problem is not None and len(batch) == 1:
        problem = attrs.evolve(judgement.problem, kind=Kind.INVALID_VALUE if field else Kind.REFUSED, field=field)
        return attrs.evolve(judgement, problem=problem)
    return judgement


def _with_absence(batch: Batch, reply: Reply, judgement: Judgement) -> Judgement:
    """A 404 in the vendor's form, which for a delete may be for one of its ids or for them all (inferred)."""
    if judgement.problem is None or not _is_not_found(reply):
        return judgement
    problem = attrs.evolve(judgement.problem, kind=Kind.NOT_FOUND)
    if len(batch) == 1:
        return Judgement(Meaning.ANSWERED, Answer([Status.REJECTED], {0: problem}))
    return Judgement(Meaning.REFUSED, problem=problem)


def _is_not_found(reply: Reply) -> bool:
    """Whether the vendor says so, and not some server between."""
    error = decoded(reply.body, _Error) if reply.status == 404 else None
    return error is not None and error.is_one


def _read_by_id(batch: Batch, reply: Reply, hint: object) -> Judgement:
    """`hint` is the status of a contact to delete. One that is still there may be on its way out, so it stays that."""
    if _is_not_found(reply):
        if hint is Status.ACCEPTED:
            return Judgement(Meaning.ANSWERED, Answer([Status.UPDATED]))
        gone = Problem(Kind.NOT_FOUND, "not there: deleted, or it never was", http_status=reply.status)
        return Judgement(Meaning.ANSWERED, Answer([Status.UNKNOWN], {0: gone}))
    found = decoded(reply.body, _Contact)
    if not reply.successful or found is None or found.id != batch.keys[0]:
        return judge_status(reply)
    there = Problem(Kind.UNCONFIRMED, "still there", http_status=reply.status)
    status = Status.ACCEPTED if hint is Status.ACCEPTED else Status.UNKNOWN
    return Judgement(Meaning.ANSWERED, Answer([status], {0: there}))


def _read_list(batch: Batch, reply: Reply, hint: object) -> Judgement:
    """A contact that is not there may still be on its way, so it stays what it was: `hint`, its status."""
    found = decoded(reply.body, _Found)
    if not reply.successful or found is None or found.contacts is None:
        return judge_status(reply)
    contacts = [raw for raw in found.contacts if isinstance(raw, dict) and batch.keys[0] in known_by(raw)]
    ids = [identifier(contact.get("id")) for contact in contacts]
    vendor_id = identifier_of(ids[0], batch.payloads[0]) if len(ids) == 1 else None
    if hint is Status.ACCEPTED:
        if ids:
            return Judgement(Meaning.ANSWERED, Answer([Status.CREATED], {}, [vendor_id]))
        not_yet = Problem(Kind.UNCONFIRMED, "not found yet", http_status=reply.status)
        return Judgement(Meaning.ANSWERED, Answer([Status.ACCEPTED], {0: not_yet}))
    if ids:
        there = Problem(Kind.EXISTS, "found by its external id or identity", http_status=reply.status)
        return Judgement(Meaning.ANSWERED, Answer([Status.EXISTING], {0: there}, [vendor_id]))
    absent = attrs.evolve(SILENT, detail="not found, but it may be on its way")
    return Judgement(Meaning.ANSWERED, Answer([Status.UNKNOWN], {0: absent}))


def _violation(details: object) -> tuple[object, object]:
    """The first field violation of an error's details, as client sources show them: field and description."""
    for detail in details if isinstance(details, list) else []:
        violations = detail.get("field_violations") if isinstance(detail, dict) else None
        for violation in violations if isinstance(violations, list) else []:
            if isinstance(violation, dict):
                return violation.get("field"), violation.get("description")
    return None, None


# Keys


def external_id(key: str) -> str | None:
    """The external id that a contact with this key is looked up by, if it is."""
    return key.removeprefix(_EXTERNAL_ID) if key.startswith(_EXTERNAL_ID) else None


def known_by(contact: Mapping[str, Any]) -> tuple[str, ...]:
    """What a contact, sent or stored, is known by: its external id, if it has one, and its identities."""
    entries = contact.get("channel_identities")
    identities = [_identity(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    named = contact.get("external_id")
    return (f"{_EXTERNAL_ID}{named}", *identities) if named else tuple(identities)


def _identity(entry: Mapping[str, Any]) -> str:
    """An identity as one text. The vendor gives phone numbers back without their plus sign."""
    get = entry.get
    return f"{get('channel')}\n{str(get('identity')).removeprefix('+')}\n{get('app_id') or ''}"
