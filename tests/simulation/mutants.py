"""Ways to get it wrong, all of them, and what a mutant is played under that shows too rarely by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from headcount.core.batches import Limits
from headcount.core.retry import Repeat
from tests.simulation import mutants_of_answers, mutants_of_calls, mutants_of_records
from tests.simulation.faults import Fault
from tests.simulation.mutation import MUTANTS
from tests.simulation.schedules import Schedule

__all__ = ["MUTANTS", "UNDER", "mutants_of_answers", "mutants_of_calls", "mutants_of_records"]


def under_a_common_cause_after_repeats(plan: Schedule) -> Schedule:
    """Contacts land, their answers are lost, and then the vendor refuses everything."""
    vendor = attrs.evolve(
        plan.vendor, repeat=Repeat.HARMLESS, asynchronous=False, common_from=4, never_made=frozenset(), delays={}
    )
    return attrs.evolve(plan, vendor=vendor, faults=[Fault.BUSY_AFTER], fault_share=0.5, limits=Limits(1))


UNDER: Mapping[str, Callable[[Schedule], Schedule]] = {
    "rejects_what_may_have_landed": under_a_common_cause_after_repeats
}
"""What a mutant shows under that comes about too rarely by itself."""
