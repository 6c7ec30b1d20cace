"""What a change of a schema means: does it take less than before, or more?

A schema that takes less breaks those who send; one that takes more breaks those who read. So every keyword is told
apart by that alone here, and `changes` turns it into a severity by the direction in which the schema is used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from enum import Enum
from typing import Any

import attrs

from .conditions import holds_already
from .documents import Document, Node, label
from .markdown import code, codes
from .patterns import includes


class Effect(Enum):
    """What the values that pass are now, compared with those that passed before."""

    FEWER = "fewer"
    MORE = "more"
    OTHER = "other"
    """Some that passed do not, and some that did not do; or that cannot be decided."""
    ADDED = "added"
    """An optional member is described that was not."""
    GONE = "gone"
    """A member is not described any more."""
    BEHAVIOUR = "behaviour"
    """The same values pass, and something else is done with them."""
    DEPRECATED = "deprecated"
    WORDS = "words"
    """Nothing but descriptions, examples, evidence and the like."""

    def turned(self) -> Effect:
        """Within `not`, or in an `if`."""
        return {Effect.FEWER: Effect.MORE, Effect.MORE: Effect.FEWER}.get(self, self)


@attrs.frozen
class Difference:
    """One difference of two schemas. text: Markdown, safe. old, new: the pointers of what differs."""

    effect: Effect
    old: str
    new: str
    text: str
    keyword: str = ""
    """The keyword whose value differs, if it is one keyword's."""
    depth: int = 0
    """How many tokens at the end of the pointers are not the schema's own."""


ANNOTATIONS = frozenset(("title", "description", "example", "examples", "$comment", "externalDocs", "xml", "summary"))
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
OF_NUMBERS = {"minimum": "exclusiveMinimum", "exclusiveMinimum": "minimum"}
OF_NUMBERS |= {"maximum": "exclusiveMaximum", "exclusiveMaximum": "maximum"}
"""The bounds of numbers, each with the other way to write it."""
ONLY_SET = ("format", "multipleOf", "contentEncoding", "contentMediaType", "contentSchema")
FLAGS = ("uniqueItems", "readOnly", "writeOnly", "deprecated", "nullable")
"""False where they are not there."""
SCHEMAS = ("propertyNames", "contains", "unevaluatedItems", "unevaluatedProperties")
MAPS = ("dependentSchemas", "patternProperties")
ALTERNATIVES = ("anyOf", "oneOf")


def is_annotation(keyword: str) -> bool:
    return keyword in ANNOTATIONS or keyword.startswith("x-")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def key(value: Any) -> str:
    """JSON values that are equal have equal keys, and true is not 1."""
    return json.dumps(value, sort_keys=True)


def types(schema: Node) -> frozenset[str] | None:
    """The JSON types that pass; None is any. Integer is a part of number."""
    if "type" not in schema:
        return None
    found = {str(each) for each in as_list(schema.value["type"])}
    if schema.get("nullable") is True:
        found.add("null")
    return frozenset(found | ({"integer"} if "number" in found else set()))


def limit(value: float, keyword: str, lower: bool, whole: bool) -> tuple[float, int]:
    """A bound of numbers that compares with others of its side; of whole numbers it is the first that passes."""
    excluded = keyword.startswith("exclusive")
    if whole:
        first = math.ceil(value) if lower else math.floor(value)
        return (first + (1 if lower else -1) if excluded and first == value else first, 0)
    return (value, (1 if lower else -1) if excluded else 0)


class Schemas:
    """Compares the schemas of an old and a new document."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = old, new
        self._under_way: set[tuple[str, str]] = set()

    def compare(self, old: Node, new: Node) -> list[Difference]:
        """All differences of two schemas. One that both take from the component of one name is left to that."""
        reference = old.get("$ref")
        if reference is not None and reference == new.get("$ref"):
            return list(self._words(old, new))
        followed = self.old.follow(old), self.new.follow(new)
        pair = followed[0].pointer, followed[1].pointer
        if pair in self._under_way:
            return []
        self._under_way.add(pair)
        try:
            found = list(self._compare(*followed))
        finally:
            self._under_way.discard(pair)
        if reference != new.get("$ref"):
            moved = Difference(Effect.WORDS, old.pointer, new.pointer, self._moved(old, new))
            return [self._brought(each, old, new, followed) for each in found] + [moved]
        return found

    @staticmethod
    def _brought(each: Difference, old: Node, new: Node, followed: tuple[Node, Node]) -> Difference:
        """A difference that a changed reference brings along: it stands where the reference does."""
        within = each.new.removeprefix(followed[1].pointer) or each.old.removeprefix(followed[0].pointer)
        inner = label(f"{followed[1].pointer}{within}") if within.count("/") > 1 else ""
        text = f"in {code(inner)}: {each.text}" if inner else each.text
        return attrs.evolve(each, old=old.pointer, new=new.pointer, text=text, depth=0)

    @staticmethod
    def _moved(old: Node, new: Node) -> str:
        names = [code(str(each.get("$ref", "")).rsplit("/", 1)[-1]) if "$ref" in each else "" for each in (old, new)]
        if all(names):
            return f"refers to {names[1]} instead of {names[0]}"
        return f"refers to {names[1]}, was written here before" if names[1] else f"written here, was {names[0]} before"

    def same(self, old: Node, new: Node) -> bool:
        return all(each.effect is Effect.WORDS for each in self.compare(old, new))

    def _compare(self, old: Node, new: Node) -> Iterator[Difference]:
        if isinstance(old.value, bool) or isinstance(new.value, bool):
            yield from self._booleans(old, new)
            return
        before, after = self._alternatives(old, self.old), self._alternatives(new, self.new)
        if self._is_choice(old) or self._is_choice(new):
            yield from self._words(old, new)
            found = list(self._branches(old, new, before, after))
            yield from found
            if not found and self._asserted(old) != self._asserted(new):
                yield Difference(Effect.WORDS, old.pointer, new.pointer, "the choice is written another way")
            return
        for keyword in dict.fromkeys([*old.value, *new.value]):
            yield from self._keyword(keyword, old, new)

    def _booleans(self, old: Node, new: Node) -> Iterator[Difference]:
        if old.value == new.value or (old.value in (True, {}) and new.value in (True, {})):
            return
        if new.value is False:
            yield Difference(Effect.FEWER, old.pointer, new.pointer, "takes nothing any more")
        elif new.value in (True, {}) or old.value is False:
            yield Difference(Effect.MORE, old.pointer, new.pointer, "takes more: the schema here was narrower")
        else:
            yield Difference(Effect.FEWER, old.pointer, new.pointer, "takes less: any value passed here before")

    def _words(self, old: Node, new: Node) -> Iterator[Difference]:
        for keyword in dict.fromkeys([*(old.value or {}), *(new.value or {})]):
            if is_annotation(keyword) and key(old.get(keyword)) != key(new.get(keyword)):
                yield self._at(Effect.WORDS, old, new, keyword, f"{code(keyword)} changed")

    @staticmethod
    def _at(effect: Effect, old: Node, new: Node, keyword: str, text: str) -> Difference:
        return Difference(effect, old.child(keyword, None).pointer, new.child(keyword, None).pointer, text, keyword, 1)

    def _keyword(self, keyword: str, old: Node, new: Node) -> Iterator[Difference]:
        before, after = old.get(keyword), new.get(keyword)
        equal = key(before) == key(after) and (keyword in old) == (keyword in new)
        if keyword == "properties":
            yield from self._properties(old, new)
        elif keyword in ("items", "additionalProperties", *SCHEMAS):
            yield from self._schema(keyword, old, new)
        elif keyword in (*MAPS, "allOf", *ALTERNATIVES, "prefixItems"):
            yield from self._many(keyword, old, new)
        elif keyword == "not":
            yield from self._turned(keyword, old, new, certain=True)
        elif keyword == "if":
            yield from self._turned(keyword, old, new, certain="else" not in old and "else" not in new)
        elif keyword in ("then", "else") and "if" not in old and keyword not in old and holds_already(old, new):
            yield self._at(Effect.WORDS, old, new, keyword, f"{code(keyword)} of that condition is new, too")
        elif keyword in ("then", "else"):
            yield from self._schema(keyword, old, new)
        elif equal or (keyword == "nullable" and ("type" in old.value) and ("type" in new.value)):
            pass
        elif keyword in FLAGS and not before and not after:
            yield self._at(Effect.WORDS, old, new, keyword, f"{code(keyword)} is written out")
        elif is_annotation(keyword):
            yield self._at(Effect.WORDS, old, new, keyword, f"{code(keyword)} changed")
        elif keyword == "deprecated":
            effect = Effect.DEPRECATED if after else Effect.WORDS
            yield self._at(effect, old, new, keyword, "deprecated" if after else "not deprecated any more")
        elif keyword == "type":
            yield from self._type(old, new)
        elif keyword in ("enum", "const"):
            yield from self._enumeration(keyword, old, new)
        elif keyword == "required":
            yield from self._required(old, new)
        elif keyword in OF_NUMBERS:
            yield from self._number(keyword, old, new)
        elif keyword in LOWER or keyword in UPPER:
            yield self._bound(keyword, old, new)
        elif keyword == "pattern":
            yield self._pattern(old, new)
        elif keyword == "uniqueItems":
            text = "repeated items are refused now" if after else "repeated items pass now"
            yield self._at(Effect.FEWER if after else Effect.MORE, old, new, keyword, text)
        elif keyword == "default":
            yield self._at(Effect.BEHAVIOUR, old, new, keyword, self._set(keyword, old, new))
        elif keyword in ("readOnly", "writeOnly"):
            yield self._at(Effect.OTHER, old, new, keyword, self._set(keyword, old, new))
        elif keyword in ONLY_SET and before is None:
            yield self._at(Effect.FEWER, old, new, keyword, self._set(keyword, old, new))
        elif keyword in ONLY_SET and after is None:
            yield self._at(Effect.MORE, old, new, keyword, self._set(keyword, old, new))
        else:
            yield self._at(Effect.OTHER, old, new, keyword, self._set(keyword, old, new))

    @staticmethod
    def _set(keyword: str, old: Node, new: Node) -> str:
        if keyword not in old:
            return f"{code(keyword)} is {code(new.value[keyword])} now, was not set before"
        if keyword not in new:
            return f"{code(keyword)} is not set any more, was {code(old.value[keyword])}"
        return f"{code(keyword)} changed from {code(old.value[keyword])} to {code(new.value[keyword])}"

    def _type(self, old: Node, new: Node) -> Iterator[Difference]:
        before, after = types(old), types(new)
        if before == after:
            if key(old.get("type")) != key(new.get("type")):
                yield self._at(Effect.WORDS, old, new, "type", "`type` is written another way")
            return
        if after is None or (before is not None and before < after):
            effect = Effect.MORE
        elif before is None or after < before:
            effect = Effect.FEWER
        else:
            effect = Effect.OTHER
        names = [" or ".join(as_list(each.get("type", "any type"))) for each in (old, new)]
        yield self._at(effect, old, new, "type", f"type changed from {code(names[0])} to {code(names[1])}")

    def _enumeration(self, keyword: str, old: Node, new: Node) -> Iterator[Difference]:
        before, after = (self._values(each) for each in (old, new))
        if keyword == "const" and "enum" in old and "enum" in new:
            yield self._at(Effect.OTHER, old, new, keyword, self._set(keyword, old, new))
        elif keyword == "const" and ("enum" in old or "enum" in new):
            return
        elif before is None:
            yield self._at(
                Effect.FEWER, old, new, keyword, f"only {codes((after or {}).values())} now, anything before"
            )
        elif after is None:
            yield self._at(Effect.MORE, old, new, keyword, f"any value now, only {codes(before.values())} before")
        else:
            lost = [value for each, value in before.items() if each not in after]
            gained = [value for each, value in after.items() if each not in before]
            if lost:
                yield self._at(Effect.FEWER, old, new, keyword, f"no longer takes {codes(lost)}")
            if gained:
                yield self._at(Effect.MORE, old, new, keyword, f"takes {codes(gained)} too")
            if not lost and not gained:
                yield self._at(Effect.WORDS, old, new, keyword, "the values are in another order")

    @staticmethod
    def _values(schema: Node) -> dict[str, Any] | None:
        if "const" in schema:
            return {key(schema.value["const"]): schema.value["const"]}
        if "enum" in schema:
            return {key(each): each for each in schema.value["enum"]}
        return None

    def _required(self, old: Node, new: Node) -> Iterator[Difference]:
        before, after = old.get("required", []), new.get("required", [])
        for name in after:
            if name not in before:
                yield self._at(Effect.FEWER, old, new, "required", f"{code(name)} is now required")
        for name in before:
            if name not in after and (name in new.get("properties", {}) or name not in old.get("properties", {})):
                yield self._at(Effect.MORE, old, new, "required", f"{code(name)} is no longer required")

    def _bound(self, keyword: str, old: Node, new: Node) -> Difference:
        before, after = old.get(keyword), new.get(keyword)
        if before is None:
            effect = Effect.FEWER
        elif after is None:
            effect = Effect.MORE
        elif after == before:
            effect = Effect.WORDS
        else:
            effect = Effect.FEWER if (after > before) == (keyword in LOWER) else Effect.MORE
        if keyword in ("minLength", "minItems", "minProperties") and not (before or after):
            effect = Effect.WORDS
        return self._at(effect, old, new, keyword, self._set(keyword, old, new))

    def _number(self, keyword: str, old: Node, new: Node) -> Iterator[Difference]:
        """A bound of numbers. One that is written the other way now is one difference, at what is new."""
        other = OF_NUMBERS[keyword]
        rewritten = keyword in new and keyword not in old and other in old and other not in new
        if not rewritten:
            if not (keyword in old and keyword not in new and other in new and other not in old):
                yield self._bound(keyword, old, new)
            return
        lower, whole = keyword in LOWER, types(old) == types(new) == {"integer"}
        before, after = (limit(each[name].value, name, lower, whole) for each, name in ((old, other), (new, keyword)))
        effect = Effect.WORDS if before == after else Effect.FEWER if (after > before) == lower else Effect.MORE
        text = f"{code(keyword)} is {code(new.value[keyword])} now, {code(other)} was {code(old.value[other])}"
        yield self._at(effect, old, new, keyword, text + (": the same numbers" if effect is Effect.WORDS else ""))

    def _pattern(self, old: Node, new: Node) -> Difference:
        before, after = old.get("pattern"), new.get("pattern")
        if before is None:
            effect = Effect.FEWER
        elif after is None:
            effect = Effect.MORE
        else:
            wider, narrower = includes(after, before), includes(before, after)
            if wider and narrower:
                effect = Effect.WORDS
            else:
                effect = Effect.MORE if wider else Effect.FEWER if narrower else Effect.OTHER
        return self._at(effect, old, new, "pattern", self._set("pattern", old, new))

    def _properties(self, old: Node, new: Node) -> Iterator[Difference]:
        before, after = old.child("properties", {}), new.child("properties", {})
        removed = [name for name, _ in before.items() if name not in after]
        added = [name for name, _ in after.items() if name not in before]
        for name in removed:
            twin = next((each for each in added if self.same(before[name], after[each])), None)
            text = f"the member {code(name)} is gone" + (f"; {code(twin)} is new and alike: renamed?" if twin else "")
            yield Difference(Effect.GONE, before[name].pointer, new.pointer, text, "properties", 2)
        required = new.get("required", [])
        for name in added:
            if name not in required:
                text = f"the optional member {code(name)} is new"
                yield Difference(Effect.ADDED, old.pointer, after[name].pointer, text, "properties", 2)
            elif name in old.get("required", []):
                text = f"the member {code(name)} is described now"
                yield Difference(Effect.FEWER, old.pointer, after[name].pointer, text, "properties", 2)
            else:
                text = f"the member {code(name)} is new"
                yield Difference(Effect.ADDED, old.pointer, after[name].pointer, text, "required member", 2)
        for name, value in before.items():
            if name in after:
                yield from self.compare(value, after[name])

    def _schema(self, keyword: str, old: Node, new: Node) -> Iterator[Difference]:
        """A schema under a keyword; where it is absent anything passes."""
        before, after = old.child(keyword, True), new.child(keyword, True)
        if (
            (keyword in old) == (keyword in new)
            and not isinstance(before.value, bool)
            and not isinstance(after.value, bool)
        ):
            yield from self.compare(before, after)
        elif keyword == "additionalProperties" and not (before.value is True and after.value is True):
            text = {
                (True, False): "other members than those listed are refused now",
                (False, True): "other members than those listed pass now",
            }.get(
                (before.value is not False, after.value is not False), "what other members may hold is described anew"
            )
            for each in self._booleans(before, after):
                yield attrs.evolve(each, text=text, keyword=keyword, depth=1)
        elif keyword == "contains":
            effect = Effect.FEWER if keyword in new else Effect.MORE
            yield self._at(effect, old, new, keyword, self._set(keyword, old, new))
        else:
            for each in self._booleans(before, after):
                yield attrs.evolve(each, text=self._set(keyword, old, new) if keyword != "items" else each.text)

    def _turned(self, keyword: str, old: Node, new: Node, certain: bool) -> Iterator[Difference]:
        """A condition or its negation: where it holds more often, fewer values pass."""
        if keyword in old and keyword in new:
            for each in self.compare(old[keyword], new[keyword]):
                effect = each.effect.turned()
                if effect in (Effect.GONE, Effect.ADDED) or (not certain and effect is not Effect.WORDS):
                    effect = Effect.OTHER
                yield attrs.evolve(each, effect=effect, text=f"under {code(keyword)}: {each.text}")
        elif keyword == "if" and keyword in new and holds_already(old, new):
            yield self._at(Effect.WORDS, old, new, keyword, "a condition is new that all that passed before meets")
        elif keyword == "not" or "then" in old or "then" in new or "else" in old or "else" in new:
            effect = Effect.FEWER if keyword in new else Effect.MORE
            yield self._at(effect, old, new, keyword, self._set(keyword, old, new))

    def _many(self, keyword: str, old: Node, new: Node) -> Iterator[Difference]:
        if keyword in MAPS:
            before, after = dict(old.child(keyword, {}).items()), dict(new.child(keyword, {}).items())
        else:
            before = {str(index): each for index, each in enumerate(old.child(keyword, []).list())}
            after = {str(index): each for index, each in enumerate(new.child(keyword, []).list())}
        if keyword == "patternProperties":
            yield from self._pattern_properties(old, new, before, after)
            return
        if keyword == "allOf":
            before, after = self._paired(before, after)
        for name in before.keys() & after.keys():
            yield from self.compare(before[name], after[name])
        for name in before.keys() - after.keys():
            yield Difference(Effect.MORE, before[name].pointer, new.pointer, f"{code(keyword)} asks for one thing less")
        for name in after.keys() - before.keys():
            yield Difference(Effect.FEWER, old.pointer, after[name].pointer, f"{code(keyword)} asks for one thing more")

    def _paired(self, before: dict[str, Node], after: dict[str, Node]) -> tuple[dict[str, Node], dict[str, Node]]:
        def named(branches: dict[str, Node]) -> dict[str, Node]:
            return {str(each.get("$ref", name)): each for name, each in branches.items()}

        return named(before), named(after)

    def _pattern_properties(
        self, old: Node, new: Node, before: dict[str, Node], after: dict[str, Node]
    ) -> Iterator[Difference]:
        closed = all(each.get("additionalProperties") is False for each in (old, new))
        lost, gained = [each for each in before if each not in after], [each for each in after if each not in before]
        for name in before:
            if name in after:
                yield from self.compare(before[name], after[name])
        if len(lost) == len(gained) == 1 and closed and self.same(before[lost[0]], after[gained[0]]):
            wider, narrower = includes(gained[0], lost[0]), includes(lost[0], gained[0])
            effect = Effect.MORE if wider else Effect.FEWER if narrower else Effect.OTHER
            text = f"the pattern of the members' names changed from {code(lost[0])} to {code(gained[0])}"
            yield Difference(effect, before[lost[0]].pointer, after[gained[0]].pointer, text)
            return
        for name in lost:
            effect = Effect.FEWER if closed else Effect.MORE
            text = f"members whose names match {code(name)} are not described any more"
            yield Difference(effect, before[name].pointer, new.pointer, text)
        for name in gained:
            effect = Effect.MORE if closed else Effect.FEWER
            text = f"members whose names match {code(name)} are described now"
            yield Difference(effect, old.pointer, after[name].pointer, text)

    def _alternatives(self, schema: Node, document: Document) -> list[Node]:
        """The branches of a schema that is a choice and nothing else, or the schema itself."""
        asserting = [keyword for keyword in schema.value if not is_annotation(keyword)]
        if self._is_choice(schema):
            found: list[Node] = []
            for branch in schema[asserting[0]].list():
                inner = document.follow(branch)
                nested = isinstance(inner.value, dict) and any(each in inner for each in ALTERNATIVES)
                found += self._alternatives(inner, document) if nested and "$ref" not in branch else [branch]
            return found
        if asserting == ["type"] and isinstance(schema.value["type"], list):
            return [Node(f"{schema.pointer}/type", {"type": each}) for each in schema.value["type"]]
        return [schema]

    @staticmethod
    def _asserted(schema: Node) -> str:
        return key({keyword: value for keyword, value in schema.value.items() if not is_annotation(keyword)})

    @staticmethod
    def _is_choice(schema: Node) -> bool:
        asserting = [keyword for keyword in schema.value if not is_annotation(keyword)]
        return len(asserting) == 1 and asserting[0] in ALTERNATIVES

    def _branches(self, old: Node, new: Node, before: list[Node], after: list[Node]) -> Iterator[Difference]:
        """Pair the branches of two choices: equal ones first, then those of one name, then those of one type."""
        lost, gained = list(before), list(after)
        for old_branch in before:
            for new_branch in gained:
                if self.same(old_branch, new_branch):
                    yield from self.compare(old_branch, new_branch)
                    lost.remove(old_branch)
                    gained.remove(new_branch)
                    break
        for alike in (self._one_name, self._one_type):
            for old_branch in list(lost):
                for new_branch in gained:
                    if alike(old_branch, new_branch):
                        yield from self.compare(old_branch, new_branch)
                        lost.remove(old_branch)
                        gained.remove(new_branch)
                        break
        for branch in lost:
            if any(self._within(branch, self.old, each, self.new) for each in after):
                text = f"{self._kind(branch)} is no choice of its own any more: another one takes it"
                yield Difference(Effect.WORDS, branch.pointer, new.pointer, text)
            else:
                text = f"{self._kind(branch)} is no longer a choice"
                yield Difference(Effect.FEWER, branch.pointer, new.pointer, text)
        for branch in gained:
            if any(self._within(branch, self.new, each, self.old) for each in before):
                text = f"{self._kind(branch)} is a choice of its own now: another one took it already"
                yield Difference(Effect.WORDS, old.pointer, branch.pointer, text)
            else:
                yield Difference(Effect.MORE, old.pointer, branch.pointer, f"{self._kind(branch)} is a new choice")

    @staticmethod
    def _one_name(old: Node, new: Node) -> bool:
        return "$ref" in old and old.get("$ref") == new.get("$ref")

    def _one_type(self, old: Node, new: Node) -> bool:
        before, after = self.old.follow(old), self.new.follow(new)
        return types(before) is not None and key(before.get("type")) == key(after.get("type"))

    @staticmethod
    def _within(branch: Node, of: Document, other: Node, of_other: Document) -> bool:
        """Whether a bare type is a part of another branch: integer of number."""
        inner, outer = of.follow(branch), of_other.follow(other)
        bare = [keyword for keyword in outer.value if not is_annotation(keyword)] == ["type"]
        before, after = types(inner), types(outer)
        return bare and before is not None and after is not None and before <= after

    @staticmethod
    def _kind(branch: Node) -> str:
        if "$ref" in branch:
            return code(str(branch.value["$ref"]).rsplit("/", 1)[-1])
        return code(" or ".join(as_list(branch.get("type", branch.value))) if "type" in branch else branch.value)
