"""What the command prints: data on standard output, words for people on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from headcount.errors import FatalError

if TYPE_CHECKING:
    from rich.console import Console
    from typer import TyperException

    from headcount.outcome import ProblemGroup

_MOST_PROBLEMS = 12
_PLAIN_WIDTH = 160


def say(text: str) -> None:
    """A line for people."""
    _write(sys.stderr, f"headcount: {' '.join(text.split())}\n")


def say_plainly(text: str) -> None:
    """A line for people, as it is."""
    _write(sys.stderr, text + "\n")


def tell(text: str) -> None:
    """A line of data. A reader that has gone away is no error; raises FatalError for a full disk."""
    error = _write(sys.stdout, text + "\n")
    if error is not None and not isinstance(error, BrokenPipeError):
        raise FatalError(f"standard output cannot be written: {error.strerror}")


def tell_json(value: object) -> None:
    """A JSON document of data."""
    import msgspec

    tell(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def complain(error: TyperException) -> None:
    """Say what is wrong with the arguments, on one line; without any arguments, show the help."""
    text: str = getattr(error, "format_message", lambda: str(error))()
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        say_plainly(text)
        return
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    say(text.rstrip(".") + hint)


def flush(stream: TextIO | None) -> None:
    """Hand over what has been written; when nobody takes it, to nobody."""
    _write(stream, "")


def console() -> Console:
    """Where tables and bars for people go. Honours NO_COLOR; colours only on a terminal."""
    from rich.console import Console

    class Patient(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True

    return Patient(stderr=True, highlight=False, width=None if sys.stderr and sys.stderr.isatty() else _PLAIN_WIDTH)


def show_problems(groups: Sequence[ProblemGroup]) -> None:
    """A small table of what went otherwise than well, the most frequent first."""
    from rich.table import Table
    from rich.text import Text

    shown = groups[:_MOST_PROBLEMS]
    if not shown:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("status", "kind", "code"):
        table.add_column(title, no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("e.g. row", justify="right")
    table.add_column("detail", overflow="fold")
    for group in shown:
        words = (group.status.value, group.kind.value, group.code or "")
        numbers = (f"{group.count:,}", str(group.example_row))
        table.add_row(*(Text(word) for word in (*words, *numbers, group.detail or "")))
    screen = console()
    screen.print(table)
    if len(groups) > len(shown):
        screen.print(f"... and {len(groups) - len(shown)} more in summary.json")


def _write(stream: TextIO | None, text: str) -> OSError | None:
    """Write and flush; answers what was in the way, and then nothing more is tried."""
    if stream is None or stream.closed:
        return None
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        # Python would try again, and complain, when it ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return error
    return None
