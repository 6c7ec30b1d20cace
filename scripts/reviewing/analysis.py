"""One spec of a review: everything that is found of it, and the verdict that follows."""

from __future__ import annotations

import attrs

from spec_guard import Spec

from .breaks import Break, compare
from .changes import wire_changes
from .documents import Document, tokens
from .evidence import Shift
from .freshness import stale_files
from .generation import Failed, Generator
from .golden import Broken
from .markdown import code
from .models import client_things, directions, wire_things
from .redocly import Finding, Rated
from .verdict import Change, Severity
from .versions import VersionVerdict

JUDGED = frozenset(
    (
        "Header", "HeadersMap", "MediaType", "MediaTypesMap", "Operation", "Parameter", "ParameterList", "PathItem",
        "Paths", "RequestBody", "Response", "Responses", "Schema", "SchemaList", "SchemaMap", "SchemaProperties",
        "SecurityRequirement", "SecurityRequirementList", "SecurityScheme", "Server", "ServerList", "ServerVariable",
    )
)  # fmt: skip
"""What `changes` judges whole, as Redocly calls it: where it finds no difference there, there is none in meaning."""


@attrs.define
class Review:
    """state: `changed`, `unchanged`, `new`, `removed` or `refused`. Texts are Markdown, and safe."""

    name: str
    state: str
    changes: list[Change] = attrs.field(factory=list)
    breaks: list[Break] = attrs.field(factory=list)
    findings: list[Finding] = attrs.field(factory=list)
    shifts: list[tuple[Shift, int]] = attrs.field(factory=list)
    broken: list[Broken] = attrs.field(factory=list)
    stale: list[str] | None = None
    """None where it cannot be told."""
    disagreements: list[str] = attrs.field(factory=list)
    version: VersionVerdict | None = None
    wrong: list[str] = attrs.field(factory=list)
    """What must be mended before the change may pass."""
    missing: list[str] = attrs.field(factory=list)
    """What should be done besides."""

    def severities(self) -> dict[str, Severity]:
        """How grave the change is, by who says so: the wire, the typed library, recorded messages."""
        none = Severity.NONE
        recorded = (Severity.MAJOR if each.recorded.value["valid"] else Severity.MINOR for each in self.broken)
        return {
            "wire": max((each.severity for each in self.changes if each.by != "models"), default=none),
            "typed library": max((each.severity for each in self.breaks), default=none),
            "recorded messages": max(recorded, default=none),
        }

    @property
    def severity(self) -> Severity:
        """A new spec is an addition, a removed one a break, whatever they hold."""
        if self.state in ("new", "removed"):
            return Severity.MINOR if self.state == "new" else Severity.MAJOR
        return max(self.severities().values())

    def because(self) -> str:
        """The severity, and which verdict it is."""
        highest = self.severity
        if self.state in ("new", "removed"):
            return f"**{highest}** ({self.state})"
        if highest is Severity.NONE:
            return "no change"
        sides = [side for side, severity in self.severities().items() if severity is highest]
        return f"**{highest}** ({', '.join(sides)})" if highest > Severity.PATCH else f"**{highest}**"


def described(old: Spec, new: Spec, rated: list[Rated]) -> tuple[list[Change], list[str]]:
    """Our changes with their lines, then those that only Redocly names; and where its verdict differs from ours."""
    changes = wire_changes(Document(old.document), Document(new.document))
    told = any(change.severity > Severity.PATCH for change in changes)
    meaning = "what it means is in the other rows" if told else "nothing is sent, accepted or read otherwise"
    disagreements = []
    for each in rated:
        pointers = [pointer for pointer in (each.old, each.new) if pointer]
        if any(pointer.startswith("/info/version") for pointer in pointers) or _grouped(each):
            continue
        ours = [change for change in changes if change.by == "wire" and _meets(change.pointer, pointers)]
        exact = [change for change in ours if change.pointer in pointers] or ours
        if not ours:
            severity = Severity.PATCH if each.kind in JUDGED else each.severity
            pointer, gone = pointers[-1] if pointers else "", each.new is None
            text = f"{each.message}: {meaning}" if each.kind in JUDGED else each.message
            changes.append(Change(severity, pointer, gone, text, by="Redocly"))
            if differs(severity, each.severity):
                disagreements.append(f"Redocly: {each.severity} ({each.message}). Here: **{severity}**: {meaning}")
        elif differs(max(change.severity for change in exact), each.severity):
            worst = max(exact, key=lambda change: change.severity)
            text = f"Redocly: {each.severity} ({each.message}). Here: **{worst.severity}**: {worst.text}"
            disagreements.append(text)
    placed = [attrs.evolve(change, line=(old if change.removed else new).line_of(change.pointer)) for change in changes]
    placed.sort(key=lambda change: (-change.severity, change.line))
    return list(dict.fromkeys(placed)), list(dict.fromkeys(disagreements))


def _grouped(each: Rated) -> bool:
    """What is new and has a name, and changes no call by itself: `changes` tells all of one kind in one row."""
    parts = tokens(each.new or "")
    return each.old is None and (
        (parts[:1] == ["components"] and len(parts) == 3) or (len(parts) > 2 and parts[-2] in ("examples", "links"))
    )


def holdings(spec: Spec) -> list[Change]:
    """What a new spec holds, as changes of one that holds nothing; what is shared by its operations is not listed."""
    empty: dict[str, object] = {"info": spec.document.get("info", {})}
    found = [
        change for change in wire_changes(Document(empty), Document(spec.document)) if change.severity > Severity.PATCH
    ]
    return [attrs.evolve(change, line=spec.line_of(change.pointer)) for change in found]


def differs(ours: Severity, theirs: Severity) -> bool:
    """Whether two verdicts differ in what matters. Redocly calls patch what takes more and promises more, always."""
    return ours is not theirs and Severity.MAJOR in (ours, theirs)


def _meets(pointer: str, others: list[str]) -> bool:
    return any(
        pointer == other or pointer.startswith(f"{other}/") or other.startswith(f"{pointer}/") for other in others
    )


def model_breaks(old: Spec, old_content: bytes, new: Spec, new_content: bytes, generator: Generator) -> list[Break]:
    """What changes in the generated names and types. Raises Failed where the generators cannot make them."""
    before, after = generator.make(old, old_content), generator.make(new, new_content)
    name = new.name
    clients = [client_things(folder / "clients" / name) for folder in (before, after)]
    wires = [wire_things(folder / "wire" / f"{name}.py") for folder in (before, after)]
    used = directions(clients[0])  # A change can only break what was used before.
    found = [*compare(clients[0], clients[1], f"clients.{name}.", used)]
    used |= directions(wires[0], used)
    found += compare(wires[0], wires[1], f"wire.{name}.", used)
    return found


def check_generated(review: Review, new: Spec, content: bytes, tree: object, generator: Generator) -> None:
    try:
        made = generator.make(new, content)
    except Failed as failure:
        review.wrong.append(f"the generators cannot make it: {code(failure, 300)}")
        return
    review.stale = stale_files(tree, new.name, made)  # type: ignore[arg-type]
    if review.stale:
        review.wrong.append(
            f"`generated/` is stale ({len(review.stale)} files): run `make generate` and commit what it writes"
        )
