"""What a journal remembers, apart from where: events about rows, their bytes, and which one is the latest.

An event is a claim (no answer yet) or a record (with one). Events are numbered in the order in which they
were noted, and of several about one row the highest number speaks.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, groupby
from operator import attrgetter, itemgetter, lt, sub

import attrs
import msgspec

from headcount.core.batches import Answer
from headcount.outcome import Kind, Outcome, Problem, Status

UNANSWERED = Problem(Kind.UNANSWERED, detail="no answer was recorded before the process ended")

# Part of the file format: a letter never changes its meaning.
_LETTERS = {
    Status.CREATED: ord("c"),
    Status.UPDATED: ord("u"),
    Status.EXISTING: ord("e"),
    Status.ACCEPTED: ord("a"),
    Status.REJECTED: ord("r"),
    Status.SKIPPED: ord("s"),
    Status.UNKNOWN: ord("?"),
    Status.NOT_SENT: ord("n"),
}
_REACH = 10_000
"""How many rows a stretch without gaps may have that had some."""
_STATUSES = {letter: status for status, letter in _LETTERS.items()}


@attrs.define
class Event:
    """A claim (`answer` is None) or a record of `rows`, which ascend.

    `session` tells the sessions of the run apart. `attempts` counts the requests of the session that have carried
    the rows; 0 for a claim.
    """

    number: int
    session: int
    rows: Sequence[int]
    answer: Answer | None
    attempts: int


@attrs.define
class Stretch:
    """Rows, ascending, with the latest word on each: `answer` by position, `attempts` beside it."""

    rows: Sequence[int]
    answer: Answer
    attempts: Sequence[int]

    def part(self, start: int, stop: int) -> Stretch:
        """The rows from position `start` up to `stop`."""
        if start == 0 and stop == len(self.rows):
            return self
        return Stretch(self.rows[start:stop], _cut(self.answer, start, stop), self.attempts[start:stop])

    def outcomes(self) -> Iterator[Outcome]:
        """The same, row by row."""
        answer = self.answer
        ids = answer.vendor_ids or [None] * len(self.rows)
        for position, row in enumerate(self.rows):
            problem = answer.problems.get(position)
            yield Outcome(row, answer.statuses[position], problem, ids[position], self.attempts[position])


def _cut(answer: Answer, start: int, stop: int) -> Answer:
    inside = filter(answer.problems.__contains__, range(start, stop))
    return Answer(
        answer.statuses[start:stop],
        {position - start: answer.problems[position] for position in inside},
        None if answer.vendor_ids is None else answer.vendor_ids[start:stop],
    )


class _Answer(msgspec.Struct, array_like=True, gc=False):
    """An answer as it is stored: one letter for all statuses or one each, equal problems once."""

    statuses: bytes
    vendor_ids: list[str | None] | None
    problems: list[tuple[Problem, bytes]]


_encoder = msgspec.msgpack.Encoder()
_answer_decoder = msgspec.msgpack.Decoder(_Answer)
_numbers_decoder = msgspec.msgpack.Decoder(list[int])


def pack_rows(rows: Sequence[int]) -> bytes:
    """Ascending numbers as spans: gap before, length, gap before, length. Raises ValueError otherwise."""
    if not rows or rows[0] < 0 or not all(map(lt, rows, rows[1:])):
        raise ValueError("rows must ascend, and there must be some")
    first, size = rows[0], len(rows)
    if rows[-1] - first + 1 == size:
        return _encoder.encode((first, size))
    spans: list[int] = []
    previous = 0
    # Where there is no gap the difference of row and position stays the same; each gap adds to it.
    for difference, length in Counter(map(sub, rows, count())).items():
        spans += (difference - previous, length)
        previous = difference
    return _encoder.encode(spans)


def unpack_rows(packed: bytes) -> Sequence[int]:
    """What pack_rows was given: a range where there are no gaps. Raises ValueError on other bytes."""
    spans = _numbers_decoder.decode(packed)
    if not spans or len(spans) % 2 or min(spans) < 0:
        raise ValueError("not packed rows")
    ranges: list[range] = []
    row = 0
    for gap, length in zip(spans[::2], spans[1::2], strict=True):
        ranges.append(range(row + gap, row + gap + length))
        row += gap + length
    return ranges[0] if len(ranges) == 1 else list(chain.from_iterable(ranges))


def pack_answer(answer: Answer) -> bytes:
    """An answer of at least one contact as bytes."""
    statuses = answer.statuses
    if statuses.count(statuses[0]) == len(statuses):
        letters = bytes((_LETTERS[statuses[0]],))
    else:
        letters = bytes(map(_LETTERS.__getitem__, statuses))
    return _encoder.encode(_Answer(letters, answer.vendor_ids, _group(answer.problems)))


def _group(problems: Mapping[int, Problem]) -> list[tuple[Problem, bytes]]:
    positions: dict[Problem, list[int]] = {}
    for position, problem in sorted(problems.items()):
        positions.setdefault(problem, []).append(position)
    return [(problem, pack_rows(where)) for problem, where in positions.items()]


def unpack_answer(packed: bytes, size: int) -> Answer:
    """What pack_answer was given, for `size` contacts. Raises ValueError on other bytes."""
    stored = _answer_decoder.decode(packed)
    if len(stored.statuses) not in (1, size) or not _STATUSES.keys() >= set(stored.statuses):
        raise ValueError("not a packed answer")
    statuses = [_STATUSES[letter] for letter in stored.statuses]
    if len(statuses) == 1:
        statuses *= size
    problems = {position: problem for problem, where in stored.problems for position in unpack_rows(where)}
    return Answer(statuses, problems, stored.vendor_ids)


def checksum(numbers: tuple[int | None, ...], rows: bytes, answer: bytes | None) -> int:
    """CRC-32 over a whole event: SQLite itself does not notice a flipped bit in a row's content."""
    return zlib.crc32(answer or b"", zlib.crc32(rows, zlib.crc32(_encoder.encode(numbers))))


def latest(events: Iterable[Event]) -> Iterator[Stretch]:
    """The latest word on every row, in row order.

    `events` come ordered by their first row. Only those are held that the next one may overlap, so
    memory does not grow with the run.
    """
    active: list[_Cursor] = []
    for event in events:
        yield from _up_to(active, event.rows[0])
        active.append(_Cursor(event))
    yield from _up_to(active, None)


def filled(stretches: Iterable[Stretch], count: int, missing: Problem) -> Iterator[Stretch]:
    """Every row up to `count`, and up to the last one known, in stretches without gaps.

    A row of which nothing is said is `not_sent`, for the reason `missing`.
    """
    row = 0
    for stretch in chain.from_iterable(map(_split, stretches)):
        yield from _unsaid(row, stretch.rows[0], missing)
        row = stretch.rows[-1] + 1
        yield stretch if row - stretch.rows[0] == len(stretch.rows) else _without_gaps(stretch, missing)
    yield from _unsaid(row, count, missing)


def _split(stretch: Stretch) -> Iterator[Stretch]:
    """The stretch in parts that do not reach far, so that those without gaps are small."""
    start, rows = 0, stretch.rows
    while start < len(rows):
        stop = bisect_left(rows, rows[start] + _REACH, start)
        yield stretch.part(start, stop)
        start = stop


def _unsaid(row: int, stop: int, missing: Problem) -> Iterator[Stretch]:
    for start in range(row, stop, _REACH):
        rows = range(start, min(start + _REACH, stop))
        yield Stretch(rows, Answer.same(len(rows), Status.NOT_SENT, missing), [0] * len(rows))


def _without_gaps(stretch: Stretch, missing: Problem) -> Stretch:
    answer, gap = stretch.answer, len(stretch.rows)
    ids = None if answer.vendor_ids is None else [*answer.vendor_ids, None]
    longer = Answer([*answer.statuses, Status.NOT_SENT], {**answer.problems, gap: missing}, ids)
    attempts = [*stretch.attempts, 0]
    rows = range(stretch.rows[0], stretch.rows[-1] + 1)
    positions = dict(zip(stretch.rows, count()))
    picked = [positions.get(row, gap) for row in rows]
    return Stretch(rows, longer.pick(picked), [attempts[position] for position in picked])


@attrs.define
class _Cursor:
    event: Event
    position: int = 0


@attrs.frozen
class _Part:
    """The rows of one event between two cuts; the first of them is at `start` in the event."""

    event: Event
    rows: Sequence[int]
    start: int

    def answer(self) -> Answer:
        answer = self.event.answer
        size = len(self.rows)
        if answer is None:
            return Answer.same(size, Status.UNKNOWN, UNANSWERED)
        return answer if size == len(answer) else _cut(answer, self.start, self.start + size)


def _up_to(active: list[_Cursor], cut: int | None) -> Iterator[Stretch]:
    parts = []
    for cursor in sorted(active, key=lambda cursor: cursor.event.number):
        rows, start = cursor.event.rows, cursor.position
        stop = len(rows) if cut is None else bisect_left(rows, cut, start)
        if start < stop:
            parts.append(_Part(cursor.event, _tight(rows[start:stop]), start))
        cursor.position = stop
    active[:] = [cursor for cursor in active if cursor.position < len(cursor.event.rows)]
    if parts:
        # Neighbours with equal rows are the common case: a claim, and the record that settles it.
        groups = [list(group) for _, group in groupby(parts, key=attrgetter("rows"))]
        yield _last_of(groups[0]) if len(groups) == 1 else _merge(groups)


def _tight(rows: Sequence[int]) -> Sequence[int]:
    """Ascending rows, as a range where there are no gaps: equal rows are then equal objects."""
    without_gaps = rows[-1] - rows[0] + 1 == len(rows)
    return range(rows[0], rows[-1] + 1) if without_gaps else rows


def _last_of(parts: Sequence[_Part]) -> Stretch:
    """What parts with the same rows, in order, come to."""
    last = parts[-1]
    return Stretch(last.rows, last.answer(), [_attempts(parts)] * len(last.rows))


def _attempts(parts: Iterable[_Part]) -> int:
    """A session counts on, so its highest number holds; sessions add up.

    Claims that a session did not live to record stand for one more request each, that may or may not have left.
    """
    sessions: Counter[int] = Counter()
    doubts: Counter[int] = Counter()
    for part in parts:
        event = part.event
        sessions[event.session] = max(event.attempts, sessions[event.session])
        doubts[event.session] = 0 if event.answer is not None else doubts[event.session] + 1
    return sessions.total() + doubts.total()


def _merge(groups: Sequence[Sequence[_Part]]) -> Stretch:
    """What groups of parts, in order, come to, where the rows of each group are other rows than the last's."""
    stretches = [_last_of(group) for group in groups]
    rows = list(chain.from_iterable(stretch.rows for stretch in stretches))
    newest = dict(zip(rows, count()))
    # There are at least two rows, since one alone would make one group; so `pick` answers a tuple.
    pick = itemgetter(*map(newest.__getitem__, sorted(newest)))
    statuses: list[Status] = []
    ids: list[str | None] = []
    problems: list[Problem | None] = [None] * len(rows)
    attempts: list[int] = []
    for stretch in stretches:
        for position, problem in stretch.answer.problems.items():
            problems[len(statuses) + position] = problem
        statuses += stretch.answer.statuses
        ids += stretch.answer.vendor_ids or [None] * len(stretch.rows)
        attempts += stretch.attempts
    if len(newest) < len(rows):
        histories: dict[int, list[_Part]] = {}
        for group in groups:
            for row in group[-1].rows:
                histories.setdefault(row, []).extend(group)
        for row, position in newest.items():
            attempts[position] = _attempts(histories[row])
    return Stretch(
        pick(rows),
        Answer(
            list(pick(statuses)),
            {place: problem for place, problem in enumerate(pick(problems)) if problem is not None},
            list(pick(ids)) if ids.count(None) < len(ids) else None,
        ),
        pick(attempts),
    )
