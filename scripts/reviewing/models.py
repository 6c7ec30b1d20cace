"""What a change does to the generated library: its names and its types, read with `ast` and never run.

The attrs client and the msgspec records of a spec are compared name by name. Whether a wider or a narrower type breaks
callers depends on whether they write it or read it, which the generated functions tell: what their parameters reach is
written, what they return is read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from .documents import Direction
from .verdict import Severity

UNSET = frozenset(("Unset", "UnsetType"))
MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH
REQUEST, REPLY = Direction.REQUEST, Direction.REPLY
VARIANTS = ("sync", "sync_detailed", "asyncio", "asyncio_detailed")


@attrs.frozen
class Kind:
    """A type as the members of a union, each written out; `optional` if it may be left unset."""

    members: frozenset[str]
    optional: bool = False

    def __str__(self) -> str:
        return " | ".join([*sorted(self.members), *(["Unset"] if self.optional else [])])


@attrs.frozen
class Thing:
    """A public name: a class with its fields, a type, or an operation with its parameters and what it returns."""

    what: str
    fields: dict[str, Kind] = attrs.field(factory=dict)
    returns: Kind | None = None

    def shape(self) -> tuple[object, ...]:
        fields = tuple((name, str(kind)) for name, kind in sorted(self.fields.items()))
        return self.what, fields, str(self.returns)


@attrs.frozen
class Break:
    """One line of the models' difference. name: the public name. of: the class or operation that it belongs to."""

    severity: Severity
    name: str
    of: str
    lines: tuple[str, ...]
    meaning: str


def kind_of(annotation: ast.expr | None) -> Kind:
    members: set[str] = set()
    for member in _members(annotation):
        if isinstance(member, ast.Subscript) and _name(member.value) == "Literal":
            values = member.slice.elts if isinstance(member.slice, ast.Tuple) else [member.slice]
            members |= {ast.unparse(value) for value in values}
        else:
            members.add(_text(member))
    return Kind(frozenset(members - UNSET), bool(members & UNSET))


def _members(node: ast.expr | None) -> Iterator[ast.expr]:
    if node is None:
        yield ast.Name("Any")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _members(ast.parse(node.value, mode="eval").body)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _members(node.left)
        yield from _members(node.right)
    elif isinstance(node, ast.Subscript) and _name(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
        yield from _members(node.slice.elts[0])
    elif isinstance(node, ast.Subscript) and _name(node.value) in ("Union", "Optional"):
        for part in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            yield from _members(part)
    else:
        yield node


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return f"{_name(node.value)}[{', '.join(str(kind_of(part)) for part in parts)}]"
    return ast.unparse(node)


def client_things(package: Path) -> dict[str, Thing]:
    found: dict[str, Thing] = {}
    for path in sorted((package / "models").glob("*.py")):
        if path.name != "__init__.py":
            found |= {f"models.{name}": thing for name, thing in _module(path).items()}
    for path in sorted((package / "api").glob("*/*.py")):
        if path.name != "__init__.py":
            name = f"api.{path.parent.name}.{path.stem}"
            found[name] = _operation(ast.parse(path.read_text(encoding="utf-8")))
    return found


def wire_things(module: Path) -> dict[str, Thing]:
    return _module(module)


def _module(path: Path) -> dict[str, Thing]:
    found: dict[str, Thing] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            fields = {
                part.target.id: kind_of(part.annotation)
                for part in node.body
                if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            }
            if fields or not any(_name(base).endswith("TypeVar") for base in node.bases):
                found[node.name] = Thing("class", fields)
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and _name(node.annotation) == "TypeAlias"
        ):
            found[node.target.id] = Thing("type", returns=kind_of(node.value))
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Subscript)
            and _name(node.value.value) == "Literal"
        ):
            found[node.targets[0].id] = Thing("type", returns=kind_of(node.value))
    return found


def _operation(tree: ast.Module) -> Thing:
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in VARIANTS
    }
    fields: dict[str, Kind] = {}
    returns = None
    detailed = functions.get("sync_detailed")
    if detailed is not None:
        arguments = [*detailed.args.posonlyargs, *detailed.args.args, *detailed.args.kwonlyargs]
        defaults = len(detailed.args.defaults)
        positional = len(arguments) - len(detailed.args.kwonlyargs)
        given = [False] * (positional - defaults) + [True] * defaults
        given += [default is not None for default in detailed.args.kw_defaults]
        for argument, optional in zip(arguments, given, strict=True):
            kind = kind_of(argument.annotation)
            fields[argument.arg] = attrs.evolve(kind, optional=kind.optional or optional)
        if isinstance(detailed.returns, ast.Subscript):
            returns = kind_of(detailed.returns.slice)
    names = sorted(name for name in functions if name not in ("sync_detailed", "asyncio_detailed"))
    for name in names:
        fields[f"{name}()"] = Kind(frozenset(("function",)))
    return Thing("operation", fields, returns)


def directions(things: dict[str, Thing]) -> dict[str, set[Direction]]:
    """By the bare name of each model, whether callers write it or read it."""
    by_name = {name.rsplit(".", 1)[-1]: thing for name, thing in things.items() if thing.what != "operation"}
    found: dict[str, set[Direction]] = {name: set() for name in by_name}

    def mark(kinds: Iterable[Kind], direction: Direction) -> None:
        waiting = list(kinds)
        while waiting:
            kind = waiting.pop()
            for name in {word for member in kind.members for word in re.findall(r"\w+", member)} & by_name.keys():
                if direction not in found[name]:
                    found[name].add(direction)
                    thing = by_name[name]
                    waiting += [*thing.fields.values(), *([thing.returns] if thing.returns else [])]

    for thing in things.values():
        if thing.what == "operation":
            mark(thing.fields.values(), REQUEST)
            mark([thing.returns] if thing.returns else [], REPLY)
    return found


def compare(
    old: dict[str, Thing], new: dict[str, Thing], prefix: str, used: dict[str, set[Direction]]
) -> Iterator[Break]:
    """used: by bare name, from the clients of both; what nothing reaches is taken as both written and read."""
    gone = [name for name in old if name not in new]
    fresh = [name for name in new if name not in old]
    for name in gone:
        thing = old[name]
        bare = name.rsplit(".", 1)[-1]
        twin = next((each for each in fresh if new[each].shape() == thing.shape()), None)
        lines = [f"- {thing.what} {prefix}{name}"]
        if twin is not None:
            fresh.remove(twin)
            lines.append(f"+ {thing.what} {prefix}{twin}")
        meaning = "renamed: code that imports it breaks" if twin else "gone: code that imports it breaks"
        yield Break(MAJOR, f"{prefix}{name}", bare, tuple(lines), meaning)
    for name in fresh:
        line = f"+ {new[name].what} {prefix}{name}"
        yield Break(MINOR, f"{prefix}{name}", name.rsplit(".", 1)[-1], (line,), "new")
    for name, thing in old.items():
        if name in new:
            bare = name.rsplit(".", 1)[-1]
            ways = used.get(bare) or {REQUEST, REPLY}
            yield from _thing(f"{prefix}{name}", bare, thing, new[name], ways)


def _thing(name: str, bare: str, old: Thing, new: Thing, ways: set[Direction]) -> Iterator[Break]:
    if old.what != new.what:
        lines = (f"- {old.what} {name}", f"+ {new.what} {name}")
        yield Break(MAJOR, name, bare, lines, f"was a {old.what} and is a {new.what} now")
        return
    written = {REQUEST} if old.what == "operation" else ways
    for field, kind in old.fields.items():
        full = f"{name}.{field}"
        if field not in new.fields:
            yield Break(MAJOR, full, bare, (f"- {full}: {kind}",), "gone: code that names it breaks")
        elif kind != new.fields[field]:
            severity, meaning = _judged(kind, new.fields[field], written)
            yield Break(severity, full, bare, (f"- {full}: {kind}", f"+ {full}: {new.fields[field]}"), meaning)
    for field, kind in new.fields.items():
        if field not in old.fields:
            full = f"{name}.{field}"
            needed = REQUEST in written and not kind.optional and field != "additional_properties" and "()" not in field
            meaning = "new and required: code that makes one without it breaks" if needed else "new"
            yield Break(MAJOR if needed else MINOR, full, bare, (f"+ {full}: {kind}",), meaning)
    if old.returns is not None and new.returns is not None and old.returns != new.returns:
        arrow = " -> " if old.what == "operation" else " = "
        lines = (f"- {name}{arrow}{old.returns}", f"+ {name}{arrow}{new.returns}")
        if old.what == "operation":
            replaced = old.returns.members - new.returns.members and new.returns.members - old.returns.members
            meaning = "answers with other types" if replaced else "the types of replies to tell apart are more or fewer"
            yield Break(MAJOR if replaced else MINOR, name, bare, lines, meaning)
        else:
            severity, meaning = _judged(old.returns, new.returns, ways)
            yield Break(severity, name, bare, lines, meaning)


def _judged(old: Kind, new: Kind, ways: set[Direction]) -> tuple[Severity, str]:
    wider = _covers(new, old)
    narrower = _covers(old, new)
    verdicts: list[tuple[Severity, str]] = []
    if not wider and not narrower:
        return MAJOR, "another type: code that writes or reads it breaks"
    if REQUEST in ways:
        verdicts.append((MINOR, "takes more") if wider else (MAJOR, "takes less: code that sets it may break"))
    if REPLY in ways:
        verdicts.append(
            (MAJOR, "may hold more: code that reads it may break") if not narrower else (MINOR, "promises more")
        )
    return max(verdicts) if verdicts else (MINOR, "another type")


def _covers(outer: Kind, inner: Kind) -> bool:
    """Whether every value of `inner` is one of `outer`."""
    if inner.optional and not outer.optional:
        return False
    members = outer.members | ({"int"} if "float" in outer.members else set())
    if "Any" in members:
        return True
    plain = {"str"} & members
    return all(
        member in members
        or (plain and member[:1] in "'\"")
        or ("int" in members and member.lstrip("-").isdecimal())
        or any(_covers_list(each, member) for each in members)
        for member in inner.members
    )


def _covers_list(outer: str, inner: str) -> bool:
    """Lists and maps are compared by what they hold."""
    for start in ("list[", "dict[str, "):
        if outer.startswith(start) and inner.startswith(start):
            one, other = (kind_of(ast.parse(each[len(start) : -1], mode="eval").body) for each in (outer, inner))
            return _covers(one, other)
    return False
