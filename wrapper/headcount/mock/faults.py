"""What a mock does wrong on purpose: faults by schedule, and the switches that every vendor has.

A faults file, TOML or JSON, has one table a vendor, and one for the network in front of them all:

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

    [[network.faults]]      # the seventh call is carried out, and its reply comes a byte every 0.3 seconds
    nth = 7
    ending = "drip_body"
    size = 1
    delay = 0.3
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import attrs
import msgspec

from headcount.errors import UsageError

TOKEN_OPERATION = "createToken"
"""The operationId of the token call in every spec."""
NETWORK = "network"
"""The name of the network's table, beside those of the vendors."""

Ending = Literal[
    "reply",
    "truncate",
    "close",
    "reset",
    "hang",
    "refuse",
    "reset_on_accept",
    "drip_head",
    "drip_body",
    "garble_head",
    "garble_body",
    "bomb",
    "gzip_bomb",
]
_OF_CONNECTIONS = ("refuse", "reset_on_accept")
_OF_THE_NETWORK = (*_OF_CONNECTIONS, "drip_head", "drip_body", "garble_head", "garble_body", "bomb", "gzip_bomb")
_REPLACES_REPLY = ("close", "reset", "hang", "bomb", "gzip_bomb")


@attrs.frozen(kw_only=True)
class Fault:
    """One fault and the calls that it falls on.

    Calls are counted from 1: every call but the token call, or with `operation` the calls of that operation. A vendor
    counts what reaches it; the network counts the calls of all vendors, before they do. The first fault of the list
    that falls on a call is the one that happens. What the faults look like is inferred from what networks, proxies
    and the vendors' documents show.

    nth: falls on this call only.
    first, last: falls on the calls from `first` to `last`, both included.
    every: falls on each call whose number this divides.
    operation: an operationId of the vendor's specs; None means every call but `createToken`.
    answer: the name of one of the vendor's own answers (`Vendor.answers`).
    status, headers, body: an HTTP reply given literally, or changes to `answer`.
    wait: seconds that a named answer asks the client to wait.
    carried_out: where the client does not get the vendor's own reply: the request takes its full effect all the
        same; else the vendor does not act on it, and its store stays as it was.
    delay: seconds before the reply, or before the connection ends; between two pieces of a drip.
    ending: how the call ends. Of a vendor or the network:
        `reply` sends the reply;
        `truncate` sends its beginning, then closes: head and half of the body, or `size` bytes in all;
        `close` closes without a reply (FIN), `reset` the same with RST, `hang` keeps silent until the client leaves.
        Of the network alone, and carried out:
        `drip_head`, `drip_body` send the reply, or after its head its body, `size` bytes (1) every `delay` seconds;
        `garble_head`, `garble_body` make nonsense of its, or of its body's, first `size` bytes (8).
        Of the network alone, and carried out if `carried_out` says so:
        `bomb` answers 200 with `size` zeros, without `size` endlessly;
        `gzip_bomb` the same compressed a thousandfold, which its Content-Encoding says.
        Of the network alone, counting connections in the place of calls, and never carried out:
        `refuse` has nothing listen from the moment that this connection is the next, for `delay` seconds, or with no
        `delay` ever after; `reset_on_accept` ends it with RST.
    size: bytes, where an ending says so. With `close`, `reset` and `hang`: of the request's body, after which it
        happens; the vendor never sees such a request. Only the network counts bytes.
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
    ending: Ending = "reply"
    size: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.every < 1:
            raise ValueError("every must be 1 or more")
        least = 1 if self.ending in ("drip_head", "drip_body") else 0
        if self.size is not None and self.size < least:
            raise ValueError(f"size must be {least} or more")
        if self.cuts_request and self.carried_out:
            raise ValueError("a request that is cut short is not carried out")

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
        return self.answer is not None or self.status is not None or self.ending in _REPLACES_REPLY

    @property
    def cuts_request(self) -> bool:
        """It happens before the request is whole."""
        return self.size is not None and self.ending in ("close", "reset", "hang")

    @property
    def of_connections(self) -> bool:
        """It falls on connections, whatever they carry."""
        return self.ending in _OF_CONNECTIONS

    @property
    def of_the_network(self) -> bool:
        """Nothing that a vendor could do."""
        return self.ending in _OF_THE_NETWORK or self.size is not None


class Calls:
    """Counts calls: those of each operation, and all but the token calls together."""

    def __init__(self) -> None:
        self._counts: Counter[str | None] = Counter()

    def begin(self, operations: Collection[str], faults: Iterable[Fault]) -> Fault | None:
        """Counts one more call, of any of these operations; the first fault that falls on it."""
        names: set[str | None] = {*operations}
        if TOKEN_OPERATION not in names:
            names.add(None)
        self._counts.update(names)
        fitting = (fault for fault in faults if fault.operation in names and not fault.of_connections)
        return next((fault for fault in fitting if fault.falls_on(self.number(fault.operation))), None)

    def number(self, operation: str | None) -> int:
        """How many calls there were of this operation; with None, how many that were no token calls."""
        return self._counts[operation]


@attrs.define(kw_only=True)
class Network:
    """What the network in front of the mocks does. It may be changed while the mock runs.

    faults: the scheduled faults; the first that falls on a connection or a call happens.
    """

    faults: tuple[Fault, ...] = ()

    def __attrs_post_init__(self) -> None:
        if any(fault.answer is not None for fault in self.faults):
            raise ValueError("the network has no answers of its own; give a status, headers and body")


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

    def __attrs_post_init__(self) -> None:
        if odd := next((fault for fault in self.faults if fault.of_the_network), None):
            name = "size" if odd.size is not None else odd.ending
            raise ValueError(f"{name!r} is of the network: such a fault belongs under [{NETWORK}]")


S = TypeVar("S", bound=Switches | Network)


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
    for name, table in _tables(kind).items():
        if isinstance(settings.get(name), Mapping):
            _refuse_unknown(table, settings[name], f"{where}.{name}")
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


def _tables(kind: type[attrs.AttrsInstance]) -> dict[str, type[attrs.AttrsInstance]]:
    """The switches that are tables of switches themselves, by name."""
    hints = get_type_hints(kind).items()
    return {name: each for name, hint in hints for each in get_args(hint) if attrs.has(each)}


def _refuse_unknown(kind: type[attrs.AttrsInstance], settings: Mapping[str, Any], where: str) -> None:
    known = [field.name for field in attrs.fields(kind)]
    for name in settings:
        if name not in known:
            raise UsageError(f"{where}: no switch is called {name!r}; there are {', '.join(known)}")
