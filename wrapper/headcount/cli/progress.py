"""How far a run has come: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from headcount.cli import screen
from headcount.outcome import Status

if TYPE_CHECKING:
    from headcount.outcome import Report

_LINE_SECONDS = 5.0
_BAR_SECONDS = 0.1


class Progress:
    """Shows the counts of a run as it goes, and each warning once. A context manager."""

    def __init__(self, source: str, limit: int | None = None) -> None:
        self._source = source
        self._limit = limit
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._stack = ExitStack()
        self._bar: Any = None
        self._task: Any = None
        self._warned = 0
        self._began = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        if self._terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            bar = Progress(*columns, console=screen.console(), transient=True)
            self._bar = self._stack.enter_context(bar)
            self._task = self._bar.add_task("reading", total=_rows_about(self._source, self._limit))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def show(self, report: Report) -> None:
        """The counts at this moment."""
        now = time.monotonic()
        if now - self._shown < (_BAR_SECONDS if self._terminal else _LINE_SECONDS):
            return
        self._shown = now
        text = _words(report, now - self._began)
        if self._bar is None:
            screen.say(text)
        else:
            self._bar.update(self._task, completed=report.input, description=text)

    def warn(self, warnings: Sequence[str]) -> None:
        """Say the warnings that have not been said."""
        for warning in warnings[self._warned :]:
            if self._bar is None:
                screen.say(f"warning: {warning}")
            else:
                self._bar.console.print(f"headcount: warning: {warning}", markup=False, soft_wrap=True)
        self._warned = len(warnings)


def _words(report: Report, seconds: float) -> str:
    counts = [f"{report.counts[status]:,} {status.value}" for status in Status if report.counts[status]]
    speed = f"{report.input / seconds:,.0f} rows/s" if seconds > 0 else ""
    return ", ".join([f"{report.input:,} rows settled", *counts, f"{report.requests:,} calls", speed])


def _rows_about(source: str, limit: int | None) -> int | None:
    """How many rows a file has, as far as its lines tell; None for what is no file."""
    path = Path(source)
    if not path.is_file():
        return limit
    lines = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n")
    return min(lines, limit) if limit is not None else lines
