"""Sinch's webhooks, received: what they confirm of contacts that a load left `accepted`."""

from __future__ import annotations

from headcount.webhooks.confirmations import Confirmation, Confirmations

__all__ = ["Confirmation", "Confirmations"]
