"""SIGKILL at random points of 20,000-row loads: nothing is lost, nothing doubled.

`KILLS=200 pytest tests/crash/test_crash_kills.py` kills so often a vendor, `SEED=17` replays one run alone.
"""

from __future__ import annotations

import os
import random
import subprocess

import attrs
import pytest

from headcount.mock import serve
from tests.cli.command import VENDORS, Command
from tests.crash.harness import ROWS, Moment, People, Watch, arguments, finish, has_run
from tests.crash.promises import Account

KILLS_A_RUN = 12
KILLS = int(os.environ.get("KILLS", "67"))
"""A vendor."""
ONE = os.environ.get("SEED")
SEEDS = range(len(VENDORS) * -(-KILLS // KILLS_A_RUN)) if ONE is None else [int(ONE)]
SHAPES = [(25, 8), (50, 3), (100, 1), (100, 2), (200, 1)]
"""Rows in a batch, and calls in flight."""
LARGE = [(250, 8), (500, 2), (1000, 1)]
"""Where a call can ask for a thousand rows."""


@attrs.frozen
class Plan:
    """What a seed comes to."""

    seed: int
    vendor: str
    max_batch: int
    concurrency: int
    latency: float
    """Seconds that the vendor takes to answer once it has stored a batch."""

    @classmethod
    def drawn(cls, seed: int, draw: random.Random) -> Plan:
        vendor = VENDORS[seed % len(VENDORS)]
        batch, concurrency = draw.choice(SHAPES + LARGE if vendor == "emarsys" else SHAPES)
        return cls(seed, vendor, batch, concurrency, draw.choice([0.0, 0.005, 0.02, 0.05]))

    def moment(self, draw: random.Random) -> Moment:
        """Such that the kills of a run are spread over it."""
        calls = ROWS // self.max_batch
        life = calls * (self.latency + 0.01) / self.concurrency + 0.5
        return Moment.drawn(draw, max(1, 2 * calls // KILLS_A_RUN), 2 * life / KILLS_A_RUN, self.latency)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_run_is_carried_on(command: Command, seed: int) -> None:
    draw = random.Random(seed)
    plan = Plan.drawn(seed, draw)
    try:
        kill_and_carry_on(command, plan, draw)
    except BaseException as error:
        error.add_note(f"replay it: SEED={seed} pytest tests/crash/test_crash_kills.py\n{plan}")
        raise


def kill_and_carry_on(command: Command, plan: Plan, draw: random.Random) -> None:
    people = People.drawn(draw, plan.vendor)
    source = command.write("people.csv", people.csv())
    slow = {"delay": plan.latency, "operation": "createContacts"}
    with serve(plan.vendor, faults=people.switches(plan.vendor, faults=[slow])) as mock:
        watch = Watch(mock, plan.vendor)
        account = Account(command.folder / "run", people, watch, plan.max_batch * plan.concurrency)
        shape = {"max_batch": plan.max_batch, "concurrency": plan.concurrency, "requests_per_second": 1000}
        load = ("load", source, *arguments(plan.vendor, mock.url, **shape))

        def start(verb: str) -> subprocess.Popen[bytes]:
            return command.start(*((verb, "run") if has_run(account.run) else load))

        moment = plan.moment(draw)
        while account.kills < KILLS_A_RUN:
            verb = "resume" if account.kills < KILLS_A_RUN - 1 and draw.random() < 0.9 else "reconcile"
            asked = verb == "reconcile"
            done = watch.kill(start(verb), moment)
            if done is None:
                account.after_a_kill(asked=asked)
                moment = plan.moment(draw)
            else:
                account.after_the_end(done, asked=asked)
                moment = Moment.of_any_process(draw)
        account.all_was_sent(account.after_the_end(finish(start("resume"))))
        told = account.after_the_end(finish(command.start("reconcile", "run", "--resend")), asked=True)
        account.unknown_was_asked_for(told)
        account.all_was_sent(told)
        account.all_is_there_once(told)
