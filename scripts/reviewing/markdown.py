"""Text from a specification as a comment may carry it: shown as it is, whatever it says.

A report is made of texts that a stranger may have written. Everything from a specification goes through `code`: a code
span in which GitHub reads no mention, link, image, HTML or issue number, without characters that cannot be seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 120


def code(text: object, longest: int = LONGEST) -> str:
    """A code span that holds the text and nothing else; also within a cell of a table."""
    kept = (" " if unicodedata.category(each)[0] in "CZ" else each for each in str(text)[: longest * 4])
    line = " ".join("".join(kept).split()).replace("`", "'").replace("\\|", "\\ |")
    if len(line) > longest:
        line = line[:longest].rstrip() + " ..."
    line = line.replace("|", "\\|")
    return f"`{line}`" if line else "`''`"


def codes(values: Iterable[object], most: int = 8) -> str:
    """Some values as code spans, and how many more there are."""
    shown = [code(each, 60) for each in values]
    rest = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + rest


def table(head: list[str], rows: list[list[str]], most: int = 200) -> str:
    """A table; its cells are safe already."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows[:most]]
    if len(rows) > most:
        lines += ["", f"and {len(rows) - most} more."]
    return "\n".join(lines)


def folded(summary: str, body: str, open_: bool = False) -> str:
    return f"<details{' open' if open_ else ''}><summary>{plain(summary)}</summary>\n\n{body}\n\n</details>"


def plain(text: str) -> str:
    """Text where no code span can be: a name with anything in it that could mean something is not shown as it is."""
    return re.sub(r"[^A-Za-z0-9_ .,:;'()/-]", "?", text)
