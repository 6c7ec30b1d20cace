"""Plays schedules by the thousand on all cores: `make simulate N=1000000`, `make simulate SEED=17` for one again."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context

import attrs

from tests.simulation.invariants import PROMISES, check
from tests.simulation.schedules import History, play, schedule
from tests.simulation.tally import tally

_AT_ONCE = 100
"""Schedules that a process plays before it says how they went."""
_LINE_EVERY = 10_000
"""Schedules from one line about the progress to the next, where they do not go to a terminal."""


@attrs.frozen
class Broken:
    """A schedule that broke a promise."""

    seed: int
    why: str

    def __str__(self) -> str:
        return f"{self.why}\nseed {self.seed} broke a promise; replay it alone: make simulate SEED={self.seed}"


@attrs.frozen
class Played:
    """What schedules came to, and the first that broke a promise."""

    counts: Counter[str]
    broken: Broken | None = None


def play_all(seeds: range, processes: int, on_progress: Callable[[Counter[str]], None] = lambda counts: None) -> Played:
    """Play the schedules of these seeds in so many processes, until one breaks a promise."""
    counts: Counter[str] = Counter()
    pieces = iter([seeds[at : at + _AT_ONCE] for at in range(0, len(seeds), _AT_ONCE)])
    # An interrupt from the terminal reaches all processes; this one ends the others.
    ignore = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    with ProcessPoolExecutor(processes, get_context("spawn"), **ignore) as pool:
        under_way: set[Future[Played]] = {pool.submit(play_some, piece) for piece in islice(pieces, 2 * processes)}
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for played in (future.result() for future in done):
                counts += played.counts
                if played.broken is not None:
                    pool.shutdown(cancel_futures=True)
                    return Played(counts, played.broken)
            under_way |= {pool.submit(play_some, piece) for piece in islice(pieces, len(done))}
            on_progress(counts)
    return Played(counts)


def play_some(seeds: range) -> Played:
    """Play the schedules of these seeds here, until one breaks a promise."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        try:
            history = play(schedule(seed))
            check(history)
        except Exception as error:  # noqa: BLE001 whatever it is, the seed is what matters
            return Played(counts, Broken(seed, "".join(traceback.format_exception(error))))
        counts += tally(history)
    return Played(counts)


def story(history: History) -> Iterator[str]:
    """What happened, line by line."""
    yield str(history.schedule)
    for session in history.sessions:
        yield f"session {session.number}, {session.began:.3f} to {session.ended:.3f} s: {session.course}"
        for call in session.calls:
            ended = "never" if call.ended is None else f"{call.ended:.3f}"
            said = " ".join(str(word) for word in (call.fault, call.status, call.code) if word is not None)
            rows = ", ".join(str(row) for row in call.rows)
            yield f"  call {call.number} {call.purpose.name} [{rows}] {call.started:.3f} to {ended}: {said}"
        for outcome in session.outcomes:
            kind = "" if outcome.problem is None else f" {outcome.problem.kind}"
            yield f"  outcome {outcome.index}: {outcome.status}{kind}, {outcome.attempts} attempts"
        yield f"  {session.report.identity}; stop {session.report.stop}; error {session.error!r}"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many to play")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this one alone, and tell what happens")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        history = play(schedule(arguments.seed))
        print("\n".join(story(history)))
        check(history)
        print(f"seed {arguments.seed} keeps all {len(PROMISES)} promises")
        return 0
    began = time.monotonic()
    seeds = range(arguments.first, arguments.first + arguments.schedules)

    on_terminal = sys.stderr.isatty()
    next_line = 0

    def show(counts: Counter[str]) -> None:
        nonlocal next_line
        done = counts["schedules"]
        if on_terminal or done >= next_line:
            next_line = done + _LINE_EVERY
            rate = done / (time.monotonic() - began)
            line = f"{done:,} of {len(seeds):,} schedules, {rate:.0f} a second"
            print(line, file=sys.stderr, end="\r" if on_terminal else "\n", flush=True)

    played = play_all(seeds, os.cpu_count() or 1, show)
    counts, seconds = played.counts, time.monotonic() - began
    if played.broken is not None:
        print(played.broken, file=sys.stderr)
        return 1
    for name in sorted(name for name in counts if ":" in name):
        print(f"{counts[name]:>12,}  {name}")
    print(
        f"{counts['schedules']:,} schedules, {counts['sessions']:,} sessions, {counts['calls']:,} calls, "
        f"{len(PROMISES)} promises kept, {seconds:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
