"""One run of Schemathesis against a mock, and what it found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import (
    NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES,
    POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES,
)
from schemathesis.engine import events, from_schema

from tests.fuzz.checks import own_checks
from tests.fuzz.exchange import Exchange, Found
from tests.fuzz.exemptions import exempt
from tests.fuzz.probes import probe
from tests.fuzz.targets import Running, Target
from tests.fuzz.walks import walk

UNIT = ("examples", "coverage", "fuzzing")
STATEFUL = ("stateful",)
PROBES = ("probes",)
WALKS = ("walks",)
EVERY_PHASE = (*UNIT, *STATEFUL)
_MOST_STARTS = 200
_USUAL = {
    "negative_data_rejection": NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES,
    "positive_data_acceptance": POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES,
}

Settings = dict[str, Any]


@attrs.define
class Campaign:
    """A run: how much is drawn, from which seed, and with which checks off.

    without: checks that are off, each with the reason.
    also: statuses that a check takes beside its own.
    phases: those of Schemathesis; `probes`, which are requests a hair away from good ones; and `walks`, long ones along
        the links, of ten calls an example.
    operations: the operationIds that are called; empty means all.
    """

    examples: int = 100
    seed: int = 1
    phases: Sequence[str] = EVERY_PHASE
    without: Mapping[str, str] = attrs.Factory(dict)
    also: Mapping[str, Sequence[str]] = attrs.Factory(dict)
    operations: Collection[str] = ()
    strict: bool = True
    """Replies are held to what the mock promises, too; not where a switch has it answer otherwise."""
    cases: int = 0
    """How many cases the run has played so far."""
    scenarios: int = 0
    """The same of the last start: operations one by one, or chains of calls."""
    statuses: dict[str, Counter[int]] = attrs.Factory(lambda: defaultdict(Counter))
    """The replies so far by operationId and status."""

    def run(self, target: Target, mock: Running) -> list[Found]:
        """Everything that is found, each failure once."""
        return list(dict.fromkeys(self.failures(target, mock)))

    def failures(self, target: Target, mock: Running) -> Iterator[Found]:
        """Failures as they are found; one that is found again comes again."""
        if PROBES[0] in self.phases:
            yield from probe(target, mock, self.operations)
        if WALKS[0] in self.phases:
            yield from walk(target, mock, seed=self.seed, steps=10 * self.examples, operations=self.operations)
        checks = own_checks(target, mock)
        if unit := [phase for phase in self.phases if phase in UNIT]:
            yield from self._play(target, mock, checks, unit, self.examples, self.seed)
        if STATEFUL[0] in self.phases and target.has_links:
            # Hypothesis ends a state machine whose draws depend on the replies, as these do, at its first replay: so it
            # is started anew, from another seed and where the mock is by then, until as many chains were played.
            chains = 0
            for seed in range(self.seed, self.seed + _MOST_STARTS):
                self.scenarios = 0
                yield from self._play(target, mock, checks, STATEFUL, self.examples - chains, seed)
                chains += self.scenarios
                if chains >= self.examples:
                    return
            raise AssertionError(f"only {chains} chains of calls in {_MOST_STARTS} starts")

    def _play(
        self, target: Target, mock: Running, checks: Settings, phases: Sequence[str], examples: int, seed: int
    ) -> Iterator[Found]:
        config = SchemathesisConfig.from_dict(self._settings(target, mock, checks, phases, examples, seed))
        schema: Any = schemathesis.openapi.from_dict(target.document(strict=self.strict), config=config)
        schema.app = mock.application
        if self.operations:
            schema = schema.include(operation_id=list(self.operations))

        @schema.hook
        def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
            return not exempt(target.spec, type(failure), Exchange.of(case, response))

        stream = from_schema(schema).execute()
        try:
            for event in stream:
                if isinstance(event, events.NonFatalError):
                    raise AssertionError(f"Schemathesis itself failed: {event.info}") from event.value
                if isinstance(event, events.ScenarioFinished):
                    self._count(event)
                    yield from _failed(event)
        finally:
            stream.stop()

    def _settings(
        self, target: Target, mock: Running, checks: Settings, phases: Sequence[str], examples: int, seed: int
    ) -> Settings:
        # A chain of calls that begins with what is refused leads nowhere; the other phases try that at every operation.
        chains = {"generation": {"mode": "positive"}}
        return {
            "base-url": mock.url,
            "seed": seed,
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none"},
            "phases": {
                name: {"enabled": name in phases, **(chains if name in STATEFUL else {})} for name in EVERY_PHASE
            },
            "parameters": {"path.project_id": "mock-project"} if list(phases) == list(STATEFUL) else {},
            "checks": {
                **checks,
                **{name: {"expected-statuses": [*_USUAL[name], *more]} for name, more in self.also.items()},
                **{name: {"enabled": False} for name in self.without},
            },
            "auth": {"openapi": {name: dict(scheme) for name, scheme in target.schemes(mock.vendor).items()}},
        }

    def _count(self, event: events.ScenarioFinished) -> None:
        self.cases += len(event.recorder.cases)
        self.scenarios += 1
        for case_id, interaction in event.recorder.interactions.items():
            if interaction.response is not None and case_id in event.recorder.cases:
                operation = event.recorder.cases[case_id].value.operation
                operation_id = operation.definition.raw["operationId"]
                self.statuses[operation_id][interaction.response.status_code] += 1


def _failed(event: events.ScenarioFinished) -> Iterator[Found]:
    for case_id, nodes in event.recorder.checks.items():
        case = event.recorder.cases[case_id].value
        for node in nodes:
            if node.failure_info is not None:
                failure = node.failure_info.failure
                message = " ".join(f"{failure.title}: {failure.message}".split())[:500]
                yield Found(node.name, case.operation.label, message, case.as_curl_command()[:2000])
