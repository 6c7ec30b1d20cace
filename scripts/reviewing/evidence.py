"""Where a spec's facts come from, and which of them rest on something else than before.

A fact is a keyword's value; its evidence is what `x-evidence` says at the nearest node around it, or `x-evidence-of`
beside it (specs/README.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from .documents import Document, Node, label
from .markdown import code, codes
from .schemas import is_annotation, key

RANK = {"inferred": 0, "client-source": 1, "vendor-docs": 2, "seed": 3}
EXAMPLES = "examples"
OURS = frozenset(("operationId", "tags"))
"""What we choose, so that nothing is evidence for it."""


@attrs.frozen
class Fact:
    value: Any
    evidence: str | None


@attrs.frozen
class Shift:
    """One fact whose evidence changed, or a seed fact that did. text: Markdown, safe. weighty: look at it first."""

    pointer: str
    removed: bool
    text: str
    weighty: bool


def facts(document: Document) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for part in ("servers", "paths", "components"):
        if part in document.root:
            found |= dict(_facts(document.root[part], None))
    return found


def _facts(node: Node, evidence: str | None) -> Iterator[tuple[str, Fact]]:
    if isinstance(node.value, dict):
        own = node.value.get("x-evidence")
        evidence = own if isinstance(own, str) else evidence
        beside = node.value.get("x-evidence-of")
        beside = beside if isinstance(beside, dict) else {}
        for name, child in node.items():
            if name == "value" and "/examples/" in node.pointer:
                yield child.pointer, Fact(child.value, evidence)
            elif name not in OURS and (not is_annotation(name) or name == EXAMPLES):
                yield from _facts(child, str(beside[name]) if name in beside else evidence)
    elif isinstance(node.value, list) and any(isinstance(each, dict) for each in node.value):
        for child in node.list():
            yield from _facts(child, evidence)
    else:
        yield node.pointer, Fact(node.value, evidence)


def shifts(old: Document, new: Document) -> list[Shift]:
    before, after = facts(old), facts(new)
    found: list[Shift] = []
    for pointer, fact in before.items():
        if pointer in after:
            found += _shift(pointer, fact, after[pointer])
    gone = _topmost((each for each in before if each not in after and before[each].evidence == "seed"), new)
    for pointer in gone:
        found.append(Shift(pointer, True, f"{code(label(pointer))}: a fact of the seed is gone", True))
    for evidence in ("seed", "vendor-docs", "client-source", "inferred", None):
        fresh = (each for each in after if each not in before and after[each].evidence == evidence)
        for pointer in _topmost(fresh, old):
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


def _topmost(pointers: Any, other: Document) -> list[str]:
    """For facts that the other document lacks, the topmost node that it lacks, each once."""
    found: dict[str, None] = {}
    for pointer in pointers:
        parts = pointer.split("/")
        shortest = next(
            (
                "/".join(parts[:length])
                for length in range(2, len(parts))
                if other.find("/".join(parts[:length])) is None
            ),
            pointer,
        )
        found[shortest] = None
    return list(found)
