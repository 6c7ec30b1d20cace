"""What vendors are made of, found by entry point: in this distribution or in anyone's."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from headcount.errors import HeadcountError, UsageError

DESTINATIONS = "headcount.destinations"
"""The group of the destinations: each entry point names a class."""
MOCKS = "headcount.mocks"
"""The group of the mocked vendors: each entry point names a class."""


def installed(group: str) -> list[str]:
    """The names in a group, sorted."""
    return sorted(entry_points(group=group).names)


def load(group: str, name: str) -> Any:
    """What stands under this name.

    Raises UsageError for a name that is not there, that two distributions take, or that cannot be imported.
    """
    found = list(entry_points(group=group, name=name))
    if not found:
        raise UsageError(f"{group} has no {name!r}; there are {', '.join(installed(group))}")
    if len(found) > 1:
        raise UsageError(f"{group} has {name!r} more than once: from {', '.join(sorted(map(_origin, found)))}")
    try:
        return found[0].load()
    except HeadcountError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        what = f"{name!r} of {group}, from {_origin(found[0])}"
        raise UsageError(f"{what}, cannot be loaded: {type(error).__name__}: {text}") from error


def _origin(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else entry.dist.name
