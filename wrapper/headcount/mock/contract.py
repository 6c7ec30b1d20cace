"""A compiled spec as the mocks use it: which operation a request means, and whether it keeps to the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import attrs
import jsonschema_rs

from headcount_api import specs

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)

Node = Mapping[str, Any]


@attrs.frozen
class Parameter:
    """One parameter of an operation, in path, query or header."""

    name: str
    place: str
    required: bool
    types: frozenset[str]
    explode: bool
    validator: jsonschema_rs.Validator

    def read(self, texts: Sequence[str]) -> Any:
        """The parameter's JSON value; text that does not read as the schema's type stays text, and so fails."""
        if "array" in self.types:
            return list(texts) if self.explode else texts[0].split(",")
        if len(texts) > 1:
            raise ValueError("given more than once")
        return _scalar(texts[0], self.types)


@attrs.frozen
class Operation:
    """One operation of a spec."""

    id: str
    method: str
    hosts: frozenset[str]
    path: re.Pattern[str]
    routes: tuple[tuple[str, ...], ...]
    """The segments of its path at each address; a parameter keeps its braces."""
    parameters: tuple[Parameter, ...]
    bodies: Mapping[str, jsonschema_rs.Validator]
    body_required: bool
    security: tuple[tuple[Node, ...], ...]

    def read_parameters(
        self, path: Mapping[str, str], query: Sequence[tuple[str, str]], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """The parameters by name; raises ValueError, with a text for people, when one breaks the schema."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            texts = {
                "path": [path[parameter.name]] if parameter.name in path else [],
                "query": [value for name, value in query if name == parameter.name],
                "header": [headers[parameter.name]] if parameter.name in headers else [],
            }.get(parameter.place, [])
            if not texts:
                if parameter.required:
                    raise ValueError(f"missing parameter: {parameter.name}")
                continue
            try:
                value = parameter.read(texts)
            except ValueError as error:
                raise ValueError(f"{parameter.name}: {error}") from None
            if problem := violation(parameter.validator, value):
                raise ValueError(f"{parameter.name}: {problem}")
            values[parameter.name] = value
        return values


@attrs.frozen
class Match:
    """An operation found for a path, with the path's own parameters."""

    operation: Operation
    path_parameters: Mapping[str, str]


@attrs.frozen
class Contract:
    """One compiled spec."""

    bases: tuple[str, ...]
    operations: tuple[Operation, ...]
    contact: jsonschema_rs.Validator

    @classmethod
    def of(cls, spec: str | Node) -> Contract:
        """The contract of a compiled spec: a name in `headcount_api.specs`, or the document itself."""
        return cls.load(spec) if isinstance(spec, str) else cls.compile(spec)

    @classmethod
    @cache
    def load(cls, name: str) -> Contract:
        """The contract of the compiled spec `name` (`headcount_api.specs`)."""
        return cls.compile(specs.load(name))

    @classmethod
    def compile(cls, document: Node) -> Contract:
        """The contract of a parsed OpenAPI 3.1 document whose references all begin with `#/`."""
        return cls(
            bases=tuple(dict.fromkeys(address.path for address in _expand(document["servers"]))),
            # A literal path goes before one with a parameter in the same place.
            operations=tuple(sorted(_operations(document), key=lambda operation: operation.path.groups)),
            contact=_validator(document, {"$ref": "#/components/schemas/Contact"}),
        )

    def match(self, path: str) -> list[Match]:
        """Every operation, of any method, that lives at this (still percent-encoded) path.

        A slash at its end makes no difference, unless the document has the path with it and without it.
        """
        matches = self._at(path) or self._at(path.removesuffix("/") if path.endswith("/") else f"{path}/")
        # The path that says the most in words of its own: /contacts/x:merge is no contact called x:merge.
        least = min(map(_length_of_parameters, matches), default=0)
        return [match for match in matches if _length_of_parameters(match) == least]

    def _at(self, path: str) -> list[Match]:
        found = [(operation, operation.path.fullmatch(path)) for operation in self.operations]
        return [
            Match(operation, {name: unquote(text) for name, text in at.groupdict().items()})
            for operation, at in found
            if at
        ]

    def nearness(self, path: str) -> int:
        """How many segments of this path, from its beginning, are those of an operation's."""
        segments = _segments(path)
        routes = (route for operation in self.operations for route in operation.routes)
        return max((_shared(segments, route) for route in routes), default=0)


def _length_of_parameters(match: Match) -> int:
    return sum(map(len, match.path_parameters.values()))


def violation(validator: jsonschema_rs.Validator, value: Any) -> str | None:
    """Where and how `value` first breaks the schema, without quoting it; None when it keeps to it."""
    if validator.is_valid(value):
        return None
    error = next(iter(validator.iter_errors(value)))
    place = "/".join(map(str, error.instance_path)) or "value"
    keyword = error.schema_path[-1] if error.schema_path else "schema"
    return f"{place}: does not satisfy {keyword}"


def _operations(document: Node) -> Iterator[Operation]:
    for template, item in document["paths"].items():
        for method in _METHODS & item.keys():
            node = item[method]
            addresses = _expand(node.get("servers") or item.get("servers") or document["servers"])
            body = _resolve(document, node.get("requestBody", {}))
            yield Operation(
                id=node["operationId"],
                method=method.upper(),
                hosts=frozenset(address.netloc for address in addresses),
                path=re.compile(_any_of([address.path for address in addresses]) + _template(template)),
                routes=tuple(_segments(address.path + template) for address in addresses),
                parameters=tuple(
                    _parameter(document, _resolve(document, each))
                    for each in (*item.get("parameters", ()), *node.get("parameters", ()))
                ),
                bodies={
                    media_type: _validator(document, content.get("schema", {}))
                    for media_type, content in body.get("content", {}).items()
                },
                body_required=body.get("required", False),
                security=tuple(
                    tuple(_resolve(document, document["components"]["securitySchemes"][name]) for name in names)
                    for names in node.get("security", document.get("security", ()))
                ),
            )


def _expand(servers: Sequence[Node]) -> list[SplitResult]:
    """The addresses of these servers, each value of a variable written out."""
    addresses: list[str] = []
    for server in servers:
        expanded = [server["url"].rstrip("/")]
        for name, variable in server.get("variables", {}).items():
            values = variable.get("enum") or [variable["default"]]
            expanded = [url.replace(f"{{{name}}}", value) for url in expanded for value in values]
        addresses += expanded
    return [urlsplit(url) for url in addresses]


def _any_of(texts: Sequence[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, texts))})"


def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.strip("/").split("/"))


def _shared(segments: Sequence[str], route: Sequence[str]) -> int:
    pairs = zip(segments, route, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1] or pair[1].startswith("{"), pairs))


def _template(path: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))


def _parameter(document: Node, node: Node) -> Parameter:
    schema = _resolve(document, node["schema"])
    types = schema.get("type", ())
    return Parameter(
        name=node["name"],
        place=node["in"],
        required=node.get("required", False),
        types=frozenset([types] if isinstance(types, str) else types),
        explode=node.get("explode", node.get("style", "form") == "form"),
        validator=_validator(document, node["schema"]),
    )


def _scalar(text: str, types: frozenset[str]) -> Any:
    if "integer" in types and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and _NUMBER.fullmatch(text):
        return float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text


def _validator(document: Node, schema: Node) -> jsonschema_rs.Validator:
    whole = {"$schema": _DIALECT, **schema, "components": {"schemas": document["components"]["schemas"]}}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def _resolve(document: Node, node: Node) -> Node:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node
