"""Whatever a vendor answers, a load comes to an end with one sound outcome for each contact, and believes no more than
was said."""

from __future__ import annotations

import gzip
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import Status
from headcount.auth import BearerKey, ClientCredentials, Secret
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from headcount.loading import Asking, folder_of_objects
from tests.contract.vendor_server import Call, VendorServer, a_token
from tests.fuzz.bad_replies import AS_IT_SHOULD_BE, HOSTILE, RAW, STATUSES, Plan, always, as_raw, as_status, plans
from tests.fuzz.spec_values import drawn, replies
from tests.fuzz.swift_loads import Ran, run
from tests.fuzz.vendor_words import VENDORS, Exchange, Vendor

Key = tuple[str, str]
GOOD = {Status.CREATED, Status.UPDATED, Status.ACCEPTED}
CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}|-?[0-9]{1,6}")
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Script:
    """Answers calls by plans, one after the other and then the last again and again, and remembers what it said."""

    def __init__(self) -> None:
        self.begin([], [], VENDORS["emarsys", "create"], 0)

    def begin(self, answers: Sequence[Plan], tokens: Sequence[Plan], vendor: Vendor, failing: int) -> None:
        """Forgets what it has said, for another load. `failing` has a bit for each contact of a call that fails."""
        self._answers, self._tokens, self._vendor = list(answers), list(tokens), vendor
        self._failing = failing
        self.exchanges: list[Exchange] = []
        self.problem: Exception | None = None

    def answer(self, call: Call) -> bytes:
        try:
            status, value = self._vendor.good(call, lambda at: bool(self._failing >> at & 1))
            plan = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            answer = plan.answer(status, value)
        except Exception as error:  # the load would take it for a lost connection
            self.problem = error
            raise
        self.exchanges.append((call, answer))
        return answer.wire

    def token(self, call: Call) -> bytes:
        if not self._tokens:
            return a_token("a-token-of-this-load")
        value = {"access_token": "a-token-of-this-load", "token_type": "bearer", "expires_in": 3600, "scope": ""}
        return self._tokens.pop(0).answer(200, value).wire


class Stage:
    """A server with a script."""

    def __init__(self, server: VendorServer, script: Script) -> None:
        self.server, self.script = server, script

    def account(self, vendor: str) -> Any:
        url = self.server.url
        oauth = ClientCredentials(f"{url}/oauth2/token", "client", Secret("client-secret"))
        match vendor:
            case "emarsys":
                return Emarsys(auth=oauth, endpoint=url)
            case "pabbly":
                return Pabbly(auth=BearerKey(Secret("an-api-key")), endpoint=url)
        return Sinch(auth=oauth, project_id="project", endpoint=url)

    def load(
        self,
        key: Key,
        answers: Sequence[Plan],
        count: int,
        *,
        tokens: Sequence[Plan] = (),
        failing: int = 0,
        before: Sequence[Exchange] = (),
        **how: Any,
    ) -> Ran:
        """A load of so many contacts that is answered so, held to what every load promises; `before` is what was said
        in an earlier session of it."""
        vendor = VENDORS[key]
        self.script.begin(answers, tokens, vendor, failing)
        contacts = [vendor.contact(number) for number in range(count)]
        ran = run(self.account(key[0]).in_mode(key[1]), contacts, **how)
        if self.script.problem is not None:
            raise self.script.problem
        check_sound(ran, count, contacts)
        check_word_kept(ran, [*before, *self.script.exchanges], vendor)
        return ran


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    script = Script()
    with VendorServer(lambda call: script.answer(call), token=lambda call: script.token(call)) as server:
        yield Stage(server, script)


def answers_of(vendor: Vendor) -> st.SearchStrategy[list[Plan]]:
    bodies = [body for spec, name in vendor.operations for body in replies(spec) if body.operation == name]
    return st.lists(plans(bodies), min_size=1, max_size=4)


def check_sound(ran: Ran, count: int, contacts: Sequence[Any]) -> None:
    """One outcome an input, in order, that says why; nothing that was raised is undocumented."""
    told, counts = ran.outcomes, {status: number for status, number in ran.report.counts.items() if number}
    assert sum(counts.values()) == count
    assert [outcome.index for outcome in told] == list(range(len(told)))
    if ran.error is None:
        assert Counter(outcome.status for outcome in told) == counts
    else:
        assert isinstance(ran.error, (CredentialsError, EndpointError, BatchRefusedError))
        assert not CONTROL.search(str(ran.error))
        check_quotes_nobody(str(ran.error), contacts)
    for outcome in told:
        problem = outcome.problem
        assert problem is not None or not outcome.status.needs_problem
        assert outcome.vendor_id is None or IDENTIFIER.fullmatch(outcome.vendor_id)
        if problem is not None:
            detail = problem.detail or ""
            assert len(detail) <= 300 and not CONTROL.search(detail)
            assert problem.code is None or CODE.fullmatch(problem.code)
            check_quotes_nobody(f"{detail} {problem.code} {problem.field}", contacts)


def check_quotes_nobody(text: str, contacts: Sequence[Any]) -> None:
    for value in (each.get("3") or each.get("mobile") for each in contacts):
        assert value is None or value not in text


def check_word_kept(ran: Ran, exchanges: Sequence[Exchange], vendor: Vendor) -> None:
    """No status but by the vendor's word."""
    words = vendor.words(exchanges, len(ran.outcomes))
    for outcome in ran.outcomes:
        if outcome.status in GOOD:
            assert outcome.status in words[outcome.index], f"{outcome} after {told_by(exchanges)}"
    judged = {Status.EXISTING, Status.REJECTED} & {outcome.status for outcome in ran.outcomes}
    statuses = {answer.status for _, answer in exchanges}
    assert not judged or any(status is not None and status < 500 for status in statuses), told_by(exchanges)


def told_by(exchanges: Sequence[Exchange]) -> str:
    return "\n".join(f"{call.method} {call.path} {call.body[:300]!r}: {answer}" for call, answer in exchanges)


KEYS = pytest.mark.parametrize("key", VENDORS, ids="-".join)


def test_every_mode_of_every_destination_is_answered(stage: Stage) -> None:
    accounts = [stage.account(name) for name in ("emarsys", "pabbly", "sinch")]
    assert set(VENDORS) == {(to.name, mode) for to in accounts for mode in to.modes}


@KEYS
def test_any_replies_to_a_load(stage: Stage, key: Key) -> None:
    tokens = plans([body for body in replies("emarsys") if body.operation == "createToken"])

    @drawn(100)
    @given(
        answers=answers_of(VENDORS[key]),
        tokens=st.just([]) | st.just([]) | st.just([]) | st.lists(tokens, max_size=2),
        failing=st.just(0) | st.integers(0, 63),
        count=st.integers(1, 5),
        max_batch=st.integers(1, 5),
    )
    def check(answers: list[Plan], tokens: list[Plan], failing: int, count: int, max_batch: int) -> None:
        stage.load(key, answers, count, tokens=tokens, failing=failing, max_batch=max_batch)

    check()


@KEYS
def test_hostile_replies_to_a_load(stage: Stage, key: Key) -> None:
    for body in HOSTILE.values():
        for status in (200, 400, 503):
            stage.load(key, [always(status, body), AS_IT_SHOULD_BE], 2)


@KEYS
def test_replies_to_a_load_that_are_hardly_http(stage: Stage, key: Key) -> None:
    for name in RAW:
        stage.load(key, [as_raw(name), AS_IT_SHOULD_BE], 2)


@KEYS
def test_every_status_to_a_load(stage: Stage, key: Key) -> None:
    for status in STATUSES:
        ran = stage.load(key, [as_status(status)], 2)
        ends = {401: CredentialsError, 403: CredentialsError}.get(
            status, EndpointError if 300 <= status <= 399 else None
        )
        assert ends is None or (isinstance(ran.error, ends) and len(stage.script.exchanges) <= 2), status
        good = {outcome.status for outcome in ran.outcomes} & GOOD
        told = 200 <= status <= 299 or (key[0] == "pabbly" and status == 400)  # it says who was created there, too
        assert bool(good) == (told and (status != 204 or key[0] == "sinch")), status


@KEYS
def test_any_replies_to_a_read_back(stage: Stage, key: Key, tmp_path: Path) -> None:
    """Nothing is sent, what was settled stays as it was, and what was open becomes what the vendor says."""
    lost = st.sampled_from([AS_IT_SHOULD_BE, AS_IT_SHOULD_BE, always(500, b""), as_raw("hangs up")])
    numbers = itertools.count()

    @drawn(20)
    @given(
        first=st.lists(lost, min_size=1, max_size=2) | answers_of(VENDORS[key]),
        answers=answers_of(VENDORS[key]),
        failing=st.just(0) | st.integers(0, 63),
        count=st.integers(1, 4),
    )
    def check(first: list[Plan], answers: list[Plan], failing: int, count: int) -> None:
        folder = folder_of_objects(tmp_path / str(next(numbers)), *key)
        sent = {outcome.index: outcome for outcome in stage.load(key, first, count, folder=folder).outcomes}
        before = stage.script.exchanges
        asked = stage.load(key, answers, count, failing=failing, before=before, folder=folder, asking=Asking())
        assert all(call.method == "GET" or call.path.endswith("/checkids") for call, _ in stage.script.exchanges)
        for outcome in asked.outcomes:
            earlier = sent.get(outcome.index)
            if earlier is not None and earlier.status not in (Status.UNKNOWN, Status.ACCEPTED):
                assert outcome == earlier

    check()


@pytest.mark.parametrize("key", [key for key in VENDORS if key[1] == "create"], ids="-".join)
def test_a_reply_of_a_hundred_megabytes_or_a_bomb_says_nothing(stage: Stage, key: Key) -> None:
    size = 100_000_000
    for plan in (
        always(200, b" " * size),
        always(200, b"[" * size),
        always(200, gzip.compress(bytes(size), 1), (("Content-Encoding", "gzip"),)),
    ):
        ran = stage.load(key, [plan], 1, deadline=20.0)
        assert ran.outcomes[0].status is Status.UNKNOWN
