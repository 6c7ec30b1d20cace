"""What a vendor's class gets from Account, and what its results come to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from headcount import plugins
from headcount.core.answers import Judgement, Meaning
from headcount.core.batches import Batch, Limits
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Behaviour
from headcount.core.retry import Repeat
from headcount.destinations.account import Account, Said, answered, option_parameters
from headcount.errors import UsageError
from headcount.outcome import Kind, Problem, Status
from headcount.records.check import KeyCheck
from headcount.records.fields import Field
from headcount.records.members import MemberLayout

BATCH = Batch([0, 1, 2], ["a", "b", "c"], [b'{"ref":"a"}', b'{"ref":"b"}', b'{"ref":"c","phone":"4479460000"}'])


class Plain(Account):
    """The least that a vendor's class can be."""

    name = "plain"
    modes: Mapping[str, Behaviour] = {"create": Behaviour(Repeat.DOUBLES)}
    limits = Limits(max_contacts=10)

    def __init__(self, colour: str, size: int | None = None) -> None:
        self.colour, self.size = colour, size

    @classmethod
    def from_env(cls, *, colour: str, size: str | None = None, endpoint: str | None = None) -> Plain:
        return cls(colour)

    def request(self, batch: Batch) -> Request:
        return Request("POST", "https://plain.test", body=self.envelope.body(batch.payloads))

    def judge(self, batch: Batch, reply: Reply) -> Judgement:
        raise LookupError("an odd reply")


def test_a_reply_that_its_reader_breaks_on_is_judged_by_its_status() -> None:
    plain = Plain("red")
    assert plain.read(BATCH, Reply(200)).meaning is Meaning.AMBIGUOUS
    assert plain.read(BATCH, Reply(400)).meaning is Meaning.REFUSED
    assert plain.read_look_up(BATCH, Reply(200), None).meaning is Meaning.AMBIGUOUS


def test_the_options_are_the_texts_that_make_it_again() -> None:
    assert Plain("red").options() == {"colour": "red"}
    assert Plain("red", 3).options() == {"colour": "red", "size": "3"}


def test_a_mode_that_there_is_not_is_refused() -> None:
    assert Plain("red").in_mode("create").behaviour.repeat is Repeat.DOUBLES
    with pytest.raises(UsageError, match="Plain has no mode 'upsert'; it has create"):
        Plain("red").in_mode("upsert")
    with pytest.raises(UsageError, match="Plain has no mode"):
        Plain("red").in_mode(["create"])  # type: ignore[arg-type]


def test_silence_is_unknown_and_each_word_stands_at_its_contact() -> None:
    refused = Problem(Kind.INVALID_VALUE, "no", "E1", 200)
    judgement = answered(BATCH, [Said(Status.CREATED, vendor_id=17), None, Said(Status.REJECTED, refused)])
    answer = judgement.answer
    assert judgement.meaning is Meaning.ANSWERED and answer is not None
    assert answer.statuses == [Status.CREATED, Status.UNKNOWN, Status.REJECTED]
    assert answer.vendor_ids == ["17", None, None]
    assert {at: problem.kind for at, problem in answer.problems.items()} == {
        1: Kind.UNANSWERED,
        2: Kind.INVALID_VALUE,
    }


@pytest.mark.parametrize("status", Status)
def test_a_problem_comes_with_every_status_that_has_one_and_with_no_other(status: Status) -> None:
    for problem in (None, Problem(Kind.CONFLICT)):
        answer = answered(BATCH, [Said(status, problem)] * 3).answer
        assert answer is not None
        assert set(answer.problems) == ({0, 1, 2} if status.needs_problem else set())


def test_an_id_that_is_the_contacts_own_text_is_none() -> None:
    answer = answered(BATCH, [Said(Status.CREATED, vendor_id=vendor_id) for vendor_id in ("é", [1], "4479460000")])
    assert answer.answer is not None and answer.answer.vendor_ids == [None, None, None]


def test_one_word_may_stand_for_all_with_the_ids_beside_it() -> None:
    answer = answered(BATCH, [Said(Status.CREATED, vendor_id=9)] * 3, vendor_ids=[1, None, "x"]).answer
    assert answer is not None and answer.vendor_ids == ["1", None, "x"]


LAYOUT = MemberLayout(
    vendor="Plain",
    key_field="ref",
    folds_case=True,
    fields=[Field("ref", str.strip), Field("name"), Field("more.")],
    neutral={"external_id": "ref", "attributes.": "more."},
)


def test_a_contact_is_an_object_with_a_member_for_each_field() -> None:
    columns = [["A1", "a1", None], [None, "Ann", "Bob"], ["x", None, "y"]]
    records = LAYOUT.records(["ref", "name", "more.city"], columns, 3)
    assert records[0] == {"ref": "A1", "more": {"city": "x"}}
    assert records[1:] == [{"ref": "a1", "name": "Ann"}, {"name": "Bob", "more": {"city": "y"}}]
    assert [LAYOUT.missing_key(record) for record in records] == [None, None, "ref"]
    assert LAYOUT.identify(records) == (["A1", "a1", ""], [("a1",), ("a1",), ("",)])
    assert LAYOUT.identify([{"ref": " A1 "}]) == ([" A1 "], [("a1",)])


def test_a_member_below_a_dot_takes_what_its_field_takes() -> None:
    field = Field("lists.", str.split, takes_list=True)
    layout = MemberLayout(vendor="Plain", fields=[field], neutral={}, key_field="ref")
    assert layout.field("lists.colours") == Field("lists.colours", str.split, takes_list=True)


def test_a_key_alone_is_checked_by_a_spec_from_outside_too() -> None:
    document = {"components": {"schemas": {"Ref": {"type": "string", "maxLength": 3}}}}
    check = KeyCheck(document, "ref", "#/components/schemas/Ref")
    assert check.problem({"ref": "abc"}) is None
    for wrong in ({"ref": "abcd"}, {"ref": 1}, {}, {"ref": "abc", "name": "x"}):
        assert check.problem(wrong) is not None


@pytest.mark.parametrize("path", ["mail", "more.", "more", "name.x", ""])
def test_a_field_that_there_is_not_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=r"the fields are ref, name, more\.NAME"):
        LAYOUT.field(path)


def test_the_options_of_each_vendor_are_those_that_the_page_names() -> None:
    page = Path(__file__).resolve().parents[2].joinpath("docs", "vendors.md").read_text(encoding="utf-8")
    rows = re.search(r"\| vendor \| options \|\n.*\n((?:\|.*\n)+)", page)
    assert rows is not None
    named = {row.split("|")[1].split()[0].lower(): set(re.findall(r"`(\w+)`", row)) for row in rows[1].splitlines()}
    kinds = {name: plugins.load(plugins.DESTINATIONS, name) for name in ("emarsys", "pabbly", "sinch")}
    assert named == {name: set(option_parameters(kind)) for name, kind in kinds.items()}
