"""The command's answers, for people and as JSON."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from headcount.cli import screen
from headcount.outcome import Status

if TYPE_CHECKING:
    from headcount.ending import Result
    from headcount.plan import Plan
    from headcount.runs import Run, State


def show_result(run: Run, result: Result, *, as_json: bool) -> None:
    """What came of a run. The last line is the identity."""
    report = result.report
    screen.show_problems(report.problems)
    if result.error is not None:
        screen.say(str(result.error))
    elif report.stop is not None and run.asking:
        screen.say(f"the vendor was not asked about all of them: {report.stop.detail}")
    elif report.stop is not None:
        screen.say(f"the run ended before its input did ({report.stop.kind}): {report.stop.detail}")
    folder = shlex.quote(str(run.folder.path))
    unknown = report.counts[Status.UNKNOWN]
    if unknown and run.asking:
        screen.say(f"{unknown} unknown: the vendor cannot say what became of them, so they are not sent again")
    elif unknown:
        screen.say(f"{unknown} unknown: handed over without a readable answer, and not sent again; to ask the vendor:")
        screen.say_plainly(f"    headcount reconcile {folder}")
    if not result.whole:
        screen.say(f"standard input was not read to its end: this run has its first {report.input} rows and no more")
    if report.counts[Status.NOT_SENT] or (result.exit_code > 128 and not run.settings.copied):
        screen.say(f"to carry on: headcount resume {folder}")
    screen.say(f"outcome of each row: {run.folder.path}/outcomes.jsonl")
    if as_json:
        screen.tell_json(result.summary.as_json())
        screen.say_plainly(report.identity)
    else:
        screen.tell(report.identity)


def show_state(path: Path, state: State, *, as_json: bool) -> None:
    """How a run stands."""
    report = state.report
    if as_json:
        screen.tell_json(state.summary.as_json())
        return
    screen.show_problems(report.problems)
    if state.running:
        word = "running; unknown and not_sent hold what is under way"
    elif state.end is None:
        word = "interrupted: no process works on it"
    else:
        word = f"ended with exit code {state.end.exit_code}"
    screen.tell(f"run folder   {path}")
    screen.tell(f"source       {state.summary.source}")
    screen.tell(f"destination  {state.summary.destination}")
    screen.tell(f"calls        {report.requests} ({report.retries} of them repeats)")
    screen.tell(f"state        {word}")
    left = state.end is None or report.counts[Status.NOT_SENT] > 0 or state.end.exit_code > 128
    if left and not state.running and state.by_command:
        screen.tell(f"to carry on  headcount resume {shlex.quote(str(path))}")
    screen.tell(report.identity)


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """What a load would do."""
    if as_json:
        screen.tell_json(plan.as_json())
        return
    for warning in plan.warnings:
        screen.say(f"warning: {warning}")
    screen.show_problems(plan.problems)
    screen.tell(f"batches  {plan.batches:,}, one call each")
    screen.tell(f"bytes    {plan.bytes:,}")
    rate = plan.requests_per_second
    if rate is None:
        screen.tell("time     as the vendor answers: it documents no limit")
    else:
        screen.tell(f"time     {plan.seconds:,.1f} s at least, with {rate:.3g} calls a second")
    screen.tell(f"{plan.input} input = {plan.valid} valid + {plan.rejected} rejected + {plan.skipped} repeated")
