"""The example file against its ledger, read here by other means than the ones that made it."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples" / "people.csv"
LEDGER = ROOT / "examples" / "people.ledger.json"
LOADS = ["sinch", "emarsys", "pabbly"]


@pytest.fixture(scope="module")
def ledger() -> dict[str, Any]:
    return json.loads(LEDGER.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The records, without the header and the blank lines; bad bytes are lone surrogates."""
    text = FILE.read_bytes().decode("utf-8", "surrogateescape")
    return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row][1:]


def test_the_script_makes_just_these_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "make_example.py", "--into", tmp_path], check=True)
    assert tmp_path.joinpath("people.csv").read_bytes() == FILE.read_bytes()
    assert tmp_path.joinpath("people.ledger.json").read_bytes() == LEDGER.read_bytes()


def test_ten_thousand_rows(rows: list[list[str]], ledger: dict[str, Any]) -> None:
    assert len(rows) == ledger["input"] == 10_000


def test_no_address_or_number_is_anybodys(rows: list[list[str]]) -> None:
    text = FILE.read_text(encoding="utf-8", errors="replace")
    domains = {match[1].lower() for match in re.finditer(r"@([^\s,\"]*)", text)}
    assert all(re.fullmatch(r"|@?(mail\.)?\.?example(\.{1,2}(com|org|net))?", domain) for domain in domains)
    reserved = re.compile(
        r"\+(447700900|441632960|1\d{3}55501|4930231|4969900|4940669|4922147|4989999"
        r"|336399|46701740|46846500|4631390|4640628|46980319)\d+"
    )
    for row in rows:
        try:
            number = phonenumbers.parse(row[2], None)
        except phonenumbers.NumberParseException:
            continue
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert reserved.fullmatch(written) or not phonenumbers.is_valid_number(number), written


def test_nearly_all_numbers_are_possible(rows: list[list[str]]) -> None:
    def possible(text: str) -> bool:
        try:
            text = re.sub("^00", "+", text.strip())
            return phonenumbers.is_possible_number(phonenumbers.parse(text, None))
        except phonenumbers.NumberParseException:
            return False

    assert 9_900 <= sum(possible(row[2]) for row in rows if len(row) >= 10) <= 9_930


@pytest.mark.parametrize("vendor", LOADS)
def test_each_load_adds_up(ledger: dict[str, Any], vendor: str) -> None:
    load = ledger["loads"][vendor]
    assert sum(load["counts"].values()) == ledger["input"]
    by_kind = Counter(f"{status} {kind}" for status, kind, *_ in load["exceptions"].values())
    assert by_kind == load["problems"]
    by_status = Counter(status for status, *_ in load["exceptions"].values())
    assert by_status == {name: n for name, n in load["counts"].items() if name in ("rejected", "skipped")}
    assert 0.005 < len(load["exceptions"]) / ledger["input"] < 0.04


def test_dirt_is_some_three_percent(ledger: dict[str, Any]) -> None:
    dirty = {row for load in ledger["loads"].values() for row in load["exceptions"]}
    assert 0.025 < len(dirty) / ledger["input"] < 0.035


def rows_of(ledger: dict[str, Any], vendor: str, kind: str) -> set[int]:
    return {int(row) for row, entry in ledger["loads"][vendor]["exceptions"].items() if entry[1] == kind}


@pytest.mark.parametrize("vendor", LOADS)
def test_the_ledger_finds_damage_where_the_file_has_it(
    rows: list[list[str]], ledger: dict[str, Any], vendor: str
) -> None:
    scar = re.compile(r"\d\.\d{5}E\+\d\d|\d+\.0")
    damaged = {
        number
        for number, row in enumerate(rows, 1)
        if scar.fullmatch(row[2]) or re.search("[\udc80-\udcff]", "".join(row))
    }
    ragged = {n for n, row in enumerate(rows, 1) if len(row) < 10 or any(map(str.strip, row[10:]))}
    assert rows_of(ledger, vendor, "damaged_value") == damaged
    assert rows_of(ledger, vendor, "malformed_row") == ragged


def test_the_ledger_finds_missing_and_long_cells_where_the_file_has_them(
    rows: list[list[str]], ledger: dict[str, Any]
) -> None:
    whole = {n: row for n, row in enumerate(rows, 1) if len(row) >= 10}
    no_phone = {n for n, row in whole.items() if not row[2].strip()}
    assert rows_of(ledger, "emarsys", "missing_key") == {n for n, row in whole.items() if not row[1].strip()}
    assert rows_of(ledger, "pabbly", "missing_key") == no_phone
    assert rows_of(ledger, "sinch", "missing_key") == no_phone
    assert rows_of(ledger, "sinch", "missing_value") == {n for n, row in whole.items() if not row[5].strip()}
    assert {n for n, row in whole.items() if len(row[9]) > 1024} <= rows_of(ledger, "sinch", "invalid_value")
    assert any(len(row[9]) == 1024 for row in whole.values())


def e164(text: str) -> str:
    plus = re.sub("^(00|(?=[1-9]))", "+", text.strip())
    return phonenumbers.format_number(phonenumbers.parse(plus, None), phonenumbers.PhoneNumberFormat.E164)


KEYS: dict[str, Callable[[list[str]], list[str]]] = {
    "sinch": lambda row: [e164(row[2]), row[0]],
    "emarsys": lambda row: [row[1].strip().lower()],
    "pabbly": lambda row: [e164(row[2])],
}


@pytest.mark.parametrize("vendor", LOADS)
def test_the_ledger_skips_what_an_earlier_row_sent(rows: list[list[str]], ledger: dict[str, Any], vendor: str) -> None:
    exceptions = ledger["loads"][vendor]["exceptions"]
    owners: dict[str, int] = {}
    repeats = {}
    for number, row in enumerate(rows, 1):
        if exceptions.get(str(number), [None])[0] == "rejected":
            continue
        keys = KEYS[vendor](row)
        owned = [owners[key] for key in keys if key in owners]
        if owned:
            repeats[number] = owned[0]
        else:
            owners.update(dict.fromkeys(keys, number))
    assert repeats == {int(row): entry[2] for row, entry in exceptions.items() if entry[0] == "skipped"}


def test_what_is_refused_differs_by_vendor_and_owns_nothing(ledger: dict[str, Any]) -> None:
    """Some row repeats, in the file, one that a vendor refused: it is skipped elsewhere and good there."""
    skipped = {
        vendor: {row: entry[2] for row, entry in load["exceptions"].items() if entry[0] == "skipped"}
        for vendor, load in ledger["loads"].items()
    }
    sent_after_all = [
        row
        for row, owner in skipped["pabbly"].items()
        if row not in ledger["loads"]["sinch"]["exceptions"]
        and ledger["loads"]["sinch"]["exceptions"].get(str(owner), [None])[0] == "rejected"
    ]
    assert sent_after_all


def differences(tmp_path: Path, counts: dict[str, int], outcomes: list[dict[str, Any]]) -> list[str]:
    """What the demo says of a run of three rows, of which the second is to be refused, the third a repeat."""
    spec = importlib.util.spec_from_file_location("demo", ROOT / "scripts" / "demo.py")
    assert spec and spec.loader
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    expected = {
        "counts": {"created": 1, "rejected": 1, "skipped": 1},
        "problems": {"rejected invalid_value": 1, "skipped repeated": 1},
        "exceptions": {"2": ["rejected", "invalid_value"], "3": ["skipped", "repeated", 1]},
    }
    problems = [{"status": o["status"], "kind": o["kind"], "count": 1} for o in outcomes if o["kind"]]
    tmp_path.joinpath("outcomes.jsonl").write_text("".join(json.dumps(outcome) + "\n" for outcome in outcomes))
    tmp_path.joinpath("summary.json").write_text(json.dumps({"counts": counts, "problems": problems}))
    return demo.differences(expected, tmp_path)  # type: ignore[no-any-return]


CREATED = {"row": 1, "status": "created", "kind": None, "of_row": None}
REJECTED = {"row": 2, "status": "rejected", "kind": "invalid_value", "of_row": None}
REPEATED = {"row": 3, "status": "skipped", "kind": "repeated", "of_row": 1}
COUNTS = {"created": 1, "updated": 0, "rejected": 1, "skipped": 1}


def test_the_demo_is_content_with_what_the_ledger_says(tmp_path: Path) -> None:
    assert differences(tmp_path, COUNTS, [CREATED, REJECTED, REPEATED]) == []


@pytest.mark.parametrize(
    ("counts", "outcomes", "word"),
    [
        (COUNTS | {"created": 2}, [CREATED, REJECTED, REPEATED], "created: the ledger says 1, the run 2"),
        (COUNTS | {"unknown": 1}, [CREATED, REJECTED, REPEATED], "unknown: the ledger says none, the run 1"),
        (COUNTS, [CREATED, REJECTED | {"kind": "missing_key"}, REPEATED], "rejected missing_key"),
        (COUNTS, [CREATED, REJECTED | {"row": 1}, REPEATED], "row 1: the ledger says none"),
        (COUNTS, [CREATED, REJECTED, REPEATED | {"of_row": 2}], "row 3: the ledger says"),
        (COUNTS, [CREATED, REJECTED], "row 3: the ledger says"),
    ],
)
def test_the_demo_finds_what_differs(
    tmp_path: Path, counts: dict[str, int], outcomes: list[dict[str, Any]], word: str
) -> None:
    assert word in "; ".join(differences(tmp_path, counts, outcomes))


def test_the_demo_loads_into_all_three_and_finds_every_row_as_the_ledger_has_it(
    ledger: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for vendor, load in ledger["loads"].items():
        (run_dir,) = tmp_path.glob(f"demo-*-{vendor}")
        assert str(run_dir) in done.stdout + done.stderr
        terms = [f"{load['counts'].get(status, 0)} {status}" for status in ("created", "accepted", "rejected")]
        assert re.search(rf"10000 input = .*{'.*'.join(terms)}", done.stdout)


def test_the_demo_fails_with_a_wrong_ledger(ledger: dict[str, Any], tmp_path: Path) -> None:
    load = ledger["loads"]["pabbly"] | {"counts": {"created": 10_000}}
    tmp_path.joinpath("ledger.json").write_text(json.dumps({"input": 10_000, "loads": {"pabbly": load}}))
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--runs", str(tmp_path)]
    command += ["--ledger", str(tmp_path / "ledger.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pabbly: created: the ledger says 10000, the run 98" in done.stdout
