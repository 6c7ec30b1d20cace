"""Every test that docs/guarantees.md names is there, and every promise of the simulation is named."""

from __future__ import annotations

import re
from pathlib import Path

from tests.simulation.invariants import PROMISES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
NAMED = [(file, names.replace("\n", " ").split(", ")) for file, names in re.findall(r"`([\w/]+\.py): ([^`]+)`", TEXT)]


def test_every_promise_says_what_holds_it() -> None:
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    assert len(sections) == 13
    assert [part.splitlines()[0] for part in sections if "Held by: `" not in part] == [
        "What every simulated load is held to",
        "What nobody can promise",
    ]


def test_every_test_that_is_named_is_there() -> None:
    assert len(NAMED) > 30
    for file, names in NAMED:
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        for name in names:
            assert re.search(rf"^def {name}", source, re.MULTILINE), f"{file} has no {name}"


def test_every_promise_of_the_simulation_is_named() -> None:
    assert {promise.__name__ for promise in PROMISES} <= {name for _, names in NAMED for name in names}
