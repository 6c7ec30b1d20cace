"""A project to throw away: this project's scripts and a small spec of no vendor, under git, with a base to go back to.

The spec is fixed, so that what is said of an edit does not hang on the vendors' specs.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.review.reports import Report

ROOT = Path(__file__).resolve().parents[2]
FIXED = Path(__file__).resolve().parent / "project"
PYTHON = ROOT / ".venv-generate" / "bin" / "python"
NODE = ROOT / ".redocly"
SHARED = (".gitignore", "Makefile", "pyproject.toml", "requirements", "scripts")


@attrs.frozen
class Project:
    root: Path

    def path(self, spec: str = "people") -> Path:
        return self.root / "specs" / f"{spec}.yaml"

    def read(self, spec: str = "people") -> str:
        return self.path(spec).read_text(encoding="utf-8")

    def write(self, text: str, spec: str = "people") -> None:
        self.path(spec).write_text(text, encoding="utf-8")

    def edit(self, *edits: tuple[str, str, str], spec: str = "people") -> None:
        """Each edit replaces the first `old` behind `after`: (after, old, new)."""
        text = self.read(spec)
        for after, old, new in edits:
            start = text.index(old, text.index(after) + len(after))
            text = text[:start] + new + text[start + len(old) :]
        self.write(text, spec)

    def version(self, version: str, spec: str = "people") -> None:
        self.edit(("info:", 'version: "1.2.3"', f'version: "{version}"'), spec=spec)

    def second_spec(self) -> None:
        shutil.copyfile(FIXED / "lists.yaml", self.path("lists"))

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        settings = ("user.name=t", "user.email=t@example.com", "commit.gpgsign=false")
        self.git(*(part for each in settings for part in ("-c", each)), "commit", "--quiet", "--message=change")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False, timeout=300)

    def generate(self) -> None:
        done = self.run(str(PYTHON), "scripts/generate.py")
        assert done.returncode == 0, done.stderr

    def review(self, base: str = "HEAD") -> tuple[int, Report]:
        done = self.run(str(PYTHON), "scripts/review.py", base)
        assert done.stderr == ""
        return done.returncode, Report.parsed(done.stdout)


@pytest.fixture(scope="session")
def created(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """What is missing to review is a failure, never a skip."""
    assert PYTHON.exists() and NODE.exists(), "make test-review installs what a review needs"
    root = tmp_path_factory.mktemp("review") / "project"
    root.mkdir()
    for name in SHARED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(ROOT / name, root / name)
    (root / "specs").mkdir()
    for name in ("people.yaml", "redocly.yaml"):
        shutil.copyfile(FIXED / name, root / "specs" / name)
    shutil.copytree(FIXED / "golden", root / "tests" / "golden")
    (root / ".redocly").symlink_to(NODE)
    (root / ".venv-generate").symlink_to(PYTHON.parents[1])
    (root / ".gitignore").write_text("/.redocly\n/.venv-generate\n/build/\n__pycache__/\n", encoding="utf-8")
    made = Project(root)
    made.generate()
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit()
    made.git("tag", "base")
    return made


@pytest.fixture
def project(created: Project) -> Iterator[Project]:
    """The project as it was created, and so again afterwards."""
    yield created
    created.git("reset", "--quiet", "--hard", "base")
    created.git("clean", "--quiet", "--force", "-d")
