"""Texts of vendors made fit to keep and to print: no control characters, no personal data, not long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

LIMIT = 300
"""The most characters that a masked text has."""

_MASKED = "<masked>"
_SHORTEST = 2  # a single letter says nothing about anybody
_SHORTEST_INSIDE_WORDS = 4  # below that only whole words count: "Li" is not to be cut out of "List"

_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,8}[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x9c)?")
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"[^\s<>\"'()\[\]{},;:=&?]+")
_LONG_NUMBER = re.compile(r"\+?\(?\d(?:[\s().\-/\u2010-\u2015\u2212]{0,3}\d){6,}")


def mask(text: str, values: Mapping[str, str]) -> str:
    """The text with each of the row's own values as `<field>` and what else looks personal as `<masked>`.

    `values` holds the text that was sent, by field. Also masked: anything shaped like an e-mail address and
    any seven or more digits, however a phone number's separators part them. Control characters, terminal
    sequences and direction marks are dropped, white space becomes single blanks, and what is longer than
    300 characters is cut. The time taken grows in proportion to the text, whatever it holds.
    """
    text = _printable(text)
    for field, value in sorted(values.items(), key=lambda item: -len(item[1])):
        needle = _printable(value)
        if len(needle) >= _SHORTEST:
            text = _replaced(text, needle, f"<{field}>")
    text = _WORD.sub(_masked_address, text)
    text = _LONG_NUMBER.sub(_MASKED, text)
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "\u2026"


def _printable(text: str) -> str:
    text = _SPACES.sub(" ", _TERMINAL.sub("", text))
    if not text.isprintable():
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    return text.strip()


def _replaced(text: str, needle: str, by: str) -> str:
    """The text without the needle in upper or lower case; short needles count as whole words only."""
    folded, sought = text.lower(), needle.lower()
    if len(folded) != len(text):  # a letter that grows when it is lowered would shift every place after it
        folded, sought = text, needle
    whole_words = len(sought) < _SHORTEST_INSIDE_WORDS
    kept: list[str] = []
    done = 0
    place = folded.find(sought)
    while place >= 0:
        end = place + len(sought)
        if whole_words and (folded[place - 1 : place].isalnum() or folded[end : end + 1].isalnum()):
            place = folded.find(sought, place + 1)
            continue
        kept += text[done:place], by
        done = end
        place = folded.find(sought, end)
    return "".join(kept) + text[done:] if kept else text


def _masked_address(word: re.Match[str]) -> str:
    return _MASKED if "@" in word[0] or "%40" in word[0] else word[0]
