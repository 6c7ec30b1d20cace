"""The mocked vendors by name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import headcount.mock
from headcount.mock.vendor import Vendor


def vendor_types() -> dict[str, type[Vendor[Any]]]:
    """Every vendor that a module of this package defines, by its name, sorted: a new vendor is one new module."""
    for module in pkgutil.iter_modules(headcount.mock.__path__, "headcount.mock."):
        importlib.import_module(module.name)
    return {kind.name: kind for kind in sorted(Vendor.__subclasses__(), key=lambda kind: kind.name)}
