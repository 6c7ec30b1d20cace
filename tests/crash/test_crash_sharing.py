"""Two processes on one run, and an input that is another one when the run is carried on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from headcount.mock import Fault
from tests.crash.harness import People, finish
from tests.crash.killed import Killed
from tests.crash.promises import journal_of

HANGING = Fault(operation="createContacts", delay=60)


def test_one_of_many_processes_carries_a_run_on(killed: Killed) -> None:
    account = killed.restore()
    processes = [killed.command.start("resume", "run") for _ in range(3)]
    done = sorted(map(finish, processes), key=lambda each: each.code)
    assert done[0].code == 5 and {each.code for each in done[1:]} <= {5, 6}
    for locked in done[1:]:
        said = "headcount: run run is in use by process "
        assert locked.code == 5 or (locked.out == "" and locked.err.startswith(said)), locked
    account.all_was_sent(account.after_the_end(done[0]))


@pytest.mark.parametrize("verb", ["resume", "reconcile"])
def test_a_lock_is_had_again_when_its_holder_was_killed(killed: Killed, verb: str) -> None:
    account = killed.restore()
    killed.mock.vendors["sinch"].switches.faults = (HANGING,)
    before = killed.watch.carried()
    holder = killed.command.start("resume", "run")
    while killed.watch.carried() == before:
        assert holder.poll() is None
        time.sleep(0.01)
    locked, _ = killed.do(verb, "run")
    assert (locked.code, locked.out) == (6, "")
    assert locked.err == f"headcount: run run is in use by process {holder.pid}\n"
    holder.kill()
    finish(holder)
    account.after_a_kill()
    killed.mock.vendors["sinch"].switches.faults = ()
    account.after_the_end(killed.do(verb, "run")[0], asked=verb == "reconcile")
    account.all_was_sent(account.after_the_end(killed.do("resume", "run")[0]))


def other_rows(lines: list[str]) -> list[str]:
    return [*lines[:200], lines[200].replace("R199", "Eve"), *lines[201:]]


def order_changed(lines: list[str]) -> list[str]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def column_gone(lines: list[str]) -> list[str]:
    return [line.rpartition(",")[0] for line in lines]


def row_inserted(lines: list[str]) -> list[str]:
    return [*lines[:100], lines[3000], *lines[100:]]


def shrunk(lines: list[str]) -> list[str]:
    return lines[:1000]


def gone(lines: list[str]) -> list[str]:
    return lines[:1]


CHANGES = (other_rows, order_changed, column_gone, row_inserted, shrunk, gone)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("verb", ["resume", "reconcile"])
def test_an_input_that_changed_is_refused(killed: Killed, change: Callable[[list[str]], list[str]], verb: str) -> None:
    killed.source.write_text("\n".join([*change(killed.people.lines()), ""]))
    done, sent = killed.do(verb, "run")
    assert (done.code, done.out, sent) == (4, "", {})
    said = [line for line in done.err.splitlines() if "run folder" not in line and "warning" not in line]
    assert len(said) == 1 and "the input" in said[0], done.err
    assert journal_of(killed.run) == killed.noted


def test_the_input_is_back_as_it_was(killed: Killed) -> None:
    account = killed.restore()
    killed.source.write_text("\n".join([*shrunk(killed.people.lines()), ""]))
    assert killed.do("resume", "run")[0].code == 4
    killed.source.write_text(killed.people.csv())
    account.all_was_sent(account.after_the_end(killed.do("resume", "run")[0]))


@pytest.mark.parametrize("ended", [False, True])
def test_an_input_that_grew_is_loaded_to_its_new_end(killed: Killed, ended: bool) -> None:
    account = killed.restore()
    if ended:
        account.after_the_end(killed.do("resume", "run")[0])
    account.people = People(4500, bad=killed.people.bad | set(range(4000, 4500, 50)))
    killed.source.write_text(account.people.csv())
    account.all_was_sent(account.after_the_end(killed.do("resume", "run")[0]))


def test_rows_that_the_run_had_not_read_may_change(killed: Killed) -> None:
    account = killed.restore()
    lines = killed.people.lines()
    lines[3990] = lines[3990].replace("+44794600", "+44794611")
    killed.source.write_text("\n".join([*lines, ""]))
    account.all_was_sent(account.after_the_end(killed.do("resume", "run")[0]))
