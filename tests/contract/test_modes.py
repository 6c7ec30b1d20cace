"""Updates, upserts and deletions on real sockets, with the mock's write log as the oracle."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from headcount import Contact, Kind, Outcome, Status, load
from headcount.destinations.base import Destination
from headcount.errors import BatchRefusedError, EndpointError
from headcount.mock import MockServer, serve
from headcount.mock.emarsys.contacts import uid_of
from tests.contract.harness import contact, destination, expect, key

ACCEPTED, CREATED, UPDATED = Status.ACCEPTED, Status.CREATED, Status.UPDATED
NOT_SENT, REJECTED, SKIPPED, UNKNOWN = Status.NOT_SENT, Status.REJECTED, Status.SKIPPED, Status.UNKNOWN
THERE = range(10)
"""The numbers of the people who are there before; those from 10 to 19 are not."""
EVERYBODY = range(20)
MODES = [("emarsys", "update"), ("emarsys", "upsert"), ("emarsys", "delete"), ("sinch", "delete"), ("pabbly", "upsert")]
CALLS = {"create": "createContacts", "update": "updateContacts", "upsert": "updateContacts", "delete": "deleteContacts"}
CLEAN: Mapping[tuple[str, str], list[Status]] = {
    ("emarsys", "update"): expect((UPDATED, 10), (REJECTED, 10)),
    ("emarsys", "upsert"): expect((UPDATED, 10), (CREATED, 10)),
    ("emarsys", "delete"): expect((UPDATED, 10), (REJECTED, 10)),
    ("sinch", "delete"): expect((ACCEPTED, 20)),
    ("pabbly", "upsert"): expect((UPDATED, 20)),
}
"""What becomes of everybody when nothing goes wrong."""


def operation(vendor: str, mode: str) -> str:
    return "createContacts" if vendor == "pabbly" else CALLS[mode]


@attrs.frozen
class Stage:
    """A mock with ten people in it, and the rows that name them and ten others."""

    mock: MockServer
    vendor: str
    mode: str
    to: Destination
    rows: Sequence[Any]
    keys: Sequence[str]
    """What the write log calls the contact of each row."""
    before: int
    """Writes that were there before."""

    def load(self, rows: Sequence[Any] | None = None, **how: Any) -> list[Outcome]:
        """All outcomes, held to the oracle where everybody was loaded."""
        settings = {"mode": self.mode, "concurrency": 1, "attempt_timeout": 1.0, "deadline": 30.0} | how
        outcomes = list(load(self.rows if rows is None else rows, to=self.to, **settings))
        if rows is None:
            self.hold(outcomes)
        return outcomes

    def effects(self) -> dict[str, Counter[str]]:
        """What was done to each contact, by key."""
        effects: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for write in self.mock.stores[self.vendor].writes[self.before :]:
            effects[write.key][write.effect] += 1
        return effects

    def hold(self, outcomes: Sequence[Outcome]) -> None:
        """One outcome a row, in order; no false success, no false refusal, nothing created or deleted twice."""
        assert [outcome.index for outcome in outcomes] == list(range(len(self.rows)))
        done = self.effects()
        for outcome, name in zip(outcomes, self.keys, strict=True):
            effects = done[name]
            assert effects["created"] <= 1 and effects["deleted"] <= 1
            assert (outcome.problem is None) or outcome.status in (ACCEPTED, REJECTED, SKIPPED, UNKNOWN, NOT_SENT)
            match outcome.status:
                case Status.CREATED:
                    assert effects["created"], outcome
                case Status.UPDATED:
                    meant = "deleted" if self.mode == "delete" else "updated"
                    assert effects[meant] or (self.vendor == "pabbly" and effects["created"]), outcome
                case Status.REJECTED | Status.NOT_SENT:
                    assert not effects, outcome


class Staged:
    """Opens stages: `with Staged("emarsys", "update", faults) as stage`."""

    def __init__(self, vendor: str, mode: str, *network: Mapping[str, Any], **switches: Any) -> None:
        self._vendor, self._mode = vendor, mode
        faults = [{"operation": operation(vendor, mode)} | fault for fault in network]
        if vendor != "sinch":
            switches["existing"] = tuple(key(vendor, number) for number in THERE)
        self._serving = serve(vendor, faults={"network": {"faults": faults}, vendor: switches})

    def __enter__(self) -> Stage:
        mock = self._serving.__enter__()
        vendor, mode = self._vendor, self._mode
        to = destination(vendor, mock.url)
        rows: list[Any] = [contact(vendor, number) for number in EVERYBODY]
        keys = [key(vendor, number) for number in EVERYBODY]
        if vendor == "emarsys" and mode != "delete":
            rows = [row | {"1": "Ann"} for row in rows]
        if vendor == "pabbly":
            rows = [row | {"name": "Ann"} for row in rows]
        if vendor == "sinch":
            assert load([contact(vendor, number) for number in THERE], to=to).report().counts[ACCEPTED] == len(THERE)
            keys = [*mock.stores[vendor].contacts, *(f"01HNOBODY{number:017}" for number in EVERYBODY[len(THERE) :])]
            rows = [{"id": name} for name in keys]
        return Stage(mock, vendor, mode, to, rows, keys, len(mock.stores[vendor].writes))

    def __exit__(self, *exception: Any) -> None:
        self._serving.__exit__(*exception)


def statuses(outcomes: Sequence[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


def kinds(outcomes: Sequence[Outcome], status: Status) -> set[Kind | None]:
    return {outcome.problem and outcome.problem.kind for outcome in outcomes if outcome.status is status}


# What is there, what is not


@pytest.mark.parametrize(("vendor", "mode"), MODES)
@pytest.mark.parametrize("max_batch", [1000, 7, 1])
def test_what_is_there_and_what_is_not(vendor: str, mode: str, max_batch: int) -> None:
    with Staged(vendor, mode) as stage:
        outcomes = stage.load(max_batch=max_batch)
        done = stage.effects()
    assert statuses(outcomes) == CLEAN[vendor, mode]
    assert kinds(outcomes, REJECTED) <= {Kind.NOT_FOUND}
    first = {"delete": "deleted"}.get(mode, "updated")
    assert [done[name] for name in stage.keys[:10]] == [{first: 1}] * 10
    rest = {"created": 1} if mode == "upsert" else {}
    assert [done[name] for name in stage.keys[10:]] == [rest] * 10


@pytest.mark.parametrize(("vendor", "mode"), MODES)
def test_a_second_load_of_the_same(vendor: str, mode: str) -> None:
    with Staged(vendor, mode) as stage:
        stage.load()
        again = statuses(stage.load(stage.rows))
    assert (
        again
        == {
            ("emarsys", "update"): expect((UPDATED, 10), (REJECTED, 10)),
            ("emarsys", "upsert"): expect((UPDATED, 20)),
            ("emarsys", "delete"): expect((REJECTED, 20)),
            ("sinch", "delete"): expect((ACCEPTED, 20)),
            ("pabbly", "upsert"): expect((UPDATED, 20)),
        }[vendor, mode]
    )


@pytest.mark.parametrize(("vendor", "mode"), MODES)
def test_repeats_in_a_run_are_skipped(vendor: str, mode: str) -> None:
    with Staged(vendor, mode) as stage:
        outcomes = stage.load([stage.rows[0], stage.rows[1], stage.rows[0]])
        done = stage.effects()
    assert statuses(outcomes) == [CLEAN[vendor, mode][0]] * 2 + [SKIPPED]
    assert outcomes[2].problem is not None and outcomes[2].problem.of_row == 1
    assert sum(done[stage.keys[0]].values()) == 1


def test_an_update_leaves_what_is_not_given() -> None:
    with Staged("emarsys", "update") as stage:
        stage.load([{"3": stage.keys[0], "1": "Ann"}])
        stage.load([{"3": stage.keys[0], "2": "Lee"}])
        assert stage.mock.stores["emarsys"].contacts["100000001"] == {"3": stage.keys[0], "1": "Ann", "2": "Lee"}


def test_the_vendors_ids_come_with_their_contacts() -> None:
    with Staged("emarsys", "upsert", id_order="reversed") as stage:
        outcomes = stage.load()
        stored = stage.mock.stores["emarsys"].contacts
    assert [stored[outcome.vendor_id or ""]["3"] for outcome in outcomes] == stage.keys


@pytest.mark.parametrize("key_field", ["id", "uid"])
@pytest.mark.parametrize("mode", ["update", "delete"])
def test_emarsys_contacts_by_the_vendors_own_keys(mode: str, key_field: str) -> None:
    with Staged("emarsys", mode) as stage:
        to = destination("emarsys", stage.mock.url, key_field=key_field)
        name = "100000003" if key_field == "id" else uid_of(100_000_003)
        more = {"1": "Ann"} if mode == "update" else {}
        outcomes = list(load([{key_field: name, **more}, {key_field: "7", **more}], to=to, mode=mode))
        (write,) = stage.mock.stores["emarsys"].writes
    assert statuses(outcomes) == [UPDATED, REJECTED]
    assert write.effect == ("updated" if mode == "update" else "deleted")


@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
def test_a_key_that_several_contacts_have_is_refused_and_nothing_is_done(mode: str) -> None:
    with Staged("emarsys", mode) as stage:
        stage.mock.stores["emarsys"].put("7", {"3": stage.keys[0]})
        outcomes = stage.load(stage.rows[:2])
        done = stage.effects()
    assert statuses(outcomes) == [REJECTED, UPDATED]
    assert kinds(outcomes, REJECTED) == {Kind.CONFLICT}
    assert not done[stage.keys[0]]


def test_contacts_of_every_vendor_are_loaded_from_neutral_ones() -> None:
    people = [Contact(email=key("emarsys", n), phone="+" + key("pabbly", n), given_name="Ann") for n in range(2)]
    for vendor, mode in (("emarsys", "update"), ("emarsys", "delete"), ("pabbly", "upsert")):
        with Staged(vendor, mode) as stage:
            assert statuses(stage.load(people)) == [UPDATED] * 2


@pytest.mark.parametrize(
    ("vendor", "row", "kind"),
    [
        ("emarsys", {"3": "a@example.com", "1": "Ann"}, Kind.INVALID_VALUE),
        ("emarsys", {"1": "Ann"}, Kind.MISSING_KEY),
        ("emarsys", {"3": ["a@example.com"]}, Kind.INVALID_VALUE),
        ("sinch", {"id": "01H", "language": "EN"}, Kind.INVALID_VALUE),
        ("sinch", {"external_id": "x"}, Kind.MISSING_KEY),
        ("sinch", {"id": 7}, Kind.INVALID_VALUE),
        ("sinch", "01H", Kind.INVALID_VALUE),
    ],
)
def test_a_contact_to_delete_is_its_key_alone(vendor: str, row: Any, kind: Kind) -> None:
    with Staged(vendor, "delete") as stage:
        outcomes = stage.load([row])
        assert not stage.effects()
    assert statuses(outcomes) == [REJECTED]
    assert kinds(outcomes, REJECTED) == {kind}


# Faults

FAULTS: Mapping[str, dict[str, Any]] = {
    "no reply, carried out": {"nth": 1, "ending": "close", "carried_out": True},
    "no reply, not carried out": {"nth": 1, "ending": "close"},
    "a reset, carried out": {"nth": 1, "ending": "reset", "carried_out": True},
    "503, carried out": {"nth": 1, "status": 503, "body": "busy", "carried_out": True},
    "503, not carried out": {"nth": 1, "status": 503, "body": "busy"},
    "a cut reply": {"nth": 1, "ending": "truncate", "carried_out": True},
    "an unreadable reply": {"nth": 1, "status": 200, "body": "<html>", "carried_out": True},
    "429": {"nth": 1, "status": 429, "headers": {"Retry-After": "0"}},
    "413": {"nth": 1, "status": 413},
    "400": {"nth": 1, "status": 400, "body": '{"replyCode": 4711, "message": "No", "data": ""}'},
}
LOST = {name for name, fault in FAULTS.items() if fault.get("carried_out")}
"""Those whose call took its effect."""
DOUBTFUL = LOST | {"no reply, not carried out", "503, not carried out"}
"""Those that do not tell whether it did."""


@pytest.mark.parametrize(("vendor", "mode"), MODES)
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_costs_no_contact_and_does_nothing_twice(vendor: str, mode: str, name: str) -> None:
    with Staged(vendor, mode, FAULTS[name]) as stage:
        outcomes = stage.load()
        done = stage.effects()
    expected = CLEAN[vendor, mode]
    if name in LOST and vendor == "emarsys" and mode == "upsert":
        expected = [UPDATED] * 20  # they are there by then
    if name in DOUBTFUL and vendor == "emarsys" and mode == "delete":
        # Who is not found by the repeat may have been deleted by the first call.
        expected = [UNKNOWN] * 20 if name in LOST else expect((UPDATED, 10), (UNKNOWN, 10))
        assert kinds(outcomes, UNKNOWN) == {Kind.NOT_FOUND}
    assert statuses(outcomes) == expected
    for each in stage.keys[:10]:
        assert done[each]["deleted" if mode == "delete" else "updated"]


@pytest.mark.parametrize(("vendor", "mode"), MODES)
def test_no_answer_at_all_leaves_it_unknown(vendor: str, mode: str) -> None:
    with Staged(vendor, mode, {"ending": "close", "carried_out": True}) as stage:
        outcomes = stage.load(deadline=2.0)
    assert statuses(outcomes) == [UNKNOWN] * 20
    assert kinds(outcomes, UNKNOWN) == {Kind.CONNECTION_LOST}


# Emarsys' own oddities


@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
@pytest.mark.parametrize("empty_errors", ["absent", "list", "map"])
def test_every_shape_of_no_errors(mode: str, empty_errors: str) -> None:
    with Staged("emarsys", mode, empty_errors=empty_errors) as stage:
        assert statuses(stage.load(stage.rows[:10])) == [UPDATED] * 10


@pytest.mark.parametrize("id_order", ["request", "reversed"])
def test_who_of_an_upsert_is_new_does_not_hang_on_the_order_of_ids(id_order: str) -> None:
    with Staged("emarsys", "upsert", id_order=id_order) as stage:
        rows = [stage.rows[at] for at in (12, 3, 11, 4, 5)]
        assert statuses(stage.load(rows)) == [CREATED, UPDATED, CREATED, UPDATED, UPDATED]


def test_an_upsert_whose_ids_do_not_tell_claims_nothing_new() -> None:
    with Staged("emarsys", "upsert", ids="string") as stage:
        assert statuses(stage.load(stage.rows)) == [UPDATED] * 20


def test_a_lost_race_of_an_upsert_is_run_again() -> None:
    with Staged("emarsys", "upsert", races=3) as stage:
        outcomes = stage.load()
    assert statuses(outcomes) == CLEAN["emarsys", "upsert"]
    assert [outcome.attempts for outcome in outcomes[8:15]] == [1, 1, 2, 2, 2, 1, 1]


def test_a_race_that_is_never_won_ends_as_not_sent() -> None:
    with Staged("emarsys", "upsert", races=1000) as stage:
        outcomes = stage.load(stage.rows[9:11])
    assert statuses(outcomes) == [UPDATED, NOT_SENT]
    assert kinds(outcomes, NOT_SENT) == {Kind.EXISTS}
    assert outcomes[1].problem is not None and outcomes[1].problem.retryable


@pytest.mark.parametrize("refusals", ["in_200", "status"])
@pytest.mark.parametrize("lost", [False, True])
def test_none_of_them_found_may_come_as_one_refusal(refusals: str, lost: bool) -> None:
    faults = [{"nth": 1, "ending": "close"}] if lost else []
    with Staged("emarsys", "delete", *faults, none_deleted="refused", refusals=refusals) as stage:
        outcomes = stage.load(stage.rows[10:])
    assert statuses(outcomes) == [UNKNOWN if lost else REJECTED] * 10
    assert kinds(outcomes, outcomes[0].status) == {Kind.NOT_FOUND}


@pytest.mark.parametrize("ids_withheld", [1, 2])
@pytest.mark.parametrize("mode", ["update", "upsert"])
def test_withheld_ids_make_no_false_success(mode: str, ids_withheld: int) -> None:
    with Staged("emarsys", mode, ids_withheld=ids_withheld) as stage:
        outcomes = stage.load(stage.rows[:10])
    assert statuses(outcomes) == expect((UPDATED, 10 - ids_withheld), (UNKNOWN, ids_withheld))


@pytest.mark.parametrize("unknown_key", ["refused", "refused_in_200", "pseudo_key"])
@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
def test_an_unknown_key_field_ends_the_run(mode: str, unknown_key: str) -> None:
    with Staged("emarsys", mode, unknown_key=unknown_key, fields=("1", "3")) as stage:
        to = destination("emarsys", stage.mock.url, key_field=99)
        under_way = load([{"99": "a"}, {"99": "b"}], to=to, mode=mode)
        with pytest.raises(BatchRefusedError, match="2004"):
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 2


# Sinch's and Pabbly's own


@pytest.mark.parametrize("accepted", ["empty", "object"])
def test_sinch_takes_what_is_to_be_deleted(accepted: str) -> None:
    with Staged("sinch", "delete", accepted=accepted) as stage:
        assert statuses(stage.load()) == [ACCEPTED] * 20
        assert not stage.mock.stores["sinch"].contacts


@pytest.mark.parametrize("errors", ["flat", "nested"])
def test_an_id_for_which_sinch_refuses_the_batch_is_found(errors: str) -> None:
    with Staged("sinch", "delete", unknown_ids="refuse", errors=errors) as stage:
        outcomes = stage.load(stage.rows[:11])
    assert statuses(outcomes) == expect((ACCEPTED, 10), (REJECTED, 1))
    assert kinds(outcomes, REJECTED) == {Kind.NOT_FOUND}


def test_a_404_of_some_server_between_is_no_word_on_an_id() -> None:
    with Staged("sinch", "delete", {"status": 404, "body": "nothing here"}) as stage:
        under_way = load(stage.rows[:2], to=stage.to, mode="delete")
        with pytest.raises(EndpointError):
            list(under_way)
        assert under_way.drain().counts[NOT_SENT] == 2


@pytest.mark.parametrize("all_failed", [200, 400])
@pytest.mark.parametrize("failed_mobile", [True, False])
def test_a_contact_that_pabbly_refuses_to_overwrite_is_rejected(all_failed: int, failed_mobile: bool) -> None:
    with Staged("pabbly", "upsert", unknown_names="fail", tags=("a",), failed_mobile=failed_mobile) as stage:
        outcomes = stage.load([stage.rows[0], stage.rows[1] | {"tags": ["b"]}])
    assert statuses(outcomes) == [UPDATED, REJECTED]


def test_pabbly_is_told_to_overwrite_and_told_to_skip() -> None:
    for mode, names in (("upsert", {"Ann"}), ("create", {None})):
        with Staged("pabbly", mode) as stage:
            load(stage.rows[:10], to=stage.to, mode=mode).report()
            assert {each.get("name") or None for each in stage.mock.stores["pabbly"].contacts.values()} == names
