"""From a key of a load to what the vendor has told of it."""

from __future__ import annotations

from collections.abc import Callable

from headcount.auth import Secret
from headcount.destinations.base import Destination, secret_from_environment
from headcount.destinations.sinch import Sinch
from headcount.errors import UsageError
from headcount.webhooks.confirmations import Confirmation, Confirmations


def webhook_secret() -> Secret:
    """What Sinch signs its webhooks with: `SINCH_WEBHOOK_SECRET`, or the file that `SINCH_WEBHOOK_SECRET_FILE` names.

    Raises UsageError.
    """
    return secret_from_environment("SINCH_WEBHOOK_SECRET")


def announced(to: Destination, confirmations: Confirmations) -> Callable[[str, float], Confirmation | None]:
    """How to find the vendor's own word on a key, told since a moment in Unix seconds.

    Raises UsageError for a vendor other than Sinch, which tells nothing unasked, and for a mode other than create.
    """
    if not isinstance(to, Sinch):
        raise UsageError(f"confirmations are for runs to sinch, not to {to.name}")
    if to.mode != "create":
        raise UsageError(f"confirmations are of contacts that were created; the run's mode is {to.mode}")

    def find(key: str, since: float) -> Confirmation | None:
        external_id = to.external_id(key)
        return None if external_id is None else confirmations.find(external_id, since)

    return find
