"""What the review says of edits whose verdict an expert has given, through the real command on a small project."""

from __future__ import annotations

import pytest

from tests.review.conftest import Project
from tests.review.edits import EDITS, MAJOR, MINOR, PATCH, Edit

ASKED = {MAJOR: "2.0.0", MINOR: "1.3.0", PATCH: "1.2.4"}


def line_of(text: str, after: str, wanted: str) -> int:
    """The line on which `wanted` ends, the first behind the beginning of `after`."""
    start = text.index(wanted, text.index(after))
    return text.count("\n", 0, start + len(wanted)) + 1


@pytest.mark.parametrize("case", EDITS, ids=lambda each: each.name)
def test_an_edit_gets_the_verdict_of_an_expert(case: Edit, project: Project) -> None:
    """Nothing is generated here, so all of them end with 1; test_review_report.py has the exit codes."""
    before = project.read()
    project.edit(*case.edits)
    code, report = project.review()
    assert report.verdict("people") == case.severity
    assert (report.wire("people"), report.library("people")) == (case.wire, case.library), report.text
    place = f"specs/people.yaml:{line_of(before if case.gone else project.read(), *case.at)}"
    rows = [row for row in report.changes("people") if row.place == ("old " if case.gone else "") + place]
    assert any(row.severity == case.wire and case.says in row.text for row in rows), f"{place}\n{report.text}"
    assert report.broken("people") == set(case.broken)
    needed = f"a {case.severity} change asks for `info.version` `{ASKED[case.severity]}` or higher"
    expected = ["`generated/` is stale", "the manifest is stale"]
    if case.broken:
        expected.append("recorded messages do not hold any more")
    if case.severity == MAJOR:
        expected.append(f"breaking change without its version: {needed}")
    assert len(report.mend) == len(expected)
    assert all(any(words in item for item in report.mend) for words in expected), report.mend
    assert len(report.due) == (case.severity != MAJOR) and all(needed in item for item in report.due)
    assert report.headline.startswith({MAJOR: "breaking", MINOR: "compatible", PATCH: "harmless"}[case.severity])
    assert (code, report.table["people"][3]) == (1, "**stale**")
