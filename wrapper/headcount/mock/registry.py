"""The mocked vendors by name."""

from __future__ import annotations

from typing import Any

from headcount import plugins
from headcount.errors import UsageError
from headcount.mock.vendor import Vendor


def vendor_names() -> list[str]:
    """The names of all mocked vendors that are installed, sorted."""
    return plugins.installed(plugins.MOCKS)


def vendor_type(name: str) -> type[Vendor[Any]]:
    """The mocked vendor of this name. Raises UsageError when there is none, or it cannot be loaded."""
    if name not in vendor_names():
        raise UsageError(f"no mock is called {name!r}; there are {', '.join(vendor_names())}")
    kind = plugins.load(plugins.MOCKS, name)
    if not (isinstance(kind, type) and issubclass(kind, Vendor) and kind.name == name):
        raise UsageError(f"the mock {name!r} is not a Vendor of this name")
    return kind
