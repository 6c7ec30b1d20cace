"""Single calls are typed for those who install the package: py.typed, methods, results, errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SNIPPET = Path(__file__).with_name("typed_use.py")


def check(file: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(cache), str(file)]
    return subprocess.run(mypy, check=False, capture_output=True, text=True, timeout=300, cwd=cache)


def test_a_type_checker_knows_every_call_and_its_result(tmp_path: Path) -> None:
    done = check(SNIPPET, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # Where mypy found no types, everything would be Any, and nothing would be wrong with any of it.
    wrong = tmp_path / "wrong.py"
    wrong.write_text(SNIPPET.read_text(encoding="utf-8").replace("  # type: ignore", "  # "), encoding="utf-8")
    done = check(wrong, tmp_path)
    assert done.stdout.count("error:") == SNIPPET.read_text(encoding="utf-8").count("# type: ignore"), done.stdout
