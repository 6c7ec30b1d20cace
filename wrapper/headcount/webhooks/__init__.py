"""Sinch's webhooks, received: what they confirm of contacts that a load left `accepted`.

    uvicorn --factory headcount.webhooks:from_env         # the receiver, with settings from the environment

`docs/webhooks.md` says how to set it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headcount.webhooks.confirmations import Confirmation, Confirmations

if TYPE_CHECKING:
    from headcount.webhooks.receiver import Receiver, from_env

__all__ = ["Confirmation", "Confirmations", "Receiver", "from_env"]


def __getattr__(name: str) -> object:
    # Who only reads confirmations, as the command does, has no need of what a server is made of.
    if name in ("Receiver", "from_env"):
        from headcount.webhooks import receiver

        return getattr(receiver, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
