"""Calls that the vendor makes, and what a change of them means to those who answer them.

What a webhook brings is read, as a reply is; what its responses describe is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .documents import METHODS, Direction, Document, Node
from .markdown import code
from .verdict import Change, Severity

if TYPE_CHECKING:
    from .changes import Walk

MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH


def webhook_changes(walk: Walk) -> Iterator[Change]:
    before = {(name, method): (item, operation) for name, method, item, operation in walk.old.webhooks()}
    after = {(name, method): (item, operation) for name, method, item, operation in walk.new.webhooks()}
    for each, (item, operation) in before.items():
        if each in after:
            yield from _webhook(walk, (item, operation), after[each], f" (webhook {code(each[0])})")
        else:
            text = f"the webhook {code(each[0])} is gone: who waits for it waits in vain"
            yield Change(MAJOR, operation.pointer, True, text)
    for each, (_, operation) in after.items():
        if each not in before:
            yield Change(MINOR, operation.pointer, False, f"the webhook {code(each[0])} is new")


def _webhook(walk: Walk, old: tuple[Node, Node], new: tuple[Node, Node], used: str) -> Iterator[Change]:
    before, after = _parameters(walk.old, *old), _parameters(walk.new, *new)
    for name, parameter in before.items():
        if name not in after:
            yield Change(MAJOR, parameter.pointer, True, f"{code(name)} comes no more: who reads it breaks{used}")
        else:
            yield from walk.header(parameter, after[name], used)
    for name, parameter in after.items():
        if name not in before:
            yield Change(MINOR, parameter.pointer, False, f"{code(name)} comes besides{used}")
    bodies = walk.old.follow(old[1].child("requestBody", {})), walk.new.follow(new[1].child("requestBody", {}))
    yield from walk.content(*bodies, Direction.REPLY, used)
    yield from walk.words(*bodies, ("content",))
    yield from _responses(walk, old[1].child("responses", {}), new[1].child("responses", {}), used)
    yield from walk.words(old[1], new[1], ("parameters", "requestBody", "responses", "servers", "security"))
    yield from walk.words(old[0], new[0], ("parameters", "servers", *METHODS))


def _parameters(document: Document, *holders: Node) -> dict[str, Node]:
    found = [document.follow(each) for holder in holders for each in holder.child("parameters", []).list()]
    return {str(each.get("name")).lower(): each for each in found}


def _responses(walk: Walk, old: Node, new: Node, used: str) -> Iterator[Change]:
    for status, response in old.items():
        if status not in new:
            text = f"{code(status)} is no answer that the vendor takes any more: who gives it breaks{used}"
            yield Change(MAJOR, response.pointer, True, text)
        else:
            answers = walk.old.follow(response), walk.new.follow(new[status])
            yield from walk.content(*answers, Direction.REQUEST, used)
            yield from walk.words(*answers, ("content", "headers", "links"))
    for status, response in new.items():
        if status not in old:
            yield Change(MINOR, response.pointer, False, f"the vendor takes the answer {code(status)} too{used}")
