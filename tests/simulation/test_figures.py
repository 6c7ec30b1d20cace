"""The figures that the engine is held to: each is counted over many sizes and seeds, and compared with its bound.

FIGURES says which tests hold which. Most loads run in simulated time, to the real destinations; a few over real
sockets. "Outcomes = inputs, each index once, in order" is tests/simulation/test_simulation.py's.
"""

from __future__ import annotations

import json
import math
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from headcount import Kind, Status, load
from headcount.core.exchange import Reply
from headcount.errors import BatchRefusedError
from headcount.mock import serve
from tests.cli.command import Command
from tests.contract.harness import ACCEPTED, CREATED, NOT_SENT, REJECTED, UNKNOWN, contact, destination
from tests.contract.vendor_server import Call as Received
from tests.contract.vendor_server import VendorServer, raw, says
from tests.simulation.scripted import TIMED_OUT, Call, Meet, Said, Vendor, play, refusing

TESTS = Path(__file__).parents[1]
HERE = "simulation/test_figures.py"
FAULTS = "contract/test_faults.py"

FIGURES: Mapping[str, str] = {
    "outcomes = inputs": "simulation/test_simulation.py: every_schedule",
    "requests to isolate k bad contacts": (
        f"{HERE}: bad_contacts_are_isolated, a_batch_that_is_mostly_bad, bad_contacts_over_real_sockets"
    ),
    "a cause common to all": f"{HERE}: a_common_cause",
    "503 for 60 s": f"{HERE}: a_minute_of_503_costs, a_minute_of_503_over_real_sockets",
    "longer than outage_patience": f"{HERE}: an_outage_without_end",
    "Ctrl-C in any of these": f"{HERE}: no_call_starts_after_a_stop, no_call_starts_after_an_interrupt",
    "run end after the deadline": f"{HERE}: a_run_ends_within_one_attempt_of_its_deadline",
    "a 429 with Retry-After: 2": f"{HERE}: no_call_starts_for_two_seconds",
    "body reset mid-way": f"{FAULTS}: a_large_body_cut_short, a_small_body_cut_short",
}
"""The figures, and the tests that hold them: file, and how their names go on after `test_`."""

VENDORS = ("sinch", "emarsys", "pabbly")
GOOD = {"sinch": ACCEPTED, "emarsys": CREATED, "pabbly": CREATED}
BUSY = Reply(503)


def test_every_figure_has_a_test() -> None:
    for tests in FIGURES.values():
        file, _, names = tests.partition(": ")
        text = (TESTS / file).read_text(encoding="utf-8")
        for name in names.split(", "):
            assert re.search(rf"^def test_{name}", text, re.MULTILINE), name


# Requests to isolate k bad contacts in a batch refused whole


def most_requests(bad: int, size: int) -> float:
    """At most 2k log2(n/k) + 2k, n rounded up to a power of two, the first refusal counted."""
    rounded = 1 << (size - 1).bit_length()
    return 2 * bad * math.log2(rounded / bad) + 2 * bad


def spread(how: str, bad: int, size: int, seed: int) -> list[int]:
    """Which of `size` contacts are bad."""
    chance = random.Random(seed)
    match how:
        case "first":
            return list(range(bad))
        case "last":
            return list(range(size - bad, size))
        case "clustered":
            first = chance.randrange(size - bad + 1)
            return list(range(first, first + bad))
        case "even":
            return [place * size // bad for place in range(bad)]
    return sorted(chance.sample(range(size), bad))


def sizes_and_bad() -> list[tuple[int, int]]:
    """Up to a quarter of a batch, where lots do not speak for a common cause; a small one may be all bad."""
    sizes = (1, 2, 3, 7, 8, 33, 512, 1000)
    numbers = (1, 2, 3, 4, 5, 8, 33, 100)
    return [(size, bad) for size in sizes for bad in numbers if bad <= (size if size < 8 else max(1, size // 4))]


@pytest.mark.parametrize("how", ["random", "even", "clustered", "first", "last"])
@pytest.mark.parametrize(("name", "codes"), [("sinch", "equal"), ("sinch", "different"), ("pabbly", "equal")])
def test_bad_contacts_are_isolated_with_few_requests_and_the_others_land(name: str, codes: str, how: str) -> None:
    for size, bad in sizes_and_bad():
        for others in (0, size):
            # In a run of its own, or as the second batch of one.
            seed = size * 1000 + bad
            rows = [others + row for row in spread(how, bad, size, seed)]
            vendor = Vendor(name)
            code = "INVALID_ARGUMENT" if codes == "equal" else "E{}"
            ran = play(
                vendor,
                others + size,
                refusing(vendor, set(rows), code.format),
                seed=seed,
                max_batch=size,
                concurrency=1,
            )
            case = f"{size=} {bad=} {others=} {seed=}"
            assert ran.error is None, case
            assert ran.rows(REJECTED) == rows, case
            assert len(ran.rows(GOOD[name])) == others + size - bad, case
            requests = len(ran.calls) - (1 if others else 0)
            assert requests <= most_requests(bad, size), case


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("how", ["random", "even", "first", "last"])
def test_a_batch_that_is_mostly_bad_is_isolated_or_ends_the_run_by_its_code(how: str, others: bool) -> None:
    """Eight contacts by lot, all bad, are taken for a common cause: with half of a batch bad, one case in 256."""
    ended = 0
    cases = [(size, bad) for size in (8, 9, 15, 33, 64) for bad in {size // 2, 3 * size // 4, size - 1}]
    for size, bad in cases:
        for seed in range(6):
            before = size if others else 0
            rows = [before + row for row in spread(how, bad, size, seed)]
            vendor = Vendor("sinch")
            meet = refusing(vendor, set(rows), lambda number: "INVALID_ARGUMENT")
            ran = play(vendor, before + size, meet, seed=seed, max_batch=size, concurrency=1)
            case = f"{size=} {bad=} {seed=}"
            requests = len(ran.calls) - (1 if others else 0)
            assert requests <= most_requests(bad, size), case
            if ran.error is None:
                assert ran.rows(REJECTED) == rows, case
                assert len(ran.rows(ACCEPTED)) == before + size - bad, case
            else:
                assert isinstance(ran.error, BatchRefusedError) and "INVALID_ARGUMENT" in str(ran.error), case
                refused_alone = {call.contacts[0] for call in ran.calls if len(call.contacts) == 1}
                assert len(refused_alone) >= 8 and refused_alone <= set(rows), case
                assert not ran.report.counts[REJECTED], case
                ended += bad == size // 2
    assert ended <= 2


def test_bad_contacts_over_real_sockets_are_isolated_with_few_requests() -> None:
    rows = spread("random", 5, 1000, 5)

    def answer(call: Received) -> bytes:
        numbers = {int(number) for number in re.findall(rb"4479460(\d{5})", call.body)}
        error = {"code": 3, "message": "invalid argument", "status": "INVALID_ARGUMENT"}
        return says({}) if numbers.isdisjoint(rows) else says(error, 400)

    with VendorServer(answer) as server:
        contacts = [contact("sinch", number) for number in range(1000)]
        outcomes = list(load(contacts, to=destination("sinch", server.url), concurrency=4))
    assert [outcome.index for outcome in outcomes if outcome.status is REJECTED] == rows
    assert [outcome.status for outcome in outcomes].count(ACCEPTED) == 995
    assert len(server.calls) <= most_requests(5, 1000)


# A whole batch refused for a cause common to all


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("size", [8, 33, 512, 1000])
def test_a_common_cause_is_not_bisected_past_two_levels(size: int, concurrency: int, others: int) -> None:
    if others and size < 32:
        return  # Where others were taken, a small batch is taken apart.
    for seed in range(10):
        vendor = Vendor("sinch")
        bad = range(others * size, 10_000)
        ran = play(
            vendor,
            (4 + others) * size,
            refusing(vendor, bad, lambda number: "QUOTA_EXCEEDED"),
            seed=seed,
            max_batch=size,
            concurrency=concurrency,
        )
        assert isinstance(ran.error, BatchRefusedError) and "QUOTA_EXCEEDED" in str(ran.error)
        assert ran.rows(ACCEPTED) == list(range(others * size))
        assert not ran.report.counts[REJECTED] and not ran.report.counts[UNKNOWN]
        refused = [call for call in ran.calls if call.status == 400]
        parts = [call for call in refused if len(call.contacts) > 1]
        # A batch, its halves and its quarters; then contacts alone, drawn by lot.
        assert len(parts) <= 7 * concurrency
        assert min(len(call.contacts) for call in parts) >= size // 4
        assert len(refused) - len(parts) <= 8 * concurrency


def test_a_common_cause_ends_the_command_with_4_and_its_code(tmp_path: Path) -> None:
    error = {"code": 8, "message": "the plan is used up", "status": "RESOURCE_EXHAUSTED"}
    faults = [{"operation": "createContacts", "status": 400, "body": json.dumps(error)}]
    with serve("sinch", faults={"sinch": {"faults": faults}}) as mock:
        command = Command(tmp_path)
        done = command("load", command.people(1000), "--to", "sinch", "--endpoint", mock.url, "--run-dir", "run")
        assert done.code == 4
        assert "RESOURCE_EXHAUSTED" in done.err
        assert mock.stores["sinch"].answers[400] <= 1 + 2 + 4 + 8
        assert not mock.stores["sinch"].writes


# A vendor that answers 503


def away(seed: int, begins: float, lasts: float) -> Meet:
    """Answers 503 to what starts from a moment on, for some seconds; fast or slow, as the seed says."""
    chance = random.Random(seed)
    busy = chance.choice([(0.01, 0.05), (0.1, 0.1), (0.1, 2.0), (3.0, 5.0), (20.0, 30.0)])
    well = chance.choice([(0.05, 0.1), (0.1, 3.0), (1.0, 10.0), (10.0, 50.0)])

    def meet(call: Call) -> Said:
        if begins <= call.started < begins + lasts:
            return BUSY, chance.uniform(*busy)
        return None, chance.uniform(*well)

    return meet


@pytest.mark.parametrize("concurrency", range(1, 17))
@pytest.mark.parametrize("name", VENDORS)
def test_a_minute_of_503_costs_ten_calls_more_than_were_in_flight(name: str, concurrency: int) -> None:
    for seed in range(5):
        begins = random.Random(seed).choice([0.0, 0.001, 0.1, 0.3, 0.5])
        ran = play(name, 1500, away(seed, begins, 60.0), seed=seed, concurrency=concurrency, max_batch=10)
        case = f"{seed=} {begins=}"
        # In a run that starts in an outage its first calls are those in flight.
        in_flight = ran.in_flight(begins) or concurrency
        assert len(ran.started(begins, begins + 60.0)) <= in_flight + 10, case
        assert ran.report.stop is None and ran.error is None, case
        busy = {number for call in ran.calls if call.answer is BUSY for number in call.contacts}
        unknown = ran.rows(UNKNOWN)
        assert set(unknown) <= busy, case
        assert len(unknown) + len(ran.rows(CREATED, ACCEPTED, Status.EXISTING)) == 1500, case
        if name == "sinch":
            assert set(unknown) == busy, case


def test_a_minute_of_503_over_real_sockets_is_waited_out(tmp_path: Path) -> None:
    # Two seconds stand for the minute: a hold of one lies in them.
    began = time.monotonic()

    def answer(call: Received) -> bytes:
        return raw("", 503) if 0.5 <= call.at - began < 2.5 else says({})

    def contacts() -> Any:
        for number in range(2000):
            time.sleep(0.001)
            yield contact("sinch", number)

    with VendorServer(answer) as server:
        outcomes = list(load(contacts(), to=destination("sinch", server.url), concurrency=4, max_batch=50))
    busy = [call for call in server.calls if 0.5 <= call.at - began < 2.5]
    assert 1 <= len(busy) <= 4 + 10
    statuses = [outcome.status for outcome in outcomes]
    assert statuses.count(UNKNOWN) == sum(len(re.findall(rb"4479460\d{5}", call.body)) for call in busy)
    assert statuses.count(UNKNOWN) + statuses.count(ACCEPTED) == 2000


@pytest.mark.parametrize("concurrency", [1, 3, 16])
@pytest.mark.parametrize("name", VENDORS)
def test_an_outage_without_end_ends_the_run(name: str, concurrency: int) -> None:
    for seed in range(10):
        begins = random.Random(seed).choice([0.0, 0.1, 0.5])
        ran = play(name, 2000, away(seed, begins, math.inf), seed=seed, concurrency=concurrency, max_batch=10)
        case = f"{seed=} {begins=}"
        assert ran.error is None and ran.report.stop is not None, case
        assert ran.report.stop.kind is Kind.OUTAGE, case
        assert ran.report.exit_code == 5, case
        # The first bad answer comes within 30 s, patience is 300 s, and what is in flight then is waited for.
        assert begins + 300.0 <= ran.ended <= begins + 30.0 + 300.0 + 30.0, case
        late = ran.started(begins)
        assert len(late) <= concurrency + 6 + 300 / 30 + 1, case
        assert ran.turns <= 3 * (len(ran.calls) + 2000 / 1000) + 20, case


# Ctrl-C in any of these


def in_trouble(name: str, seed: int) -> tuple[Meet, Mapping[str, Any]]:
    """One of the troubles above, by seed, and how to load into it."""
    chance = random.Random(seed)
    vendor = Vendor(name)
    bad = set(spread("random", 30, 2000, seed))
    trouble: Callable[[], Meet] = chance.choice(
        [
            lambda: refusing(vendor, bad, lambda number: "INVALID_ARGUMENT"),
            lambda: refusing(vendor, range(500, 2000), lambda number: "QUOTA_EXCEEDED"),
            lambda: away(seed, 2.0, 60.0),
            lambda: away(seed, 2.0, math.inf),
            lambda: limiting(seed),
            lambda: silent(seed),
        ]
    )
    deadline = chance.choice([None, 10.0])
    return trouble(), {"concurrency": chance.choice([1, 4, 16]), "max_batch": 100, "deadline": deadline}


def limiting(seed: int) -> Meet:
    """Answers every third call with 429, with or without a wait."""
    chance = random.Random(seed)

    def meet(call: Call) -> Said:
        if chance.random() < 0.3:
            return Reply(429, chance.choice([{}, {"retry-after": "7"}])), 0.1
        return None, chance.uniform(0.1, 1.0)

    return meet


def silent(seed: int) -> Meet:
    """Lets every other call run into its time limit, whether or not it does its work."""
    chance = random.Random(seed)

    def meet(call: Call) -> Said:
        return (TIMED_OUT, call.timeout) if chance.random() < 0.5 else (None, chance.uniform(0.1, 50.0))

    return meet


@pytest.mark.parametrize("name", VENDORS)
def test_no_call_starts_after_a_stop(name: str) -> None:
    for seed in range(60):
        stop_at = random.Random(-seed).choice([0.0, 0.05, 1.0, 3.0, 33.3, 200.0])
        meet, how = in_trouble(name, seed)
        ran = play(name, 2000, meet, seed=seed, stop_at=stop_at, **how)
        case = f"{seed=} {stop_at=}"
        assert not ran.started(stop_at + 1e-9), case
        # And the run ends with the last of the calls in flight.
        assert ran.ended <= max([stop_at, *(call.ended for call in ran.calls)]), case


@pytest.mark.parametrize("trouble", ["refused", "busy", "limited"])
def test_no_call_starts_after_an_interrupt(tmp_path: Path, trouble: str) -> None:
    def answer(call: Received) -> bytes:
        time.sleep(0.1)
        if trouble != "refused":
            return raw("", 503) if trouble == "busy" else raw("", 429, retry_after="1")
        # A tenth of the contacts is bad, each for a cause of its own, so that there is no end of bisecting.
        bad = re.search(rb"4479460(\d{4}7)", call.body)
        return says({"code": 3, "status": f"E{bad[1].decode()}"}, 400) if bad else says({})

    command = Command(tmp_path)
    source = command.people(2000)
    with VendorServer(answer) as server:
        whither = ("--to", "sinch", "--endpoint", server.url, "--run-dir", "run", "--max-batch", "500")
        process = command.start("load", source, *whither, "--concurrency", "2")
        ends = time.monotonic() + 60
        while len(server.calls) < 3:
            assert time.monotonic() < ends, "it never came to pass"
            time.sleep(0.01)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        time.sleep(0.5)
        assert process.returncode == 130, err
        assert not [call for call in server.calls if call.at > sent + 1.0]


# Run end after the deadline


@pytest.mark.parametrize("attempt_timeout", [5.0, 60.0])
@pytest.mark.parametrize("name", VENDORS)
def test_a_run_ends_within_one_attempt_of_its_deadline(name: str, attempt_timeout: float) -> None:
    for seed in range(40):
        chance = random.Random(-seed)
        deadline = chance.choice([0.0, 0.5, 3.0, 12.0, 100.0])
        meet, how = in_trouble(name, seed)

        def in_time(call: Call, meet: Meet = meet) -> Said:
            # The transport gives a call its time and no more.
            answer, seconds = meet(call)
            return (TIMED_OUT, call.timeout) if seconds > call.timeout else (answer, seconds)

        how = {**how, "deadline": deadline, "attempt_timeout": attempt_timeout}
        ran = play(name, 2000, in_time, seed=seed, **how)
        case = f"{seed=} {deadline=}"
        assert ran.ended <= deadline + attempt_timeout, case
        assert not ran.started(deadline), case
        if ran.error is None:
            carried = {number for call in ran.calls for number in call.contacts}
            rest = set(range(2000)) - carried
            assert rest <= set(ran.rows(NOT_SENT)), case
            if ran.report.stop is not None and ran.report.stop.kind is Kind.DEADLINE:
                kinds = {outcome.problem.kind for outcome in ran.outcomes if outcome.problem and outcome.index in rest}
                assert kinds <= {Kind.DEADLINE}, case


# A 429 with Retry-After: 2


@pytest.mark.parametrize(
    ("name", "throttled"), [("sinch", {1}), ("emarsys", {9, 10, 30}), ("pabbly", {20, 21, 22, 23})]
)
def test_no_call_starts_for_two_seconds_after_a_429_that_asks_for_them(name: str, throttled: set[int]) -> None:
    vendor = Vendor(name)
    refused_at: list[float] = []
    lock = threading.Lock()

    def answer(call: Received) -> bytes:
        with lock:
            number = server.calls.index(call) + 1
            numbers = [int(phone or email) for phone, email in re.findall(rb"4479460(\d{5})|p(\d+)@", call.body)]
            if number in throttled:
                refused_at.append(time.monotonic())
                return raw("", 429, retry_after="2")
            reply = vendor.take(Call(number, False, numbers, 0.0, 0.0))
        time.sleep(0.05)
        return says(json.loads(reply.body))

    with VendorServer(answer) as server:
        contacts = [contact(name, number) for number in range(1600)]
        how: dict[str, Any] = {"max_batch": 10, "concurrency": 8, "requests_per_second": 1000}
        outcomes = list(load(contacts, to=destination(name, server.url), **how))
    assert [outcome.status for outcome in outcomes] == [GOOD[name]] * 1600
    assert len(refused_at) == len(throttled)
    for moment in refused_at:
        # What was on its way when the refusal came is no breach; a quarter of a second covers it.
        early = [call.at - moment for call in server.calls if moment + 0.25 < call.at < moment + 1.95]
        assert not early, early
