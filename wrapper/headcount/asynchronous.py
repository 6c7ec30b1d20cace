"""The front door for asyncio: the same loop, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self, TypeVar

from headcount.destinations.base import Destination
from headcount.inputs import CHUNK
from headcount.loading import Load, Progress, load
from headcount.outcome import Outcome, Report

T = TypeVar("T")


def aload(
    contacts: Iterable[object] | AsyncIterable[object],
    *,
    to: Destination,
    run_dir: str | Path | None = None,
    mode: str = "create",
    concurrency: int | None = None,
    requests_per_second: float | None = None,
    max_batch: int | None = None,
    max_errors: int | str | None = None,
    deadline: float | None = None,
    attempt_timeout: float = 60.0,
    repeats: bool = True,
    ordered: bool = True,
    on_progress: Progress | None = None,
) -> AsyncLoad:
    """As `load`, for `async for outcome in aload(...)` and `await aload(...).report()`.

    `contacts` may be asynchronous too. They are read, and `on_progress` is called, in the thread of the load.
    Raises what `load` raises, at the first step.
    """
    begin = partial(
        load,
        to=to,
        run_dir=run_dir,
        mode=mode,
        concurrency=concurrency,
        requests_per_second=requests_per_second,
        max_batch=max_batch,
        max_errors=max_errors,
        deadline=deadline,
        attempt_timeout=attempt_timeout,
        repeats=repeats,
        ordered=ordered,
        on_progress=on_progress,
    )
    return AsyncLoad(contacts, begin)


class AsyncLoad:
    """A load under way: an asynchronous iterator of outcomes, as `Load` is a plain one.

    Close it, or use it with `async with`, to end it early.
    """

    def __init__(
        self,
        contacts: Iterable[object] | AsyncIterable[object],
        begin: Callable[[Iterable[object]], Load],
    ) -> None:
        self._contacts = contacts
        self._begin = begin
        self._load: Load | None = None
        self._ready: Iterator[Outcome] = iter(())
        # One thread, so that a load is never worked on in two places at once. It ends with this object.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="headcount-load")

    @property
    def warnings(self) -> Sequence[str]:
        """What the caller should be told of the input, so far: columns that reach nothing."""
        return () if self._load is None else self._load.warnings

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        outcome = next(self._ready, None)
        if outcome is None:
            loading = await self._begun()
            # What can be told after one step is handed over together.
            outcomes = await self._in_thread(lambda: [*islice(loading, 1), *loading.told()])
            self._ready = iter(outcomes)
            outcome = next(self._ready, None)
        if outcome is None:
            raise StopAsyncIteration
        return outcome

    async def report(self) -> Report:
        """Run to the end without making outcomes of what is left, and answer the counts."""
        loading = await self._begun()
        return await self._in_thread(loading.report)

    async def aclose(self) -> None:
        """End the load early, in good order: what is in flight is settled, only the rows that were read count.

        Does nothing when it has ended.
        """
        if self._load is not None:
            self._load.stop()
            await self._in_thread(self._load.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def _begun(self) -> Load:
        if self._load is None:
            contacts = self._contacts
            items = (
                _in_step(aiter(contacts), asyncio.get_running_loop())
                if isinstance(contacts, AsyncIterable)
                else contacts
            )
            self._load = await self._in_thread(lambda: self._begin(items))
        return self._load

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _in_step(items: AsyncIterator[object], loop: asyncio.AbstractEventLoop) -> Iterator[object]:
    """An asynchronous iterator as a plain one for another thread, a chunk at a time."""

    async def chunk() -> tuple[list[object], Exception | None]:
        taken: list[object] = []
        try:
            async for item in items:
                taken.append(item)
                if len(taken) == CHUNK:
                    break
        except Exception as error:  # noqa: BLE001 it is raised when what came before it has been handed over
            return taken, error
        return taken, None

    while True:
        taken, error = asyncio.run_coroutine_threadsafe(chunk(), loop).result()
        yield from taken
        if error is not None:
            raise error
        if not taken:
            return
