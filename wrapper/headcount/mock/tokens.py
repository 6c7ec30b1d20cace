"""The mocked OAuth2 token server: client credentials in, access tokens out."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import Counter

import attrs


@attrs.define
class Tokens:
    """The tokens that were issued, whose they are, and how many API calls each has seen."""

    _owners: dict[str, str] = attrs.field(factory=dict, init=False, repr=False)
    _calls: Counter[str] = attrs.field(factory=Counter, init=False, repr=False)

    def issue(self, client: str) -> str:
        """A new token of this client."""
        token = secrets.token_urlsafe(32)
        self._owners[token] = client
        return token

    def refusal(self, token: str, client: str, calls: int | None) -> str | None:
        """Why the token does not open this API call, or None when it does; `calls` is its life in calls."""
        if self._owners.get(token) != client:
            return "invalid token"
        if calls is not None and self._calls[token] >= calls:
            return "token expired"
        self._calls[token] += 1
        return None


def read_basic(header: str) -> tuple[str, str] | None:
    """User and password of an `Authorization: Basic` header, or None."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def read_bearer(header: str) -> str | None:
    """The token of an `Authorization: Bearer` header, or None."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
