"""Checks that no schema can say: what a mock does must be what it answers.

Schemathesis makes one of each a run and tells it of every reply, in order. They say nothing in a run without settings
of theirs, so that other users of Schemathesis in the same process are left alone.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import schemathesis

from tests.fuzz.exchange import Exchange
from tests.fuzz.memory import MEMORIES, Memory
from tests.fuzz.promises import PROMISES
from tests.fuzz.targets import Running, Target

Context = Any
Response = Any
Case = schemathesis.Case[Any]

UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What a reply of another shape comes to here; that it has that shape, the check of its schema finds."""


@schemathesis.check
class Effects:
    """The write log grows by what the reply says, and a refused request leaves it as it is."""

    def __init__(self, spec: str = "", mock: Running | None = None) -> None:
        self.spec = spec
        self.store = mock.vendor.store if mock else None
        self.before = self._counts()

    def after_response(self, ctx: Context, response: Response, case: Case) -> None:
        """Compares what was written since the last reply with what this one says."""
        if self.store is None:
            return
        exchange = Exchange.of(case, response)
        now = self._counts()
        written, deleted = now[0] - self.before[0], now[1] - self.before[1]
        self.before = now
        expected = None
        with suppress(*UNREADABLE):
            expected = effects_of(self.spec, exchange)
        assert expected is None or (written, deleted) == expected, (
            f"{exchange.operation} answered {exchange.status}: {written} written and {deleted} deleted"
        )

    def _counts(self) -> tuple[int, int]:
        return (self.store.created + self.store.updated, self.store.deleted) if self.store else (0, 0)


@schemathesis.check
class Remembers:
    """What was created, changed or deleted is read and listed so from then on."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory

    def after_response(self, ctx: Context, response: Response, case: Case) -> None:
        """Holds a reply to those before it."""
        if self.memory is not None:
            exchange = Exchange.of(case, response)
            if exchange.status in (200, 404) and isinstance(exchange.reply, dict | None):
                with suppress(*UNREADABLE):
                    self.memory.hold(exchange)


@schemathesis.check
class TokenLife:
    """A token opens as many calls as it may and no more."""

    def __init__(self, calls: int | None = None, used: Counter[str] | None = None) -> None:
        self.calls = calls
        self.used = Counter() if used is None else used

    def after_response(self, ctx: Context, response: Response, case: Case) -> None:
        """Counts the calls that a token has opened."""
        exchange = Exchange.of(case, response)
        scheme, _, token = str(exchange.headers.get("Authorization", "")).partition(" ")
        opened = bool(exchange.operation) and exchange.status != 401
        if self.calls is not None and scheme.lower() == "bearer" and opened:
            self.used[token] += 1
            assert self.used[token] <= self.calls, f"call {self.used[token]} with a token for {self.calls}"


def own_checks(target: Target, mock: Running) -> dict[str, dict[str, Any]]:
    """The settings of these checks for a mock, for as many runs as it answers in."""
    memory = MEMORIES[target.spec]() if target.spec in MEMORIES else None
    return {
        "Effects": {"spec": target.spec, "mock": mock},
        "Remembers": {"memory": memory},
        "TokenLife": {"calls": mock.vendor.switches.token_calls, "used": Counter()},
    }


def effects_of(spec: str, exchange: Exchange) -> tuple[int, int] | None:
    """How many contacts this call has written and deleted; None where the reply does not say so."""
    if not exchange.accepted:
        return 0, 0
    if spec not in PROMISES:
        return None  # Of a vendor that was added, nobody has said here how its replies tell.
    match spec, exchange.operation:
        case "sinch_batch", "createContacts":
            return len(exchange.body["contacts"]), 0
        case "sinch_conversation", "createContact" | "updateContact":
            return 1, 0
        case "sinch_conversation", "deleteContact":
            return 0, 1
        case "sinch_conversation", "mergeContacts":
            return 1, 1
        case "emarsys", "createContacts":
            data = exchange.reply["data"]
            return (len(data["ids"]) if "ids" in data else "id" in data) if data else 0, 0
        case "pabbly_chatflow", "createContacts":
            return len(exchange.reply["data"]["createdContacts"]), 0
        case "pabbly_chatflow", "updateContact":
            return 1, 0
        case ("sinch_batch", "deleteContacts") | ("emarsys", "updateContacts" | "deleteContacts"):
            return None
    return 0, 0
