"""The command as anyone runs it: a process of its own, against the mocks on real sockets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

from headcount.mock import credentials_environment

VENDORS = ("emarsys", "pabbly", "sinch")
COMMAND = [sys.executable, "-m", "headcount"]


@attrs.frozen
class Done:
    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.out.splitlines()[-1]


@attrs.frozen
class Command:
    """Runs the command in a folder of its own, with the mocks' credentials and no other setting."""

    folder: Path

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The environment; a change to None takes a variable away."""
        values: dict[str, str | None] = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        for vendor in VENDORS:
            values |= credentials_environment(vendor)
        values |= changes or {}
        return {name: value for name, value in values.items() if value is not None}

    def __call__(
        self, *arguments: str, stdin: bytes | None = None, env: Mapping[str, str | None] | None = None
    ) -> Done:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def write(self, name: str, content: str | bytes) -> str:
        data = content if isinstance(content, bytes) else content.encode()
        (self.folder / name).write_bytes(data)
        return name

    def people(self, count: int, name: str = "people.csv") -> str:
        """A file of people whom every vendor takes."""
        lines = ["email,phone,given_name,language"]
        lines += [f"p{row}@example.com,+4479460{row:05},Ann,en" for row in range(count)]
        return self.write(name, "\n".join(lines) + "\n")


def identity(**counts: int) -> str:
    """The line that a run with these counts ends with."""
    words = ("created", "updated", "existing", "accepted", "rejected", "skipped", "unknown", "not_sent")
    terms = " + ".join(f"{counts.get(word, 0)} {word}" for word in words)
    return f"{sum(counts.values())} input = {terms}"
