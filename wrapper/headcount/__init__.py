"""Create contacts in bulk on Sinch Conversation, Emarsys and Pabbly Chatflow, and account for every one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headcount.asynchronous import AsyncLoad, aload
    from headcount.contact import Contact
    from headcount.errors import (
        CallError,
        ConflictError,
        HeadcountError,
        NotFoundError,
        RefusedError,
        RetryLaterError,
        UnknownOutcomeError,
    )
    from headcount.loading import Load, load
    from headcount.outcome import Kind, Outcome, Problem, Report, Status
    from headcount.reconciling import reconcile

__all__ = [
    "AsyncLoad",
    "CallError",
    "ConflictError",
    "Contact",
    "HeadcountError",
    "Kind",
    "Load",
    "NotFoundError",
    "Outcome",
    "Problem",
    "RefusedError",
    "Report",
    "RetryLaterError",
    "Status",
    "UnknownOutcomeError",
    "aload",
    "load",
    "reconcile",
]

_HOMES = {
    "AsyncLoad": "asynchronous",
    "CallError": "errors",
    "ConflictError": "errors",
    "Contact": "contact",
    "HeadcountError": "errors",
    "Kind": "outcome",
    "Load": "loading",
    "NotFoundError": "errors",
    "Outcome": "outcome",
    "Problem": "outcome",
    "RefusedError": "errors",
    "Report": "outcome",
    "RetryLaterError": "errors",
    "Status": "outcome",
    "UnknownOutcomeError": "errors",
    "aload": "asynchronous",
    "load": "loading",
    "reconcile": "reconciling",
}


def __getattr__(name: str) -> object:
    # The command shows its help without the HTTP and JSON libraries that a load needs.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
