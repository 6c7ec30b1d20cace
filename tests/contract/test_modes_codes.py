"""Every reply code of Emarsys that has a name has a kind, and the loads use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from headcount import Kind
from headcount.destinations.emarsys_codes import KINDS, kind_of

SPEC = yaml.safe_load(Path(__file__).parents[2].joinpath("specs", "emarsys.yaml").read_text(encoding="utf-8"))
ROWS: list[dict[str, Any]] = [row for row in SPEC["x-reply-codes"] if row["name"] != "ok"]
NOT_DOCUMENTED = {(200, 1), (200, 2011)}


def place(row: dict[str, Any]) -> tuple[int, int | None]:
    return row["http"], row.get("code")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['http']}-{row.get('code')}-{row['name']}")
def test_a_named_code_has_a_kind(row: dict[str, Any]) -> None:
    assert kind_of(*place(row)) is KINDS[place(row)]


def test_there_is_no_kind_for_a_code_without_a_name() -> None:
    assert set(KINDS) - {place(row) for row in ROWS} == NOT_DOCUMENTED


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("contact_not_found", Kind.NOT_FOUND),
        ("several_contacts_found", Kind.CONFLICT),
        ("batch_too_large", Kind.TOO_LARGE),
        ("too_many_requests", Kind.RATE_LIMITED),
        ("unauthorized", Kind.FORBIDDEN),
        ("key_value_missing", Kind.MISSING_KEY),
        ("source_unknown", Kind.INVALID_VALUE),
        ("overloaded", Kind.UNAVAILABLE),
        ("database_error_on_save", Kind.UNAVAILABLE),
    ],
)
def test_a_name_means_one_kind_whatever_the_status(name: str, kind: Kind) -> None:
    rows = [row for row in ROWS if row["name"] == name]
    assert rows
    assert {kind_of(*place(row)) for row in rows} == {kind}


@pytest.mark.parametrize("code", [2008, "2008"])
def test_a_code_counts_as_a_number_and_as_text(code: int | str) -> None:
    assert kind_of(404, code) is Kind.NOT_FOUND


def test_a_code_of_a_400_means_the_same_inside_a_200() -> None:
    assert kind_of(200, 1000) is Kind.TOO_LARGE
    assert kind_of(200, 2020) is Kind.NOT_FOUND


@pytest.mark.parametrize(("status", "code"), [(200, 4711), (400, None), (404, 1), (409, 2009), (200, "9" * 5000)])
def test_what_nobody_names_has_none(status: int, code: int | str | None) -> None:
    assert kind_of(status, code) is None


def test_a_status_speaks_for_a_code_that_nobody_names() -> None:
    assert kind_of(503, 4711) is Kind.UNAVAILABLE
