"""Requests that keep to the schema and are refused all the same, by rules that no schema of one parameter can say.

Of such a request one check says nothing; all others stand for it.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData

from tests.fuzz.exchange import Exchange


@attrs.frozen
class Exemption:
    """The replies of one operation of which a check does not speak, and why."""

    spec: str
    failure: type[Failure]
    operation: str
    applies: Callable[[Exchange], bool]
    reason: str


def _refused_as(words: str) -> Callable[[Exchange], bool]:
    return lambda exchange: exchange.status == 400 and words in exchange.reply.get("error", {}).get("message", "")


def _mixed_filters(exchange: Exchange) -> bool:
    given = exchange.query.keys() & {"channel", "identity", "external_id"}
    return exchange.status == 400 and given not in (set(), {"external_id"}, {"channel", "identity"})


def _odd_page(exchange: Exchange) -> bool:
    return exchange.status == 400 and bool(exchange.query.get("page_token"))


_POSITIVE = RejectedPositiveData
_SINCH = "sinch_conversation"

EXEMPTIONS = (
    Exemption(_SINCH, _POSITIVE, "listContacts", _mixed_filters, "channel and identity go together, external_id alone"),
    Exemption(_SINCH, _POSITIVE, "listContacts", _odd_page, "a page token is one that was given out"),
    Exemption(_SINCH, _POSITIVE, "listIdentityConflicts", _odd_page, "a page token is one that was given out"),
    Exemption(
        _SINCH, _POSITIVE, "createWebhook", _refused_as("webhook with this target"), "an app has one for a target"
    ),
    Exemption(
        _SINCH, _POSITIVE, "updateWebhook", _refused_as("webhook with this target"), "an app has one for a target"
    ),
    Exemption(_SINCH, _POSITIVE, "mergeContacts", _refused_as("destination itself"), "a contact is not its own source"),
)


def exempt(spec: str, failure: type[Exception], exchange: Exchange) -> bool:
    """Whether this failure of a check says nothing of this exchange."""
    return any(
        (each.spec, each.operation) == (spec, exchange.operation)
        and issubclass(failure, each.failure)
        and each.applies(exchange)
        for each in EXEMPTIONS
    )
