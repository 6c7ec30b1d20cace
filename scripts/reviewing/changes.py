"""Every change between two documents, and what it means on the wire.

Schemas that stand under a name are compared once, in the directions in which operations use them; what an operation
writes in place is compared there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from .documents import METHODS, Direction, Document, Node, label
from .markdown import code, codes
from .reply_codes import KEYWORD as REPLY_CODES
from .reply_codes import reply_code_changes
from .schemas import Difference, Effect, Schemas, is_annotation, key
from .security import security_changes
from .servers import server_changes
from .verdict import Change, Severity
from .webhooks import webhook_changes

REQUEST, REPLY = Direction.REQUEST, Direction.REPLY
MAJOR, MINOR, PATCH = Severity.MAJOR, Severity.MINOR, Severity.PATCH

MEANING: dict[tuple[Effect, Direction], tuple[Severity, str]] = {
    (Effect.FEWER, REQUEST): (MAJOR, "what was accepted before can be rejected before sending"),
    (Effect.MORE, REQUEST): (MINOR, "everything that was accepted still is"),
    (Effect.OTHER, REQUEST): (MAJOR, "what was accepted before may be rejected before sending"),
    (Effect.ADDED, REQUEST): (MINOR, "callers may leave it out"),
    (Effect.GONE, REQUEST): (MAJOR, "callers who set it break, and contacts with it can be rejected before sending"),
    (Effect.BEHAVIOUR, REQUEST): (MAJOR, "callers who leave it out get another value without having asked for it"),
    (Effect.DEPRECATED, REQUEST): (MINOR, "it goes on working; callers should move away from it"),
    (Effect.FEWER, REPLY): (MINOR, "replies promise more; callers need no change as long as the vendor keeps to it"),
    (Effect.MORE, REPLY): (MAJOR, "callers can meet what they were never told of"),
    (Effect.OTHER, REPLY): (MAJOR, "callers who read it meet something else"),
    (Effect.ADDED, REPLY): (MINOR, "callers who do not know it are not concerned"),
    (Effect.GONE, REPLY): (MAJOR, "callers who read it break"),
    (Effect.BEHAVIOUR, REPLY): (PATCH, "nothing reads a reply's default"),
    (Effect.DEPRECATED, REPLY): (MINOR, "it still comes; callers should stop reading it"),
}
WORDS = ("tags", "openapi", "jsonSchemaDialect")
"""Members that no rule judges and that change no call; what tags do to the generated names is told there."""
SPECIAL: dict[tuple[str, Effect, Direction], tuple[Severity, str]] = {
    ("required", Effect.FEWER, REQUEST): (MAJOR, "contacts without it will be rejected before sending"),
    ("required", Effect.MORE, REQUEST): (MINOR, "callers may leave it out"),
    ("required", Effect.FEWER, REPLY): (MINOR, "callers can rely on it; a reply without it is not readable any more"),
    ("required", Effect.MORE, REPLY): (MAJOR, "callers who read it must expect that it is missing"),
    ("enum", Effect.FEWER, REQUEST): (MAJOR, "contacts with such a value will be rejected before sending"),
    ("enum", Effect.MORE, REPLY): (
        MAJOR,
        "the generated type has another value: callers who handle every value, or pass it on, do not know it",
    ),
    ("additionalProperties", Effect.MORE, REPLY): (MINOR, "callers who ignore members that they do not know go on"),
}


def wire_changes(old: Document, new: Document) -> list[Change]:
    """What a reader of the two documents has to know, each change once."""
    return list(dict.fromkeys(Walk(old, new).all()))


class Walk:
    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = old, new
        self.schemas = Schemas(old, new)
        self._usages = old.usages(), new.usages()

    def all(self) -> Iterator[Change]:
        yield from self._operations()
        yield from self._components()
        yield from server_changes(self.old, self.new)
        yield from security_changes(self.old, self.new)
        yield from webhook_changes(self)
        yield from reply_code_changes(self.old, self.new)
        yield from self._rest()

    # Schemas

    def schema(self, old: Node, new: Node, directions: set[Direction], used: str, name: str = "") -> Iterator[Change]:
        """name: what the schema is called in the report, where its pointer says it badly."""
        for difference in self.schemas.compare(old, new):
            yield self._judged(difference, directions, used, name)

    def _judged(self, difference: Difference, directions: set[Direction], used: str, name: str) -> Change:
        gone = difference.effect is Effect.GONE
        pointer = difference.old if gone or self.new.find(difference.new) is None else difference.new
        removed = pointer == difference.old and self.new.find(pointer) is None
        subject = code(name or label(pointer.rsplit("/", difference.depth)[0] if difference.depth else pointer))
        if difference.effect is Effect.WORDS or not directions:
            why = "no operation used it" if not directions and difference.effect is not Effect.WORDS else ""
            return Change(PATCH, pointer, removed, f"{subject}: {difference.text}" + (f" ({why})" if why else ""))
        keyword = difference.keyword.replace("const", "enum")
        verdicts = []
        for direction in sorted(directions, key=lambda each: each.value):
            severity, meaning = SPECIAL.get(
                (keyword, difference.effect, direction), MEANING[difference.effect, direction]
            )
            verdicts.append((severity, f"{direction.value}: {meaning}"))
        verdicts.sort(key=lambda each: -each[0])
        meaning = "; ".join(text for _, text in verdicts)
        return Change(verdicts[0][0], pointer, removed, f"{subject}: {difference.text}. In {meaning}{used}.")

    def _directions(self, pointer: str) -> tuple[set[Direction], str]:
        """How a component was used, since a change of it can only break what used it, and by whom it is used at all."""
        found = [usages.get(pointer, {}) for usages in self._usages]
        directions = set(found[0])
        names = sorted({name for usage in found for used in usage.values() for name in used})
        return directions, f" ({codes(names, 4)})" if names else ""

    # Components

    def _components(self) -> Iterator[Change]:
        old, new = self.old.root.child("components", {}), self.new.root.child("components", {})
        for kind in ("schemas", "parameters", "headers", "responses", "requestBodies", "examples", "links"):
            before, after = old.child(kind, {}), new.child(kind, {})
            for name, value in before.items():
                if name not in after:
                    yield Change(PATCH, value.pointer, True, f"{code(name)} is gone from the {kind} with a name")
                else:
                    yield from self._component(kind, value, after[name])
            fresh = [name for name in after.value if name not in before]
            if fresh:
                yield Change(PATCH, after[fresh[0]].pointer, False, f"new among the {kind} with a name: {codes(fresh)}")

    def _component(self, kind: str, old: Node, new: Node) -> Iterator[Change]:
        directions, used = self._directions(old.pointer)
        judges = {
            "parameters": self._parameter, "headers": self.header, "responses": self._response,
            "requestBodies": self._body,
        }  # fmt: skip
        if kind == "schemas":
            yield from self.schema(old, new, directions, used)
        elif kind in judges:
            for change in judges[kind](old, new, used):
                idle = attrs.evolve(change, severity=PATCH, text=f"{change.text} (no operation used it)")
                yield change if directions else idle
        elif key(old.value) != key(new.value):
            yield Change(PATCH, new.pointer, False, f"{code(label(new.pointer))} changed")

    def words(self, old: Node, new: Node, known: tuple[str, ...]) -> Iterator[Change]:
        """Descriptions and the like; what has no rule of its own is named, and nothing is left out."""
        for keyword in dict.fromkeys([*(old.value or {}), *(new.value or {})]):
            if keyword in known or key(old.get(keyword)) == key(new.get(keyword)):
                continue
            removed = keyword not in new
            pointer = (old if removed else new)[keyword].pointer
            where = code(label(new.pointer) or "the document")
            if is_annotation(keyword) or keyword in WORDS or new.pointer == "/info":
                yield Change(PATCH, pointer, removed, f"{where}: {code(keyword)} changed")
            else:
                yield Change(
                    MINOR, pointer, removed, f"{where}: {code(keyword)} changed; no rule judges it: look at it"
                )

    # Operations

    def _operations(self) -> Iterator[Change]:
        before = {(shape(path), method): (path, item, op) for path, method, item, op in self.old.operations()}
        after = {(shape(path), method): (path, item, op) for path, method, item, op in self.new.operations()}
        names = {str(op.get("operationId")): (path, op) for path, _, op in after.values()}
        for each, (path, item, op) in before.items():
            if each in after:
                yield from self._operation(path, item, op, *after[each])
                continue
            name = str(op.get("operationId"))
            title = f"{code(f'{each[1].upper()} {path}')} ({code(name)})"
            if name in names and (shape(names[name][0]), each[1]) not in before:
                text = f"{title} is at {code(names[name][0])} now: its calls go to another place"
            else:
                text = f"the operation {title} is gone: its functions are, too"
            yield Change(MAJOR, op.pointer, True, text)
        for each, (path, _, op) in after.items():
            if each not in before:
                title = f"{code(f'{each[1].upper()} {path}')} ({code(op.get('operationId'))})"
                yield Change(MINOR, op.pointer, False, f"the operation {title} is new")

    def _operation(
        self, old_path: str, old_item: Node, old: Node, new_path: str, new_item: Node, new: Node
    ) -> Iterator[Change]:
        name = code(new.get("operationId"))
        if old_path != new_path:
            text = f"the path {code(old_path)} is written {code(new_path)}: the same calls"
            yield Change(PATCH, new_item.pointer, False, text)
        if old.get("operationId") != new.get("operationId"):
            before = code(old.get("operationId"))
            text = f"the operation {before} is called {name} now: its generated functions are renamed"
            yield Change(MAJOR, new["operationId"].pointer if "operationId" in new else new.pointer, False, text)
        if bool(old.get("deprecated")) != bool(new.get("deprecated")):
            now = bool(new.get("deprecated"))
            text = f"{name} is deprecated now: it goes on working" if now else f"{name} is not deprecated any more"
            yield Change(MINOR if now else PATCH, new.child("deprecated", 0).pointer, "deprecated" not in new, text)
        yield from self._parameters((old_item, old), (new_item, new), name, old_path != new_path)
        yield from self._request_body(old, new, name)
        yield from self._responses(old.child("responses", {}), new.child("responses", {}), name)
        known = ("operationId", "deprecated", "parameters", "requestBody", "responses", "servers", "security")
        yield from self.words(old, new, known)
        yield from self.words(old_item, new_item, ("parameters", "servers", *METHODS))

    def _parameters(
        self, old: tuple[Node, Node], new: tuple[Node, Node], operation: str, moved: bool
    ) -> Iterator[Change]:
        before, after = self._listed(self.old, *old), self._listed(self.new, *new)
        gone = [each for each in before if each not in after]
        for where, name in gone:
            used, value = before[where, name]
            twin = next((each for each in after if each[0] == where and each not in before), None)
            title = f"the {where} parameter {code(name)} of {operation}"
            if where == "path" and moved:
                text = f"{title} is called {code(twin[1] if twin else '')} now: the same calls"
                yield Change(PATCH, used.pointer, True, text)
            elif twin:
                yield Change(MAJOR, value.pointer, True, f"{title} is gone; {code(twin[1])} is new: renamed?")
            else:
                yield Change(MAJOR, value.pointer, True, f"{title} is gone: callers who set it break")
        for (where, name), (used, value) in after.items():
            if (where, name) in before:
                old_used, old_value = before[where, name]
                if old_used.get("$ref") != used.get("$ref") or "$ref" not in used:
                    yield from self._parameter(old_value, value, f" ({operation})")
            elif where == "path" and moved:
                continue
            elif value.get("required") is True:
                text = f"the {where} parameter {code(name)} of {operation} is new and required: every call must set it"
                yield Change(MAJOR, used.pointer, False, text)
            else:
                text = f"the optional {where} parameter {code(name)} of {operation} is new"
                yield Change(MINOR, used.pointer, False, text)

    @staticmethod
    def _listed(document: Document, *holders: Node) -> dict[tuple[str, str], tuple[Node, Node]]:
        """Where and name of each parameter: the place that lists it, and the parameter itself."""
        found = {}
        for holder in holders:
            for used in holder.child("parameters", []).list():
                value = document.follow(used)
                where, name = str(value.get("in")), str(value.get("name"))
                found[where, name.lower() if where == "header" else name] = (used, value)
        return found

    def _parameter(self, old: Node, new: Node, used: str) -> Iterator[Change]:
        name = f"the {code(new.get('in'))} parameter {code(new.get('name'))}"
        for keyword in ("name", "in"):
            before, after = str(old.get(keyword)), str(new.get(keyword))
            if before.lower() != after.lower() or (before != after and old.get("in") != "header"):
                text = (
                    f"the parameter's {code(keyword)} changed from {code(before)} to {code(after)}: calls change{used}"
                )
                renamed_path = keyword == "name" and old.get("in") == new.get("in") == "path"
                yield Change(PATCH if renamed_path else MAJOR, new[keyword].pointer, False, text)
        before, after = old.get("required") is True, new.get("required") is True
        if before != after:
            text = f"{name} is required now: calls without it break" if after else f"{name} is optional now"
            yield Change(
                MAJOR if after else MINOR, new.child("required", 0).pointer, "required" not in new, text + used
            )
        if bool(old.get("deprecated")) != bool(new.get("deprecated")):
            severity = MINOR if new.get("deprecated") else PATCH
            text = f"{name}: {code('deprecated')} changed{used}"
            yield Change(severity, new.child("deprecated", 0).pointer, "deprecated" not in new, text)
        for keyword in ("style", "explode", "allowReserved", "allowEmptyValue"):
            if old.get(keyword) != new.get(keyword):
                text = f"{name}: {code(keyword)} changed, so its values are written another way{used}"
                yield Change(MAJOR, new.child(keyword, 0).pointer, keyword not in new, text)
        if "schema" in old or "schema" in new:
            title = f"{new.get('in')} parameter {new.get('name')}"
            yield from self.schema(old.child("schema", {}), new.child("schema", {}), {REQUEST}, used, title)
        yield from self.content(old, new, REQUEST, used)
        known = ("name", "in", "required", "deprecated", "style", "explode", "allowReserved", "allowEmptyValue")
        yield from self.words(old, new, (*known, "schema", "content"))

    def _request_body(self, old: Node, new: Node, operation: str) -> Iterator[Change]:
        if "requestBody" not in old and "requestBody" not in new:
            return
        if "requestBody" not in new:
            yield Change(MAJOR, old["requestBody"].pointer, True, f"{operation} takes no body any more")
        elif "requestBody" not in old:
            required = self.new.follow(new["requestBody"]).get("required") is True
            text = f"{operation} takes a body now" + (", and must have one: calls without it break" if required else "")
            yield Change(MAJOR if required else MINOR, new["requestBody"].pointer, False, text)
        else:
            before, after = old["requestBody"], new["requestBody"]
            if before.get("$ref") != after.get("$ref") or "$ref" not in after:
                yield from self._body(self.old.follow(before), self.new.follow(after), f" ({operation})")

    def _body(self, old: Node, new: Node, used: str) -> Iterator[Change]:
        before, after = old.get("required") is True, new.get("required") is True
        if before != after:
            text = "the body is required now: calls without it break" if after else "the body is optional now"
            yield Change(
                MAJOR if after else MINOR, new.child("required", 0).pointer, "required" not in new, text + used
            )
        yield from self.content(old, new, REQUEST, used)
        yield from self.words(old, new, ("required", "content"))

    def content(self, old: Node, new: Node, direction: Direction, used: str) -> Iterator[Change]:
        before, after = old.child("content", {}), new.child("content", {})
        for name, media in before.items():
            if name not in after:
                text = f"the media type {code(name)} of {direction.value} is gone{used}"
                yield Change(MAJOR, media.pointer, True, text)
        for name, media in after.items():
            if name not in before:
                text = f"the media type {code(name)} of {direction.value} is new{used}"
                yield Change(MINOR, media.pointer, False, text)
                continue
            yield from self.schema(before[name].child("schema", {}), media.child("schema", {}), {direction}, used)
            if key(before[name].get("encoding")) != key(media.get("encoding")):
                text = f"how {code(name)} is encoded changed{used}"
                yield Change(MAJOR, media.child("encoding", 0).pointer, "encoding" not in media, text)
            yield from self._named("example", before[name].child("examples", {}), media.child("examples", {}), used)
            yield from self.words(before[name], media, ("schema", "encoding", "examples"))

    def _responses(self, old: Node, new: Node, operation: str) -> Iterator[Change]:
        for status, response in old.items():
            if status.startswith("x-"):
                continue
            range_ = next((each for each in (f"{status[:1]}XX", "default") if each in new and each not in old), "")
            if status not in new and range_:
                replies = self.old.follow(response), self.new.follow(new[range_])
                yield from self._response(*replies, f" ({operation} {code(status)})")
                text = f"the reply {code(status)} of {operation} is one of {code(range_)} now"
                yield Change(PATCH, response.pointer, True, text)
                continue
            if status not in new:
                text = f"the reply {code(status)} of {operation} is gone: such a reply is not expected any more"
                yield Change(MAJOR, response.pointer, True, text)
                continue
            other = new[status]
            if response.get("$ref") != other.get("$ref") or "$ref" not in other:
                yield from self._response(
                    self.old.follow(response), self.new.follow(other), f" ({operation} {code(status)})"
                )
            if response.get("$ref") != other.get("$ref"):
                yield Change(
                    PATCH, other.pointer, False, f"the reply {code(status)} of {operation} is written elsewhere"
                )
        for status, response in new.items():
            if status not in old and not status.startswith("x-"):
                text = f"the reply {code(status)} of {operation} is new: it was not documented before"
                yield Change(MINOR, response.pointer, False, text)

    def _response(self, old: Node, new: Node, used: str) -> Iterator[Change]:
        before, after = old.child("headers", {}), new.child("headers", {})
        old_names, new_names = ({name.lower(): value for name, value in each.items()} for each in (before, after))
        for name, header in old_names.items():
            if name not in new_names:
                yield Change(MAJOR, header.pointer, True, f"the header {code(name)} of the reply is gone{used}")
                continue
            other = new_names[name]
            if header.get("$ref") != other.get("$ref") or "$ref" not in other:
                yield from self.header(self.old.follow(header), self.new.follow(other), used)
        for name, header in new_names.items():
            if name not in old_names:
                yield Change(MINOR, header.pointer, False, f"the header {code(name)} of the reply is new{used}")
        yield from self.content(old, new, REPLY, used)
        yield from self._named("link", old.child("links", {}), new.child("links", {}), used)
        yield from self.words(old, new, ("headers", "content", "links"))

    @staticmethod
    def _named(what: str, old: Node, new: Node, used: str) -> Iterator[Change]:
        """Links and examples: no call and no name hangs on them."""
        for name in old.value:
            if key(old.get(name)) != key(new.get(name)):
                pointer = (new if name in new else old)[name].pointer
                how = "changed" if name in new else "is gone"
                yield Change(PATCH, pointer, name not in new, f"the {what} {code(name)} {how}{used}")
        fresh = [name for name in new.value if name not in old]
        if fresh:
            yield Change(PATCH, new[fresh[0]].pointer, False, f"new {what}s: {codes(fresh)}{used}")

    def header(self, old: Node, new: Node, used: str) -> Iterator[Change]:
        before, after = old.get("required") is True, new.get("required") is True
        if before != after:
            text = f"the header {code(label(new.pointer))} is " + (
                "always there now" if after else "not always there now"
            )
            yield Change(
                MINOR if after else MAJOR, new.child("required", 0).pointer, "required" not in new, text + used
            )
        yield from self.schema(old.child("schema", {}), new.child("schema", {}), {REPLY}, used)
        yield from self.words(old, new, ("required", "schema"))

    # The document

    def _rest(self) -> Iterator[Change]:
        known = ("info", "paths", "components", "servers", "security", "webhooks", REPLY_CODES)
        yield from self.words(self.old.root, self.new.root, known)
        yield from self.words(self.old.root.child("info", {}), self.new.root.child("info", {}), ("version",))


def shape(path: str) -> Any:
    """A path without the names of its parameters, by which no call differs."""
    parts = path.split("{")
    return "{}".join([parts[0], *(part.partition("}")[2] for part in parts[1:])])
