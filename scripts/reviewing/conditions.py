"""Conditions that a schema gets: whether what passed before meets them, so that they take nothing away."""

from __future__ import annotations

from .documents import Node


def holds_already(old: Node, new: Node) -> bool:
    """Whether `if`, `then` and `else` ask nothing new of the objects that pass the old schema.

    Told for the one form in which an object of known members becomes one of two objects: `if` asks for members that
    were required, so that it always holds and `else` never counts, and `then` for no more than was so.
    """
    condition, consequence = new.get("if"), new.get("then", {})
    return (
        "if" not in old
        and old.get("type") == new.get("type") == "object"
        and isinstance(condition, dict)
        and condition.keys() == {"required"}
        and set(condition["required"]) <= set(old.get("required", []))
        and isinstance(consequence, dict)
        and consequence.keys() <= {"required", "propertyNames"}
        and set(consequence.get("required", [])) <= set(old.get("required", []))
        and _names_pass(old, consequence.get("propertyNames", {}))
    )


def _names_pass(old: Node, names: object) -> bool:
    if names == {}:
        return True
    closed = old.get("additionalProperties") is False
    known = set(old.get("properties", {}))
    return closed and isinstance(names, dict) and names.keys() == {"enum"} and known <= set(names["enum"])
