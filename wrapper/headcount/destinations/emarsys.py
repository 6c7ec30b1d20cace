"""Emarsys: `POST /contact` with many contacts, API versions 2 (WSSE) and 3 (OAuth2).

What is said of replies is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import attrs
import msgspec

from headcount.auth import ClientCredentials, Wsse
from headcount.core.answers import Judgement, Meaning, judge_status
from headcount.core.batches import Answer, Batch, Envelope, Limits
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
    environment,
    identifier,
    identifier_of,
    relocated,
    secret_from_environment,
)
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError, UsageError
from headcount.outcome import Kind, Problem, Status
from headcount.records import normalise
from headcount.records.check import ContactCheck
from headcount.records.fields import Field, Record
from headcount.transport import Auth

_EMAIL, _MOBILE, _OPT_IN = "3", "37", "31"
_NO_KEY = "<NO_KEY_ID>"

_OF_THE_WHOLE = frozenset({"1001", "1009", "1010", "2001", "2004", "10001"})
"""Reply codes of a request that speak of all its contacts: nothing is gained by sending fewer."""

_CONTACT_CODES: Mapping[str, tuple[Status, Kind]] = {
    "2005": (Status.REJECTED, Kind.MISSING_KEY),
    "2008": (Status.REJECTED, Kind.NOT_FOUND),
    "2009": (Status.EXISTING, Kind.EXISTS),
    "2010": (Status.REJECTED, Kind.CONFLICT),
    "2011": (Status.UNKNOWN, Kind.UNAVAILABLE),
} | dict.fromkeys(("1006", "1007", "1008", "2006", "2007", "2012", "2013"), (Status.REJECTED, Kind.INVALID_VALUE))
"""What a code means for the contact that it stands with."""

_UNLISTED = (Status.REJECTED, Kind.REFUSED)
"""What any other code means."""

_WORST_FIRST = (Status.REJECTED, Status.UNKNOWN, Status.EXISTING)
"""Which of several codes counts for one contact."""


class _Envelope(msgspec.Struct):
    replyCode: int
    replyText: Any = None
    data: Any = None


def _opt_in(text: str) -> int:
    """Field 31 takes 1 for yes and 2 for no; both may come as such."""
    return 2 if text.strip() == "2" else 1 if normalise.consent(text) else 2


def _folded(key: object) -> str:
    """What two keys share that name one contact."""
    return str(key).strip().casefold()


@attrs.frozen
class EmarsysLayout:
    """A contact is one flat map of field ids to values; `key_field` identifies it."""

    key_field: str
    default_region: str | None = None
    neutral: Mapping[str, str] = {
        "email": _EMAIL,
        "phone": _MOBILE,
        "given_name": "1",
        "surname": "2",
        "consent": _OPT_IN,
    }

    @property
    def key_paths(self) -> Sequence[str]:
        return (self.key_field,)

    def field(self, path: str) -> Field:
        if path == self.key_field:
            return Field(path, {_EMAIL: normalise.email, _MOBILE: self._phone}.get(path, str.strip))
        if path == "source_id":
            return Field(path)
        if not path.isascii() or not path.isdigit():
            raise UsageError(f"{path!r} is no field of Emarsys: fields are numbers, such as 3 for the e-mail address")
        return Field(path, {_MOBILE: normalise.undamaged_phone, _OPT_IN: _opt_in}.get(path))

    def _phone(self, text: str) -> str:
        return normalise.phone(text, self.default_region)

    def records(self, paths: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
        if not paths:
            return [{} for _ in range(count)]
        return [
            {path: value for path, value in zip(paths, values, strict=True) if value is not None}
            for values in zip(*columns, strict=True)
        ]

    def missing_key(self, record: Record) -> str | None:
        value = record.get(self.key_field)
        return self.key_field if value is None or str(value).strip() == "" else None

    def key(self, record: Record) -> str:
        return str(record[self.key_field])

    def identities(self, record: Record) -> Sequence[str]:
        return (_folded(record[self.key_field]),)


class Emarsys(Account):
    """An Emarsys account.

    `auth` is a `ClientCredentials` (version 3) or a `Wsse` (version 2, announced to end with 2026). `key_field` is
    the id of the field that identifies a contact; 3 is the e-mail address. `endpoint` replaces scheme, host and
    port of the API. `default_region` (ISO 3166-1 alpha-2) completes phone numbers where they are the key.
    """

    name: ClassVar[str] = "emarsys"
    services: ClassVar[Sequence[str]] = ("api", "auth")
    modes: Mapping[str, Behaviour] = {"create": Behaviour(Repeat.HARMLESS, look_up_size=1000)}
    limits = Limits(max_contacts=1000, max_bytes=8_000_000)
    requests_per_second: float | None = 1000 / 60

    def __init__(
        self,
        *,
        auth: Auth,
        endpoint: Endpoint = None,
        key_field: int | str = 3,
        default_region: str | None = None,
    ) -> None:
        """Raises UsageError for a key field that is no number, or an endpoint that may not be used."""
        key = str(key_field)
        if not key.isascii() or not key.isdigit():
            raise UsageError(f"the key field of Emarsys is a field number, not {key!r}")
        normalise.check_region(default_region)
        self.auth = auth
        self.key_field = key
        self.default_region = default_region
        self.version = "v2" if isinstance(auth, Wsse) else "v3"
        url = f"https://api.emarsys.net/api/{self.version}/contact"
        self._url = relocated(url, endpoint, "api", self.services)
        self.layout = EmarsysLayout(key, default_region)
        self.check = ContactCheck("emarsys")
        key_json = msgspec.json.encode(key)
        self.envelope = Envelope(b'{"key_id":' + key_json + b',"contacts":[', b"]}")

    @classmethod
    def from_env(
        cls, *, endpoint: Endpoint = None, key_field: int | str = 3, default_region: str | None = None
    ) -> Emarsys:
        """An account by EMARSYS_CLIENT_ID and EMARSYS_CLIENT_SECRET, or EMARSYS_USERNAME and EMARSYS_SECRET.

        Raises UsageError when neither pair is there.
        """
        auth: Auth
        if os.environ.get("EMARSYS_CLIENT_ID"):
            token_url = relocated("https://auth.emarsys.net/oauth2/token", endpoint, "auth", cls.services)
            secret = secret_from_environment("EMARSYS_CLIENT_SECRET")
            auth = ClientCredentials(token_url, environment("EMARSYS_CLIENT_ID"), secret)
        elif os.environ.get("EMARSYS_USERNAME"):
            auth = Wsse(environment("EMARSYS_USERNAME"), secret_from_environment("EMARSYS_SECRET"))
        else:
            raise UsageError(
                "no credentials for Emarsys: set EMARSYS_CLIENT_ID and EMARSYS_CLIENT_SECRET "
                "(or EMARSYS_USERNAME and EMARSYS_SECRET for version 2)"
            )
        return cls(auth=auth, endpoint=endpoint, key_field=key_field, default_region=default_region)

    def request(self, batch: Batch) -> Request:
        return Request("POST", self._url, JSON_HEADERS, self.envelope.body(batch.payloads))

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        return _read(batch, reply)

    def look_up(self, batch: Batch) -> Request:
        """One `checkids` call; its ids come keyed by the key value."""
        body = msgspec.json.encode({"key_id": self.key_field, "external_ids": batch.keys})
        return Request("POST", self._url + "/checkids", JSON_HEADERS, body)

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return _read_look_up(batch, reply, hint)



def _read(batch: Batch, reply: Reply) -> Judgement:
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return judge_status(reply)
    if envelope.replyCode == 0 and reply.successful:
        return _read_result(batch, reply, envelope.data)
    judgement = _refusal(batch, reply, str(envelope.replyCode), envelope.replyText)
    problem = judgement.problem
    if judgement.meaning is Meaning.REFUSED and problem is not None and problem.kind is Kind.EXISTS and len(batch) == 1:
        return Judgement(Meaning.ANSWERED, Answer([Status.EXISTING], {0: problem}))
    return judgement


def _refusal(batch: Batch, reply: Reply, number: str, text: object) -> Judgement:
    """A refusal of the whole: by status, and by code with status 400 or, as some codes come, inside a 200."""
    texts = Texts(batch)
    detail = texts.masked(text)
    if reply.status != 400 and not reply.successful:
        return judge_status(reply, detail, texts.code(number))
    _, kind = _CONTACT_CODES.get(number, _UNLISTED)
    problem = Problem(kind, detail, texts.code(number), reply.status)
    match number:
        case "1000":
            return Judgement(Meaning.TOO_LARGE, problem=attrs.evolve(problem, kind=Kind.TOO_LARGE))
        case "7003":
            throttled = attrs.evolve(problem, kind=Kind.RATE_LIMITED, retryable=True)
            return Judgement(Meaning.THROTTLED, problem=throttled)
        case "2011":
            return Judgement(Meaning.AMBIGUOUS, problem=problem)
        case "1" if reply.status == 400:
            wrong = EndpointError(f"the endpoint does not offer this call (code 1): {detail}")
            return Judgement(Meaning.ENDS_REFUSED, problem=problem, error=wrong)
        case "1":
            forbidden = attrs.evolve(problem, kind=Kind.FORBIDDEN)
            unauthorized = CredentialsError(f"the vendor refused the credentials (code 1): {detail}")
            return Judgement(Meaning.ENDS_REFUSED, problem=forbidden, error=unauthorized)
    if number in _OF_THE_WHOLE:
        error = BatchRefusedError(f"Emarsys refuses every batch with code {number}: {detail}")
        return Judgement(Meaning.REFUSED, problem=problem, error=error)
    return Judgement(Meaning.REFUSED, problem=problem)


def _read_result(batch: Batch, reply: Reply, data: object) -> Judgement:
    data = data if isinstance(data, dict) else {}
    ids = _ids(data.get("ids"))
    errors, readable = _errors(data.get("errors"))
    if list(errors) == [_NO_KEY] and ids == []:
        error = _read_error(errors[_NO_KEY])
        return _refusal(batch, reply, error.code or "2004", error.text)
    named, sure = _named(batch, errors)
    texts = Texts(batch)
    statuses = [Status.CREATED] * len(batch)
    problems: dict[int, Problem] = {}
    vendor_ids: list[str | None] = [None] * len(batch)
    for position, raw in named.items():
        error = _read_error(raw)
        statuses[position] = error.status
        detail = texts.masked(error.text, position)
        problems[position] = Problem(error.kind, detail, texts.code(error.code), reply.status)
    rest = [position for position in range(len(batch)) if position not in named]
    if readable and sure and ids is not None and len(ids) == len(rest) and len(set(ids)) == len(ids):
        for position, vendor_id in zip(rest, ids, strict=True):
            vendor_ids[position] = identifier_of(vendor_id, batch.payloads[position])
    else:
        # The ids cannot be told apart by their order: who was created is for a read-back to say.
        for position in rest:
            statuses[position] = Status.UNKNOWN
            problems[position] = SILENT
    return Judgement(Meaning.ANSWERED, Answer(statuses, problems, vendor_ids), hint=frozenset(ids or ()))


def _read_look_up(batch: Batch, reply: Reply, hint: object) -> Judgement:
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return judge_status(reply)
    if not reply.successful or envelope.replyCode != 0:
        return _refusal(batch, reply, str(envelope.replyCode), envelope.replyText)
    data = envelope.data if isinstance(envelope.data, dict) else {}
    found, _ = _named(batch, data["ids"] if isinstance(data.get("ids"), dict) else {}, several=True)
    errors, _ = _named(batch, _errors(data.get("errors"))[0], several=True)
    created = hint if isinstance(hint, frozenset) else frozenset()
    answer = Answer.same(len(batch), Status.UNKNOWN, SILENT)
    vendor_ids: list[str | None] = [None] * len(batch)
    for position in range(len(batch)):
        ids = _ids(found.get(position))
        absent = position in errors and _read_error(errors[position]).code == "2008"
        if ids and not absent:
            vendor_ids[position] = identifier_of(ids[0], batch.payloads[position]) if len(ids) == 1 else None
            if len(ids) == 1 and ids[0] in created and batch.keys.count(batch.keys[position]) == 1:
                answer.statuses[position] = Status.CREATED
                del answer.problems[position]
            else:
                answer.statuses[position] = Status.EXISTING
                answer.problems[position] = Problem(Kind.EXISTS, "found by its key", None, reply.status)
        elif absent and not ids:
            answer.statuses[position] = Status.NOT_SENT
            answer.problems[position] = attrs.evolve(SILENT, detail="not found by its key", retryable=True)
    return Judgement(Meaning.ANSWERED, attrs.evolve(answer, vendor_ids=vendor_ids))


def _errors(raw: object) -> tuple[Mapping[str, Any], bool]:
    """Errors by key value, and whether all of it could be read.

    No errors come as nothing, `[]` or `{}`, and a map whose keys count from 0 as a list: the vendor's PHP.
    """
    if isinstance(raw, list):
        raw = {str(number): error for number, error in enumerate(raw)}
    if not isinstance(raw, dict):
        return {}, not raw
    errors = {key: error for key, error in raw.items() if error}
    return errors, len(errors) == len(raw)


def _named(batch: Batch, entries: Mapping[str, Any], *, several: bool = False) -> tuple[dict[int, Any], bool]:
    """Entries by the position of the contact that each names, and whether every one names exactly one.

    The vendor's case folding of keys is not documented, so a key is matched as sent, then without its case.
    With `several` a key may name more than one contact.
    """
    if not entries:
        return {}, True
    exact = _positions(batch.keys)
    folded: dict[str, list[int]] | None = None
    named: dict[int, Any] = {}
    sure = True
    for key, entry in entries.items():
        positions = exact.get(key)
        if positions is None:
            folded = folded or _positions(map(_folded, batch.keys))
            positions = folded.get(_folded(key), [])
        if several or len(positions) == 1:
            sure = sure and not any(position in named for position in positions)
            named.update(dict.fromkeys(positions, entry))
        else:
            sure = False
    return named, sure


def _positions(keys: Iterable[str]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        positions.setdefault(key, []).append(position)
    return positions


def _ids(raw: object) -> list[str] | None:
    """Ids as text: they come as numbers, as texts, alone or in a list; None when one is neither."""
    values = raw if isinstance(raw, list) else [] if raw is None else [raw]
    ids = [identifier(value[0] if isinstance(value, list) and len(value) == 1 else value) for value in values]
    return [text for text in ids if text is not None] if None not in ids else None


@attrs.frozen
class _Error:
    """What an error says of its contact, with the vendor's code and text, as they came."""

    status: Status
    kind: Kind
    code: str | None
    text: object


def _read_error(raw: object) -> _Error:
    """An error: `{code: text}`, of several codes the worst; a text alone has no code."""
    if isinstance(raw, list) and raw:
        raw = raw[0]
    if not isinstance(raw, dict) or not raw:
        return _Error(*_UNLISTED, None, raw)
    errors = [_Error(*_CONTACT_CODES.get(number, _UNLISTED), number, text) for number, text in raw.items()]
    return min(errors, key=lambda error: _WORST_FIRST.index(error.status))
