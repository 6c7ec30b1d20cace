"""What the engine keeps of a batch on its way, and what it says of one."""

from __future__ import annotations

import math
from enum import Enum, auto

import attrs

from headcount.core.batches import Answer, Batch
from headcount.core.bisect import Trial
from headcount.core.retry import Repeat
from headcount.errors import FatalError
from headcount.outcome import Kind, Problem, Status


class Purpose(Enum):
    """What a call is for."""

    SEND = auto()
    LOOK_UP = auto()


@attrs.define(eq=False)
class Search:
    """The look-ups of one batch that may have landed; what is not there is sent again in one piece."""

    open: int
    """Look-ups without an answer."""
    absent: list[Job] = attrs.field(factory=list)


@attrs.define(eq=False)
class Job:
    """Contacts that wait for a call, or are on their way in one."""

    batch: Batch
    purpose: Purpose = Purpose.SEND
    attempts: int = 0
    """Requests that have carried these contacts."""
    doubtful: bool = False
    """An earlier request may have landed."""
    refusals: int = 0
    """Times it was refused for the moment."""
    renewals: int = 0
    """Times it was refused for a token that had worked before."""
    not_before: float = -math.inf
    started: float = -math.inf
    """When its latest call began."""
    claim: int | None = None
    """The journal's number for the request that is under way."""
    halved: bool = False
    """It is a part of a batch that was too large."""
    trial: Trial | None = None
    level: int = 0
    """Cuts below the batch that the trial is of."""
    problem: Problem | None = None
    """What an earlier request met with, if any."""
    refusal: Problem | None = None
    """Why just these contacts were refused together, if they were."""
    standing: Status = Status.UNKNOWN
    """For a look-up: what its contacts are as long as the vendor does not say otherwise."""
    hint: object = None
    """For a look-up: what the destination noted."""
    search: Search | None = None
    """For a look-up whose absent contacts are to be sent again."""

    def part(self, batch: Batch) -> Job:
        """A job like this one for some of its contacts."""
        return attrs.evolve(self, batch=batch, claim=None)


@attrs.frozen
class Settlement:
    """What became of contacts. `final` is False when they are only free again, to be sent once more.

    `claim` is the journal's number of the request that this settles whole, if it does.
    """

    batch: Batch
    answer: Answer
    attempts: int
    claim: int | None = None
    final: bool = True


@attrs.frozen
class Stop:
    """Why no more calls start: the kind that unsent contacts get, a sentence, and what to raise if anything."""

    kind: Kind
    why: str
    error: FatalError | None = None

    @property
    def problem(self) -> Problem:
        """What a contact has that is not sent for it."""
        return Problem(self.kind, self.why, retryable=True)


NOT_REACHED = Problem(Kind.STOPPED, "the run ended before this row", retryable=True)
"""What a contact has of which the run has nothing to say."""


@attrs.frozen
class Behaviour:
    """What a destination declares of one of its modes."""

    repeat: Repeat
    look_up_size: int = 0
    """Contacts that one look-up can ask for; 0 when the vendor cannot be asked."""
    removes: bool = False
    """What it dealt with is gone: a contact that a repeat does not find may be the earlier request's work."""
