"""Read a spec, or say why no generator may see it.

    .venv-generate/bin/python scripts/spec_guard.py [FILE]...      the files, or all specs

Prints one line for each thing that is wrong, `specs/x.yaml:12: what is wrong; write this instead: ...`, and exits
with 1 if there is one. A spec is a text from a pull request: it is held to the limits in `guarding.reading` before
anything is made of it.
"""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from guarding.operations import check_operations
from guarding.reading import Spec, parse, read_text
from guarding.refusals import Refusal, Refusals, Refused
from guarding.schemas import check_schemas
from guarding.walking import walk

__all__ = ["Refusal", "Refused", "Spec", "find_specs", "read_spec"]

SPECS = Path(__file__).resolve().parent.parent / "specs"
SETTINGS = "redocly.yaml"


def find_specs(folder: Path) -> list[Path]:
    """The specs of a folder: every YAML file but Redocly's settings. Raises Refused for a name that is no module's."""
    found = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and path.name != SETTINGS)
    for path in found:
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\.yaml", path.name) or keyword.iskeyword(path.stem):
            refusals = Refusals(f"{path.parent.name}/{path.name}")
            raise refusals.stop(1, "a file name that becomes no module", "a name like sinch_batch.yaml")
    return found


def read_spec(path: Path) -> Spec:
    """The spec in a file, as plain JSON values with their lines. Raises Refused with everything that is wrong."""
    refusals = Refusals(f"{path.parent.name}/{path.name}")
    spec = parse(read_text(path, refusals), path.stem, refusals)
    if not refusals.found:
        check(spec, refusals)
    if refusals.found:
        raise refusals.refused()
    return spec


def check(spec: Spec, refusals: Refusals) -> None:
    """Hold a spec that can be read to what the generators can do."""
    version = spec.document.get("openapi")
    if not isinstance(version, str) or not re.fullmatch(r"3\.1\.[0-9]+", version):
        refusals.add(spec.line_of("/openapi"), "not an OpenAPI 3.1 document", "openapi: 3.1.0")
    for key in ("info", "paths"):
        if not isinstance(spec.document.get(key), dict):
            refusals.add(spec.line_of(f"/{key}"), f"no {key}", f"a mapping under {key}")
    nodes = walk(spec, refusals)
    check_schemas(nodes, refusals)
    check_operations(spec, nodes, refusals)


def main(arguments: list[str]) -> int:
    failed = False
    try:
        paths = [Path(each) for each in arguments] or find_specs(SPECS)
    except Refused as refused:
        print(refused)
        return 1
    for path in paths:
        try:
            read_spec(path)
        except Refused as refused:
            print(refused)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
