"""After a load: what was left open is asked for, and nothing is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headcount import Contact, Status, load, reconcile
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import UsageError
from headcount.mock import Fault, credentials_environment, serve
from headcount.mock.emarsys import EmarsysSwitches
from headcount.mock.pabbly import PabblySwitches
from headcount.mock.sinch import SinchSwitches

VENDORS = ("emarsys", "pabbly", "sinch")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VENDORS:
        for variable, value in credentials_environment(name).items():
            monkeypatch.setenv(variable, value)


def lost(first: int, last: int, *, stored: bool) -> tuple[Fault, ...]:
    """Calls that hang up without a reply, after the vendor has stored their contacts or before."""
    return (Fault(first=first, last=last, operation="createContacts", ending="close", carried_out=stored),)


def statuses(run: Path) -> list[tuple[str, str | None]]:
    lines = (run / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()
    return [(line["status"], line["kind"]) for line in map(json.loads, lines)]


def people(count: int, **more: Any) -> list[Contact]:
    return [
        Contact(
            email=f"p{n}@example.com",
            phone=f"+44770090{n:04d}",
            language="EN",
            external_id=f"x{n}" if n % 2 else None,
            **more,
        )
        for n in range(count)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_sinch_unknown_is_existing_when_found_and_stays_unknown_when_not(run: Path) -> None:
    faults = {"sinch": SinchSwitches(faults=lost(1, 1, stored=True) + lost(2, 2, stored=False))}
    with serve("sinch", faults=faults) as vendor:
        to = Sinch.from_env(endpoint=vendor.url)
        report = load(people(3), to=to, run_dir=run, max_batch=1, concurrency=1).report()
        assert report.counts[Status.UNKNOWN] == 2
        writes = len(vendor.stores["sinch"].writes)
        report = reconcile(run, to=to)
        assert len(vendor.stores["sinch"].writes) == writes
    assert statuses(run) == [("existing", "exists"), ("unknown", "unanswered"), ("accepted", "unconfirmed")]
    assert report.counts[Status.UNKNOWN] == 1


def test_sinch_accepted_is_created_when_its_external_id_is_found(run: Path) -> None:
    with serve("sinch") as vendor:
        to = Sinch.from_env(endpoint=vendor.url)
        assert load(people(4), to=to, run_dir=run).report().counts[Status.ACCEPTED] == 4
        report = reconcile(run, to=to)
        assert vendor.stores["sinch"].created == 4
    assert statuses(run) == [("accepted", "unconfirmed"), ("created", None)] * 2
    assert report.counts[Status.CREATED] == 2


def test_no_more_calls_are_made_than_were_allowed(run: Path) -> None:
    with serve("sinch") as vendor:
        to = Sinch.from_env(endpoint=vendor.url)
        load(people(8), to=to, run_dir=run).report()
        report = reconcile(run, to=to, max_calls=3)
    assert report.counts[Status.CREATED] == 3
    assert report.counts[Status.ACCEPTED] == 5


@pytest.mark.parametrize("stored", [True, False])
def test_emarsys_unknown_is_existing_or_safe_to_send(run: Path, stored: bool) -> None:
    faults = {"emarsys": EmarsysSwitches(faults=lost(1, 99, stored=stored))}
    with serve("emarsys", faults=faults) as vendor:
        to = Emarsys.from_env(endpoint=vendor.url)
        load([people(1)[0], {"3": "bob@example.com", "31": 1}], to=to, run_dir=run, deadline=2.0).report()
        assert statuses(run) == [("unknown", "connection_lost")] * 2
        reconcile(run, to=to)
        assert statuses(run) == ([("existing", "exists")] if stored else [("not_sent", "unanswered")]) * 2
        if not stored:
            vendor.vendors["emarsys"].switches.faults = ()
            again = load([people(1)[0], {"3": "bob@example.com", "31": 1}], to=to, run_dir=run).report()
            assert again.counts[Status.CREATED] == 2


@pytest.mark.parametrize("stored", [True, False])
def test_pabbly_unknown_is_existing_or_safe_to_send(run: Path, stored: bool) -> None:
    refuse = Fault(first=1, last=99, operation="listContacts", answer="server_error")
    faults = {"pabbly": PabblySwitches(faults=(*lost(1, 1, stored=stored), refuse))}
    with serve("pabbly", faults=faults) as vendor:
        to = Pabbly.from_env(endpoint=vendor.url)
        report = load(people(2), to=to, run_dir=run, deadline=3.0).report()
        assert report.counts[Status.UNKNOWN] == 2
        vendor.vendors["pabbly"].switches.faults = ()
        reconcile(run, to=to)
    assert statuses(run) == ([("existing", "exists")] if stored else [("not_sent", "unanswered")]) * 2


def test_what_is_settled_is_left_alone(run: Path) -> None:
    with serve("emarsys") as vendor:
        to = Emarsys.from_env(endpoint=vendor.url)
        load([*people(2), Contact(email="nobody")], to=to, run_dir=run).report()
        before, calls = statuses(run), dict(vendor.stores["emarsys"].answers)
        reconcile(run, to=to)
        assert dict(vendor.stores["emarsys"].answers) == calls
    assert statuses(run) == before


def test_there_must_be_a_run_and_it_must_be_to_this_vendor(tmp_path: Path, run: Path) -> None:
    with serve(*VENDORS) as vendor:
        to: Destination = Emarsys.from_env(endpoint=vendor.url)
        with pytest.raises(UsageError, match="holds no run"):
            reconcile(tmp_path / "none", to=to)
        load(people(1), to=to, run_dir=run).report()
        with pytest.raises(UsageError, match="a run to emarsys"):
            reconcile(run, to=Pabbly.from_env(endpoint=vendor.url))
        with pytest.raises(UsageError, match="max_calls"):
            reconcile(run, to=to, max_calls=-1)


@pytest.mark.parametrize("stored", [True, False])
def test_what_is_not_there_is_sent_again_when_that_is_asked_for(run: Path, stored: bool) -> None:
    with serve("emarsys", faults={"emarsys": EmarsysSwitches(faults=lost(1, 99, stored=stored))}) as vendor:
        to = Emarsys.from_env(endpoint=vendor.url)
        load(people(3), to=to, run_dir=run, deadline=2.0).report()
        vendor.vendors["emarsys"].switches.faults = ()
        report = reconcile(run, to=to, resend=True)
        assert report.counts[Status.EXISTING if stored else Status.CREATED] == 3
        assert [write.key for write in vendor.stores["emarsys"].writes] == [f"p{n}@example.com" for n in range(3)]


def test_a_run_with_rows_that_were_never_sent_can_be_asked_about(run: Path) -> None:
    with serve("emarsys", faults={"emarsys": EmarsysSwitches(faults=lost(2, 99, stored=True))}) as vendor:
        to = Emarsys.from_env(endpoint=vendor.url)
        load(people(9), to=to, run_dir=run, max_batch=3, concurrency=1, deadline=2.0).report()
        assert [status for status, _ in statuses(run)] == ["created"] * 3 + ["unknown"] * 3 + ["not_sent"] * 3
        report = reconcile(run, to=to)
    assert (report.counts[Status.EXISTING], report.counts[Status.NOT_SENT]) == (3, 3)
    assert [status for status, _ in statuses(run)] == ["created"] * 3 + ["existing"] * 3 + ["not_sent"] * 3


def test_a_resumed_load_that_is_out_of_time_tells_of_what_was_done_before(run: Path) -> None:
    with serve("emarsys") as vendor:
        to = Emarsys.from_env(endpoint=vendor.url)
        load(people(2500), to=to, run_dir=run).report()
        again = load(people(3000), to=to, run_dir=run, deadline=0)
        assert [outcome.status for outcome in again] == [Status.CREATED] * 2500 + [Status.NOT_SENT] * 500
        assert again.so_far().counts[Status.CREATED] == 2500
