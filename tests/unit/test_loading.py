"""A load's life: how it begins, is cut short, abandoned, interrupted, and gone on with."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from headcount.auth import BearerKey, Secret
from headcount.contact import Contact
from headcount.core.batches import Answer, Limits
from headcount.core.exchange import Failure, Reply, Request
from headcount.core.jobs import Job
from headcount.core.prepared import Prepared
from headcount.core.retry import Repeat
from headcount.deadline import Gate
from headcount.destinations import Emarsys
from headcount.errors import InputChanged, JournalError, UsageError
from headcount.inputs import CHUNK, Input, ObjectsInput
from headcount.journal.sqlite import SqliteJournal
from headcount.loading import Load, start
from headcount.outcome import Kind, Status
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.run_folder import RunFolder
from headcount.settings import Settings
from headcount.workers import Arrival, ThreadWorkers
from tests.journals import statuses_of
from tests.simulation.faults import Fault
from tests.simulation.vendor import Account, Vendor
from tests.simulation.world import Broken, Clock, Network, People


class World:
    """A simulated vendor, and loads of it."""

    def __init__(self, folder: Path | None = None, repeat: Repeat = Repeat.DOUBLES, max_contacts: int = 10) -> None:
        self.vendor = Vendor(repeat=repeat, keys=[f"k{row}" for row in range(5000)])
        self.clock = Clock()
        self.limits = Limits(max_contacts)
        self.network: Network | None = None
        self.folder = None if folder is None else RunFolder.create(folder / "run", "simulated", {})

    def load(
        self, source: Input, settings: Settings | None = None, network: type[Network] = Network, fault: str = "none"
    ) -> Load:
        self.network = network(
            vendor=self.vendor,
            clock=self.clock,
            chance=random.Random(0),
            session=0,
            calls=[],
            faults=lambda now: Fault(fault),
            concurrency=(settings or Settings()).concurrency or Account.concurrency,
        )
        account = Account(self.vendor, self.limits)
        return start(
            account, settings or Settings(), lambda copy: source, self.folder, workers=self.network, clock=self.clock
        )

    def written(self) -> list[int]:
        return sorted(row for _, row in self.vendor.writes)


def people(count: int, chunk: int = 10, breaks_at: int | None = None, invalid: Iterable[int] = ()) -> People:
    return People([f"k{row}" for row in range(count)], frozenset(invalid), chunk, [0] * count, breaks_at)


def statuses(load: Iterable[object]) -> list[Status]:
    return [outcome.status for outcome in load]  # type: ignore[attr-defined]


# Beginnings and ends


def test_an_input_without_rows_has_no_outcomes(tmp_path: Path) -> None:
    world = World(tmp_path)
    load = world.load(people(0))
    assert list(load) == []
    assert load.so_far().identity.startswith("0 input = 0 created")
    assert statuses(world.load(people(0))) == []


def test_a_deadline_of_nothing_sends_nothing_and_counts_everything() -> None:
    world = World()
    load = world.load(people(45), Settings(deadline=0))
    assert statuses(load) == [Status.NOT_SENT] * 45
    assert load.so_far().stop is not None
    assert load.so_far().stop.kind is Kind.DEADLINE  # type: ignore[union-attr]
    assert world.written() == []


def test_what_an_input_gave_before_it_broke_off_is_accounted_for() -> None:
    world = World()
    load = world.load(people(60, breaks_at=30))
    told: list[Status] = []
    with pytest.raises(Broken):
        told.extend(outcome.status for outcome in load)
    assert len(told) == load.so_far().input == 30
    assert set(told) <= {Status.CREATED, Status.NOT_SENT}
    assert told.count(Status.CREATED) == len(world.written())


def test_an_early_close_settles_what_is_in_flight_and_counts_what_was_read() -> None:
    world = World()
    load = world.load(people(1000))
    next(load)
    load.close()
    report = load.so_far()
    assert report.input < 1000
    assert report.counts[Status.CREATED] == len(world.written())
    assert report.counts[Status.CREATED] + report.counts[Status.NOT_SENT] == report.input
    load.close()
    assert list(load) == []


def test_an_abandoned_load_is_closed_in_good_order(tmp_path: Path) -> None:
    world = World(tmp_path)
    load = world.load(people(1000))
    next(load)
    assert world.network is not None
    del load
    gc.collect()
    assert world.network.calls and all(call.ended is not None for call in world.network.calls)
    assert world.folder is not None
    with world.folder.open_journal() as journal:
        told = list(statuses_of(journal).values())
        assert told.count(Status.UNKNOWN) == 0
        assert told.count(Status.CREATED) == len(world.written())


def test_an_exception_of_the_caller_is_not_hidden_by_one_of_ours() -> None:
    world = World()
    with pytest.raises(ZeroDivisionError), world.load(people(1000, chunk=1), fault="forbidden") as load:
        load._turn()
        raise ZeroDivisionError


def test_a_load_that_is_left_when_the_interpreter_ends_does_not_hang(tmp_path: Path) -> None:
    program = f"""
        import socket
        from headcount import load
        from headcount.auth import BearerKey, Secret
        from headcount.destinations import Pabbly
        server = socket.create_server(("127.0.0.1", 0))
        to = Pabbly(auth=BearerKey(Secret("k")), endpoint=f"http://127.0.0.1:{{server.getsockname()[1]}}")
        loading = load(({{"mobile": str(n)}} for n in range(5000)), to=to, run_dir={str(tmp_path / "run")!r})
        while not loading.so_far().requests:
            loading._turn()
        print(loading.so_far().requests)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=True
    )
    assert int(done.stdout) > 0
    assert done.stderr == ""


def test_a_load_that_cannot_begin_lets_go_of_the_run(tmp_path: Path) -> None:
    world = World(tmp_path)

    def fail(copy: object) -> Input:
        raise UsageError("no such column")

    assert world.folder is not None
    with pytest.raises(UsageError, match="no such column"):
        start(Account(world.vendor, world.limits), Settings(), fail, world.folder)  # type: ignore[arg-type]
    world.folder.open_journal().close()


# Interrupted


class Interrupted(Network):
    """A network that the user loses patience with."""

    def hold(self, until: float) -> None:
        pass

    def wait(self, seconds: float) -> list[Arrival]:
        if self.turns == 3:
            raise KeyboardInterrupt
        return super().wait(seconds)


def test_closing_ends_the_count_of_an_input_without_end(tmp_path: Path) -> None:
    world = World()
    load = world.load(people(1_000_000), Settings(deadline=0))
    assert next(load).status is Status.NOT_SENT
    load.close()
    assert load.so_far().input < 100


def test_a_second_step_within_a_step_is_refused_and_harms_nothing() -> None:
    world = World()
    refused: list[UsageError] = []

    class Impatient(People):
        def chunks(self) -> Iterator[Prepared]:
            for chunk in super().chunks():
                with pytest.raises(UsageError, match="one step at a time") as caught:
                    next(load)
                refused.append(caught.value)
                yield chunk

    load = world.load(Impatient([f"k{row}" for row in range(30)], frozenset(), 10, [0] * 30))
    assert statuses(load) == [Status.CREATED] * 30
    assert len(refused) == 3 and world.written() == list(range(30))


def test_an_interrupt_within_a_step_leaves_a_run_that_can_be_gone_on_with(tmp_path: Path) -> None:
    world = World(tmp_path)
    load = world.load(people(100), Settings(concurrency=2), Interrupted)
    with pytest.raises(KeyboardInterrupt):
        load.report()
    again = statuses(world.load(people(100)))
    assert again.count(Status.UNKNOWN) == 20
    assert again.count(Status.CREATED) == 80
    assert len(world.written()) == len(set(world.written()))


def test_a_journal_that_cannot_be_written_stops_the_load_before_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    load = world.load(people(100), Settings(concurrency=1))
    next(load)
    before = len(world.written())

    def full(self: SqliteJournal) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteJournal, "commit", full)
        with pytest.raises(JournalError, match="the disk is full"):
            list(load)
    assert len(world.written()) == before
    assert list(load) == []
    again = statuses(world.load(people(100)))
    assert set(again) <= {Status.CREATED, Status.UNKNOWN}
    assert len(world.written()) == len(set(world.written()))


class BrokenTransport:
    """A transport with an error of ours in it."""

    def send(self, request: Request, timeout: float, gate: Gate | None = None) -> Reply | Failure:
        raise ZeroDivisionError

    def close(self) -> None:
        pass


def test_an_error_in_a_worker_is_an_answer_and_not_a_wait_for_ever() -> None:
    workers = ThreadWorkers(BrokenTransport())
    job: Job = object()  # type: ignore[assignment]
    workers.start(job, Request("POST", "https://vendor.test/"), 1.0)
    [arrival] = workers.wait(10.0)
    workers.close()
    assert arrival.job is job
    assert isinstance(arrival.answer, Failure)
    assert arrival.answer.handed_over
    assert "ZeroDivisionError" in arrival.answer.detail


# A window that is full


@pytest.mark.parametrize("chunk", [1, 10, 200])
def test_one_good_row_before_many_bad_ones_is_not_waited_for(chunk: int) -> None:
    world = World(max_contacts=2)
    load = world.load(people(200, chunk, invalid=range(1, 200)), Settings(concurrency=1))
    assert statuses(load) == [Status.CREATED] + [Status.REJECTED] * 199


def test_one_row_that_is_left_before_many_that_are_settled_is_not_waited_for(tmp_path: Path) -> None:
    world = World(tmp_path, max_contacts=2)
    settings = Settings(concurrency=1)
    world.load(people(200), settings).report()
    assert world.folder is not None
    with world.folder.open_journal() as journal:
        journal.record(None, [0], Answer.same(1, Status.NOT_SENT), 0)
        journal.commit()
    assert statuses(world.load(people(200), settings)) == [Status.CREATED] * 200


# Gone on with


def test_an_input_may_have_grown(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert len(statuses(world.load(people(25)))) == 25
    assert statuses(world.load(people(47))) == [Status.CREATED] * 47
    assert statuses(world.load(people(60))) == [Status.CREATED] * 60
    assert world.written() == list(range(60))


@pytest.mark.parametrize("changed", [0, 9, 10, 24])
def test_an_input_may_not_have_changed(tmp_path: Path, changed: int) -> None:
    world = World(tmp_path)
    world.load(people(25)).report()
    other = people(47)
    other.padding[changed] = 1
    with pytest.raises(InputChanged):
        world.load(other).report()
    assert world.written() == list(range(25))


def test_an_input_may_not_have_shrunk(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load(people(25)).report()
    with pytest.raises(InputChanged, match=r"other rows|ends after"):
        world.load(people(24)).report()


# Objects


def objects(items: Iterable[object]) -> ObjectsInput:
    to = Emarsys(auth=BearerKey(Secret("none")))
    return ObjectsInput(iter(items), Encoder(to.layout, to.check, ColumnMap(to.layout)))


def one(number: int, contact: bool) -> object:
    address = f"p{number}@example.org"
    return Contact(email=address) if contact else {"3": address}


@pytest.mark.parametrize(
    "is_contact",
    [lambda n: True, lambda n: False, lambda n: n % 2 == 0, lambda n: n < 1500],
    ids=["contacts", "mappings", "alternating", "in turn"],
)
def test_objects_are_read_in_whole_chunks_whatever_they_are(is_contact: Callable[[int], bool]) -> None:
    chunks = list(objects(one(number, is_contact(number)) for number in range(2 * CHUNK + 1)).chunks())
    assert [(chunk.start, len(chunk)) for chunk in chunks] == [(0, CHUNK), (CHUNK, CHUNK), (2 * CHUNK, 1)]
    assert [key for chunk in chunks for key in chunk.keys] == [f"p{n}@example.org" for n in range(2 * CHUNK + 1)]
    assert not any(chunk.problems for chunk in chunks)


def test_a_bad_object_among_others_is_a_problem_of_its_row() -> None:
    [chunk] = objects([one(0, True), 17, one(2, False), Contact(email="no address")]).chunks()
    assert {at: problem.kind for at, problem in chunk.problems.items()} == {
        1: Kind.INVALID_VALUE,
        3: Kind.INVALID_VALUE,
    }


class Stubborn(dict[str, str]):
    """Something of the caller's that raises when it is read."""

    def items(self) -> object:  # type: ignore[override]
        raise RuntimeError("not now")


@pytest.mark.parametrize(
    "bad",
    [
        Contact(email="p@example.org", external_id=10**5000),  # type: ignore[arg-type]
        Contact(email="p@example.org", attributes=Stubborn()),
        Contact(email="p@example.org", attributes={"age": 10**5000}),  # type: ignore[dict-item]
        {"3": 10**5000},
    ],
    ids=["a number without end", "attributes that raise", "an attribute without end", "a mapping"],
)
def test_a_value_that_cannot_be_read_is_a_problem_of_its_row(bad: object) -> None:
    [chunk] = objects([one(0, True), bad, one(2, True)]).chunks()
    assert {at: problem.kind for at, problem in chunk.problems.items()} == {1: Kind.INVALID_VALUE}
    assert [chunk.keys[0], chunk.keys[2]] == ["p0@example.org", "p2@example.org"]


def test_a_mapping_that_its_maker_uses_again_is_read_as_it_was() -> None:
    def again() -> Iterator[object]:
        record: dict[str, str] = {}
        for number in range(3):
            record["3"] = f"p{number}@example.org"
            yield record

    [chunk] = objects(again()).chunks()
    assert chunk.keys == ["p0@example.org", "p1@example.org", "p2@example.org"]


def test_objects_that_came_before_the_input_broke_off_are_read() -> None:
    def broken() -> Iterator[object]:
        yield from (one(number, False) for number in range(CHUNK + 3))
        raise OSError("the pipe broke")

    read: list[Prepared] = []
    with pytest.raises(OSError, match="the pipe broke"):
        read.extend(objects(broken()).chunks())
    assert [len(chunk) for chunk in read] == [CHUNK, 3]


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", 0),
        ("concurrency", 0.5),
        ("concurrency", "4"),
        ("max_batch", 0),
        ("max_batch", 0.5),
        ("requests_per_second", 0),
        ("requests_per_second", float("nan")),
        ("requests_per_second", float("inf")),
        ("attempt_timeout", -1),
        ("attempt_timeout", None),
        ("deadline", -1),
        ("deadline", float("nan")),
        ("deadline", "soon"),
        ("max_errors", -1),
        ("max_errors", 1.5),
        ("max_errors", "x%"),
        ("max_errors", "nan%"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "bad", "settled", "exceeded"),
    [
        (0, 0, 10, False),
        (0, 1, 10, True),
        (3, 3, 10, False),
        (3, 4, 10, True),
        ("5%", 999, 999, False),
        ("5%", 50, 1000, False),
        ("5%", 51, 1000, True),
        ("0.1%", 2, 1000, True),
    ],
)
def test_the_error_limit(limit: int | str, bad: int, settled: int, exceeded: bool) -> None:
    error_limit = Settings(max_errors=limit).error_limit()
    assert error_limit is not None
    assert error_limit.exceeded(bad, settled) is exceeded
