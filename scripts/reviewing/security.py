"""How calls prove who makes them, and what a change of that means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .documents import Document, Node
from .markdown import code, codes
from .schemas import is_annotation, key
from .verdict import Change, Severity

Way = tuple[tuple[str, tuple[str, ...]], ...]
"""One way in: the definitions that it needs together, each with its scopes."""


def security_changes(old: Document, new: Document) -> Iterator[Change]:
    yield from _schemes(old, new)
    before = {(path, method): operation for path, method, _, operation in old.operations()}
    for path, method, _, operation in new.operations():
        if (path, method) in before:
            yield from _operation(old, new, before[path, method], operation)


def _schemes(old: Document, new: Document) -> Iterator[Change]:
    before, after = _defined(old), _defined(new)
    for name, scheme in before.items():
        twin = next((each for each, other in after.items() if each not in before and _alike(scheme, other)), None)
        if name not in after and twin:
            text = f"the security scheme {code(name)} is called {code(twin)} now: credentials are sent as before"
            yield Change(Severity.PATCH, scheme.pointer, True, text)
        elif name not in after:
            text = f"the security scheme {code(name)} is gone"
            yield Change(_unused(Severity.MAJOR, name, old), scheme.pointer, True, text)
        elif key(_essence(scheme)) != key(_essence(after[name])):
            fields = [each for each in {**_essence(scheme), **_essence(after[name])}
                      if key(scheme.get(each)) != key(after[name].get(each))]  # fmt: skip
            text = (
                f"the security scheme {code(name)} works another way ({codes(fields)}): credentials are sent otherwise"
            )
            place = next((after[name][each] for each in fields if each in after[name]), after[name])
            yield Change(_unused(Severity.MAJOR, name, old), place.pointer, False, text)
        elif key(scheme.value) != key(after[name].value):
            text = f"the security scheme {code(name)} is described anew"
            yield Change(Severity.PATCH, after[name].pointer, False, text)
    for name, scheme in after.items():
        if name not in before:
            yield Change(Severity.PATCH, scheme.pointer, False, f"the security scheme {code(name)} is new")


def _alike(one: Node, other: Node) -> bool:
    return key(_essence(one)) == key(_essence(other))


def _reworked(old: Document, new: Document) -> set[str]:
    """The definitions that work another way under the same name, which is told once for all their operations."""
    before, after = _defined(old), _defined(new)
    return {name for name in before.keys() & after.keys() if key(_essence(before[name])) != key(_essence(after[name]))}


def _unused(severity: Severity, name: str, document: Document) -> Severity:
    uses = [document.root, *(operation for *_, operation in document.operations())]
    named = any(name in way for each in uses for way in each.get("security", []) if isinstance(way, dict))
    return severity if named else Severity.PATCH


def _defined(document: Document) -> dict[str, Node]:
    components = document.root.child("components", {})
    return dict(components.child("securitySchemes", {}).items())


def _essence(scheme: Node) -> dict[str, Any]:
    """What a scheme makes callers do, without what it says of itself. Scopes are judged where they are asked for."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {name: each for name, each in value.items() if not is_annotation(name) and name != "scopes"}
            return {name: stripped(each) for name, each in kept.items() if name != "bearerFormat"}
        return value

    return stripped(scheme.value)


def _ways(document: Document, operation: Node) -> dict[Way, str]:
    """The ways in by what they ask for, so that another name for the same scheme is no change."""
    schemes = _defined(document)
    found: dict[Way, str] = {}
    for way in operation.get("security", document.root.get("security", [])) or [{}]:
        asked = sorted(
            (key(_essence(schemes[name])) if name in schemes else name, tuple(sorted(scopes)))
            for name, scopes in way.items()
        )
        found[tuple(asked)] = " and ".join(way) or "no credentials"
    return found


def _operation(old: Document, new: Document, before: Node, after: Node) -> Iterator[Change]:
    name = code(after.get("operationId"))
    pointer = after["security"].pointer if "security" in after else after.pointer
    old_ways, new_ways = _ways(old, before), _ways(new, after)
    told = _reworked(old, new)
    lost = [title for way, title in old_ways.items() if not any(_serves(way, each) for each in new_ways)]
    gained = [title for way, title in new_ways.items() if way not in old_ways]
    lost, gained = ([title for title in titles if not told & set(title.split(" and "))] for titles in (lost, gained))
    if () in old_ways and () not in new_ways:
        yield Change(Severity.MAJOR, pointer, False, f"{name} asks for credentials now: calls without them are refused")
        return
    for title in lost:
        text = f"{name} no longer takes {code(title)}: callers who use it are refused"
        yield Change(Severity.MAJOR, pointer, False, text)
    for title in gained:
        yield Change(
            Severity.MINOR,
            pointer,
            False,
            f"{name} takes {code(title)} too" if not lost else f"{name} takes {code(title)}",
        )


def _serves(held: Way, asked: Way) -> bool:
    """Whether who comes with `held` passes where `asked` is asked for."""
    return all(any(name == each and set(scopes) <= set(have) for each, have in held) for name, scopes in asked)
