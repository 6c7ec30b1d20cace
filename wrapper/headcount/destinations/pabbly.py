"""Pabbly Chatflow: `POST /api/v1/contacts` with a list of contacts.

What is said of replies is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import attrs
import msgspec

from headcount.auth import BearerKey
from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
from headcount.core.batches import Answer, Batch, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations.account import Account
from headcount.destinations.base import (
    JSON_HEADERS,
    SILENT,
    Endpoint,
    Texts,
    decoded,
    identifier,
    identifier_of,
    relocated,
    secret_from_environment,
)
from headcount.errors import UsageError
from headcount.outcome import Kind, Problem, Status
from headcount.records import normalise
from headcount.records.check import ContactCheck
from headcount.records.fields import Field, Record
from headcount.transport import Auth

_ATTRIBUTES = "attributes."
_ON_DUPLICATE = ("skip", "overwrite")
_FAILED = frozenset({"error", "fail", "failed", "failure"})
_PAGE_SIZE = 25
_DUPLICATE = re.compile(r"duplicate|already exist|^(?!.*\bno\b).*\bexists\b", re.IGNORECASE)
_MOST_READ = 1000
"""Characters of a text that are searched for such words."""
_LETTER = re.compile(r"[^\W\d_]")
_END = 7  # digits that a number has without its country, at least
_NOT_DIGITS = re.compile(r"[^0-9]+")


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
    def text(self) -> str | None:
        return _first_text(self.message, self.error)


def _first_text(*values: object) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _digits(mobile: object) -> str:
    return _NOT_DIGITS.sub("", mobile) if isinstance(mobile, str) else str(mobile) if isinstance(mobile, int) else ""


@attrs.frozen
class PabblyLayout:
    """A contact is identified by the digits of its `mobile`."""

    default_region: str | None = None
    key_paths: Sequence[str] = ("mobile",)
    neutral: Mapping[str, str] = {
        "phone": "mobile",
        "name": "name",
        "given_name": "name",
        "surname": "name",
        "consent": "optin",
        "tags": "tags",
        _ATTRIBUTES: _ATTRIBUTES,
    }

    def field(self, path: str) -> Field:
        if path.startswith(_ATTRIBUTES) and path != _ATTRIBUTES:
            return Field(path)
        match path:
            case "mobile":
                return Field(path, self._mobile)
            case "name":
                return Field(path)
            case "optin":
                return Field(path, normalise.consent)
            case "incomingBlocked":
                return Field(path, normalise.boolean)
            case "tags":
                return Field(path, normalise.list_of_text, takes_list=True)
        fields = "mobile, name, optin, incomingBlocked, tags, attributes.NAME"
        raise UsageError(f"{path!r} is no field of Pabbly Chatflow; the fields are {fields}")

    def records(self, paths: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
        records: list[Record] = [{} for _ in range(count)]
        for path, column in zip(paths, columns, strict=True):
            name = path.removeprefix(_ATTRIBUTES)
            for record, value in zip(records, column, strict=True):
                if value is None:
                    continue
                if name == path:
                    record[path] = value
                else:
                    attributes: Any = record.setdefault("attributes", [])
                    attributes.append({"name": name, "value": value})
        return records

    def missing_key(self, record: Record) -> str | None:
        return None if _digits(record.get("mobile")) else "mobile"

    def key(self, record: Record) -> str:
        return _digits(record["mobile"])

    def identities(self, record: Record) -> Sequence[str]:
        return (_digits(record["mobile"]),)

    def _mobile(self, text: str) -> str:
        return normalise.phone_digits(text, self.default_region)


class Pabbly(Account):
    """A Pabbly Chatflow account.

    `auth` is a `BearerKey`. `on_duplicate` is `skip`, which leaves a contact that exists as it is, or `overwrite`.
    `endpoint` replaces scheme, host and port of the API. `default_region` (ISO 3166-1 alpha-2) completes phone
    numbers that have no dialing code; without it a number is taken to carry one, as the vendor's own do.
    """

    name: ClassVar[str] = "pabbly"
    limits = Limits(max_contacts=1000)

    def __init__(
        self,
        *,
        auth: Auth,
        endpoint: Endpoint = None,
        on_duplicate: str = "skip",
        default_region: str | None = None,
    ) -> None:
        """Raises UsageError for another word in `on_duplicate`, or an endpoint that may not be used."""
        if on_duplicate not in _ON_DUPLICATE:
            raise UsageError(f"on_duplicate is {' or '.join(_ON_DUPLICATE)}, not {on_duplicate!r}")
        normalise.check_region(default_region)
        self.auth = auth
        self.on_duplicate = on_duplicate
        self.default_region = default_region
        repeat = Repeat.HARMLESS if on_duplicate == "overwrite" else Repeat.READ_BACK
        self.modes = {"create": Behaviour(repeat, look_up_size=1)}
        self.layout = PabblyLayout(default_region)
        self.check = ContactCheck("pabbly_chatflow")
        self._url = relocated("https://chatflow.pabbly.com/api/v1/contacts", endpoint, "api", self.services)

    @classmethod
    def from_env(
        cls, *, endpoint: Endpoint = None, on_duplicate: str = "skip", default_region: str | None = None
    ) -> Pabbly:
        """An account by PABBLY_API_KEY. Raises UsageError when it is missing."""
        auth = BearerKey(secret_from_environment("PABBLY_API_KEY"))
        return cls(auth=auth, endpoint=endpoint, on_duplicate=on_duplicate, default_region=default_region)

    def request(self, batch: Batch) -> Request:
        url = f"{self._url}?{urlencode({'onDuplicate': self.on_duplicate})}"
        return Request("POST", url, JSON_HEADERS, self.envelope.body(batch.payloads))

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        return _read(batch, reply)

    def look_up(self, batch: Batch) -> Request:
        """The list call, searching by `mobile`."""
        return Request("GET", f"{self._url}/?{urlencode({'mobile': batch.keys[0]})}", {"Accept": "application/json"})

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return _read_look_up(batch, reply, hint)



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
    strays = 0
    named = []
    for entry in created:
        place = places.pop(_digits(entry.mobile), None)
        if place is not None:
            _enter(answer, place, Status.CREATED)
        elif _is_number(entry.mobile):
            named.append(_digits(entry.mobile))
        else:
            strays += 1  # left out, or masked as in the page's example
    # The echo may write a number without its country.
    national = _by_end(places)
    others = 0
    for digits in named:
        key = national.pop(digits[-_END:], None)
        if key is None:
            others += 1
        else:
            _enter(answer, places.pop(key), Status.CREATED)
    # Failures that are counted and not listed have no text.
    texts = [refusal] * max(0, (failures or 0) - len(failed))
    for failure in failed:
        place = places.pop(_digits(failure.mobile), None)
        if place is None:
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
    return len(_digits(mobile)) >= _END and not (isinstance(mobile, str) and _LETTER.search(mobile))


def _by_end(keys: Iterable[str]) -> dict[str, str]:
    """Each key by its last digits, where no other ends in them."""
    ends = Counter(key[-_END:] for key in keys)
    return {key[-_END:]: key for key in keys if len(key) >= _END and ends[key[-_END:]] == 1}


def _read_look_up(batch: Batch, reply: Reply, hint: object) -> Judgement:
    """`hint` is the problem of a contact that is known to have failed, unless it is there."""
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
        if _digits(entry.mobile) == batch.keys[0]:
            problem = Problem(Kind.EXISTS, "found by its mobile", http_status=reply.status)
            vendor_id = identifier_of(identifier(entry.id), batch.payloads[0])
            return Judgement(Meaning.ANSWERED, Answer([Status.EXISTING], {0: problem}, [vendor_id]))
    if len(stored) >= _PAGE_SIZE or not all(_digits(entry.mobile) for entry in stored):
        # The search may be by part of the number, and a full page, or an odd entry, may hide the one that is meant.
        return Judgement(Meaning.ANSWERED, Answer([Status.UNKNOWN], {0: SILENT}))
    if isinstance(hint, Problem):
        return Judgement(Meaning.ANSWERED, Answer([Status.REJECTED], {0: hint}))
    absent = attrs.evolve(SILENT, detail="not found by its mobile", retryable=True)
    return Judgement(Meaning.ANSWERED, Answer([Status.NOT_SENT], {0: absent}))
