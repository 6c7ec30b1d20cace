"""The skeleton of a new vendor: what it touches, what it refuses, and that it loads as soon as its spec is compiled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import COMMAND, Command, identity

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["wrapper", "generated", "scripts", "specs", "pyproject.toml", "README.md", "LICENSE", "Makefile"]
PARTS += ["tests/sockets.py", "tests/contract/vendor_server.py"]
LONGEST = "a_name_of_20_letters"
NO_NAMES = ["", "Acme", "9lives", "acme-corp", "acme_", "_acme", "a__b", "class", "../acme", "a b", "é", f"{LONGEST}s"]
TAKEN = ["emarsys", "sinch_batch", "account", "server", "network", "redocly", "newvendor"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project, to be thrown away."""
    copy = tmp_path / "project"
    for part in PARTS:
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, copy / part)
    return copy


def contents(project: Path) -> dict[str, str]:
    files = (path for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(project).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files}


def make(project: Path, name: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", "new-vendor", f"NAME={name}", f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=60)


def test_a_vendor_is_four_new_files_and_two_lines(project: Path) -> None:
    before = contents(project)
    done = make(project, "north_star")
    after = contents(project)
    assert done.returncode == 0, done.stderr
    assert after.keys() - before.keys() == {
        "specs/north_star.yaml",
        "wrapper/headcount/destinations/north_star.py",
        "wrapper/headcount/mock/north_star.py",
        "tests/contract/test_north_star.py",
    }
    assert [name for name in before if before[name] != after[name]] == ["pyproject.toml"]
    old, new = before["pyproject.toml"].splitlines(), after["pyproject.toml"].splitlines()
    assert sorted(set(new) - set(old)) == [
        'north_star = "headcount.destinations.north_star:NorthStar"',
        'north_star = "headcount.mock.north_star:NorthStar"',
    ]
    assert [line for line in new if not line.startswith("north_star = ")] == old
    assert not [name for name in after.keys() - before.keys() if "newvendor" in after[name].lower()]


@pytest.mark.parametrize("name", [*NO_NAMES, *TAKEN])
def test_a_name_that_cannot_be_one_or_is_taken_writes_nothing(project: Path, name: str) -> None:
    before = contents(project)
    done = make(project, name)
    assert done.returncode != 0 and done.stderr.startswith("new-vendor: ")
    assert contents(project) == before


def test_a_second_time_is_refused_and_leaves_the_first(project: Path) -> None:
    make(project, "acme")
    before = contents(project)
    assert "is there already" in make(project, "acme").stderr
    assert contents(project) == before


@pytest.mark.parametrize("name", ["z", LONGEST])
def test_the_skeleton_keeps_to_the_style(project: Path, name: str) -> None:
    make(project, name)
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "specs", "wrapper", "tests"]
    done = subprocess.run(ruff, cwd=project, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_it_loads_as_soon_as_its_spec_is_compiled_and_it_is_installed(project: Path, tmp_path: Path) -> None:
    make(project, "north_star")
    # What make generate does for the wrapper: the guard reads the spec, and its JSON goes into the package.
    compile = (
        "import json, sys; sys.path.insert(0, 'scripts'); from pathlib import Path; from spec_guard import read_spec; "
        "print(json.dumps(read_spec(Path('specs/north_star.yaml')).document))"
    )
    compiled = subprocess.run([sys.executable, "-c", compile], cwd=project, capture_output=True, check=True, timeout=60)
    (project / "generated/headcount_api/specs/north_star.json").write_bytes(compiled.stdout)
    site = tmp_path / "site"
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(site), "."]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, *install], cwd=project, check=True, timeout=120)
    env = {"PYTHONPATH": str(site), "NORTH_STAR_API_KEY": "mock-key"}

    command = Command(tmp_path)
    mock = subprocess.Popen(
        [*COMMAND, "mock", "north_star"], cwd=tmp_path, env=command.environment(env), stdout=subprocess.PIPE
    )
    try:
        assert mock.stdout is not None
        url = mock.stdout.readline().decode().split()[1].removesuffix("/v1")
        loaded = command("load", command.people(250), "--to", "north_star", "--endpoint", url, env=env)
    finally:
        mock.terminate()
        mock.communicate(timeout=30)
    assert (loaded.code, loaded.last_line) == (0, identity(created=250)), loaded.err

    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_north_star.py"]
    own = subprocess.run(
        tests, cwd=project, env=os.environ | env, capture_output=True, text=True, check=False, timeout=300
    )
    assert own.returncode == 0 and " passed" in own.stdout, own.stdout + own.stderr
    assert json.loads(compiled.stdout)["info"]["title"] == "NorthStar contacts"
