"""Read a spec, or say why no generator may see it.

    .venv-generate/bin/python scripts/spec_guard.py specs/*.yaml

Prints one line for each thing that is wrong, `specs/x.yaml:12: what is wrong; write this instead: ...`, and exits
with 1 if there is one. A spec is a text from a pull request: it is held to the limits in `guarding.reading` before
anything is made of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from guarding.reading import Spec, parse, read_text
from guarding.refusals import Refusal, Refusals, Refused

__all__ = ["Refusal", "Refused", "Spec", "read_spec"]


def read_spec(path: Path) -> Spec:
    """The spec in a file, as plain JSON values with their lines. Raises Refused with everything that is wrong."""
    refusals = Refusals(f"{path.parent.name}/{path.name}")
    spec = parse(read_text(path, refusals), path.stem, refusals)
    if refusals.found:
        raise refusals.refused()
    return spec


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    failed = False
    for argument in arguments:
        try:
            read_spec(Path(argument))
        except Refused as refused:
            print(refused)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
