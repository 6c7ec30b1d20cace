"""Asking the vendor about what a run left open."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import Any

import pytest

from headcount.auth import Secret
from headcount.mock import MockServer, serve
from headcount.webhooks.confirmations import Confirmations
from tests.cli.command import Command, Done, identity
from tests.cli.test_cli_signals import start_load, until


def loses(vendor: str, number: int, *, stored: bool) -> dict[str, Any]:
    """The vendor hangs up on one create, after it has stored the contacts or before."""
    fault = {"first": number, "last": number, "ending": "close", "carried_out": stored, "operation": "createContacts"}
    faults: list[dict[str, Any]] = [fault]
    if vendor == "pabbly":
        faults.append({"first": 1, "last": 3, "answer": "server_error", "operation": "listContacts"})
    return {vendor: {"faults": faults}}


def load(command: Command, mock: MockServer, vendor: str, source: str, *flags: str) -> Done:
    to = ("--to", vendor, "--endpoint", mock.url, "--run-dir", "run", "--max-batch", "10", "--concurrency", "1")
    return command("load", source, *to, *flags)


def people(command: Command, count: int) -> str:
    """Every other one has an external id."""
    lines = [f"{f'x{row}' if row % 2 else ''},+4479460{row:05},Ann,en" for row in range(count)]
    return command.write("people.csv", "\n".join(["external_id,phone,given_name,language", *lines]))


def outcomes(command: Command) -> list[tuple[str, str | None]]:
    lines = (command.folder / "run" / "outcomes.jsonl").read_text().splitlines()
    return [(line["status"], line["kind"]) for line in map(json.loads, lines)]


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("vendor", ["emarsys", "pabbly"])
def test_what_may_have_landed_is_found_or_sent_again(command: Command, vendor: str, stored: bool) -> None:
    faults = loses(vendor, 1, stored=stored)
    if vendor == "emarsys":
        faults["emarsys"]["faults"][0]["last"] = 99
    with serve(vendor, faults=faults) as mock:
        first = load(command, mock, vendor, command.people(10), "--deadline", "2")
        assert first.last_line == identity(unknown=10)
        assert "headcount reconcile run" in first.err
        mock.vendors[vendor].switches.faults = ()
        done = command("reconcile", "run")
        assert done.last_line == (identity(existing=10) if stored else identity(not_sent=10))
        assert (done.code, len(mock.stores[vendor].writes)) == ((0, 10) if stored else (5, 0))
        last = command("reconcile", "run", "--resend").last_line
        assert last == (identity(existing=10) if stored else identity(created=10))
        assert set(Counter(write.key for write in mock.stores[vendor].writes).values()) == {1}


def test_at_sinch_nothing_is_sent_again_that_is_not_found(command: Command) -> None:
    with serve("sinch", faults=loses("sinch", 1, stored=False)) as mock:
        assert load(command, mock, "sinch", people(command, 10)).last_line == identity(unknown=10)
        done = command("reconcile", "run", "--resend")
        assert mock.stores["sinch"].writes == []
    assert (done.code, done.last_line) == (5, identity(unknown=10))
    assert "not sent again" in done.err
    assert set(outcomes(command)) == {("unknown", "unanswered")}


def test_what_was_accepted_is_confirmed_by_its_external_id(command: Command) -> None:
    with serve("sinch") as mock:
        load(command, mock, "sinch", people(command, 6))
        some = command("reconcile", "run", "--max-calls", "1")
        assert some.last_line == identity(accepted=5, created=1)
        assert "the limit of 1 calls" in some.err
        done = command("reconcile", "run", "--output", "json")
    summary = json.loads(done.out)
    assert (summary["counts"]["created"], summary["requests"]) == (3, 1 + 3)
    assert outcomes(command) == [("accepted", "unconfirmed"), ("created", None)] * 3
    assert done.code == 0


def test_what_a_webhook_has_confirmed_is_not_asked_for(command: Command) -> None:
    secret = {"SINCH_WEBHOOK_SECRET": "hook-secret"}
    with serve("sinch", faults=loses("sinch", 2, stored=True)) as mock:
        load(command, mock, "sinch", people(command, 20))
        with Confirmations.open(command.folder / "confirmed.sqlite", Secret("hook-secret")) as confirmations:
            now = time.time()
            for row, received in ((1, now), (3, now - 86400), (11, now)):
                confirmations.confirm(f"x{row}", f"01CONTACT{row}", received, nonce=f"n{row}", until=now + 300)
        asked = command("reconcile", "run", "--max-calls", "0", "--confirmations", "confirmed.sqlite", env=secret)
    assert json.loads((command.folder / "run" / "summary.json").read_text())["requests"] == 2
    assert asked.last_line == identity(created=1, existing=1, accepted=9, unknown=9)
    # What was received before the run began speaks of another contact.
    assert [outcomes(command)[row] for row in (1, 3, 11)] == [
        ("created", None),
        ("accepted", "unconfirmed"),
        ("existing", "exists"),
    ]
    line = json.loads((command.folder / "run" / "outcomes.jsonl").read_text().splitlines()[1])
    assert line["vendor_id"] == "01CONTACT1" and line["attempts"] == 1


def test_a_run_that_stopped_early_is_asked_about_all_the_same(command: Command) -> None:
    slow = {"emarsys": {"faults": [{"first": 2, "delay": 30, "operation": "createContacts"}]}}
    with serve("emarsys", faults=slow) as mock:
        process = start_load(command, mock, 500)
        until(lambda: mock.stores["emarsys"].writes)
        until(lambda: '"created": 100' in command("status", "run", "--output", "json").out)
        process.kill()
        process.wait(20)
        mock.vendors["emarsys"].switches.faults = ()
        under_way = json.loads(command("status", "run", "--output", "json").out)
        assert under_way["requests"] >= 2
        done = command("reconcile", "run")
        stored = len(mock.stores["emarsys"].writes)
        assert json.loads((command.folder / "run" / "summary.json").read_text())["counts"]["unknown"] == 0
        assert stored <= 300 and done.code == 5
        last = command("reconcile", "run", "--resend")
        assert last.last_line.startswith("500 input") and last.code == 0
        assert set(Counter(write.key for write in mock.stores["emarsys"].writes).values()) == {1}
        assert len(mock.stores["emarsys"].writes) == 500


def test_a_signal_ends_the_questions(command: Command) -> None:
    slow = {"sinch": {"faults": [{"delay": 0.2, "operation": "listContacts"}]}}
    with serve("sinch", faults=slow) as mock:
        load(command, mock, "sinch", people(command, 200))
        process = command.start("reconcile", "run")
        until(lambda: json.loads(command("status", "run", "--output", "json").out)["counts"]["created"])
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 130
        assert command("reconcile", "run").last_line == identity(created=100, accepted=100)
    assert out.startswith(b"200 input")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "nowhere holds no run"),
        (["run", "--confirmations", "none"], "the environment has no SINCH_WEBHOOK_SECRET"),
        (["run", "--max-calls", "-1"], "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_asked(command: Command, arguments: list[str], line: str) -> None:
    with serve("sinch") as mock:
        load(command, mock, "sinch", people(command, 2))
    done = command("reconcile", *arguments)
    assert done.code == 2 and done.out == ""
    assert line in done.err and len(done.err.splitlines()) == 1


def test_nobody_is_asked_about_other_rows_than_were_loaded(command: Command) -> None:
    with serve("sinch", faults=loses("sinch", 1, stored=True)) as mock:
        source = people(command, 4)
        load(command, mock, "sinch", source)
        command.write(source, (command.folder / source).read_text().replace("0,Ann", "9,Ann"))
        done = command("reconcile", "run")
    assert done.code == 4 and "not the one that the run began with" in done.err
    assert outcomes(command) == [("unknown", "connection_lost")] * 4


def test_only_sinch_has_webhooks(command: Command) -> None:
    secret = {"SINCH_WEBHOOK_SECRET": "hook-secret"}
    Confirmations.open(command.folder / "confirmed.sqlite", Secret("hook-secret")).close()
    with serve("emarsys") as mock:
        load(command, mock, "emarsys", command.people(2))
    done = command("reconcile", "run", "--confirmations", "confirmed.sqlite", env=secret)
    assert (done.code, done.err) == (2, "headcount: confirmations are for runs to sinch, not to emarsys\n")


def test_a_plan_tells_what_nothing_can_confirm(command: Command) -> None:
    done = command("plan", people(command, 5), "--to", "sinch")
    assert "3 of 5 contacts have no external_id" in done.err


def test_the_status_of_a_run_of_a_program(command: Command) -> None:
    from headcount import Contact
    from headcount import load as load_objects
    from headcount.auth import BearerKey
    from headcount.destinations import Pabbly

    with serve("pabbly") as mock:
        to = Pabbly(auth=BearerKey(Secret("mock-key")), endpoint=mock.url)
        load_objects([Contact(phone="+447946000001")], to=to, run_dir=command.folder / "run").report()
    done = command("status", "run")
    assert done.last_line == identity(created=1)
    assert "source       contacts" in done.out and "calls        1" in done.out
    refused = command("reconcile", "run")
    assert refused.code == 2 and "the program that made it" in refused.err
