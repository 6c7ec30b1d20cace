"""Acme Audiences: `POST /v1/audiences/{audience}/people`, with results by the ref that we gave each person."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, ClassVar

import attrs
import msgspec

from headcount.auth import HeaderKey
from headcount.clients.connection import TIMEOUT
from headcount.core.answers import Judgement, judge_status
from headcount.core.batches import Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations.account import Account, Said, answered
from headcount.destinations.base import (
    JSON_HEADERS,
    SILENT,
    Endpoint,
    Texts,
    decoded,
    relocated,
    secret_from_environment,
)
from headcount.errors import BatchRefusedError, UsageError
from headcount.outcome import Kind, Problem, Status
from headcount.records import normalise
from headcount.records.check import ContactCheck
from headcount.records.fields import Field
from headcount.records.members import MemberLayout
from headcount.transport import Auth
from headcount_acme import SPEC
from headcount_acme.client.api import AsyncOperations, Operations

_REPEATS = {"keep": Repeat.HARMLESS, "replace": Repeat.HARMLESS, "add": Repeat.DOUBLES}
_STATUSES = {"added": Status.CREATED, "replaced": Status.UPDATED, "kept": Status.EXISTING}
_LAYOUT = MemberLayout(
    vendor="Acme",
    key_field="ref",
    fields=[
        Field("ref", str.strip),
        Field("email", normalise.email),
        Field("first_name"),
        Field("last_name"),
        Field("subscribed", normalise.consent),
        Field("fields."),
    ],
    neutral={
        "external_id": "ref",
        "email": "email",
        "given_name": "first_name",
        "surname": "last_name",
        "consent": "subscribed",
        "attributes.": "fields.",
    },
)


class _Error(msgspec.Struct):
    code: Any = None
    text: Any = None


class _Result(msgspec.Struct):
    outcome: Any = None
    id: Any = None
    error: _Error | None = None


class _Envelope(msgspec.Struct):
    results: dict[str, Any] | None = None
    found: dict[str, Any] | None = None
    error: _Error | None = None


class Acme(Account):
    """An audience of an Acme account.

    `auth` is a `HeaderKey` of X-Acme-Key. `audience` is the audience's name in the vendor's address. `on_match` says
    what becomes of a person who is there: `keep`, `replace`, or `add`, which makes a second one. `endpoint` replaces
    scheme, host and port.
    """

    name: ClassVar[str] = "acme"
    limits = Limits(max_contacts=100)
    requests_per_second: float | None = 20.0

    def __init__(self, *, auth: Auth, audience: str, on_match: str = "keep", endpoint: Endpoint = None) -> None:
        """Raises UsageError for an option that cannot be, or an endpoint that may not be used."""
        if on_match not in _REPEATS:
            raise UsageError(f"on_match is {', '.join(_REPEATS)}, not {on_match!r}")
        if not re.fullmatch(r"[a-z0-9-]{1,40}", audience):
            raise UsageError("an audience of Acme has small letters, digits and - only")
        self.auth, self.audience, self.on_match = auth, audience, on_match
        self.modes = {"create": Behaviour(_REPEATS[on_match], look_up_size=50)}
        self.envelope = Envelope(b'{"on_match":"%s","people":[' % on_match.encode(), b"]}")
        self.layout, self.check = _LAYOUT, ContactCheck(SPEC)
        self._api = relocated("https://audiences.acme.example/v1", endpoint, "api", self.services)
        self._url = f"{self._api}/audiences/{audience}/people"

    @classmethod
    def from_env(cls, *, audience: str, on_match: str = "keep", endpoint: Endpoint = None) -> Acme:
        """An account by ACME_KEY. Raises UsageError when it is missing."""
        auth = HeaderKey("X-Acme-Key", secret_from_environment("ACME_KEY"))
        return cls(auth=auth, audience=audience, on_match=on_match, endpoint=endpoint)

    def request(self, batch: Batch) -> Request:
        return Request("POST", self._url, JSON_HEADERS, self.envelope.body(batch.payloads))

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        envelope = decoded(reply.body, _Envelope)
        if envelope is None or envelope.results is None:
            return _refusal(batch, reply, envelope)
        texts, results = Texts(batch), envelope.results
        return answered(batch, [_said(results.get(key), texts, at, reply) for at, key in enumerate(batch.keys)])

    def look_up(self, batch: Batch) -> Request:
        return Request("POST", f"{self._url}/search", JSON_HEADERS, msgspec.json.encode({"refs": batch.keys}))

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        envelope = decoded(reply.body, _Envelope)
        if envelope is None or envelope.found is None:
            return _refusal(batch, reply, envelope)
        there = Problem(Kind.EXISTS, "found by its ref", http_status=reply.status)
        absent = Said(Status.NOT_SENT, attrs.evolve(SILENT, detail="not found by its ref", retryable=True))
        found = [_result(envelope.found.get(key)) for key in batch.keys]
        return answered(batch, [absent if each is None else Said(Status.EXISTING, there, each.id) for each in found])

    def refusal(self, reply: Reply, told: Batch) -> Judgement | None:
        envelope = decoded(reply.body, _Envelope)
        return None if envelope is None or reply.successful else _refusal(told, reply, envelope)

    def client(self, *, timeout: float = TIMEOUT) -> AbstractContextManager[Operations]:
        """The vendor's operations as calls, for a `with` block; `timeout` in seconds is what each may take."""
        service = self.service(SPEC, self._api)
        return self.calls(lambda call: Operations(call, audience=self.audience), service, timeout)

    def async_client(self, *, timeout: float = TIMEOUT) -> AbstractAsyncContextManager[AsyncOperations]:
        """The same to be awaited, for an `async with` block."""
        service = self.service(SPEC, self._api)
        return self.async_calls(lambda call: AsyncOperations(call, audience=self.audience), service, timeout)


def _refusal(batch: Batch, reply: Reply, envelope: _Envelope | None) -> Judgement:
    """The whole was refused, or the reply cannot be read."""
    error = None if envelope is None else envelope.error
    if error is None:
        return judge_status(reply)
    texts = Texts(batch)
    judgement = judge_status(reply, texts.masked(error.text), texts.code(error.code))
    if reply.status == 400 and error.code == "E_FULL":
        return attrs.evolve(judgement, error=BatchRefusedError("the audience is full (E_FULL)"))
    return judgement


def _result(raw: object) -> _Result | None:
    return msgspec.convert(raw, _Result) if isinstance(raw, dict) else None


def _said(raw: object, texts: Texts, position: int, reply: Reply) -> Said | None:
    """What a result says of the person at this position; None for one that says nothing."""
    result = _result(raw)
    if result is None:
        return None
    if result.error is not None:
        detail, code = texts.masked(result.error.text, position), texts.code(result.error.code)
        return Said(Status.REJECTED, Problem(Kind.INVALID_VALUE, detail, code, reply.status))
    status = _STATUSES.get(str(result.outcome))
    return None if status is None else Said(status, vendor_id=result.id)
