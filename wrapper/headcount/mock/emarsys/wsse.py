"""WSSE as Emarsys has it: the digest is over the hexadecimal text of the hash, and the nonce is text."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone

_WINDOW = timedelta(minutes=5)
_SERVER_ZONES = (timezone(timedelta(hours=1)), timezone(timedelta(hours=2)))


def wsse_refusal(header: str, username: str, secret: str, now: datetime | None = None) -> str | None:
    """Why a WSSE header is refused, or None when it is good.

    Lenient as clients are: parts in any order and case, nonce as text, time with or without a zone (the server's own,
    in summer or winter). Base64 is over the hexadecimal text of the SHA-1, and the time may be five minutes off.
    """
    parts = {name.lower(): value for name, value in re.findall(r'(\w+)\s*=\s*"([^"]*)"', header)}
    if not {"username", "passworddigest", "nonce", "created"} <= parts.keys():
        return "missing WSSE"
    text = parts["nonce"] + parts["created"] + secret
    digest = base64.b64encode(hashlib.sha1(text.encode()).hexdigest().encode()).decode()
    if parts["username"] != username or parts["passworddigest"] != digest:
        return "wrong WSSE"
    try:
        created = datetime.fromisoformat(parts["created"])
    except ValueError:
        return "WSSE time not readable"
    possible = [created] if created.tzinfo else [created.replace(tzinfo=zone) for zone in _SERVER_ZONES]
    moment = now or datetime.now(UTC)
    return None if any(abs(moment - each) <= _WINDOW for each in possible) else "WSSE expired"
