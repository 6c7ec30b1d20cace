"""The workflows, read as somebody reads them who means harm."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import post_review

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in (ROOT / ".github" / "workflows").iterdir())
USES = re.compile(r"uses: (actions/[a-z-]+)@([0-9a-f]{40}) # (v[0-9]+\.[0-9]+\.[0-9]+)")
EVENTS = {"push", "pull_request", "workflow_run"}

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def load(path: Path) -> dict[Any, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def workflow(name: str) -> Path:
    return next(path for path in FILES if path.stem == name)


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


def triggers(path: Path) -> Any:
    return load(path)[True]  # YAML reads `on` as true.


def checkouts(path: Path) -> list[dict[str, Any]]:
    return [step["with"] for step in steps(path) if str(step.get("uses", "")).startswith("actions/checkout@")]


@every_file
def test_every_action_is_githubs_own_pinned_by_its_hash_and_says_its_version(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"\buses\b", line)]
    assert len(lines) == sum("uses" in step for step in steps(path))
    for line in lines:
        assert USES.fullmatch(line.strip().removeprefix("- ")), line


def test_an_action_has_one_version_everywhere() -> None:
    pins = {found for path in FILES for found in USES.findall(path.read_text(encoding="utf-8"))}
    assert pins and len(pins) == len({action for action, _, _ in pins})


@every_file
def test_the_rights_are_none_but_those_that_a_job_names(path: Path) -> None:
    document = load(path)
    assert document["permissions"] == {}
    expected = {"contents": "read"}
    if path.stem == "review-comment":
        expected = {"actions": "read", "contents": "read", "pull-requests": "write"}
    for name, job in document["jobs"].items():
        assert job["permissions"] == expected, name


@every_file
def test_no_checkout_leaves_its_token_behind(path: Path) -> None:
    assert checkouts(path)
    assert all(each["persist-credentials"] is False for each in checkouts(path))


@every_file
def test_no_script_holds_what_an_event_says(path: Path) -> None:
    for step in steps(path):
        assert "${{" not in str(step.get("run", "")) and "${{" not in str(step.get("shell", ""))
        for value in step.get("env", {}).values():
            assert "${{" not in str(value) or value == "${{ github.token }}"


@every_file
def test_no_step_hands_variables_or_paths_to_those_after_it(path: Path) -> None:
    assert not re.search(r"GITHUB_(ENV|PATH|OUTPUT)|set-output|add-path", path.read_text(encoding="utf-8"))


@every_file
def test_jobs_end_and_older_runs_give_way(path: Path) -> None:
    document = load(path)
    assert document["concurrency"]["group"] and "cancel-in-progress" in document["concurrency"]
    assert all(job["timeout-minutes"] <= 60 and "uses" not in job for job in document["jobs"].values())
    assert all(re.fullmatch(r"ubuntu-\d+\.\d+", job["runs-on"]) for job in document["jobs"].values())


@every_file
def test_nothing_runs_for_a_stranger_with_the_rights_of_the_project(path: Path) -> None:
    assert set(triggers(path)) <= EVENTS
    assert ("workflow_run" in triggers(path)) == (path.stem == "review-comment")
    text = path.read_text(encoding="utf-8")
    assert "secrets" not in text
    assert ("github.token" in text) == (path.stem == "review-comment")


def test_the_comment_takes_nothing_from_the_pull_request_but_its_report() -> None:
    path = workflow("review-comment")
    assert triggers(path) == {"workflow_run": {"workflows": ["review"], "types": ["completed"]}}
    assert load(workflow("review"))["name"] == "review"
    checkout, script = steps(path)
    assert checkout["with"] == {
        "ref": "${{ github.event.repository.default_branch }}",
        "sparse-checkout": "scripts/post_review.py",
        "sparse-checkout-cone-mode": False,
        "persist-credentials": False,
    }
    assert script["run"] == "python3 -I scripts/post_review.py"


def test_the_review_runs_the_tools_of_the_base_branch() -> None:
    path = workflow("review")
    (checkout,) = checkouts(path)
    assert checkout["path"] == "proposed" and not checkout.keys() & {"ref", "repository", "token", "submodules"}
    for step in steps(path):
        run = step.get("run", "")
        assert "proposed" not in re.sub(r"git -C (\.\./)?proposed (worktree add|rev-parse) ", "", run), run
        assert step.get("working-directory", "base") == "base"
        assert "make" not in run or step["working-directory"] == "base"


def test_what_the_review_makes_is_what_the_comment_looks_for() -> None:
    kept = {step["with"]["name"]: step["with"]["path"] for step in steps(workflow("review")) if "with" in step
            and "name" in step["with"]}  # fmt: skip
    assert Path(kept[post_review.ARTIFACT]).name == post_review.MEMBER
    assert str(workflow("review").relative_to(ROOT)) == post_review.WORKFLOW
    assert kept["spec-pages"].endswith("/*.html")
    (command,) = (step["run"] for step in steps(workflow("review")) if "make" in step.get("run", ""))
    assert "REPORT=build/report.md" in command and "PAGES=build/pages" in command
