"""What most destinations have in common, so that a vendor's class says only what is its own."""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any, ClassVar, Self, TypeVar, cast

import attrs

from headcount.clients.connection import TIMEOUT, AsyncCalls, AsyncClient, AsyncConnection, Calls, Connection, Service
from headcount.clients.operations import interface
from headcount.core.answers import Judgement, Meaning, judge_status
from headcount.core.batches import Answer, Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.destinations.base import SILENT, check_mode, identifiers
from headcount.outcome import Kind, Problem, Status
from headcount.records.check import SchemaCheck
from headcount.records.decode import guarded
from headcount.records.fields import Layout
from headcount.transport import Auth

Generated = TypeVar("Generated")
"""The generated operations of a service, called or awaited."""


class Account(ABC):
    """A `Destination` with the usual choices made. A vendor's class gives

    - `name`, `modes` (what each mode promises of repeats) and `limits`; the others where they differ;
    - an `__init__` that takes `auth`, `endpoint` and the options, and sets `auth`, `layout`, `check` and, each under
      its name, the options;
    - a `from_env` that takes `endpoint` and the options, all as texts, and the credentials from the environment;
    - `request` and `judge`; and for a vendor that can be asked what is there, `look_up` and `judge_look_up`. Where it
      has several modes, `self.mode` is the one that they speak of;
    - for single calls `client` and `async_client`, made of `calls`, `async_calls` and `service`, and `refusal`.
    """

    name: ClassVar[str]
    services: ClassVar[Sequence[str]] = ("api",)
    modes: Mapping[str, Behaviour]
    mode: str = "create"
    """The mode that it is bound to."""
    envelope: Envelope = Envelope(b"[", b"]")
    limits: Limits
    concurrency: int = 8
    requests_per_second: float | None = None
    auth: Auth
    layout: Layout
    check: SchemaCheck

    @property
    def behaviour(self) -> Behaviour:
        return self.modes[self.mode]

    def in_mode(self, mode: str) -> Self:
        """A copy of itself that is bound to the mode. A vendor whose modes differ in more than `request` and `judge`
        can tell by `self.mode` changes the copy here."""
        check_mode(type(self).__name__, mode, self.modes)
        bound = copy.copy(self)
        bound.mode = mode
        return bound

    @abstractmethod
    def request(self, batch: Batch) -> Request:
        """The call that carries a batch."""

    @abstractmethod
    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        """What a reply says of the batch. One that makes this raise, whatever it is, is judged by its status."""

    def read(self, batch: Batch, reply: Reply) -> Judgement:
        return guarded(lambda: self.judge(batch, reply), None) or judge_status(reply)

    def confirms(self, key: str) -> bool:
        """Yes: the vendor has one contact of a key. Of interest where a vendor takes contacts and works later."""
        return True

    def look_up(self, batch: Batch) -> Request:
        """The call that asks whether contacts are there, for a vendor whose modes have a `look_up_size`."""
        raise NotImplementedError(f"{self.name} cannot be asked")

    def judge_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        """What its reply says; see `Destination.read_look_up`. One that makes this raise is judged by its status."""
        raise NotImplementedError(f"{self.name} cannot be asked")

    def read_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        return guarded(lambda: self.judge_look_up(batch, reply, hint), None) or judge_status(reply)

    def refusal(self, reply: Reply, told: Batch) -> Judgement | None:
        """What the reply to a single call says if the vendor refuses it, inside a 2xx too; None for a success, and for
        what its status alone says. `told` holds what the call told the vendor, for `Texts`."""
        return None

    def service(self, spec: str | Mapping[str, Any], url: str) -> Service:
        """What single calls go to: a compiled spec, by name or as a document, and what its paths are appended to."""
        return Service(interface(spec), url, self.refusal)

    def connection(self, timeout: float = TIMEOUT) -> Connection:
        """What carries single calls; `timeout` in seconds is what each may take."""
        return Connection(self.auth, timeout)

    def async_connection(self, timeout: float = TIMEOUT) -> AsyncConnection:
        """What carries single calls that are awaited, `concurrency` at a time."""
        return AsyncConnection(self.auth, timeout, self.concurrency)

    @contextmanager
    def calls(
        self, operations: Callable[[Calls], Generated], service: Service, timeout: float = TIMEOUT
    ) -> Iterator[Generated]:
        """The generated `Operations` of a service for a `with` block: all that a vendor's `client` needs."""
        with closing(self.connection(timeout)) as connection:
            yield operations(Calls(connection, service))

    @asynccontextmanager
    async def async_calls(
        self,
        operations: Callable[[AsyncCalls], Generated],
        service: Service,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 it is of each call, and not of this one
    ) -> AsyncIterator[Generated]:
        """The generated `AsyncOperations` for an `async with` block."""
        async with AsyncClient(connection := self.async_connection(timeout)):
            yield operations(AsyncCalls(connection, service))

    def options(self) -> Mapping[str, str]:
        """The options as texts: each stands in the attribute of its name."""
        values = {name: getattr(self, name) for name in option_parameters(type(self))}
        return {name: str(value) for name, value in values.items() if value is not None}


def option_parameters(kind: Any) -> dict[str, inspect.Parameter]:
    """The options of a destination's class: the parameters of its `from_env`, but for `endpoint`."""
    parameters = inspect.signature(kind.from_env).parameters.items()
    return {name: parameter for name, parameter in parameters if name != "endpoint"}


_WITH_PROBLEM = frozenset(status for status in Status if status.needs_problem)
_NO_REASON = {
    Status.EXISTING: Problem(Kind.EXISTS, "the contact exists"),
    Status.REJECTED: Problem(Kind.REFUSED, "the vendor names no reason"),
}


@attrs.frozen
class Said:
    """What a reply says of one contact. `vendor_id` is the vendor's, as it came: what is no id counts as none."""

    status: Status
    problem: Problem | None = None
    vendor_id: object = None


_SILENCE = Said(Status.UNKNOWN, SILENT)


def answered(
    batch: Batch, said: Sequence[Said | None], hint: object = None, *, vendor_ids: Sequence[object] | None = None
) -> Judgement:
    """The vendor's word on each contact of the batch, in its order. None is silence, which leaves it `unknown`.

    One `Said` may stand for many contacts; `vendor_ids` then takes the place of theirs.
    """
    words = [each or _SILENCE for each in said] if None in said else cast(Sequence[Said], said)
    problems = {
        position: each.problem or _NO_REASON.get(each.status, SILENT)
        for position, each in enumerate(words)
        if each.status in _WITH_PROBLEM
    }
    ids = identifiers(vendor_ids or [each.vendor_id for each in words], batch.payloads)
    return Judgement(Meaning.ANSWERED, Answer([each.status for each in words], problems, ids), hint=hint)
