"""Pabbly Chatflow: `POST /api/v1/contacts` with a list of contacts. What the replies say is in `pabbly_replies`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlencode

import attrs

from headcount.auth import BearerKey
from headcount.clients.connection import TIMEOUT
from headcount.core.answers import Judgement
from headcount.core.batches import Batch, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations import pabbly_replies
from headcount.destinations.account import Account
from headcount.destinations.base import (
    JSON_HEADERS,
    Endpoint,
    relocated,
    secret_from_environment,
)
from headcount.errors import UsageError
from headcount.records import normal, normalise
from headcount.records.check import SchemaCheck
from headcount.records.fields import Field, Record, objects
from headcount.transport import Auth
from headcount_api import specs

if TYPE_CHECKING:
    from headcount.clients.pabbly import AsyncPabblyClient, PabblyClient

_ATTRIBUTES = "attributes."
_SKIP, _OVERWRITE = "skip", "overwrite"


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
                return Field(path, self._mobile, normal=normal.PHONE_DIGITS)
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
        by_path = dict(zip(paths, columns, strict=True))
        members = {path: column for path, column in by_path.items() if not path.startswith(_ATTRIBUTES)}
        attributes = {path.removeprefix(_ATTRIBUTES): by_path[path] for path in by_path if path not in members}
        if attributes:
            members["attributes"] = [
                [{"name": name, "value": value} for name, value in pairs if value is not None] or None
                for pairs in (zip(attributes, values, strict=True) for values in zip(*attributes.values(), strict=True))
            ]
        return objects([*members], [*members.values()], count)

    def missing_key(self, record: Record) -> str | None:
        return None if pabbly_replies.digits(record.get("mobile")) else "mobile"

    def identify(self, records: Sequence[Record]) -> tuple[list[str], list[tuple[str, ...]]]:
        mobiles = [str(record.get("mobile", "")) for record in records]
        together = "".join(mobiles)
        keys = mobiles if together.isascii() and together.isdigit() else list(map(pabbly_replies.digits, mobiles))
        return keys, list(zip(keys, strict=True))

    def _mobile(self, text: str) -> str:
        return normalise.phone_digits(text, self.default_region)


def _check(word: str) -> SchemaCheck:
    """The check of a contact that does not contradict what is said for all of them: which of the two words the vendor
    would follow is not documented."""
    components = specs.load("pabbly_chatflow")["components"]
    contact = components["schemas"]["Contact"]
    properties = {**contact["properties"], "onDuplicate": {"type": "string", "enum": [word]}}
    return SchemaCheck({**contact, "properties": properties}, components)


class Pabbly(Account):
    """A Pabbly Chatflow account.

    `auth` is a `BearerKey`. `on_duplicate` says what a `create` does with a contact that exists: `skip`, unless said
    otherwise, leaves it as it is, `overwrite` writes over it, and the vendor lists it as created all the same. An
    `upsert` overwrites. `endpoint` replaces scheme, host and port of the API. `default_region` (ISO 3166-1 alpha-2)
    completes phone numbers that have no dialing code; without it a number is taken to carry one, as the vendor's do.
    """

    name: ClassVar[str] = "pabbly"
    limits = Limits(max_contacts=1000)

    def __init__(
        self,
        *,
        auth: Auth,
        endpoint: Endpoint = None,
        on_duplicate: str | None = None,
        default_region: str | None = None,
    ) -> None:
        """Raises UsageError for another word in `on_duplicate`, or an endpoint that may not be used."""
        if on_duplicate not in (None, _SKIP, _OVERWRITE):
            raise UsageError(f"on_duplicate is {_SKIP} or {_OVERWRITE}, not {on_duplicate!r}")
        normalise.check_region(default_region)
        self.auth = auth
        self.on_duplicate = on_duplicate
        self.default_region = default_region
        repeat = Repeat.HARMLESS if on_duplicate == _OVERWRITE else Repeat.READ_BACK
        self.modes = {
            "create": Behaviour(repeat, look_up_size=1),
            "upsert": Behaviour(Repeat.HARMLESS, look_up_size=1),
        }
        self.layout = PabblyLayout(default_region)
        self.check = _check(self._word)
        self._api = relocated("https://chatflow.pabbly.com/api/v1", endpoint, "api", self.services)
        self._url = f"{self._api}/contacts"

    @classmethod
    def from_env(
        cls, *, endpoint: Endpoint = None, on_duplicate: str | None = None, default_region: str | None = None
    ) -> Pabbly:
        """An account by PABBLY_API_KEY. Raises UsageError when it is missing."""
        auth = BearerKey(secret_from_environment("PABBLY_API_KEY"))
        return cls(auth=auth, endpoint=endpoint, on_duplicate=on_duplicate, default_region=default_region)

    def in_mode(self, mode: str) -> Self:
        bound = super().in_mode(mode)
        if mode == "upsert" and self.on_duplicate == _SKIP:
            raise UsageError(f"on_duplicate={_SKIP} is for the mode create: an upsert writes over what exists")
        bound.check = _check(bound._word)
        return bound

    @property
    def _word(self) -> str:
        return _OVERWRITE if self.mode == "upsert" else self.on_duplicate or _SKIP

    def request(self, batch: Batch) -> Request:
        url = f"{self._url}?{urlencode({'onDuplicate': self._word})}"
        return Request("POST", url, JSON_HEADERS, self.envelope.body(batch.payloads))

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        return pabbly_replies.read(batch, reply, self.mode)

    def look_up(self, batch: Batch) -> Request:
        """The list call, searching by `mobile`."""
        return Request("GET", f"{self._url}/?{urlencode({'mobile': batch.keys[0]})}", {"Accept": "application/json"})

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return pabbly_replies.read_look_up(batch, reply, hint, self.mode)

    def refusal(self, reply: Reply, told: Batch) -> Judgement | None:
        return pabbly_replies.read_call(told, reply)

    def client(self, *, timeout: float = TIMEOUT) -> PabblyClient:
        """The vendor's operations, each as one call, for a `with` block. `timeout` in seconds is what a call may take.

        Raises UsageError for a timeout that is none.
        """
        from headcount.clients.pabbly import PabblyClient

        return PabblyClient(self.connection(timeout), self.service("pabbly_chatflow", self._api))

    def async_client(self, *, timeout: float = TIMEOUT) -> AsyncPabblyClient:
        """The same to be awaited, for an `async with` block."""
        from headcount.clients.pabbly import AsyncPabblyClient

        return AsyncPabblyClient(self.async_connection(timeout), self.service("pabbly_chatflow", self._api))
