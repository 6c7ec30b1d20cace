"""The report: one Markdown text that begins with the verdict and folds the rest."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import attrs

from .analysis import Review
from .golden import title
from .markdown import code, folded, table
from .verdict import Severity

MARK = "<!-- headcount spec review -->"
"""By which the comment of a pull request is found again."""
LONGEST = 60_000
"""Characters; a comment may have 65,536."""


@attrs.frozen
class Report:
    base: str
    head: str
    reviews: list[Review]
    wrong: list[str]
    """What must be mended besides what is wrong with a single spec."""
    notes: list[str]

    def all_wrong(self) -> list[str]:
        each = [f"{code(review.name)}: {text}" for review in self.reviews for text in review.wrong]
        return [*each, *self.wrong]

    def changed(self) -> list[Review]:
        return [review for review in self.reviews if review.state != "unchanged"]

    def text(self) -> str:
        head = [MARK, f"# Spec review: {self._verdict()}", f"Compared: {code(self.head)} with {code(self.base)}."]
        wrong, missing = (
            self.all_wrong(),
            [f"{code(review.name)}: {text}" for review in self.reviews for text in review.missing],
        )
        if wrong:
            head.append("**To mend before it may pass**\n\n" + "\n".join(f"- {each}" for each in wrong))
        if missing:
            head.append("**Should be done**\n\n" + "\n".join(f"- {each}" for each in missing))
        if self.reviews:
            head.append(self._table())
        if self.notes:
            head.append("\n".join(f"- {each}" for each in self.notes))
        return shortened(head, [details(review) for review in self._ordered()])

    def _ordered(self) -> list[Review]:
        """What is refused first, then what breaks most."""
        return sorted(self.reviews, key=lambda review: (review.state != "refused", -review.severity, review.name))

    def _verdict(self) -> str:
        if not self.changed() and not self.all_wrong():
            return "no changes"
        highest = max((review.severity for review in self.reviews), default=Severity.NONE)
        if any(review.state == "refused" for review in self.reviews):
            return "refused"
        words = {
            Severity.MAJOR: "breaking",
            Severity.MINOR: "compatible (minor)",
            Severity.PATCH: "harmless (patch)",
            Severity.NONE: "no change of a spec",
        }[highest]
        return words + (f", {len(self.all_wrong())} to mend" if self.all_wrong() else ", nothing to mend")

    def _table(self) -> str:
        rows = []
        for review in self._ordered():
            errors = sum(each.severity == "error" for each in review.findings)
            warnings = len(review.findings) - errors
            lint = f"{errors} errors, {warnings} warnings" if review.findings else "clean"
            stale = {None: "not judged", False: "fresh", True: "**stale**"}[
                None if review.stale is None else bool(review.stale)
            ]
            refused = review.state == "refused"
            verdict = "**refused**" if refused else review.because()
            if refused and review.severity:
                verdict += f"; would be {review.severity}"
            rows.append([
                code(f"specs/{review.name}.yaml"), verdict, review.version.text if review.version else "-",
                "-" if refused or review.state == "removed" else lint, stale if review.state != "removed" else "-",
                str(len(review.broken)),
            ])  # fmt: skip
        return table(["spec", "verdict", "version", "lint", "generated/", "recorded messages broken"], rows)


def not_made(reason: str) -> str:
    return f"{MARK}\n\n# Spec review: not made\n\n{code(reason, 400)}\n"


def details(review: Review) -> list[str]:
    """The parts of one spec, the most important first; each stands alone."""
    found = []
    file = f"specs/{review.name}.yaml"
    if review.changes:
        rows = [
            [f"**{each.severity}**" if each.severity is Severity.MAJOR else str(each.severity),
             code(f"{'old ' if each.removed else ''}{file}:{each.line}"),
             each.text + ("" if each.by == "wire" else f" (says {each.by})")]
            for each in review.changes
        ]  # fmt: skip
        counts = ", ".join(
            f"{sum(each.severity is severity for each in review.changes)} {severity}"
            for severity in (Severity.MAJOR, Severity.MINOR, Severity.PATCH)
        )
        body = table(["severity", "where", "what it means"], rows)
        found.append(folded(f"{review.name}: changes ({counts})", body, open_=any(
            each.severity is Severity.MAJOR for each in review.changes)))  # fmt: skip
    if review.breaks:
        found.append(folded(f"{review.name}: generated names and types", models(review)))
    if review.broken:
        body = "\n".join(
            f"- {title(each)}. Recorded because: {code(each.recorded.value['why'], 200)}" for each in review.broken
        )
        found.append(folded(f"{review.name}: recorded messages that break ({len(review.broken)})", body))
    if review.shifts:
        rows = [
            ["**look**" if shift.weighty else "", code(f"{'old ' if shift.removed else ''}{file}:{line}"), shift.text]
            for shift, line in sorted(review.shifts, key=lambda each: (not each[0].weighty, each[1]))
        ]
        found.append(folded(f"{review.name}: evidence ({len(rows)})", table(["", "where", "what"], rows, 60)))
    if review.findings:
        rows = [
            [each.severity, code(f"{file}:{each.line}"), code(each.message, 200), code(each.rule)]
            for each in review.findings
        ]
        found.append(folded(f"{review.name}: lint ({len(rows)})", table(["", "where", "what", "rule"], rows)))
    if review.disagreements:
        body = "\n".join(f"- {each}" for each in review.disagreements)
        found.append(
            folded(f"{review.name}: where the verdict differs from Redocly's ({len(review.disagreements)})", body)
        )
    if review.stale:
        body = "\n".join(f"- {code(each)}" for each in review.stale[:50])
        found.append(folded(f"{review.name}: stale files ({len(review.stale)})", body))
    return found


def models(review: Review) -> str:
    """The difference of names and types; the same change of the client and of the wire record stands once."""
    grouped: dict[tuple[Severity, tuple[str, ...], str], list[str]] = defaultdict(list)
    for each in review.breaks:
        place = ".".join(each.name.split(".")[:2])
        lines = tuple(line.replace(f"{place}.", "", 1).replace("models.", "", 1) for line in each.lines)
        grouped[each.severity, lines, each.meaning].append(place)
    blocks: list[str] = []
    titled: dict[tuple[Severity, str], list[tuple[str, ...]]] = defaultdict(list)
    for (severity, lines, meaning), places in grouped.items():
        titled[severity, f"# {severity}, {' and '.join(sorted(set(places)))}: {meaning}"].append(lines)
    for (_, title_), changes in sorted(titled.items(), key=lambda item: (-item[0][0], item[0][1])):
        blocks += [title_, *(plain(line) for lines in sorted(changes) for line in lines)]
    return "```diff\n" + "\n".join(blocks[:300]) + "\n```"


def plain(line: str, longest: int = 400) -> str:
    """One line for a fenced block; it begins with + or -, so it cannot end the fence."""
    kept = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in line)
    return kept if len(kept) <= longest else kept[:longest] + " ..."


def shortened(head: list[str], specs: list[list[str]]) -> str:
    """The head, and of the parts of each spec as many as a comment can hold: the first of all specs before the second
    of any, and so on."""
    text = "\n\n".join(head)
    if len(text) > LONGEST:
        cut = text.rfind("\n", 0, LONGEST)
        return text[:cut] + "\n\nand more: the report is too long for a comment.\n"
    room = LONGEST - len(text)
    kept: set[tuple[int, int]] = set()
    places = sorted(((rank, index) for index, parts in enumerate(specs) for rank in range(len(parts))))
    for rank, index in places:
        if len(specs[index][rank]) + 2 <= room:
            room -= len(specs[index][rank]) + 2
            kept.add((rank, index))
    parts = [part for index, parts in enumerate(specs) for rank, part in enumerate(parts) if (rank, index) in kept]
    if len(kept) < len(places):
        left = len(places) - len(kept)
        parts.append(f"{left} more parts do not fit into a comment: shorten the change, or review it in parts.")
    return "\n\n".join([text, *parts]) + "\n"
