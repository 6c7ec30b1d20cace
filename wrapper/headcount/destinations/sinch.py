"""Sinch Conversation: the batch service's `POST` and `DELETE /v1/projects/{project_id}/contacts`.

What the replies say is in `sinch_replies`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote, urlencode

import attrs
import msgspec

from headcount.auth import ClientCredentials
from headcount.clients.connection import TIMEOUT, Service
from headcount.core.answers import Judgement
from headcount.core.batches import Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations import sinch_replies
from headcount.destinations.account import Account
from headcount.destinations.base import (
    JSON_HEADERS,
    Endpoint,
    environment,
    relocated,
    secret_from_environment,
)
from headcount.errors import UsageError
from headcount.records import normal, normalise
from headcount.records.check import ContactCheck, KeyCheck, SchemaCheck
from headcount.records.fields import Field, Layout, Record, objects
from headcount.records.members import MemberLayout
from headcount.transport import Auth
from headcount_api import specs

if TYPE_CHECKING:
    from headcount.clients.sinch import AsyncSinchClient, SinchClient

_IDENTITIES = "channel_identities."
_PHONE_CHANNELS = frozenset({"SMS", "WHATSAPP", "RCS", "MMS", "VIBERBM"})
_APP_SCOPED = frozenset({"MESSENGER", "INSTAGRAM", "LINE", "WECHAT"})
_TEXTS = frozenset({"display_name", "email", "external_id", "metadata"})
_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]+")
_REGIONS = ("us", "eu", "br")
_ID_ALONE = MemberLayout(vendor="Sinch", fields=[Field("id", str.strip)], neutral={}, key_field="id")
"""A contact to delete is its id alone."""
_ID_SCHEMA = "#/components/schemas/DeleteContactsRequest/properties/contact_ids/items"


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
        identities = list(map(sinch_replies.known_by, records))
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
        return sinch_replies.read(batch, reply, self.mode)

    def confirms(self, key: str) -> bool:
        """A number can belong to a contact that was there before; an external id is taken for our own."""
        return self.mode == "delete" or self.external_id(key) is not None

    def external_id(self, key: str) -> str | None:
        """The external id that a contact is looked up by, if it is."""
        return sinch_replies.external_id(key)

    def look_up(self, batch: Batch) -> Request:
        """A call of the Conversation service: its get by id, or its list by external id or by channel and identity."""
        key = batch.keys[0]
        if self.mode == "delete":
            return Request("GET", f"{self._list_url}/{quote(key, safe='')}", {"Accept": "application/json"})
        kind, value, *_ = key.split("\n")
        query = {"external_id": value} if self.confirms(key) else {"channel": kind, "identity": value}
        return Request("GET", f"{self._list_url}?{urlencode(query)}", {"Accept": "application/json"})

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return sinch_replies.read_look_up(batch, reply, hint, self.mode)

    def refusal(self, reply: Reply, told: Batch) -> Judgement | None:
        return sinch_replies.read_call(told, reply)

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


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
