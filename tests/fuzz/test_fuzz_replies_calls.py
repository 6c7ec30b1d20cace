"""Whatever a vendor answers to a single call, made or awaited: what the reply says, or an error that says what to do
next, and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.auth import BearerKey, ClientCredentials, Secret
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.errors import (
    CallError,
    CredentialsError,
    EndpointError,
    FatalError,
    HeadcountError,
    RetryLaterError,
    UnknownOutcomeError,
)
from tests.contract.vendor_server import Call, VendorServer, a_token
from tests.fuzz.bad_replies import (
    AS_IT_SHOULD_BE,
    HOSTILE,
    RAW,
    STATUSES,
    Answer,
    Plan,
    always,
    as_raw,
    as_status,
    plans,
)
from tests.fuzz.client_calls import Operation, all_operations, arguments, iterations
from tests.fuzz.spec_values import MORE, drawn, replies, validator
from tests.fuzz.vendor_words import is_success, members, read

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
TOKEN = a_token("a-token-of-this-call")
Result = tuple[str, Any]
"""`returned` and what, or `raised` and which error."""


class Script:
    """Answers each call by the next plan, the last one again and again."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.plans: list[Plan] = [AS_IT_SHOULD_BE]
        self.tokens: list[Plan] = []
        self.example = 0
        self.answers: list[Answer] = []

    def answer(self, call: Call) -> bytes:
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        examples = self.operation.examples
        self.answers.append(plan.answer(*examples[self.example % len(examples)]))
        return self.answers[-1].wire

    def token(self, call: Call) -> bytes:
        return self.tokens.pop(0).answer(200, {"access_token": "a-token-of-this-call"}).wire if self.tokens else TOKEN


@attrs.frozen
class Stage:
    """One operation at a vendor with a script, for callers of both sorts, whose connections go from call to call."""

    operation: Operation
    script: Script
    url: str
    runner: asyncio.Runner

    def account(self) -> Any:
        oauth = ClientCredentials(f"{self.url}/oauth2/token", "client", Secret("client-secret"))
        match self.operation.spec:
            case "emarsys":
                return Emarsys(auth=oauth, endpoint=self.url)
            case "pabbly_chatflow":
                return Pabbly(auth=BearerKey(Secret("an-api-key")), endpoint=self.url)
        return Sinch(auth=oauth, project_id="project", endpoint=self.url)


@contextmanager
def stage(operation: Operation) -> Iterator[Stage]:
    script = Script(operation)
    with asyncio.Runner() as runner, VendorServer(script.answer, token=script.token) as server:
        yield Stage(operation, script, server.url, runner)


def outcome(call: Callable[[], Any]) -> Result:
    try:
        return "returned", call()
    except HeadcountError as error:
        return "raised", error


class Calls:
    """The operation, called."""

    def __init__(self, at: Stage) -> None:
        self._at = at
        self._client = at.account().client(timeout=5.0)

    def __call__(self) -> Result:
        return outcome(lambda: self._at.operation.call(self._client))

    def close(self) -> None:
        self._client.close()


class AwaitedCalls:
    """The operation, awaited."""

    def __init__(self, at: Stage) -> None:
        self._at = at
        self._client = at.account().async_client(timeout=5.0)

    def __call__(self) -> Result:
        async def call() -> Any:
            return await self._at.operation.call(self._client)

        return outcome(lambda: self._at.runner.run(call()))

    def close(self) -> None:
        self._at.runner.run(self._client.aclose())


def check_told_truly(operation: Operation, answers: Sequence[Answer], result: Result) -> None:
    """What was returned is what the reply says; what was raised is an error that its reply deserves."""
    what, value = result
    last = answers[-1] if answers else None
    if what == "returned":
        assert last is not None and is_success(last) and last.body is not None
        schema = operation.schema_of(last.status or 0)
        if schema is None:
            assert value is None
        else:
            told = read(last)
            assert validator(operation.document, schema).is_valid(told)
            assert json.dumps(as_json(value), sort_keys=True) == json.dumps(told, sort_keys=True)
        if operation.spec == "emarsys":
            assert str(members(read(last)).get("replyCode")) in ("0", "0.0", "-0.0", "None")
        return
    assert isinstance(value, (CallError, CredentialsError, EndpointError)), repr(value)
    text = str(value)
    assert text and not CONTROL.search(text) and len(text) < 600
    if isinstance(value, CallError):
        assert value.problem.detail is None or not CONTROL.search(value.problem.detail)
    for told in texts(arguments(operation)):
        assert len(told) < 7 or told not in text, told
    if not answers or operation.reads:
        assert not isinstance(value, UnknownOutcomeError)
    elif not isinstance(value, FatalError) and last is not None:
        refusable = last.status is not None and (
            400 <= last.status <= 499 or (is_success(last) and read(last) is not ...)
        )
        assert refusable or isinstance(value, UnknownOutcomeError), f"{value!r} after {last}"
        if isinstance(value, RetryLaterError):
            assert last.status == 429 or last.status == 408 or read(last) is not ..., f"{value!r} after {last}"


def as_json(value: Any) -> Any:
    if isinstance(value, list):
        return [as_json(each) for each in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


def texts(value: Any) -> Iterator[str]:
    """Every text in the arguments of a call."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)


def alike(one: Result, other: Result) -> bool:
    if one[0] == other[0] == "raised":
        return (type(one[1]), str(one[1])) == (type(other[1]), str(other[1]))
    return one == other


EVERY = pytest.mark.parametrize("operation", all_operations(), ids=str)


@EVERY
def test_any_reply_to_a_call(operation: Operation) -> None:
    tokens = plans([body for body in replies("emarsys") if body.operation == "createToken"])
    with stage(operation) as at:
        called, awaited = Calls(at), AwaitedCalls(at)

        @drawn(10)
        @given(
            answers=st.lists(plans(operation.bodies or replies(operation.spec)), min_size=1, max_size=2),
            tokens=st.just([]) | st.just([]) | st.lists(tokens, max_size=1),
            example=st.integers(0, 9),
        )
        def check(answers: list[Plan], tokens: list[Plan], example: int) -> None:
            results = []
            for call in (called, awaited):
                at.script.plans, at.script.tokens, at.script.example = list(answers), list(tokens), example
                at.script.answers = []
                results.append(call())
                check_told_truly(operation, at.script.answers, results[-1])

        check()
        called.close()
        awaited.close()


TABLE: Sequence[Plan] = (
    *(always(None, body) for body in HOSTILE.values()),
    *map(as_raw, RAW),
    *map(as_status, STATUSES),
)


@pytest.mark.parametrize(("number", "operation"), list(enumerate(all_operations())), ids=str)
def test_hostile_replies_to_a_call(number: int, operation: Operation) -> None:
    # A third of them each, so that three operations share all; all of them each where more is drawn.
    table = TABLE if MORE else TABLE[number % 3 :: 3]
    with stage(operation) as at:
        called, awaited = Calls(at), AwaitedCalls(at)
        for plan in table:
            results = []
            for call in (called, awaited):
                at.script.plans, at.script.answers = [plan], []
                results.append(call())
                check_told_truly(operation, at.script.answers, results[-1])
            assert alike(*results), plan
        called.close()
        awaited.close()


@pytest.mark.parametrize("name", list(iterations()))
def test_any_replies_to_an_iteration(name: str) -> None:
    label, begin = iterations()[name]
    (operation,) = (each for each in all_operations() if str(each) == label)
    with stage(operation) as at, at.account().client(timeout=5.0) as client:

        @drawn(20)
        @given(answers=st.lists(plans(operation.bodies), min_size=1, max_size=4), example=st.integers(0, 9))
        def check(answers: list[Plan], example: int) -> None:
            at.script.plans, at.script.example, at.script.answers = list(answers), example, []
            what, value = outcome(lambda: list(islice(begin(client), 200)))
            if what == "raised":
                assert isinstance(value, (CallError, CredentialsError, EndpointError)), repr(value)
            assert len(at.script.answers) <= 201

        check()
