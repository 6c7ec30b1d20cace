"""A spec's text, read as JSON values with their lines.

YAML is more than a spec needs. Anchors, aliases, tags, merge keys, directives, several documents and scalars that two
versions of YAML read differently are refused; so are texts beyond the limits, before they can cost anything. PyYAML
hands out events, from which the values are made without recursion and in one pass.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from guarding.refusals import Refusals, shown

MAX_BYTES = 262_144
MAX_DEPTH = 40
MAX_NODES = 30_000
MAX_SCALAR = 16_384
MAX_KEY = 256
MAX_INTEGER = 2**53 - 1

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
YAML_12 = re.compile(
    r"~?|[nN]ull|NULL|[tT]rue|TRUE|[fF]alse|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
"""The plain scalars that YAML 1.2 does not read as text."""
YAML_11_ALSO = frozenset("yYnN=")
"""Plain scalars that YAML 1.1 does not read as text either, though PyYAML does."""


RESOLVER = yaml.SafeLoader("")
TEXT = "tag:yaml.org,2002:str"


def resolved(text: str) -> str:
    """The tag that YAML 1.1 gives to a scalar without quotes."""
    tag: str = RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    return tag


def is_text(text: str) -> bool:
    """Whether every version of YAML takes a scalar without quotes for text."""
    return text == "<<" or (resolved(text) == TEXT and not YAML_12.fullmatch(text) and text not in YAML_11_ALSO)


@dataclass(slots=True)
class Place:
    """The line of a value, and the places of what stands inside it."""

    line: int
    inside: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec as plain JSON values: dict, list, str, int, float, bool, None."""

    name: str
    document: dict[str, Any]
    place: Place

    def line_of(self, pointer: str) -> int:
        """The line on which the value at a JSON pointer (`/paths/~1contacts/post`, with or without a `#` before it)
        begins: that of its key, or of the item in a list. Of what is not there, the line of the nearest value around
        it."""
        place = self.place
        for token in pointer.removeprefix("#").split("/")[1:]:
            inner = place.inside.get(token.replace("~1", "/").replace("~0", "~"))
            if inner is None:
                break
            place = inner
        return place.line


def read_text(path: Path, refusals: Refusals) -> str:
    """The text of a file: small, a file of its own, UTF-8, and without characters that cannot be seen."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise refusals.stop(1, "not a file of its own", "the spec itself in place of a link")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise refusals.stop(1, f"larger than {MAX_BYTES} bytes", "two specs, one for each service")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refusals.stop(line, f"byte {data[error.start]:#04x} is not UTF-8", "the text in UTF-8") from None
    for number, line_text in enumerate(text.split("\n"), 1):
        if wrong := invisible(line_text.replace("\t", " ")):
            raise refusals.stop(number, f"holds {wrong}", "the text without it; lines end with a line feed alone")
    return text


def invisible(text: str) -> str | None:
    """The first character that a reader of the file would not see, or would see in another place, by its name."""
    if text.isascii() and text.isprintable():
        return None
    for character in text:
        code = ord(character)
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") or code & 0xFFFE == 0xFFFE:
            return f"U+{code:04X} {unicodedata.name(character, 'a control character')}"
    return None


def parse(text: str, name: str, refusals: Refusals) -> Spec:
    """Make the values of a YAML text. Adds to `refusals`; raises Refused where it cannot go on."""
    building = Building(refusals)
    line = 1
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1
            building.take(event, line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        wrong = f"not YAML: {shown(error.problem or error.context or '')[1:-1]}"
        raise refusals.stop(mark.line + 1 if mark else line, wrong, "a text that a YAML parser takes") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        wrong = f"not YAML: {shown(str(error))[1:-1]}"
        raise refusals.stop(line, wrong, "a text that a YAML parser takes") from None
    document = building.result
    if not isinstance(document, dict):
        raise refusals.stop(1, "not a mapping", "a mapping with openapi, info and paths")
    return Spec(name, document, building.place)


@dataclass(slots=True)
class Open:
    """A list or mapping whose end has not come yet."""

    values: list[Any] | dict[str, Any]
    place: Place
    is_key: bool = False
    key: str | None = None
    column: int = 0
    """Where its members begin; what braces hold has to stand farther right than what they stand in."""
    braces: bool = False


@dataclass(slots=True)
class Building:
    """Puts values together as the events of a YAML text come in."""

    refusals: Refusals
    result: Any = None
    place: Place = field(default_factory=lambda: Place(1))
    open: list[Open] = field(default_factory=list)
    nodes: int = 0
    documents: int = 0

    def take(self, event: yaml.Event, line: int) -> None:
        self.indentation(event, line)
        if isinstance(event, yaml.DocumentStartEvent):
            self.start_document(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self.open.pop()
            if closed.is_key:
                self.open[-1].key = f"a key that is no text on line {closed.place.line}"
        elif isinstance(event, yaml.NodeEvent):
            self.node(event, line)

    def indentation(self, event: yaml.Event, line: int) -> None:
        """PyYAML takes what stands in braces or brackets at any column, other parsers only inside the block."""
        if not self.open or not self.open[-1].braces or event.start_mark.line + 1 == self.open[-1].place.line:
            return
        if event.start_mark.column <= self.open[-1].column:
            wrong = "a line inside braces or brackets that is not indented: not every YAML parser takes it"
            self.refusals.add(line, wrong, "the line indented farther than the block in which the brace opens")

    def start_document(self, event: yaml.DocumentStartEvent, line: int) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self.refusals.stop(line, "a second YAML document", "one document in a file")
        if event.version or event.tags:
            self.refusals.add(line, "a YAML directive", "the document without it")

    def node(self, event: yaml.NodeEvent, line: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refusals.stop(line, f"more than {MAX_NODES} values", "two specs, one for each service")
        if event.anchor is not None:
            kind = "alias" if isinstance(event, yaml.AliasEvent) else "anchor"
            self.refusals.add(line, f"{kind} {shown(event.anchor)}", 'the value itself, or a $ref: "#/components/..."')
        if getattr(event, "tag", None) is not None:
            self.refusals.add(line, f"the tag {shown(event.tag)}", "the value alone, in quotes where it is text")
        parent = self.open[-1] if self.open else None
        is_key = parent is not None and isinstance(parent.values, dict) and parent.key is None
        if isinstance(event, yaml.CollectionStartEvent):
            if is_key:
                self.refusals.add(line, "a key that is a list or mapping", "a text as the key")
            self.start(event, parent, is_key, line)
        elif is_key:
            assert parent is not None
            parent.key = self.key(event, line)
        else:
            self.add(self.value(event, line), Place(line))

    def start(self, event: yaml.CollectionStartEvent, parent: Open | None, is_key: bool, line: int) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise self.refusals.stop(line, f"nested deeper than {MAX_DEPTH}", "a named schema and a $ref to it")
        values: list[Any] | dict[str, Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        place = Place(line)
        if not is_key:
            self.add(values, place)
        outside = self.open[-1] if self.open else Open([], place, column=-1)
        braces = bool(event.flow_style)
        column = outside.column if braces else event.start_mark.column
        self.open.append(Open(values, place, is_key, column=column, braces=braces))

    def add(self, value: Any, place: Place) -> None:
        """Put a value where it belongs."""
        if not self.open:
            self.result, self.place = value, place
            return
        parent = self.open[-1]
        if isinstance(parent.values, list):
            parent.place.inside[str(len(parent.values))] = place
            parent.values.append(value)
        else:
            assert parent.key is not None
            # The line of a member is that of its key, which the key has left behind.
            place.line = parent.place.inside.setdefault(parent.key, place).line
            parent.place.inside[parent.key] = place
            parent.values[parent.key] = value
            parent.key = None

    def key(self, event: yaml.NodeEvent, line: int) -> str:
        value = event.value if isinstance(event, yaml.ScalarEvent) else f"an alias on line {line}"
        if wrong := invisible(value):
            self.refusals.add(line, f"a key that holds {wrong}", "the key without it")
        if isinstance(event, yaml.ScalarEvent) and event.style is None and not is_text(value):
            wrong = f"the key {shown(value)} without quotes is not a text in every YAML"
            self.refusals.add(line, wrong, f'"{shown(value)[1:-1]}"')
        if len(value) > MAX_KEY:
            raise self.refusals.stop(line, f"a key longer than {MAX_KEY} characters", "a name, not a text")
        if value == "<<":
            self.refusals.add(line, "a merge key", "the members themselves, or a $ref to a named schema")
        inside = self.open[-1].place.inside
        if value in inside:
            first = inside[value].line
            wrong = f"the key {shown(value)} stands twice, first on line {first}"
            self.refusals.add(line, wrong, "one of the two")
        inside[value] = Place(line)
        return value

    def value(self, event: yaml.NodeEvent, line: int) -> Any:
        if not isinstance(event, yaml.ScalarEvent):
            return None
        text: str = event.value
        if len(text) > MAX_SCALAR:
            raise self.refusals.stop(line, f"a text longer than {MAX_SCALAR} characters", "a shorter one")
        if wrong := invisible(text.replace("\n", " ").replace("\t", " ")):
            self.refusals.add(line, f"a text that holds {wrong}", "the text without it")
        if event.style is not None or event.tag is not None:
            return text
        return self.plain(text, line)

    def plain(self, text: str, line: int) -> Any:
        """A scalar without quotes. What some version of YAML takes for more than text has to be JSON as it stands."""
        if is_text(text):
            return text
        if text in ("null", "true", "false"):
            return {"null": None, "true": True, "false": False}[text]
        if JSON_NUMBER.fullmatch(text) and resolved(text) != TEXT:
            return self.number(text, line)
        if not text:
            self.refusals.add(line, "a key without a value", '"", {} or null, or no key')
        else:
            wrong = f"{shown(text)} without quotes is not the same in every YAML"
            self.refusals.add(
                line, wrong, f'"{shown(text)[1:-1]}" where it is text, or true, false, null, a JSON number'
            )
        return None

    def number(self, text: str, line: int) -> int | float:
        if re.fullmatch(r"-?[0-9]+", text) and len(text) < 20 and abs(int(text)) <= MAX_INTEGER:
            return int(text)
        value = float(text)
        if value.is_integer() and abs(value) > MAX_INTEGER:
            self.refusals.add(
                line, f"the number {shown(text)[1:-1]}", f"one of at most {MAX_INTEGER}, or a text in quotes"
            )
        elif value in (float("inf"), float("-inf")):
            self.refusals.add(line, f"the number {shown(text)[1:-1]}", "a finite one")
        return value
