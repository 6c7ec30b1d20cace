"""What docs/clients.md shows is what happens, and what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from headcount import errors
from headcount.clients.emarsys import EmarsysClient
from headcount.clients.pabbly import PabblyClient
from headcount.clients.sinch import SinchConversation

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", DOCUMENT, re.DOTALL)


def test_every_example_says_what_it_prints() -> None:
    assert len(EXAMPLES) == DOCUMENT.count("```python") == 3


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(number: int, tmp_path: Path) -> None:
    code, printed = EXAMPLES[number]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("EMARSYS", "SINCH", "PAB"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=environment,
    )
    assert (done.stdout, done.returncode) == (printed, 0), done.stderr


def test_the_table_of_errors_is_the_tree_of_calls() -> None:
    named = set(re.findall(r"^\| `(\w+Error)`", DOCUMENT, re.MULTILINE))
    of_calls = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.CallError)
    }
    assert named == (of_calls - {"CallError"}) | {"UsageError", "CredentialsError", "EndpointError"}


def test_every_iterator_is_named() -> None:
    for kind in (EmarsysClient, PabblyClient, SinchConversation):
        for name in vars(kind):
            assert not name.startswith("iterate_") or f"{name}(" in DOCUMENT
