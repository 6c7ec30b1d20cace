"""Runs that update, upsert or delete: stopped, resumed and asked about, by the library and by the command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from headcount import Status, load, reconcile
from headcount.auth import Secret
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import UsageError
from headcount.mock import MockServer, credentials_environment, serve
from headcount.run_folder import RunFolder
from headcount.webhooks.confirmations import Confirmations
from tests.cli.command import Command, Done, identity

UPDATED, UNKNOWN, NOT_SENT = Status.UPDATED, Status.UNKNOWN, Status.NOT_SENT
PEOPLE = [f"p{number}@example.com" for number in range(20)]
THERE = tuple(PEOPLE[:10])
CALLS = {"update": "updateContacts", "upsert": "updateContacts", "delete": "deleteContacts"}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in ("emarsys", "pabbly", "sinch"):
        for name, value in credentials_environment(vendor).items():
            monkeypatch.setenv(name, value)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def emarsys(*faults: Mapping[str, Any], **switches: Any) -> Any:
    return serve("emarsys", faults={"emarsys": {"existing": THERE, "faults": faults, **switches}})


def rows(mode: str, people: Sequence[str] = PEOPLE) -> list[dict[str, str]]:
    return [{"3": name} if mode == "delete" else {"3": name, "1": "Ann"} for name in people]


def told(run: Path) -> list[tuple[str, str | None]]:
    lines = (run / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()
    return [(line["status"], line["kind"]) for line in map(json.loads, lines)]


def writes(mock: MockServer, vendor: str = "emarsys") -> list[tuple[str, str]]:
    return [(write.key, write.effect) for write in mock.stores[vendor].writes]


# The library


@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
def test_a_resumed_run_sends_the_rest_in_its_mode(run: Path, mode: str) -> None:
    asked_to_wait = {"nth": 2, "operation": CALLS[mode], "answer": "rate_limited", "wait": 1000}
    with emarsys(asked_to_wait) as mock:
        to = Emarsys.from_env(endpoint=mock.url)
        how: dict[str, Any] = {"to": to, "run_dir": run, "mode": mode}
        first = load(rows(mode), max_batch=5, concurrency=1, **how).report()
        assert (first.counts[UPDATED], first.counts[NOT_SENT]) == (5, 15)
        again = load(rows(mode), **how).report()
        assert again.counts[UPDATED] == 10
        assert len({key for key, _ in writes(mock)}) == len(writes(mock))
    rest = {"update": ("rejected", "not_found"), "upsert": ("created", None), "delete": ("rejected", "not_found")}
    assert told(run) == [("updated", None)] * 10 + [rest[mode]] * 10


def test_a_run_goes_on_in_no_other_mode(run: Path) -> None:
    with emarsys() as mock:
        to = Emarsys.from_env(endpoint=mock.url)
        load(rows("delete"), to=to, run_dir=run, mode="delete").report()
        for mode in ("create", "update"):
            with pytest.raises(UsageError, match=f"a run with mode='delete', not '{mode}'"):
                load(rows("delete"), to=to, run_dir=run, mode=mode)
        assert {effect for _, effect in writes(mock)} == {"deleted"}


def test_a_run_made_before_there_were_modes_creates(run: Path) -> None:
    RunFolder.create(run, "emarsys", {"destination": "emarsys"})
    with emarsys() as mock:
        to = Emarsys.from_env(endpoint=mock.url)
        with pytest.raises(UsageError, match="mode='create'"):
            load(rows("update"), to=to, run_dir=run, mode="update")
        assert load(rows("create"), to=to, run_dir=run).report().counts[Status.CREATED] == 10


@pytest.mark.parametrize(
    ("mode", "carried_out", "expected"),
    [
        # Of a contact that is there nobody can say whether it was changed.
        ("update", True, [("unknown", "unanswered")] * 10 + [("not_sent", "unanswered")] * 10),
        ("upsert", True, [("unknown", "unanswered")] * 20),
        ("upsert", False, [("unknown", "unanswered")] * 10 + [("not_sent", "unanswered")] * 10),
        # And of one that is not there, whether it was deleted.
        ("delete", True, [("unknown", "not_found")] * 20),
        ("delete", False, [("not_sent", "unanswered")] * 10 + [("unknown", "not_found")] * 10),
    ],
)
def test_emarsys_is_asked_about_what_got_no_answer(
    run: Path, mode: str, carried_out: bool, expected: list[tuple[str, str]]
) -> None:
    lost = {"operation": CALLS[mode], "ending": "close", "carried_out": carried_out}
    with emarsys(lost) as mock:
        to = Emarsys.from_env(endpoint=mock.url)
        load(rows(mode), to=to, run_dir=run, mode=mode, deadline=0.5).report()
        assert told(run) == [("unknown", "connection_lost")] * 20
        before = writes(mock)
        reconcile(run, to=to)
        assert writes(mock) == before
        assert told(run) == expected
        mock.vendors["emarsys"].switches.faults = ()
        report = reconcile(run, to=to, resend=True)
        assert report.counts[NOT_SENT] == 0
    assert sum(status == "unknown" for status, _ in told(run)) == sum(status == "unknown" for status, _ in expected)


def test_a_key_that_several_have_is_no_open_question_after_a_delete(run: Path) -> None:
    with emarsys({"operation": "deleteContacts", "ending": "close"}) as mock:
        mock.stores["emarsys"].put("7", {"3": PEOPLE[0]})
        to = Emarsys.from_env(endpoint=mock.url)
        load(rows("delete", PEOPLE[:2]), to=to, run_dir=run, mode="delete", deadline=0.5).report()
        reconcile(run, to=to)
    assert told(run) == [("rejected", "conflict"), ("not_sent", "unanswered")]


@pytest.mark.parametrize("carried_out", [True, False])
def test_pabbly_is_asked_about_an_upsert_that_got_no_answer(run: Path, carried_out: bool) -> None:
    lost = {"operation": "createContacts", "ending": "close", "carried_out": carried_out}
    with serve("pabbly", faults={"pabbly": {"existing": ("447946000001",), "faults": [lost]}}) as mock:
        to = Pabbly.from_env(endpoint=mock.url)
        people = [{"mobile": "447946000001", "name": "Ann"}, {"mobile": "447946000002", "name": "Bob"}]
        load(people, to=to, run_dir=run, mode="upsert", deadline=0.5).report()
        reconcile(run, to=to)
        new = ("unknown", "exists") if carried_out else ("not_sent", "unanswered")
        assert told(run) == [("unknown", "exists"), new]
        mock.vendors["pabbly"].switches.faults = ()
        report = reconcile(run, to=to, resend=True)
    assert report.counts[UPDATED] == (0 if carried_out else 1)


class Deleting:
    """Sinch with three contacts, whose ids are to be deleted, and one that nobody has."""

    def __init__(self, run: Path, *faults: Mapping[str, Any], **switches: Any) -> None:
        self._run = run
        self._serving = serve("sinch", faults={"sinch": {"faults": faults, **switches}})

    def __enter__(self) -> tuple[MockServer, Destination, list[str]]:
        mock = self._serving.__enter__()
        to = Sinch.from_env(endpoint=mock.url)
        identities = [{"channel": "SMS", "identity": f"+4479460000{number:02}"} for number in range(3)]
        load([{"channel_identities": [each], "language": "EN"} for each in identities], to=to).report()
        ids = list(mock.stores["sinch"].contacts)
        return mock, to, ids

    def __exit__(self, *exception: Any) -> None:
        self._serving.__exit__(*exception)


def test_sinch_says_that_what_it_took_is_gone(run: Path) -> None:
    with Deleting(run) as (mock, to, ids):
        load([{"id": each} for each in ids], to=to, run_dir=run, mode="delete").report()
        assert told(run) == [("accepted", None)] * 3
        reconcile(run, to=to)
        assert told(run) == [("updated", None)] * 3
        assert [effect for _, effect in writes(mock, "sinch")[3:]] == ["deleted"] * 3


def test_what_sinch_still_has_stays_accepted(run: Path) -> None:
    with Deleting(run, gone_after=600.0) as (_, to, ids):
        load([{"id": each} for each in ids], to=to, run_dir=run, mode="delete").report()
        reconcile(run, to=to)
    assert told(run) == [("accepted", "unconfirmed")] * 3


@pytest.mark.parametrize("carried_out", [True, False])
def test_sinch_cannot_say_who_deleted_what_got_no_answer(run: Path, carried_out: bool) -> None:
    lost = {"operation": "deleteContacts", "ending": "close", "carried_out": carried_out}
    with Deleting(run, lost) as (_, to, ids):
        load([{"id": each} for each in ids], to=to, run_dir=run, mode="delete", deadline=0.5).report()
        assert told(run) == [("unknown", "connection_lost")] * 3
        reconcile(run, to=to)
    assert told(run) == [("unknown", "not_found" if carried_out else "unconfirmed")] * 3


def test_a_page_of_another_server_deletes_nothing(run: Path) -> None:
    gone = {"operation": "getContact", "status": 404, "body": "<html>no such page</html>"}
    with Deleting(run, gone) as (_, to, ids):
        load([{"id": each} for each in ids], to=to, run_dir=run, mode="delete").report()
        reconcile(run, to=to)
    assert {status for status, _ in told(run)} == {"accepted"}


def test_what_tells_of_creations_confirms_no_deletion(run: Path, tmp_path: Path) -> None:
    with Deleting(run) as (_, to, ids), Confirmations.open(tmp_path / "told", Secret("hush")) as confirmations:
        load([{"id": each} for each in ids], to=to, run_dir=run, mode="delete").report()
        with pytest.raises(UsageError, match="the run's mode is delete"):
            reconcile(run, to=to, confirmations=confirmations)


# The command


@pytest.fixture
def mock() -> Iterator[MockServer]:
    with emarsys() as server:
        yield server


def people(command: Command) -> str:
    lines = ["email,given_name", *(f"{name},Ann" for name in PEOPLE)]
    return command.write("people.csv", "\n".join(lines) + "\n")


def run_of(command: Command, mock: MockServer, mode: str, *arguments: str) -> Done:
    loading = ("load", people(command), "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
    return command(*loading, "--mode", mode, *arguments)


def test_the_command_updates_and_exits_with_1_for_those_who_are_not_there(command: Command, mock: MockServer) -> None:
    done = run_of(command, mock, "update")
    assert (done.code, done.last_line) == (1, identity(updated=10, rejected=10)), done.err
    assert "not_found" in done.err
    assert [line.split(",")[0] for line in (command.folder / "run" / "rejected.jsonl").read_text().splitlines()] == [
        f'{{"email":"{name}"' for name in PEOPLE[10:]
    ]


def test_the_command_upserts_and_exits_with_0(command: Command, mock: MockServer) -> None:
    done = run_of(command, mock, "upsert")
    assert (done.code, done.last_line) == (0, identity(updated=10, created=10)), done.err
    assert len(mock.stores["emarsys"].contacts) == 20


def test_the_command_deletes_by_the_key_and_says_what_it_left_out(command: Command, mock: MockServer) -> None:
    done = run_of(command, mock, "delete")
    assert (done.code, done.last_line) == (1, identity(updated=10, rejected=10)), done.err
    assert "given_name reaches nothing" in done.err
    assert "would send" not in done.err
    assert not mock.stores["emarsys"].contacts


def test_a_stopped_delete_is_resumed_as_one(command: Command) -> None:
    asked_to_wait = {"nth": 2, "operation": "deleteContacts", "answer": "rate_limited_retry_after", "wait": 900}
    with emarsys(asked_to_wait) as mock:
        done = run_of(command, mock, "delete", "--max-batch", "5", "--concurrency", "1")
        assert (done.code, done.last_line) == (5, identity(updated=5, not_sent=15)), done.err
        again = command("resume", "run")
        assert (again.code, again.last_line) == (1, identity(updated=10, rejected=10)), again.err
        assert {effect for _, effect in writes(mock)} == {"deleted"}


def test_the_command_asks_about_a_delete_and_sends_the_rest(command: Command) -> None:
    lost = {"nth": 1, "operation": "deleteContacts", "ending": "close"}
    asked_to_wait = {"nth": 2, "operation": "deleteContacts", "answer": "rate_limited_retry_after", "wait": 900}
    with emarsys(lost, asked_to_wait) as mock:
        done = run_of(command, mock, "delete", "--limit", "10")
        assert (done.code, done.last_line) == (5, identity(unknown=10)), done.err
        asked = command("reconcile", "run")
        assert (asked.code, asked.last_line) == (5, identity(not_sent=10)), asked.err
        asked = command("reconcile", "run", "--resend")
        assert (asked.code, asked.last_line) == (0, identity(updated=10)), asked.err
        assert not mock.stores["emarsys"].contacts


def test_sinch_contacts_are_deleted_by_the_ids_of_a_column(command: Command, run: Path) -> None:
    with Deleting(run) as (mock, _, ids):
        source = command.write("ids.csv", "vendor_id,status\n" + "".join(f"{each},created\n" for each in ids))
        arguments = ("--to", "sinch", "--endpoint", mock.url, "--run-dir", "run", "--mode", "delete")
        done = command("load", source, *arguments, "--map", "id=vendor_id")
        assert (done.code, done.last_line) == (0, identity(accepted=3)), done.err
        asked = command("reconcile", "run")
        assert (asked.code, asked.last_line) == (0, identity(updated=3)), asked.err


@pytest.mark.parametrize(("mode", "calls"), [("update", 2), ("upsert", 2), ("delete", 2)])
def test_a_plan_says_what_a_mode_would_send(command: Command, mode: str, calls: int) -> None:
    arguments = ("--to", "emarsys", "--mode", mode, "--max-batch", "10", "--output", "json")
    done = command("plan", people(command), *arguments)
    assert done.code == 0, done.err
    planned = json.loads(done.out)
    assert (planned["calls"], planned["counts"]["valid"]) == (calls, 20)
    bodies = {
        "update": [{"key_id": "3", "contacts": [{"3": name, "1": "Ann"} for name in part]} for part in halves()],
        "delete": [{"key_id": "3", "3": part} for part in halves()],
    }
    bodies["upsert"] = bodies["update"]
    assert planned["bytes"] == sum(len(json.dumps(body, separators=(",", ":"))) for body in bodies[mode])


def halves() -> list[list[str]]:
    return [PEOPLE[:10], PEOPLE[10:]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "emarsys", "--mode", "merge"), "Emarsys has no mode 'merge'; it has create, upsert, update, delete"),
        (("--to", "sinch", "--mode", "update"), "Sinch has no mode 'update'; it has create, delete"),
        (("--to", "pabbly", "--mode", "delete"), "Pabbly has no mode 'delete'; it has create, upsert"),
        (("--to", "emarsys", "--key-field", "id"), "the key field id is for update and delete"),
        (("--to", "emarsys", "--key-field", "uid", "--mode", "upsert"), "the key field uid is for update and delete"),
        (("--to", "emarsys", "--mode", "delete", "--map", "11=given_name"), "'11' is no field of Emarsys"),
        (("--to", "sinch", "--mode", "delete"), "it takes --map id=COLUMN"),
        (("--to", "pabbly", "--mode", "upsert", "--on-duplicate", "skip"), "an upsert writes over what exists"),
    ],
)
def test_what_contradicts_itself_is_refused_in_one_line(command: Command, arguments: Sequence[str], words: str) -> None:
    for verb in ("plan", "load"):
        done = command(verb, people(command), *arguments)
        assert done.code == 2 and words in done.err and len(done.err.splitlines()) == 1, done.err
    assert not (command.folder / "runs").exists()


def test_pabblys_own_words_may_stand_beside_the_mode(command: Command) -> None:
    source = command.write("people.csv", "phone\n+447946000001\n")
    for mode, word in (("create", "skip"), ("create", "overwrite"), ("upsert", "overwrite")):
        done = command("plan", source, "--to", "pabbly", "--mode", mode, "--on-duplicate", word)
        assert done.code == 0, done.err


@pytest.mark.parametrize(("word", "name"), [("skip", "Old"), ("overwrite", "New")])
def test_on_duplicate_says_what_a_create_does_with_a_contact_that_exists(
    command: Command, word: str, name: str
) -> None:
    old = command.write("old.csv", "phone,name\n+447946000001,Old\n")
    new = command.write("new.csv", "phone,name\n+447946000001,New\n+447946000002,New\n")
    with serve("pabbly") as vendor:
        for run, source in enumerate((old, new)):
            arguments = ("--to", "pabbly", "--on-duplicate", word, "--endpoint", vendor.url, "--run-dir", f"run{run}")
            assert command("load", source, *arguments).code == 0
        stored = [contact["name"] for contact in vendor.stores["pabbly"].contacts.values()]
    assert stored == [name, "New"]
