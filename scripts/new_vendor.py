"""Write the skeleton of a new vendor, which works at once against its own mock.

    python scripts/new_vendor.py acme

Writes specs/acme.yaml, wrapper/headcount/destinations/acme.py, wrapper/headcount/mock/acme.py and
tests/contract/test_acme.py, and enters the vendor in pyproject.toml. Exits with 2, and writes nothing, for a name
that cannot be one or is taken. docs/adding-a-vendor.md says what comes next. Needs the standard library alone.
"""

from __future__ import annotations

import keyword
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKELETON = Path(__file__).resolve().parent / "vendor_skeleton"
FILES = {
    "spec.yaml.txt": "specs/{}.yaml",
    "destination.py.txt": "wrapper/headcount/destinations/{}.py",
    "mock.py.txt": "wrapper/headcount/mock/{}.py",
    "test.py.txt": "tests/contract/test_{}.py",
}
PROJECT = "pyproject.toml"
GROUPS = {"headcount.destinations": "headcount.destinations.{0}:{1}", "headcount.mocks": "headcount.mock.{0}:{1}"}
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MOST_CHARACTERS = 20
RESERVED = {"network", "redocly", "newvendor"}
"""The network's table in a faults file, the linter's configuration, and the skeleton's own name."""


class Refused(Exception):
    """Why nothing was written."""


def check_name(name: str, root: Path) -> None:
    """Raises Refused for a name that cannot be a vendor's here."""
    if not NAME.fullmatch(name) or len(name) > MOST_CHARACTERS or keyword.iskeyword(name) or name in RESERVED:
        raise Refused(
            f"{name!r} cannot be a vendor's name: it takes a letter, then letters, digits and single underscores, all "
            f"lower case, {MOST_CHARACTERS} at most, and is no word of Python's; NAME=acme, say"
        )
    for pattern in FILES.values():
        if (root / pattern.format(name)).exists():
            raise Refused(f"{pattern.format(name)} is there already")
    groups = tomllib.loads((root / PROJECT).read_text(encoding="utf-8"))["project"]["entry-points"]
    for group in GROUPS:
        if name in groups[group]:
            raise Refused(f"{PROJECT} has {name!r} in {group} already")


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def filled(text: str, name: str) -> str:
    """A file of the skeleton with this vendor's name for its own."""
    text = text.replace("new-vendor.example", f"{name.replace('_', '-')}.example")
    text = text.replace("NEWVENDOR", name.upper())
    return text.replace("Newvendor", class_name(name)).replace("newvendor", name)


def entered(project: str, name: str) -> str:
    """pyproject.toml with a line for the vendor in each of its groups of entry points, in the order of names."""
    for group, value in GROUPS.items():
        head = f'[project.entry-points."{group}"]\n'
        before, found, after = project.partition(head)
        if not found:
            raise Refused(f"{PROJECT} has no line {head.strip()}")
        table, blank, rest = after.partition("\n\n")
        lines = [*table.splitlines(), f'{name} = "{value.format(name, class_name(name))}"']
        project = "".join((before, head, "\n".join(sorted(lines)), blank, rest))
    return project


def write(name: str, root: Path = ROOT) -> list[str]:
    """Write the skeleton; answers the files written and changed, in that order. Raises Refused."""
    check_name(name, root)
    texts = {
        pattern.format(name): filled((SKELETON / file).read_text(encoding="utf-8"), name)
        for file, pattern in FILES.items()
    }
    project = entered((root / PROJECT).read_text(encoding="utf-8"), name)
    written: list[Path] = []
    try:
        for file, text in texts.items():
            with (root / file).open("x", encoding="utf-8") as stream:
                written.append(root / file)
                stream.write(text)
        (root / PROJECT).write_text(project, encoding="utf-8")
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise Refused(f"{error.filename} cannot be written: {error.strerror}") from None
    return [*texts, PROJECT]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    (name,) = arguments
    try:
        *new, changed = write(name)
    except Refused as refused:
        print(f"new-vendor: {refused}", file=sys.stderr)
        return 2
    for file in new:
        print(f"wrote   {file}")
    print(f"changed {changed}: the entry points of {name}")
    print("next    make generate, then make check test; docs/adding-a-vendor.md goes on from there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
