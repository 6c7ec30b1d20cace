"""Emarsys: `POST` and `PUT /contact` with many contacts, and `POST /contact/delete`.

API versions 2 (WSSE) and 3 (OAuth2). What the replies say is in `emarsys_replies`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import attrs
import msgspec

from headcount.auth import ClientCredentials, Wsse
from headcount.clients.connection import TIMEOUT
from headcount.core.answers import Judgement
from headcount.core.batches import Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations import emarsys_replies
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

if TYPE_CHECKING:
    from headcount.clients.emarsys import AsyncEmarsysClient, EmarsysClient

_EMAIL, _MOBILE, _OPT_IN = "3", "37", "31"
_INTERNAL = ("id", "uid")
"""The keys that the vendor gives itself: a contact that is to be created has none of them yet."""

_CALLS: Mapping[str, tuple[str, str]] = {
    "create": ("POST", ""),
    "upsert": ("PUT", "?create_if_not_exists=1"),
    "update": ("PUT", ""),
    "delete": ("POST", "/delete"),
}
"""The method and the end of the address of each mode's call."""


def _opt_in(text: str) -> int:
    """Field 31 takes 1 for yes and 2 for no; both may come as such."""
    return 2 if text.strip() == "2" else 1 if normalise.consent(text) else 2


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
        is_key = path == self.key_field
        if is_key and path == _EMAIL:
            return Field(path, normalise.email, normal=normal.EMAIL)
        if is_key and path == _MOBILE:
            return Field(path, self._phone, normal=normal.PHONE)
        if is_key:
            return Field(path, str.strip)
        if path == _MOBILE:
            return Field(path, normalise.undamaged_phone, normal=normal.UNDAMAGED_PHONE)
        if path == _OPT_IN:
            return Field(path, _opt_in)
        if path == "source_id" or (path.isascii() and path.isdigit()):
            return Field(path)
        raise UsageError(f"{path!r} is no field of Emarsys: fields are numbers, such as 3 for the e-mail address")

    def _phone(self, text: str) -> str:
        return normalise.phone(text, self.default_region)

    def records(self, paths: Sequence[str], columns: Sequence[Sequence[object]], count: int) -> list[Record]:
        return objects(paths, columns, count)

    def missing_key(self, record: Record) -> str | None:
        value = record.get(self.key_field)
        return self.key_field if value is None or str(value).strip() == "" else None

    def identify(self, records: Sequence[Record]) -> tuple[list[str], list[tuple[str, ...]]]:
        keys = [str(record.get(self.key_field, "")) for record in records]
        stripped = list(map(str.strip, keys))
        if "" in stripped:
            keys = [key if text else "" for key, text in zip(keys, stripped, strict=True)]
        return keys, list(zip(map(emarsys_replies.folded, stripped), strict=True))


class Emarsys(Account):
    """An Emarsys account.

    `auth` is a `ClientCredentials` (version 3) or a `Wsse` (version 2, announced to end with 2026). `key_field` is
    the id of the field that identifies a contact; 3 is the e-mail address; `id` and `uid`, the vendor's own, identify
    those that are there already, to update or delete them. `endpoint` replaces scheme, host and port of the API.
    `default_region` (ISO 3166-1 alpha-2) completes phone numbers where they are the key.
    """

    name: ClassVar[str] = "emarsys"
    services: ClassVar[Sequence[str]] = ("api", "auth")
    modes: Mapping[str, Behaviour] = {
        "create": Behaviour(Repeat.HARMLESS, look_up_size=1000),
        "upsert": Behaviour(Repeat.HARMLESS, look_up_size=1000),
        "update": Behaviour(Repeat.HARMLESS, look_up_size=1000),
        "delete": Behaviour(Repeat.HARMLESS, look_up_size=1000, removes=True),
    }
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
        """Raises UsageError for a key field that is none, or an endpoint that may not be used."""
        key = str(key_field)
        if key not in _INTERNAL and not (key.isascii() and key.isdigit()):
            raise UsageError(f"the key field of Emarsys is a field number, or id or uid, not {key!r}")
        normalise.check_region(default_region)
        self.auth = auth
        self.key_field = key
        self.default_region = default_region
        self.version = "v2" if isinstance(auth, Wsse) else "v3"
        self._api = relocated(f"https://api.emarsys.net/api/{self.version}", endpoint, "api", self.services)
        self._url = f"{self._api}/contact"
        self.layout: Layout = EmarsysLayout(key, default_region)
        self.check: SchemaCheck = ContactCheck("emarsys")
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

    def in_mode(self, mode: str) -> Self:
        bound = super().in_mode(mode)
        key = self.key_field
        if key in _INTERNAL and mode in ("create", "upsert"):
            raise UsageError(
                f"a contact that is to be created has no {key} yet: the key field {key} is for update and delete"
            )
        if mode == "update":
            bound.check = ContactCheck("emarsys", "ContactUpdate")
        if mode == "delete":
            neutral = {name: path for name, path in self.layout.neutral.items() if path == key}
            fields = [self.layout.field(key)]
            bound.layout = MemberLayout("Emarsys", fields, neutral, key_field=key, folds_case=True)
            bound.check = KeyCheck("emarsys", key, "#/components/schemas/KeyValue")
        return bound

    def request(self, batch: Batch) -> Request:
        method, ending = _CALLS[self.mode]
        if self.mode == "delete":
            body = msgspec.json.encode({"key_id": self.key_field, self.key_field: batch.keys})
        else:
            body = self.envelope.body(batch.payloads)
        return Request(method, self._url + ending, JSON_HEADERS, body)

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        return emarsys_replies.read(batch, reply, self.mode)

    def look_up(self, batch: Batch) -> Request:
        """One `checkids` call; its ids come keyed by the key value."""
        body = msgspec.json.encode({"key_id": self.key_field, "external_ids": batch.keys})
        return Request("POST", self._url + "/checkids", JSON_HEADERS, body)

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return emarsys_replies.read_look_up(batch, reply, hint, self.mode)

    def refusal(self, reply: Reply, told: Batch) -> Judgement | None:
        return emarsys_replies.read_call(told, reply)

    def client(self, *, timeout: float = TIMEOUT) -> EmarsysClient:
        """The vendor's operations, each as one call, for a `with` block. `timeout` in seconds is what a call may take.

        Raises UsageError for a timeout that is none.
        """
        from headcount.clients.emarsys import EmarsysClient

        return EmarsysClient(self.connection(timeout), self.service("emarsys", self._api))

    def async_client(self, *, timeout: float = TIMEOUT) -> AsyncEmarsysClient:
        """The same to be awaited, for an `async with` block."""
        from headcount.clients.emarsys import AsyncEmarsysClient

        return AsyncEmarsysClient(self.async_connection(timeout), self.service("emarsys", self._api))
