"""Memory does not grow with the input, but for the keys that were seen: peaks of whole processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("flat_memory.py")
FEW, MANY = 20_000, 200_000


def peak(count: int, repeats: str) -> int:
    """Bytes that a process needed at most."""
    command = [sys.executable, str(PROGRAM), str(count), repeats]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout) * 1024


@pytest.mark.parametrize(("repeats", "bytes_a_row"), [("repeats", 16), ("none", 0)])
def test_ten_times_the_rows_need_no_more_memory(repeats: str, bytes_a_row: int) -> None:
    few, many = peak(FEW, repeats), peak(MANY, repeats)
    # The promise is 20 percent; of the 45 MB that a process needs from the beginning that would hide too much.
    assert many <= few + 4_000_000 + bytes_a_row * (MANY - FEW)
