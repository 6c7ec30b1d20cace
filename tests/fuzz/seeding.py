"""How a fault gets into a mock: its spec edited, a part replaced, a handler or the application wrapped."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from starlette.responses import Response

from headcount.mock.application import Application
from headcount.mock.registry import vendor_type
from headcount.mock.vendor import Call, Vendor
from headcount_api import specs
from tests.fuzz.targets import IN_PROCESS, Document, Running, Target

Change = Callable[[Any], Any]
Patch = Callable[[Vendor[Any]], None]


@attrs.frozen
class Reply:
    """A reply on its way out."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Wrap = Callable[[str, str, Reply], Reply]
"""From the method, the path and the mock's own reply to the one that is sent."""


@attrs.frozen(kw_only=True)
class Fault:
    """One fault of a mock.

    found_by: the check that has to find it.
    edit: changes the spec that the mock serves; Schemathesis has the true one.
    patch: changes the mock before it answers.
    wrap: changes its replies.
    """

    name: str
    target: str
    found_by: str
    operations: Sequence[str]
    phases: Sequence[str] = ("examples", "coverage", "fuzzing")
    switches: Mapping[str, Any] = attrs.Factory(dict)
    edit: Callable[[Document], None] | None = None
    patch: Patch | None = None
    wrap: Wrap | None = None

    def mock(self, target: Target) -> Running:
        """The target's mock with this fault, in-process."""
        document = copy.deepcopy(specs.load(target.spec))
        if self.edit:
            self.edit(document)
        kind = vendor_type(target.vendor)
        faulty = type(kind.__name__, (kind,), {"specs": (document,)})
        vendor = faulty(dict(self.switches))
        if self.patch:
            self.patch(vendor)
        application = Application([vendor])
        return Running(IN_PROCESS, vendor, _Wrapped(application, self.wrap) if self.wrap else application)


class _Wrapped:
    def __init__(self, application: Any, wrap: Wrap) -> None:
        self.application, self.wrap = application, wrap

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        start: dict[str, Any] = {}

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            headers = {name.decode(): value.decode() for name, value in start["headers"]}
            reply = self.wrap(scope["method"], scope["path"], Reply(start["status"], headers, message["body"]))
            pairs = {**reply.headers, "content-length": str(len(reply.body))}
            encoded = [(name.encode(), value.encode()) for name, value in pairs.items()]
            await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
            await send({"type": "http.response.body", "body": reply.body})

        await self.application(scope, receive, sent)


def schema(name: str, change: Callable[[Document], Any], *path: str) -> Callable[[Document], None]:
    """An edit of a named schema, or of what lies at this path in it."""

    def edit(document: Document) -> None:
        node = document["components"]["schemas"][name]
        for step in path:
            node = node[int(step)] if isinstance(node, list) else node[step]
        change(node)

    return edit


def without(*keywords: str) -> Callable[[Document], None]:
    """Drops these keywords of a schema."""
    return lambda node: [node.pop(keyword) for keyword in keywords] and None


def parameter(operation_id: str, name: str, **changes: Any) -> Callable[[Document], None]:
    """An edit of the schema of a parameter; None drops a keyword."""

    def edit(document: Document) -> None:
        for item in document["paths"].values():
            for operation in item.values():
                if isinstance(operation, dict) and operation["operationId"] == operation_id:
                    (found,) = (each for each in operation["parameters"] if each.get("name") == name)
                    for keyword, value in changes.items():
                        if value is None:
                            del found["schema"][keyword]
                        else:
                            found["schema"][keyword] = value

    return edit


def json_of(path: str, change: Change, *, method: str = "", status: int = 200) -> Wrap:
    """Changes the JSON of the replies with this status at paths that end so."""

    def wrap(used: str, at: str, reply: Reply) -> Reply:
        if not at.endswith(path) or reply.status != status or method not in ("", used) or not reply.body:
            return reply
        return attrs.evolve(reply, body=json.dumps(change(json.loads(reply.body))).encode())

    return wrap


def set_member(*path: Any, to: Any) -> Change:
    """Sets a member of a JSON value, where there is one at this path; a function is given its value."""

    def change(value: Any) -> Any:
        node = value
        for step in path[:-1]:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return value
        if isinstance(node, dict | list) and (path[-1] in node if isinstance(node, dict) else len(node) > path[-1]):
            node[path[-1]] = to(node[path[-1]]) if callable(to) else to
        return value

    return change


def drop_member(*path: Any) -> Change:
    """Drops a member of a JSON value, where there is one at this path."""

    def change(value: Any) -> Any:
        node = value
        for step in path[:-1]:
            node = node[step] if isinstance(node, dict | list) and node else {}
        if isinstance(node, dict):
            node.pop(path[-1], None)
        return value

    return change


def replies(change: Callable[[Reply], Reply], *, status: int, path: str = "") -> Wrap:
    """Changes all replies with this status at paths that end so."""
    return lambda method, at, reply: change(reply) if reply.status == status and at.endswith(path) else reply


def handler(operation_id: str, around: Callable[[Callable[[Call], Response], Call], Response]) -> Patch:
    """Wraps the handler of an operation."""

    def patch(vendor: Vendor[Any]) -> None:
        inner = vendor.handlers[operation_id]
        vendor.handlers[operation_id] = lambda call: around(inner, call)

    return patch
