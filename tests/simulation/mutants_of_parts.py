"""Mutants that take batches apart in the wrong way, or for the wrong reason."""

from __future__ import annotations

import attrs
import pytest

from headcount.core import bisect
from headcount.core import engine as engines
from headcount.core.answers import Judgement
from headcount.core.batches import Answer, Batch, Batcher, Envelope, Limits
from headcount.core.bisect import SizeLimit, Trial
from headcount.core.engine import Engine
from headcount.core.jobs import Job, Settlement
from headcount.outcome import Status
from tests.simulation.mutation import mutant, nothing

# Making batches


@mutant
def fills_a_batch_with_one_too_many(patch: pytest.MonkeyPatch) -> None:
    made = Batcher.__init__

    def init(self: Batcher, envelope: Envelope, limits: Limits) -> None:
        made(self, envelope, attrs.evolve(limits, max_contacts=limits.max_contacts + 1))

    patch.setattr(Batcher, "__init__", init)


@mutant
def forgets_the_commas_of_a_body(patch: pytest.MonkeyPatch) -> None:
    size = Envelope.size
    patch.setattr(Envelope, "size", lambda self, payload_bytes, count: size(self, payload_bytes, 1))


# Taking them apart


@mutant
def loses_the_odd_row_of_halves(patch: pytest.MonkeyPatch) -> None:
    def halves(batch: Batch) -> tuple[Batch, Batch]:
        half = max(1, len(batch) // 2)
        return batch.part(0, half), batch.part(half, 2 * half)

    patch.setattr(engines, "halves", halves)


@mutant
def sends_both_halves_with_the_middle_row(patch: pytest.MonkeyPatch) -> None:
    def halves(batch: Batch) -> tuple[Batch, Batch]:
        half = len(batch) // 2
        return batch.part(0, half + (len(batch) > 2)), batch.part(half, len(batch))

    patch.setattr(engines, "halves", halves)


@mutant
def leaves_the_last_row_out_of_a_body(patch: pytest.MonkeyPatch) -> None:
    body = Envelope.body
    patch.setattr(Envelope, "body", lambda self, payloads: body(self, payloads[:-1] or payloads))


@mutant
def rejects_a_batch_for_one_of_its_rows(patch: pytest.MonkeyPatch) -> None:
    def bisect(self: Engine, job: Job) -> None:
        for row in range(len(job.batch)):
            part = job.part(job.batch.part(row, row + 1))
            part.level += 1
            self._queue.append(part)

    def refused(self: Engine, job: Job, said: Judgement) -> list[Settlement]:
        return [
            Settlement(job.batch, Answer.same(len(job.batch), Status.REJECTED, said.cause), job.attempts, job.claim)
        ]

    patch.setattr(Engine, "_bisect", bisect)
    patch.setattr(Engine, "_refused", refused)


@mutant
def takes_the_rest_of_a_refused_part_for_bad(patch: pytest.MonkeyPatch) -> None:
    refused = Engine._refused

    def lazy(self: Engine, job: Job, said: Judgement) -> list[Settlement]:
        if len(job.batch) != 2 or said.error is not None or job.trial is None:
            return refused(self, job, said)
        return [Settlement(job.batch, Answer.same(2, Status.REJECTED, said.cause), job.attempts, job.claim)]

    patch.setattr(Engine, "_refused", lazy)


@mutant
def never_finds_a_common_cause(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Trial, "of", lambda size, problem, **how: Trial(size, problem, common=False))


@mutant
def cuts_off_one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engines, "halves", lambda batch: (batch.part(0, 1), batch.part(1, len(batch))))
    patch.setattr(Trial, "holds", lambda self, level: False)


@mutant
def takes_a_contact_for_refused_that_was_refused_with_others(patch: pytest.MonkeyPatch) -> None:
    resume = Engine._resume_trials

    def blame(self: Engine) -> list[Settlement]:
        for job in self._on_trial:
            if job.trial is not None and job.trial.common is False:
                job.refusal = job.trial.problem
        return resume(self)

    patch.setattr(Engine, "_resume_trials", blame)


@mutant
def finds_a_common_cause_in_two_contacts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(bisect, "_ALONE_NEEDED", 2)


@mutant
def finds_a_common_cause_one_level_down(patch: pytest.MonkeyPatch) -> None:
    def wants_one_alone(self: Trial) -> bool:
        return self.common is None and self.refused_quarters >= 2 and not self.asking

    patch.setattr(bisect, "_QUARTERS_LEVEL", 1)
    patch.setattr(Trial, "wants_one_alone", property(wants_one_alone))


@mutant
def forgets_which_size_was_refused(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SizeLimit, "refused", nothing)
