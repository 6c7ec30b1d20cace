"""A load of the library with a run folder: durable, resumed by calling it again, and readable by its views."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount import Contact, Status, load
from headcount.auth import BearerKey, Secret
from headcount.destinations import Emarsys, Pabbly
from headcount.errors import CredentialsError, InputChanged, UsageError
from headcount.mock import MockServer, credentials_environment, serve

PEOPLE = [
    Contact(email="ada@example.com", given_name="Ada"),
    Contact(email="nobody"),
    {"3": "bob@example.com", "2": "Stone"},
    Contact(given_name="Nobody"),
    Contact(email="ADA@example.com"),
]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockServer]:
    for name in ("emarsys", "pabbly"):
        for variable, value in credentials_environment(name).items():
            monkeypatch.setenv(variable, value)
    with serve("emarsys", "pabbly") as server:
        yield server


def lines(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_views_of_a_librarys_run_are_written_when_it_ends(vendor: MockServer, tmp_path: Path) -> None:
    report = load(PEOPLE, to=Emarsys.from_env(endpoint=vendor.url), run_dir=tmp_path / "run").report()
    assert (report.input, report.exit_code) == (5, 1)
    statuses = [line["status"] for line in lines(tmp_path / "run" / "outcomes.jsonl")]
    assert statuses == ["created", "rejected", "created", "rejected", "skipped"]
    assert lines(tmp_path / "run" / "rejected.jsonl") == [{"email": "nobody"}, {"given_name": "Nobody"}]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["destination"], summary["input"], summary["exit_code"]) == ("emarsys", 5, 1)
    assert summary["counts"]["created"] == 2


def test_calling_load_again_answers_from_the_journal_without_a_call(vendor: MockServer, tmp_path: Path) -> None:
    to = Emarsys.from_env(endpoint=vendor.url)
    first = list(load(PEOPLE, to=to, run_dir=tmp_path / "run"))
    calls = dict(vendor.stores["emarsys"].answers)
    assert list(load(iter(PEOPLE), to=to, run_dir=tmp_path / "run")) == first
    assert vendor.stores["emarsys"].answers == calls
    assert [outcome.status for outcome in first].count(Status.CREATED) == 2


def test_other_contacts_in_place_of_those_that_were_read_are_refused(vendor: MockServer, tmp_path: Path) -> None:
    to = Emarsys.from_env(endpoint=vendor.url)
    load(PEOPLE, to=to, run_dir=tmp_path / "run").report()
    others = [Contact(email="eve@example.com"), *PEOPLE[1:]]
    with pytest.raises(InputChanged):
        load(others, to=to, run_dir=tmp_path / "run").report()
    assert "eve@example.com" not in vendor.stores["emarsys"].contacts


@pytest.mark.parametrize("count", [0, 2, 5])
def test_input_that_a_stop_cuts_short_while_it_is_read_again_has_not_changed(
    vendor: MockServer, tmp_path: Path, count: int
) -> None:
    to = Emarsys.from_env(endpoint=vendor.url)
    first = list(load(PEOPLE, to=to, run_dir=tmp_path / "run"))

    def cut_short() -> Iterator[object]:
        yield from PEOPLE[:count]
        loading.stop()

    loading = load(cut_short(), to=to, run_dir=tmp_path / "run")
    assert list(loading) == first[:count]
    assert loading.report().stop is not None
    assert list(load(PEOPLE, to=to, run_dir=tmp_path / "run")) == first


def test_a_run_to_another_vendor_is_refused(vendor: MockServer, tmp_path: Path) -> None:
    load(PEOPLE, to=Emarsys.from_env(endpoint=vendor.url), run_dir=tmp_path / "run").report()
    with pytest.raises(UsageError, match="a run to emarsys, not to pabbly"):
        load(PEOPLE, to=Pabbly.from_env(endpoint=vendor.url), run_dir=tmp_path / "run")


def test_a_load_of_nothing_has_views_too(vendor: MockServer, tmp_path: Path) -> None:
    report = load([], to=Emarsys.from_env(endpoint=vendor.url), run_dir=tmp_path / "run").report()
    assert (report.input, report.exit_code) == (0, 0)
    assert (tmp_path / "run" / "outcomes.jsonl").read_text(encoding="utf-8") == ""


def test_a_run_that_ends_fatally_says_so_in_its_views(vendor: MockServer, tmp_path: Path) -> None:
    to = Pabbly(auth=BearerKey(Secret("not-the-key")), endpoint=vendor.url)
    with pytest.raises(CredentialsError):
        load([Contact(phone="+447700900123")], to=to, run_dir=tmp_path / "run").report()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["exit_code"], summary["counts"]["not_sent"]) == (4, 1)


def test_half_a_character_costs_its_own_contact_alone(vendor: MockServer, tmp_path: Path) -> None:
    people = [
        Contact(email="ada@example.com", given_name="Ada"),
        Contact(email="bea@example.com", given_name="B\udcffa"),
        {"3": "c\ud800l@example.com"},
        {"3": "dan@example.com"},
    ]
    outcomes = list(load(people, to=Emarsys.from_env(endpoint=vendor.url), run_dir=tmp_path / "run"))
    statuses = [Status.CREATED, Status.REJECTED, Status.REJECTED, Status.CREATED]
    assert [outcome.status for outcome in outcomes] == statuses
    assert [line["status"] for line in lines(tmp_path / "run" / "outcomes.jsonl")] == statuses
    assert lines(tmp_path / "run" / "rejected.jsonl") == [[], []]
