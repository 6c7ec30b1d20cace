"""Replies read strictly: what two readers could understand differently cannot be read at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import msgspec

T = TypeVar("T")
U = TypeVar("U")


def json_value(body: bytes) -> Any:
    """The value of a JSON text. Raises ValueError or RecursionError for what is none.

    A name that stands twice in one object is none: which of its values is meant would be a guess.
    """
    return json.loads(body, object_pairs_hook=_members, parse_constant=_no_number)


def decoded(body: bytes, shape: type[T]) -> T | None:
    """A reply's body as `shape`, or None when it cannot be read that way, whatever the reason."""
    try:
        return msgspec.convert(json_value(body), shape, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return None


def guarded(read: Callable[[], T], otherwise: U) -> T | U:
    """What `read` makes of a reply; `otherwise` when it fails in any way, for a reply can hold anything."""
    try:
        return read()
    except Exception:  # noqa: BLE001 a reply that breaks its reader is unreadable, never a traceback
        return otherwise


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
