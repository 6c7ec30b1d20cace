"""Kills with inputs that cannot be read twice: objects of a program, which tells them again, and a pipe, which dies."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from headcount.mock import serve
from headcount.outcome import Status
from tests.cli.command import VENDORS, Command
from tests.crash.harness import Moment, People, Watch, arguments, finish, has_run
from tests.crash.promises import Account, records

BATCH, CONCURRENCY, LATENCY = 100, 2, 0.01
SLOW = {"delay": LATENCY, "operation": "createContacts"}
PROGRAM = f"""
import csv, sys
from headcount import Contact, load, reconcile
from headcount.destinations import Emarsys, Pabbly, Sinch

def contacts():
    with open("people.csv") as file:
        for row in csv.DictReader(file):
            yield Contact(**row)

vendor, url, verb = sys.argv[1:]
to = {{"emarsys": Emarsys, "pabbly": Pabbly, "sinch": Sinch}}[vendor].from_env(endpoint=url)
if verb == "load":
    with open("told", "w") as told:
        outcomes = load(contacts(), to=to, run_dir="run", max_batch={BATCH}, concurrency={CONCURRENCY})
        for outcome in outcomes:
            print(outcome.index, outcome.status, file=told)
    print(outcomes.so_far().identity)
else:
    print(reconcile("run", to=to, resend=True).identity)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_program_that_is_killed_calls_load_again(command: Command, seed: int) -> None:
    draw, vendor = random.Random(seed), VENDORS[seed % len(VENDORS)]
    people = People.drawn(draw, vendor, 6000)
    command.write("people.csv", people.csv())
    with serve(vendor, faults=people.switches(vendor, faults=[SLOW])) as mock:
        watch = Watch(mock, vendor)
        account = Account(command.folder / "run", people, watch, BATCH * CONCURRENCY)

        def start(verb: str) -> subprocess.Popen[bytes]:
            return start_program(command, vendor, mock.url, verb)

        for _ in range(4):
            assert watch.kill(start("load"), Moment.drawn(draw, 12, 0.05, LATENCY)) is None
            account.after_a_kill()
        told = account.after_the_end(finish(start("load")))
        account.all_was_sent(told)
        iterated = [line.split() for line in (command.folder / "told").read_text().splitlines()]
        assert iterated == [[str(row), status.value] for row, status in told.items()]
        if watch.kill(start("reconcile"), Moment(seconds=draw.uniform(0.4, 0.7))) is None:
            account.after_a_kill(asked=True)
        told = account.after_the_end(finish(start("reconcile")), asked=True)
        account.unknown_was_asked_for(told)
        account.all_is_there_once(told)


def start_program(command: Command, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=command.folder,
        env=command.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_came_out_of_a_pipe_are_accounted_for(command: Command, seed: int) -> None:
    draw, vendor = random.Random(seed), VENDORS[seed % len(VENDORS)]
    people = People.drawn(draw, vendor)
    source = command.write("people.csv", people.csv())
    with serve(vendor, faults=people.switches(vendor, faults=[SLOW])) as mock:
        watch = Watch(mock, vendor)
        flags = arguments(vendor, mock.url, max_batch=BATCH, concurrency=CONCURRENCY, requests_per_second=1000)
        with subprocess.Popen(["cat", source], cwd=command.folder, stdout=subprocess.PIPE) as pipe:
            assert pipe.stdout is not None
            load = command.start("load", "-", *flags, stdin=pipe.stdout.fileno())
            pipe.stdout.close()
            assert watch.kill(load, Moment.drawn(draw, 150, 0.5, LATENCY)) is None
        run = command.folder / "run"
        if not has_run(run):
            assert not watch.carried()
            return
        copied = (run / "input.jsonl").read_bytes().count(b"\n") if (run / "input.jsonl").exists() else 0
        account = Account(run, people.first(copied), watch, BATCH * CONCURRENCY)
        account.after_a_kill()
        if watch.kill(command.start("resume", "run"), Moment.drawn(draw, 20, 0.1, LATENCY)) is None:
            account.after_a_kill()
        done = finish(command.start("resume", "run"))
        told = account.after_the_end(done)
        account.all_was_sent(told)
        assert done.code == 5 and "was not read to its end" in done.err
        assert len(records(run / "input.jsonl")) == len(told) == copied
        assert Status.NOT_SENT not in told.values()
