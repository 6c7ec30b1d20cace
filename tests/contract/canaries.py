"""People and secrets that must show up nowhere, and where they are looked for."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import GeneratorType, TracebackType
from urllib.parse import unquote

import attrs

import headcount
from headcount import Contact, Load

SECRET = "Canary-Secret/9&zq7"
KEY = "Canary-Key/9&zq7"
CREDENTIALS = {
    "EMARSYS_CLIENT_ID": "mock-client",
    "EMARSYS_CLIENT_SECRET": SECRET,
    "EMARSYS_USERNAME": "mock-user",
    "EMARSYS_SECRET": SECRET,
    "PABBLY_API_KEY": KEY,
    "SINCH_KEY_SECRET": SECRET,
}

NAME, SURNAME = "Zbigniewka", "Canariensis"
CANARIES = (
    *(text.casefold() for text in (SECRET, KEY, NAME, SURNAME)),
    "kanarek",
    "canary-ext",
    "kanarienvogel",
    "canarytag",
    "447946",
    "07946",
    "7946 0",
)
"""What is looked for, in any case: of every address, number, name, id, attribute and tag at least a part."""

PACKAGE = Path(headcount.__file__).parent
OF_ROWS = {"input.jsonl", "rejected.jsonl", "rejected.csv", "unknown.jsonl"}
"""The files of a run that hold rows because they are to."""


def email(number: int) -> str:
    return f"{NAME}.{SURNAME}.{number}@kanarek.example"


def phone(number: int) -> str:
    """A number, in one of several spellings."""
    digits = f"79460{number:05}"
    spellings = (f"+44{digits}", f"0044{digits}", f"+44 {digits[:4]} {digits[4:]}", f"+44 ({digits[:4]}) {digits[4:]}")
    return spellings[number % len(spellings)]


def person(number: int, **changes: object) -> Contact:
    contact = Contact(
        external_id=f"Canary-ext-{number}",
        email=email(number),
        phone=phone(number),
        name=f"{NAME} {SURNAME}",
        language="EN_GB",
        consent=True,
        tags=["Canarytag"],
        attributes={"city": f"Kanarienvogel {number}"},
    )
    return attrs.evolve(contact, **changes)


def people(count: int = 12) -> list[Contact]:
    """Good rows, with a repeated one and some of every vendor's bad ones among them."""
    bad = [
        person(90, email=f"{NAME}@@kanarek", phone=f"{SURNAME} 07946", language=NAME),
        person(91, phone=None, email=None),
        person(92, tags=[NAME, {"Canarytag": 7946}], attributes={"city": {"Kanarienvogel": NAME}}),  # type: ignore[list-item, dict-item]
        person(93, email=f"{NAME}\x1b[31m\udcff@kanarek.example", phone="7946 0" * 30),
    ]
    good = [person(number) for number in range(count)]
    return [*good[:4], *bad, good[0], person(1, phone="+447946000001"), *good[4:]]


def assert_silent(text: str | bytes, where: object, more: Collection[str] = ()) -> None:
    """Fails where the text holds a canary, or one of `more`, plain or escaped as in a URL."""
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    for form in {plain.casefold(), unquote(plain).casefold()}:
        for canary in (*CANARIES, *(secret.casefold() for secret in more)):
            at = form.find(canary)
            assert at < 0, f"{where} shows {canary!r}: {form[max(0, at - 200) : at + 200]!r}"


def assert_silent_error(error: BaseException, more: Collection[str] = ()) -> None:
    """Holds an error, all that led to it, and the locals of our own frames to silence."""
    for each in _led_to(error):
        assert_silent(f"{each!r} {each} {each.args!r} {vars(each)!r}", f"{type(error).__name__}", more)
        plain = traceback.TracebackException.from_exception(each, capture_locals=True)
        ours = [frame for frame in plain.stack if Path(frame.filename).is_relative_to(PACKAGE)]
        for frame in ours:
            assert_silent(repr(frame.locals), f"{type(error).__name__} in {frame.name}", more)
    # The lines of a traceback are the source's own: those of a test may hold a canary.
    shown = "".join(traceback.format_exception_only(error))
    assert_silent(shown, type(error).__name__, more)


def _led_to(error: BaseException) -> Iterator[BaseException]:
    seen: dict[int, BaseException] = {}
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen[id(each)] = each
            left += each.__cause__, each.__context__
    yield from seen.values()


def assert_silent_objects(load: Load, more: Collection[str] = ()) -> int:
    """Holds the representations of a load, and of all our objects that it reaches, to silence; how many there are."""
    seen: dict[int, object] = {}
    left: list[object] = [load]
    shown = 0
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, (str, bytes, int, float, type, TracebackType, GeneratorType)):
            continue
        seen[id(each)] = each
        if isinstance(each, Mapping):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, Collection):
            left += [*each]
        if type(each).__module__.partition(".")[0] != "headcount" or isinstance(each, Contact):
            if isinstance(each, Contact):
                assert_silent(f"{each!r} {each}", "Contact", more)
            continue
        shown += 1
        assert_silent(f"{each!r} {each}", type(each).__qualname__, more)
        names = [*getattr(each, "__dict__", ())]
        names += [name for kind in type(each).__mro__ for name in getattr(kind, "__slots__", ()) if hasattr(each, name)]
        left += [getattr(each, name) for name in names]
    return shown


def assert_silent_files(folder: Path, more: Collection[str] = ()) -> set[str]:
    """Holds the files of a run, but those of rows, and the names of all to silence; the names of those that were."""
    names = set()
    for path in folder.rglob("*"):
        assert_silent(str(path.relative_to(folder)), "a file's name", more)
        if path.is_file() and path.name not in OF_ROWS:
            assert_silent(path.read_bytes(), path.name, more)
            names.add(path.name)
    return names


def assert_silent_logs(records: list[logging.LogRecord], more: Collection[str] = ()) -> None:
    """Holds what was logged to silence. What the mocks' own server logs is the vendor's."""
    for record in records:
        if not record.name.startswith("uvicorn"):
            assert_silent(f"{record.getMessage()} {record.args!r} {record.exc_text}", f"log {record.name}", more)
