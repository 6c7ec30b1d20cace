"""Goes through a spec object by object, and refuses what no generator would read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from guarding.reading import Place, Spec
from guarding.refusals import Refusals, shown
from guarding.shapes import ALLOWANCE, ALLOWED, EXTENSIONS, FITS, LOSES, SECTIONS, SHAPES, TYPES

MIN_REASON = 10
MARKUP = re.compile(r"<[A-Za-z/!?]|\{%")
"""What the rendered page would take for HTML, or for a tag of its own."""
PROSE = frozenset({"description", "summary", "title"})
HOLDS_PROSE = frozenset({"contact", "flows", "license", "variables"})


@dataclass(frozen=True, slots=True)
class Node:
    """An object of a spec: its kind, its members, and where it stands."""

    kind: str
    value: dict[str, Any]
    place: Place
    name: str = ""
    named: bool = False
    """Whether it stands in `components`, under `name`."""

    def line(self, *keys: str) -> int:
        place = self.place
        for key in keys:
            place = place.inside.get(key, place)
        return place.line

    def get(self, key: str, kind: type[Any]) -> Any:
        """The member, or an empty value of its type where it is not there or of another."""
        value = self.value.get(key)
        return value if isinstance(value, kind) else kind()


@dataclass(slots=True)
class Walker:
    """Yields every object of a spec that is what it should be; what is not is refused and left."""

    spec: Spec
    refusals: Refusals
    lost: dict[str, int]
    """The allowed constructs that were met, with their lines."""

    def object(self, kind: str, value: Any, place: Place, name: str = "", named: bool = False) -> Iterator[Node]:
        if not isinstance(value, dict):
            wrong = f"{_article(kind)} that is no mapping"
            instead = (
                "{} for any value, additionalProperties: false, or no such member" if kind == "schema" else "a mapping"
            )
            self.refusals.add(place.line, wrong, instead)
            return
        if kind == "callback":
            yield from self.members("{path}", value, place, named=False)
            return
        node = Node(kind, value, place, name, named)
        if "$ref" in value and kind in SECTIONS:
            self.reference(node)
            yield node
            return
        yield node
        shape = SHAPES[kind]
        for key, inner in value.items():
            if key in EXTENSIONS:
                continue
            if key not in shape:
                self.refuse(node, key)
                continue
            if key in ALLOWED:
                self.lost.setdefault(key, node.line(key))
            self.check_type(node, key)
            if key in PROSE or key in HOLDS_PROSE:
                self.prose(inner, place.inside[key])
            if inner is False and key == "additionalProperties":
                continue
            yield from self.members(shape[key], inner, place.inside[key], named=kind == "components")

    def members(self, kind: str, value: Any, place: Place, *, named: bool) -> Iterator[Node]:
        if not kind:
            self.data(value, place)
            return
        inner = kind.strip("[]{}")
        if kind == inner:
            yield from self.object(inner, value, place)
        elif not isinstance(value, dict if kind[0] == "{" else list):
            what = "a mapping of names" if kind[0] == "{" else "a list"
            self.refusals.add(place.line, "a value of another type", what)
        elif isinstance(value, dict):
            for key, each in value.items():
                yield from self.object(inner, each, place.inside[key], key, named)
        else:
            for number, each in enumerate(value):
                yield from self.object(inner, each, place.inside[str(number)])

    def data(self, value: Any, place: Place) -> None:
        """A tool that resolves every `$ref` would follow one in an example too."""
        if isinstance(value, dict):
            if "$ref" in value:
                self.refusals.add(place.inside["$ref"].line, "a $ref inside a value", "a value without one")
            for key, inner in value.items():
                self.data(inner, place.inside[key])
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                self.data(inner, place.inside[str(number)])

    def prose(self, value: Any, place: Place) -> None:
        """A description is rendered in a browser as it stands, HTML included."""
        if isinstance(value, str) and (found := MARKUP.search(value)):
            part = shown(value[found.start() : found.start() + 20])
            self.refusals.add(place.line, f"a text with HTML in it: {part}", "Markdown, and < only before a space")
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.prose(inner, place.inside[key])

    def check_type(self, node: Node, key: str) -> None:
        value = node.value[key]
        if key == "required" and node.kind in ("schema", "assertion"):
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                self.refusals.add(node.line(key), "required that is no list of texts", "a list of names of properties")
        elif key in TYPES and type(value) not in FITS[TYPES[key]]:
            self.refusals.add(node.line(key), f"a value of {key} that is not {TYPES[key]}", TYPES[key])
        elif (TYPES.get(key) == "a whole number" and value < 0) or (key == "multipleOf" and value <= 0):
            self.refusals.add(node.line(key), f"a value of {key} that nothing can have", "a positive one")

    def refuse(self, node: Node, key: str) -> None:
        instead = LOSES.get(node.kind, {}).get(key)
        if instead is not None:
            wrong = f"{key} in {_article(node.kind)} is lost or misread by the generators"
        else:
            wrong = f"{_article(node.kind)} has no member {shown(key)} that the generators know"
            instead = "one of " + ", ".join(each for each in SHAPES[node.kind])
        self.refusals.add(node.line(key), wrong, instead)

    def reference(self, node: Node) -> None:
        section = SECTIONS[node.kind]
        known = self.spec.document.get("components")
        names = known.get(section) if isinstance(known, dict) else None
        names = sorted(names) if isinstance(names, dict) else []
        target = node.value["$ref"]
        line = node.line("$ref")
        name = target.removeprefix(f"#/components/{section}/") if isinstance(target, str) else ""
        if not isinstance(target, str) or not target.startswith("#"):
            wrong = f"the $ref {shown(str(target))} leads out of this document"
            self.refusals.add(line, wrong, f"a $ref to #/components/{section}/ and a name there")
        elif name not in names:
            wrong = f"the $ref {shown(target)} leads to nothing under components/{section}"
            self.refusals.add(
                line, wrong, f"#/components/{section}/ and one of: {', '.join(names[:20]) or '(none yet)'}"
            )
        if node.named and section != "schemas":
            self.refusals.add(line, f"{_article(node.kind)} under components that is only a $ref", "the thing itself")
        for key in node.value.keys() - EXTENSIONS - {"$ref", "description"}:
            wrong = f"{shown(key)} beside a $ref is lost"
            self.refusals.add(node.line(key), wrong, "a schema of its own that has all of it")


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def walk(spec: Spec, refusals: Refusals) -> list[Node]:
    """Every object of a spec, the document first. Refuses members that the generators do not read."""
    walker = Walker(spec, refusals, {})
    nodes = list(walker.object("document", spec.document, spec.place))
    _allowances(nodes[0], walker.lost, refusals.add)
    return nodes


def _allowances(document: Node, lost: dict[str, int], refuse: Callable[[int, str, str], None]) -> None:
    allowed = document.get(ALLOWANCE, dict)
    for key, line in lost.items():
        if key not in allowed:
            instead = f"{ALLOWANCE}: {{{key}: who reads them in the generators' place}} at the top, or no {key}"
            refuse(line, f"{key} are read by no generator", instead)
    for key, reason in allowed.items():
        line = document.line(ALLOWANCE, key)
        if key not in lost:
            refuse(line, f"{ALLOWANCE} speaks of {shown(key)}, which is not used or not lost", "no such entry")
        elif not isinstance(reason, str) or len(reason) < MIN_REASON:
            refuse(line, f"{ALLOWANCE} has no reason for {key}", "who reads them in the generators' place")
    if ALLOWANCE in document.value and not allowed:
        refuse(document.line(ALLOWANCE), f"{ALLOWANCE} allows nothing", "a mapping, or no such member")
