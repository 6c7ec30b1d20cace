"""Ways to get it wrong, all of them, and what a mutant is played under that shows too rarely by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import attrs

from headcount.core.batches import Limits
from headcount.core.retry import Repeat
from tests.simulation import mutants_of_answers, mutants_of_calls, mutants_of_parts, mutants_of_records
from tests.simulation.faults import Fault
from tests.simulation.mutation import MUTANTS
from tests.simulation.plans import Course
from tests.simulation.schedules import Schedule
from tests.simulation.vendor import Vendor

__all__ = ["MUTANTS", "UNDER", "mutants_of_answers", "mutants_of_calls", "mutants_of_parts", "mutants_of_records"]


def under_a_common_cause_after_repeats(plan: Schedule) -> Schedule:
    """Contacts land, their answers are lost, and then the vendor refuses everything."""
    vendor = attrs.evolve(
        plan.vendor, repeat=Repeat.HARMLESS, asynchronous=False, common_from=4, never_made=frozenset(), delays={}
    )
    return attrs.evolve(plan, vendor=vendor, faults=[Fault.BUSY_AFTER], fault_share=0.5, limits=Limits(1))


def under_questions_without_an_answer(plan: Schedule) -> Schedule:
    """Contacts become unknown for one reason and another, and no call is left to ask about them."""
    vendor = attrs.evolve(plan.vendor, repeat=Repeat.DOUBLES, upsert=False)
    size = len(plan.keys)
    courses = [Course(shown=size, faulty=True), Course(shown=size, asking=True, max_calls=0), Course(shown=size)]
    faults = [Fault.BUSY_BEFORE, Fault.LOST_BEFORE]
    return attrs.evolve(plan, vendor=vendor, faults=faults, fault_share=0.5, courses=courses, kept=True)


def among_bad_contacts(share: float, most: int) -> Callable[[Schedule], Schedule]:
    """This share of the contacts is bad for one reason, and the vendor refuses batches, of so many at most, whole."""

    def under(plan: Schedule) -> Schedule:
        chance = random.Random(plan.seed)
        poison = frozenset(row for row in range(len(plan.keys)) if chance.random() < share)
        vendor = Vendor(repeat=plan.vendor.repeat, keys=plan.keys, refuses_whole=True, poison=poison)
        clean = [Course(shown=len(plan.keys))]
        return attrs.evolve(plan, vendor=vendor, limits=Limits(most), courses=clean, kept=False)

    return under


UNDER: Mapping[str, Callable[[Schedule], Schedule]] = {
    "rejects_what_may_have_landed": under_a_common_cause_after_repeats,
    "asks_with_the_problem_of_another": under_questions_without_an_answer,
    "takes_a_contact_for_refused_that_was_refused_with_others": among_bad_contacts(0.7, 8),
    "cuts_off_one_at_a_time": among_bad_contacts(0.05, 32),
}
"""What a mutant shows under that comes about too rarely by itself."""
