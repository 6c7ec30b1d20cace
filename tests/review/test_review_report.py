"""What a report says besides its verdicts: versions, names, recorded messages, freshness, evidence, exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.review.conftest import PYTHON, ROOT, Project
from tests.review.edits import CREATE, LIST, PERSON

BREAKING = (PERSON, "required: [email]", "required: [email, name]")
ADDING = ("    Channel:", "PUSH]", "PUSH, FAX]")
WORDS = (PERSON, "description: The key.", "description: What tells people apart.")
TEXT = "          type: string\n"
RECORDED = "tests/golden/people/createPeople"


def test_nothing_changed(project: Project) -> None:
    code, report = project.review()
    assert (code, report.headline, report.mend, report.due) == (0, "no changes", [], [])


@pytest.mark.parametrize(
    ("edit", "version", "exit_code", "mend", "due", "cell"),
    [
        (BREAKING, "1.2.3", 1, "asks for `info.version` `2.0.0` or higher, it is `1.2.3`", "", "**asks for `2.0.0`**"),
        (BREAKING, "1.3.0", 1, "asks for `info.version` `2.0.0` or higher, it is `1.3.0`", "", "**asks for `2.0.0`**"),
        (BREAKING, "2.0.0", 0, "", "", "raised as asked"),
        (ADDING, "1.2.4", 0, "", "asks for `info.version` `1.3.0` or higher, it is `1.2.4`", "asks for `1.3.0`"),
        (ADDING, "1.3.0", 0, "", "", "raised as asked"),
        (ADDING, "2.0.0", 0, "", "", "raised further than to `1.3.0`"),
        (WORDS, "1.2.4", 0, "", "", "raised as asked"),
        (WORDS, "1.1.9", 1, "`info.version` was lowered from `1.2.3` to `1.1.9`", "", "`1.2.3` to `1.1.9`"),
        (WORDS, "1.3", 1, "write it as x.y.z", "", "`1.3`"),
    ],
)
def test_the_version_is_held_to_the_severity(
    project: Project, edit: tuple[str, str, str], version: str, exit_code: int, mend: str, due: str, cell: str
) -> None:
    project.edit(edit)
    project.version(version)
    project.generate()
    code, report = project.review()
    assert (len(report.mend), len(report.due)) == (bool(mend), bool(due))
    assert all(mend in item for item in report.mend) and all(due in item for item in report.due)
    assert cell in report.table["people"][1]
    assert report.table["people"][2:4] == ["clean", "fresh"]
    assert code == exit_code


def test_before_1_0_0_the_second_number_tells_a_break(project: Project) -> None:
    project.second_spec()
    project.commit()
    project.edit(("names:", "type: string", "type: integer"), spec="lists")
    _, report = project.review()
    assert report.table["lists"][1] == "`0.4.0`, **asks for `0.5.0`**"


def test_the_library_is_compared_by_names_and_types_and_not_by_files(project: Project) -> None:
    project.edit((PERSON, "        age:\n", "        years:\n"), (CREATE, "enum: [skip, overwrite]", "enum: [skip]"))
    _, report = project.review()
    shown = report.models("people")
    assert "- Person.age: int | Unset\n" in shown and "+ Person.years: int | Unset\n" in shown
    assert "- api.people.create_people.duplicates: CreatePeopleDuplicates | Unset" not in shown
    assert "- CreatePeopleDuplicates = 'overwrite' | 'skip'\n+ CreatePeopleDuplicates = 'skip'\n" in shown
    assert ".py" not in shown and "@@" not in shown


def test_a_message_recorded_anew_is_named_and_passes(project: Project) -> None:
    project.edit((CREATE, "maxItems: 100", "maxItems: 99"))
    path = project.root / RECORDED / "hundred.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"valid": true', '"valid": false'), encoding="utf-8")
    _, report = project.review()
    assert report.broken("people") == {"createPeople/hundred"}
    assert not any("recorded messages" in item for item in report.mend)
    assert "as many people as one call takes" in report.part("people: recorded messages")


def test_a_message_recorded_wrongly_is_told_without_a_change_of_a_spec(project: Project) -> None:
    (project.root / RECORDED / "one.json").write_text('{"why": "no message at all"}', encoding="utf-8")
    value = {"why": "a wrong one", "call": "POST /people", "valid": True, "request": {"body": [{"email": 1}]}}
    (project.root / RECORDED / "number.json").write_text(json.dumps(value), encoding="utf-8")
    code, report = project.review()
    assert code == 1 and report.broken("people") == set()
    assert any("people/createPeople/number.json" in item for item in report.mend)
    assert any("people/createPeople/one.json is not a recorded message" in item for item in report.mend)


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("clients/people/models/person.py", "# edited by hand\n", "clients/people/models/person.py"),
        ("wire/people.py", None, "wire/people.py"),
        ("clients/people/models/left_over.py", "", "clients/people/models/left_over.py"),
        ("wire/gone.py", "", "holds files of no spec, such as `wire/gone.py`"),
        ("MANIFEST.toml", "[specs]\n", "the manifest is stale (`MANIFEST.toml, [specs]: people.yaml`"),
    ],
)
def test_a_generated_file_that_the_specs_do_not_make_is_named(
    project: Project, path: str, content: str | None, said: str
) -> None:
    target = project.root / "generated" / "headcount_api" / path
    if content is None:
        target.unlink()
    else:
        target.write_text(content, encoding="utf-8")
    code, report = project.review()
    assert code == 1 and len(report.mend) == 1
    assert said in report.mend[0] + report.part("people: stale files")


def added(name: str, evidence: str) -> str:
    return f"        {name}:\n          type: integer\n          x-evidence: {evidence}\n"


def test_evidence_that_changed_is_told_fact_by_fact(project: Project) -> None:
    twice = "  - {http: 409, code: 5, name: twice, text: Twice, x-evidence: inferred}\n"
    project.edit(
        (CREATE, "maxItems: 100", "maxItems: 60"),
        ("        nick:", "x-evidence: inferred", "x-evidence: vendor-docs"),
        ("    Left:", "x-evidence: seed", "x-evidence: client-source"),
        ("    StoredPerson:", "        state:", added("age", "inferred") + "        state:"),
        ("    Failure:", "        reason:", added("place", "seed") + "        reason:"),
        ("x-reply-codes:\n", "  - {http: 400, code: 1001", twice + "  - {http: 400, code: 1001"),
    )
    _, report = project.review()
    shown = report.part("people: evidence")
    for said in (
        "a fact of the seed is overridden, `100` by `60`, and still claims the seed",
        "`Person.nick pattern`: rests on `vendor-docs` now, on `inferred` before (stronger)",
        "`Left type`: rests on `client-source` now, on `seed` before (weaker)",
        "`StoredPerson.age`: an inference is added: nobody says it",
        "`Failure.place`: a new fact claims the seed: compare it with the page",
        "`x-reply-codes.1`: an inference is added: nobody says it",
    ):
        assert said in shown
    assert shown.count("`specs/people.yaml:") == 7
    assert shown.rindex("**look**") < shown.index("|  | `specs/")


def test_what_is_put_before_others_in_a_list_changes_no_evidence_of_theirs(project: Project) -> None:
    project.edit(
        (LIST, "        - name: page", "        - name: find\n          in: query\n          required: false\n"
         "          x-evidence: client-source\n          schema:\n            type: boolean\n        - name: page"),
    )  # fmt: skip
    _, report = project.review()
    rows = re.findall(r"^\|.*`specs/.*$", report.part("people: evidence"), re.MULTILINE)
    assert len(rows) == 1 and "a new fact from `client-source`" in rows[0]


def test_an_example_that_does_not_hold_is_an_error_of_lint(project: Project) -> None:
    project.edit((CREATE, "name: Ada", "name: 5"))
    project.generate()
    code, report = project.review()
    assert code == 1 and len(report.mend) == 1 and "lint: `Example value must conform" in report.mend[0]
    line = next(number for number, text in enumerate(project.read().split("\n"), 1) if "name: 5" in text)
    assert f"| error | `specs/people.yaml:{line}` |" in report.part("people: lint")


def test_a_warning_of_lint_is_shown_and_lets_pass(project: Project) -> None:
    project.edit(("info:", "  license:\n    name: Apache-2.0\n    identifier: Apache-2.0\n", ""))
    project.version("1.2.4")
    project.generate()
    code, report = project.review()
    assert (code, report.mend, report.table["people"][2]) == (0, [], "0 errors, 1 warnings")


def bomb() -> str:
    rows = ["x-a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    return "\n".join(rows + [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]) + "\n"


@pytest.mark.parametrize(
    ("edit", "wrong", "instead"),
    [
        (("", "openapi: 3.1.0\n", f"openapi: 3.1.0\n{bomb()}"), "anchor", "the value itself"),
        ((PERSON, '"#/components/schemas/Channel"', '"https://example.com/x.yaml#/Channel"'),
         "leads out of this document", "a $ref to #/components/schemas/"),
        ((PERSON, TEXT, f"{TEXT}          default: x\n"), "default in a schema", "in the description"),
        ((PERSON, TEXT, f"{TEXT}          format: uuid\n"), "format in a schema", "a pattern"),
        ((PERSON, TEXT, f"{TEXT}          nullable: true\n"), "nullable in a schema", "type: [string,"),
        ((LIST, "tags:", "deprecated: true\n      tags:"), "deprecated in an operation", "in the description"),
        (("    Fields:", "type: object", "type: object\n      allOf: []"), "allOf in a schema", "anyOf"),
        (("", "openapi: 3.1.0", "openapi: !!python/name:os.system 3.1.0"), "the tag", "the value alone"),
        (("", "openapi: 3.1.0", "openapi: 3.1.0\n  bad: ["), "not YAML", "a YAML parser"),
    ],
)  # fmt: skip
def test_what_the_guard_refuses_is_told_with_what_to_write_instead(
    project: Project, edit: tuple[str, str, str], wrong: str, instead: str
) -> None:
    project.edit(edit)
    code, report = project.review()
    assert (code, report.headline.split(",")[0], report.verdict("people")) == (1, "refused", "refused")
    assert report.table["people"][2] == "-", "no other tool may read it"
    first = next(item for item in report.mend if wrong in item)
    assert instead in first and re.search(r"specs/people\.yaml:\d+", first)


def test_a_refused_spec_is_judged_all_the_same_where_it_can_be_read(project: Project) -> None:
    project.edit((PERSON, "type: string\n", "type: string\n          default: x\n"), BREAKING)
    _, report = project.review()
    assert report.table["people"][0] == "**refused**; would be major"
    assert "`name` is now required" in report.part("people: changes")


@pytest.mark.parametrize(
    ("base", "said"), [("nowhere", "'nowhere' is no commit"), ("", "BASE is not set"), ("HEAD:specs", "is no commit")]
)
def test_a_base_that_is_none_is_a_fault_of_the_call(project: Project, base: str, said: str) -> None:
    done = project.run(str(PYTHON), "scripts/review.py", base, "--report", "build/report.md")
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr
    written = (project.root / "build" / "report.md").read_text(encoding="utf-8")
    assert "# Spec review: not made" in written and said in written


def test_a_base_that_went_on_does_not_look_like_a_change(project: Project) -> None:
    project.edit(ADDING)
    project.commit()
    project.git("branch", "--force", "ahead")
    project.git("reset", "--quiet", "--hard", "base")
    code, report = project.review("ahead")
    assert (code, report.headline) == (0, "no changes")


def test_a_new_spec_is_an_addition_and_tells_what_it_holds(project: Project) -> None:
    project.second_spec()
    project.generate()
    code, report = project.review()
    assert (code, report.verdict("lists"), report.verdict("people")) == (0, "minor", "no change")
    assert report.table["lists"][0] == "**minor** (new)"
    assert "`GET /lists` (`listLists`) is new" in report.part("lists: changes")


def test_a_spec_that_is_gone_breaks_the_library_itself(project: Project) -> None:
    project.second_spec()
    project.generate()
    project.commit()
    project.path("lists").unlink()
    project.generate()
    code, report = project.review()
    assert (code, report.verdict("lists")) == (1, "major") and len(report.mend) == 1
    assert "the library itself needs a new version" in report.mend[0]
    settings = project.root / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(re.sub(r'^version = ".*"', 'version = "9.0.0"', text, flags=re.MULTILINE), encoding="utf-8")
    code, report = project.review()
    assert (code, report.mend) == (0, [])


def test_a_spec_that_has_another_name_is_told_as_such(project: Project) -> None:
    project.second_spec()
    project.commit()
    project.path("lists").rename(project.path("groups"))
    code, report = project.review()
    assert code == 1
    assert (report.table["lists"][0], report.table["groups"][0]) == ("**major** (removed)", "**minor** (new)")
    assert "`lists` seems to be called `groups` now" in report.part("lists: changes")


def test_what_breaks_stands_before_what_does_not(project: Project) -> None:
    project.second_spec()
    project.commit()
    project.edit(WORDS)
    project.edit(("names:", "type: string", "type: integer"), spec="lists")
    _, report = project.review()
    assert list(report.table) == ["lists", "people"]
    assert report.text.index("To mend") < report.text.index("| spec |") < report.text.index("lists: changes")
    assert report.text.index("lists: changes") < report.text.index("people: changes")
    assert "<details open><summary>lists: changes" in report.text
    project.edit(ADDING)
    _, report = project.review()
    assert [row.severity for row in report.changes("people")] == ["minor", "patch"]


def test_make_review_is_the_same_and_writes_the_report(project: Project) -> None:
    project.edit(BREAKING)
    _, report = project.review()
    kept = ("--old-file=.venv-generate/.ok", "--old-file=.redocly/.ok")
    done = project.run("make", *kept, "--silent", "review", "BASE=HEAD", "REPORT=build/report.md", "PAGES=build/pages")
    assert done.returncode == 2, "make ends with 2 where a command fails"
    assert (done.stdout, (project.root / "build" / "report.md").read_text(encoding="utf-8")) == ("", report.text)
    assert [path.name for path in (project.root / "build" / "pages").iterdir()] == ["people.html"]


def test_the_specs_of_this_project_can_be_reviewed(project: Project) -> None:
    (project.root / "specs" / "redocly.yaml").write_bytes((ROOT / "specs" / "redocly.yaml").read_bytes())
    project.commit()
    for path in (ROOT / "specs").glob("*.yaml"):
        (project.root / "specs" / path.name).write_bytes(path.read_bytes())
    _, report = project.review()
    names = {Path(path).stem for path in (ROOT / "specs").glob("*.yaml")} - {"redocly"}
    assert names and all(report.table[name][0] == "**minor** (new)" for name in names)
    assert all(report.table[name][2].startswith(("clean", "0 errors")) for name in names)
