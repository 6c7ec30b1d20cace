"""Texts of vendors made fit to keep and to print: no control characters, no personal data, not long."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from urllib.parse import unquote

LIMIT = 300
"""The most characters that a masked text has."""

Values = Mapping[str, str] | list[tuple[str, str]]
"""Texts, each with the field that it is of."""

_MASKED = "<masked>"
_WINDOW = 1000  # characters of a text that are looked at; what is masked is often longer than what stands for it
_SHORTEST = 2  # a single letter says nothing about anybody
_SHORTEST_INSIDE_WORDS = 4  # below that only whole words count: "Li" is not to be cut out of "List"
_SHORTEST_PIECE = 6  # of a word: "exists" is to stay though somebody is called "Existsky"

_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,8}[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x9c)?")
_SPACES = re.compile(r"\s+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = frozenset("\\&%")
_CONTROLS = frozenset("nrtbf")
_WORD = re.compile(r"[^\W_]+")
_ADDRESS = re.compile(r"[^\s<>\"'()\[\]{},;:=&?]+")
_LONG_NUMBER = re.compile(r"\+?\(?\d(?:[\s().\-/\u2010-\u2015\u2212]{0,3}\d){6,}")
_TOKEN = re.compile(r"[A-Za-z0-9_~+=-]{20,}")


class Words:
    """The words of many values, to find again what a text holds of them: whole ones, and pieces of long ones."""

    def __init__(self, values: Iterable[str]) -> None:
        self._all = "\n".join(_folded(form) for value in values for form in _forms(value))
        self._words = frozenset(word for word in _WORD.findall(self._all) if len(word) >= _SHORTEST_INSIDE_WORDS)
        self._held: dict[str, bool] = {}

    def hold(self, word: str) -> bool:
        """Whether the word is one of theirs, or six and more characters of it are a piece of one."""
        word = _folded(word)
        held = self._held.get(word)
        if held is None:
            held = word in self._words or (len(word) >= _SHORTEST_PIECE and word in self._all)
            self._held[word] = held
        return held

    def hold_all_of(self, text: str) -> bool:
        """Whether all words of a text are theirs."""
        return all(self.hold(word) for word in _WORD.findall(text))


def mask(text: str, values: Values, words: Words | None = None) -> str:
    """The text with each of the row's own values as `<field>` and what else looks personal as `<masked>`.

    `values` holds the texts that were sent, each with its field; `words` those of all contacts that the text can
    speak of. Also masked: anything shaped like an e-mail address, any seven or more digits, however a phone
    number's separators part them, and what looks like a token. Values are found in any case, and if they are escaped
    as in URLs, JSON or HTML, whose escapes are taken out. Control characters, terminal sequences and direction marks
    are dropped, white space becomes single blanks, and what is longer than 300 characters is cut, before a value and
    never within one. The time taken grows with the values, not with the text.
    """
    needles = _needles(values.items() if isinstance(values, Mapping) else values)
    longest = max((len(needle) for needle, _ in needles), default=0)
    read = text[: 4 * (_WINDOW + longest)]
    whole = _plain(read)
    end = min(_WINDOW, len(whole) if len(read) == len(text) else max(0, len(whole) - longest))
    pieces = []
    for start, stop, label in _segments(whole, end, needles):
        if label is None:
            piece = whole[start:stop]
            if stop == end < len(whole) or (stop == end and len(read) < len(text)):
                piece = _without_tail(piece)
            pieces.append(_unpersonal(piece, words))
        else:
            pieces.append(label)
    masked = "".join(pieces).strip()
    shortened = end < len(whole) or len(read) < len(text)
    return masked[: LIMIT - 1] + "\u2026" if len(masked) > LIMIT or shortened else masked


def _needles(values: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is looked for, the longest first, and what is to stand in its place."""
    needles: dict[str, str] = {}
    for field, value in values:
        for form in _forms(value):
            # Beyond ASCII a text can be longer in upper case than in lower.
            for cased in (form,) if form.isascii() else (form, form.upper(), form.lower()):
                if len(cased) >= _SHORTEST:
                    needles.setdefault(_folded(cased), f"<{field}>")
    return sorted(needles.items(), key=lambda item: -len(item[0]))


def _segments(text: str, end: int, needles: Sequence[tuple[str, str]]) -> list[tuple[int, int, str | None]]:
    """The text up to `end` in segments: start, end, and the label of those in which a needle was found.

    A needle that begins before `end` is found though it ends after it.
    """
    folded = _folded(text)
    segments: list[tuple[int, int, str | None]] = [(0, end, None)]
    for needle, label in needles:
        if folded.find(needle, 0, end + len(needle)) < 0:
            continue
        cut: list[tuple[int, int, str | None]] = []
        for start, stop, own in segments:
            if own is not None:
                cut.append((start, stop, own))
                continue
            last = min(len(text), end + len(needle) - 1) if stop == end else stop
            for place in _places(folded, needle, start, last):
                cut += (start, place, None), (place, place + len(needle), label)
                start = place + len(needle)
            if start < stop:
                cut.append((start, stop, None))
        segments = cut
    return segments


def _places(text: str, needle: str, start: int, stop: int) -> Iterable[int]:
    """Where the needle stands; a short one counts as a whole word only."""
    whole_words = len(needle) < _SHORTEST_INSIDE_WORDS
    place = text.find(needle, start, stop)
    while place >= 0:
        after = place + len(needle)
        if whole_words and (text[place - 1 : place].isalnum() or text[after : after + 1].isalnum()):
            after = place + 1
        else:
            yield place
        place = text.find(needle, after, stop)


def _unpersonal(text: str, words: Words | None) -> str:
    """A piece without own values, with what looks personal masked, and what holds of the words."""
    text = _ADDRESS.sub(lambda found: _MASKED if "@" in found[0] or "%40" in found[0] else found[0], text)
    text = _LONG_NUMBER.sub(_MASKED, text)
    text = _TOKEN.sub(lambda found: _MASKED if _looks_like_a_token(found[0]) else found[0], text)
    if words is None:
        return text
    masked = _WORD.sub(lambda found: _MASKED if words.hold(found[0]) else found[0], text)
    # The word that stands for all these is not to be masked itself.
    return masked.replace(f"<{_MASKED}>", _MASKED)


def _looks_like_a_token(text: str) -> bool:
    return any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


def _without_tail(text: str) -> str:
    """The text without its last word and number: they may go on where it was cut."""
    end = len(text)
    while end and not text[end - 1].isspace():
        end -= 1
    while end and (text[end - 1].isdigit() or not text[end - 1].isalnum()):
        end -= 1
    return text[:end]


def _forms(value: str) -> Collection[str]:
    """A value as it was sent, and as it looks when escapes are taken out of it too."""
    printable = _printable(value)
    return (printable,) if _ESCAPES.isdisjoint(value) else {printable, _plain(value)}


def _plain(text: str) -> str:
    """A text without escapes and what cannot be printed."""
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text)
    return _printable(text)


def _unescaped(found: re.Match[str]) -> str:
    code, character = found.groups()
    if code is not None:
        return chr(int(code, 16))
    return " " if character in _CONTROLS else str(character)


def _printable(text: str) -> str:
    text = _SPACES.sub(" ", _TERMINAL.sub("", text))
    if not text.isprintable():
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    return unicodedata.normalize("NFC", text).strip()


def _folded(text: str) -> str:
    """The text without the difference of upper and lower case, as long as it was."""
    folded = text.casefold()
    if len(folded) != len(text):
        folded = "".join(each if len(each := c.casefold()) == 1 else c for c in text)
    return folded
