"""Long walks through an API along the links of its spec: what is created is read, changed, listed, deleted, read again.

Schemathesis plays chains of a few calls, many of which go to ids that it made up; a walk keeps to what there is.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import attrs
import httpx

from tests.fuzz.checks import UNREADABLE, effects_of
from tests.fuzz.exchange import Exchange, Found
from tests.fuzz.memory import MEMORIES
from tests.fuzz.mutations import neighbours
from tests.fuzz.probes import Operation, credentials, operations_of, query_of, validator_of
from tests.fuzz.targets import Document, Running, Target

_BODIES = 200
_ALIKE = {"source_id": "contact_id", "destination_id": "contact_id"}
"""Names of ids that are those of another name."""
_OFTEN = ("$top", "limit", "page", "page_size", "update_mask")
"""Parameters without which there is one page, and nothing behind it, or nothing that an update leaves alone."""
_EXPRESSION = re.compile(r"\$(?:response|request)\.[\w./#~$-]+")


@attrs.frozen
class Step:
    """An operation to be called, with what a link says of it."""

    operation: str
    parameters: Mapping[str, str] = attrs.Factory(dict)
    body: Any = None


def walk(target: Target, mock: Running, *, seed: int, steps: int, operations: Collection[str] = ()) -> list[Found]:
    """What was found on one walk through these operations, or all."""
    return asyncio.run(Walk(target, mock, seed, operations).go(steps))


class Walk:
    """One walk: what may be called next, and the ids that were seen, by the parameter that takes them."""

    def __init__(self, target: Target, mock: Running, seed: int, operations: Collection[str] = ()) -> None:
        self.target, self.mock, self.random = target, mock, random.Random(seed)
        self.document = target.document()
        self.operations = {
            each.id: each
            for each in operations_of(self.document)
            if each.id != "createToken" and (not operations or each.id in operations)
        }
        self.nodes = {node["operationId"]: node for node in _nodes(self.document)}
        self.headers = {
            name: credentials(target, mock, self.document, operation) for name, operation in self.operations.items()
        }
        self.bodies = {name: list(_bodies(self.document, each, self.random)) for name, each in self.operations.items()}
        self.next: list[Step] = []
        self.seen: defaultdict[str, list[str]] = defaultdict(list)
        self.memory = MEMORIES[target.spec]() if target.spec in MEMORIES else None

    async def go(self, steps: int) -> list[Found]:
        transport = httpx.ASGITransport(self.mock.application) if self.mock.application else None
        found: list[Found] = []
        async with httpx.AsyncClient(transport=transport, base_url=self.mock.url, timeout=60) as client:
            for _ in range(steps):
                found += await self._call(client, self._choose())
        return found

    def _choose(self) -> Step:
        for number, step in enumerate(self.next):
            if "page_token" in step.parameters:  # Before anything is changed, so that nothing may be left out.
                return self.next.pop(number)
        if self.next and self.random.random() < 0.6:
            step = self.next.pop(self.random.randrange(max(0, len(self.next) - 10), len(self.next)))
            # Most of what was created stays, so that there is something to list.
            if not step.operation.startswith(("delete", "remove")) or self.random.random() < 0.4:
                return step
        names = list(self.operations)
        return Step(self.random.choices(names, [3 if name.startswith("create") else 1 for name in names])[0])

    async def _call(self, client: httpx.AsyncClient, step: Step) -> list[Found]:
        operation = self.operations[step.operation]
        values = {
            name: self._value(name, step) for place, name in operation.parameters if self._given(place, name, step)
        }
        path = operation.path(values)
        query = query_of(
            operation, {name: value for name, value in values.items() if ("query", name) in operation.parameters}
        )
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
        headers = dict(self.headers[operation.id])
        content = b""
        if operation.media_type:
            body = self._body(operation, step)
            content, headers["Content-Type"] = json.dumps(body).encode(), operation.media_type
        store = self.mock.vendor.store
        before = store.created + store.updated, store.deleted
        url = f"{path}?{text}" if text else path
        reply = await client.request(operation.method, url, headers=headers, content=content)
        after = store.created + store.updated, store.deleted
        exchange = Exchange(
            operation.id,
            path.split("/"),
            dict(query),
            headers,
            json.loads(content or b"null"),
            reply.status_code,
            _json(reply),
        )
        self._follow(exchange, values)
        request = f"{operation.method} {url} {content[:500]!r}"
        written = after[0] - before[0], after[1] - before[1]
        return [
            Found(check, operation.id, message, request) for check, message in self._wrong(exchange, reply, written)
        ]

    def _given(self, place: str, name: str, step: Step) -> bool:
        likely = 0.5 if name in _OFTEN else 0.15
        return place == "path" or name in step.parameters or self.random.random() < likely

    def _value(self, name: str, step: Step) -> str:
        if name == "project_id" and self.random.random() < 0.1:
            return "another-project"
        if name in step.parameters:
            return step.parameters[name]
        seen = self.seen[_ALIKE.get(name, name)]
        return self.random.choice(seen[-5:]) if seen and self.random.random() < 0.9 else self._good(name, step)

    def _good(self, name: str, step: Step) -> str:
        operation = self.operations[step.operation]
        place = next(place for place, each in operation.parameters if each == name)
        schema = operation.parameters[place, name]
        if place == "query" and schema.get("type") == "integer" and "enum" not in schema:
            least = schema.get("minimum", 1)
            return str(self.random.randint(least, min(least + 2, schema.get("maximum", least + 2))))
        return operation.good(place, name)

    def _body(self, operation: Operation, step: Step) -> Any:
        if step.body is None:
            body = self.random.choice(self.bodies[operation.id])
            known = {name: self.seen[pool] for name, pool in _ALIKE.items() if name in body and self.seen[pool]}
            return {**body, **{name: self.random.choice(ids) for name, ids in known.items()}} if known else body
        if not operation.body_schema or not validator_of(self.document, operation.body_schema).is_valid(step.body):
            return self.random.choice(self.bodies[operation.id])
        return step.body

    def _follow(self, exchange: Exchange, values: Mapping[str, str]) -> None:
        """Keeps what the links of this reply lead to, as far as it has what they speak of."""
        response = self.nodes[exchange.operation]["responses"].get(str(exchange.status), {})
        for link in _resolved(self.document, response).get("links", {}).values():
            node = _resolved(self.document, link)
            if node["operationId"] not in self.operations:
                continue
            try:
                parameters = {
                    name: str(_value(text, exchange, values)) for name, text in node.get("parameters", {}).items()
                }
                body = _value(node["requestBody"], exchange, values) if "requestBody" in node else None
            except (KeyError, IndexError, TypeError, ValueError):
                continue
            self.next.append(Step(node["operationId"], parameters, body))
            for name, value in parameters.items():
                pool = self.seen[_ALIKE.get(name, name)]
                if name.lower().endswith("id") and value not in pool:
                    pool.append(value)
        del self.next[:-50]

    def _wrong(self, exchange: Exchange, reply: httpx.Response, written: tuple[int, int]) -> Iterator[tuple[str, str]]:
        responses = self.nodes[exchange.operation]["responses"]
        if str(exchange.status) not in responses:
            yield "status_code_conformance", f"answered {exchange.status}"
            return
        if exchange.status >= 500:
            yield "not_a_server_error", f"answered {exchange.status}"
        content = _resolved(self.document, responses[str(exchange.status)]).get("content", {})
        if "application/json" in content:
            validator = validator_of(self.document, content["application/json"]["schema"])
            if exchange.reply is None or not validator.is_valid(exchange.reply):
                yield "response_schema_conformance", reply.text[:300]
                return
        try:
            expected = effects_of(self.target.spec, exchange)
            assert expected in (None, written), f"{written} written and deleted, the reply says {expected}"
            if self.memory and exchange.status in (200, 404):
                with suppress(*UNREADABLE):
                    self.memory.hold(exchange)
        except AssertionError as error:
            yield "Effects" if "reply says" in str(error) else "Remembers", str(error)


def _nodes(document: Document) -> Iterator[Document]:
    for item in document["paths"].values():
        yield from (node for name, node in item.items() if name != "parameters")


def _bodies(document: Document, operation: Operation, chance: random.Random) -> Iterator[Any]:
    """Good bodies: the examples, and some of those around them that are good as well."""
    yield from operation.bodies
    if operation.body_schema is not None:
        validator = validator_of(document, operation.body_schema)
        around = [each for body in operation.bodies for each in neighbours(document, operation.body_schema, body)]
        good = [each for each in around if len(json.dumps(each)) < 2000 and validator.is_valid(each)]
        yield from chance.sample(good, min(_BODIES, len(good)))


def _value(told: Any, exchange: Exchange, values: Mapping[str, str]) -> Any:
    """What a link says, with its expressions replaced by what they stand for. Raises KeyError and the like."""
    if isinstance(told, dict):
        return {name: _value(each, exchange, values) for name, each in told.items()}
    if isinstance(told, list):
        return [_value(each, exchange, values) for each in told]
    if not isinstance(told, str):
        return told
    if _EXPRESSION.fullmatch(told):
        return _evaluated(told, exchange, values)
    return re.sub(r"\{(\$[^}]+)\}", lambda at: str(_evaluated(at[1], exchange, values)), told)


def _evaluated(expression: str, exchange: Exchange, values: Mapping[str, str]) -> Any:
    source, _, pointer = expression.partition("#")
    if source.startswith("$request.path."):
        return values[source.removeprefix("$request.path.")]
    if source.startswith("$request.query."):
        return exchange.query[source.removeprefix("$request.query.")]
    node = exchange.body if source == "$request.body" else exchange.reply
    for part in pointer.split("/")[1:]:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if node is None or node == "":
        raise ValueError("nothing there")
    return node


def _resolved(document: Document, node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        held: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            held = held[part]
        node = held
    return node


def _json(reply: httpx.Response) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None
