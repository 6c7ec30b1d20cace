"""The journal against a model: whatever is noted, lost and reopened, each row's latest word is the same."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.core.batches import Answer
from headcount.journal.events import Stretch, filled, pack_answer, pack_rows, unpack_answer, unpack_rows
from headcount.journal.sqlite import SqliteJournal
from headcount.outcome import Kind, Outcome, Problem, Status
from tests.journals import outcomes_of

ROWS = 30
MISSING = Problem(Kind.STOPPED, "nobody knows", retryable=True)

ascending = st.sets(st.integers(0, ROWS - 1), min_size=1).map(sorted)
spans = st.tuples(st.integers(0, ROWS - 1), st.integers(1, 10)).map(
    lambda span: list(range(span[0], min(span[0] + span[1], ROWS)))
)
some_rows = st.one_of(ascending, spans)
some_text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
problems = st.builds(
    Problem,
    kind=st.sampled_from([kind for kind in Kind if kind is not Kind.UNANSWERED]),
    detail=some_text,
    code=some_text,
    http_status=st.none() | st.integers(100, 599),
    field=some_text,
    retryable=st.booleans(),
    of_row=st.none() | st.integers(1, ROWS),
)


@st.composite
def answers(draw: st.DrawFn, size: int) -> Answer:
    if draw(st.booleans()):
        return Answer.same(size, draw(st.sampled_from(Status)), draw(st.none() | problems))
    said = draw(st.lists(st.sampled_from(Status), min_size=size, max_size=size))
    why = draw(st.dictionaries(st.integers(0, size - 1), problems, max_size=3))
    ids = draw(st.none() | st.lists(some_text, min_size=size, max_size=size))
    return Answer(said, why, ids)


class Model:
    """By row: the outcome (None when in doubt), and by session the highest number of attempts and the open claims."""

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome | None] = {}
        self.attempts: dict[int, dict[int, int]] = {}
        self.doubts: dict[int, dict[int, int]] = {}
        self.session = 0

    def claim(self, rows: Sequence[int]) -> None:
        self.outcomes |= dict.fromkeys(rows)
        for row in rows:
            sessions = self.doubts.setdefault(row, {})
            sessions[self.session] = 1 + sessions.get(self.session, 0)

    def record(self, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        for position, row in enumerate(rows):
            vendor_id = answer.vendor_ids[position] if answer.vendor_ids else None
            problem = answer.problems.get(position)
            self.outcomes[row] = Outcome(row, answer.statuses[position], problem, vendor_id)
            sessions = self.attempts.setdefault(row, {})
            sessions[self.session] = max(attempts, sessions.get(self.session, 0))
            self.doubts.get(row, {}).pop(self.session, None)

    def words(self) -> dict[int, tuple[object, ...]]:
        return {row: self.word(row) for row in sorted(self.outcomes)}

    def word(self, row: int) -> tuple[object, ...]:
        outcome = self.outcomes[row]
        attempts = sum(self.attempts.get(row, {}).values()) + sum(self.doubts.get(row, {}).values())
        if outcome is None:
            return (Status.UNKNOWN, Kind.UNANSWERED, None, attempts)
        return (outcome.status, outcome.problem, outcome.vendor_id, attempts)


def said(outcome: Outcome) -> tuple[object, ...]:
    problem: object = outcome.problem
    if outcome.problem is not None and outcome.problem.kind is Kind.UNANSWERED:
        problem = Kind.UNANSWERED
    return (outcome.status, problem, outcome.vendor_id, outcome.attempts)


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_the_latest_word_is_the_models(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite"
        journal = SqliteJournal.create(path, {})
        durable, noted = Model(), Model()
        claims: list[tuple[int, list[int]]] = []
        for _ in range(data.draw(st.integers(1, 14))):
            step = data.draw(st.sampled_from(["claim", "settle", "record", "commit", "reopen"]))
            if step == "claim":
                rows = data.draw(some_rows)
                claims.append((journal.claim(rows), rows))
                noted.claim(rows)
            elif step in ("settle", "record"):
                settles, rows = None, data.draw(some_rows)
                if step == "settle" and claims:
                    settles, rows = claims.pop(data.draw(st.integers(0, len(claims) - 1)))
                answer = data.draw(answers(len(rows)))
                attempts = data.draw(st.integers(0, 3))
                journal.record(settles, rows, answer, attempts)
                noted.record(rows, answer, attempts)
            elif step == "commit":
                journal.commit()
                durable = copy.deepcopy(noted)
            else:
                journal.close()
                noted = copy.deepcopy(durable)
                noted.session += 1
                durable.session += 1
                claims = []
                journal = SqliteJournal.open(path)
                found = {row: outcome for row in range(ROWS) if (outcome := journal.recorded(row))}
                assert {row: said(outcome) for row, outcome in found.items()} == durable.words()
            latest = list(outcomes_of(journal))
            assert [outcome.index for outcome in latest] == sorted(durable.outcomes)
            assert {outcome.index: said(outcome) for outcome in latest} == durable.words()
        journal.close()


@given(data=st.data())
def test_filled_says_something_of_every_row_once(data: st.DataObject) -> None:
    near = st.sets(st.integers(0, 60), max_size=40)
    far = st.sets(st.integers(0, 60_000), max_size=8)
    known = sorted(data.draw(near) | data.draw(far))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(known)), max_size=4)) | {0, len(known)})
    stretches = []
    for start, stop in pairwise(cuts):
        rows = known[start:stop]
        attempts = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
        stretches.append(Stretch(rows, data.draw(answers(len(rows))), attempts))
    count = data.draw(st.integers(0, 90_000))

    found = list(filled(stretches, count, MISSING))

    rows = [row for stretch in found for row in stretch.rows]
    assert rows == list(range(max([count, *(row + 1 for row in known)])))
    assert all(len(stretch.rows) == len(stretch.answer) == len(stretch.attempts) <= 10_000 for stretch in found)
    said = {outcome.index: outcome for stretch in stretches for outcome in stretch.outcomes()}
    for outcome in chain.from_iterable(stretch.outcomes() for stretch in found):
        assert outcome == said.get(outcome.index, Outcome(outcome.index, Status.NOT_SENT, MISSING))


@given(st.sets(st.integers(0, 2**40) | st.integers(0, 50), min_size=1).map(sorted))
def test_rows_survive_packing(rows: list[int]) -> None:
    assert list(unpack_rows(pack_rows(rows))) == rows


@given(st.integers(1, 12).flatmap(answers))
def test_answers_survive_packing(answer: Answer) -> None:
    assert unpack_answer(pack_answer(answer), len(answer)) == answer


def test_a_span_costs_a_few_bytes() -> None:
    assert len(pack_rows(range(1_000_000, 1_001_000))) < 12
