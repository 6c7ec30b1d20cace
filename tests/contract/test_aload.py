"""`aload`: the same load for asyncio, over real sockets."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from headcount import AsyncLoad, Contact, Report, Status, aload, load
from headcount.auth import ClientCredentials, Secret
from headcount.destinations import Emarsys
from headcount.errors import UsageError
from headcount.mock import MockServer, credentials_environment, serve
from tests.contract.harness import contact, destination, key, misbehaving

PEOPLE = [Contact(email=f"p{number}@example.com") for number in range(25)]


@pytest.fixture
def vendor() -> Iterator[MockServer]:
    with serve("emarsys") as mock:
        yield mock


@pytest.fixture
def emarsys(vendor: MockServer) -> Emarsys:
    known = credentials_environment("emarsys")
    secret = Secret(known["EMARSYS_CLIENT_SECRET"])
    auth = ClientCredentials(f"{vendor.url}/oauth2/token", known["EMARSYS_CLIENT_ID"], secret)
    return Emarsys(auth=auth, endpoint=vendor.url)


async def people() -> AsyncIterator[Contact]:
    for person in PEOPLE:
        await asyncio.sleep(0)
        yield person


@pytest.mark.parametrize("contacts", [lambda: PEOPLE, people], ids=["plain", "asynchronous"])
def test_outcomes_come_in_input_order_and_the_report_after_them(
    emarsys: Emarsys, contacts: Callable[[], list[Contact]]
) -> None:
    async def work() -> None:
        loading = aload(contacts(), to=emarsys, max_batch=10)
        outcomes = [outcome async for outcome in loading]
        assert [(outcome.index, outcome.status) for outcome in outcomes] == [
            (index, Status.CREATED) for index in range(len(PEOPLE))
        ]
        report = await loading.report()
        assert (report.counts[Status.CREATED], report.requests, report.stop) == (25, 3, None)

    asyncio.run(work())


def test_the_report_alone(emarsys: Emarsys, vendor: MockServer) -> None:
    async def work() -> int:
        return (await aload(PEOPLE, to=emarsys).report()).counts[Status.CREATED]

    assert asyncio.run(work()) == 25 == vendor.stores["emarsys"].created


async def _iterate(loading: AsyncLoad) -> None:
    async for outcome in loading:
        assert outcome.status is Status.CREATED


async def _report(loading: AsyncLoad) -> None:
    await loading.report()


@pytest.mark.parametrize("run", [_iterate, _report])
def test_a_load_that_has_ended_can_be_closed_again_and_reported_again(
    emarsys: Emarsys, run: Callable[[AsyncLoad], Awaitable[None]]
) -> None:
    async def work() -> None:
        async with aload(PEOPLE, to=emarsys) as loading:
            await run(loading)
        await loading.aclose()
        assert [outcome async for outcome in loading] == []
        report = await loading.report()
        assert (report.input, report.stop) == (25, None)

    asyncio.run(work())


def test_an_early_close_settles_what_was_read(emarsys: Emarsys, vendor: MockServer) -> None:
    def endless() -> Iterator[Contact]:
        number = 0
        while True:
            yield Contact(email=f"p{number}@example.com")
            number += 1

    async def work() -> None:
        async with aload(endless(), to=emarsys, max_batch=10, concurrency=1) as loading:
            async for outcome in loading:
                assert outcome.status is Status.CREATED
                break
        report = await loading.report()
        assert report.stop is not None
        assert report.counts[Status.CREATED] == vendor.stores["emarsys"].created > 0
        assert report.counts[Status.CREATED] + report.counts[Status.NOT_SENT] == report.input

    asyncio.run(work())


def test_what_load_raises_comes_at_the_first_step(emarsys: Emarsys) -> None:
    async def work() -> None:
        loading = aload(PEOPLE, to=emarsys, max_batch=1001)
        with pytest.raises(UsageError, match="max_batch"):
            await anext(loading)
        await loading.aclose()

    asyncio.run(work())


def test_a_field_that_reaches_nothing_is_a_warning(emarsys: Emarsys) -> None:
    async def work() -> None:
        loading = aload([Contact(email="mira@example.com", tags=["a"])], to=emarsys)
        assert loading.warnings == ()
        await loading.report()
        assert len(loading.warnings) == 1 and "tags" in loading.warnings[0]

    asyncio.run(work())


# Awaits that are cancelled, tasks that share a load, ends out of order. Sinch, where a second write would double.

SLOW = [{"delay": 0.15}]
"""Of the vendor: each answer comes so late."""
MANY = 60
HANGS = 30.0
"""Seconds after which something hangs."""


@pytest.fixture
def slow() -> Iterator[MockServer]:
    with misbehaving("sinch", faults=SLOW) as mock:
        yield mock


def begun(mock: MockServer, contacts: Any = MANY, **how: Any) -> AsyncLoad:
    """A load in small batches, one after another."""
    items = [contact("sinch", number) for number in range(contacts)] if isinstance(contacts, int) else contacts
    settings: dict[str, Any] = {"max_batch": 10, "concurrency": 1} | how
    return aload(items, to=destination("sinch", mock.url), **settings)


def written(mock: MockServer) -> list[str]:
    return [write.key for write in mock.stores["sinch"].writes]


def everyone(count: int = MANY) -> list[str]:
    return [key("sinch", number) for number in range(count)]


def accounted(report: Report, mock: MockServer) -> None:
    """A load that was ended early: what the vendor took and what it never saw add up."""
    assert report.stop is not None
    assert report.counts[Status.ACCEPTED] == len(written(mock))
    assert report.counts[Status.ACCEPTED] + report.counts[Status.NOT_SENT] == report.input


async def until(condition: Callable[[], object]) -> None:
    for _ in range(int(HANGS * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def cancelled(work: Coroutine[Any, Any, object]) -> None:
    """Begin it, and cancel it at its first await."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def load_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "headcount-load"}


def test_outcomes_outlive_the_awaits_that_gave_up_on_them(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)
        indexes = []
        gave_up = 0
        while True:
            try:
                indexes.append((await asyncio.wait_for(anext(loading), 0.03)).index)
            except TimeoutError:
                gave_up += 1
            except StopAsyncIteration:
                break
        assert gave_up > 0
        assert indexes == list(range(MANY))
        assert (await loading.report()).counts[Status.ACCEPTED] == MANY

    asyncio.run(work())
    assert written(slow) == everyone()


def test_a_second_task_goes_on_where_a_cancelled_one_was(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)
        indexes: list[int] = []

        async def eat() -> None:
            async for outcome in loading:
                indexes.append(outcome.index)

        first = asyncio.create_task(eat())
        await until(lambda: written(slow))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(indexes) < MANY
        await eat()
        assert indexes == list(range(MANY))

    asyncio.run(work())


def test_two_tasks_share_a_load_and_each_outcome_is_told_once(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)
        indexes: list[int] = []

        async def eat() -> None:
            async for outcome in loading:
                indexes.append(outcome.index)

        await asyncio.gather(eat(), eat())
        assert indexes == list(range(MANY))

    asyncio.run(work())
    assert written(slow) == everyone()


class Blocking:
    """Asynchronous contacts that come to a halt after `count` of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.halted = asyncio.Event()
        self.cancelled = False

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        for number in range(self._count):
            yield contact("sinch", number)
        self.halted.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


@pytest.mark.parametrize("count", [0, 3, 1000, 1003])
def test_closing_cancels_contacts_that_keep_the_load_waiting(slow: MockServer, count: int) -> None:
    async def work() -> None:
        contacts = Blocking(count)
        loading = begun(slow, contacts, max_batch=500, concurrency=2)
        step = asyncio.create_task(anext(loading))
        await contacts.halted.wait()
        if count >= 500:
            await until(lambda: written(slow))
        await asyncio.wait_for(loading.aclose(), HANGS)
        assert contacts.cancelled
        with suppress(StopAsyncIteration):
            await step
        assert [outcome async for outcome in loading] == []
        report = await loading.report()
        assert report.input == count
        assert report.counts[Status.ACCEPTED] >= (500 if count >= 500 else 0)
        accounted(report, slow)

    asyncio.run(work())


@pytest.mark.parametrize("count", [0, 7])
def test_closing_while_the_input_of_a_resumed_run_is_read_again_is_no_change_of_it(
    slow: MockServer, tmp_path: Path, count: int
) -> None:
    run = tmp_path / "run"

    async def work() -> None:
        await begun(slow, 25, run_dir=run).report()
        contacts = Blocking(count)
        async with begun(slow, contacts, run_dir=run) as loading:
            with suppress(TimeoutError):
                await asyncio.wait_for(loading.report(), 0.1)
            await contacts.halted.wait()
        assert (await loading.report()).counts[Status.ACCEPTED] == count
        assert (await begun(slow, 25, run_dir=run).report()).counts[Status.ACCEPTED] == 25

    asyncio.run(work())
    assert written(slow) == everyone(25)


def test_closing_goes_on_when_it_is_cancelled(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)
        await anext(loading)
        await cancelled(loading.aclose())
        await loading.aclose()
        accounted(await loading.report(), slow)

    asyncio.run(work())


def test_a_load_that_is_closed_before_it_began_sends_nothing(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)
        await loading.aclose()
        assert [outcome async for outcome in loading] == []
        report = await loading.report()
        assert (report.input, report.requests) == (0, 0)
        assert report.stop is not None

    asyncio.run(work())
    assert slow.stores["sinch"].answers == {}


def test_a_cancelled_report_stands_still_and_goes_on_when_it_is_asked_for_again(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)
        report = asyncio.create_task(loading.report())
        await until(lambda: written(slow))
        report.cancel()
        with pytest.raises(asyncio.CancelledError):
            await report
        await asyncio.sleep(2 * 0.15 * MANY / 10)
        assert 0 < len(written(slow)) < MANY
        assert (await loading.report()).counts[Status.ACCEPTED] == MANY

    asyncio.run(work())
    assert written(slow) == everyone()


def test_a_cancelled_report_in_async_with_ends_the_load_in_good_order(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow)

        async def report() -> None:
            async with loading:
                await loading.report()

        task = asyncio.create_task(report())
        await until(lambda: written(slow))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = written(slow)
        accounted(await loading.report(), slow)
        assert written(slow) == before
        assert len(before) < MANY

    asyncio.run(work())


def test_what_contacts_raise_comes_after_the_outcomes_of_those_before(slow: MockServer) -> None:
    async def breaking_off() -> AsyncIterator[dict[str, Any]]:
        for number in range(25):
            yield contact("sinch", number)
        raise LookupError("no more of these")

    async def work() -> None:
        loading = begun(slow, breaking_off())
        indexes = []
        with pytest.raises(LookupError, match="no more of these"):
            async for outcome in loading:
                indexes.append(outcome.index)
        assert indexes == list(range(25))

    asyncio.run(work())


async def failing() -> AsyncIterator[dict[str, Any]]:
    yield contact("sinch", 0)
    await asyncio.sleep(0.1)
    raise LookupError("no more of these")


def test_what_a_cancelled_step_raises_is_raised_by_the_close(slow: MockServer) -> None:
    async def work() -> None:
        loading = begun(slow, failing())
        await anext(loading)
        await cancelled(anext(loading))
        await asyncio.sleep(0.5)
        with pytest.raises(LookupError, match="no more of these"):
            await loading.aclose()
        await loading.aclose()

    asyncio.run(work())


def test_what_a_cancelled_step_raises_hides_no_exception_of_the_callers(slow: MockServer) -> None:
    async def work() -> None:
        with pytest.raises(KeyError):
            async with begun(slow, failing()) as loading:
                await anext(loading)
                await cancelled(anext(loading))
                await asyncio.sleep(0.5)
                raise KeyError

    asyncio.run(work())


def test_a_load_that_is_dropped_ends_in_its_own_thread_and_can_be_resumed(slow: MockServer, tmp_path: Path) -> None:
    at_work = set()

    async def work() -> None:
        others = load_threads()
        async for outcome in begun(
            slow, run_dir=tmp_path, on_progress=lambda _: at_work.add(threading.current_thread())
        ):
            assert outcome.status is Status.ACCEPTED
            break
        await until(lambda: load_threads() <= others)

    asyncio.run(work())
    assert len(at_work) == 1
    assert threading.current_thread() not in at_work
    assert len(written(slow)) < MANY
    items = [contact("sinch", number) for number in range(MANY)]
    report = load(items, to=destination("sinch", slow.url), run_dir=tmp_path).report()
    assert report.counts[Status.ACCEPTED] == MANY
    assert written(slow) == everyone()


def test_a_load_that_is_dropped_lets_go_of_contacts_that_block(slow: MockServer) -> None:
    async def work() -> None:
        others = load_threads()
        contacts = Blocking(3)
        loading = begun(slow, contacts)
        with suppress(TimeoutError):
            await asyncio.wait_for(anext(loading), 0.1)
        await contacts.halted.wait()
        del loading
        await until(lambda: load_threads() <= others)
        assert contacts.cancelled

    asyncio.run(work())


PROGRAM = """
import asyncio, itertools, sys, threading
import headcount.asynchronous
from headcount import aload
from tests.contract.harness import contact, destination

url, run_dir = sys.argv[1:]
count = itertools.count()

def endless():
    return (contact("sinch", number) for number in itertools.islice(count, 60))

async def blocking():
    for item in endless():
        yield item
    print("waits", flush=True)
    await asyncio.Event().wait()

def stuck():
    yield from endless()
    print("waits", flush=True)
    threading.Event().wait()

async def halfway():
    for item in endless():
        yield item

def begun(contacts):
    return aload(contacts, to=destination("sinch", url), run_dir=run_dir, max_batch=10, concurrency=1)

async def a_step(loading):
    try:
        return await asyncio.wait_for(anext(loading), 1)
    except TimeoutError:
        return None
"""
ENDINGS = {
    "interrupted while it waits for contacts": "asyncio.run(begun(blocking()).report())",
    "interrupted while it waits for the vendor": """
async def work():
    loading = begun(endless())
    await anext(loading)
    print("waits", flush=True)
    await loading.report()
asyncio.run(work())
""",
    "the loop is closed while it waits for contacts": """
loading = begun(blocking())
asyncio.run(a_step(loading))
""",
    "the loop is closed with everything left in it": """
loading = begun(blocking())
loop = asyncio.new_event_loop()
loop.run_until_complete(a_step(loading))
loop.close()
""",
    "the loop is neither run on nor closed": """
loading = begun(blocking())
loop = asyncio.new_event_loop()
loop.run_until_complete(a_step(loading))
""",
    "the loop is closed while it waits for the vendor": """
loading = begun(halfway())
asyncio.run(a_step(loading))
""",
    "a plain iterable blocks": """
headcount.asynchronous._EXIT_SECONDS = 0.5
loading = begun(stuck())
asyncio.run(a_step(loading))
""",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_interpreter_exits_whatever_a_load_waits_for_and_the_run_can_be_resumed(
    slow: MockServer, tmp_path: Path, ending: str
) -> None:
    program = [sys.executable, "-c", PROGRAM + ENDINGS[ending], slow.url, str(tmp_path / "run")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            if ending.startswith("interrupted"):
                assert process.stdout is not None
                assert process.stdout.readline() == "waits\n"
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=HANGS)
        finally:
            process.kill()
    assert ("KeyboardInterrupt" in told) == ending.startswith("interrupted"), told
    assert "Exception in" not in told and "exception calling" not in told, told
    before = written(slow)
    assert len(before) < MANY
    items = [contact("sinch", number) for number in range(MANY)]
    report = load(items, to=destination("sinch", slow.url), run_dir=tmp_path / "run").report()
    assert report.counts[Status.ACCEPTED] == MANY
    assert written(slow) == everyone()
