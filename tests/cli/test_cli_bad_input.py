"""What cannot work ends in one clear line, with the right exit code, and nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from headcount.mock import serve
from tests.cli.command import Command, identity

UNUSABLE = {
    "not there": (None, "there is no file"),
    "UTF-16": ("email\na@example.com\n".encode("utf-16"), "UTF-16"),
    "header in Latin-1": ("email,größe\na@example.com,1\n".encode("latin-1"), "not UTF-8"),
    "no key column": (b"shoe,town\n44,Ulm\n", "no column reaches the key"),
    "empty": (b"", "is empty"),
    "a workbook": (b"PK\x03\x04\0\0", "export it as CSV"),
}
COSTS_A_ROW = {
    "ragged": (b"b,c,d,e", "malformed_row"),
    "Latin-1": (b"b@example.com,J\xfcrg", "damaged_value"),
    "10 MB cell": (b"b@example.com," + b"x" * 10_000_000, "too_large"),
    "NUL": (b"b@example.com,A\0B", "damaged_value"),
}
WRONG_ARGUMENTS = {
    "destination": (["--to", "emarsis"], "did you mean 'emarsys'?"),
    "no destination": ([], "--to"),
    "plain http": (["--to", "emarsys", "--endpoint", "http://example.com"], "must use https"),
    "no address": (["--to", "emarsys", "--endpoint", "nonsense"], "not a web address"),
    "service": (["--to", "emarsys", "--endpoint", "bulk=http://127.0.0.1:1"], "no service 'bulk'"),
    "option of another vendor": (["--to", "emarsys", "--channel", "SMS"], "has no option 'channel'"),
    "mode": (["--to", "emarsys", "--mode", "destroy"], "no mode 'destroy'"),
    "map": (["--to", "emarsys", "--map", "3"], "FIELD=COLUMN"),
    "map to no field": (["--to", "emarsys", "--map", "shoe=name"], "'shoe' is no field"),
    "map of no column": (["--to", "emarsys", "--map", "11=town"], "no column 'town'"),
    "number": (["--to", "emarsys", "--concurrency", "0"], "above 0"),
    "no number": (["--to", "emarsys", "--limit", "x"], "--limit"),
    "error limit": (["--to", "emarsys", "--max-errors", "many"], "max_errors"),
    "batch": (["--to", "emarsys", "--max-batch", "5000"], "at most 1000"),
    "flag": (["--to", "emarsys", "--faster"], "No such option: --faster"),
    "configuration": (["--to", "emarsys", "--config", "none.toml"], "none.toml cannot be read"),
}
NO_CREDENTIALS: Mapping[str, Mapping[str, str | None]] = {
    "emarsys": {"EMARSYS_CLIENT_ID": None, "EMARSYS_USERNAME": None},
    "pabbly": {"PABBLY_API_KEY": None},
    "sinch": {"SINCH_KEY_SECRET": None},
}


def one_line(err: str) -> str:
    """The only line for people."""
    [line] = err.splitlines()
    assert line.startswith("headcount: ")
    return line


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_source(command: Command, case: str) -> None:
    content, words = UNUSABLE[case]
    if content is not None:
        command.write("people.csv", content)
    with serve("emarsys") as mock:
        done = command("load", "people.csv", "--to", "emarsys", "--endpoint", mock.url)
    assert (done.code, done.out) == (2, "")
    assert words in one_line(done.err)
    assert mock.stores["emarsys"].writes == []
    assert not Path(command.folder, "runs").exists()


@pytest.mark.parametrize("case", COSTS_A_ROW)
def test_a_bad_row_costs_itself(command: Command, case: str) -> None:
    record, kind = COSTS_A_ROW[case]
    source = command.write("people.csv", b"email,1\na@example.com,A\n" + record + b"\nc@example.com,C\n")
    with serve("emarsys") as mock:
        done = command("load", source, "--to", "emarsys", "--map", "1=1", "--endpoint", mock.url)
    assert (done.code, done.last_line) == (1, identity(created=2, rejected=1))
    assert kind in done.err


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
def test_wrong_arguments(command: Command, case: str) -> None:
    arguments, words = WRONG_ARGUMENTS[case]
    source = command.write("people.csv", "email,name\na@example.com,Ann\n")
    done = command("load", source, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in one_line(done.err)
    assert not Path(command.folder, "runs").exists()


@pytest.mark.parametrize("vendor", NO_CREDENTIALS)
def test_no_credentials(command: Command, vendor: str) -> None:
    source = command.people(1)
    done = command("load", source, "--to", vendor, env=NO_CREDENTIALS[vendor])
    assert (done.code, done.out) == (2, "")
    assert vendor.upper() in one_line(done.err)
    assert not Path(command.folder, "runs").exists()


@pytest.mark.parametrize("verb", ["resume", "status"])
def test_a_folder_without_a_run(command: Command, verb: str) -> None:
    done = command(verb, "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "holds no run" in one_line(done.err)


def test_a_damaged_journal_is_refused(command: Command) -> None:
    source = command.people(3)
    with serve("emarsys") as mock:
        command("load", source, "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run")
        Path(command.folder, "run", "journal.sqlite").write_bytes(b"")
        done = command("resume", "run")
    assert done.code == 4 and "is empty" in one_line(done.err)
    assert len(mock.stores["emarsys"].writes) == 3
