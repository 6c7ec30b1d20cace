"""Pabbly Chatflow: `POST /api/v1/contacts` with a list of contacts.

What is said of replies is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import attrs
import msgspec

from headcount.auth import BearerKey
from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
from headcount.core.batches import Answer, Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations.base import Endpoint, decoded, guarded, masked, relocated, secret_from_environment
from headcount.errors import UsageError
from headcount.outcome import Kind, Problem, Status
from headcount.records import normalise
from headcount.records.check import ContactCheck
from headcount.records.fields import Field, Record
from headcount.transport import Auth

_ATTRIBUTES = "attributes."
_ON_DUPLICATE = ("skip", "overwrite")
_PAGE_SIZE = 25
_NOT_DIGITS = re.compile(r"[^0-9]+")
_JSON = {"Content-Type": "application/json", "Accept": "application/json"}
_SILENT = Problem(Kind.UNANSWERED, "the reply does not say what became of the contact")


class _Stored(msgspec.Struct):
    mobile: Any = None
    id: Any = msgspec.field(default=None, name="_id")


class _Failed(msgspec.Struct):
    mobile: Any = None
    error: Any = None
    message: Any = None


class _Result(msgspec.Struct):
    createdContacts: list[Any] | None = None
    failedContacts: list[Any] | None = None
    failedCount: Any = None
    contacts: list[Any] | None = None


class _Envelope(msgspec.Struct):
    status: Any = None
    message: Any = None
    success: Any = None
    error: Any = None
    data: Any = None

    @property
    def failed(self) -> bool:
        """Both envelopes that are known can say so inside a 200."""
        return self.success is False or (isinstance(self.status, str) and self.status.lower() not in ("success", ""))

    @property
    def text(self) -> str | None:
        for text in (self.message, self.error):
            if isinstance(text, str) and text:
                return text
        return None


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
                return Field(path, normalise.list_of_text)
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


class Pabbly:
    """A Pabbly Chatflow account.

    `auth` is a `BearerKey`. `on_duplicate` is `skip`, which leaves a contact that exists as it is, or `overwrite`.
    `endpoint` replaces scheme, host and port of the API. `default_region` (ISO 3166-1 alpha-2) completes phone
    numbers that have no dialing code; without it a number is taken to carry one, as the vendor's own do.
    """

    name: ClassVar[str] = "pabbly"
    services: ClassVar[Sequence[str]] = ("api",)
    modes: ClassVar[Sequence[str]] = ("create",)
    envelope = Envelope(b"[", b"]")
    limits = Limits(max_contacts=1000)
    concurrency = 8
    requests_per_second: float | None = None

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

    def behaviour(self, mode: str) -> Behaviour:
        if mode not in self.modes:
            raise UsageError(f"Pabbly has no mode {mode!r}; it has {', '.join(self.modes)}")
        repeat = Repeat.HARMLESS if self.on_duplicate == "overwrite" else Repeat.READ_BACK
        return Behaviour(repeat, look_up_size=1)

    def request(self, batch: Batch) -> Request:
        url = f"{self._url}?{urlencode({'onDuplicate': self.on_duplicate})}"
        return Request("POST", url, _JSON, self.envelope.body(batch.payloads))

    def read(self, batch: Batch, reply: Reply) -> Judgement:
        return guarded(lambda: _read(batch, reply), lambda: judge_status(reply))

    def look_up(self, batch: Batch) -> Request:
        """The list call, searching by `mobile`."""
        return Request("GET", f"{self._url}/?{urlencode({'mobile': batch.keys[0]})}", {"Accept": "application/json"})

    def read_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return guarded(lambda: _read_look_up(batch, reply), lambda: judge_status(reply))

    def describe(self) -> Mapping[str, str]:
        settings = {"on_duplicate": self.on_duplicate, "default_region": self.layout.default_region}
        return {name: value for name, value in settings.items() if value is not None}


def _read(batch: Batch, reply: Reply) -> Judgement:
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return judge_status(reply)
    success = 200 <= reply.status <= 299
    text = masked(envelope.text, batch.payloads[0] if len(batch) == 1 else None)
    result = _result(envelope.data)
    if success or reply.status == 400:
        if result is not None and (result.createdContacts is not None or result.failedContacts):
            return _matched(batch, reply, result)
        if envelope.failed or not success:
            # Refused whole: inside a 200 too, as the vendor's own app expects.
            return Judgement(Meaning.REFUSED, problem=Problem(Kind.REFUSED, text, http_status=reply.status))
        return unreadable(reply)
    return judge_status(reply, text)


def _result(data: object) -> _Result | None:
    try:
        return msgspec.convert(data, _Result) if isinstance(data, dict) else None
    except msgspec.ValidationError:
        return None


def _matched(batch: Batch, reply: Reply, result: _Result) -> Judgement:
    created = [_entry(raw, _Stored) for raw in result.createdContacts or ()]
    failed = [_entry(raw, _Failed) for raw in result.failedContacts or ()]
    failed_count = result.failedCount if isinstance(result.failedCount, int) else 0
    failures = max(len(failed), failed_count)
    count = len(batch)
    if len(created) == count and failures == 0:
        # As many created as were sent: all are, though the echo may write a number differently.
        return Judgement(Meaning.ANSWERED, Answer.same(count, Status.CREATED))
    places = _places(batch)
    statuses = [Status.UNKNOWN] * count
    problems = dict.fromkeys(range(count), _SILENT)
    open_rows = set(range(count))
    stray_created = 0
    for stored in created:
        place = places.get(_digits(stored.mobile) if stored else "")
        if place is None or place not in open_rows:
            stray_created += 1
            continue
        open_rows.remove(place)
        statuses[place] = Status.CREATED
        del problems[place]
    stray_failed = failures - len(failed)
    stray_texts: set[str | None] = set() if not stray_failed else {None}
    for failure in failed:
        place = places.get(_digits(failure.mobile) if failure else "")
        if place is None or place not in open_rows:
            stray_failed += 1
            stray_texts.add(_text(failure))
            continue
        open_rows.remove(place)
        statuses[place], problems[place] = _failure(_text(failure), batch.payloads[place], reply)
    if len(open_rows) == stray_created + stray_failed and not (stray_created and stray_failed):
        # What is left over on both sides can only belong together.
        for place in open_rows:
            if stray_created:
                statuses[place] = Status.CREATED
                del problems[place]
            elif stray_failed:
                text = stray_texts.copy().pop() if len(stray_texts) == 1 else None
                statuses[place], problems[place] = _failure(text, batch.payloads[place], reply)
    return Judgement(Meaning.ANSWERED, Answer(statuses, problems))


def _entry(raw: object, shape: type[Any]) -> Any:
    return msgspec.convert(raw, shape) if isinstance(raw, dict) else None


def _text(failure: _Failed | None) -> str | None:
    for text in (failure.error, failure.message) if failure else ():
        if isinstance(text, str) and text:
            return text
    return None


def _failure(text: str | None, payload: bytes, reply: Reply) -> tuple[Status, Problem]:
    """A failed contact; the vendor's own app tells a duplicate by these words in the text."""
    detail = masked(text, payload)
    if text and re.search(r"duplicate|exists", text, re.IGNORECASE):
        return Status.EXISTING, Problem(Kind.EXISTS, detail, http_status=reply.status)
    return Status.REJECTED, Problem(Kind.REFUSED, detail or "the vendor names no reason", http_status=reply.status)


def _places(batch: Batch) -> dict[str, int]:
    """The position of each key that only one contact has."""
    places: dict[str, int] = {}
    several = set()
    for position, key in enumerate(batch.keys):
        if places.setdefault(key, position) != position:
            several.add(key)
    return {key: position for key, position in places.items() if key not in several}


def _read_look_up(batch: Batch, reply: Reply) -> Judgement:
    envelope = decoded(reply.body, _Envelope)
    if not 200 <= reply.status <= 299 or envelope is None:
        return judge_status(reply)
    result = _result(envelope.data)
    if envelope.failed or result is None or result.contacts is None:
        return unreadable(reply)
    for stored in (_entry(raw, _Stored) for raw in result.contacts):
        if stored and _digits(stored.mobile) == batch.keys[0]:
            problem = Problem(Kind.EXISTS, "found by its mobile", http_status=reply.status)
            vendor_id = stored.id if isinstance(stored.id, str) else None
            return Judgement(Meaning.ANSWERED, Answer([Status.EXISTING], {0: problem}, [vendor_id]))
    if len(result.contacts) >= _PAGE_SIZE:
        # The search may be by part of the number, and a full page may hide the one that is meant.
        return Judgement(Meaning.ANSWERED, Answer([Status.UNKNOWN], {0: _SILENT}))
    absent = attrs.evolve(_SILENT, detail="not found by its mobile", retryable=True)
    return Judgement(Meaning.ANSWERED, Answer([Status.NOT_SENT], {0: absent}))
