"""The signature of a Sinch webhook: base64 of the HMAC-SHA256 of body, nonce and timestamp, with dots between.

From the vendor's documentation of callbacks and the test vector in its SDKs. The vendor asks receivers to look at the
timestamp's age and at nonces seen before, and names no window.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from enum import StrEnum

import attrs

from headcount.auth import Secret

WINDOW_SECONDS = 300.0
"""How far a timestamp may be from this machine's clock, either way, unless the caller says otherwise."""

_PREFIX = b"x-sinch-webhook-signature"
_ALGORITHM = b"HmacSHA256"
# Neither may hold a dot: the same signed text would then have several readings, each with a nonce of its own.
_NONCE = re.compile(rb"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


class Refusal(StrEnum):
    """Why a delivery is not taken for the vendor's. For the receiver's log, not for the sender."""

    UNSIGNED = "it is not signed"
    MALFORMED = "a header of its signature is missing, doubled or malformed"
    FORGED = "its signature is wrong, or of another secret"
    OUTSIDE_WINDOW = "it was signed at another time than this machine's clock shows"


@attrs.frozen
class Signed:
    """What a valid signature says of its delivery: the nonce, and when it was signed in Unix seconds."""

    nonce: str
    timestamp: int


def verify(
    secret: Secret, headers: Iterable[tuple[bytes, bytes]], body: bytes, now: float, window: float = WINDOW_SECONDS
) -> Signed | Refusal:
    """Whether the holder of the secret signed this body, within `window` seconds of `now` (Unix seconds).

    `headers` are name and value as ASGI gives them, `body` the bytes as they came. Raises nothing, whatever they hold.
    A nonce seen before is the caller's to refuse.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name.lower().startswith(_PREFIX):
            found.setdefault(name.lower().removeprefix(_PREFIX), []).append(value)
    if not found:
        return Refusal.UNSIGNED
    match (found.get(b""), found.get(b"-nonce"), found.get(b"-timestamp"), found.get(b"-algorithm")):
        case ([signature], [nonce], [timestamp], [algorithm]) if (
            algorithm == _ALGORITHM and _NONCE.fullmatch(nonce) and _TIMESTAMP.fullmatch(timestamp)
        ):
            signed_text = b".".join((body, nonce, timestamp))
        case _:
            return Refusal.MALFORMED
    digest = hmac.digest(secret.reveal().encode(), signed_text, hashlib.sha256)
    if not hmac.compare_digest(base64.b64encode(digest), signature):
        return Refusal.FORGED
    if not abs(now - int(timestamp)) <= window:
        return Refusal.OUTSIDE_WINDOW
    return Signed(nonce.decode("ascii"), int(timestamp))
