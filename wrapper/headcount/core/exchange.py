"""One HTTP exchange as plain data: what is sent, and what comes back instead of an exception."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from headcount.errors import FatalError
from headcount.outcome import Kind


def _without_query(url: str) -> str:
    # A look-up's query holds the number it asks for.
    return repr(url.partition("?")[0])


@attrs.frozen
class Request:
    """A request without its credentials; the transport adds those."""

    method: str
    url: str = attrs.field(repr=_without_query)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class Reply:
    """A reply read whole. Header names are lower case.

    `renewable` is True on a 401 for a token that will be fetched anew at the next send.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    renewable: bool = False
    handed_over: bool = True
    """False when the server answered before the kernel had taken the last byte of the body."""
    hint: str | None = None
    """What the authorization knows about a 401, for people."""

    @property
    def successful(self) -> bool:
        """Its status is one of the 2xx."""
        return 200 <= self.status <= 299


@attrs.frozen
class Failure:
    """No readable reply came.

    `handed_over` is True when the kernel took the last byte of the body, so that the vendor may have acted.
    `fatal` is set when sending again cannot help: the credentials were refused, or the endpoint is wrong.
    """

    kind: Kind
    handed_over: bool
    detail: str
    fatal: FatalError | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
