"""What Pabbly Chatflow's replies say of contacts, in each mode.

What is said of replies is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import msgspec

from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
from headcount.core.batches import Answer, Batch
from headcount.core.exchange import Reply
from headcount.destinations.base import SILENT, Texts, decoded, identifier, identifier_of
from headcount.outcome import Kind, Problem, Status

_FAILED = frozenset({"error", "fail", "failed", "failure"})
_PAGE_SIZE = 25
_DUPLICATE = re.compile(r"duplicate|already exist|^(?!.*\bno\b).*\bexists\b", re.IGNORECASE)
_ABSENT = re.compile(r"not found|does not exist", re.IGNORECASE)
_MOST_READ = 1000
"""Characters of a text that are searched for such words."""
_LETTER = re.compile(r"[^\W\d_]")
_END = 7  # digits that a number has without its country, at least
_NOT_DIGITS = re.compile(r"[^0-9]+")

_OF_UPSERT = {Status.CREATED: Status.UPDATED, Status.EXISTING: Status.REJECTED}
"""What a create's statuses are in an upsert: the vendor lists what it saved without a word on what is new of it, and no
duplicate is to be left alone."""


class _Stored(msgspec.Struct):
    mobile: Any = None
    id: Any = msgspec.field(default=None, name="_id")


class _Failed(msgspec.Struct):
    mobile: Any = None
    error: Any = None
    message: Any = None

    @property
    def text(self) -> str | None:
        return _first_text(self.error, self.message)


class _Result(msgspec.Struct):
    createdContacts: list[Any] | None = None
    failedContacts: list[Any] | None = None
    failedCount: Any = None
    contacts: list[Any] | None = None

    @property
    def failures(self) -> int | None:
        """How many failed, by count or by list, whichever says more; None when the count cannot be read."""
        listed = len(self.failedContacts or ())
        count = self.failedCount
        if count is None:
            return listed
        if isinstance(count, bool) or not re.fullmatch(r"[0-9]{1,6}", str(count)):
            return None
        return max(listed, int(count))


class _Envelope(msgspec.Struct):
    status: Any = None
    message: Any = None
    success: Any = None
    error: Any = None
    data: Any = None

    @property
    def failed(self) -> bool:
        """Both envelopes that are known can say so inside a 200."""
        return str(self.success).lower() == "false" or str(self.status).lower() in _FAILED

    @property
    def says_something(self) -> bool:
        """A success says that it is one, or what was asked for."""
        return self.data is not None or self.status is not None or self.success is not None

    @property
    def text(self) -> str | None:
        return _first_text(self.message, self.error)


def _first_text(*values: object) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def digits(mobile: object) -> str:
    """The digits of a mobile, however it is written; none of what is no mobile."""
    return _NOT_DIGITS.sub("", mobile) if isinstance(mobile, str) else str(mobile) if isinstance(mobile, int) else ""


def read(batch: Batch, reply: Reply, mode: str) -> Judgement:
    """What the reply to a mode's call says."""
    judgement = _read(batch, reply)
    return judgement if mode == "create" else _meant(judgement, _OF_UPSERT)


def read_look_up(batch: Batch, reply: Reply, hint: object, mode: str) -> Judgement:
    """What the list says. `hint` is the problem of a contact that is known to have failed, unless it is there.

    In an upsert it has failed also if it is there; where nothing is known of it, it may hold what was sent or not.
    """
    judgement = _read_look_up(batch, reply, hint)
    if mode == "create":
        return judgement
    return _meant(judgement, {Status.EXISTING: Status.REJECTED if isinstance(hint, Problem) else Status.UNKNOWN})


def _meant(judgement: Judgement, statuses: Mapping[Status, Status]) -> Judgement:
    if judgement.answer is not None:
        judgement.answer.statuses = [statuses.get(status, status) for status in judgement.answer.statuses]
    return judgement


def _read(batch: Batch, reply: Reply) -> Judgement:
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return judge_status(reply)
    if not reply.successful and reply.status != 400:
        return judge_status(reply, Texts(batch).masked(envelope.text))
    result = _result(envelope.data)
    if not reply.successful or envelope.failed:
        return _read_refusal(batch, reply, envelope, result)
    if result.createdContacts is None and not result.failedContacts:
        return unreadable(reply)
    return _matched(batch, reply, result, None)


def _read_refusal(batch: Batch, reply: Reply, envelope: _Envelope, result: _Result) -> Judgement:
    """A 400, or a failure inside a 200, as the vendor's own app expects.

    It refuses the whole unless it tells contacts apart. With a 400 and nothing created, a list of some failed
    contacts tells no more of the rest than that the whole was refused.
    """
    if reply.status == 400:
        told_apart = result.failures == len(batch)
    else:
        told_apart = bool(result.failures or result.failedContacts)
    if result.createdContacts or told_apart:
        return _matched(batch, reply, result, envelope.text or "the vendor names no reason")
    status, problem = _failure(envelope.text, Texts(batch), None, reply)
    if len(batch) == 1 and status is Status.EXISTING:
        return Judgement(Meaning.ANSWERED, Answer([status], {0: problem}))
    return Judgement(Meaning.REFUSED, problem=attrs.evolve(problem, kind=Kind.REFUSED))


def read_call(told: Batch, reply: Reply) -> Judgement | None:
    """The refusal of a single call, with any status. What tells of contacts that were created refuses nothing."""
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return unreadable(reply) if reply.successful else None
    result = _result(envelope.data)
    if reply.successful and (result.createdContacts or not envelope.failed):
        return None if envelope.says_something else unreadable(reply)
    text = _first_text(*(_failed(raw).text for raw in result.failedContacts or ()), envelope.text)
    _, problem = _failure(text, Texts(told), None, reply)
    if text and _ABSENT.search(text[:_MOST_READ]):
        problem = attrs.evolve(problem, kind=Kind.NOT_FOUND)
    if reply.successful or reply.status == 400:
        return Judgement(Meaning.REFUSED, problem=problem)
    return judge_status(reply, problem.detail)


def _result(data: object) -> _Result:
    try:
        return msgspec.convert(data, _Result) if isinstance(data, dict) else _Result()
    except msgspec.ValidationError:
        return _Result()


def _matched(batch: Batch, reply: Reply, result: _Result, refusal: str | None) -> Judgement:
    """Outcomes by mobile. What names nobody is matched only where nothing else is possible.

    `refusal` is the text of the whole, if the reply calls itself a failure.
    """
    created = [entry for entry in map(_stored, result.createdContacts or ()) if entry is not None]
    failed = [_failed(raw) for raw in result.failedContacts or ()]
    failures = result.failures
    answer = Answer.same(len(batch), Status.UNKNOWN, SILENT)
    contacts = Texts(batch)
    places = _places(batch)
    saved: dict[str, int] = {}
    strays = 0
    named = []
    for entry in created:
        place = places.pop(digits(entry.mobile), None)
        if place is not None:
            saved[digits(entry.mobile)] = place
            _enter(answer, place, Status.CREATED)
        elif _is_number(entry.mobile):
            named.append(digits(entry.mobile))
        else:
            strays += 1  # left out, or masked as in the page's example
    # The echo may write a number without its country.
    national = _by_end(places)
    others = 0
    for number in named:
        key = national.pop(number[-_END:], None)
        if key is None:
            others += 1
        else:
            saved[key] = places.pop(key)
            _enter(answer, saved[key], Status.CREATED)
    # Failures that are counted and not listed have no text.
    texts = [refusal] * max(0, (failures or 0) - len(failed))
    for failure in failed:
        key = digits(failure.mobile)
        place = places.pop(key, None)
        if key in saved:  # saved and failed at once: neither is believed
            _enter(answer, saved[key], Status.UNKNOWN, SILENT)
        elif place is None:
            texts.append(failure.text or refusal)
        else:
            _enter(answer, place, *_failure(failure.text or refusal, contacts, place, reply))
    left = [place for place, status in enumerate(answer.statuses) if status is Status.UNKNOWN]
    if failures is None or others or (strays and texts) or len(left) != strays + len(texts):
        return Judgement(Meaning.ANSWERED, answer)
    if not texts:
        for place in left if refusal is None else ():
            _enter(answer, place, Status.CREATED)
        return Judgement(Meaning.ANSWERED, answer)
    if len(set(map(_status, texts))) > 1:
        # All of these failed, some of them as duplicates: which, is for a read-back to say.
        return Judgement(Meaning.ANSWERED, answer, hint=_failure(None, contacts, None, reply)[1])
    for place in left:
        status, problem = _failure(texts[0], contacts, place, reply)
        if len(set(texts)) > 1:
            problem = attrs.evolve(problem, detail="one of several reasons; the vendor does not say whose is which")
        _enter(answer, place, status, problem)
    return Judgement(Meaning.ANSWERED, answer)


def _enter(answer: Answer, place: int, status: Status, problem: Problem | None = None) -> None:
    answer.statuses[place] = status
    if problem is None:
        del answer.problems[place]
    else:
        answer.problems[place] = problem


def _stored(raw: object) -> _Stored | None:
    return msgspec.convert(raw, _Stored) if isinstance(raw, dict) else None


def _failed(raw: object) -> _Failed:
    """A failed contact; one that is a mere text may be its mobile, or the reason, or both."""
    if isinstance(raw, str):
        return _Failed(mobile=raw, error=raw)
    return msgspec.convert(raw, _Failed) if isinstance(raw, dict) else _Failed()


def _failure(text: str | None, contacts: Texts, place: int | None, reply: Reply) -> tuple[Status, Problem]:
    """What a text says of the failed contact at this place, or of them all."""
    detail = contacts.masked(text, place)
    if _status(text) is Status.EXISTING:
        return Status.EXISTING, Problem(Kind.EXISTS, detail, http_status=reply.status)
    return Status.REJECTED, Problem(Kind.REFUSED, detail or "the vendor names no reason", http_status=reply.status)


def _status(text: str | None) -> Status:
    """The vendor's own app tells a duplicate by such words in the text of a failed contact."""
    return Status.EXISTING if text and _DUPLICATE.search(text[:_MOST_READ]) else Status.REJECTED


def _places(batch: Batch) -> dict[str, int]:
    """The position of each key that only one contact has."""
    places: dict[str, int] = {}
    several = set()
    for position, key in enumerate(batch.keys):
        if places.setdefault(key, position) != position:
            several.add(key)
    return {key: position for key, position in places.items() if key not in several}


def _is_number(mobile: object) -> bool:
    """Whether an echo names a number whole."""
    return len(digits(mobile)) >= _END and not (isinstance(mobile, str) and _LETTER.search(mobile))


def _by_end(keys: Iterable[str]) -> dict[str, str]:
    """Each key by its last digits, where no other ends in them."""
    ends = Counter(key[-_END:] for key in keys)
    return {key[-_END:]: key for key in keys if len(key) >= _END and ends[key[-_END:]] == 1}


def _read_look_up(batch: Batch, reply: Reply, hint: object) -> Judgement:
    envelope = decoded(reply.body, _Envelope)
    if envelope is None or not reply.successful:
        return judge_status(reply)
    if envelope.failed:
        refused = Problem(Kind.REFUSED, Texts(batch).masked(envelope.text), http_status=reply.status)
        return Judgement(Meaning.REFUSED, problem=refused)
    contacts = _result(envelope.data).contacts
    if contacts is None:
        return unreadable(reply)
    stored = [_stored(raw) or _Stored() for raw in contacts]
    for entry in stored:
        if digits(entry.mobile) == batch.keys[0]:
            problem = Problem(Kind.EXISTS, "found by its mobile", http_status=reply.status)
            vendor_id = identifier_of(identifier(entry.id), batch.payloads[0])
            return Judgement(Meaning.ANSWERED, Answer([Status.EXISTING], {0: problem}, [vendor_id]))
    if len(stored) >= _PAGE_SIZE or not all(digits(entry.mobile) for entry in stored):
        # The search may be by part of the number, and a full page, or an odd entry, may hide the one that is meant.
        return Judgement(Meaning.ANSWERED, Answer([Status.UNKNOWN], {0: SILENT}))
    if isinstance(hint, Problem):
        return Judgement(Meaning.ANSWERED, Answer([Status.REJECTED], {0: hint}))
    absent = attrs.evolve(SILENT, detail="not found by its mobile", retryable=True)
    return Judgement(Meaning.ANSWERED, Answer([Status.NOT_SENT], {0: absent}))
