"""`aload`: the same load for asyncio, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from headcount import AsyncLoad, Contact, Status, aload
from headcount.auth import ClientCredentials, Secret
from headcount.destinations import Emarsys
from headcount.errors import UsageError
from headcount.mock import MockServer, credentials_environment, serve

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
    for contact in PEOPLE:
        await asyncio.sleep(0)
        yield contact


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
