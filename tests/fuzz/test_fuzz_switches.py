"""Schemathesis against each way in which a mock can be told to answer, with the checks that still make sense."""

from __future__ import annotations

import os
from typing import get_args, get_type_hints

import attrs
import pytest

from headcount.mock.registry import vendor_type
from tests.fuzz.campaign import Campaign
from tests.fuzz.exchange import told
from tests.fuzz.targets import TARGETS, running
from tests.fuzz.variants import VARIANTS, Variant, answers, off

PHASES = ("examples", "fuzzing")
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100")) // 10
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SPEC = os.environ.get("FUZZ_SPEC", "")
ANSWERS = [
    variant
    for name in ("sinch_batch", "sinch_conversation", "emarsys", "pabbly_chatflow")
    for variant in answers(name, sorted(vendor_type(TARGETS[name].vendor)().answers()))
]


CHOSEN = [variant for variant in (*VARIANTS, *ANSWERS) if SPEC in ("", variant.target)]


@pytest.mark.parametrize("variant", CHOSEN, ids=str)
def test_the_mock_keeps_to_its_spec_in_every_way(variant: Variant) -> None:
    target = TARGETS[variant.target]
    campaign = Campaign(
        examples=EXAMPLES,
        seed=SEED,
        phases=PHASES,
        operations=variant.operations,
        without=off(variant),
        also=variant.also,
        strict=False,
    )
    with running(target, http=False, switches=variant.switches) as mock:
        found = campaign.run(target, mock)
    assert not found, told(found)
    assert campaign.cases >= EXAMPLES


@pytest.mark.parametrize("vendor", ["sinch", "emarsys", "pabbly"])
def test_every_value_of_every_switch_is_fuzzed(vendor: str) -> None:
    kind = vendor_type(vendor).switches_type
    fuzzed = [variant.switches for variant in VARIANTS if TARGETS[variant.target].vendor == vendor]
    for field in attrs.fields(kind):
        given = [switches[field.name] for switches in fuzzed if field.name in switches]
        values = {value for value in get_args(get_type_hints(kind)[field.name]) if isinstance(value, str | int)}
        if field.name == "faults" or (field.name, vendor) == ("token_calls", "pabbly"):
            continue  # The named answers are variants of their own, and Pabbly's key does not expire.
        assert given, field.name
        assert all(value in given for value in values - {field.default}), field.name
