"""What must hold of every schedule: the promises, each a function whose docstring states it."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation import promises_of_calls, promises_of_rows, promises_of_runs
from tests.simulation.schedules import History

PROMISES = (*promises_of_rows.PROMISES, *promises_of_runs.PROMISES, *promises_of_calls.PROMISES)


def check(history: History) -> None:
    """Raises AssertionError for the first promise that is broken."""
    for promise in PROMISES:
        promise(history)


def broken(history: History) -> set[str]:
    """The names of all promises that are broken."""
    return {promise.__name__ for promise in PROMISES if not _kept(promise, history)}


def _kept(promise: Callable[[History], None], history: History) -> bool:
    try:
        promise(history)
    except AssertionError:
        return False
    return True
