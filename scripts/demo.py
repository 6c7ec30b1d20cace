"""Load the example file into the three vendors, all on this machine, and check every row against the ledger.

    python scripts/demo.py

Serves the mocks in this process, runs the public command once for each vendor, shows what it reports and
compares the counts and the outcome of each row with examples/people.ledger.json. Exits with 1, and says what
differs, if a single row is not as the ledger has it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from headcount.mock import credentials_environment, serve

ROOT = Path(__file__).resolve().parent.parent
TITLES = {"sinch": "Sinch Conversation", "emarsys": "Emarsys", "pabbly": "Pabbly Chatflow"}
SOME_REJECTED = 1
"""The exit code of a load that rejected rows and is otherwise well."""
MOST_DIFFERENCES = 10

console = Console(highlight=False, soft_wrap=True)


def load(vendor: str, arguments: list[str], source: Path, run_dir: Path, url: str) -> int:
    """Run the command as anyone would, on this screen; its exit code."""
    command = ["load", shown_path(source), "--to", vendor, *arguments]
    console.print(f"[dim]$ headcount {shlex.join(command)}[/dim]")
    command += ["--endpoint", url, "--run-dir", shown_path(run_dir)]
    return subprocess.run(
        [sys.executable, "-m", "headcount", *command],
        env=os.environ | credentials_environment(vendor),
        check=False,
    ).returncode


def differences(expected: dict[str, Any], run_dir: Path) -> list[str]:
    """What a load reported otherwise than the ledger says: counts, problems, and row by row."""
    summary = json.loads(run_dir.joinpath("summary.json").read_text(encoding="utf-8"))
    problems: Counter[str] = Counter()
    for problem in summary["problems"]:
        problems[f"{problem['status']} {problem['kind']}"] += problem["count"]
    found = differing("", expected["counts"], {name: n for name, n in summary["counts"].items() if n})
    found += differing("", expected["problems"], problems)
    exceptions: dict[str, list[Any]] = {}
    with run_dir.joinpath("outcomes.jsonl").open(encoding="utf-8") as lines:
        for outcome in map(json.loads, lines):
            if outcome.get("kind"):
                seen = [outcome["status"], outcome["kind"], outcome.get("of_row")]
                exceptions[str(outcome["row"])] = [part for part in seen if part is not None]
    return found + differing("row ", expected["exceptions"], exceptions)


def differing(what: str, expected: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    """A line for each key that has another value, or one on one side only."""
    keys = [*expected, *(key for key in actual if key not in expected)]
    return [
        f"{what}{key}: the ledger says {expected.get(key, 'none')}, the run {actual.get(key, 'none')}"
        for key in keys
        if expected.get(key) != actual.get(key)
    ]


def shown_path(path: Path) -> str:
    """The path as the reader of the screen would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def demonstrate(source: Path, ledger: dict[str, Any], runs: Path) -> list[str]:
    """Load the file into each vendor of the ledger. Returns what differs from it."""
    found = []
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with serve(*ledger["loads"]) as mock:
        for vendor, expected in ledger["loads"].items():
            run_dir = runs / f"demo-{stamp}-{vendor}"
            console.rule(f"[bold]{TITLES[vendor]}[/bold], played by a mock at {mock.url}", align="left")
            code = load(vendor, expected["arguments"], source, run_dir, mock.url)
            console.print()
            if code != SOME_REJECTED:
                found.append(f"{vendor}: exit code {code} instead of {SOME_REJECTED}")
            if run_dir.joinpath("summary.json").exists():
                found += [f"{vendor}: {line}" for line in differences(expected, run_dir)]
            else:
                found.append(f"{vendor}: no summary in {shown_path(run_dir)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Load the example file into the three mocked vendors.")
    parser.add_argument("--source", type=Path, default=ROOT / "examples" / "people.csv")
    parser.add_argument("--ledger", type=Path, default=ROOT / "examples" / "people.ledger.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="where the run folders go")
    arguments = parser.parse_args()
    ledger = json.loads(arguments.ledger.read_text(encoding="utf-8"))
    found = demonstrate(arguments.source.resolve(), ledger, arguments.runs.resolve())
    for line in found[:MOST_DIFFERENCES]:
        console.print(line, style="red")
    if len(found) > MOST_DIFFERENCES:
        console.print(f"... and {len(found) - MOST_DIFFERENCES} more differences", style="red")
    if not found:
        console.print(f"All {len(ledger['loads'])} loads report every row as the ledger has it.", style="green")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
