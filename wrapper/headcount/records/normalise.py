"""Cells to normal values: phone numbers, e-mail addresses, languages, consent and the plain types.

Each function takes the text of one cell, never blank, and returns the normal value or raises `Refused`. A
value that is already normal costs one pattern match; only what is not is handed to the library that knows
the subject, which is imported then. No problem ever holds the value or a part of it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import NoReturn

from headcount.errors import UsageError
from headcount.outcome import Kind, Problem
from headcount.records import languages


class Refused(Exception):
    """A cell has no normal value. `problem` says why, without the value; the caller adds the field."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def _refuse(detail: str, kind: Kind = Kind.INVALID_VALUE) -> NoReturn:
    raise Refused(Problem(kind, detail))


# Phone numbers

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
_SCAR = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE]\+?\d{1,3}|\+?\d{5,}[.,]0{1,2}")
_WRITTEN = re.compile(r"[0-9+\s().\-/~\u2010-\u2015\u2212\u30fc\uff0d]+")
_LONGEST_WRITTEN = 60


def damaged(text: str) -> bool:
    """Whether a spreadsheet turned the phone number into a number: `4.47911E+11`, `447911123456.0`."""
    return _SCAR.fullmatch(text.strip()) is not None


def undamaged_phone(text: str) -> str:
    """A phone number as it is given, stripped; refused if a spreadsheet has damaged it."""
    if damaged(text):
        _refuse("a spreadsheet turned the phone number into a number", Kind.DAMAGED_VALUE)
    return text.strip()


def phone(text: str, region: str | None) -> str:
    """A phone number as E.164 with its plus sign.

    A number that begins with `+` or `00` is international; any other is one of `region` (ISO 3166-1
    alpha-2), without which it is refused. The number must be possible by the rules of libphonenumber
    (length and dialing code), which outlive the changes that its notion of validity lags behind.
    Extensions and letters are refused; digits of any script and the usual separators are read.
    """
    if _E164.fullmatch(text) and _canonical(text):
        return text
    written = _plain(text)
    if written.startswith("+"):
        return _parsed(written, None)
    if region is None:
        _refuse("no dialing code: write it as +..., or name --default-region")
    return _parsed(written, region)


def check_region(region: str | None) -> None:
    """Raises UsageError for what is no ISO 3166-1 alpha-2 region with phone numbers; None is none."""
    if region is not None:
        import phonenumbers

        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise UsageError(f"{region!r} is no region: it takes two capital letters, such as GB or DE")


def phone_digits(text: str, region: str | None) -> str:
    """A phone number as Pabbly writes it: its dialing code and digits, without a plus sign.

    As `phone`, but without a region a number that has no `+` is taken to carry its dialing code already:
    the vendor's own notation (its page says "phone number with the dialing code" and shows no plus).
    """
    if region is None and not text.startswith("+"):
        plus = "+" + text
        if _E164.fullmatch(plus) and _canonical(plus):
            return text
        written = _plain(text)
        if written.lstrip("( ").startswith("0"):
            _refuse("no dialing code: write it as +..., or name --default-region")
        return _parsed(written if written.startswith("+") else "+" + written, None)[1:]
    return phone(text, region)[1:]


def _plain(text: str) -> str:
    """The number in ASCII digits, international ones with a `+`; what cannot be one is refused."""
    text = undamaged_phone(text)
    if len(text) > _LONGEST_WRITTEN:
        _refuse("too long for a phone number")
    kept = []
    for character in text:
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            kept.append(str(digit))
        elif character == "\uff0b":
            kept.append("+")
        elif unicodedata.category(character) != "Cf":  # direction marks, as address books copy them
            kept.append(character)
    written = "".join(kept).lstrip("( ")
    if written.startswith("00"):
        written = "+" + written[2:]
    if not _WRITTEN.fullmatch(written):
        _refuse(_why_unwritten(written))
    return written


def _why_unwritten(written: str) -> str:
    if re.search(r"\d\D*(?:ext|#|x|;)\D*\d+\D*$", written, re.IGNORECASE):
        return "the phone number has an extension"
    if any(character.isalpha() for character in written):
        return "the phone number has letters in it"
    return "not a phone number"


def _parsed(written: str, region: str | None) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            _refuse("no such dialing code")
        _refuse("not a phone number")
    if number.extension:
        _refuse("the phone number has an extension")
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason == phonenumbers.ValidationResult.IS_POSSIBLE:
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if reason == phonenumbers.ValidationResult.TOO_SHORT:
        _refuse("too short for a phone number of its dialing code")
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        _refuse("too long for a phone number of its dialing code")
    if reason == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        _refuse("a local phone number, without its area code")
    _refuse("no phone number of its dialing code has that length")


def _canonical(number: str) -> bool:
    """Whether libphonenumber finds this `+` number possible and would write it just so."""
    code = dialing_code(number[1:4])
    if code is None:
        return False
    lengths, prefix = numbering_plan(code)
    national = number[1 + len(code) :]
    if len(national) not in lengths:
        return False
    match = None if prefix is None else prefix.match(national)
    return match is None or (match.end() == 0 and match.lastindex is None)


@cache
def dialing_code(digits: str) -> str | None:
    """The dialing code that a number with these first three digits has, or None."""
    return next((digits[:end] for end in (1, 2, 3) if _region(digits[:end]) is not None), None)


@cache
def _region(dialing_code: str) -> str | None:
    import phonenumbers

    if not (dialing_code.isascii() and dialing_code.isdigit()) or dialing_code.startswith("0"):
        return None
    region = phonenumbers.region_code_for_country_code(int(dialing_code))
    return None if region == phonenumbers.UNKNOWN_REGION else region


@cache
def numbering_plan(dialing_code: str) -> tuple[frozenset[int], re.Pattern[str] | None]:
    """The possible lengths behind a dialing code, and the trunk prefix that is written in vain there."""
    import phonenumbers

    region = _region(dialing_code)
    assert region is not None, "this is asked of dialing codes only"
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(dialing_code), region)
    assert metadata is not None and metadata.general_desc is not None, "every dialing code has its plan"
    general = metadata.general_desc
    prefix = metadata.national_prefix_for_parsing
    return frozenset(general.possible_length), re.compile(prefix) if prefix else None


# E-mail addresses

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,61}(?<!-)"
_EMAIL = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9_+\-]{1,64}(?:\.[A-Za-z0-9_+\-]{1,64}){0,8}"
    rf"@(?:{_LABEL}\.){{1,8}}(?!(?:arpa|invalid|local|localhost|onion|test)\Z)[A-Za-z]{{2,63}}",
    re.IGNORECASE,
)
_LONGEST_EMAIL = 254


def email(text: str) -> str:
    """An e-mail address, stripped and otherwise as given: case and script are left alone.

    The syntax is that of email-validator, international addresses included, without asking the DNS.
    `example.com` and its like pass, and so does the top-level domain `test`, both meant for trials;
    the names that cannot carry mail (`local`, `localhost`, `invalid`, `onion`, `arpa`) do not.
    """
    text = text.strip()
    if _EMAIL.fullmatch(text):
        return text
    if "@" not in text:
        _refuse("not an e-mail address: it has no @")
    if len(text) > _LONGEST_EMAIL:
        _refuse("too long for an e-mail address")
    import email_validator

    try:
        email_validator.validate_email(text, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError as error:
        place = "after" if "after the @-sign" in str(error).lower() else "before"
        _refuse(f"not an e-mail address: what stands {place} the @ is not valid")
    return text


# Languages


def language(text: str, codes: frozenset[str]) -> str:
    """The code out of `codes` that a BCP-47 tag or one of the codes themselves stands for.

    Upper and lower case, `-` and `_` are alike. `headcount.records.languages` has the rules.
    """
    code = languages.match(text.strip(), codes)
    if code is None:
        _refuse("not a language code that the vendor knows")
    return code


# Plain types

_TRUTHS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def consent(text: str) -> bool:
    """Consent in the words yes, no, true, false, 1 and 0. No other word is guessed at."""
    answer = _TRUTHS.get(text.strip().lower())
    if answer is None:
        _refuse("consent must be one of yes, no, true, false, 1, 0, or the cell empty")
    return answer


def boolean(text: str) -> bool:
    """A truth value in the words true, false, yes, no, 1 and 0."""
    answer = _TRUTHS.get(text.strip().lower())
    if answer is None:
        _refuse("must be one of true, false, yes, no, 1, 0")
    return answer


def list_of_text(text: str) -> list[str]:
    """The parts between semicolons, stripped; blank parts are none."""
    return [part for part in map(str.strip, text.split(";")) if part]
