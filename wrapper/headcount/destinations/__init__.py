"""The vendors that contacts go to; one module each, found by entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headcount.destinations.emarsys import Emarsys
    from headcount.destinations.pabbly import Pabbly
    from headcount.destinations.sinch import Sinch

__all__ = ["Emarsys", "Pabbly", "Sinch"]

_MODULES = {"Emarsys": "emarsys", "Pabbly": "pabbly", "Sinch": "sinch"}


def __getattr__(name: str) -> object:
    # A vendor's module, with its compiled spec, is loaded when the vendor is named.
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
