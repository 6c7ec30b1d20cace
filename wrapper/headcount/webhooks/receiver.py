"""The receiver of Sinch's webhooks: an ASGI application for any server, `uvicorn` for one.

What it answers is for the vendor, which delivers at least once and again after anything but 2xx:

    200   stored; or nothing to store: a delivery that came before, another event, a contact without an external id,
          a body that cannot be read. None of these would become better by being sent again.
    401   not signed with the secret, or signed at another time than now. Nothing is said of the reason.
    405   not a POST.    413   too large.
    503   it could not be stored, and its nonce is not used up: to be sent again.

All bodies are empty. A replay is answered like the first delivery and changes nothing, so that a sender that missed the
answer stops, and one that should not have the delivery learns nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import attrs
import msgspec

from headcount.auth import Secret
from headcount.destinations.base import decoded, environment, identifier
from headcount.errors import JournalError, UsageError
from headcount.webhooks.announced import webhook_secret
from headcount.webhooks.confirmations import Confirmations
from headcount.webhooks.signature import WINDOW_SECONDS, Refusal, Signed, verify

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 64 * 1024
"""Bytes of a body, above which it is refused unless the caller says otherwise."""

_log = logging.getLogger(__name__)


class _Contact(msgspec.Struct):
    id: Any = None
    external_id: Any = None


class _Notification(msgspec.Struct):
    contact: _Contact | None = None


class _Event(msgspec.Struct):
    """An event has no type: the key beside the project's id says what it is (vendor's specification)."""

    project_id: Any = None
    contact_create_notification: _Notification | None = None


@attrs.frozen
class Creation:
    """The vendor's word that it created a contact which can be told by its external id."""

    external_id: str = attrs.field(repr=False)
    contact_id: str


def read_creation(body: bytes, project_id: str | None = None) -> Creation | None:
    """The creation that a delivery tells of, in this project if one is given; None for whatever else it holds."""
    event = decoded(body, _Event)
    if event is None or (project_id is not None and event.project_id != project_id):
        return None
    notification = event.contact_create_notification
    contact = None if notification is None else notification.contact
    if contact is None or not isinstance(contact.external_id, str) or not contact.external_id:
        return None
    contact_id = identifier(contact.id)
    return None if contact_id is None else Creation(contact.external_id, contact_id)


class Receiver:
    """Stores in `confirmations` what Sinch, signing with `secret`, says of the contacts that it created.

    With a `project_id`, events of other projects are ignored. `window` is how many seconds a delivery's timestamp may
    be off this machine's clock; processes that share a file share it too. `max_body` is in bytes. `wall_clock` gives
    Unix seconds. When its server shuts down it closes `confirmations`.
    """

    def __init__(
        self,
        confirmations: Confirmations,
        secret: Secret,
        *,
        project_id: str | None = None,
        window: float = WINDOW_SECONDS,
        max_body: int = MAX_BODY,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises UsageError for a window or a size that cannot be."""
        if not (window >= 0 and max_body > 0):
            raise UsageError("the window is 0 seconds or more, and a body has at least 1 byte")
        self._confirmations = confirmations
        self._secret = secret
        self._project_id = project_id
        self._window = window
        self._max_body = max_body
        self._wall_clock = wall_clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application of ASGI 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            raise ValueError(f"no scope of type {scope['type']!r} is served here")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await asyncio.to_thread(self._confirmations.close)
        except JournalError as error:
            await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 405
        if scope["method"] == "POST":
            body = await self._read(receive)
            if body is None:
                return
            too_large = len(body) > self._max_body
            status = 413 if too_large else await self._take(scope["headers"], body)
        headers = [(b"content-length", b"0")]
        if status == 405:
            headers.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or enough of it to see that it is too large; None when the sender has gone."""
        body = bytearray()
        while len(body) <= self._max_body:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        return bytes(body)

    async def _take(self, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
        now = self._wall_clock()
        verdict = verify(self._secret, headers, body, now, self._window)
        if isinstance(verdict, Refusal):
            _log.warning("a delivery was refused: %s", verdict)
            return 401
        creation = read_creation(body, self._project_id)
        if creation is None:
            _log.debug("a delivery was ignored")
            return 200
        try:
            await asyncio.to_thread(self._store, creation, now, verdict)
        except JournalError as error:
            _log.error("a delivery could not be stored: %s", error)
            return 503
        return 200

    def _store(self, creation: Creation, now: float, signed: Signed) -> None:
        until = signed.timestamp + self._window
        new = self._confirmations.confirm(
            creation.external_id, creation.contact_id, now, nonce=signed.nonce, until=until
        )
        _log.debug("a creation was stored" if new else "a delivery came again")


def from_env() -> Receiver:
    """The receiver that the environment describes, for `uvicorn --factory headcount.webhooks:from_env`.

    `SINCH_WEBHOOK_SECRET` is the webhook's secret, or `SINCH_WEBHOOK_SECRET_FILE` the file that it stands in;
    `HEADCOUNT_CONFIRMATIONS` the file of confirmations, made if there is none; `SINCH_PROJECT_ID`, if it is set, the
    only project whose events count. Raises UsageError and JournalError.
    """
    secret = webhook_secret()
    confirmations = Confirmations.open(Path(environment("HEADCOUNT_CONFIRMATIONS")), secret)
    return Receiver(confirmations, secret, project_id=os.environ.get("SINCH_PROJECT_ID") or None)
