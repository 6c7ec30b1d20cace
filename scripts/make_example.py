"""Make examples/people.csv, and beside it the ledger of what each demo load must report.

Ten thousand made-up people in eighteen locales, with some 3% of the dirt that real lists carry. The ledger is
kept while the file is written, from what the script itself put into each row; no part of headcount is asked.
E-mail domains are those of RFC 2606. Telephone numbers come from ranges that regulators keep free for film
and drama where there are such, elsewhere from ranges that libphonenumber knows to be given to nobody.

    python scripts/make_example.py [--into DIRECTORY]
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
from faker import Faker

SEED = 20_26
COLUMNS = (
    "external_id",
    "email",
    "phone",
    "given_name",
    "surname",
    "language",
    "consent",
    "city",
    "tags",
    "note",
)
LOADS = {
    "sinch": ["--map", "metadata=note"],
    "emarsys": ["--map", "11=city"],
    "pabbly": ["--map", "attributes.city=city"],
}
GOOD = {"sinch": "accepted", "emarsys": "created", "pabbly": "created"}

# Which load refuses a row with the fault, and as what kind of problem.
FAULTS: dict[str, dict[str, str]] = {
    "no email": {"emarsys": "missing_key"},
    "bad email": {"emarsys": "invalid_value"},
    "no phone": {"pabbly": "missing_key", "sinch": "missing_key"},
    "bad phone": {"pabbly": "invalid_value", "sinch": "invalid_value"},
    "phone without plus": {"sinch": "invalid_value"},
    "phone as a number": dict.fromkeys(LOADS, "damaged_value"),
    "no language": {"sinch": "missing_value"},
    "unknown language": {"sinch": "invalid_value"},
    "doubtful consent": {"emarsys": "invalid_value", "pabbly": "invalid_value"},
    "note too long": {"sinch": "invalid_value"},
    "ragged row": dict.fromkeys(LOADS, "malformed_row"),
    "bad byte": dict.fromkeys(LOADS, "damaged_value"),
}
# How many rows carry what. The first part spoils a row for one load at least, the second for none.
DIRT = {
    "no email": 26,
    "bad email": 24,
    "no phone": 18,
    "bad phone": 20,
    "phone without plus": 10,
    "phone as a number": 30,
    "no language": 10,
    "unknown language": 20,
    "doubtful consent": 10,
    "note too long": 14,
    "ragged row": 10,
    "bad byte": 6,
    "email again": 32,
    "phone again": 32,
    "row again": 20,
    "external_id again": 8,
}
ODDITIES = {
    "quotes": 25,
    "newline": 15,
    "blank cells": 30,
    "trailing cells": 10,
    "spaces around": 30,
    "decomposed": 10,
    "longest note": 5,
}


def numbers(prefix: str, first: int, last: int, width: int) -> list[str]:
    return [f"{prefix}{n:0{width}d}" for n in range(first, last + 1)]


GB = numbers("447700900", 0, 999, 3) + numbers("441632960", 0, 999, 3)  # Ofcom: for TV and radio drama
US = [  # NANPA: 555-0100 to 555-0199 in every area
    number
    for area in (
        202,
        206,
        212,
        303,
        305,
        312,
        404,
        415,
        503,
        512,
        602,
        612,
        617,
        702,
        713,
        718,
        804,
        808,
        901,
    )
    for number in numbers(f"1{area}55501", 0, 99, 2)
]
DE = [  # Bundesnetzagentur: numbers for media productions
    number
    for prefix in ("493023125", "496990009", "494066969", "492214710", "498999998")
    for number in numbers(prefix, 0, 999, 3)
]
FR = numbers("3363998", 0, 9999, 4)  # Arcep: for audiovisual works
SE = [  # PTS: for books and films
    *numbers("467017406", 5, 99, 2),
    *numbers("468465004", 0, 99, 2),
    *numbers("463139006", 0, 99, 2),
    *numbers("464062804", 0, 99, 2),
    *numbers("46980319", 200, 299, 3),
]


def nobodys(prefix: str, width: int) -> list[str]:
    """Numbers of the right length behind a prefix that no one has been given."""
    return numbers(prefix, 1000, 1999, width)


# Locale, people, language tags, telephone numbers.
LOCALES = [
    ("en_GB", 1300, ["en-GB", "EN_GB", "en"], GB),
    ("en_US", 1300, ["en-US", "EN_US", "en"], US),
    ("de_DE", 1300, ["de", "de-DE", "de-AT", "DE"], DE),
    ("fr_FR", 1000, ["fr", "fr-FR", "fr-CA"], FR),
    ("es_ES", 550, ["es", "es-ES", "ES_ES"], nobodys("34500", 6)),
    ("it_IT", 550, ["it", "it-IT"], nobodys("39300", 7)),
    ("pt_BR", 550, ["pt-BR", "PT_BR", "pt"], nobodys("5510", 9)),
    ("pl_PL", 450, ["pl", "pl-PL"], nobodys("48400", 6)),
    ("ja_JP", 450, ["ja", "ja-JP"], nobodys("81400", 7)),
    ("sv_SE", 400, ["sv", "sv-SE", "sv-FI"], SE),
    ("ru_RU", 350, ["ru", "ru-RU"], nobodys("7200", 7)),
    ("zh_CN", 350, ["zh-CN", "zh-Hans", "zh"], nobodys("86120", 8)),
    ("es_CO", 300, ["es-CO", "es-419", "es"], nobodys("57100", 7)),
    ("hi_IN", 300, ["hi", "hi-IN", "en-IN"], nobodys("91555", 7)),
    ("ar_SA", 250, ["ar", "ar-SA"], nobodys("966400", 6)),
    ("el_GR", 250, ["el", "el-GR"], nobodys("30600", 7)),
    ("bn_BD", 175, ["bn", "bn-BD"], nobodys("880100", 7)),
    ("zh_TW", 175, ["zh-TW", "zh-Hant", "zh-Hant-HK"], nobodys("886100", 6)),
]
# Faker has no Arabic cities, and draws the Italian ones from a set, whose order changes from run to run.
CITIES = {
    "ar_SA": ["الرياض", "جدة", "مكة", "المدينة المنورة", "الدمام", "أبها", "تبوك", "حائل"],
    "it_IT": [
        "Roma",
        "Forlì",
        "Cantù",
        "L'Aquila",
        "Reggio nell'Emilia",
        "Sant'Agata di Puglia",
        "Città di Castello",
    ],
}
DIALING_CODES = ["1", "7", "880", "886", "966"]  # those that do not have two digits
TRUNK_ZERO = ("44", "49", "33")  # after these people like to write (0)
TAGS = ["newsletter", "vip", "trial", "partner", "wholesale"]
NOTES = [
    "met at the fair",
    "asked for a call back",
    "spring campaign",
    "from the old system",
    "prefers e-mail",
]


@attrs.define
class Row:
    """A row as it is written, and what the script knows about it."""

    cells: dict[str, str]
    email_key: str
    phone_key: str
    fault: str | None = None
    extra: list[str] = attrs.field(factory=list)
    """Cells beyond the last column."""
    cut: int = 0
    """How many cells are missing at the end."""


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: set[str] = set()

    def people(self) -> list[Row]:
        """Clean rows of every locale, shuffled."""
        rows = [row for place in LOCALES for row in self.locale(*place)]
        self.random.shuffle(rows)
        for number, row in enumerate(rows, 1):
            row.cells["external_id"] = f"P-{number:05d}"
        return rows

    def locale(self, locale: str, count: int, languages: list[str], phones: list[str]) -> Iterator[Row]:
        faker = Faker(locale)
        faker.seed_instance(SEED)
        for digits in self.random.sample(phones, count):
            given, surname = faker.first_name(), faker.last_name()
            email = self.email(given, surname)
            cells = dict.fromkeys(COLUMNS, "") | {
                "email": email,
                "phone": self.written(digits, locale),
                "given_name": given,
                "surname": surname,
                "language": self.random.choice(languages),
                "consent": self.random.choice(["yes", "yes", "yes", "no", "no", "true", "false", "1", "0", ""]),
                "city": self.random.choice(CITIES[locale]) if locale in CITIES else faker.city(),
                "tags": ";".join(self.random.sample(TAGS, self.random.choice([0, 0, 1, 1, 2]))),
                "note": self.random.choice(NOTES) if self.random.random() < 0.1 else "",
            }
            yield Row(cells, email.lower(), digits)

    def email(self, given: str, surname: str) -> str:
        plain = unicodedata.normalize("NFKD", f"{given}.{surname}".lower())
        latin = re.sub(r"\.{2,}", ".", re.sub(r"[^a-z.]", "", plain)).strip(".")
        stem = latin if len(latin) > 3 else "member"
        name = stem
        while name == "member" or name in self.names:
            name = f"{stem}{self.random.randrange(10**5)}"
        self.names.add(name)
        domain = self.random.choice(["example.com", "example.org", "example.net", "mail.example.com"])
        return f"{name.title() if self.random.random() < 0.05 else name}@{domain}"

    def written(self, digits: str, locale: str = "", but: str = "") -> str:
        """A telephone number the way somebody would write it, not as in `but`."""
        code = next((code for code in DIALING_CODES if digits.startswith(code)), digits[:2])
        rest = digits[len(code) :]
        groups = [rest[i : i + 3] for i in range(0, len(rest), 3)]
        ways = ["+" + digits] * 7 + [
            f"+{code} {' '.join(groups)}",
            f"+{code}-{'-'.join(groups)}",
            "00" + digits,
        ]
        if code in TRUNK_ZERO:
            ways.append(f"+{code} (0){rest[:4]} {rest[4:]}")
        if code == "1":
            ways.append(f"+1 ({rest[:3]}) {rest[3:6]}-{rest[6:]}")
        if locale == "ar_SA":
            ways.append("+" + "".join(chr(0x660 + int(digit)) for digit in digits))
        return self.random.choice([way for way in ways if way != but])

    def spoil(self, row: Row, dirt: str, earlier: list[Row]) -> None:
        """Do to a row what `DIRT` counts; `earlier` are the rows that it may repeat."""
        cells, pick = row.cells, self.random.choice
        if dirt in FAULTS:
            row.fault = dirt
        name = cells["email"].split("@")[0]
        match dirt:
            case "no email":
                cells["email"] = pick(["", "", "  "])
            case "bad email":
                bad = [
                    "(at)example.com",
                    "@@example.com",
                    "@example",
                    ".example.com",
                    "@example..com",
                    " @example.com",
                ]
                cells["email"] = pick([name + tail for tail in bad] + ["n/a", "@example.com"])
            case "no phone":
                cells["phone"] = pick(["", "", " "])
            case "bad phone":
                bad = [
                    "unknown",
                    "12345",
                    "+44 77",
                    "1-800-FLOWERS",
                    f"+{row.phone_key} ext. 7",
                    "see note",
                    "0044",
                ]
                cells["phone"] = pick(bad)
            case "phone without plus":
                cells["phone"] = row.phone_key
            case "phone as a number":
                value = float(row.phone_key)
                cells["phone"] = pick([f"{value:.5E}", f"{value:.5E}", f"{value:.1f}"])
            case "no language":
                cells["language"] = ""
            case "unknown language":
                cells["language"] = pick(["english", "xx", "Deutsch", "klingon", "nn", "??", "francais"])
            case "doubtful consent":
                cells["consent"] = pick(["maybe", "ask", "perhaps", "opted in"])
            case "note too long":
                cells["note"] = (pick(NOTES) + "; ") * 80
            case "ragged row":
                if pick([True, False]):
                    row.cut = pick([1, 2, 5])
                else:
                    row.extra = [pick(["second city", "x", "see above"])]
            case "bad byte":
                cells["surname"] = cells["surname"] + pick(["\udcfc", "\udce9", "\udcff"])
            case "email again":
                other = pick(earlier)
                row.email_key = other.email_key
                cells["email"] = pick([other.email_key.upper(), other.email_key.title()])
            case "phone again":
                other = pick(earlier)
                row.phone_key = other.phone_key
                cells["phone"] = self.written(other.phone_key, but=other.cells["phone"])
            case "row again":
                other = pick([candidate for candidate in earlier if candidate.fault is None])
                row.cells, row.email_key, row.phone_key = dict(other.cells), other.email_key, other.phone_key
            case "external_id again":
                cells["external_id"] = pick(earlier).cells["external_id"]

    def decorate(self, row: Row, oddity: str) -> None:
        """Make a row odd to look at; no load refuses it."""
        cells = row.cells
        match oddity:
            case "quotes":
                cells["given_name"] = f'{cells["given_name"]} "{self.random.choice(["Ace", "Bo", "Kit"])}"'
            case "newline":
                cells["surname"] = f"{cells['surname']}\n{self.random.choice(['jr.', 'PhD', '(work)'])}"
            case "blank cells":
                cells["city"], cells["tags"], cells["consent"] = "   ", "", " "
            case "trailing cells":
                row.extra = ["", "  "]
            case "spaces around":
                cells["email"], cells["given_name"] = f" {cells['email']} ", f"{cells['given_name']}  "
                cells["phone"] = f"{cells['phone']}\u00a0"
            case "decomposed":
                cells["surname"] = unicodedata.normalize("NFD", cells["surname"] + "-Žižková")
            case "longest note":
                cells["note"] = "ж" * 1024

    def rows(self) -> list[Row]:
        rows = self.people()
        jobs = [(job, True) for job, count in DIRT.items() for _ in range(count)]
        jobs += [(job, False) for job, count in ODDITIES.items() for _ in range(count)]
        self.random.shuffle(jobs)
        places = sorted(self.random.sample(range(300, len(rows)), len(jobs)))
        spoilt: list[Row] = []
        for place, (job, dirty) in zip(places, jobs, strict=True):
            row = rows[place]
            if dirty:
                # Some repeat a row that a load refuses, which therefore owns no key there.
                of_spoilt = job in ("email again", "phone again") and spoilt and self.random.random() < 0.2
                self.spoil(row, job, spoilt if of_spoilt else rows[:place])
            else:
                self.decorate(row, job)
            if row.fault:
                spoilt.append(row)
        return rows


def written_file(rows: list[Row], blank_lines_after: set[int]) -> bytes:
    """The rows as CSV; bad bytes stand in the cells as lone surrogates."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, 1):
        cells = [row.cells[column] for column in COLUMNS]
        writer.writerow(cells[: len(cells) - row.cut] + row.extra)
        if number in blank_lines_after:
            out.write("\n")
    return out.getvalue().encode("utf-8", "surrogateescape")


def keys(vendor: str, row: Row) -> list[str]:
    """What no two contacts of a load may share, where the vendor has such a key."""
    return {
        "sinch": [f"SMS {row.phone_key}", f"id {row.cells['external_id']}"],
        "emarsys": [row.email_key],
        "pabbly": [row.phone_key],
    }[vendor]


def ledger(vendor: str, rows: list[Row]) -> dict[str, object]:
    """What the load must report. The first row that is sent with a key owns it."""
    owners: dict[str, int] = {}
    counts: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    exceptions: dict[str, list[object]] = {}
    for number, row in enumerate(rows, 1):
        kind = FAULTS.get(row.fault or "", {}).get(vendor)
        repeated = [owners[key] for key in keys(vendor, row) if key in owners]
        if kind is None and not repeated:
            owners.update(dict.fromkeys(keys(vendor, row), number))
            counts[GOOD[vendor]] += 1
            continue
        status, kind = ("rejected", kind) if kind else ("skipped", "repeated")
        counts[status] += 1
        problems[f"{status} {kind}"] += 1
        exceptions[str(number)] = [status, kind] + (repeated[:1] if status == "skipped" else [])
    return {
        "arguments": LOADS[vendor],
        "counts": dict(sorted(counts.items())),
        "problems": dict(sorted(problems.items())),
        "exceptions": exceptions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the example file and its ledger.")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent.parent / "examples")
    into: Path = parser.parse_args().into
    maker = Maker(SEED)
    rows = maker.rows()
    into.mkdir(parents=True, exist_ok=True)
    blank_lines_after = set(maker.random.sample(range(1, len(rows)), 4))
    into.joinpath("people.csv").write_bytes(written_file(rows, blank_lines_after))
    book = {"input": len(rows), "loads": {vendor: ledger(vendor, rows) for vendor in LOADS}}
    text = json.dumps(book, indent=1)
    into.joinpath("people.ledger.json").write_text(_flat_lists(text) + "\n", encoding="utf-8")


def _flat_lists(text: str) -> str:
    """Indented JSON with each innermost list on one line."""
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\s*\n\s*", " ", m[1]) + "]", text)


if __name__ == "__main__":
    main()
