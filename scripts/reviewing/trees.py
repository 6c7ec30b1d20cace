"""The files that a review compares, out of git: a commit, or the work tree.

Nothing is checked out and nothing of what is read is run; a link is not followed.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import attrs

from .verdict import Unusable

READ = (
    "generated/headcount_api",
    "pyproject.toml",
    "requirements/generate.txt",
    "scripts/generate.py",
    "scripts/templates",
    "specs",
    "tests/golden",
)
MOST_FILES = 5_000
SPEC = re.compile(r"specs/([^/]+)\.ya?ml")


@attrs.frozen
class Tree:
    """name: for the report. files: content by path, from the root of the project. links: paths that are links."""

    name: str
    files: dict[str, bytes]
    links: tuple[str, ...] = ()

    def specs(self) -> dict[str, bytes]:
        """The specs by their name: every YAML document in specs/ but the settings of the linter."""
        found = {}
        for path, content in sorted(self.files.items()):
            matched = SPEC.fullmatch(path)
            if matched and matched[1] != "redocly":
                found[matched[1]] = content
        return found

    def under(self, folder: str) -> dict[str, bytes]:
        """The files in a folder, by their path from there."""
        return {
            path.removeprefix(folder + "/"): content
            for path, content in self.files.items()
            if path.startswith(folder + "/")
        }


def git(root: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], check=False, input=stdin, capture_output=True, timeout=60
        )
    except FileNotFoundError:
        raise Unusable("git is not installed, and a review reads the base from it") from None
    if done.returncode:
        raise Unusable(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return done.stdout


def resolve(root: Path, ref: str) -> str:
    """The hash of the commit that a ref names. Raises Unusable with what to write instead."""
    if not ref or ref.startswith("-"):
        raise Unusable("BASE is not set: make review BASE=main")
    try:
        return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    except Unusable:
        raise Unusable(f"{ref!r} is no commit of this repository: fetch it, or name another BASE") from None


def fork_point(root: Path, base: str, head: str) -> str:
    """The commit from which head set out, so that what base learnt since does not look removed."""
    try:
        return git(root, "merge-base", base, head).decode().strip() or base
    except Unusable:
        return base


def committed(root: Path, commit: str) -> Tree:
    listing = git(root, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *READ).decode().split("\0")
    entries = [entry.split("\t", 1) for entry in listing if entry]
    if len(entries) > MOST_FILES:
        raise Unusable(f"{commit[:10]} has more than {MOST_FILES} files to read")
    wanted: dict[str, str] = {}
    links = []
    for meta, path in entries:
        mode, kind, object_name = meta.split()
        if kind == "blob" and mode != "120000":
            wanted[path] = object_name
        else:
            links.append(path)
    answer = git(root, "cat-file", "--batch", stdin="".join(f"{each}\n" for each in wanted.values()).encode())
    files, start = {}, 0
    for path in wanted:
        end = answer.index(b"\n", start)
        size = int(answer[start:end].split()[2])
        files[path] = answer[end + 1 : end + 1 + size]
        start = end + 2 + size
    return Tree(commit[:10], files, tuple(links))


def work_tree(root: Path) -> Tree:
    listing = (
        git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *READ).decode().split("\0")
    )
    files, links = {}, []
    for path in filter(None, dict.fromkeys(listing)):
        where = root / path
        if where.is_symlink():
            links.append(path)
        elif where.is_file():
            files[path] = where.read_bytes()
    return Tree("the work tree", files, tuple(links))
