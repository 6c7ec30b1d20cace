"""The vendor's own codes in replies, by the names that `x-reply-codes` gives them, and what a change of those means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .documents import Document, Node
from .markdown import code, codes
from .schemas import key
from .verdict import Change, Severity

KEYWORD = "x-reply-codes"
MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH


def reply_code_changes(old: Document, new: Document) -> Iterator[Change]:
    before, after = _rows(old), _rows(new)
    fresh = [name for name in after if name not in before]
    for name, row in before.items():
        twin = next((each for each in fresh if _place(after[each]) == _place(row)), None)
        if name in after:
            yield from _row(name, row, after[name])
        elif twin:
            fresh.remove(twin)
            text = f"the reply code {code(name)} is called {code(twin)} now: callers who compare names break"
            yield Change(MAJOR, after[twin].pointer, False, text)
        else:
            text = f"the reply code {code(name)} is gone: callers who wait for it wait in vain"
            yield Change(MAJOR, row.pointer, True, text)
    if fresh:
        yield Change(MINOR, after[fresh[0]].pointer, False, f"reply codes that had no name before: {codes(fresh)}")


def _rows(document: Document) -> dict[str, Node]:
    rows = document.root.child(KEYWORD, []).list()
    return {str(row.get("name", index)): row for index, row in enumerate(rows)}


def _place(row: Node) -> Any:
    return key([row.get("http"), row.get("code")])


def _told(row: Node) -> str:
    return f"HTTP {code(row.get('http'))}, code {code(row.get('code'))}"


def _row(name: str, old: Node, new: Node) -> Iterator[Change]:
    if _place(old) != _place(new):
        text = (
            f"the reply code {code(name)} stands for {_told(new)}, for {_told(old)} before: replies are read otherwise"
        )
        yield Change(MAJOR, new.pointer, False, text)
    elif key(old.value) != key(new.value):
        yield Change(PATCH, new.pointer, False, f"the reply code {code(name)} is described anew")
