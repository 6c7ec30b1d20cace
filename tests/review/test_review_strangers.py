"""A report is a comment under the project's name: whatever a stranger's files say is shown, and means nothing there."""

from __future__ import annotations

import json
import re

import pytest

from tests.review.conftest import Project
from tests.review.edits import CREATE, LIST, PERSON
from tests.review.reports import Report

PAYLOAD = "</details>`@everyone` ![x](https://evil.test/a.png) [y](//evil.test) <img src=x onerror=1> | #1 ``` <!-- z"
ALLOWED = re.compile(r"</?details>|<details open>|</?summary>|<!-- headcount spec review -->")


def outside(report: Report) -> str:
    """What GitHub would read as Markdown: the report without its code spans and blocks."""
    blocks = re.split(r"^```(?:diff)?$", report.text, flags=re.MULTILINE)
    assert len(blocks) % 2 == 1, "a block is not closed"
    for block in blocks[1::2]:
        assert all(line[:1] in "+-#" for line in block.strip().splitlines()), block
    return "\n".join(re.sub(r"`[^`\n]*`", "", line) for block in blocks[::2] for line in block.splitlines())


def holds(report: Report) -> None:
    text = outside(report)
    assert "`" not in text, "a code span is not closed, or ends too early"
    left = ALLOWED.sub("", text)
    for sign in ("<", "@", "http", "](", "![", "evil", "onerror", "#1", "everyone"):
        assert sign not in left, f"{sign} in {left}"
    assert len(re.findall("<details", text)) == len(re.findall("</details>", text))


def quoted(text: str = PAYLOAD) -> str:
    return json.dumps(text)


@pytest.mark.parametrize(
    "edit",
    [
        (PERSON, "description: The key.", f"description: {quoted()}"),
        (CREATE, "enum: [skip, overwrite]", f"enum: [skip, {quoted()}]"),
        (CREATE, "summary: Create people", f"summary: {quoted()}"),
        (PERSON, "pattern: ^[a-z]+$", f"pattern: {quoted('^[a-z]+$' + PAYLOAD)}"),
        (CREATE, "name: Ada", f"name: {quoted()}"),
        (CREATE, "name: Ada", f"{quoted()}: 5"),
        (PERSON, "        app:\n", f"        {quoted()}:\n"),
        (LIST, "- name: page", f"- name: {quoted()}"),
        ("", "operationId: getPerson\n      tags", f"operationId: {quoted()}\n      tags"),
        ("", "  /people/{person_id}:", f"  {quoted('/' + PAYLOAD + '/{person_id}')}:"),
        (
            "",
            "https://{region}.people.test/v2",
            f"https://{{region}}.people.test/{PAYLOAD.replace(' ', '')}".join('""'),
        ),
        ("", "    BearerAuth:", f"    {quoted()}:"),
        ("    KeyAuth:", "name: X-Key", f"name: {quoted()}"),
        ("", '        "404":', f"        {quoted()}:"),
        ("", "            application/json:", f"            {quoted()}:"),
        ("", "    Channel:\n", f"    {quoted()}:\n"),
        ("        nick:", "x-evidence: inferred", f"x-evidence: {quoted()}"),
        ("x-reply-codes:\n", "key_missing", quoted()),
        ("", "  personChanged:", f"  {quoted()}:"),
        ("info:", 'version: "1.2.3"', f"version: {quoted()}"),
        ("info:", "title: People", f"title: {quoted()}"),
        ("x-generators-lose:\n", "The tests follow them.", quoted()),
    ],
    ids=lambda edit: re.sub(r"\W+", " ", edit[1]).strip(),
)
def test_text_of_a_spec_means_nothing_in_the_report(project: Project, edit: tuple[str, str, str]) -> None:
    project.edit(edit)
    _, report = project.review()
    assert report.headline != "no changes"
    holds(report)


def test_names_of_files_mean_nothing_either(project: Project) -> None:
    name = "<img src=x>@everyone `[y](http:evil)`"
    project.path(name).write_text(project.read(), encoding="utf-8")
    folder = project.root / "tests" / "golden" / "people" / "createPeople"
    (folder / f"{name}.json").write_text("{}", encoding="utf-8")
    (project.root / "generated" / "headcount_api" / "wire" / f"{name}.py").write_text("", encoding="utf-8")
    value = {"why": PAYLOAD, "call": "POST /people", "valid": True, "request": {"body": [{"email": PAYLOAD * 3}]}}
    (folder / "one.json").write_text(json.dumps(value), encoding="utf-8")
    code, report = project.review()
    assert code == 1 and "names no package" in report.text
    holds(report)


def test_a_link_in_place_of_a_spec_is_not_followed(project: Project) -> None:
    project.path().unlink()
    project.path().symlink_to("/etc/passwd")
    code, report = project.review()
    assert (code, report.verdict("people")) == (1, "refused")
    assert "is a link: a review follows none" in report.mend[0] and "root:" not in report.text


def test_settings_of_the_linter_that_load_code_are_refused(project: Project) -> None:
    path = project.root / "specs" / "redocly.yaml"
    path.write_text("extends: [recommended]\nplugins: [./evil.js]\n", encoding="utf-8")
    (project.root / "specs" / "evil.js").write_text("process.exit(0)", encoding="utf-8")
    done = project.run(str(project.root / ".venv-generate" / "bin" / "python"), "scripts/review.py", "HEAD")
    assert done.returncode == 2 and "a review loads no code" in done.stderr
