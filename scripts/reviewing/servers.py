"""Where calls go, and what a change of that means."""

from __future__ import annotations

from collections.abc import Iterator

from .documents import Document, Node
from .markdown import code, codes
from .verdict import Change, Severity

MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH


def server_changes(old: Document, new: Document) -> Iterator[Change]:
    """The first address of a list is the one that is taken; an operation may have addresses of its own."""
    yield from _lists(old.root, new.root, "the service")
    before = {(path, method): (item, operation) for path, method, item, operation in old.operations()}
    for path, method, item, operation in new.operations():
        if (path, method) not in before:
            continue
        holders = _own(old.root, *before[path, method]), _own(new.root, item, operation)
        if any(holder.pointer for holder in holders):
            yield from _lists(*holders, code(operation.get("operationId")))


def _own(root: Node, item: Node, operation: Node) -> Node:
    """What says where the calls of an operation go: itself, its path, or the document."""
    return next((each for each in (operation, item) if each.get("servers")), root)


def _lists(old: Node, new: Node, name: str) -> Iterator[Change]:
    before = {str(each.get("url")): each for each in old.child("servers", []).list()}
    after = {str(each.get("url")): each for each in new.child("servers", []).list()}
    lost = [url for url in before if url not in after]
    gained = [url for url in after if url not in before]
    moved = old.pointer != new.pointer
    for one, other in zip(list(lost), list(gained), strict=False):
        text = f"calls of {name} that went to {code(one)} go to {code(other)}"
        pointer = new.child("servers", 0).pointer if moved else after[other].pointer
        yield Change(MAJOR, pointer, False, text)
        lost.remove(one)
        gained.remove(other)
    for url in lost:
        yield Change(MAJOR, before[url].pointer, True, f"calls of {name} can go to {code(url)} no more")
    for url in gained:
        yield Change(MINOR, after[url].pointer, False, f"calls of {name} can go to {code(url)} too")
    kept = [url for url in before if url in after]
    if before and after and next(iter(before)) in after and next(iter(before)) != next(iter(after)):
        text = f"another address of {name} is the first, the one that is taken: {code(next(iter(after)))}"
        yield Change(MAJOR, after[next(iter(after))].pointer, False, text)
    for url in kept:
        yield from _variables(before[url], after[url], name)
        if before[url].get("description") != after[url].get("description"):
            pointer = after[url].child("description", "").pointer
            text = f"the address {code(url)} of {name} is described anew"
            yield Change(PATCH, pointer, "description" not in after[url], text)


def _variables(old: Node, new: Node, name: str) -> Iterator[Change]:
    before, after = old.child("variables", {}), new.child("variables", {})
    for variable in dict.fromkeys([*before.value, *after.value]):
        title = f"the server variable {code(variable)} of {name}"
        if variable not in before or variable not in after:
            holder = after if variable in after else before
            text = f"{title} is {'new' if variable in after else 'gone'}"
            yield Change(MAJOR, holder[variable].pointer, variable not in after, text)
        else:
            yield from _variable(before[variable], after[variable], title)


def _variable(old: Node, new: Node, title: str) -> Iterator[Change]:
    lost = [each for each in old.get("enum", []) if each not in new.get("enum", [])]
    gained = [each for each in new.get("enum", []) if each not in old.get("enum", [])]
    if lost and "enum" in new:
        text = f"{title} no longer takes {codes(lost)}: who uses it breaks"
        yield Change(MAJOR, new["enum"].pointer, False, text)
    elif lost:
        yield Change(MINOR, old["enum"].pointer, True, f"{title} takes any value")
    if gained and "enum" in old:
        yield Change(MINOR, new["enum"].pointer, False, f"{title} takes {codes(gained)} too")
    elif gained:
        yield Change(MAJOR, new["enum"].pointer, False, f"{title} takes {codes(gained)} only, any value before")
    if old.get("default") != new.get("default"):
        text = (
            f"{title} is {code(new.get('default'))} where nothing is said, was {code(old.get('default'))}: "
            "callers who say nothing reach another server"
        )
        yield Change(MAJOR, new.child("default", "").pointer, "default" not in new, text)
    if old.get("description") != new.get("description"):
        yield Change(
            PATCH, new.child("description", "").pointer, "description" not in new, f"{title} is described anew"
        )
