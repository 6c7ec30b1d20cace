"""Help, plan, status and mock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headcount.mock import serve
from tests.cli.command import Command, identity

SLOW_TO_IMPORT = (
    "httpx",
    "httpcore",
    "jsonschema_rs",
    "langcodes",
    "msgspec",
    "phonenumbers",
    "pyarrow",
    "rich",
    "starlette",
)


@pytest.mark.parametrize("arguments", [["--help"], ["load", "--help"], ["--version"], ["lod"]])
def test_help_imports_nothing_of_a_load(arguments: list[str]) -> None:
    script = f"""
import sys
from headcount.cli import main
main({arguments!r})
print(sorted(set({SLOW_TO_IMPORT!r}) & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_help_names_every_flag_of_a_load(command: Command) -> None:
    done = command("load", "--help")
    flags = """--to --map --set --run-dir --endpoint --mode --key-field --channel --on-duplicate --default-region
        --allow-repeats --limit --max-errors --deadline --concurrency --requests-per-second --max-batch --output"""
    assert done.code == 0
    assert [flag for flag in flags.split() if flag not in done.out] == []
    assert "Exit codes" in done.out


def test_no_command_shows_the_help(command: Command) -> None:
    done = command()
    assert done.code == 2 and "Commands:" in done.err


def test_a_plan_needs_no_network_and_no_credentials(command: Command) -> None:
    rows = [f"p{row}@example.com" for row in range(25)]
    source = command.write("people.csv", "\n".join(["email", *rows, "nonsense", "P0@example.com"]))
    nothing: dict[str, str | None] = dict.fromkeys(command.environment())
    env = nothing | {"PATH": command.environment()["PATH"]}
    arguments = ("plan", source, "--to", "emarsys", "--max-batch", "10", "--requests-per-second", "4")
    done = command(*arguments, "--output", "json", env=env)
    plan = json.loads(done.out)
    assert done.code == 0
    assert (plan["input"], plan["counts"]) == (27, {"valid": 25, "rejected": 1, "skipped": 1})
    assert (plan["batches"], plan["calls"], plan["seconds"]) == (3, 3, 0.5)
    assert [(problem["kind"], problem["example_row"]) for problem in plan["problems"]] == [
        ("invalid_value", 26),
        ("repeated", 27),
    ]
    bodies = sum(len(f'{{"3":"{row}"}}') for row in rows) + 22 + 3 * len('{"key_id":"3","contacts":[]}')
    assert plan["bytes"] == bodies
    human = command(*arguments, env=env)
    assert human.code == 0 and human.last_line == "27 input = 25 valid + 1 rejected + 1 repeated"
    assert not Path(command.folder, "runs").exists()


@pytest.mark.parametrize("vendor", ["sinch", "pabbly"])
def test_a_plan_agrees_with_the_load(command: Command, vendor: str) -> None:
    source = command.write(
        "people.csv", "phone,language\n+447946000001,en\n+447946000001,en\nnonsense,en\n+447946000002,fr\n"
    )
    plan = json.loads(command("plan", source, "--to", vendor, "--output", "json").out)
    with serve(vendor) as mock:
        load = json.loads(command("load", source, "--to", vendor, "--endpoint", mock.url, "--output", "json").out)
    assert plan["counts"] == {"valid": 2, "rejected": 1, "skipped": 1}
    assert [load["counts"][status] for status in ("rejected", "skipped")] == [1, 1]
    assert plan["calls"] == load["requests"] == 1
    assert plan["problems"] == load["problems"]


def test_a_plan_refuses_what_a_load_refuses(command: Command) -> None:
    source = command.write("people.csv", "shoe\n44\n")
    done = command("plan", source, "--to", "emarsys")
    assert done.code == 2 and "no column reaches the key" in done.err


def test_status_tells_how_a_run_ended(command: Command) -> None:
    source = command.write("people.csv", "email\na@example.com\nnonsense\n")
    with serve("emarsys") as mock:
        loaded = command(
            "load", source, "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run", "--output", "json"
        )
    state = command("status", "run")
    as_json = command("status", "run", "--output", "json")
    assert state.code == as_json.code == 0
    assert state.last_line == identity(created=1, rejected=1)
    assert "ended with exit code 1" in state.out and "resume" not in state.out
    assert json.loads(as_json.out) == json.loads(loaded.out)


def test_the_mock_serves_until_a_signal(command: Command) -> None:
    command.write("faults.toml", "[[pabbly.faults]]\nnth = 1\nstatus = 403\n")
    process = command.start("mock", "pabbly", "--faults", "faults.toml")
    assert process.stdout is not None
    first, second = process.stdout.readline().decode().split(), process.stdout.readline()
    url = first[1].split("/api")[0]
    done = command("load", command.people(2), "--to", "pabbly", "--endpoint", url)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert first[0] == "pabbly:" and b"PABBLY_API_KEY=" in second
    assert done.code == 4 and "403" in done.err
    assert process.returncode == 130 and b"Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pably"], "'pably'"),
        (["--spec", "none"], "'none'"),
        (["--faults", "none.toml"], "none.toml"),
        (["--port", "99999"], "--port"),
    ],
)
def test_a_mock_that_cannot_be(command: Command, arguments: list[str], words: str) -> None:
    done = command("mock", *arguments)
    assert done.code == 2 and words in done.err and len(done.err.splitlines()) == 1
