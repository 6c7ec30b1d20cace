"""Loads against the mocks on real sockets, held to what the vendor stored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from headcount import Kind, Outcome, Report, Status, load
from headcount.auth import BearerKey, ClientCredentials, Secret
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import FatalError
from headcount.mock import Happening, MockServer, Write, serve

ACCEPTED, CREATED, EXISTING = Status.ACCEPTED, Status.CREATED, Status.EXISTING
NOT_SENT, REJECTED, SKIPPED, UNKNOWN = Status.NOT_SENT, Status.REJECTED, Status.SKIPPED, Status.UNKNOWN


@attrs.frozen
class Ran:
    """A load that is over, and what the vendor and the network know of it."""

    outcomes: Sequence[Outcome]
    error: FatalError | None
    report: Report
    writes: Sequence[Write]
    keys: Sequence[str]
    """Of all contacts, as the vendor writes them."""
    happened: Sequence[Happening]
    answers: Mapping[int, int]
    seconds: float

    @property
    def statuses(self) -> list[Status]:
        return [outcome.status for outcome in self.outcomes]

    def kinds(self, status: Status) -> set[Kind]:
        """The kinds of the problems with this status."""
        return {each.problem.kind for each in self.outcomes if each.status is status and each.problem}

    def stored(self) -> list[int]:
        """The indexes of the contacts that the vendor created, in order."""
        return sorted(self.keys.index(write.key) for write in self.writes)


def contact(vendor: str, number: int) -> dict[str, Any]:
    phone = f"4479460{number:05}"
    match vendor:
        case "emarsys":
            return {"3": f"p{number}@example.com"}
        case "pabbly":
            return {"mobile": phone}
    return {"channel_identities": [{"channel": "SMS", "identity": f"+{phone}"}], "language": "EN_GB"}


def key(vendor: str, number: int) -> str:
    """What the write log calls the contact."""
    return {
        "emarsys": f"p{number}@example.com",
        "pabbly": f"4479460{number:05}",
        "sinch": f"SMS:+4479460{number:05}",
    }[vendor].replace("SMS:+", "SMS:")


def destination(vendor: str, url: str, **settings: Any) -> Destination:
    if vendor == "pabbly":
        return Pabbly(auth=BearerKey(Secret("mock-key")), endpoint=url, **settings)
    client = {"emarsys": "mock-client", "sinch": "mock-key-id"}[vendor]
    auth = ClientCredentials(f"{url}/oauth2/token", client, Secret(settings.pop("secret", "mock-secret")))
    if vendor == "emarsys":
        return Emarsys(auth=auth, endpoint=url, **settings)
    return Sinch(auth=auth, project_id="mock-project", endpoint=url, **settings)


@contextmanager
def misbehaving(vendor: str, network: Sequence[Any] = (), **switches: Any) -> Iterator[MockServer]:
    """The vendor with these switches behind a network with these faults, each of which falls on creates."""
    creates = [{"operation": "createContacts"} | fault for fault in network]
    with serve(vendor, faults={"network": {"faults": creates}, vendor: switches}) as mock:
        yield mock


def run(mock: MockServer, vendor: str, items: Sequence[Any] | int, *, to: Destination | None = None, **how: Any) -> Ran:
    """Loads and holds the outcomes to the oracle."""
    contacts = [contact(vendor, number) for number in range(items)] if isinstance(items, int) else items
    settings = {"max_batch": 10, "attempt_timeout": 1.0, "concurrency": 1, "deadline": 30.0} | how
    began = time.monotonic()
    under_way = load(contacts, to=to or destination(vendor, mock.url), **settings)
    outcomes: list[Outcome] = []
    error = None
    try:
        outcomes.extend(under_way)
        report = under_way.so_far()
    except FatalError as fatal:
        error = fatal
        report = under_way.drain()
    ran = Ran(
        outcomes,
        error,
        report,
        mock.stores[vendor].writes,
        [key(vendor, number) for number in range(len(contacts))],
        mock.proxy.happened if mock.proxy else (),
        mock.stores[vendor].answers,
        time.monotonic() - began,
    )
    hold_to_the_oracle(ran, mock, vendor)
    return ran


def hold_to_the_oracle(ran: Ran, mock: MockServer, vendor: str) -> None:
    """One outcome an input, in order; no false success, no false refusal, nothing stored twice."""
    assert [outcome.index for outcome in ran.outcomes] == list(range(len(ran.keys)))
    assert ran.report.input == len(ran.keys)
    told = Counter(ran.statuses)
    assert told == Counter({status: count for status, count in ran.report.counts.items() if count})
    written = Counter(write.key for write in ran.writes)
    assert set(written.values()) <= {1}
    there = set(written) | {each.get("3") for each in mock.stores[vendor].contacts.values() if vendor == "emarsys"}
    for outcome, name in zip(ran.outcomes, ran.keys, strict=True):
        match outcome.status:
            case Status.CREATED | Status.UPDATED | Status.ACCEPTED:
                assert name in written, outcome
            case Status.EXISTING:
                assert name in there, outcome
            case Status.REJECTED | Status.NOT_SENT:
                assert name not in written, outcome


def expect(*parts: tuple[Status, int]) -> list[Status]:
    return [status for status, count in parts for _ in range(count)]
