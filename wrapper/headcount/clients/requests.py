"""The arguments of a generated call made a request, checked against the compiled spec before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import attrs

from headcount.clients.operations import Operation
from headcount.core.batches import Batch
from headcount.core.exchange import Request
from headcount.errors import HeadcountError, UsageError

_SEPARATORS = re.compile(r"[=&,;]")


@attrs.frozen
class Asked:
    """A request, and all that it tells the vendor: what no error text is to quote."""

    request: Request
    told: Batch


def asked(operation: Operation, arguments: Callable[[], Mapping[str, Any]], url: str) -> Asked:
    """The request of a generated call to the server at `url`. Raises UsageError for what the spec refuses."""
    problem = None
    try:
        return _asked(operation, arguments(), url)
    except HeadcountError:
        raise
    except Exception as error:  # noqa: BLE001 a caller's value can be anything
        problem = type(error).__name__
    # Not inside the handler: what was raised there can quote the value.
    raise UsageError(f"{operation.name}: the request cannot be written: a value is not of its type ({problem})")


def _asked(operation: Operation, arguments: Mapping[str, Any], url: str) -> Asked:
    path = operation.path_values(arguments["url"])
    query = arguments.get("params", {})
    operation.check_parameters("path", path)
    operation.check_parameters("query", query)
    body = b""
    if "json" in arguments:
        body = _json(arguments["json"])
        operation.check_body(arguments["json"])
    address = url + arguments["url"]
    if query:
        address = f"{address}?{urlencode(list(_pairs(query)))}"
    headers = {"Accept": "application/json", **arguments.get("headers", {})}
    request = Request(arguments["method"].upper(), address, headers, body)
    told = b"[" + _json(list(_told({**path, **query}))) + b"," + (body or b"null") + b"]"
    return Asked(request, Batch([0], [""], [told]))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _told(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The values of an address, and the pieces of those that are made of several, such as `3=a@example.com`."""
    for name, value in values.items():
        yield {name: value}
        pieces = _SEPARATORS.split(value) if isinstance(value, str) else ()
        yield from ({name: piece} for piece in pieces[1:])


def _pairs(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values as they are written in an address; a list gives its name once for each of its items."""
    for name, value in query.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            yield name, str(each).lower() if isinstance(each, bool) else str(each)
