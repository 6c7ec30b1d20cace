"""The tree of exceptions is the one that its module draws."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from headcount import Kind, Problem, errors

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.HeadcountError)
}


def drawn() -> dict[str, str | None]:
    """Each name in the drawing with the one above it."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.fullmatch(r"    ((?:\|   |\|-- )*)(\w+)(?: .*)?", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        above[depth:] = [found[2]]
        parents[found[2]] = above[depth - 1] if depth else None
    return parents


def test_the_drawing_shows_every_class_under_its_parent() -> None:
    assert drawn() == {
        name: None if kind is errors.HeadcountError else kind.__bases__[0].__name__ for name, kind in CLASSES.items()
    }


@pytest.mark.parametrize("name", [name for name, kind in CLASSES.items() if issubclass(kind, errors.CallError)])
def test_an_error_of_a_call_keeps_its_problem_when_it_is_copied(name: str) -> None:
    problem = Problem(Kind.RATE_LIMITED, "slow down", "7003", 429)
    error = CLASSES[name]("createContacts: slow down", problem)  # type: ignore[call-arg]
    for same in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert isinstance(same, errors.CallError) and type(same) is CLASSES[name]
        assert (str(same), same.problem) == ("createContacts: slow down", problem)


def test_the_wait_is_kept_too() -> None:
    error = errors.RetryLaterError("later", Problem(Kind.RATE_LIMITED), 17.0)
    assert (pickle.loads(pickle.dumps(error)).wait, copy.copy(error).wait) == (17.0, 17.0)
