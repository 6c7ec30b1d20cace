"""Finding one's way in a specification: JSON pointers, references, and who uses a component for what."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DEEPEST = 60


class Direction(Enum):
    """Which way a value goes, seen from those who use the library: what a webhook brings is read like a reply."""

    REQUEST = "requests"
    REPLY = "replies"

    def opposite(self) -> Direction:
        return Direction.REPLY if self is Direction.REQUEST else Direction.REQUEST


@attrs.frozen
class Node:
    """A value in a document and the pointer to it."""

    pointer: str
    value: Any

    def __getitem__(self, key: str | int) -> Node:
        return Node(f"{self.pointer}/{escaped(str(key))}", self.value[key])

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def get(self, key: str, default: Any = None) -> Any:
        return self.value.get(key, default) if isinstance(self.value, dict) else default

    def items(self) -> list[tuple[str, Node]]:
        return [(key, self[key]) for key in self.value] if isinstance(self.value, dict) else []

    def list(self) -> list[Node]:
        return [self[index] for index in range(len(self.value))] if isinstance(self.value, list) else []

    def child(self, key: str, default: Any) -> Node:
        """The value under a key, or the default as if it stood there."""
        return self[key] if key in self else Node(f"{self.pointer}/{escaped(key)}", default)


def escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def tokens(pointer: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.removeprefix("#").split("/")[1:]]


@attrs.frozen
class Document:
    """A specification as plain JSON values."""

    value: dict[str, Any]

    @property
    def root(self) -> Node:
        return Node("", self.value)

    def find(self, pointer: str) -> Node | None:
        node = self.root
        for token in tokens(pointer):
            if isinstance(node.value, list) and token.isdecimal() and int(token) < len(node.value):
                node = node[int(token)]
            elif token in node:
                node = node[token]
            else:
                return None
        return node

    def follow(self, node: Node) -> Node:
        """What a reference points to, or the node itself."""
        for _ in range(DEEPEST):
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            found = self.find(reference)
            if found is None:
                return Node(node.pointer, {})
            node = found
        return Node(node.pointer, {})

    def operations(self) -> Iterator[tuple[str, str, Node, Node]]:
        """Path, method, the path's item and the operation."""
        for path, item in self.root.child("paths", {}).items():
            for method in METHODS:
                if method in item:
                    yield path, method, item, item[method]

    def webhooks(self) -> Iterator[tuple[str, str, Node, Node]]:
        """Name, method, the webhook's item and its operation: a call that the vendor makes."""
        for name, item in self.root.child("webhooks", {}).items():
            for method in METHODS:
                if method in item:
                    yield name, method, item, item[method]

    def usages(self) -> dict[str, dict[Direction, set[str]]]:
        """By the pointer of each component: the directions in which it is used, and the operations that use it."""
        found: dict[str, dict[Direction, set[str]]] = {}
        for path, method, item, operation in self.operations():
            name = str(operation.get("operationId", f"{method} {path}"))
            self._mark_all(item, operation, Direction.REQUEST, name, found)
        for name, _, item, operation in self.webhooks():
            self._mark_all(item, operation, Direction.REPLY, name, found)
        return found

    def _mark_all(
        self, item: Node, operation: Node, sent: Direction, name: str, found: dict[str, dict[Direction, set[str]]]
    ) -> None:
        for holder in (
            item.child("parameters", []),
            operation.child("parameters", []),
            operation.child("requestBody", {}),
        ):
            self._mark(holder, sent, name, found)
        self._mark(operation.child("responses", {}), sent.opposite(), name, found)

    def _mark(self, start: Node, direction: Direction, name: str, found: dict[str, dict[Direction, set[str]]]) -> None:
        waiting = [start.value]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                waiting += value.values()
                reference = value.get("$ref")
                if isinstance(reference, str):
                    used = found.setdefault(reference.removeprefix("#"), {}).setdefault(direction, set())
                    target = self.find(reference)
                    if name not in used and target is not None:
                        used.add(name)
                        waiting.append(target.value)


def label(pointer: str) -> str:
    """A short name for what a pointer points to: `Contact.channel_identities[].app_id`."""
    path = tokens(pointer)
    if path[:1] == ["components"] and len(path) > 2:
        name, rest = path[2], path[3:]
    elif path[:1] == ["paths"] and len(path) > 2 and path[2] in METHODS:
        name, rest = f"{path[2].upper()} {path[1]}", path[3:]
    elif path[:1] == ["webhooks"] and len(path) > 2 and path[2] in METHODS:
        name, rest = path[1], path[3:]
    elif path[:1] in (["paths"], ["webhooks"]) and len(path) > 1:
        name, rest = path[1], path[2:]
    else:
        return ".".join(path)
    before = ""
    for token in rest:
        if before == "properties":
            name, token = f"{name}.{token}", ""
        elif token in ("items", "prefixItems"):
            name += "[]"
        elif token in ("additionalProperties", "patternProperties"):
            name += "{}"
        elif before in ("anyOf", "oneOf", "allOf") and token.isdecimal():
            name += f" (choice {int(token) + 1})"
        elif token not in ("properties", "schema", "content", "application/json", "anyOf", "oneOf", "allOf"):
            name += f" {token}"
        before = token
    return name
