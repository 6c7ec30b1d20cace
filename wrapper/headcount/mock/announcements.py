"""What the mocked Sinch announces: what becomes of contacts, signed, to each address, until it is taken there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import heapq
import hmac
import itertools
import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import attrs
import httpx

from headcount.mock.ulid import ulid

_HEADER = "x-sinch-webhook-signature"
_IN_FLIGHT = 8


NOTIFICATIONS = {
    "CONTACT_CREATE": "contact_create_notification",
    "CONTACT_UPDATE": "contact_update_notification",
    "CONTACT_DELETE": "contact_delete_notification",
    "CONTACT_MERGE": "contact_merge_notification",
    "CONTACT_IDENTITIES_DUPLICATION": "duplicated_contact_identities_notification",
}
"""The member that tells what an event is, by the trigger that leads to it (vendor-docs)."""


@attrs.frozen(kw_only=True)
class Deliveries:
    """How events are delivered, and what goes wrong on the way. Numbers of deliveries count from 1.

    nonce: `once` gives every attempt to deliver an event the same nonce and timestamp, `each` its own (both inferred).
    per_second: deliveries that start, at most (client-source: 25 for an app); None means no limit.
    timeout: seconds until an attempt without an answer has failed (inferred).
    first_retry: seconds after a failed attempt until the next, twice as many after each (borrowed from the same
        vendor's SMS service; of this one only the growing is vendor-docs). Anything but 2xx is a failure (vendor-docs).
    last_retry: the longest of these waits, after which it gives up (borrowed too).
    scatter: deliveries are up to so many seconds late, by chance, and so out of order (inferred).
    seed: of that chance.
    late: every so-manieth is `late_by` seconds late (inferred).
    twice: every so-manieth is made a second time, with the same nonce (inferred: at least once).
    never: every so-manieth is not made at all (inferred).
    """

    nonce: Literal["once", "each"] = "each"
    per_second: float | None = 25.0
    timeout: float = 10.0
    first_retry: float = 5.0
    last_retry: float = 81920.0
    scatter: float = 0.0
    seed: int = 0
    late: int | None = None
    late_by: float = 0.0
    twice: int | None = None
    never: int | None = None

    def __attrs_post_init__(self) -> None:
        if any(each is not None and each < 1 for each in (self.late, self.twice, self.never)):
            raise ValueError("late, twice and never must be 1 or more")
        if self.per_second is not None and not self.per_second > 0:
            raise ValueError("per_second must be above 0")

    def to(self, target: str, secret: str | None) -> Webhook:
        """Deliveries of this kind to an address."""
        own = {field.name: getattr(self, field.name) for field in attrs.fields(Deliveries)}
        return Webhook(target=target, secret=secret, **own)


@attrs.frozen(kw_only=True)
class Webhook(Deliveries):
    """Where events go.

    target: the address, plain http and on this machine only (the mock's own rule).
    secret: signs each delivery (vendor-docs); None leaves it unsigned, as the vendor does (vendor-docs).
    app_id: the envelope's; empty for contacts that were made through the API (client-source).
    triggers: the events that it gets (vendor-docs).
    """

    target: str
    secret: str | None = attrs.field(default=None, repr=False)
    app_id: str = ""
    triggers: tuple[str, ...] = tuple(NOTIFICATIONS)

    def __attrs_post_init__(self) -> None:
        if not is_local(self.target):
            raise ValueError("target is an address on this machine, such as http://127.0.0.1:8000/")
        if unknown := set(self.triggers) - NOTIFICATIONS.keys():
            raise ValueError(f"no trigger is called {min(unknown)!r}; there are {', '.join(NOTIFICATIONS)}")
        super().__attrs_post_init__()


def is_local(target: str) -> bool:
    """Whether an address is plain http on this machine."""
    try:
        address = httpx.URL(target)
    except httpx.InvalidURL:
        return False
    here = address.scheme == "http" and address.host in ("127.0.0.1", "::1", "localhost")
    return here and 0 < (address.port or 80) < 65536


@attrs.frozen
class Attempt:
    """One attempt to deliver: the id of the contact that it is about (of the one that is kept, or the first of
    several), the number of the attempt, the answer's status, 0 for none, and the trigger."""

    contact_id: str
    number: int
    status: int
    trigger: str


@attrs.define
class _Delivery:
    webhook: Webhook
    trigger: str
    contact_id: str
    body: bytes
    nonce: str
    signed_at: int
    attempts: int = 0


class Announcements:
    """Delivers in the event loop of the mock's server, at least once each, and ends with it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._nonces = itertools.count(1)
        self._chance: random.Random | None = None
        self._due: list[tuple[float, int, _Delivery]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._in_flight: set[asyncio.Task[None]] = set()
        self.pending = 0
        """How many deliveries are under way or still to come."""
        self.attempts: list[Attempt] = []
        """Every attempt that has come to its end, in that order."""
        self.given_up: list[str] = []
        """The contacts whose delivery failed once too often."""

    def announce(
        self, webhook: Webhook, project: str, trigger: str, contact_id: str, content: Mapping[str, Any], delay: float
    ) -> None:
        """Something became of a contact, and will be seen in `delay` seconds; `content` is the notification."""
        if trigger not in webhook.triggers:
            return
        number = next(self._numbers)
        if _falls(webhook.never, number):
            return
        self._chance = self._chance or random.Random(webhook.seed)
        delay += self._chance.uniform(0, webhook.scatter)
        if _falls(webhook.late, number):
            delay += webhook.late_by
        body = event(webhook.app_id, project, trigger, content, time.time())
        delivery = _Delivery(webhook, trigger, contact_id, body, *self._fresh())
        copies = [delivery]
        if _falls(webhook.twice, number):
            copies = [attrs.evolve(delivery, webhook=attrs.evolve(webhook, nonce="once")) for _ in range(2)]
        for copy in copies:
            self.pending += 1
            self._put(copy, delay)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_all())

    def _put(self, delivery: _Delivery, delay: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), delivery))
        self._changed.set()

    def _fresh(self) -> tuple[str, int]:
        now = time.time()
        return ulid(now, next(self._nonces)), int(now)

    async def _send_all(self) -> None:
        free_at = 0.0
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                self._changed.clear()
                due = max(self._due[0][0], free_at) if self._due else math.inf
                wait = due - time.monotonic()
                if wait > 0 or len(self._in_flight) >= _IN_FLIGHT:
                    await self._until_changed(None if wait == math.inf or wait <= 0 else wait)
                    continue
                delivery = heapq.heappop(self._due)[2]
                if delivery.webhook.per_second is not None:
                    free_at = time.monotonic() + 1 / delivery.webhook.per_second
                task = asyncio.get_running_loop().create_task(self._send(client, delivery))
                self._in_flight.add(task)
                task.add_done_callback(self._done)

    async def _until_changed(self, seconds: float | None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            pass

    def _done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._changed.set()

    async def _send(self, client: httpx.AsyncClient, delivery: _Delivery) -> None:
        webhook = delivery.webhook
        if webhook.nonce == "each":
            delivery.nonce, delivery.signed_at = self._fresh()
        headers = {"Content-Type": "application/json"}
        if webhook.secret is not None:
            headers |= signature(webhook.secret, delivery.body, delivery.nonce, delivery.signed_at)
        try:
            reply = await client.post(webhook.target, content=delivery.body, headers=headers, timeout=webhook.timeout)
            status = reply.status_code
        except httpx.HTTPError:
            status = 0
        delivery.attempts += 1
        self.attempts.append(Attempt(delivery.contact_id, delivery.attempts, status, delivery.trigger))
        wait = webhook.first_retry * 2 ** (delivery.attempts - 1)
        delivered = 200 <= status <= 299
        if not delivered and wait <= webhook.last_retry:
            self._put(delivery, wait)
            return
        if not delivered:
            self.given_up.append(delivery.contact_id)
        self.pending -= 1


def event(app_id: str, project: str, trigger: str, content: Mapping[str, Any], moment: float) -> bytes:
    """An event's body, laid out as CONTACT_CREATE's is in the vendor's own test vector (client-source); that the
    others are laid out likewise is inferred."""
    members = {
        "app_id": app_id,
        "accepted_time": datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "project_id": project,
        NOTIFICATIONS[trigger]: content,
        "message_metadata": "",
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def told(contact: Mapping[str, Any]) -> dict[str, Any]:
    """A contact as events tell it. The vector has no `channel_priority`; where a contact has one, that it comes last
    is inferred."""
    names = ("id", "channel_identities", "display_name", "email", "external_id", "metadata", "language")
    priority: Sequence[str] = contact["channel_priority"]
    return {**{name: contact[name] for name in names}, **({"channel_priority": priority} if priority else {})}


def signature(secret: str, body: bytes, nonce: str, timestamp: int) -> dict[str, str]:
    """The four headers of a signed delivery (vendor-docs)."""
    digest = hmac.digest(secret.encode(), body + f".{nonce}.{timestamp}".encode(), hashlib.sha256)
    return {
        _HEADER: base64.b64encode(digest).decode("ascii"),
        f"{_HEADER}-nonce": nonce,
        f"{_HEADER}-timestamp": str(timestamp),
        f"{_HEADER}-algorithm": "HmacSHA256",
    }


def _falls(every: int | None, number: int) -> bool:
    return every is not None and number % every == 0
