"""Sinch Conversation: the batch service's `POST` and `DELETE /v1/projects/{project_id}/contacts`.

It answers with an empty success and works asynchronously: what it takes is `accepted`. What is said of replies
is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import quote, urlencode

import attrs
import msgspec

from headcount.auth import ClientCredentials
from headcount.clients.connection import TIMEOUT, Service
from headcount.core.answers import Judgement, Meaning, judge_status, unreadable
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
from headcount.errors import UsageError
from headcount.outcome import Kind, Problem, Status
from headcount.records import normal, normalise
from headcount.records.check import ContactCheck, KeyCheck, SchemaCheck
from headcount.records.fields import Field, Layout, Record, objects
from headcount.records.members import MemberLayout
from headcount.transport import Auth
from headcount_api import specs

if TYPE_CHECKING:
    from headcount.clients.sinch import AsyncSinchClient, SinchClient

_IDENTITIES = "channel_identities."
_EXTERNAL_ID = "external_id\n"
_PHONE_CHANNELS = frozenset({"SMS", "WHATSAPP", "RCS", "MMS", "VIBERBM"})
_APP_SCOPED = frozenset({"MESSENGER", "INSTAGRAM", "LINE", "WECHAT"})
_TEXTS = frozenset({"display_name", "email", "external_id", "metadata"})
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]+")
_REGIONS = ("us", "eu", "br")
_ID_ALONE = MemberLayout(vendor="Sinch", fields=[Field("id", str.strip)], neutral={}, key_field="id")
"""A contact to delete is its id alone."""
_ID_SCHEMA = "#/components/schemas/DeleteContactsRequest/properties/contact_ids/items"


def _identity(entry: Mapping[str, Any]) -> str:
    """An identity as one text. The vendor gives phone numbers back without their plus sign."""
    get = entry.get
    return f"{get('channel')}\n{str(get('identity')).removeprefix('+')}\n{get('app_id') or ''}"


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


def _enum(schema: str) -> frozenset[str]:
    return frozenset(specs.load("sinch_batch")["components"]["schemas"][schema]["enum"])


@attrs.frozen
class SinchLayout:
    """A contact has identities on channels; `channel` is the one that a neutral phone number goes to."""

    channel: str
    default_region: str | None
    channels: frozenset[str] = attrs.field(factory=lambda: _enum("Channel"), repr=False)
    languages: frozenset[str] = attrs.field(factory=lambda: _enum("Language"), repr=False)
    key_paths: Sequence[str] = (_IDENTITIES,)

    @property
    def neutral(self) -> Mapping[str, str]:
        return {
            "external_id": "external_id",
            "email": "email",
            "phone": _IDENTITIES + self.channel,
            "name": "display_name",
            "given_name": "display_name",
            "surname": "display_name",
            "language": "language",
        }

    def field(self, path: str) -> Field:
        channel = path.removeprefix(_IDENTITIES)
        if channel != path:
            if channel not in self.channels:
                raise UsageError(f"{channel!r} is no channel of Sinch; the channels are {_listed(self.channels)}")
            if channel in _PHONE_CHANNELS:
                return Field(path, self._phone, normal=normal.PHONE)
            return Field(path, str.strip)
        if path == "language":
            return Field(path, self._language)
        if path == "channel_priority":
            return Field(path, normalise.list_of_text, takes_list=True)
        if path in _TEXTS or path == "app_id":
            return Field(path)
        others = ["app_id", "channel_priority", "language", *sorted(_TEXTS)]
        raise UsageError(f"{path!r} is no field of Sinch; the fields are {_IDENTITIES}CHANNEL, {', '.join(others)}")

    def records(self, paths: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
        by_path = dict(zip(paths, columns, strict=True))
        app_ids = by_path.pop("app_id", None)
        identities = [
            _entries(path.removeprefix(_IDENTITIES), column, app_ids)
            for path, column in by_path.items()
            if path.startswith(_IDENTITIES)
        ]
        members = {path: column for path, column in by_path.items() if not path.startswith(_IDENTITIES)}
        if identities:
            members = {"channel_identities": _together(identities), **members}
        return objects([*members], [*members.values()], count)

    def missing_key(self, record: Record) -> str | None:
        return None if record.get("channel_identities") else "channel_identities"

    def identify(self, records: Sequence[Record]) -> tuple[list[str], list[tuple[str, ...]]]:
        """The key is what a contact is looked up by: its external id, or its first identity."""
        identities = list(map(_known_by, records))
        return [texts[0] if texts else "" for texts in identities], identities

    def _phone(self, text: str) -> str:
        return normalise.phone(text, self.default_region)

    def _language(self, text: str) -> str:
        return normalise.language(text, self.languages)


class Sinch(Account):
    """A Sinch project.

    `auth` is a `ClientCredentials` of the project's access key. `region` is `us`, `eu` or `br`, where the project's
    apps live. `channel` is the one that neutral phone numbers are identities on. `endpoint` replaces scheme,
    host and port of the services. `default_region` (ISO 3166-1 alpha-2) completes phone numbers without `+`.
    """

    name: ClassVar[str] = "sinch"
    services: ClassVar[Sequence[str]] = ("batch", "conversation", "auth")
    modes: Mapping[str, Behaviour] = {
        "create": Behaviour(Repeat.DOUBLES, look_up_size=1),
        "delete": Behaviour(Repeat.HARMLESS, look_up_size=1, removes=True),
    }
    envelope = Envelope(b'{"contacts":[', b"]}")
    limits = Limits(max_contacts=1000)
    requests_per_second: float | None = 800.0

    def __init__(
        self,
        *,
        auth: Auth,
        project_id: str,
        region: str = "us",
        channel: str = "SMS",
        endpoint: Endpoint = None,
        default_region: str | None = None,
    ) -> None:
        """Raises UsageError for a project, region or channel that there cannot be, or an unusable endpoint."""
        if not _PROJECT_ID.fullmatch(project_id):
            raise UsageError("the project id of Sinch holds letters, digits, - and _ only")
        if region not in _REGIONS:
            raise UsageError(f"{region!r} is no region of Sinch; the regions are {', '.join(_REGIONS)}")
        normalise.check_region(default_region)
        self.auth = auth
        self.region = region
        self.channel = channel
        self.default_region = default_region
        self.layout: Layout = SinchLayout(channel, default_region)
        self.layout.field(_IDENTITIES + channel)
        self.check: SchemaCheck = ContactCheck("sinch_batch")
        self._project_id = project_id
        self._batch = relocated(f"https://{region}.conversationbatch.api.sinch.com", endpoint, "batch", self.services)
        conversation = f"https://{region}.conversation.api.sinch.com"
        self._conversation = relocated(conversation, endpoint, "conversation", self.services)
        self._url = f"{self._batch}/v1/projects/{project_id}/contacts"
        self._list_url = f"{self._conversation}/v1/projects/{project_id}/contacts"

    @classmethod
    def from_env(
        cls,
        *,
        endpoint: Endpoint = None,
        region: str | None = None,
        channel: str = "SMS",
        default_region: str | None = None,
    ) -> Sinch:
        """A project by SINCH_PROJECT_ID, SINCH_KEY_ID, SINCH_KEY_SECRET and, without `region`, SINCH_REGION or `us`.

        Raises UsageError when one is missing.
        """
        token_url = relocated("https://auth.sinch.com/oauth2/token", endpoint, "auth", cls.services)
        project_id = environment("SINCH_PROJECT_ID")
        secret = secret_from_environment("SINCH_KEY_SECRET")
        return cls(
            auth=ClientCredentials(token_url, environment("SINCH_KEY_ID"), secret),
            project_id=project_id,
            region=region or os.environ.get("SINCH_REGION") or "us",
            channel=channel,
            endpoint=endpoint,
            default_region=default_region,
        )

    def in_mode(self, mode: str) -> Self:
        bound = super().in_mode(mode)
        if mode == "delete":
            bound.layout, bound.check = _ID_ALONE, KeyCheck("sinch_batch", "id", _ID_SCHEMA)
        return bound

    def request(self, batch: Batch) -> Request:
        if self.mode == "delete":
            return Request("DELETE", self._url, JSON_HEADERS, msgspec.json.encode({"contact_ids": batch.keys}))
        return Request("POST", self._url, JSON_HEADERS, self.envelope.body(batch.payloads))

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        judgement = _read(batch, reply)
        return _with_absence(batch, reply, judgement) if self.mode == "delete" else judgement

    def confirms(self, key: str) -> bool:
        """A number can belong to a contact that was there before; an external id is taken for our own."""
        return self.mode == "delete" or self.external_id(key) is not None

    def external_id(self, key: str) -> str | None:
        """The external id that a contact is looked up by, if it is."""
        return key.removeprefix(_EXTERNAL_ID) if key.startswith(_EXTERNAL_ID) else None

    def look_up(self, batch: Batch) -> Request:
        """A call of the Conversation service: its get by id, or its list by external id or by channel and identity."""
        key = batch.keys[0]
        if self.mode == "delete":
            return Request("GET", f"{self._list_url}/{quote(key, safe='')}", {"Accept": "application/json"})
        kind, value, *_ = key.split("\n")
        query = {"external_id": value} if self.confirms(key) else {"channel": kind, "identity": value}
        return Request("GET", f"{self._list_url}?{urlencode(query)}", {"Accept": "application/json"})

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return (_read_look_up_by_id if self.mode == "delete" else _read_look_up)(batch, reply, hint)

    def refusal(self, reply: Reply, told: Batch) -> Judgement | None:
        judgement = _read(told, reply)
        return None if judgement.meaning is Meaning.ANSWERED else judgement

    def client(self, *, timeout: float = TIMEOUT) -> SinchClient:
        """The vendor's operations, each as one call, for a `with` block. `timeout` in seconds is what a call may take.

        Raises UsageError for a timeout that is none.
        """
        from headcount.clients.sinch import SinchClient

        return SinchClient(self.connection(timeout), *self._services(), self._project_id)

    def async_client(self, *, timeout: float = TIMEOUT) -> AsyncSinchClient:
        """The same to be awaited, for an `async with` block."""
        from headcount.clients.sinch import AsyncSinchClient

        return AsyncSinchClient(self.async_connection(timeout), *self._services(), self._project_id)

    def _services(self) -> tuple[Service, Service]:
        conversation = self.service("sinch_conversation", self._conversation)
        return self.service("sinch_batch", self._batch), conversation


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


def _read_look_up_by_id(batch: Batch, reply: Reply, hint: object) -> Judgement:
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


def _read_look_up(batch: Batch, reply: Reply, hint: object) -> Judgement:
    """A contact that is not there may still be on its way, so it stays what it was: `hint`, its status."""
    found = decoded(reply.body, _Found)
    if not reply.successful or found is None or found.contacts is None:
        return judge_status(reply)
    contacts = [raw for raw in found.contacts if isinstance(raw, dict) and batch.keys[0] in _known_by(raw)]
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


def _entries(channel: str, identities: Sequence[object], app_ids: Sequence[object] | None) -> list[list[Record] | None]:
    """What a column of identities on a channel comes to: a list of one entry, or None where there is none."""
    entries: list[list[Record] | None] = [
        None if identity is None else [{"channel": channel, "identity": identity}] for identity in identities
    ]
    if app_ids is not None and channel in _APP_SCOPED:
        for entry, app_id in zip(entries, app_ids, strict=True):
            if entry is not None and app_id is not None:
                entry[0]["app_id"] = app_id
    return entries


def _together(columns: list[list[list[Record] | None]]) -> list[list[Record] | None]:
    """The entries of several channels, contact by contact."""
    if len(columns) == 1:
        return columns[0]
    return [[entry for entries in each if entries for entry in entries] or None for each in zip(*columns, strict=True)]


def _known_by(contact: Mapping[str, Any]) -> tuple[str, ...]:
    """What a contact, sent or stored, is known by: its external id, if it has one, and its identities."""
    entries = contact.get("channel_identities")
    identities = [_identity(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    external_id = contact.get("external_id")
    return (f"{_EXTERNAL_ID}{external_id}", *identities) if external_id else tuple(identities)


def _violation(details: object) -> tuple[object, object]:
    """The first field violation of an error's details, as client sources show them: field and description."""
    for detail in details if isinstance(details, list) else []:
        violations = detail.get("field_violations") if isinstance(detail, dict) else None
        for violation in violations if isinstance(violations, list) else []:
            if isinstance(violation, dict):
                return violation.get("field"), violation.get("description")
    return None, None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
