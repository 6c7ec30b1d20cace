"""One entry an input: who is still open, what can be told in order, and the counts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence

import attrs

from headcount.core.batches import Answer
from headcount.outcome import Kind, Outcome, Problem, ProblemGroup, Status

_MOST_GROUPS = 1000


class _Page:
    """The entries of one chunk of input; a status is None while the row is open."""

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.stop = start + size
        self.open = size
        self.told = 0
        self.statuses: list[Status | None] = [None] * size
        self.vendor_ids: list[str | None] = [None] * size
        self.attempts = [0] * size
        self.problems: dict[int, Problem] = {}

    def settle(self, rows: Sequence[int], answer: Answer, attempts: int, start: int, stop: int) -> None:
        """Enter the rows from position `start` up to `stop`, all of this page."""
        count, first = stop - start, rows[start] - self.start
        ids = answer.vendor_ids
        if rows[stop - 1] - rows[start] + 1 == count:
            span = slice(first, first + count)
            still_open = self.statuses[span].count(None)
            self.statuses[span] = answer.statuses[start:stop]
            self.attempts[span] = [earlier + attempts for earlier in self.attempts[span]]
            if ids is not None:
                self.vendor_ids[span] = ids[start:stop]
        else:
            still_open = 0
            for position in range(start, stop):
                offset = rows[position] - self.start
                still_open += self.statuses[offset] is None
                self.statuses[offset] = answer.statuses[position]
                self.attempts[offset] += attempts
                if ids is not None:
                    self.vendor_ids[offset] = ids[position]
        if still_open != count:
            raise AssertionError(f"one of the rows {rows[start] + 1} to {rows[stop - 1] + 1} has an outcome already")
        self.open -= count

    def outcome(self, row: int) -> Outcome:
        """The outcome of a row of this page that is settled."""
        offset = row - self.start
        status = self.statuses[offset]
        if status is None:
            raise AssertionError(f"row {row + 1} is still open")
        return Outcome(row, status, self.problems.get(offset), self.vendor_ids[offset], self.attempts[offset])


class Ledger:
    """Accounts for every input of a run.

    Rows are opened in order, a chunk at a time, and settled once each, in any order. Settled rows are told in
    input order (or as they settle, with `ordered=False`) and then forgotten; the counts stay.
    """

    def __init__(self, *, ordered: bool = True) -> None:
        self._ordered = ordered
        self._pages: deque[_Page] = deque()
        self._ready: deque[Outcome] = deque()
        self._groups: dict[tuple[Status, Kind, str | None], _Group] = {}
        self.counts: Counter[Status] = Counter()
        self.opened = 0

    @property
    def settled(self) -> int:
        """How many rows have an outcome."""
        return sum(self.counts.values())

    @property
    def oldest_open(self) -> int:
        """The index of the first row without an outcome; the next one to be opened when there is none."""
        for page in self._pages:
            if page.open:
                return page.start + page.statuses.index(None)
        return self.opened

    def open(self, count: int) -> None:
        """Enter the next `count` inputs."""
        self._pages.append(_Page(self.opened, count))
        self.opened += count

    def settle(self, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        """Give each of `rows`, in ascending order, the status and problem that `answer` holds for it."""
        if len(rows) != len(answer.statuses):
            raise AssertionError(f"{len(answer.statuses)} statuses for {len(rows)} rows")
        start = 0
        while start < len(rows):
            page = self._page_of(rows[start])
            stop = bisect_left(rows, page.stop, start)
            page.settle(rows, answer, attempts, start, stop)
            start = stop
        for position, problem in answer.problems.items():
            row = rows[position]
            page = self._page_of(row)
            page.problems[row - page.start] = problem
            self._group(answer.statuses[position], problem, row)
        self.counts.update(answer.statuses)
        if not self._ordered:
            self._tell_unordered(rows)

    def restore(self, outcome: Outcome) -> None:
        """Settle a row as an earlier run did."""
        self.settle([outcome.index], Answer.of([outcome]), outcome.attempts)

    def reopen(self, outcome: Outcome) -> None:
        """Take from an earlier run how often a row was carried that is to be settled anew."""
        page = self._page_of(outcome.index)
        page.attempts[outcome.index - page.start] = outcome.attempts

    def take(self) -> Iterator[Outcome]:
        """The outcomes that can be told now, each once."""
        if not self._ordered:
            while self._ready:
                yield self._ready.popleft()
            self._drop()
            return
        while self._pages:
            page = self._pages[0]
            while page.told < len(page.statuses):
                if page.statuses[page.told] is None:
                    return
                page.told += 1
                yield page.outcome(page.start + page.told - 1)
            self._pages.popleft()

    def discard(self) -> None:
        """Forget what could be told: only the counts are wanted."""
        self._ready.clear()
        self._drop()

    def groups(self) -> list[ProblemGroup]:
        """Equal problems counted together, the most frequent first."""
        groups = [
            ProblemGroup(status, kind, code, group.count, group.row + 1, group.detail)
            for (status, kind, code), group in self._groups.items()
        ]
        return sorted(groups, key=lambda group: (-group.count, group.status, group.kind, group.code or ""))

    def check(self) -> None:
        """Assert the identity: every opened row has exactly one outcome."""
        if self.settled != self.opened:
            raise AssertionError(f"{self.opened} inputs, but {self.settled} outcomes")

    def _page_of(self, row: int) -> _Page:
        for page in self._pages:
            if row < page.stop:
                return page
        raise AssertionError(f"row {row + 1} was never opened")

    def _drop(self) -> None:
        while self._pages and not self._pages[0].open:
            self._pages.popleft()

    def _tell_unordered(self, rows: Sequence[int]) -> None:
        for row in rows:
            self._ready.append(self._page_of(row).outcome(row))

    def _group(self, status: Status, problem: Problem, row: int) -> None:
        key = (status, problem.kind, problem.code)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _MOST_GROUPS:
                key = (status, problem.kind, None)
            group = self._groups.setdefault(key, _Group(0, row, problem.detail))
        group.count += 1


@attrs.define
class _Group:
    count: int
    row: int
    detail: str | None
