"""What a destination is, to the driver and to the door; and what all destinations share."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from operator import contains
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec

from headcount.auth import Secret
from headcount.core.answers import Judgement
from headcount.core.batches import Batch, Envelope, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.text import is_utf8
from headcount.errors import UsageError
from headcount.outcome import Kind, Problem
from headcount.records.check import SchemaCheck, text_values
from headcount.records.decode import decoded as decoded
from headcount.records.fields import Layout
from headcount.records.masking import Words, mask
from headcount.transport import Auth, check_endpoint

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}|-?[0-9]{1,6}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDENTIFIERS = re.compile(r"[A-Za-z0-9_-]{1,64}(?:\n[A-Za-z0-9_-]{1,64})*+")
_PATH = re.compile(r"[A-Za-z0-9_.\[\]-]{1,200}")
_LONG = 7  # shorter ids can stand in a contact by chance
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
SILENT = Problem(Kind.UNANSWERED, "the reply does not say what became of the contact")
Endpoint = str | Mapping[str, str] | None
"""Scheme, host and port instead of the vendor's own: for all its services, or by service."""


class Destination(Protocol):
    """A vendor account that contacts go to, bound to a mode by `in_mode`."""

    name: ClassVar[str]

    @property
    def layout(self) -> Layout:
        """How its contacts are built from columns."""
        ...

    @property
    def check(self) -> SchemaCheck:
        """The check of one contact against the vendor's spec."""
        ...

    @property
    def auth(self) -> Auth:
        """What authorizes its calls."""
        ...

    @property
    def envelope(self) -> Envelope:
        """The bytes around the contacts of a body."""
        ...

    @property
    def limits(self) -> Limits:
        """What it takes in one call."""
        ...

    @property
    def concurrency(self) -> int:
        """Calls in flight unless the caller says otherwise."""
        ...

    @property
    def requests_per_second(self) -> float | None:
        """The vendor's documented limit, if there is one."""
        ...

    @property
    def behaviour(self) -> Behaviour:
        """What its mode promises of repeats and look-ups."""
        ...

    def in_mode(self, mode: str) -> Destination:
        """The same account as it takes contacts in this mode (`create`, `upsert`, `update`, `delete`), in all that is
        said here: which contacts it takes, how, and what its replies mean.

        Raises UsageError for a mode that the vendor does not have, or not with this account's options.
        """
        ...

    def request(self, batch: Batch) -> Request:
        """The call that carries a batch."""
        ...

    def read(self, batch: Batch, reply: Reply) -> Judgement:
        """What a reply says of the batch. Never raises: what cannot be read is unreadable."""
        ...

    def confirms(self, key: str) -> bool:
        """Whether a contact that is found by this key is the one that was accepted, and no other."""
        ...

    def look_up(self, batch: Batch) -> Request:
        """The call that asks whether contacts are there."""
        ...

    def read_look_up(self, batch: Batch, reply: Reply, hint: object) -> Judgement:
        """What its reply says: EXISTING, CREATED, NOT_SENT for what is not there, UNKNOWN for what stays open."""
        ...

    def options(self) -> Mapping[str, str]:
        """What `from_env` takes beside `endpoint`, for the run folder: enough to make the same destination again."""
        ...


def relocated(url: str, endpoint: Endpoint, service: str, services: Sequence[str]) -> str:
    """The URL with scheme, host and port of the endpoint, if one is given for this service.

    Raises UsageError for a service that the vendor does not have, or an address that may not be used.
    """
    override = endpoint if isinstance(endpoint, str) else None
    if isinstance(endpoint, Mapping):
        for name in endpoint:
            if name and name not in services:
                raise UsageError(f"there is no service {name!r} here; the services are {', '.join(services)}")
        override = endpoint.get(service, endpoint.get(""))
    if override is None:
        return url
    check_endpoint(override)
    if urlsplit(override).path.strip("/"):
        raise UsageError("the endpoint may hold no path: it replaces scheme, host and port, and paths stay as they are")
    scheme, netloc, *_ = urlsplit(override)
    return urlunsplit((scheme, netloc, *urlsplit(url)[2:]))


def environment(name: str) -> str:
    """A setting from the environment. Raises UsageError when it is not there or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"the environment has no {name}")
    return value


def secret_from_environment(name: str) -> Secret:
    """A secret from the environment, or from the file that the variable with `_FILE` behind its name names.

    Its name stands in whatever is wrong with it, its text never. Raises UsageError.
    """
    file = os.environ.get(f"{name}_FILE")
    text = _only_line(file, f"{name}_FILE") if file and not os.environ.get(name) else environment(name)
    try:
        return Secret(text)
    except UsageError as error:
        problem = str(error)
    del text  # what shows the locals of a traceback is not to show it
    raise UsageError(f"{name}: {problem}")


def _only_line(file: str, variable: str) -> str:
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{variable}: {file} cannot be read: {error.strerror}") from None
    # What a strict decoder raises would hold the content, and stay in the context of what is raised here.
    text = content.decode("utf-8", "surrogateescape")
    if not is_utf8(text):
        del content, text
        raise UsageError(f"{variable}: {file} is not UTF-8 text")
    return text.removesuffix("\n").removesuffix("\r")


def check_mode(vendor: str, mode: str, modes: Collection[str]) -> None:
    """Raises UsageError for a mode that the vendor does not have."""
    if not isinstance(mode, str) or mode not in modes:
        raise UsageError(f"{vendor} has no mode {mode!r}; it has {', '.join(modes)}")


class Texts:
    """The texts of one reply, made fit to keep. Any of them can speak of any contact of the batch, or quote them all.

    The contacts are decoded at the first text: most replies have none.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._known: tuple[list[dict[str, str]], Words] | None = None

    def masked(self, text: object, position: int | None = None) -> str | None:
        """A vendor's text, of the contact at this position or of them all, without what is personal.

        None for what is no text.
        """
        if not isinstance(text, str) or not text:
            return None
        contacts, words = self._of_contacts()
        of = contacts if position is None else [contacts[position]]
        return mask(text, [value for values in of for value in values.items()], words) or None

    def code(self, value: object) -> str | None:
        """A vendor's code, verbatim, or None for what is none: it is kept and shown, so it may hold nothing else."""
        text = _matching(_CODE, value)
        if text is None or text.lstrip("-").isdigit():
            return text
        _, words = self._of_contacts()
        return None if words.hold_all_of(text) else text

    def field(self, value: object) -> str | None:
        """The path of a field that an error names, or None for what is none."""
        text = _matching(_PATH, value)
        return None if text is None or self.masked(text) != text else text

    def _of_contacts(self) -> tuple[list[dict[str, str]], Words]:
        if self._known is None:
            decoded = (msgspec.json.decode(payload) if payload else None for payload in self._batch.payloads)
            contacts = [text_values(contact) for contact in decoded]
            words = Words(value for values in contacts for value in values.values())
            self._known = contacts, words
        return self._known


def identifier(value: object) -> str | None:
    """A vendor's id as text, or None for what cannot be one."""
    return _matching(_IDENTIFIER, value)


def identifier_of(value: str | None, payload: bytes) -> str | None:
    """The id, or None where it is a piece of the contact itself, such as its phone number."""
    return None if value is not None and len(value) >= _LONG and value.encode() in payload else value


def identifiers(values: Sequence[object], payloads: Sequence[bytes]) -> list[str | None]:
    """`identifier_of` each value that is an id, by the contact at its place; most are told all at once."""
    kinds = set(map(type, values))
    texts = list(map(str, values)) if kinds in ({int}, {str}) else []
    if not texts or not _IDENTIFIERS.fullmatch("\n".join(texts)):
        return [identifier_of(identifier(value), payload) for value, payload in zip(values, payloads, strict=True)]
    if any(map(contains, payloads, map(str.encode, texts))):
        return [identifier_of(text, payload) for text, payload in zip(texts, payloads, strict=True)]
    return list(texts)


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value)
    return text if pattern.fullmatch(text) else None
