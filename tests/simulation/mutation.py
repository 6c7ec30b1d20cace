"""How a mutant is made: a small change of core, driver or journal that breaks a promise of a load."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Mutant = Callable[[pytest.MonkeyPatch], None]
"""Makes its change with a MonkeyPatch. The load runs as before, and does or tells what is not so."""
MUTANTS: dict[str, Mutant] = {}
"""By name."""


def mutant(mutate: Mutant) -> Mutant:
    """Enter a mutant."""
    MUTANTS[mutate.__name__] = mutate
    return mutate


def nothing(*_: object, **__: object) -> None:
    """Do nothing, whatever is asked."""
