"""Redocly CLI: what it finds in a spec, what it says of a change, and the page that it renders.

It runs in a folder of its own that holds nothing but what the guard let pass, without the environment of this process,
and with settings that cannot load code: `plugins`, `decorators` and the like are refused, wherever they come from. It
gets the values that the guard read, as JSON, and not the text: what another parser of YAML makes of that can differ.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import attrs
import yaml

from spec_guard import Spec

from . import pages
from .markdown import code
from .verdict import Severity, Unusable

SECONDS = 120
SETTINGS = ("apis", "extends", "rules")
"""What the linter's settings may say. Everything else of Redocly's settings can load or fetch something."""


@attrs.frozen
class Finding:
    """What the linter says. severity: `error` or `warn`."""

    spec: str
    line: int
    severity: str
    rule: str
    message: str


@attrs.frozen
class Rated:
    """A change as Redocly rates it, with the pointers of what differs. kind: what differs, as Redocly calls it."""

    severity: Severity
    old: str | None
    new: str | None
    kind: str
    message: str


def settings(text: bytes | None) -> dict[str, Any]:
    """The linter's settings out of the base. Raises Unusable for what could load code or fetch something."""
    if text is None:
        return {"extends": ["recommended"]}
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise Unusable("specs/redocly.yaml of the base is not YAML") from None
    if not isinstance(value, dict):
        raise Unusable("specs/redocly.yaml of the base is not a mapping")
    for keyword in value:
        if keyword not in SETTINGS:
            raise Unusable(f"specs/redocly.yaml may say {', '.join(SETTINGS)}, not {keyword!r}: a review loads no code")
    extends = value.get("extends", [])
    if not isinstance(extends, list) or not all(re.fullmatch(r"[a-z0-9-]+", str(each)) for each in extends):
        raise Unusable(
            "specs/redocly.yaml may extend rule sets of Redocly by their names alone: a review fetches nothing"
        )
    rules = value.get("rules") or {}
    if not isinstance(rules, dict):
        raise Unusable("specs/redocly.yaml: rules is not a mapping")
    return {"extends": extends, "rules": rules}


@attrs.frozen
class Redocly:
    """An installed Redocly CLI. folder: where `npm ci` put it."""

    folder: Path

    def check(self) -> None:
        if shutil.which("node") is None:
            raise Unusable("node is not installed: a review needs Node 20.19 or 22.12 and newer for Redocly CLI")
        if not self._script().is_file():
            raise Unusable(f"Redocly CLI is not in {self.folder}: run it as make review, which installs it")

    def _script(self) -> Path:
        return self.folder / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"

    def _run(self, work: Path, *arguments: str) -> tuple[int, str, str]:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(work),
            "NO_COLOR": "1",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
            "REDOCLY_TELEMETRY": "off",
        }
        command = ["node", "--max-old-space-size=1024", str(self._script()), *arguments]
        try:
            done = subprocess.run(
                command, check=False, cwd=work, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Unusable(f"redocly {arguments[0]} did not end within {SECONDS} seconds") from None
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def lint(self, specs: list[Spec], configuration: dict[str, Any]) -> list[Finding]:
        """What is wrong or odd in some specs."""
        if not specs:
            return []
        with tempfile.TemporaryDirectory(prefix="review-") as name:
            work = Path(name)
            files = [_write(work / f"{spec.name}.json", _compiled(spec)) for spec in specs]
            _write(work / "settings" / "redocly.yaml", json.dumps(configuration).encode())
            _, stdout, stderr = self._run(
                work, "lint", *files, "--config", "settings/redocly.yaml", "--format", "json", "--max-problems", "500"
            )
        by_name = {spec.name: spec for spec in specs}
        problems = [each for answer in _answers(stdout, stderr, len(specs)) for each in answer["problems"]]
        return sorted((_finding(each, by_name) for each in problems), key=lambda each: (each.severity, each.line))

    def diff(self, old: Spec, new: Spec) -> list[Rated]:
        """The changes from one spec to another, as Redocly rates them."""
        with tempfile.TemporaryDirectory(prefix="review-") as name:
            work = Path(name)
            _write(work / "old.json", _compiled(old))
            _write(work / "new.json", _compiled(new))
            _write(work / "settings" / "redocly.yaml", b'{"extends": ["diff-recommended"]}')
            _, _, stderr = self._run(
                work, "diff", "old.json", "new.json", "--config", "settings/redocly.yaml",
                "--format", "json", "--fail-on", "none", "--output", "diff.json",
            )  # fmt: skip
            written = work / "diff.json"
            answer = _json(written.read_text(encoding="utf-8") if written.is_file() else "", stderr, "diff")
        return [_rated(each) for each in answer["changes"]]

    def render(self, spec: Spec, target: Path) -> None:
        """Write the page of a spec: one file that loads nothing."""
        with tempfile.TemporaryDirectory(prefix="review-") as name:
            work = Path(name)
            _write(work / "spec.json", _compiled(spec))
            _write(work / "settings" / "redocly.yaml", json.dumps({"openapi": pages.OPTIONS}).encode())
            status, stdout, stderr = self._run(
                work, "build-docs", "spec.json", "--config", "settings/redocly.yaml", "--inlineBundle",
                "--output", "page.html",
            )  # fmt: skip
            if status or not (work / "page.html").is_file():
                raise Unusable(f"redocly build-docs failed: {_last(stderr or stdout)}")
            page = pages.sealed((work / "page.html").read_text(encoding="utf-8"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")


def _compiled(spec: Spec) -> bytes:
    return json.dumps(spec.document, ensure_ascii=False).encode()


def _write(path: Path, content: bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path.name


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _json(text: str, stderr: str, command: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        raise Unusable(f"redocly {command} gave no answer: {_last(stderr)}") from None
    return value if isinstance(value, dict) else {}


def _answers(text: str, stderr: str, expected: int) -> list[dict[str, Any]]:
    """The linter writes one JSON document a file, one behind the other."""
    found, rest = [], text.strip()
    decoder = json.JSONDecoder()
    try:
        while rest:
            value, end = decoder.raw_decode(rest)
            found.append(value)
            rest = rest[end:].lstrip()
    except ValueError:
        found = []
    if len(found) != expected:
        raise Unusable(f"redocly lint answered for {len(found)} of {expected} specs: {_last(stderr)}")
    return found


def _finding(problem: dict[str, Any], specs: dict[str, Spec]) -> Finding:
    place = (problem.get("location") or [{}])[0]
    name = Path(str(place.get("source", {}).get("ref", ""))).stem
    return Finding(
        spec=name,
        line=specs[name].line_of(str(place.get("pointer", ""))) if name in specs else 1,
        severity=str(problem.get("severity", "error")),
        rule=str(problem.get("ruleId", "")),
        message=str(problem.get("message", "")),
    )


def _rated(change: dict[str, Any]) -> Rated:
    severity = {"major": Severity.MAJOR, "minor": Severity.MINOR}.get(str(change["impact"]), Severity.PATCH)
    verdicts = [str(each["message"]) for each in change.get("verdicts", [])]
    title = f"{change.get('typeName')} {change.get('property', '')} {change.get('kind')}".replace("  ", " ")
    pointers = [
        str(change[side]["pointer"]).removeprefix("#") if change.get(side) else None for side in ("base", "revision")
    ]
    return Rated(
        severity, pointers[0], pointers[1], str(change.get("typeName")), code(" ".join(verdicts) or title, 200)
    )
