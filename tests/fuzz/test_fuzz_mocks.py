"""Schemathesis against the mocks as they are by default: every phase, every check, not one failure.

`make fuzz N=5000 SPEC=emarsys` draws more, from another seed each time, which it prints; `FUZZ_SEED` plays one again.
Two of its checks need what does not exist here: object_level_authorization a second account that must not see the
first one's contacts, and max_response_time a limit, which would be a race against the machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files

import pytest

from headcount_api import specs
from tests.fuzz.campaign import PROBES, STATEFUL, UNIT, WALKS, Campaign
from tests.fuzz.exchange import Found, told
from tests.fuzz.targets import TARGETS, running

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SPEC = os.environ.get("FUZZ_SPEC", "")
# The second way into one spec is another header: it is worth fewer examples, and no port of its own.
ALIKE = ("emarsys_v2",)
CHOSEN = [
    pytest.param(name, http, id=f"{name}-{'http' if http else 'in-process'}")
    for name, target in TARGETS.items()
    for http in (True, False)
    if SPEC in ("", name, target.spec) and not (http and name in ALIKE)
]
LINKED = [each for each in CHOSEN if TARGETS[str(each.values[0])].has_links]


@pytest.mark.parametrize(("name", "http"), CHOSEN)
def test_requests_a_hair_away_from_good_ones(name: str, http: bool) -> None:
    _, found = fuzz(name, PROBES, http=http)
    assert not found, told(found)


@pytest.mark.parametrize(("name", "http"), CHOSEN)
def test_long_walks_along_the_links(name: str, http: bool) -> None:
    _, found = fuzz(name, WALKS, http=http)
    assert not found, told(found)


@pytest.mark.parametrize(("name", "http"), CHOSEN)
def test_each_operation_keeps_to_its_spec(name: str, http: bool) -> None:
    campaign, found = fuzz(name, UNIT, http=http)
    assert not found, told(found)
    for operation in TARGETS[name].operations:
        assert campaign.statuses[operation].total() > 10, operation
        assert campaign.statuses[operation].keys() & {*range(200, 300), 404}, operation


@pytest.mark.parametrize(("name", "http"), LINKED)
def test_chains_of_calls_keep_to_the_spec(name: str, http: bool) -> None:
    campaign, found = fuzz(name, STATEFUL, http=http)
    assert not found, told(found)
    assert campaign.cases > campaign.examples


def fuzz(name: str, phases: Sequence[str], *, http: bool) -> tuple[Campaign, list[Found]]:
    print(f"FUZZ_SEED={SEED}")
    examples = EXAMPLES // 4 if name in ALIKE else EXAMPLES
    campaign = Campaign(examples=examples, seed=SEED, phases=phases)
    with running(TARGETS[name], http=http) as mock:
        return campaign, campaign.run(TARGETS[name], mock)


def test_every_spec_is_fuzzed() -> None:
    names = {file.name.removesuffix(".json") for file in files(specs).iterdir() if file.name.endswith(".json")}
    assert {target.spec for target in TARGETS.values()} == names, "targets.py says how each spec's mock is reached"
