"""What unlucky operators and odd input have done to the command, and must not do again."""

from __future__ import annotations

import os
import subprocess

import pytest

from headcount.mock import serve
from tests.cli.command import COMMAND, Command, identity

PIPE = b"email\n" + b"".join(b"v%d@example.com\n" % number for number in range(12_000))
RUN = ("--run-dir", "run")


def test_a_pipe_is_copied_whole_when_the_credentials_are_refused(command: Command) -> None:
    with serve("emarsys") as mock:
        load = ("load", "-", "--to", "emarsys", "--endpoint", mock.url, *RUN)
        refused = command(*load, stdin=PIPE, env={"EMARSYS_CLIENT_SECRET": "wrong"})
        assert refused.code == 4
        assert refused.last_line.endswith("+ 12000 not_sent")
        assert refused.last_line.startswith("12000 input")
        resumed = command("resume", "run")
        assert (resumed.code, len(mock.stores["emarsys"].contacts)) == (0, 12_000)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ((), {"EMARSYS_CLIENT_SECRET": "x\udcff"}, "not UTF-8"),
        ((), {"EMARSYS_CLIENT_ID": "x\udcff"}, "not UTF-8"),
        (("--set", "1=Jos\udce9"), {}, "an argument holds bytes that are not UTF-8"),
        (("--endpoint", "http://127.0.0.1:9/gateway"), {}, "may hold no path"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_sent(
    command: Command, arguments: tuple[str, ...], environment: dict[str, str], words: str
) -> None:
    done = command("load", command.people(2), "--to", "emarsys", *arguments, *RUN, env=environment)
    assert done.code == 2
    assert words in done.err
    assert not (command.folder / "run").exists()


def test_a_list_is_no_key(command: Command) -> None:
    command.write("odd.jsonl", '{"email":["a@example.com"]}\n{"email":{"a":1}}\n{"email":"a@example.com"}\n')
    with serve("emarsys") as mock:
        done = command("load", "odd.jsonl", "--to", "emarsys", "--endpoint", mock.url, *RUN)
        assert (done.code, [write.key for write in mock.stores["emarsys"].writes]) == (1, ["a@example.com"])
    assert "1 created" in done.last_line
    assert "2 rejected" in done.last_line


def test_names_of_columns_are_printed_without_what_moves_a_terminal_or_names_people(command: Command) -> None:
    header = "email,\x1b[31mred\x1b]0;pwn\x07,\u202eevil,ada@example.org"
    command.write("odd.csv", f"{header}\nb@example.com,1,2,3\n")
    done = command("plan", "odd.csv", "--to", "emarsys")
    assert done.code == 0
    assert "reach nothing" in done.err
    assert not {"\x1b", "\x07", "\u202e", "ada@example.org"} & {*done.err, *done.err.split(), *done.err.split(",")}
    assert "ada@" not in done.err


def test_a_full_disk_behind_standard_output_is_told(command: Command) -> None:
    with serve("emarsys") as mock, open("/dev/full", "wb") as full:
        arguments = ["load", command.people(3), "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run"]
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=command.folder,
            env=command.environment(),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 4
    assert done.stderr.decode().splitlines()[-1] == (
        "headcount: standard output cannot be written: No space left on device"
    )
    assert command("status", "run").last_line == identity(created=3)


def test_a_source_that_is_no_file_any_more_is_not_waited_for(command: Command) -> None:
    with serve("emarsys") as mock:
        source = command.people(3)
        command("load", source, "--to", "emarsys", "--endpoint", mock.url, *RUN, "--deadline", "0")
        (command.folder / source).unlink()
        os.mkfifo(command.folder / source)
        done = command("resume", "run")
    assert done.code == 2 and "is none now" in done.err


def test_a_folder_whose_name_is_no_utf8_is_refused_in_one_line(command: Command) -> None:
    source = command.people(3)
    folder = os.fsencode(command.folder) + b"/\xff"
    os.mkdir(folder)
    os.rename(command.folder / source, folder + b"/" + source.encode())
    with serve("emarsys") as mock:
        done = subprocess.run(
            [*COMMAND, "load", source, "--to", "emarsys", "--endpoint", mock.url],
            cwd=folder,
            env=command.environment(),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(b"headcount: the source lies in a folder") and done.stderr.count(b"\n") == 1
