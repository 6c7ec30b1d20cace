"""Destinations by name: the vendors that are installed, and what `headcount.toml` says of them."""

from __future__ import annotations

import difflib
import inspect
import os
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import attrs

from headcount.core.exchange import Reply
from headcount.destinations.base import Destination, Endpoint
from headcount.errors import UsageError
from headcount.transport import Authorization, Exchange

FILE = "headcount.toml"
OPTIONS = ("key_field", "channel", "region", "on_duplicate", "default_region")
"""Settings that belong to some vendors only: those that the vendor's `from_env` takes."""
TUNING = ("concurrency", "requests_per_second", "max_batch")
_KEYS = ("vendor", "endpoint", "map", "set", *OPTIONS, *TUNING)


@attrs.frozen
class Configured:
    """A destination as its name stands for it: a vendor, with what the file says of it."""

    vendor: str
    options: Mapping[str, str] = attrs.Factory(dict)
    endpoint: Endpoint = None
    mapped: Mapping[str, str] = attrs.Factory(dict)
    constants: Mapping[str, str] = attrs.Factory(dict)
    tuning: Mapping[str, float] = attrs.Factory(dict)


def configured(name: str, file: Path | None = None) -> Configured:
    """What `name` stands for: a destination of the file (default: headcount.toml here, if there is one), else
    a vendor. Raises UsageError for a name that is neither, and for a file that cannot be used.
    """
    destinations = _read(file)
    if name in destinations:
        return _destination(name, destinations[name])
    vendors = _vendors()
    if name in vendors:
        return Configured(name)
    known = [*destinations, *vendors]
    raise UsageError(f"there is no destination {name!r}{_nearest(name, known)}; there are {', '.join(known)}")


def make_destination(
    vendor: str, options: Mapping[str, str], endpoint: Endpoint = None, *, offline: bool = False
) -> Destination:
    """The vendor's destination, with its credentials from the environment; with `offline` without any, fit to
    make contacts ready and for nothing else. Raises UsageError.
    """
    vendors = _vendors()
    if vendor not in vendors:
        raise UsageError(f"the vendor {vendor!r} is not installed; there are {', '.join(vendors)}")
    kind: Any = vendors[vendor].load()
    taken = inspect.signature(kind.from_env).parameters
    for option in options:
        if option not in taken:
            flags = ", ".join(_flag(name) for name in OPTIONS if name in taken)
            raise UsageError(f"{vendor} takes no {_flag(option)}; it takes {flags or 'no options'}")
    arguments: dict[str, Any] = {"endpoint": endpoint, **options}
    destination: Destination = kind(**_unknown(kind), **arguments) if offline else kind.from_env(**arguments)
    return destination


class _NoCredentials:
    """Stands where credentials would, in a destination that makes no call."""

    def authorize(self, exchange: Exchange, timeout: float) -> Authorization:
        raise AssertionError("a plan makes no call")

    def review(self, reply: Reply, authorization: Authorization) -> Reply:
        raise AssertionError("a plan makes no call")


def _unknown(kind: Any) -> dict[str, Any]:
    """Something for each argument without a default, which `from_env` would have taken from the environment."""
    parameters = inspect.signature(kind).parameters.values()
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    return {name: _NoCredentials() if name == "auth" else "unknown" for name in required}


def _vendors() -> dict[str, Any]:
    return {entry.name: entry for entry in sorted(entry_points(group="headcount.destinations"), key=lambda e: e.name)}


def _read(file: Path | None) -> dict[str, Any]:
    path = file or Path(FILE)
    if file is None and not path.exists():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    _check_keys(content, ("destinations",), str(path))
    destinations = content.get("destinations", {})
    if not isinstance(destinations, dict):
        raise UsageError(f"{path}: destinations is a table of tables")
    return destinations


def _destination(name: str, table: Any) -> Configured:
    where = f"destination {name!r}"
    if not isinstance(table, dict):
        raise UsageError(f"{where} is a table")
    _check_keys(table, _KEYS, where)
    vendor = table.get("vendor", name)
    options = {key: _text(table[key], f"{where}: {key}") for key in OPTIONS if key in table}
    tuning = {key: table[key] for key in TUNING if key in table}
    for key, value in tuning.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{where}: {key} is a number, not {value!r}")
    endpoint = table.get("endpoint")
    if isinstance(endpoint, dict):
        endpoint = _texts(endpoint, f"{where}: endpoint")
    elif endpoint is not None:
        endpoint = _text(endpoint, f"{where}: endpoint")
    return Configured(
        _text(vendor, f"{where}: vendor"),
        {key: value for key, value in options.items() if not os.environ.get(f"{vendor}_{key}".upper())},
        endpoint,
        _texts(table.get("map", {}), f"{where}: map"),
        _texts(table.get("set", {}), f"{where}: set"),
        tuning,
    )


def _texts(table: Any, where: str) -> dict[str, str]:
    if not isinstance(table, dict):
        raise UsageError(f"{where} is a table")
    return {key: _text(value, f"{where}: {key}") for key, value in table.items()}


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UsageError(f"{where} is a text, not {value!r}")
    return str(value)


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where} has an unknown key {key!r}{_nearest(key, known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
