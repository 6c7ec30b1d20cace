"""What the project says of itself is true: the README's examples, the documents' words, the make targets."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from headcount.mock import credentials_environment, serve
from headcount.outcome import Kind, Status

ROOT = Path(__file__).resolve().parents[2]
README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "specs" / "README.md"])
NOT_SOURCE = {"build", "dist", "runs"}
MACHINE = re.compile(
    rb"/(?:ro[o]t|ho[m]e|Us[e]rs)/|pypi\.o[r]g|pythonh[o]sted|(?:extra-in[d]ex|in[d]ex)-url|find-l[i]nks", re.IGNORECASE
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def cells(document: str, heading: str) -> set[str]:
    """The words in code style of the first column of the table under a heading."""
    text = ROOT.joinpath(document).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))


def files() -> list[Path]:
    """The project's files, and none that whoever works on it keeps beside them."""
    found = [*ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    for folder in ROOT.iterdir():
        if folder.is_dir() and folder.name not in NOT_SOURCE and not folder.name.startswith("."):
            found += folder.rglob("*")
    found += [*ROOT.glob(".ci/*"), *ROOT.glob(".github/**/*")]
    return [path for path in found if path.is_file() and path.suffix != ".pyc"]


def test_the_library_example_prints_what_the_readme_says() -> None:
    (program,) = blocks("python")
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed in blocks("text")


def test_the_command_line_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    (session,) = blocks("console")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    exported = dict(pair.split("=") for pair in session.splitlines()[0].removeprefix("$ export ").split())
    assert exported.items() <= credentials_environment("emarsys").items()
    with serve("emarsys") as mock:
        printed: list[str] = []
        for line in session.splitlines()[1:]:
            if line.startswith("$ headcount "):
                arguments = shlex.split(line.replace("http://127.0.0.1:8765", mock.url))[2:]
                done = subprocess.run(
                    [sys.executable, "-m", "headcount", *arguments],
                    cwd=tmp_path, env=os.environ | exported, capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert done.returncode in (0, 1), done.stderr
                printed = done.stdout.splitlines()
            else:
                assert line in printed


def test_the_demo_of_the_readme_is_that_of_the_ledger() -> None:
    demo = blocks("text")[0]
    ledger = json.loads(ROOT.joinpath("examples", "people.ledger.json").read_text(encoding="utf-8"))
    for vendor, expected in ledger["loads"].items():
        command = shlex.join(["headcount", "load", "examples/people.csv", "--to", vendor, *expected["arguments"]])
        terms = " + ".join(f"{expected['counts'].get(status.value, 0)} {status.value}" for status in Status)
        assert f"$ {command}\n{sum(expected['counts'].values())} input = {terms}\n" in demo


@pytest.mark.parametrize(
    "document, heading", [("README.md", "What an outcome means"), ("docs/outcomes.md", "Statuses")]
)
def test_every_status_is_explained(document: str, heading: str) -> None:
    assert cells(document, heading) == {status.value for status in Status}


def test_every_kind_is_explained() -> None:
    assert cells("docs/outcomes.md", "Kinds of problem") == {kind.value for kind in Kind}


def test_help_lists_every_target() -> None:
    makefile = ROOT.joinpath("Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    command = ["make", "--no-print-directory"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\S+) +\S", listed, re.MULTILINE) == targets.split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (document.parent / link).exists(), link


def test_no_file_names_a_machine_or_a_package_index() -> None:
    assert [str(path) for path in files() if MACHINE.search(path.read_bytes())] == []
