"""Destinations by name: the vendors that are installed, and what `headcount.toml` says of them."""

from __future__ import annotations

import difflib
import inspect
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from headcount import plugins
from headcount.core.exchange import Reply
from headcount.destinations.account import option_parameters
from headcount.destinations.base import Destination, Endpoint
from headcount.errors import UsageError
from headcount.transport import Authorization, Exchange

FILE = "headcount.toml"
TUNING = ("concurrency", "requests_per_second", "max_batch")
_KEYS = ("vendor", "endpoint", "map", "set", *TUNING)
"""The keys that every destination of the file may have, beside its vendor's options."""


@attrs.frozen
class Configured:
    """A destination as its name stands for it: a vendor, with what file and environment say of it.

    `options` are settings that belong to this vendor alone: what its `from_env` takes beside `endpoint`.
    """

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
    vendors = plugins.installed(plugins.DESTINATIONS)
    if name in vendors:
        return Configured(name, _options(name, _kind(name), {}))
    known = [*destinations, *vendors]
    raise UsageError(f"there is no destination {name!r}{_nearest(name, known)}; there are {', '.join(known)}")


def make_destination(
    vendor: str, options: Mapping[str, str], endpoint: Endpoint = None, *, offline: bool = False
) -> Destination:
    """The vendor's destination, with its credentials from the environment; with `offline` without any, fit to
    make contacts ready and for nothing else. Raises UsageError.
    """
    kind = _kind(vendor)
    taken = option_parameters(kind)
    for name in options:
        if name not in taken:
            its = f"its options are {', '.join(taken)}" if taken else "it has none"
            raise UsageError(f"{vendor} has no option {name!r}{_nearest(name, taken)}; {its}")
    for name, parameter in taken.items():
        if parameter.default is parameter.empty and name not in options:
            where = f"--option {name}=VALUE, or {_variable(vendor, name)} in the environment"
            raise UsageError(f"{vendor} needs the option {name!r}: {where}")
    arguments: dict[str, Any] = {"endpoint": endpoint, **options}
    destination: Destination = kind(**(_unknown(kind) | arguments)) if offline else kind.from_env(**arguments)
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


def _kind(vendor: str) -> Any:
    """The vendor's class. Raises UsageError when it is not installed, or names an option as no option can be."""
    vendors = plugins.installed(plugins.DESTINATIONS)
    if vendor not in vendors:
        raise UsageError(f"the vendor {vendor!r} is not installed; there are {', '.join(vendors)}")
    kind = plugins.load(plugins.DESTINATIONS, vendor)
    for name in option_parameters(kind):
        if name in _KEYS:
            raise UsageError(f"the vendor {vendor!r} has an option {name!r}, which is a key of every destination")
    return kind


def _options(vendor: str, kind: Any, table: Mapping[str, str]) -> dict[str, str]:
    """The options of the file; what the environment says, as ACME_LIST for the option `list` of acme, goes before."""
    named = {name: os.environ.get(_variable(vendor, name), "") for name in option_parameters(kind)}
    return {**table, **{name: text for name, text in named.items() if text}}


def _variable(vendor: str, option: str) -> str:
    return f"{vendor}_{option}".upper().replace("-", "_")


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
    vendor = _text(table.get("vendor", name), f"{where}: vendor")
    kind = _kind(vendor)
    taken = option_parameters(kind)
    _check_keys(table, (*_KEYS, *taken), where)
    options = {key: _text(table[key], f"{where}: {key}") for key in taken if key in table}
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
        vendor,
        _options(vendor, kind, options),
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


def _check_keys(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where} has no key {key!r}{_nearest(key, known)}; its keys are {', '.join(known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
