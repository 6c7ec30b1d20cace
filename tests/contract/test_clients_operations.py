"""Every operation of every spec, called and awaited, against the mocks over real sockets."""

from __future__ import annotations

import asyncio
import inspect
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from headcount.mock import serve
from headcount_api import specs
from tests.contract.harness import destination
from tests.contract.single_calls import STEPS, Seen

NAMES = sorted(path.stem for path in Path(str(specs.__file__)).parent.glob("*.json"))


def operation_ids(name: str) -> set[str]:
    items = specs.load(name)["paths"].values()
    return {each["operationId"] for item in items for each in item.values() if isinstance(each, dict)} - {"createToken"}


@pytest.mark.parametrize("name", STEPS)
def test_no_operation_is_left_out(name: str) -> None:
    _, _, steps = STEPS[name]
    assert {step.operation for step in steps} == operation_ids(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_generated_methods_are_the_operations(name: str) -> None:
    api = import_module(f"headcount_api.clients.{name}.api")
    for kind in (api.Operations, api.AsyncOperations):
        methods = [member for member, _ in inspect.getmembers(kind, inspect.isfunction) if not member.startswith("_")]
        assert {member.replace("_", "") for member in methods} == {each.lower() for each in operation_ids(name)}
        assert all(inspect.getdoc(getattr(kind, member)) for member in methods)


@pytest.mark.parametrize("name", STEPS)
def test_every_operation_as_a_call(name: str) -> None:
    vendor, service, steps = STEPS[name]
    with serve(vendor) as mock:
        account: Any = destination(vendor, mock.url)
        with account.client(timeout=10) as client:
            api = client if service is None else getattr(client, service)
            seen: Seen = {}
            for step in steps:
                result = step.call(api, seen)
                assert step.holds(result, seen), (step.operation, result)
                seen[step.operation] = result


@pytest.mark.parametrize("name", STEPS)
def test_every_operation_awaited(name: str) -> None:
    vendor, service, steps = STEPS[name]

    async def walk(url: str) -> None:
        account: Any = destination(vendor, url)
        async with account.async_client(timeout=10) as client:
            api = client if service is None else getattr(client, service)
            seen: Seen = {}
            for step in steps:
                result = await step.call(api, seen)
                assert step.holds(result, seen), (step.operation, result)
                seen[step.operation] = result

    with serve(vendor) as mock:
        asyncio.run(walk(mock.url))
