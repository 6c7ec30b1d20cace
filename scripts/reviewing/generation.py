"""The generated package of one spec, by the project's own generators, kept by the hash of all it is made from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import generate
from spec_guard import Spec

Failed = generate.Failed


class Generator:
    """Makes `clients/x`, `wire/x.py` and `specs/x.json` of one spec. folder: where they are kept between reviews."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pins = generate.pinned_versions()
        parts = [sys.version, Path(generate.__file__).read_text(encoding="utf-8")]
        parts += [generate.REQUIREMENTS.read_text(encoding="utf-8")]
        for path in sorted(generate.TEMPLATES.rglob("*")):
            if path.is_file():
                parts += [path.relative_to(generate.TEMPLATES).as_posix(), generate.sha256(path)]
        self._tools = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        self._checked = False

    def make(self, spec: Spec, content: bytes) -> Path:
        """The folder that holds what a spec turns into. Raises Failed with the words of the generator."""
        name = hashlib.sha256(b"\0".join([self._tools.encode(), spec.name.encode(), content])).hexdigest()
        target = self.folder / name
        if target.is_dir():
            return target
        if not self._checked:
            generate.check_versions(self.pins)
            self._checked = True
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as place:
            package, work = Path(place, "package"), Path(place, "work")
            for folder in (package / "specs", package / "clients", package / "wire", work):
                folder.mkdir(parents=True)
            compiled = package / "specs" / f"{spec.name}.json"
            text = json.dumps(spec.document, ensure_ascii=False, allow_nan=False, indent=1)
            compiled.write_text(text + "\n", encoding="utf-8")
            generate.write_client(compiled, spec.document, package / "clients" / spec.name, work)
            generate.write_wire(compiled, package / "wire" / f"{spec.name}.py", work)
            generate.polish(package)
            try:
                os.rename(package, target)
            except OSError:
                if not target.is_dir():
                    raise
        return target

    def forget_oldest(self, most: int = 60) -> None:
        """Keep the folder from growing without end."""
        kept = sorted((path for path in self.folder.glob("[0-9a-f]*")), key=lambda path: path.stat().st_mtime)
        for path in kept[:-most]:
            shutil.rmtree(path, ignore_errors=True)
