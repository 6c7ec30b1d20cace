"""specs/README.md, read first by a reviewer: it names every spec, every part of a report, and all that is not used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guarding.shapes import ALLOWANCE, ALLOWED, LOSES
from spec_guard import find_specs

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "specs" / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.split(r"^## ", README, flags=re.MULTILINE)
    return next(each for each in found if each.startswith(f"{title}\n"))


def table(text: str) -> list[list[str]]:
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows][2:]


def test_every_spec_of_these_vendors_is_listed_with_its_hosts() -> None:
    listed = {row[0].strip("`"): row[2] for row in table(section("What these documents are"))}
    shipped = {"emarsys.yaml", "pabbly_chatflow.yaml", "sinch_batch.yaml", "sinch_conversation.yaml"}
    assert shipped <= set(listed) <= {path.name for path in find_specs(ROOT / "specs")}
    for name, hosts in listed.items():
        servers = re.findall(r"url: ['\"]?https://([^/\s'\",]+)", (ROOT / "specs" / name).read_text(encoding="utf-8"))
        assert servers and set(servers) == {each.strip("`").partition("/")[0] for each in hosts.split(", ")}


@pytest.mark.parametrize("keyword", sorted({each for lost in LOSES.values() for each in lost}))
def test_everything_that_the_guard_refuses_is_among_what_is_not_used(keyword: str) -> None:
    assert f"`{keyword}`" in section("What generators lose").partition("Not used")[2]


def test_what_no_generator_reads_and_may_stand_there_is_named() -> None:
    allowed = section("What generators lose").partition("Not used")[0]
    assert all(f"`{each}`" in allowed for each in (*ALLOWED, ALLOWANCE))


def test_every_part_of_a_report_is_explained() -> None:
    source = (ROOT / "scripts" / "reviewing" / "report.py").read_text(encoding="utf-8")
    parts = re.findall(r'f"\{review\.name\}: ([a-zA-Z\' ]+)', source)
    assert len(parts) >= 7
    explained = [row[0] for row in table(section("Reading a report")) if len(row) == 2]
    assert sorted({each.strip() for each in parts} | {"stale files"}) == sorted(explained)
