"""Recorded requests and replies, held against a spec: each must stay as valid, or as invalid, as it was recorded.

A file is tests/golden/<spec>/<operation>/<name>.json:

    {"why": "what it stands for", "call": "POST /contacts", "valid": true,
     "request": {"query": {...}, "header": {...}, "path": {...}, "media": "application/json", "body": ...}}

or, for a reply, `"reply": {"status": "200", "media": "application/json", "body": ...}`. What is left out of a request
or a reply was not sent. `"times": {"/contacts": 1000}` beside a body repeats the one item of the list at that pointer.
"""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
import jsonschema_rs

from .changes import shape
from .documents import Document, Node
from .markdown import code
from .trees import Tree

FOLDER = "tests/golden"
MOST_BYTES = 200_000
MOST_TIMES = 10_000


@attrs.frozen
class Recorded:
    path: str
    spec: str
    operation: str
    value: dict[str, Any]

    @property
    def direction(self) -> str:
        return "request" if "request" in self.value else "reply"


@attrs.frozen
class Broken:
    """A recorded message that is judged otherwise than it was recorded. reason: plain text."""

    recorded: Recorded
    reason: str


def read(tree: Tree) -> tuple[list[Recorded], list[str]]:
    """The recorded messages of a tree, and what is wrong with those that cannot be read."""
    found, faults = [], []
    for path, content in sorted(tree.under(FOLDER).items()):
        matched = re.fullmatch(r"([a-z0-9_]+)/(\w+)/[\w.-]+\.json", path)
        if path.endswith(".md"):
            continue
        try:
            value = json.loads(content) if matched and len(content) <= MOST_BYTES else None
        except (ValueError, RecursionError):
            value = None
        if not matched or not isinstance(value, dict) or not well_formed(value):
            faults.append(f"{FOLDER}/{path} is not a recorded message: see scripts/reviewing/golden.py")
        else:
            found.append(Recorded(f"{FOLDER}/{path}", matched[1], matched[2], value))
    return found, faults


def well_formed(value: dict[str, Any]) -> bool:
    message = value.get("request", value.get("reply"))
    return (
        isinstance(value.get("why"), str)
        and isinstance(value.get("call"), str)
        and isinstance(value.get("valid"), bool)
        and isinstance(message, dict)
        and ("request" in value) != ("reply" in value)
        and value.keys() <= {"why", "call", "valid", "request", "reply"}
        and ("reply" not in value or isinstance(message.get("status"), str))
        and all(isinstance(message.get(each, {}), dict) for each in ("path", "query", "header", "times"))
        and all(isinstance(times, int) and 0 < times <= MOST_TIMES for times in message.get("times", {}).values())
    )


def repeated(message: dict[str, Any]) -> Any:
    """The body, with the lists that are written once at their full length."""
    holder = Document({"body": json.loads(json.dumps(message["body"]))})
    for pointer, times in message.get("times", {}).items():
        found = holder.find(f"/body{pointer}")
        if found is not None and isinstance(found.value, list):
            found.value[:] = found.value * times
    return holder.value["body"]


def broken(recorded: list[Recorded], documents: dict[str, Document]) -> list[Broken]:
    """The messages that the specs judge otherwise than they were recorded."""
    found = []
    for each in recorded:
        document = documents.get(each.spec)
        fault = "its spec is not there" if document is None else Judge(document).fault(each)
        if fault and each.value["valid"]:
            found.append(Broken(each, fault))
        elif not fault and not each.value["valid"]:
            found.append(Broken(each, "recorded as refused, and passes now"))
    return found


class Judge:
    """Judges messages by one document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def fault(self, recorded: Recorded) -> str:
        """Why a message is not valid, or nothing."""
        method, _, path = recorded.value["call"].partition(" ")
        for where, verb, item, operation in self.document.operations():
            if operation.get("operationId") == recorded.operation:
                if (verb.upper(), shape(where)) != (method, shape(path)):
                    return f"{recorded.operation} is {verb.upper()} {where} now"
                if "request" in recorded.value:
                    return self._request(recorded.value["request"], item, operation)
                return self._reply(recorded.value["reply"], operation)
        return f"there is no operation {recorded.operation}"

    def _request(self, message: dict[str, Any], item: Node, operation: Node) -> str:
        described: dict[tuple[str, str], Node] = {}
        for holder in (item, operation):
            for used in holder.child("parameters", []).list():
                parameter = self.document.follow(used)
                described[str(parameter.get("in")), str(parameter.get("name"))] = parameter
        for where in ("path", "query", "header"):
            given = message.get(where, {})
            for name, value in given.items():
                if (where, name) not in described:
                    return f"there is no {where} parameter {name}"
                if fault := self._schema(described[where, name].get("schema", {}), value):
                    return f"{where} parameter {name}: {fault}"
            for (place, name), parameter in described.items():
                if place == where and parameter.get("required") is True and name not in given:
                    return f"the {where} parameter {name} is required"
        if "requestBody" not in operation:
            return "no body is taken" if "body" in message else ""
        body = self.document.follow(operation["requestBody"])
        if "body" not in message:
            return "a body is required" if body.get("required") is True else ""
        return self._content(body, message)

    def _reply(self, message: dict[str, Any], operation: Node) -> str:
        responses = operation.child("responses", {})
        status = message["status"]
        for name in (status, f"{status[:1]}XX", "default"):
            if name in responses:
                return self._content(self.document.follow(responses[name]), message)
        return f"the reply {status} is not described"

    def _content(self, holder: Node, message: dict[str, Any]) -> str:
        content = holder.child("content", {})
        if not content.value or "body" not in message:
            return ""
        media = message.get("media", "application/json")
        if media not in content:
            return f"the media type {media} is not described"
        return self._schema(content[media].get("schema", {}), repeated(message))

    def _schema(self, schema: Any, value: Any) -> str:
        if not isinstance(schema, dict):
            return "" if schema else "nothing passes"
        rooted = {**schema, "components": self.document.value.get("components", {})}
        try:
            jsonschema_rs.Draft202012Validator(rooted).validate(value)
        except jsonschema_rs.ValidationError as error:
            place = "/".join(str(each) for each in error.instance_path)
            return f"{place}: {error.message}" if place else str(error.message)
        except (ValueError, RecursionError) as error:
            return f"the schema cannot be used: {error}"
        return ""


def title(each: Broken) -> str:
    """Markdown, safe."""
    return f"{each.recorded.direction} {code(each.recorded.path.removeprefix(FOLDER + '/'))}: {code(each.reason, 200)}"
