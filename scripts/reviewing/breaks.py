"""Where the generated names and types of two versions of a spec differ, and which code of callers that breaks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import attrs

from .documents import Direction
from .models import Kind, Thing, kind_of
from .verdict import Severity

MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH
REQUEST, REPLY = Direction.REQUEST, Direction.REPLY
DEEPEST = 8


@attrs.frozen
class Break:
    """One line of the models' difference. name: the public name. of: the class or operation that it belongs to."""

    severity: Severity
    name: str
    of: str
    lines: tuple[str, ...]
    meaning: str


def compare(
    old: dict[str, Thing], new: dict[str, Thing], prefix: str, used: dict[str, set[Direction]]
) -> Iterator[Break]:
    """used: by bare name, whether callers write or read it; what nothing reaches is taken as both."""
    gone = [name for name in old if name not in new]
    fresh = [name for name in new if name not in old]
    for name in gone:
        thing = old[name]
        twin = next((each for each in fresh if new[each].shape() == thing.shape()), None)
        lines = [f"- {thing.what} {prefix}{name}"]
        if twin is not None:
            fresh.remove(twin)
            lines.append(f"+ {thing.what} {prefix}{twin}")
        meaning = "renamed: code that imports it breaks" if twin else "gone: code that imports it breaks"
        yield Break(MAJOR, f"{prefix}{name}", bare(name), tuple(lines), meaning)
    for name in fresh:
        # A name for a type is not an addition of its own: what it is used for is judged there.
        severity = PATCH if new[name].what == "type" else MINOR
        yield Break(severity, f"{prefix}{name}", bare(name), (f"+ {new[name].what} {prefix}{name}",), "new")
    types = Types(old, new)
    for name, thing in old.items():
        if name in new:
            ways = {REQUEST} if thing.what == "operation" else used.get(bare(name)) or {REQUEST, REPLY}
            yield from _thing(f"{prefix}{name}", thing, new[name], ways, types)


def bare(name: str) -> str:
    return name.rsplit(".", 1)[-1]


class Types:
    """Judges a type that changed: by what the names in it stand for, before and now."""

    def __init__(self, old: dict[str, Thing], new: dict[str, Thing]) -> None:
        self.old, self.new = _aliases(old), _aliases(new)

    def judged(self, old: Kind, new: Kind, ways: set[Direction]) -> tuple[Severity, str]:
        wider = covers(new, self.new, old, self.old)
        narrower = covers(old, self.old, new, self.new)
        if wider and narrower:
            return PATCH, "the same, written another way"
        if not wider and not narrower:
            return MAJOR, "another type: code that writes or reads it breaks"
        verdicts: list[tuple[Severity, str]] = []
        if REQUEST in ways:
            verdicts.append((MINOR, "takes more") if wider else (MAJOR, "takes less: code that sets it may break"))
        if REPLY in ways:
            verdicts.append(
                (MINOR, "promises more") if narrower else (MAJOR, "may hold more: code that reads it may break")
            )
        return max(verdicts)


def _aliases(things: dict[str, Thing]) -> dict[str, Kind]:
    return {bare(name): thing.returns for name, thing in things.items() if thing.what == "type" and thing.returns}


def _thing(name: str, old: Thing, new: Thing, ways: set[Direction], types: Types) -> Iterator[Break]:
    of = bare(name)
    if old.what != new.what:
        lines = (f"- {old.what} {name}", f"+ {new.what} {name}")
        yield Break(MAJOR, name, of, lines, f"was a {old.what} and is a {new.what} now")
        return
    for field, kind in old.fields.items():
        full = f"{name}.{field}"
        if field not in new.fields:
            yield Break(MAJOR, full, of, (f"- {full}: {kind}",), "gone: code that names it breaks")
        elif kind != new.fields[field]:
            severity, meaning = types.judged(kind, new.fields[field], ways)
            yield Break(severity, full, of, (f"- {full}: {kind}", f"+ {full}: {new.fields[field]}"), meaning)
    for field, kind in new.fields.items():
        if field not in old.fields:
            full = f"{name}.{field}"
            needed = REQUEST in ways and not kind.optional and field != "additional_properties" and "()" not in field
            meaning = "new and required: code that makes one without it breaks" if needed else "new"
            yield Break(MAJOR if needed else MINOR, full, of, (f"+ {full}: {kind}",), meaning)
    if old.returns is not None and new.returns is not None and old.returns != new.returns:
        arrow = " -> " if old.what == "operation" else " = "
        lines = (f"- {name}{arrow}{old.returns}", f"+ {name}{arrow}{new.returns}")
        if old.what == "operation":
            severity, meaning = _answers(old.returns, new.returns)
        else:
            severity, meaning = types.judged(old.returns, new.returns, ways)
        yield Break(severity, name, of, lines, meaning)


def _answers(old: Kind, new: Kind) -> tuple[Severity, str]:
    """What an operation returns. Callers tell several types of replies apart already: one more or less is no break."""
    lost, gained = old.members - new.members - {"Any"}, new.members - old.members
    if lost and gained:
        return MAJOR, "answers with other types"
    return MINOR, "the types of replies to tell apart are more or fewer"


def covers(outer: Kind, outer_names: dict[str, Kind], inner: Kind, inner_names: dict[str, Kind]) -> bool:
    """Whether every value of `inner` is one of `outer`. names: what the names in either stand for."""
    if inner.optional and not outer.optional:
        return False
    taken, held = expanded(outer, outer_names), expanded(inner, inner_names)
    if "Any" in taken:
        return True
    if "float" in taken:
        taken.add("int")
    return all(
        member in taken
        or ("str" in taken and member[:1] in "'\"")
        or ("int" in taken and member.lstrip("-").isdecimal())
        or any(_holds(each, outer_names, member, inner_names) for each in taken)
        for member in held
    )


def expanded(kind: Kind, names: dict[str, Kind]) -> set[str]:
    """The members of a type with names for types replaced by what they stand for."""
    found, waiting = set(), [(member, 0) for member in kind.members]
    while waiting:
        member, depth = waiting.pop()
        if member in names and depth < DEEPEST:
            waiting += [(each, depth + 1) for each in names[member].members]
        else:
            found.add(member)
    return found


def _holds(outer: str, outer_names: dict[str, Kind], inner: str, inner_names: dict[str, Kind]) -> bool:
    """Lists and maps are compared by what they hold."""
    for start in ("list[", "dict[str, "):
        if outer.startswith(start) and inner.startswith(start):
            one, other = (kind_of(ast.parse(each[len(start) : -1], mode="eval").body) for each in (outer, inner))
            return covers(one, outer_names, other, inner_names)
    return False
