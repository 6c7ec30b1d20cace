"""What a compiled spec says of an operation: how values and replies are checked, and whether it only reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote

from headcount.errors import UsageError
from headcount.records.check import SchemaCheck
from headcount_api import specs

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_ASKS = re.compile(r"(check|count|filter|find|get|list|query)(?![a-z])")
"""What an operationId begins with that changes nothing, though it may be a POST."""
_HOLE = re.compile(r"\{([^{}]*)\}")
_VALUE = "([A-Za-z0-9_.~%-]*)"
"""A value in a path, as `urllib.parse.quote` leaves it."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class Operation:
    """One operation of a spec."""

    def __init__(self, document: Mapping[str, Any], path: str, method: str) -> None:
        self._components: Mapping[str, Any] = document.get("components", {})
        item: Mapping[str, Any] = document["paths"][path]
        self._raw: Mapping[str, Any] = item[method]
        self._path = path
        self._shared: list[Any] = item.get("parameters", [])
        self.name = str(self._raw.get("operationId", f"{method.upper()} {path}"))
        self.reads = method in ("get", "head") or _ASKS.match(self.name) is not None
        """It asks and changes nothing, so that it can be sent again whatever became of it."""

    def path_values(self, url: str) -> dict[str, str]:
        """The values in a path that was made from this operation's. Raises UsageError for one that changes the path."""
        found = self._pattern.fullmatch(url)
        if found is None:
            raise UsageError(f"{self.name}: a value of the path is not one")
        values = dict(zip(_HOLE.findall(self._path), map(unquote, found.groups()), strict=True))
        for name, value in values.items():
            if value in ("", ".", ".."):
                raise UsageError(f"{self.name}: {name} is empty, or changes the path")
        return values

    def check_parameters(self, place: str, values: Mapping[str, Any]) -> None:
        """Raises UsageError for a value that the spec refuses; `place` is `path` or `query`."""
        for name, value in values.items():
            checked = self._parameters.get((place, name))
            if checked is None:
                continue
            schema, check = checked
            if place == "path" and schema.get("type") == "integer" and _INTEGER.fullmatch(value):
                value = int(value)
            self._hold(check, value, name)

    def check_body(self, body: object) -> None:
        """Raises UsageError for a body that the spec refuses. No value is told."""
        if self._body_check is not None:
            self._hold(self._body_check, body, "the body")

    def reply_check(self, status: int) -> SchemaCheck | None:
        """The check of what a success with this status holds; None where it holds nothing."""
        key = self._documented(status)
        if key not in self._reply_checks:
            schema = _json_schema(self._replies.get(key, {}))
            self._reply_checks[key] = None if schema is None else SchemaCheck(schema, self._components)
        return self._reply_checks[key]

    def answers(self, status: int, reply: object) -> bool:
        """Whether a success says anything of what the spec has it say.

        A question may be answered with nothing, as some vendors leave out empty lists. Whatever else is not about the
        call, such as the page of a proxy, is not about what became of it either.
        """
        schema = self._resolved(_json_schema(self._replies.get(self._documented(status), {})) or {})
        known = schema.get("properties", {})
        if not known or not isinstance(reply, dict) or not known.keys().isdisjoint(reply):
            return True
        return self.reads and not reply

    def refuses_with(self, status: int) -> bool:
        """Whether the spec has the status as a refusal of this operation. 408 never is: it says how far the request
        came, and not what became of it."""
        return 400 <= status <= 499 and status != 408 and str(status) in self._replies

    def _hold(self, check: SchemaCheck, value: object, where: str) -> None:
        problem = check.problem(value)
        if problem is not None:
            raise UsageError(f"{self.name}: {where}: {problem.detail}")

    def _documented(self, status: int) -> str:
        """The status or range of the spec that a success falls under; the first of its successes for any other."""
        successes = sorted(key for key in self._replies if key.startswith("2"))
        for key in (str(status), f"{status // 100}XX"):
            if key in successes:
                return key
        return successes[0] if successes else ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Whatever stands between the values of a path stands there as it is.
        pieces = _HOLE.split(self._path)[::2]
        return re.compile(_VALUE.join(map(re.escape, pieces)))

    @cached_property
    def _parameters(self) -> dict[tuple[str, str], tuple[Mapping[str, Any], SchemaCheck]]:
        parameters = {}
        for raw in (*self._shared, *self._raw.get("parameters", ())):
            parameter = self._resolved(raw)
            schema = self._resolved(parameter.get("schema", {}))
            parameters[parameter["in"], parameter["name"]] = schema, SchemaCheck(schema, self._components)
        return parameters

    @cached_property
    def _body_check(self) -> SchemaCheck | None:
        schema = _json_schema(self._resolved(self._raw.get("requestBody", {})))
        return None if schema is None else SchemaCheck(schema, self._components)

    @cached_property
    def _replies(self) -> dict[str, Mapping[str, Any]]:
        return {str(status): self._resolved(reply) for status, reply in self._raw["responses"].items()}

    @cached_property
    def _reply_checks(self) -> dict[str, SchemaCheck | None]:
        return {}

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while (reference := node.get("$ref")) is not None:
            _, _, kind, name = reference.split("/")
            node = self._components[kind][name]
        return node


class Interface:
    """The operations of a compiled spec, by method and path, whatever the values in a path are called."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._operations = {
            (method, _HOLE.sub("{}", path)): Operation(document, path, method)
            for path, item in document["paths"].items()
            for method in _METHODS
            if method in item
        }

    def operation(self, method: str, path: str) -> Operation:
        """The operation. Raises UsageError where the spec has none: operations and spec are not of one make."""
        operation = self._operations.get((method, _HOLE.sub("{}", path)))
        if operation is None:
            raise UsageError(f"the spec has no {method.upper()} {path}")
        return operation


def interface(spec: str | Mapping[str, Any]) -> Interface:
    """The operations of a spec: the name of one in `headcount_api.specs`, or a document, for a vendor from outside."""
    return _named(spec) if isinstance(spec, str) else Interface(spec)


@cache
def _named(spec: str) -> Interface:
    return Interface(specs.load(spec))


def _json_schema(content_of: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for media_type, content in content_of.get("content", {}).items():
        if media_type.partition(";")[0].strip() == "application/json" and "schema" in content:
            schema: Mapping[str, Any] = content["schema"]
            return schema
    return None
