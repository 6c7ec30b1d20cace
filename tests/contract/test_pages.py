"""The rendered page of a spec is sealed: what it did not bring along it cannot load, tell or run."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from reviewing.pages import sealed
from reviewing.verdict import Unusable

PAGE = """<!DOCTYPE html>
<html lang="en">

<head>
  <meta charset="utf8" />
</head>
<body><script>choose();</script>
<div title="<script>not one</script>">&lt;script&gt;</div>
<script type="module">
hydrate({"description": "\\u003cscript>"}, "é");
</script></body></html>
"""


def policy(page: str) -> dict[str, list[str]]:
    found = re.findall(r'<head>\n  <meta http-equiv="Content-Security-Policy" content="([^"]*)">\n', page)
    assert len(found) == 1
    return {words.split()[0]: words.split()[1:] for words in found[0].split(";")}


def test_a_sealed_page_runs_its_own_scripts_and_no_others() -> None:
    own = ["choose();", '\nhydrate({"description": "\\u003cscript>"}, "é");\n']
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in own]
    assert policy(sealed(PAGE))["script-src"] == [f"'sha256-{each}'" for each in hashes]


def test_a_sealed_page_loads_nothing_and_tells_nobody() -> None:
    rules = policy(sealed(PAGE))
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == ["'none'"]
    assert {each for name, words in rules.items() if name != "script-src" for each in words} == {
        "'none'", "'unsafe-inline'", "blob:", "data:",
    }  # fmt: skip
    assert rules["style-src"] == ["'unsafe-inline'"]


def test_nothing_else_of_the_page_changes() -> None:
    assert re.sub(r"  <meta http-equiv[^\n]*\n", "", sealed(PAGE)) == PAGE


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace("</div>", "</div><script>alert()</script>"),
        PAGE.replace("<script>choose();</script>", ""),
        PAGE.replace("<script>choose();", "<script src='https://example.com/a.js'>"),
        PAGE.replace("<head>\n", "<head >\n"),
    ],
    ids=["a script too many", "a script too few", "a script from elsewhere", "no head"],
)
def test_a_page_that_is_not_as_redoc_makes_it_is_not_kept(page: str) -> None:
    assert page != PAGE
    with pytest.raises(Unusable):
        sealed(page)
