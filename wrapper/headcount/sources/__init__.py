"""Where contacts come from: CSV, JSON Lines and standard input, as rows of text.

Nothing is guessed: a cell is the text that is written, or absent where that is blank. What is wrong with
one record costs that record and no other. A source is read in bounded memory, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from headcount.records.rows import Rows
from headcount.sources.csv import CsvSource
from headcount.sources.jsonl import JsonLinesSource
from headcount.sources.stream import Stream

__all__ = ["Source", "open_source"]


class Source(Protocol):
    """A run of records."""

    name: str
    """The name of the file without its directories, or "stdin"."""
    path: Path | None
    """None when the source cannot be read a second time."""
    columns: tuple[str, ...] | None
    """The names in the header; None where every chunk has its own columns."""

    def chunks(self, size: int = 1000) -> Iterator[Rows]:
        """The records in order, `size` at a time and the rest at the end."""
        ...


def open_source(name: str, *, limit: int | None = None) -> Source:
    """The source at the path `name`, or standard input for "-"; of its records the first `limit`.

    A file named .csv or .tsv is CSV, .jsonl or .ndjson JSON Lines; anything else is JSON Lines if it
    begins with "{" or "[" and CSV if not. Raises SourceError, in one line, if it cannot be read at all:
    no such file, a directory, no permission, not UTF-8 text, no usable header.
    """
    stream = Stream(name)
    if _is_json_lines(stream):
        return JsonLinesSource(stream, limit=limit)
    return CsvSource(stream, limit=limit)


def _is_json_lines(stream: Stream) -> bool:
    suffix = Path(stream.name).suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return True
    if suffix in (".csv", ".tsv"):
        return False
    with stream.lines() as lines:
        return lines.peek().lstrip().startswith((b"{", b"["))
