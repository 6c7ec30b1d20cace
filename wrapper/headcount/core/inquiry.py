"""What a run that asks does with its input: what is settled stays, what is open is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from headcount.core.batches import Batch
from headcount.core.prepared import Prepared
from headcount.outcome import Kind, Outcome, Problem, Status

_UNCONFIRMED = Problem(Kind.UNCONFIRMED, "the vendor has not confirmed the contact")
_UNCONFIRMABLE = Problem(Kind.UNCONFIRMED, "it has no external id that it could be found by")
_CONFIRMED = Problem(Kind.EXISTS, "the vendor has told of its creation")


class Confirmation(Protocol):
    """The vendor's word, told unasked, that it created a contact."""

    @property
    def vendor_id(self) -> str | None:
        """Its id of the contact, where it is clear."""
        ...


@attrs.frozen
class Question:
    """Contacts to ask the vendor about. They are `standing`, with their problem, until it says otherwise."""

    batch: Batch
    standing: Status
    problem: Problem


@attrs.frozen
class Inquired:
    """What a chunk of an earlier run's input comes to."""

    kept: list[Outcome]
    """Of rows that stay as they were."""
    settled: list[Outcome]
    """Of rows of which something else is said now, without a call."""
    questions: list[Question]


class Inquiry:
    """Sorts the rows of an earlier run.

    `confirms` says of a key whether a contact that is found by it is surely the one that was accepted. `confirmed`
    gives the vendor's own word on a key, if there is one: that contact need not be asked for.
    """

    def __init__(self, confirms: Callable[[str], bool], confirmed: Callable[[str], Confirmation | None]) -> None:
        self._confirms = confirms
        self._confirmed = confirmed

    def take(self, chunk: Prepared, outcomes: Sequence[Outcome]) -> Inquired:
        """Take a chunk and what the earlier run says of each of its rows."""
        kept, settled = [], []
        asked: dict[tuple[Status, Problem], list[int]] = {}
        for position, outcome in enumerate(outcomes):
            status, key = outcome.status, chunk.keys[position]
            if status not in (Status.UNKNOWN, Status.ACCEPTED):
                kept.append(outcome)
            elif status is Status.ACCEPTED and not self._confirms(key):
                settled.append(attrs.evolve(outcome, problem=_UNCONFIRMABLE))
            elif (word := self._confirmed(key)) is None:
                asked.setdefault((status, outcome.problem or _UNCONFIRMED), []).append(position)
            elif status is Status.ACCEPTED:
                settled.append(attrs.evolve(outcome, status=Status.CREATED, problem=None, vendor_id=word.vendor_id))
            else:
                there = Status.EXISTING
                settled.append(attrs.evolve(outcome, status=there, problem=_CONFIRMED, vendor_id=word.vendor_id))
        questions = [
            Question(chunk.batch(positions), standing, problem) for (standing, problem), positions in asked.items()
        ]
        return Inquired(kept, settled, questions)
