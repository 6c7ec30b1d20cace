"""Where a spec's facts come from, and which of them rest on something else than before.

A fact is a keyword's value; its evidence is what `x-evidence` says at the nearest node around it, or `x-evidence-of`
beside it (specs/README.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from .documents import Document, Node, escaped, label
from .markdown import code, codes
from .reply_codes import KEYWORD as REPLY_CODES
from .schemas import is_annotation, key

RANK = {"inferred": 0, "client-source": 1, "vendor-docs": 2, "seed": 3}
PARTS = ("servers", "paths", "webhooks", "components", REPLY_CODES)
EXAMPLES = "examples"
OURS = frozenset(("operationId", "tags"))
"""What we choose, so that nothing is evidence for it."""


Way = dict[str, tuple[str, str | None]]


@attrs.frozen
class Fact:
    """way: the pointers of what the fact stands in, from the top, and its own, by the names that both sides know; with
    the evidence that holds there."""

    value: Any
    evidence: str | None
    way: Way

    @property
    def pointer(self) -> str:
        return list(self.way.values())[-1][0]


@attrs.frozen
class Shift:
    """One fact whose evidence changed, or a seed fact that did. text: Markdown, safe. weighty: look at it first."""

    pointer: str
    removed: bool
    text: str
    weighty: bool


def facts(document: Document) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for part in PARTS:
        if part in document.root:
            found |= dict(_facts(document, document.root[part], None, {f"/{part}": (f"/{part}", None)}))
    return found


def _facts(document: Document, node: Node, evidence: str | None, way: Way) -> Iterator[tuple[str, Fact]]:
    """The facts by their place, in which an item of a list has its name: one that is put before it changes nothing."""
    here = list(way)[-1]

    own = node.get("x-evidence")
    evidence = own if isinstance(own, str) else evidence
    way = {**way, here: (node.pointer, evidence)}

    def within(child: Node, name: str) -> Way:
        return {**way, f"{here}/{escaped(name)}": (child.pointer, evidence)}

    if isinstance(node.value, dict):
        beside = node.value.get("x-evidence-of")
        beside = beside if isinstance(beside, dict) else {}
        for name, child in node.items():
            deeper = within(child, name)
            if name == "value" and "/examples/" in node.pointer:
                yield list(deeper)[-1], Fact(child.value, evidence, deeper)
            elif name not in OURS and (not is_annotation(name) or name == EXAMPLES):
                yield from _facts(document, child, str(beside[name]) if name in beside else evidence, deeper)
    elif isinstance(node.value, list) and any(isinstance(each, dict) for each in node.value):
        for index, child in enumerate(node.list()):
            yield from _facts(document, child, evidence, within(child, _name(document, child, index)))
    else:
        yield here, Fact(node.value, evidence, way)


def _name(document: Document, item: Node, index: int) -> str:
    """What an item of a list is known by: a parameter or a reply code by its name, another by its number."""
    value = document.follow(item)
    if "in" in value and "name" in value:
        return f"{value.get('in')} {value.get('name')}"
    return str(value.get("name", index))


def shifts(old: Document, new: Document) -> list[Shift]:
    before, after = facts(old), facts(new)
    found: list[Shift] = []
    for place, fact in before.items():
        if place in after:
            found += _shift(after[place].pointer, fact, after[place])
    gone = [fact for place, fact in before.items() if place not in after and fact.evidence == "seed"]
    for pointer in _topmost(gone, after):
        found.append(Shift(pointer, True, f"{code(label(pointer))}: a fact of the seed is gone", True))
    for evidence in ("seed", "vendor-docs", "client-source", "inferred", None):
        fresh = [fact for place, fact in after.items() if place not in before and fact.evidence == evidence]
        for pointer in _topmost(fresh, before):
            found.append(
                Shift(pointer, False, f"{code(label(pointer))}: {_added(evidence)}", evidence in (None, "seed"))
            )
    return found


def _added(evidence: str | None) -> str:
    if evidence == "inferred":
        return "an inference is added: nobody says it"
    if evidence == "seed":
        return "a new fact claims the seed: compare it with the page"
    if evidence is None:
        return "a new fact without evidence: give it `x-evidence`"
    return f"a new fact from {code(evidence)}"


def _shift(pointer: str, old: Fact, new: Fact) -> Iterator[Shift]:
    name = code(label(pointer))
    changed = key(old.value) != key(new.value)
    if changed and old.evidence == "seed":
        now = "and still claims the seed" if new.evidence == "seed" else f"by {code(new.evidence)}"
        text = f"{name}: a fact of the seed is overridden, {_overridden(old.value, new.value)}, {now}"
        yield Shift(pointer, False, text, True)
    elif old.evidence != new.evidence:
        weaker = RANK.get(str(new.evidence), -1) < RANK.get(str(old.evidence), -1)
        how = "weaker" if weaker else "stronger"
        text = f"{name}: rests on {code(new.evidence)} now, on {code(old.evidence)} before ({how})"
        yield Shift(pointer, False, text, weaker or new.evidence == "seed")


def _overridden(old: Any, new: Any) -> str:
    if isinstance(old, list) and isinstance(new, list):
        lost, gained = [each for each in old if each not in new], [each for each in new if each not in old]
        parts = [f"without {codes(lost)}"] * bool(lost) + [f"with {codes(gained)}"] * bool(gained)
        return " and ".join(parts) or "in another order"
    return f"{code(old)} by {code(new)}"


def _topmost(lacking: list[Fact], other: dict[str, Fact]) -> list[str]:
    """For facts that the other document lacks, the topmost node of their evidence that it lacks, each once."""
    there = {place for fact in other.values() for place in fact.way}
    tops = (
        next((pointer for place, (pointer, evidence) in fact.way.items()
              if place not in there and evidence == fact.evidence), fact.pointer)
        for fact in lacking
    )  # fmt: skip
    return list(dict.fromkeys(tops))
