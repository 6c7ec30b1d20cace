"""The views of a run, line by line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount.core.batches import Answer
from headcount.errors import FatalError, JournalError
from headcount.outcome import Kind, Problem, ProblemGroup, Report, Status
from headcount.records.rows import Rows
from headcount.run_folder import RunFolder
from headcount.views import Summary, account, render, summary_of

SUMMARY = Summary(
    run="runs/monday",
    destination="emarsys",
    source="people.csv",
    input=5,
    counts={Status.CREATED: 1},
    requests=1,
    retries=0,
    problems=[ProblemGroup(Status.REJECTED, Kind.INVALID_VALUE, None, 1, 4, "3: not an e-mail address")],
    exit_code=5,
)
EXISTS = Problem(Kind.EXISTS, detail="Contact exists", code="2009", http_status=200, field="3")
BAD_EMAIL = Problem(Kind.INVALID_VALUE, detail="not an e-mail", field="email")
RAGGED = Problem(Kind.MALFORMED_ROW, detail="3 cells where 2 were expected")
TIMEOUT = Problem(Kind.TIMEOUT, detail="no reply within 60 s", retryable=True)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", "test", {})


def people(index: int = 0) -> Rows:
    """Five records, the fourth of them ragged."""
    return Rows(
        index,
        ("email", "name"),
        [
            ["a@example.com", "b@example.com", "@c", None, "e@example.com"],
            ["Ann", None, '=HYPERLINK("x")', None, "Zoë"],
        ],
        [2, 3, 5, 6, 7],
        {3: RAGGED},
        {3: ["d@example.com", "+1", "extra"]},
    )


def write(folder: RunFolder, chunks: list[Rows]) -> None:
    with folder.read_journal() as journal:
        render(folder, journal, chunks, sum(map(len, chunks)), summarise)


def summarise(accounts: Report) -> Summary:
    return SUMMARY


def settle_people(folder: RunFolder) -> None:
    with folder.open_journal() as journal:
        journal.record(None, [2, 3], Answer([Status.REJECTED] * 2, {0: BAD_EMAIL, 1: RAGGED}), 0)
        answer = Answer([Status.CREATED, Status.EXISTING], {1: EXISTS}, ["123", None])
        journal.record(journal.claim([0, 1]), [0, 1], answer, 1)
        journal.record(journal.claim([4]), [4], Answer([Status.UNKNOWN], {0: TIMEOUT}), 2)
        journal.commit()


def lines(folder: RunFolder, name: str) -> list[str]:
    return (folder.path / name).read_text(encoding="utf-8").splitlines()


def test_outcomes_has_one_line_a_row_with_every_key(folder: RunFolder) -> None:
    settle_people(folder)
    write(folder, [people()])
    assert lines(folder, "outcomes.jsonl") == [
        (
            '{"row":1,"line":2,"status":"created","kind":null,"code":null,"detail":null,"http_status":null,'
            '"field":null,"vendor_id":"123","attempts":1,"retryable":null,"of_row":null}'
        ),
        (
            '{"row":2,"line":3,"status":"existing","kind":"exists","code":"2009","detail":"Contact exists",'
            '"http_status":200,"field":"3","vendor_id":null,"attempts":1,"retryable":false,"of_row":null}'
        ),
        (
            '{"row":3,"line":5,"status":"rejected","kind":"invalid_value","code":null,"detail":"not an e-mail",'
            '"http_status":null,"field":"email","vendor_id":null,"attempts":0,"retryable":false,"of_row":null}'
        ),
        (
            '{"row":4,"line":6,"status":"rejected","kind":"malformed_row","code":null,'
            '"detail":"3 cells where 2 were expected","http_status":null,"field":null,"vendor_id":null,'
            '"attempts":0,"retryable":false,"of_row":null}'
        ),
        (
            '{"row":5,"line":7,"status":"unknown","kind":"timeout","code":null,"detail":"no reply within 60 s",'
            '"http_status":null,"field":null,"vendor_id":null,"attempts":2,"retryable":true,"of_row":null}'
        ),
    ]


def test_rejected_and_unknown_rows_can_be_loaded_again(folder: RunFolder) -> None:
    settle_people(folder)
    write(folder, [people()])
    assert lines(folder, "rejected.jsonl") == [
        '{"email":"@c","name":"=HYPERLINK(\\"x\\")"}',
        '["d@example.com","+1","extra"]',
    ]
    assert lines(folder, "unknown.jsonl") == ['{"email":"e@example.com","name":"Zoë"}']


def test_the_table_of_rejects_runs_nothing_in_a_spreadsheet(folder: RunFolder) -> None:
    settle_people(folder)
    write(folder, [people()])
    with (folder.path / "rejected.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["row", "kind", "detail", "field", "code", "email", "name"],
            ["3", "invalid_value", "not an e-mail", "email", "", "'@c", '\'=HYPERLINK("x")'],
            ["4", "malformed_row", "3 cells where 2 were expected", "", "", "d@example.com", "'+1", "extra"],
        ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("'quoted", "'quoted"),
        ("two\nlines, and a comma", "two\nlines, and a comma"),
        (["a", 1], '["a",1]'),
        (None, ""),
    ],
)
def test_cells_of_the_table(folder: RunFolder, cell: object, shown: str) -> None:
    with folder.open_journal() as journal:
        journal.record(None, [0], Answer([Status.REJECTED], {0: Problem(Kind.REFUSED, detail="-x")}), 0)
        journal.commit()
    write(folder, [Rows(0, ("=name",), [[cell]], [2])])  # type: ignore[list-item]
    with (folder.path / "rejected.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["row", "kind", "detail", "field", "code", "'=name"],
            ["1", "refused", "'-x", "", "", shown],
        ]


def test_the_table_has_the_columns_of_every_chunk(folder: RunFolder) -> None:
    with folder.open_journal() as journal:
        journal.record(None, [0, 1], Answer.same(2, Status.REJECTED, BAD_EMAIL), 0)
        journal.commit()
    write(folder, [Rows(0, ("a", "b"), [["1"], ["2"]], [1]), Rows(1, ("b", "c"), [["3"], ["4"]], [2])])
    with (folder.path / "rejected.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["a"], row["b"], row["c"]) for row in table] == [("1", "2", None), ("", "3", "4")]


def test_summary_has_its_keys_in_their_order_and_no_other(folder: RunFolder) -> None:
    with folder.read_journal() as journal:
        render(folder, journal, [], 0, summarise)
    written = json.loads((folder.path / "summary.json").read_text())
    assert list(written.items()) == [
        ("run", "runs/monday"),
        ("destination", "emarsys"),
        ("source", "people.csv"),
        ("input", 5),
        ("counts", {"created": 1}),
        ("requests", 1),
        ("retries", 0),
        (
            "problems",
            [
                {
                    "status": "rejected",
                    "kind": "invalid_value",
                    "code": None,
                    "count": 1,
                    "example_row": 4,
                    "detail": "3: not an e-mail address",
                }
            ],
        ),
        ("exit_code", 5),
    ]


def test_what_is_counted_is_what_is_written(folder: RunFolder) -> None:
    settle_people(folder)
    with folder.open_journal() as journal:
        journal.record(None, [7, 9], Answer([Status.SKIPPED, Status.CREATED], {0: EXISTS}), 0)
        journal.commit()
        stop = Problem(Kind.ERROR_LIMIT, detail="too many")
        # The source has fewer rows than the run has read.
        report = render(
            folder, journal, [people()], 12, lambda accounts: summary_of(folder, "e", "s", accounts, 3), stop
        )
        assert report == account(journal.stretches(), 12, stop)
    assert len(lines(folder, "outcomes.jsonl")) == 5
    assert (report.input, report.counts) == (
        12,
        dict.fromkeys(Status, 0)
        | {
            Status.CREATED: 2,
            Status.EXISTING: 1,
            Status.REJECTED: 2,
            Status.SKIPPED: 1,
            Status.UNKNOWN: 1,
            Status.NOT_SENT: 5,
        },
    )
    assert report.problems[0] == ProblemGroup(Status.NOT_SENT, Kind.ERROR_LIMIT, None, 5, 6, "too many")
    written = json.loads((folder.path / "summary.json").read_text())
    assert (written["input"], written["counts"]["not_sent"], written["exit_code"]) == (12, 5, 3)


def test_more_rows_than_were_counted_are_not_written(folder: RunFolder) -> None:
    with folder.read_journal() as journal, pytest.raises(AssertionError):
        render(folder, journal, [people()], 4, summarise)
    assert not (folder.path / "outcomes.jsonl").exists()


def test_a_folder_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / os.fsdecode(b"caf\xe9"), "test", {})
    with folder.read_journal() as journal:
        render(folder, journal, [people()], 5, lambda accounts: summary_of(folder, "emarsys", "s", accounts, 5))
    written = json.loads((folder.path / "summary.json").read_text(encoding="utf-8"))
    assert written["run"] == f"{tmp_path}/caf\\xe9"


def test_a_row_the_run_never_settled_is_not_sent(folder: RunFolder) -> None:
    with folder.open_journal() as journal:
        journal.record(journal.claim([1, 3]), [1, 3], Answer([Status.CREATED] * 2), 1)
        journal.commit()
    write(folder, [people()])
    found = [json.loads(line) for line in lines(folder, "outcomes.jsonl")]
    assert [line["status"] for line in found] == ["not_sent", "created", "not_sent", "created", "not_sent"]
    assert [line["kind"] for line in found] == ["stopped", None, "stopped", None, "stopped"]


def test_chunks_and_events_need_not_match(folder: RunFolder) -> None:
    with folder.open_journal() as journal:
        for start, stop in [(0, 7), (7, 30), (30, 31), (31, 50)]:
            rows = list(range(start, stop))
            ids = [f"id{row}" for row in rows]
            answer = Answer(
                [Status.UNKNOWN if row % 7 == 3 else Status.CREATED for row in rows],
                {at: TIMEOUT for at, row in enumerate(rows) if row % 7 == 3},
                ids,
            )
            journal.record(journal.claim(rows), rows, answer, 1)
        journal.commit()
    sizes = [1, 4, 10, 20, 15]
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    write(
        folder,
        [
            Rows(start, ("n",), [[str(start + at) for at in range(size)]], range(start + 2, start + 2 + size))
            for start, size in zip(starts, sizes, strict=True)
        ],
    )
    found = [json.loads(line) for line in lines(folder, "outcomes.jsonl")]
    assert [(line["row"], line["line"], line["vendor_id"]) for line in found] == [
        (row + 1, row + 2, f"id{row}") for row in range(50)
    ]
    assert [line["row"] - 1 for line in found if line["kind"] == "timeout"] == [3, 10, 17, 24, 31, 38, 45]
    assert lines(folder, "unknown.jsonl") == [f'{{"n":"{row}"}}' for row in (3, 10, 17, 24, 31, 38, 45)]


def test_views_are_private_whole_and_replace_earlier_ones(folder: RunFolder) -> None:
    settle_people(folder)
    write(folder, [people()])
    before = (folder.path / "outcomes.jsonl").read_bytes()

    def broken() -> Iterator[Rows]:
        yield people()
        raise RuntimeError("the source ends here")

    with folder.read_journal() as journal, pytest.raises(RuntimeError):
        render(folder, journal, broken(), 5, summarise)
    assert (folder.path / "outcomes.jsonl").read_bytes() == before
    with folder.open_journal() as journal:
        journal.record(None, [4], Answer([Status.CREATED]), 0)
        journal.commit()
        render(folder, journal, [people()], 5, summarise)
    assert lines(folder, "unknown.jsonl") == []
    views = {"outcomes.jsonl", "rejected.jsonl", "unknown.jsonl", "rejected.csv", "summary.json"}
    modes = {entry.name: entry.stat().st_mode & 0o777 for entry in folder.path.iterdir()}
    assert modes == dict.fromkeys(views | {"journal.sqlite", "lock"}, 0o600)


def test_a_full_disk_costs_the_views_only(folder: RunFolder) -> None:
    settle_people(folder)
    write(folder, [people()])
    before = {entry.name: entry.read_bytes() for entry in folder.path.iterdir()}
    script = f"""
import resource
from pathlib import Path
from headcount.errors import FatalError
from headcount.records.rows import Rows
from headcount.run_folder import RunFolder
from headcount.views import Summary, render
folder = RunFolder.open(Path({str(folder.path)!r}))
rows = Rows(0, ("name",), [["x"] * 5000], range(2, 5002))
with folder.read_journal() as journal:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        render(folder, journal, [rows], 5000, lambda accounts: Summary("", "", "", 0, {{}}, 0, 0, [], None))
    except FatalError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"the views in {folder.path} cannot be written: File too large; the journal")
    assert {entry.name: entry.read_bytes() for entry in folder.path.iterdir()} == before


def test_no_room_is_a_fatal_error_and_not_the_journals(folder: RunFolder) -> None:
    (folder.path / "outcomes.jsonl").mkdir()
    with folder.read_journal() as journal, pytest.raises(FatalError) as caught:
        render(folder, journal, [people()], 5, summarise)
    assert not isinstance(caught.value, JournalError)
