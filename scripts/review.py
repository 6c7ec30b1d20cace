"""Say what a change of the specs means to those who use them, as one Markdown report.

    .venv-generate/bin/python scripts/review.py BASE [--head REF] [--report FILE] [--pages FOLDER]

BASE is a git ref: the commit from which the other side set out is compared with the work tree, or with REF. The report
goes to stdout, or to FILE. `--pages` writes the page of every spec besides. `make review BASE=...` installs what is
needed and calls this.

Exit codes: 0 the change may pass; 1 it may not: a breaking change without its version, lint errors, a stale
generated/, recorded messages that do not hold, or a spec that is refused; 2 no review could be made.

The files of either side are read out of git and never run. A spec that the guard refuses reaches no other tool.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent))

from guarding.reading import parse
from guarding.refusals import Refusals
from reviewing import freshness, golden, redocly, trees, versions
from reviewing.analysis import Review, check_generated, described, holdings, model_breaks
from reviewing.documents import Document
from reviewing.evidence import shifts
from reviewing.generation import Failed, Generator
from reviewing.markdown import code, codes
from reviewing.redocly import Redocly
from reviewing.report import Report, not_made
from reviewing.trees import Tree
from reviewing.verdict import Change, Severity, Unusable
from spec_guard import Refused, Spec, read_spec

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "review"
NODE = ROOT / ".redocly"
NAME = r"[a-z][a-z0-9_]*"
GENERATORS = ("scripts/generate.py", "scripts/templates", "requirements/generate.txt")


@attrs.define
class Side:
    """The specs of one tree, read. refused: why some are not taken. unchecked: those that can be read all the same."""

    tree: Tree
    specs: dict[str, Spec] = attrs.field(factory=dict)
    refused: dict[str, list[str]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, tree: Tree) -> Side:
        side = cls(tree)
        with tempfile.TemporaryDirectory(prefix="review-") as folder:
            place = Path(folder, "specs")
            place.mkdir()
            for name, content in tree.specs().items():
                if re.fullmatch(NAME, name):
                    side._read(place / f"{name}.yaml", content)
                else:
                    wrong = f"{code(name)} names no package: write a name like `sinch_batch`, in small letters"
                    side.refused[name] = [wrong]
        for path in tree.links:
            if path.startswith("specs/"):
                side.refused[Path(path).stem] = [f"{code(path)} is a link: a review follows none"]
        return side

    def _read(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        try:
            self.specs[path.stem] = read_spec(path)
        except Refused as refused:
            self.refused[path.stem] = [code(each, 400) for each in refused.refusals]
            refusals = Refusals(path.name)
            try:
                self.specs[path.stem] = parse(content.decode("utf-8"), path.stem, refusals)
            except (Refused, UnicodeDecodeError):
                self.specs.pop(path.stem, None)
            if refusals.found:
                self.specs.pop(path.stem, None)


def review(base: Tree, head: Tree, tool: Redocly, generator: Generator) -> Report:
    old, new = Side.of(base), Side.of(head)
    wrong: list[str] = []
    notes: list[str] = []
    configuration = redocly.settings(base.files.get("specs/redocly.yaml"))
    if base.files.get("specs/redocly.yaml") != head.files.get("specs/redocly.yaml"):
        notes.append("`specs/redocly.yaml` changed: this review still lints by the one of the base")
        redocly.settings(head.files.get("specs/redocly.yaml"))
    reviews = [
        one_spec(name, old, new, tool, generator)
        for name in sorted(base.specs().keys() | head.specs().keys() | new.refused.keys())
    ]
    lint(reviews, new, tool, configuration)
    generated(reviews, new, generator, wrong, notes)
    recorded(reviews, old, new, wrong)
    for each in reviews:
        judge(each, old, new)
    renamed(reviews, old, new)
    return Report(base.name, head.name, reviews, wrong, notes)


def one_spec(name: str, old: Side, new: Side, tool: Redocly, generator: Generator) -> Review:
    before, after = old.specs.get(name), new.specs.get(name)
    contents = old.tree.specs().get(name, b""), new.tree.specs().get(name, b"")
    if name in new.refused:
        found = Review(name, "refused", wrong=list(new.refused[name]))
        if before and after:
            found.changes, _ = described(before, after, [])
        return found
    if name not in new.tree.specs():
        return Review(name, "removed")
    if before is None:
        assert after is not None
        return Review(name, "new", changes=holdings(after))
    if contents[0] == contents[1]:
        return Review(name, "unchanged")
    assert after is not None
    found = Review(name, "changed")
    rated = [] if name in old.refused else tool.diff(before, after)
    found.changes, found.disagreements = described(before, after, rated)
    for shift in shifts(Document(before.document), Document(after.document)):
        found.shifts.append((shift, (before if shift.removed else after).line_of(shift.pointer)))
    try:
        found.breaks = model_breaks(before, contents[0], after, contents[1], generator)
    except Failed:
        pass  # `generated` says it.
    return found


def lint(reviews: list[Review], new: Side, tool: Redocly, configuration: dict[str, object]) -> None:
    specs = [spec for name, spec in new.specs.items() if name not in new.refused]
    findings = tool.lint(specs, configuration)
    for each in reviews:
        each.findings = [finding for finding in findings if finding.spec == each.name]
        errors = [finding for finding in each.findings if finding.severity == "error"]
        if errors:
            each.wrong.append(f"lint: {code(errors[0].message, 200)} at line {errors[0].line}" + (
                f", and {len(errors) - 1} more errors" if len(errors) > 1 else ""))  # fmt: skip


def generated(reviews: list[Review], new: Side, generator: Generator, wrong: list[str], notes: list[str]) -> None:
    """Hold generated/ against what the specs make, if this project's generators are those of the reviewed tree."""
    ours = trees.work_tree(ROOT)
    for path in GENERATORS:
        same = ours.files.get(path) == new.tree.files.get(path) and ours.under(path) == new.tree.under(path)
        if not same:
            notes.append(f"{code(path)} changes too: whether `generated/` is fresh is left to `make check`")
            return
    for each in reviews:
        if each.state in ("changed", "unchanged", "new"):
            check_generated(each, new.specs[each.name], new.tree.specs()[each.name], new.tree, generator)
    left = freshness.orphans(new.tree, set(new.tree.specs()))
    if left:
        wrong.append(f"`generated/` holds files of no spec, such as {codes(left, 3)}: run `make generate`")
    if not any(each.state == "refused" for each in reviews):
        faults = freshness.manifest_faults(new.tree)
        if faults:
            wrong.append(f"the manifest is stale ({codes(faults, 4)}): run `make generate`")


def recorded(reviews: list[Review], old: Side, new: Side, wrong: list[str]) -> None:
    """Judge the messages recorded before by the new specs, and those recorded now by theirs."""
    documents = [{name: Document(spec.document) for name, spec in side.specs.items()} for side in (old, new)]
    before, _ = golden.read(old.tree)
    after, faults = golden.read(new.tree)
    wrong += [code(each, 200) for each in faults]
    already = {each.recorded.path for each in golden.broken(before, documents[0])}
    broken = [each for each in golden.broken(before, documents[1]) if each.recorded.path not in already]
    now = golden.broken(after, documents[1])
    for review_ in reviews:
        review_.broken = [each for each in broken if each.recorded.spec == review_.name]
        left = [each for each in now if each.recorded.spec == review_.name]
        if left and review_.state != "removed":
            review_.wrong.append(
                f"recorded messages do not hold any more: {codes((each.recorded.path for each in left), 3)}: "
                "change the spec, or record what holds now"
            )
    known = {each.name for each in reviews}
    orphans = sorted({each.spec for each in after if each.spec not in new.specs and each.spec in known})
    for name in orphans:
        if name not in new.refused:
            wrong.append(f"messages are recorded for {code(name)}, which is no spec any more: take them away")


def judge(each: Review, old: Side, new: Side) -> None:
    before = old.specs[each.name].document if each.name in old.specs else None
    after = new.specs[each.name].document if each.name in new.specs else None
    if each.state == "removed":
        library = [versions.library(side.tree.files.get("pyproject.toml", b"")) for side in (old, new)]
        each.version = versions.judged(*library, Severity.MAJOR)
        if each.version.wrong:
            each.wrong.append(f"a spec is removed, so the library itself needs a new version: {each.version.wrong}")
        return
    if after is None:
        return
    told = versions.of(before) if before is not None and each.state != "new" else None
    each.version = versions.judged(told, versions.of(after), each.severity)
    if each.version.wrong:
        each.wrong.append(each.version.wrong)
    elif each.version.missing:
        each.missing.append(each.version.missing)


def renamed(reviews: list[Review], old: Side, new: Side) -> None:
    """Say of a spec that is gone under which name it came back."""
    fresh = {each.name: Document(new.specs[each.name].document) for each in reviews if each.state == "new"}
    for each in reviews:
        if each.state != "removed" or each.name not in old.specs:
            continue
        names = operation_names(Document(old.specs[each.name].document))
        twin = next((name for name, document in fresh.items() if names == operation_names(document)), None)
        if twin:
            text = (
                f"{code(each.name)} seems to be called {code(twin)} now, and so do its modules: who imports them breaks"
            )
            each.changes.append(Change(Severity.MAJOR, "/paths", True, text, line=1))


def operation_names(document: Document) -> set[str]:
    return {str(operation.get("operationId")) for *_, operation in document.operations()}


def same(base: Tree, head: Tree) -> bool:
    return base.files == head.files and base.links == head.links


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="review", description="Say what a change of the specs means.")
    parser.add_argument("base", metavar="BASE", help="a git ref")
    parser.add_argument("--head", metavar="REF", default="", help="a git ref instead of the work tree")
    parser.add_argument("--report", metavar="FILE", type=Path, help="write the report there, not to stdout")
    parser.add_argument("--pages", metavar="FOLDER", type=Path, help="write the rendered specs there")
    return parser.parse_args(given)


def main(given: list[str]) -> int:
    options = arguments(given)
    try:
        base = trees.resolve(ROOT, options.base)
        other = trees.resolve(ROOT, options.head) if options.head else ""
        old = trees.committed(ROOT, trees.fork_point(ROOT, base, other or "HEAD"))
        new = trees.committed(ROOT, other) if other else trees.work_tree(ROOT)
        tool, generator = Redocly(NODE), Generator(CACHE)
        if same(old, new):
            report = Report(old.name, new.name, [], [], [])
        else:
            tool.check()
            report = review(old, new, tool, generator)
            generator.forget_oldest()
        if options.pages:
            tool.check()
            write_pages(new, tool, options.pages)
    except (Unusable, Failed) as reason:
        print(f"review: {reason}", file=sys.stderr)
        if options.report:
            write(not_made(str(reason)), options.report)
        return 2
    write(report.text(), options.report)
    return 1 if report.all_wrong() else 0


def write(text: str, path: Path | None) -> None:
    if path is None:
        print(text, end="")
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_pages(tree: Tree, tool: Redocly, folder: Path) -> None:
    side = Side.of(tree)
    for name, spec in side.specs.items():
        if name not in side.refused:
            tool.render(spec, folder / f"{name}.html")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
