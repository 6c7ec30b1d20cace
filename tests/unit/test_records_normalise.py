from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import email_validator
import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headcount.errors import UsageError
from headcount.outcome import Kind
from headcount.records import normalise
from headcount.records.normalise import Refused
from headcount_api import specs

SINCH = frozenset(specs.load("sinch_batch")["components"]["schemas"]["Language"]["enum"])


def refused(call: Callable[[], object], *, leaks: str | None = None) -> tuple[Kind, str]:
    with pytest.raises(Refused) as caught:
        call()
    problem = caught.value.problem
    assert problem.detail
    if leaks is not None:
        assert leaks not in problem.detail
        assert leaks not in str(caught.value)
    return problem.kind, problem.detail


# Phones


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("+447911123456", None, "+447911123456"),
        ("+44 7911 123456", None, "+447911123456"),
        ("+44 (0)7911 123456", None, "+447911123456"),
        ("+4407911123456", None, "+447911123456"),
        ("00447911123456", None, "+447911123456"),
        ("(0044) 7911-123456", None, "+447911123456"),
        ("07911 123456", "GB", "+447911123456"),
        ("0044 7911 123456", "US", "+447911123456"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("+39 06 1234 5678", None, "+390612345678"),
        ("+390612345678", None, "+390612345678"),
        ("٠٧٩١١١٢٣٤٥٦", "GB", "+447911123456"),
        ("+٤٤٧٩١١١٢٣٤٥٦", None, "+447911123456"),
        ("\uff0b\uff14\uff14 7911 123456", None, "+447911123456"),
        ("\u202a+44 7911 123456\u202c", None, "+447911123456"),
        ("+78001234567", None, "+78001234567"),
        ("+88612345678", None, "+88612345678"),
        (" +447911123456 ", None, "+447911123456"),
    ],
)
def test_phone_becomes_e164(text: str, region: str | None, expected: str) -> None:
    assert normalise.phone(text, region) == expected


@pytest.mark.parametrize(
    ("text", "region", "word"),
    [
        ("07911123456", None, "dialing code"),
        ("917989712345", None, "dialing code"),
        ("1-800-FLOWERS", "US", "letters"),
        ("+1-800-FLOWERS", None, "letters"),
        ("+44 20 7946 0958 ext 12", None, "extension"),
        ("+44 20 7946 0958 x12", None, "extension"),
        ("+44 20 7946 0958 #12", None, "extension"),
        ("+44123", None, "short"),
        ("+4479111234560", None, "long"),
        ("+5215512345678", None, "long"),
        ("+999123456789", None, "dialing code"),
        ("+07911123456", "GB", "dialing code"),
        ("+447911123456, +447911123457", None, "phone number"),
        ("+447911123456 / +447911123457", None, "phone number"),
        ("none", None, "letters"),
        ("-", "GB", "phone number"),
        ("+", None, "phone number"),
        ("+" + "4" * 5000, None, "long"),
    ],
)
def test_phone_refuses(text: str, region: str | None, word: str) -> None:
    kind, detail = refused(lambda: normalise.phone(text, region), leaks=text.strip("+-") or None)
    assert kind is Kind.INVALID_VALUE
    assert word in detail


SCARS = [
    "4.47911E+11",
    "4,47911E+11",
    "4.47911e11",
    "447911123456.0",
    "447911123456,00",
    "+4.47911E+11",
    " 4E+11 ",
]


@pytest.mark.parametrize("text", SCARS)
def test_spreadsheet_scars_are_damage(text: str) -> None:
    assert normalise.damaged(text)
    for call in (normalise.phone, normalise.phone_digits):
        for region in (None, "GB"):
            kind, detail = refused(lambda: call(text, region), leaks=text.strip())  # noqa: B023
            assert kind is Kind.DAMAGED_VALUE
            assert "spreadsheet" in detail


@pytest.mark.parametrize("text", ["+447911123456", "0207.946.0958", "020 7946 0958", "4.0", "1.5", "2E", "none"])
def test_what_is_written_by_hand_is_not_damage(text: str) -> None:
    assert not normalise.damaged(text)


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("917989712345", None, "917989712345"),
        ("91 79897 12345", None, "917989712345"),
        ("+917989712345", None, "917989712345"),
        ("00917989712345", None, "917989712345"),
        ("07989712345", "IN", "917989712345"),
        ("7989712345", "IN", "917989712345"),
        ("٩١٧٩٨٩٧١٢٣٤٥", None, "917989712345"),
        ("4407911123456", None, "447911123456"),
    ],
)
def test_phone_digits(text: str, region: str | None, expected: str) -> None:
    assert normalise.phone_digits(text, region) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("07911123456", "dialing code"),
        ("(0)7911123456", "dialing code"),
        ("44123", "short"),
        ("9179897xxxxx", "letters"),
    ],
)
def test_phone_digits_refuses(text: str, word: str) -> None:
    kind, detail = refused(lambda: normalise.phone_digits(text, None), leaks=text)
    assert kind is Kind.INVALID_VALUE
    assert word in detail


def _by_libphonenumber(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None  # a local number, without its area code, cannot be reached from everywhere
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


dialing_codes = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)).map(str)
international = st.builds(
    lambda code, rest: f"+{code}{rest}"[:16], dialing_codes, st.text("0123456789", min_size=4, max_size=13)
) | st.from_regex(r"\+[1-9][0-9]{7,14}", fullmatch=True)


@given(international)
@example("+440791112345")
@example("+5491123456789")
@example("+5215512345678")
@example("+1268460123456")
def test_the_quick_way_answers_as_libphonenumber_does(text: str) -> None:
    expected = _by_libphonenumber(text)
    if expected is None:
        refused(lambda: normalise.phone(text, None), leaks=text)
    else:
        assert normalise.phone(text, None) == expected
        assert normalise.phone_digits(text[1:], None) == expected[1:]


@pytest.mark.parametrize("region", ["XX", "de", "Germany", ""])
def test_a_default_region_that_there_is_not_is_refused(region: str) -> None:
    with pytest.raises(UsageError, match="is no region"):
        normalise.check_region(region)


def test_a_default_region_or_none_is_taken() -> None:
    normalise.check_region(None)
    normalise.check_region("DE")


def test_a_local_number_is_refused() -> None:
    refused(lambda: normalise.phone_digits("447911", None), leaks="447911")


# E-mail


@pytest.mark.parametrize(
    "text",
    [
        "x@example.com",
        "User.Name+tag@Example.ORG",
        "a_b-c@sub-domain.example.co.uk",
        "o'brien@example.com",
        "jörg@exämple.com",
        "用户@例子.广告",
        "x@xn--exmple-cua.com",
        "x@trial.test",
    ],
)
def test_email_comes_back_as_given(text: str) -> None:
    assert normalise.email(text) == text
    assert normalise.email(f"  {text}\t") == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("someone", "@"),
        ("a@b@example.com", "not an e-mail"),
        ("@example.com", "before"),
        (".dot@example.com", "before"),
        ("dot..dot@example.com", "before"),
        ("x y@example.com", "before"),
        ("x@example", "after"),
        ("x@-example.com", "after"),
        ("x@ab--cd.com", "after"),
        ("x@example.c0m1", "after"),
        ("x@localhost", "after"),
        ("x@printer.local", "after"),
        ("Ada <ada@example.com>", "not an e-mail"),
        ("x@" + "a" * 64 + ".com", "after"),
        ("x" * 300 + "@example.com", "long"),
        ("@" * 1_000_000, "long"),
    ],
)
def test_email_refuses(text: str, word: str) -> None:
    kind, detail = refused(lambda: normalise.email(text), leaks=text)
    assert kind is Kind.INVALID_VALUE
    assert word in detail


labels = st.from_regex(r"[A-Za-z0-9-]{1,12}", fullmatch=True) | st.sampled_from(["xn--a", "a" * 63, "a" * 64, "test"])
nearly_addresses = st.builds(
    lambda local, domain: local + "@" + ".".join(domain),
    st.from_regex(r"[A-Za-z0-9_.+-]{1,70}", fullmatch=True),
    st.lists(
        labels | st.sampled_from(["com", "local", "LOCALHOST", "arpa", "onion", "invalid"]),
        min_size=1,
        max_size=5,
    ),
)


@given(nearly_addresses)
@example("a@b--c.com")
@example("a@bcd--e.com")
@example("a@b.Onion")
@example("a@" + "b." * 8 + "com")
def test_email_accepts_what_email_validator_accepts(text: str) -> None:
    try:
        email_validator.validate_email(text, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        refused(lambda: normalise.email(text))
    else:
        assert normalise.email(text) == text


# Languages


@pytest.mark.parametrize("code", sorted(SINCH))
def test_every_code_stands_for_itself(code: str) -> None:
    assert normalise.language(code, SINCH) == code
    assert normalise.language(code.lower().replace("_", "-"), SINCH) == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en-gb", "EN_GB"),
        (" pt_br ", "PT_BR"),
        ("es-CO", "ES"),
        ("es-419", "ES"),
        ("es-MX", "ES_MX"),
        ("pt-AO", "PT"),
        ("en-IN", "EN"),
        ("de-AT", "DE"),
        ("eng-GB", "EN_GB"),
        ("deu", "DE"),
        ("no", "NB"),
        ("no-NO", "NB"),
        ("nb-NO", "NB"),
        ("iw", "HE"),
        ("iw-IL", "HE"),
        ("tl", "FIL"),
        ("fil-PH", "FIL"),
        ("in", "ID"),
        ("sr-Latn-RS", "SR"),
        ("zh-Hans", "ZH"),
        ("zh-Hans-CN", "ZH_CN"),
        ("zh-SG", "ZH"),
        ("zh-Hant", "ZH_TW"),
        ("zh-Hant-TW", "ZH_TW"),
        ("zh-Hant-HK", "ZH_HK"),
        ("zh-MO", "ZH_HK"),
        ("zh-Hans-HK", "ZH"),
    ],
)
def test_language_falls_back_by_rule(tag: str, code: str) -> None:
    assert normalise.language(tag, SINCH) == code


@pytest.mark.parametrize("tag", ["english", "Deutsch", "nn", "ku", "xx", "zz-ZZ", "-", "und", "x-foo", "e" * 100_000])
def test_language_refuses(tag: str) -> None:
    kind, _ = refused(lambda: normalise.language(tag, SINCH), leaks=f"'{tag}'")
    assert kind is Kind.INVALID_VALUE


def test_traditional_chinese_never_becomes_the_simplified_code() -> None:
    refused(lambda: normalise.language("zh-TW", frozenset({"ZH", "EN"})))


def test_the_spelling_of_the_vendor_is_kept() -> None:
    assert normalise.language("EN-us", frozenset({"en_US", "de"})) == "en_US"
    assert normalise.language("de-DE", frozenset({"en_US", "de"})) == "de"


# Plain types


@pytest.mark.parametrize("word", ["yes", "YES", " true ", "True", "1"])
def test_yes(word: str) -> None:
    assert normalise.consent(word) is True
    assert normalise.boolean(word) is True


@pytest.mark.parametrize("word", ["no", "No", "false", "FALSE ", "0"])
def test_no(word: str) -> None:
    assert normalise.consent(word) is False
    assert normalise.boolean(word) is False


@pytest.mark.parametrize("word", ["y", "ja", "2", "-1", "on", "opted in", "maybe", "1.0", "unknown", "¹"])
def test_no_other_word_is_guessed_at(word: str) -> None:
    for call in (normalise.consent, normalise.boolean):
        kind, _ = refused(lambda: call(word))  # noqa: B023
        assert kind is Kind.INVALID_VALUE


def test_list_of_text() -> None:
    assert normalise.list_of_text(" a; b c ;;d,e; ") == ["a", "b c", "d,e"]
    assert normalise.list_of_text(" ; ") == []


def test_normal_values_need_no_heavy_library() -> None:
    code = (
        "import sys; from headcount.records import normalise as n;"
        "n.email('x@example.com'); n.language('en-gb', frozenset({'EN_GB'})); n.consent('yes');"
        "print([m for m in ('phonenumbers', 'email_validator', 'langcodes') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
