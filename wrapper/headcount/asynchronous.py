"""The front door for asyncio: the same loop, in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import queue
import threading
import time
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import nullcontext, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

from headcount.destinations.base import Destination
from headcount.errors import FatalError
from headcount.inputs import CHUNK
from headcount.loading import Load, Progress, load
from headcount.outcome import Outcome, Report

_EXIT_SECONDS = 10.0
"""How long the interpreter's exit waits for loads that nobody closed."""


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

    `contacts` may be asynchronous too: these are read in the event loop of the first step. Others are read, and
    `on_progress` is called, in the thread of the load. Raises what `load` raises, at the first step.
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

    Close it, or use it with `async with`, to end it early. Nothing happens between two steps of it. An await that is
    cancelled loses no outcome: the step that it waited for comes to its end, and the next await goes on from there.
    Several tasks may share a load: they are served one after another, and each outcome is told once.

    One that is dropped without being closed ends in its thread as if it had been. At its exit the interpreter waits
    at most ten seconds for that; calls still in flight then are `unknown` when the run is resumed.
    """

    def __init__(
        self,
        contacts: Iterable[object] | AsyncIterable[object],
        begin: Callable[[Iterable[object]], Load],
    ) -> None:
        self._contacts = contacts
        self._begin = begin
        self._thread: _LoadThread | None = None
        self._ready: Iterator[Outcome] = iter(())
        self._one_at_a_time = asyncio.Lock()
        self._step: Future[list[Outcome]] | None = None
        self._closing: Future[list[Outcome]] | None = None

    @property
    def warnings(self) -> Sequence[str]:
        """What the caller should be told of the input, so far: columns that reach nothing."""
        return () if self._thread is None or self._thread.load is None else self._thread.load.warnings

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        async with self._one_at_a_time:
            outcome = next(self._ready, None)
            if outcome is None:
                self._ready = iter(await self._stepped())
                outcome = next(self._ready, None)
        if outcome is None:
            raise StopAsyncIteration
        return outcome

    async def report(self) -> Report:
        """Run to the end without telling the outcomes of what is left, and answer the counts.

        When it is cancelled the load stands still after the step that is under way: call `report` again to go on, or
        close the load. Raises what ends the run, as `Load.report` does.
        """
        async with self._one_at_a_time:
            self._ready = iter(())
            while await self._stepped():
                pass
            return self._in_thread.so_far()

    async def aclose(self) -> None:
        """End the load early, in good order: what is in flight is settled, only the rows that were read count.

        Asynchronous contacts that keep the load waiting are cancelled; a plain iterable that blocks is waited for.
        What was not told is told no more, but counts in `report`. When it is cancelled, the load ends all the same.
        Raises what ends the run, if nobody has been told. Does nothing when the load has ended.
        """
        thread = self._in_thread
        thread.stop()
        closing = self._closing = self._closing or thread.submit(thread.close)
        await _done(closing)
        async with self._one_at_a_time:
            self._closing = None
            self._ready = iter(())
            if self._step is not None:
                await self._stepped()
        closing.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # An exception of the caller's, a cancellation above all, is not to be hidden by one of ours.
        with suppress(Exception) if kind else nullcontext():
            await self.aclose()

    async def _stepped(self) -> list[Outcome]:
        """What can be told after one more step; nothing at the end.

        The step outlives an await that is cancelled, and belongs to the next.
        """
        step = self._step = self._step or self._in_thread.submit(self._in_thread.advance)
        await _done(step)
        self._step = None
        return step.result()

    @property
    def _in_thread(self) -> _LoadThread:
        if self._thread is None:
            contacts = self._contacts
            reader = None
            if isinstance(contacts, AsyncIterable):
                contacts = reader = _Reader(aiter(contacts), asyncio.get_running_loop())
            self._thread = _LoadThread(partial(self._begin, contacts), reader)
            self._thread.start()
            weakref.finalize(self, self._thread.end).atexit = False
        return self._thread


class _LoadThread(threading.Thread):
    """Works on a load a step at a time, and ends it in good order.

    It knows nothing of the `AsyncLoad`, which can thus be dropped. A daemon: a plain iterable may block it for ever.
    """

    def __init__(self, begin: Callable[[], Load], reader: _Reader | None) -> None:
        super().__init__(name="headcount-load", daemon=True)
        self._begin = begin
        self._reader = reader
        self._steps: queue.SimpleQueue[tuple[Callable[[], list[Outcome]], Future[list[Outcome]]] | None]
        self._steps = queue.SimpleQueue()
        self._stopped = False
        self.load: Load | None = None

    def submit(self, work: Callable[[], list[Outcome]]) -> Future[list[Outcome]]:
        """Have a step done after those that were submitted before. From any thread."""
        future: Future[list[Outcome]] = Future()
        self._steps.put((work, future))
        return future

    def stop(self) -> None:
        """Start no more calls and read no more. From any thread."""
        self._stopped = True
        if self.load is not None:
            self.load.stop()
        # Last, so that the load never takes this for the end of its input.
        if self._reader is not None:
            self._reader.stop()

    def end(self) -> None:
        """End the load, and with it the thread, when the steps submitted so far are done. From any thread."""
        self.stop()
        self._steps.put(None)

    def advance(self) -> list[Outcome]:
        """Take a step of the load, the first of which begins it: what can be told then. To be submitted."""
        loading = self._begun()
        return [*islice(loading, 1), *loading.told()]

    def so_far(self) -> Report:
        """The counts of a load that has ended."""
        return self._begun().so_far()

    def close(self) -> list[Outcome]:
        """End the load in good order. To be submitted."""
        if self.load is not None:
            self.load.close()
        return []

    def run(self) -> None:
        while (step := self._steps.get()) is not None:
            _carry_out(*step)
            del step  # nothing is kept alive while there is nothing to do
        with suppress(Exception):
            self.close()

    def _begun(self) -> Load:
        if self.load is None:
            self.load = self._begin()
            if self._stopped:
                self.load.stop()
        return self.load


def _carry_out(work: Callable[[], list[Outcome]], future: Future[list[Outcome]]) -> None:
    try:
        outcomes = work()
    except BaseException as error:  # noqa: BLE001 it is raised where the step is awaited
        future.set_exception(error)
    else:
        future.set_result(outcomes)


async def _done(future: Future[list[Outcome]]) -> None:
    """Wait until it is done. It goes on when the wait is cancelled, and even when the event loop ends."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(done.set)

    future.add_done_callback(tell)
    await done.wait()


class _Reader:
    """An asynchronous iterator as a plain iterable for another thread, read a chunk at a time in its event loop."""

    _POLL_SECONDS = 0.1

    def __init__(self, items: AsyncIterator[object], loop: asyncio.AbstractEventLoop) -> None:
        self._items = items
        self._loop = loop
        self._stopped = False
        self._task: asyncio.Task[object] | None = None
        self._taken: list[object] = []

    def __iter__(self) -> Iterator[object]:
        """Ends after what has been taken when it is stopped. Raises what the iterator raises, after what came before.

        Raises FatalError when something else cancels the reading, such as the end of the event loop.
        """
        while not self._stopped:
            error = self._read()
            yield from self._taken
            if self._stopped:
                return
            if error is not None:
                raise error
            if not self._taken:
                return

    def stop(self) -> None:
        """Read no more, and cancel what is waited for. From any thread."""
        self._stopped = True
        with suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _read(self) -> Exception | None:
        """Wait for a chunk to be taken. Answers what it ended with, if it did not end well."""
        self._taken = []
        chunk = self._take()
        try:
            reading = asyncio.run_coroutine_threadsafe(chunk, self._loop)
        except RuntimeError:
            chunk.close()
            return _broken_off()
        while True:
            try:
                return reading.result(self._POLL_SECONDS)
            except TimeoutError:
                # An event loop that has ended, or that nobody runs at the exit, cancels nothing.
                if self._loop.is_closed() or (self._stopped and not self._loop.is_running()):
                    return _broken_off()
            except CancelledError:
                return _broken_off()

    async def _take(self) -> Exception | None:
        self._task = asyncio.current_task()
        try:
            while not self._stopped and len(self._taken) < CHUNK:
                self._taken.append(await anext(self._items))
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:
            return _broken_off()
        except Exception as error:  # noqa: BLE001 it is raised when what came before it has been handed over
            return error
        finally:
            self._task = None
        return None


def _broken_off() -> FatalError:
    return FatalError("the contacts could not be read to their end: reading them was cancelled")


@atexit.register
def _end_all() -> None:
    """End the loads that nobody closed, as far as that is possible in the time."""
    until = time.monotonic() + _EXIT_SECONDS
    threads = [thread for thread in threading.enumerate() if isinstance(thread, _LoadThread)]
    for thread in threads:
        thread.end()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
