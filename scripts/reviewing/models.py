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

UNSET = frozenset(("Unset", "UnsetType"))
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
        return f"{_name(node.value).removesuffix('_aliased')}[{', '.join(str(kind_of(part)) for part in parts)}]"
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


def directions(things: dict[str, Thing], known: dict[str, set[Direction]] | None = None) -> dict[str, set[Direction]]:
    """By the bare name of each model, whether callers write it or read it.

    known: what is known of names that no operation tells about: the wire records have none, and the clients' names.
    """
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
    for name, ways in (known or {}).items():
        for way in ways:
            mark([Kind(frozenset((name,)))], way)
    return found
