"""Contacts of a program made ready to send: what odd values become, and that nothing is invented."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headcount import Contact, Kind
from headcount.auth import BearerKey, Secret
from headcount.destinations import Emarsys, Pabbly
from headcount.errors import UsageError
from headcount.loading import load
from headcount.records.contacts import contact_of, contact_rows, flat_attributes, is_neutral
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.records.rows import Rows

AUTH = BearerKey(Secret("not-used"))


def encoded(to: Any, contact: Contact) -> Any:
    """What would be sent of a contact, or the kind of the problem that keeps it."""
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    prepared = encoder.rows(contact_rows(0, [contact]))
    return prepared.problems[0].kind if prepared.problems else msgspec.json.decode(prepared.payloads[0])


def pabbly(**fields: Any) -> Any:
    return encoded(Pabbly(auth=AUTH), Contact(phone="+447700900123", **fields))


@pytest.mark.parametrize(
    ("consent", "sent"),
    [(True, {"optin": True}), (False, {"optin": False}), (None, {}), ("no", {"optin": False})],
)
def test_consent_is_what_was_said(consent: Any, sent: dict[str, bool]) -> None:
    assert pabbly(consent=consent) == {"mobile": "447700900123", **sent}


@pytest.mark.parametrize("consent", ["maybe", 2, [True], {"a": 1}])
def test_consent_that_is_neither_yes_nor_no_is_refused(consent: Any) -> None:
    assert pabbly(consent=consent) is Kind.INVALID_VALUE


@pytest.mark.parametrize("tags", [["vip", "new"], ("vip", "new"), "vip; new"])
def test_tags_are_words_and_never_letters(tags: Any) -> None:
    assert pabbly(tags=tags)["tags"] == ["vip", "new"]


@pytest.mark.parametrize("blank", ["", " ", "\t\n", None])
def test_what_is_blank_is_absent(blank: Any) -> None:
    assert pabbly(name=blank, attributes={"city": blank}, tags=blank) == {"mobile": "447700900123"}
    assert encoded(Emarsys(auth=AUTH), Contact(email=blank)) is Kind.MISSING_KEY


def test_attributes_that_are_none_are_none() -> None:
    assert pabbly(attributes=None) == {"mobile": "447700900123"}


def test_attributes_that_are_no_mapping_are_named_as_reaching_nothing() -> None:
    to = Pabbly(auth=AUTH)
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    encoder.rows(contact_rows(0, [Contact(phone="+447700900123", attributes="city")]))  # type: ignore[arg-type]
    assert [warning for warning in encoder.warnings if "attributes" in warning]


def test_attributes_as_an_object_and_by_column_meet_in_one_column() -> None:
    rows = Rows(0, ("attributes", "attributes.city"), [[{"city": "Bath"}, None], [None, "York"]], range(1, 3))
    assert list(flat_attributes(rows).records()) == [{"attributes.city": "Bath"}, {"attributes.city": "York"}]


def test_a_number_is_taken_for_its_text() -> None:
    assert encoded(Pabbly(auth=AUTH), Contact(phone=447700900123)) == {"mobile": "447700900123"}  # type: ignore[arg-type]


def test_a_contact_comes_back_from_its_record() -> None:
    contact = Contact(email="a@example.com", consent=False, tags=["x"], attributes={"city": "Bath"})
    (record,) = contact_rows(0, [contact]).records()
    assert is_neutral(record)
    assert isinstance(record, dict)
    assert contact_of(record) == contact
    assert not is_neutral({"3": "a@example.com"})


@pytest.mark.parametrize("contacts", ["people.csv", b"x", {"3": "a@example.com"}, Contact(email="a@example.com"), 5])
def test_what_is_no_list_of_contacts_is_refused_at_the_door(contacts: Any) -> None:
    with pytest.raises(UsageError, match="iterable of contacts"):
        load(contacts, to=Emarsys(auth=AUTH))


@pytest.mark.parametrize("to", ["emarsys", None, Emarsys])
def test_what_is_no_destination_is_refused_at_the_door(to: Any) -> None:
    with pytest.raises(UsageError, match="to is a destination"):
        load([], to=to)
