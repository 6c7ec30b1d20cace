"""What a mock does wrong on purpose: faults by schedule, and the switches that every vendor has.

A faults file, TOML or JSON, has one table a vendor:

    [emarsys]
    empty_errors = "list"

    [[emarsys.faults]]      # the third call is stored, and its reply lost
    nth = 3
    ending = "close"
    carried_out = true

    [[emarsys.faults]]
    every = 10
    answer = "rate_limited"
    wait = 2
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import attrs
import msgspec

from headcount.errors import UsageError


@attrs.frozen(kw_only=True)
class Fault:
    """One fault and the calls that it falls on.

    Calls are counted from 1, per vendor: every call but the token call, or with `operation` the calls of
    that operation. The first fault of the list that falls on a call is the one that happens. What the
    faults look like is inferred from what networks, proxies and the vendors' documents show.

    nth: falls on this call only.
    first, last: falls on the calls from `first` to `last`, both included.
    every: falls on each call whose number this divides.
    operation: an operationId of the vendor's specs; None means every call but `createToken`.
    answer: the name of one of the vendor's own answers (`Vendor.answers`).
    status, headers, body: an HTTP reply given literally, or changes to `answer`.
    wait: seconds that a named answer asks the client to wait.
    carried_out: where the client does not get the vendor's own reply: the request takes its full effect all the
        same; else the store stays as it was. A reply that is only late or cut short is always of a request carried out.
    delay: seconds before the reply, or before the connection ends.
    ending: `reply` sends the reply; `truncate` sends its head and half of its body, then closes; `close`
        closes without a reply (FIN), `reset` the same with RST; `hang` keeps silent until the client leaves.
    """

    nth: int | None = None
    first: int = 1
    last: int | None = None
    every: int = 1
    operation: str | None = None
    answer: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = attrs.Factory(dict)
    body: str | None = None
    wait: int = 1
    carried_out: bool = False
    delay: float = 0.0
    ending: Literal["reply", "truncate", "close", "reset", "hang"] = "reply"

    def __attrs_post_init__(self) -> None:
        if self.every < 1:
            raise ValueError("every must be 1 or more")

    def falls_on(self, number: int) -> bool:
        """Whether this fault happens to the call of this number."""
        return (
            self.nth in (None, number)
            and self.first <= number
            and (self.last is None or number <= self.last)
            and number % self.every == 0
        )

    @property
    def replaces_reply(self) -> bool:
        """The vendor's own reply is not what the client gets to see."""
        return self.answer is not None or self.status is not None or self.ending in ("close", "reset", "hang")


@attrs.define(kw_only=True)
class Switches:
    """The switches that every vendor has. They may be changed while the mock runs.

    faults: the scheduled faults; the first that falls on a call happens.
    forget: stores nothing and keeps only counts, so memory stays flat; every contact is then a new one.
    body_limit: bytes of a request body, above which the answer is 413 (Emarsys: vendor-docs; others: inferred).
    token_calls: API calls after which an access token counts as expired (inferred); None means never.
    """

    faults: tuple[Fault, ...] = ()
    forget: bool = False
    body_limit: int = 10_000_000
    token_calls: int | None = None


S = TypeVar("S", bound=Switches)


def read_switches(kind: type[S], settings: Mapping[str, Any] | S, where: str) -> S:
    """Switches from plain data, as a faults file holds them. Raises UsageError naming what is wrong."""
    if isinstance(settings, kind):
        return settings
    if not isinstance(settings, Mapping):
        raise UsageError(f"{where}: expected a table of switches")
    _refuse_unknown(kind, settings, where)
    faults = settings.get("faults", ())
    for position, fault in enumerate(faults if isinstance(faults, list | tuple) else (), start=1):
        if isinstance(fault, Mapping):
            _refuse_unknown(Fault, fault, f"{where}.faults, number {position}")
    try:
        return msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {error}") from None


def read_faults_file(path: Path) -> dict[str, Any]:
    """The tables of a faults file (TOML, or JSON by its ending), one a vendor. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(tables, dict):
        raise UsageError(f"{path}: expected one table a vendor")
    return tables


def _refuse_unknown(kind: type[attrs.AttrsInstance], settings: Mapping[str, Any], where: str) -> None:
    known = [field.name for field in attrs.fields(kind)]
    for name in settings:
        if name not in known:
            raise UsageError(f"{where}: no switch is called {name!r}; there are {', '.join(known)}")
