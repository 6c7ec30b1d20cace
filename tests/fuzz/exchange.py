"""A request and its reply as the checks read them, and what they find in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import attrs
import schemathesis


@attrs.frozen
class Found:
    """One failure: the check that found it, where, and the request that shows it."""

    check: str
    operation: str
    message: str
    request: str

    def __str__(self) -> str:
        return f"{self.check} at {self.operation}: {self.message}\n    {self.request}"


def told(found: Iterable[Found]) -> str:
    """The failures for people: the first of each check at each operation."""
    first: dict[tuple[str, str], Found] = {}
    for each in found:
        first.setdefault((each.check, each.operation), each)
    return "\n".join(str(each)[:1000] for each in first.values())


@attrs.frozen
class Exchange:
    """One call of an operation, as it went over the wire. What is not JSON is None."""

    operation: str
    segments: list[str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int
    reply: Any

    @classmethod
    def of(cls, case: schemathesis.Case[Any], response: Any) -> Exchange:
        """What was really sent, which the case may not say."""
        request = response.request
        address = urlsplit(request.url)
        method = str(case.operation.definition.raw.get("operationId"))
        return cls(
            operation=method if request.method == case.operation.method.upper() else "",
            segments=[unquote(segment) for segment in address.path.split("/")],
            query=dict(parse_qsl(address.query, keep_blank_values=True)),
            headers=request.headers,
            body=_json(request.body),
            status=response.status_code,
            reply=_json(response.content),
        )

    @property
    def accepted(self) -> bool:
        """The vendor did what was asked."""
        return 200 <= self.status < 300


def _json(content: bytes | str | None) -> Any:
    try:
        return json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
