"""A report of the review, taken apart, so that tests can say what it must hold and what it must not."""

from __future__ import annotations

import re
from typing import Self

import attrs

SEVERITIES = ("none", "patch", "minor", "major")


@attrs.frozen
class Row:
    """One change: `place` is `specs/x.yaml:12`, or `old specs/x.yaml:12` for what is gone."""

    severity: str
    place: str
    text: str


@attrs.frozen
class Report:
    text: str
    headline: str
    mend: list[str]
    """What must be mended before the change may pass, item by item."""
    due: list[str]
    """What should be done besides."""
    table: dict[str, list[str]]
    """The cells of the first table, by spec: verdict, version, lint, generated, recorded messages broken."""

    @classmethod
    def parsed(cls, text: str) -> Self:
        headline = re.search(r"^# Spec review: (.*)$", text, re.MULTILINE)
        assert headline, text
        table = {}
        for cells in re.findall(r"^\| `specs/([^`]+)\.yaml` \| (.*) \|$", text.split("<details")[0], re.MULTILINE):
            table[cells[0]] = cells[1].split(" | ")
        return cls(text, headline[1], _bullets(text, "To mend"), _bullets(text, "Should be done"), table)

    def verdict(self, spec: str) -> str:
        """`major`, `minor`, `patch`, `no change` or `refused`."""
        return re.match(r"\W*(no change|\w+)", self.table[spec][0])[1]  # type: ignore[index]

    def part(self, title: str) -> str:
        """The folded part whose title begins so; empty if there is none."""
        found = re.search(rf"<summary>{re.escape(title)}.*?</details>", self.text, re.DOTALL)
        return found[0] if found else ""

    def changes(self, spec: str) -> list[Row]:
        rows = re.findall(
            r"^\| \W*(major|minor|patch)\W* \| `([^`]+)` \| (.*) \|$", self.part(f"{spec}: changes"), re.M
        )
        return [Row(*row) for row in rows]

    def models(self, spec: str) -> str:
        return self.part(f"{spec}: generated names and types")

    def broken(self, spec: str) -> set[str]:
        """The recorded messages that the report calls broken, as `operation/name`."""
        return set(re.findall(rf"`{spec}/(\w+/[\w.-]+)\.json`", self.part(f"{spec}: recorded messages")))

    def wire(self, spec: str) -> str:
        return worst(row.severity for row in self.changes(spec))

    def library(self, spec: str) -> str:
        """How grave the report finds what changes in the generated names and types."""
        return worst(re.findall(r"^# (\w+), (?:clients|wire)\.", self.models(spec), re.MULTILINE))


def worst(severities: object) -> str:
    return max(severities, key=SEVERITIES.index, default="none")  # type: ignore[call-overload, no-any-return]


def _bullets(text: str, title: str) -> list[str]:
    found = re.search(rf"^\*\*{title}[^\n]*\*\*\n\n((?:- [^\n]*\n)+)", text, re.MULTILINE)
    return [line[2:] for line in found[1].splitlines()] if found else []
