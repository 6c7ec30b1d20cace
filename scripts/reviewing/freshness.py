"""Whether `generated/` is what the specs make, and MANIFEST.toml says of what."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

from .trees import Tree

PACKAGE = "generated/headcount_api"
MANIFEST = f"{PACKAGE}/MANIFEST.toml"


def stale_files(tree: Tree, name: str, made: Path) -> list[str]:
    """The generated files of one spec that differ from what it makes today."""
    expected = {path.relative_to(made).as_posix(): path.read_bytes() for path in made.rglob("*") if path.is_file()}
    found = {
        path: content
        for path, content in tree.under(PACKAGE).items()
        if path in (f"specs/{name}.json", f"wire/{name}.py") or path.startswith(f"clients/{name}/")
    }
    return sorted(path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path))


def orphans(tree: Tree, names: set[str]) -> list[str]:
    """Generated files of specs that are not there."""
    found = set()
    for path in tree.under(PACKAGE):
        matched = re.fullmatch(r"(?:clients/([a-z0-9_]+)/.*|wire/([a-z0-9_]+)\.py|specs/([a-z0-9_]+)\.json)", path)
        if matched:
            name = next(filter(None, matched.groups()))
            if name not in names and not name.startswith("__"):
                found.add(path)
    return sorted(found)


def manifest_faults(tree: Tree) -> list[str]:
    """What MANIFEST.toml says of specs, templates and tools that is not so. Plain text."""
    try:
        manifest = tomllib.loads(tree.files[MANIFEST].decode("utf-8"))
    except KeyError:
        return [f"{MANIFEST} is not there"]
    except (ValueError, UnicodeDecodeError):
        return [f"{MANIFEST} is not TOML"]
    templates = {path: sha256(content) for path, content in tree.under("scripts/templates").items()}
    specs = {f"{name}.yaml": sha256(content) for name, content in tree.specs().items()}
    pinned = re.findall(
        r"^([A-Za-z0-9._-]+)==([^ \\;\n]+)",
        tree.files.get("requirements/generate.txt", b"").decode("utf-8"),
        re.MULTILINE,
    )
    tools = {name: version for name, version in pinned if name in manifest.get("tools", {})}
    faults = []
    for section, real in (("specs", specs), ("templates", templates), ("tools", tools)):
        told = manifest.get(section)
        told = told if isinstance(told, dict) else {}
        faults += [f"MANIFEST.toml, [{section}]: {name}" for name in sorted(told.keys() | real.keys())
                   if told.get(name) != real.get(name)]  # fmt: skip
    return faults


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
