"""Proof that the fuzzing can fail: each fault that is seeded into a mock is found, by the check that is to find it."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import Campaign
from tests.fuzz.faults import FAULTS
from tests.fuzz.seeding import Fault
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_fault_is_found(fault: Fault) -> None:
    target = TARGETS[fault.target]
    campaign = Campaign(phases=fault.phases, operations=fault.operations)
    others = set()
    for found in campaign.failures(target, fault.mock(target)):
        if found.check == fault.found_by:
            return
        others.add(found.check)
    raise AssertionError(f"not found by {fault.found_by} in {campaign.cases} cases, but by {sorted(others) or 'none'}")


def test_there_are_enough_of_them_in_every_spec() -> None:
    assert len(FAULTS) >= 35
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for spec in ("sinch_batch", "sinch_conversation", "emarsys", "pabbly_chatflow"):
        assert sum(TARGETS[fault.target].spec == spec for fault in FAULTS) >= 5, spec
