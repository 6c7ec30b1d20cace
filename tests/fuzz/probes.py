"""Requests a hair away from good ones, each sent once, and what must come of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import attrs
import httpx
import jsonschema_rs
from schemathesis.openapi.checks import RejectedPositiveData

from tests.fuzz.exchange import Exchange, Found
from tests.fuzz.exemptions import exempt
from tests.fuzz.mutations import around_text, neighbours, texts
from tests.fuzz.targets import Document, Running, Target

_TAKEN = frozenset({*range(200, 300), 404, 409})
_REFUSED = frozenset({400})
_BROKEN = (b"", b"{", b'{"a": 1,}', b"[1, 2", b"null", b"NaN", b"\xff", b"'x'", b"{} {}", b"//", b'"x"')
_MEDIA_TYPES = ("text/plain", "text/html", "application/xml", "application/octet-stream", "text/json", "")
_FORM = "application/x-www-form-urlencoded"
_GOOD = ("3", "0" * 24, "A" * 26, "x", "true", "en", "3=x", "return=3", "language", "app_id")
_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE")


@attrs.frozen
class Operation:
    """One operation with a good value for each of its parameters and good bodies."""

    id: str
    method: str
    template: str
    parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    required: frozenset[str]
    media_type: str
    body_schema: Mapping[str, Any] | None
    bodies: tuple[Any, ...]
    secured: bool
    allowed: frozenset[str]

    def path(self, values: Mapping[str, str]) -> str:
        """The path with these values, or good ones, in it."""
        return re.sub(
            r"\{(\w+)\}", lambda at: quote(values.get(at[1]) or self.good("path", at[1]), safe=""), self.template
        )

    def good(self, place: str, name: str) -> str:
        """A text that the parameter takes."""
        schema = self.parameters[place, name]
        if "enum" in schema:
            return str(schema["enum"][0])
        if schema.get("type") == "integer":
            return str(schema.get("minimum", 1))
        return next(text for text in _GOOD if _takes(schema, text))


@attrs.frozen
class Probe:
    """One request, and the statuses that are right for it."""

    check: str
    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    content: bytes
    right: frozenset[int]
    allowed: frozenset[str] = frozenset()


def probe(target: Target, mock: Running, operations: Collection[str] = ()) -> list[Found]:
    """Sends every probe of these operations, or of all, and says what came out wrong."""
    return asyncio.run(_send_all(target, mock, operations))


async def _send_all(target: Target, mock: Running, operations: Collection[str]) -> list[Found]:
    found = []
    transport = httpx.ASGITransport(mock.application) if mock.application else None
    store = mock.vendor.store
    async with httpx.AsyncClient(transport=transport, base_url=mock.url, timeout=60) as client:
        for each in probes(target, mock):
            if operations and each.operation not in operations:
                continue
            before = (store.created, store.updated, store.deleted)
            query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in each.query)
            url = f"{each.path}?{query}" if query else each.path
            reply = await client.request(each.method, url, headers=dict(each.headers), content=each.content)
            changed = before != (store.created, store.updated, store.deleted)
            if problem := _problem(target, each, reply, changed=changed):
                request = f"{each.method} {url} {dict(each.headers)} {each.content[:300]!r}"
                found.append(Found(each.check, each.operation, problem, request))
    return found


def _problem(target: Target, each: Probe, reply: httpx.Response, *, changed: bool) -> str | None:
    if reply.status_code not in each.right:
        if each.check == "valid_is_taken":
            exchange = Exchange(
                each.operation,
                each.path.split("/"),
                dict(each.query),
                each.headers,
                None,
                reply.status_code,
                reply.json(),
            )
            if exempt(target.spec, RejectedPositiveData, exchange):
                return None
        return f"answered {reply.status_code}: {reply.text[:200]}"
    if reply.status_code >= 400 and changed:
        return f"answered {reply.status_code} and changed what is stored"
    if each.allowed and {name.strip() for name in reply.headers.get("Allow", "").split(",")} != each.allowed:
        return f"Allow says {reply.headers.get('Allow')!r}"
    return None


def probes(target: Target, mock: Running) -> Iterator[Probe]:
    """All probes of a target."""
    document = target.document(strict=False)
    operations = list(operations_of(document))
    # Before anything is stored: what is empty must be told, too.
    for operation in operations:
        if operation.method == "GET":
            headers = credentials(target, mock, document, operation)
            path, query = operation.path({}), query_of(operation, {})
            yield Probe("valid_is_taken", operation.id, "GET", path, query, headers, b"", _TAKEN)
    for operation in operations:
        headers = credentials(target, mock, document, operation)
        is_form = operation.media_type == _FORM
        encode = urlencode if is_form else json.dumps
        body = encode(operation.bodies[0]).encode() if operation.bodies else b""
        typed = {**headers, "Content-Type": operation.media_type} if operation.media_type else headers
        good = Probe(
            "valid_is_taken",
            operation.id,
            operation.method,
            operation.path({}),
            query_of(operation, {}),
            typed,
            body,
            _TAKEN,
        )
        yield good
        yield from _parameters(document, operation, good)
        if operation.media_type == "application/json":
            yield from _bodies(document, operation, good)
        if operation.media_type:
            yield from _wrong_bodies(good)
        if operation.secured:
            yield from _wrong_credentials(target, mock, good)
        for method in _METHODS:
            if method not in operation.allowed:
                yield attrs.evolve(
                    good, check="method_is_refused", method=method, right=frozenset({405}), allowed=operation.allowed
                )


def _bodies(document: Document, operation: Operation, good: Probe) -> Iterator[Probe]:
    assert operation.body_schema is not None
    validator = validator_of(document, operation.body_schema)
    sent = set()
    for body in operation.bodies:
        for changed in (body, *neighbours(document, operation.body_schema, body)):
            content = json.dumps(changed).encode()
            if content not in sent:
                sent.add(content)
                valid = validator.is_valid(changed)
                yield attrs.evolve(
                    good,
                    check="valid_is_taken" if valid else "invalid_is_refused",
                    content=content,
                    right=_TAKEN if valid else _REFUSED,
                )


def _parameters(document: Document, operation: Operation, good: Probe) -> Iterator[Probe]:
    for (place, name), schema in operation.parameters.items():
        validator = validator_of(document, schema)
        good_text = operation.good(place, name)
        for text in dict.fromkeys((*texts(document, schema), *around_text(schema, good_text))):
            if place == "path" and text in ("", ".", ".."):
                continue
            valid = _takes(schema, text, validator)
            yield attrs.evolve(
                good,
                check="valid_is_taken" if valid else "invalid_is_refused",
                path=operation.path({name: text}) if place == "path" else good.path,
                query=query_of(operation, {name: text}) if place == "query" else good.query,
                right=_TAKEN if valid else _REFUSED | {404} if place == "path" else _REFUSED,
            )
        if place == "query" and name in operation.required:
            rest = tuple(pair for pair in good.query if pair[0] != name)
            yield attrs.evolve(good, check="invalid_is_refused", query=rest, right=_REFUSED)


def _wrong_bodies(good: Probe) -> Iterator[Probe]:
    for media_type in _MEDIA_TYPES:
        headers = {**good.headers, "Content-Type": media_type}
        yield attrs.evolve(good, check="media_type_is_refused", headers=headers, right=frozenset({415}))
    if good.headers["Content-Type"] == "application/json":
        for content in _BROKEN:
            yield attrs.evolve(good, check="invalid_is_refused", content=content, right=frozenset({400}))
        typed = {**good.headers, "Content-Type": "application/json; charset=utf-8"}
        yield attrs.evolve(good, headers=typed)


def _wrong_credentials(target: Target, mock: Running, good: Probe) -> Iterator[Probe]:
    for headers in target.wrong(mock.vendor):
        kept = {name: value for name, value in good.headers.items() if name == "Content-Type"}
        yield attrs.evolve(good, check="credentials_are_refused", headers={**kept, **headers}, right=frozenset({401}))


def operations_of(document: Document) -> Iterator[Operation]:
    """The operations of a document with what is good for each."""
    for template, item in document["paths"].items():
        methods = frozenset(name.upper() for name in item if name != "parameters")
        for method in methods:
            node = item[method.lower()]
            parameters = [
                _resolved(document, each) for each in (*item.get("parameters", ()), *node.get("parameters", ()))
            ]
            content = node.get("requestBody", {}).get("content", {})
            media_type, media = next(iter(content.items()), ("", {}))
            yield Operation(
                id=node["operationId"],
                method=method,
                template=template,
                parameters={(each["in"], each["name"]): _resolved(document, each["schema"]) for each in parameters},
                required=frozenset(each["name"] for each in parameters if each.get("required")),
                media_type=media_type,
                body_schema=media.get("schema"),
                bodies=tuple(example["value"] for example in media.get("examples", {}).values())
                or ({"grant_type": "client_credentials"},) * (media_type == _FORM),
                secured=bool(node["security"]),
                allowed=methods,
            )


def query_of(operation: Operation, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The given and the required parameters of the query, each with a value."""
    names = [name for place, name in operation.parameters if place == "query"]
    chosen = [name for name in names if name in operation.required or name in given]
    return tuple((name, given.get(name, operation.good("query", name))) for name in chosen)


def credentials(target: Target, mock: Running, document: Document, operation: Operation) -> dict[str, str]:
    """The headers that open this operation."""
    schemes = target.schemes(mock.vendor)
    node = next(
        each[operation.method.lower()] for path, each in document["paths"].items() if path == operation.template
    )
    name = next(iter(node["security"][0])) if node["security"] else ""
    scheme = schemes.get(name, {})
    if "bearer" in scheme:
        return {"Authorization": f"Bearer {scheme['bearer']}"}
    if "username" in scheme:
        request = httpx.Request("GET", "http://mock")
        flow = httpx.BasicAuth(scheme["username"], scheme["password"]).auth_flow(request)
        return {"Authorization": next(flow).headers["Authorization"]}
    return {document["components"]["securitySchemes"][name]["name"]: scheme["api_key"]} if scheme else {}


def validator_of(document: Document, schema: Mapping[str, Any]) -> Any:
    """A validator of a schema of this document."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def _takes(schema: Mapping[str, Any], text: str, validator: Any = None) -> bool:
    """Whether a parameter of this schema takes the text, as a client writes its values."""
    validator = validator or jsonschema_rs.Draft202012Validator(dict(schema))
    types = schema.get("type", "string")
    if "integer" in ([types] if isinstance(types, str) else types) and re.fullmatch(r"-?(0|[1-9]\d*)", text, re.ASCII):
        return bool(validator.is_valid(int(text)))
    if types == "boolean" and text in ("true", "false"):
        return bool(validator.is_valid(text == "true"))
    if types == "array":
        return bool(validator.is_valid([text]))
    return bool(validator.is_valid(text))


def _resolved(document: Document, node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node
