"""Sinch's webhooks, received: what they confirm of contacts that a load left `accepted`.

    uvicorn --factory headcount.webhooks:from_env         # the receiver, with settings from the environment

`docs/webhooks.md` says how to set it up.
"""

from __future__ import annotations

from headcount.webhooks.confirmations import Confirmation, Confirmations
from headcount.webhooks.receiver import Receiver, from_env

__all__ = ["Confirmation", "Confirmations", "Receiver", "from_env"]
