"""Whether a spec's version was raised as far as its changes ask."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import attrs

from .markdown import code
from .verdict import Severity

SEMVER = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
Version = tuple[int, int, int]


@attrs.frozen
class VersionVerdict:
    """wrong: why the change may not pass. missing: what should be done besides. Both are empty if all is well."""

    text: str
    wrong: str = ""
    missing: str = ""


def parsed(version: object) -> Version | None:
    matched = SEMVER.fullmatch(version) if isinstance(version, str) else None
    return (int(matched[1]), int(matched[2]), int(matched[3])) if matched else None


def asked(old: Version, severity: Severity) -> Version:
    """The lowest version that a change asks for. Before 1.0.0 the second number stands for the first."""
    major, minor, patch = old
    if severity is Severity.MAJOR:
        return (major + 1, 0, 0) if major else (0, minor + 1, 0)
    if severity is Severity.MINOR:
        return (major, minor + 1, 0)
    if severity is Severity.PATCH:
        return (major, minor, patch + 1)
    return old


def judged(old: object, new: object, severity: Severity) -> VersionVerdict:
    """old: None where the spec is new. Only a breaking change must be told by the version; the rest should be."""
    before, after = parsed(old), parsed(new)
    if after is None:
        return VersionVerdict(
            code(new), wrong=f"`info.version` is {code(new)}: write it as x.y.z, quoted, as in `1.0.0`"
        )
    if old is None:
        return VersionVerdict(f"{code(new)} (new)")
    if before is None:
        return VersionVerdict(f"{code(old)} to {code(new)}")
    if after < before:
        return VersionVerdict(
            f"{code(old)} to {code(new)}", wrong=f"`info.version` was lowered from {code(old)} to {code(new)}"
        )
    least = asked(before, severity)
    shown = code(new) if old == new else f"{code(old)} to {code(new)}"
    if after >= least:
        if severity is Severity.NONE and after > before:
            return VersionVerdict(f"{shown}, raised for nothing")
        if after in (asked(before, each) for each in Severity if each > severity):
            return VersionVerdict(
                f"{shown}, raised further than to {code('.'.join(map(str, least)))}, which is asked for"
            )
        return VersionVerdict(shown + (", raised as asked" if after > before else ""))
    needed = ".".join(map(str, least))
    text = f"a {severity} change asks for `info.version` {code(needed)} or higher, it is {code(new)}"
    if severity is Severity.MAJOR:
        return VersionVerdict(
            f"{shown}, **asks for {code(needed)}**", wrong=f"breaking change without its version: {text}"
        )
    return VersionVerdict(f"{shown}, asks for {code(needed)}", missing=text)


def of(document: dict[str, Any]) -> object:
    info = document.get("info")
    return info.get("version") if isinstance(info, dict) else None


def library(project: bytes) -> object:
    """The version of the library out of pyproject.toml."""
    try:
        value = tomllib.loads(project.decode("utf-8"))["project"]["version"]
    except (ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) else None
